"""What tests and the demo do to the sandbox from outside Stripe's API.

Here the customers act (a new card, a 3DS confirmation), the banks and the merchant in the
dashboard. Nothing done here is judged. Every method takes `account`: None means the platform's
own.
"""

from sandbox.control.acting import ActingControls
from sandbox.control.platform import PlatformControls


class Control(ActingControls, PlatformControls):
    """Mixed into `Sandbox`."""
