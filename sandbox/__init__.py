"""A local Stripe with a clock that can be moved, and the judge of every call that charges.

It knows nothing of the product: the product knows it as an address, the tests as an object.
"""

from sandbox.clock import Clock
from sandbox.core import Sandbox
from sandbox.faults import Fault
from sandbox.judge import Judge

__all__ = ["Clock", "Fault", "Judge", "Sandbox"]
