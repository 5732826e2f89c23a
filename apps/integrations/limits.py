"""How often the API may be asked, per minute of real time and per process."""

PER_TOKEN = 1_200
UNKNOWN_PER_ADDRESS = 60
