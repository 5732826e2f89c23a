"""From Stripe's events to our tables: keep, mark what changed, read each object once, project."""

from apps.webhooks.services.catching_up import catch_up
from apps.webhooks.services.inbox import receive, replay_events, replay_parked
from apps.webhooks.services.marking import mark_dirty, mark_due_cases, take_in
from apps.webhooks.services.reading import Drained, drain, read_dirty
from apps.webhooks.services.sweeping import sweep_events

__all__ = [
    "Drained",
    "catch_up",
    "drain",
    "mark_dirty",
    "mark_due_cases",
    "read_dirty",
    "receive",
    "replay_events",
    "replay_parked",
    "sweep_events",
    "take_in",
]
