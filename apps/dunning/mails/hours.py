"""Quiet hours, by the customer's clock and across both changes of it."""

from __future__ import annotations

from datetime import datetime, time

from apps.dunning.timing import next_at, wall_time, zone_of


def after_the_night(moment: datetime, *, zone: str, quiet_from: int, quiet_until: int) -> datetime:
    """Return the moment itself by day, else the hour at which the quiet ends.

    The hours are local and whole; equal ones mean that nothing is quiet.
    """
    local = wall_time(moment, zone_of(zone))
    if not is_quiet(local.hour, quiet_from=quiet_from, quiet_until=quiet_until):
        return moment
    return next_at(moment, time(quiet_until), zone_of(zone))


def is_quiet(hour: int, *, quiet_from: int, quiet_until: int) -> bool:
    """Tell whether a local hour lies in the quiet ones; they may span midnight."""
    if quiet_from <= quiet_until:
        return quiet_from <= hour < quiet_until
    return hour >= quiet_from or hour < quiet_until
