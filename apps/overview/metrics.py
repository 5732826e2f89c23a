"""The figures an operator alarms on, in Prometheus's format.

Read from the database when they are asked for: the web process has several workers, and none of
them does the work that is measured. Ages of business (due times, events) follow the business
clock, ages of processes real time. Nothing here names a merchant or a customer.
"""

import datetime as dt
from collections.abc import Iterable, Iterator, Mapping

from django.db.models import Count, Min, Q
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from apps.accounts.models import Installation, Merchant
from apps.overview.invariants import late_attempts
from apps.overview.models import Heartbeat, InvariantCheck
from apps.overview.queries import PROCESSES
from apps.reactions.services import MOST_TRIES
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase
from apps.stripe_gateway.counting import KINDS
from apps.stripe_gateway.models import MirrorBacklog, StripeErrorCount
from apps.webhooks.models import DirtyObject, InboxEvent

UNSETTLED = [status.value for status in Attempt.UNSETTLED]


def exposition(*, now: dt.datetime, real_now: dt.datetime) -> tuple[bytes, str]:
    """Give all figures and their content type; `now` is business time."""
    registry = CollectorRegistry()
    registry.register(Figures(now=now, real_now=real_now))
    return generate_latest(registry), CONTENT_TYPE_LATEST


class Figures(Collector):
    """One reading of the database, about twenty small queries."""

    def __init__(self, *, now: dt.datetime, real_now: dt.datetime) -> None:
        self._now, self._real_now = now, real_now

    def collect(self) -> Iterable[Metric]:
        yield from self._attempts()
        yield from self._inbox()
        yield from self._outbox()
        yield from self._stripe()
        yield from self._processes()
        yield from self._switches()
        yield _by_label(
            "recoup_invariant_violations",
            "Rules that must never break, and how often each is broken; asked every 5 minutes.",
            "invariant",
            dict(InvariantCheck.objects.values_list("name", "broken")),
        )

    def _attempts(self) -> Iterator[Metric]:
        due = Attempt.objects.due(now=self._now).aggregate(number=Count("id"), at=Min("due_at"))
        yield _one("recoup_attempts_due", "Retries whose time has come.", due["number"])
        yield _one(
            "recoup_attempts_due_oldest_seconds",
            "How long the oldest of them has been due.",
            self._age(due["at"]),
        )
        yield _one(
            "recoup_attempts_late",
            "Retries that nobody made within 15 minutes of their time.",
            late_attempts(self._now).count(),
        )
        rows = {
            row["status"]: row
            for row in Attempt.objects.unsettled()
            .order_by()
            .values("status")
            .annotate(number=Count("id"), at=Min("claimed_at"))
        }
        yield _by_label(
            "recoup_attempts_unsettled",
            "Retries whose outcome is open: running, unknown, processing at a bank.",
            "status",
            {one: rows[one]["number"] if one in rows else 0 for one in UNSETTLED},
        )
        yield _by_label(
            "recoup_attempts_unsettled_oldest_seconds",
            "How long ago the oldest of them was taken up.",
            "status",
            {one: self._age(rows[one]["at"]) if one in rows else 0.0 for one in UNSETTLED},
        )
        yield _one("recoup_cases_open", "Open cases.", RecoveryCase.objects.open().count())

    def _inbox(self) -> Iterator[Metric]:
        pending = InboxEvent.objects.pending().aggregate(number=Count("id"), at=Min("received_at"))
        yield _one("recoup_inbox_pending", "Events not taken in yet.", pending["number"])
        yield _one(
            "recoup_inbox_oldest_seconds",
            "How long the oldest of them has waited.",
            self._age(pending["at"]),
        )
        quarantined = InboxEvent.objects.filter(status=InboxEvent.Status.QUARANTINED)
        yield _one("recoup_inbox_quarantined", "Events nobody could use.", quarantined.count())
        dirty = DirtyObject.objects.aggregate(
            parked=Count("id", filter=Q(not_before__gte=DirtyObject.PARKED)), number=Count("id")
        )
        yield _by_label(
            "recoup_dirty_objects",
            "Objects to be read at Stripe; parked ones wait for a person.",
            "state",
            {"waiting": dirty["number"] - dirty["parked"], "parked": dirty["parked"]},
        )

    def _outbox(self) -> Iterator[Metric]:
        waiting = CaseEvent.objects.undelivered()
        live = waiting.filter(delivery_tries__lt=MOST_TRIES)
        yield _by_label(
            "recoup_outbox_events",
            "Case events not handed on yet; poison ones were tried too often.",
            "state",
            {
                "waiting": live.count(),
                "poison": waiting.filter(delivery_tries__gte=MOST_TRIES).count(),
            },
        )
        yield _one(
            "recoup_outbox_oldest_seconds",
            "How long the oldest waiting one has waited.",
            self._age(live.aggregate(at=Min("at"))["at"]),
        )

    def _stripe(self) -> Iterator[Metric]:
        counted = dict(StripeErrorCount.objects.values_list("kind", "count"))
        family = CounterMetricFamily(
            "recoup_stripe_errors",
            "Calls to Stripe that gave no usable answer.",
            labels=["kind"],
        )
        for kind in KINDS.values():
            family.add_metric([kind], counted.get(kind, 0))
        yield family
        backlog = MirrorBacklog.objects.aggregate(
            number=Count("id"), failing=Count("id", filter=Q(failures__gt=0))
        )
        yield _by_label(
            "recoup_mirror_backlog",
            "Answers of Stripe not mirrored yet.",
            "state",
            {"waiting": backlog["number"] - backlog["failing"], "failing": backlog["failing"]},
        )

    def _processes(self) -> Iterator[Metric]:
        heartbeats = dict(Heartbeat.objects.values_list("name", "at"))
        yield _by_label(
            "recoup_heartbeat_age_seconds",
            "How long ago a process last said that it lives; absent before its first word.",
            "process",
            {
                name: max(0.0, (self._real_now - heartbeats[name]).total_seconds())
                for name in PROCESSES
                if name in heartbeats
            },
        )

    def _switches(self) -> Iterator[Metric]:
        installation = Installation.objects.current()
        yield _one(
            "recoup_charging_on",
            "1 unless the operator has switched charging off for everybody.",
            int(installation.charging_on),
        )
        off = Merchant.objects.filter(charging_on=False).count()
        yield _one("recoup_merchants_charging_off", "Merchants who switched charging off.", off)
        since = installation.reconcile_since
        behind = Merchant.objects.none() if since is None else Merchant.objects.behind(since)
        yield _one(
            "recoup_merchants_reconciling",
            "Merchants for whom everything open is compared with Stripe before charges go on.",
            behind.count(),
        )

    def _age(self, moment: dt.datetime | None) -> float:
        return 0.0 if moment is None else max(0.0, (self._now - moment).total_seconds())


def _one(name: str, words: str, value: float) -> Metric:
    return GaugeMetricFamily(name, words, value=value)


def _by_label(name: str, words: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family
