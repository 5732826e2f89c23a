"""Figures that stand above the counted days: what mails do, and how a merchant began."""

import datetime as dt
from dataclasses import dataclass

from django.db.models import Count, F, Min, Q
from django.utils.translation import gettext as _

from apps.accounts.models import Merchant
from apps.analytics.models import DayFigures
from apps.analytics.queries.report import Period, Totals, report
from apps.analytics.views.charts import Chart
from apps.analytics.views.figures import percent_words
from apps.dunning.mails.kinds import KINDS
from apps.dunning.metrics.rates import Share
from apps.dunning_emails.models import Mail
from apps.recovery.models import RecoveryCase
from apps.web import charts
from apps.web.spans import Locality

BASELINE_DAYS = 90


@dataclass(frozen=True, slots=True)
class KindFigures:
    """What became of the mails of one kind; `paid` are cases paid after such a mail."""

    title: str
    sent: int
    opened: int
    clicked: int
    paid: int

    @property
    def success(self) -> Share:
        return Share(self.paid, self.sent, self.sent)


@dataclass(frozen=True, slots=True)
class Baseline:
    """The first 90 days of a merchant, and the period that is shown: rates as words."""

    period: Period
    rows: tuple[tuple[str, str, str], ...]


def mail_figures(
    *, merchant: Merchant, period: Period, local: Locality, offer: str = ""
) -> list[KindFigures]:
    """Count the mails of a period by kind, in the order of the list of emails; one query."""
    found = Mail.objects.for_merchant(merchant).filter(
        status__in=Mail.GONE,
        sent_at__gte=local.start_of(period.first),
        sent_at__lt=local.start_of(period.last + dt.timedelta(days=1)),
        kind__in=list(KINDS),
    )
    if offer:
        found = found.filter(case__offer_name=offer)
    paid = Q(case__status=RecoveryCase.Status.RECOVERED, case__closed_at__gt=F("sent_at"))
    rows = {
        row["kind"]: row
        for row in found.order_by()
        .values("kind")
        .annotate(
            sent=Count("pk"),
            opened=Count("pk", filter=Q(opened_at__isnull=False)),
            clicked=Count("pk", filter=Q(clicked_at__isnull=False)),
            paid=Count("case", distinct=True, filter=paid),
        )
    }
    return [
        KindFigures(
            info.title, *(rows[kind][name] for name in ("sent", "opened", "clicked", "paid"))
        )
        for kind, info in KINDS.items()
        if kind in rows
    ]


def mail_chart(found: list[KindFigures]) -> Chart:
    """Draw whether emails work: the share of each kind that a payment followed."""
    best = max(found, key=lambda one: one.success.value or 0, default=None)
    title = _("Do the emails work?")
    if best is not None and best.success.percent is not None:
        title = _("%(kind)s works best: %(percent)s were followed by a payment") % {
            "kind": best.title,
            "percent": percent_words(best.success),
        }
    head = (_("Email"), _("Sent"), _("Opened"), _("Clicked"), _("Paid after"))
    return Chart(
        key="emails",
        title=title,
        subtitle=_("Emails sent in the period, in all currencies; a payment after it counts."),
        kind="rows",
        drawing=charts.rows(
            [
                charts.BarRow(
                    one.title,
                    (float(one.success.percent or 0),),
                    text=_("%(percent)s of %(sent)d")
                    % {"percent": percent_words(one.success), "sent": one.sent},
                )
                for one in found
            ],
            most=100,
        ),
        head=head,
        rows=tuple(
            (one.title, str(one.sent), str(one.opened), str(one.clicked), str(one.paid))
            for one in found
        ),
        file_head=("email", "sent", "opened", "clicked", "paid_after"),
        file_rows=tuple((one.title, one.sent, one.opened, one.clicked, one.paid) for one in found),
        note=_(
            "“Opened” and “clicked” are as the mail provider tells: programs that load pictures or "
            "test links count too, and without a provider nothing does."
        ),
        is_empty=not found,
    )


def baseline(
    *, merchant: Merchant, period: Period, currency: str, local: Locality
) -> Baseline | None:
    """Compare a period with a merchant's own first 90 days; None before those are over."""
    days = DayFigures.objects.for_merchant(merchant).filter(currency=currency)
    first = days.aggregate(first=Min("day"))["first"]
    if first is None or local.today - first < dt.timedelta(days=BASELINE_DAYS):
        return None
    began = Period(first, first + dt.timedelta(days=BASELINE_DAYS - 1))
    then, now = (
        report(merchant=merchant, period=one, currency=currency, with_parts=False).total
        for one in (began, period)
    )
    return Baseline(began, tuple(zip(_names(), _rates(then), _rates(now), strict=True)))


def _names() -> tuple[str, ...]:
    return _("Failure rate"), _("Recovery rate"), _("Median days to recovery")


def _rates(total: Totals) -> tuple[str, ...]:
    median = total.median_days
    return (
        percent_words(total.failure_rate),
        percent_words(total.outcomes.rate),
        "\N{EN DASH}" if median is None else f"{median:.1f}",
    )
