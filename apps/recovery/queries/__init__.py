"""Reads across the recovery models, for pages and for checks before an action."""
