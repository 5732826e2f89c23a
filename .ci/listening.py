"""Tell whether every address given answers; print those that do not and exit 1."""

import socket
import sys
from urllib.parse import urlsplit

PORTS = {"postgresql": 5432, "postgres": 5432, "redis": 6379, "rediss": 6379, "amqp": 5672}

missing = []
for url in sys.argv[1:]:
    parts = urlsplit(url)
    if not parts.hostname:
        continue  # A Unix socket or a folder: the tests will tell.
    port = parts.port or PORTS.get(parts.scheme, 0)
    try:
        socket.create_connection((parts.hostname, port), timeout=5).close()
    except OSError:
        missing.append(f"{parts.hostname}:{port}")
sys.stdout.write(" and ".join(missing))
sys.exit(bool(missing))
