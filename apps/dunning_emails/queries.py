"""Reads for the pages about mails."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Case, Count, Max, Q, When
from django.db.models.functions import Coalesce, Greatest, TruncDate

from apps.accounts.models import Merchant
from apps.dunning.mails.kinds import AVAILABLE, KINDS, KindInfo, MailKind
from apps.dunning_emails.models import BouncedAddress, Mail, MailTemplate
from apps.recovery.models import RecoveryCase


@dataclass(frozen=True, slots=True)
class KindRow:
    """One kind in the list: how it stands, and what became of its mails so far.

    `opened` and `clicked` are as the provider tells, unreliable; None where it never told. `recovered`
    are payments that came in after such a mail.
    """

    kind: MailKind
    info: KindInfo
    is_on: bool
    stripe_sends: bool
    days: int
    is_changed: bool
    has_draft: bool
    last_sent_at: dt.datetime | None
    sent: int
    opened: int | None
    clicked: int | None
    recovered: int

    @property
    def is_double(self) -> bool:
        """Whether customers get two mails about the same thing."""
        return self.is_on and self.stripe_sends


def kind_rows(*, merchant: Merchant) -> list[KindRow]:
    """Return every kind that can be sent; two queries."""
    templates: Mapping[str, MailTemplate] = {
        row.kind: row for row in MailTemplate.objects.for_merchant(merchant)
    }
    figures = {
        row["kind"]: row
        for row in Mail.objects.for_merchant(merchant)
        .filter(status__in=Mail.GONE)
        .order_by()
        .values("kind")
        .annotate(
            last=Max("sent_at"),
            sent=Count("pk"),
            opened=Count("pk", filter=Q(opened_at__isnull=False)),
            clicked=Count("pk", filter=Q(clicked_at__isnull=False)),
            recovered=Count(
                "case", distinct=True, filter=Q(case__status=RecoveryCase.Status.RECOVERED)
            ),
        )
    }
    return [_row(kind, templates.get(kind), figures.get(kind, {})) for kind in AVAILABLE]


def _row(kind: MailKind, row: MailTemplate | None, figures: Mapping[str, object]) -> KindRow:
    last, opened = figures.get("last"), int(str(figures.get("opened") or 0))
    return KindRow(
        kind=kind,
        info=KINDS[kind],
        is_on=row is not None and row.on_since is not None,
        stripe_sends=row is not None and row.stripe_sends,
        days=row.days if row is not None and row.days is not None else KINDS[kind].days,
        is_changed=row is not None and bool(row.live),
        has_draft=row is not None and bool(row.draft),
        last_sent_at=last if isinstance(last, dt.datetime) else None,
        sent=int(str(figures.get("sent") or 0)),
        opened=opened or None,
        clicked=int(str(figures.get("clicked") or 0)) or None,
        recovered=int(str(figures.get("recovered") or 0)),
    )


@dataclass(frozen=True, slots=True)
class WrittenTo:
    """A mail to one customer: planned (`is_planned`, `at` when), or gone.

    `state` says in words how it stands; `case_id` is the case it is about, if it is about one.
    """

    title: str
    state: str
    at: dt.datetime
    is_planned: bool
    case_id: int | None


def written_to(*, merchant: Merchant, person: str, limit: int = 25) -> list[WrittenTo]:
    """Return the mails to a customer, what is planned first, then the newest; one query."""
    planned = Mail.Status.SCHEDULED
    rows = (
        Mail.objects.for_merchant(merchant)
        .filter(person=person, kind__in=list(KINDS), status__in=(*Mail.GONE, planned))
        .select_related("bundle")
        .annotate(when=Coalesce("sent_at", "bundle__sent_at", "due_at"))
        .order_by(Case(When(status=planned, then=0), default=1), "-when", "-pk")[:limit]
    )
    return [
        WrittenTo(
            title=KINDS[MailKind(row.kind)].title,
            state=row.get_delivery_display() if row.delivery else row.get_status_display(),
            at=row.sent_at or (row.bundle.sent_at if row.bundle else None) or row.due_at,
            is_planned=row.status == planned,
            case_id=row.case_id,
        )
        for row in rows
    ]


def planned_by_day(
    *, merchant: Merchant, first: dt.date, last: dt.date, now: dt.datetime
) -> dict[dt.date, int]:
    """Count the planned mails to customers by day in the merchant's zone; one query.

    What is overdue counts today. Of each sequence the outbox holds the next mail alone.
    """
    until = dt.datetime.combine(last + dt.timedelta(days=1), dt.time(), tzinfo=merchant.zone)
    rows = (
        Mail.objects.for_merchant(merchant)
        .filter(status=Mail.Status.SCHEDULED, kind__in=list(KINDS), due_at__lt=until)
        .annotate(day=TruncDate(Greatest("due_at", now), tzinfo=merchant.zone))
        .filter(day__gte=first, day__lte=last)
        .order_by()
        .values_list("day")
        .annotate(mails=Count("pk"))
    )
    return dict(rows)


def template_of(*, merchant: Merchant, kind: MailKind) -> MailTemplate:
    """Return a merchant's row of a kind, unsaved where nothing was changed yet."""
    found = MailTemplate.objects.for_merchant(merchant).filter(kind=kind).first()
    return found or MailTemplate(merchant=merchant, kind=kind)


def bounced(*, merchant: Merchant, limit: int = 50) -> list[BouncedAddress]:
    """Return the addresses to which nothing is sent, the newest first."""
    return list(BouncedAddress.objects.for_merchant(merchant).order_by("-at")[:limit])
