"""`manage.py replay_webhooks`: take kept events in again, and read what they are about."""

import datetime as dt
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.dateparse import parse_date, parse_datetime

from apps import clock
from apps.webhooks import services
from apps.webhooks.models import DirtyObject, InboxEvent

SHOWN = 20


class Command(BaseCommand):
    help = (
        "Take kept webhook events in again and read what they are about. Safe at any time: every "
        "object is read afresh, and nothing is charged or sent twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--event", action="append", default=[], metavar="evt_…", help="One event; repeatable."
        )
        parser.add_argument(
            "--quarantined", action="store_true", help="Events that could not be used."
        )
        parser.add_argument(
            "--since", default="", help="Events received since 2026-11-18 or 2026-11-18T10:00Z."
        )
        parser.add_argument(
            "--parked", action="store_true", help="Objects that could not be read many times."
        )

    def handle(
        self, *, event: list[str], quarantined: bool, since: str, parked: bool, **options: Any
    ) -> None:
        if not (event or quarantined or since or parked):
            raise CommandError("Say what: --event evt_…, --quarantined, --since … or --parked.")
        started = clock.now()
        events = 0
        if event or quarantined or since:
            events = services.replay_events(
                now=started,
                event_ids=event,
                quarantined=quarantined,
                since=_moment(since) if since else None,
            )
            if event and not events:
                raise CommandError(f"No such event was received: {', '.join(event)}.")
        objects = services.replay_parked() if parked else 0
        done = services.drain(now=started, seconds=600, at_once=True)
        self.stdout.write(
            f"{_counted(events, 'event')} taken in again, {_counted(objects, 'object')} unparked, "
            f"{_counted(done.objects, 'object')} read."
        )
        self._report(event, quarantined=quarantined or bool(since), failures=done.failures)

    def _report(self, event: list[str], *, quarantined: bool, failures: int) -> None:
        """Fail with one line that names what still cannot be used."""
        rows = InboxEvent.objects.filter(status=InboxEvent.Status.QUARANTINED).order_by("-id")
        if event:
            rows = rows.filter(stripe_event_id__in=event)
        still = list(rows[:SHOWN]) if event or quarantined else []
        for row in still:
            self.stderr.write(f"{row.stripe_event_id}: {row.error}")
        if still:
            raise CommandError(f"{_counted(len(still), 'event')} still cannot be used, see above.")
        if failures:
            waiting = DirtyObject.objects.exclude(error="").order_by("not_before").first()
            why = f" The first: {waiting}: {waiting.error}" if waiting else ""
            raise CommandError(
                f"{_counted(failures, 'read')} failed and will be repeated by the worker.{why}"
            )


def _moment(text: str) -> dt.datetime:
    try:
        moment = parse_datetime(text)
        if moment is None and (day := parse_date(text)):
            moment = dt.datetime.combine(day, dt.time(), dt.UTC)
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError(f"“{text}” is no date: write 2026-11-18 or 2026-11-18T10:00Z.")
    return moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
