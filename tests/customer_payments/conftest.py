from tests.recovery.conftest import merchant, stripe

__all__ = ["merchant", "stripe"]
