"""Notices of the mail provider, as django-anymail's webhooks bring them (checked by its secret)."""

from typing import Any

from anymail.signals import AnymailTrackingEvent, EventType

from apps import clock
from apps.dunning_emails.services.delivery import Told, note_delivery

MEANINGS: dict[str, Told] = {
    EventType.DELIVERED: "delivered",
    EventType.BOUNCED: "bounced",
    EventType.REJECTED: "bounced",
    EventType.FAILED: "bounced",
    EventType.COMPLAINED: "complained",
    EventType.UNSUBSCRIBED: "complained",
    EventType.OPENED: "opened",
    EventType.CLICKED: "clicked",
}
"""Deferred and queued mail is still on its way: nothing to write down."""


def take_notice(sender: object, event: AnymailTrackingEvent, **_: Any) -> None:
    """Pass a notice on, if it means something."""
    told = MEANINGS.get(event.event_type)
    if told is not None:
        note_delivery(provider_message_id=event.message_id or "", told=told, now=clock.now())
