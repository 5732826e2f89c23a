"""The main navigation: pages that exist, and the two counts beside them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Merchant
from apps.stripe_gateway.counting import calls_without_answer
from apps.web.sums import capped_counts

COUNT_CAP = 99
"""Above it the navigation says "99+"."""

SILENT = "stripe_silent"

Counter = Callable[[Merchant], QuerySet[Any]]


@dataclass(frozen=True, slots=True)
class Page:
    """One entry. `key` is its letter after "g"; `counter` names a count registered by an app.

    `also` begins addresses of pages that belong to it without standing below it. `alone` is for a
    page whose address others stand below.
    """

    label: str | Promise
    url_name: str
    key: str = ""
    counter: str = ""
    also: str = ""
    alone: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """Pages under a heading; a section of one page is shown as that page."""

    label: str | Promise
    icon: str
    pages: Sequence[Page] = field(default_factory=tuple)


HOME = Page(_("Home"), "overview:home", "h", alone=True)

SECTIONS = (
    Section(
        _("Sales"),
        "banknotes",
        (
            Page(
                _("Subscriptions"), "subscriptions:list", "s", "subscriptions", also="/customers/"
            ),
            Page(_("Transactions"), "transactions:list", "t"),
            Page(_("Recovery"), "recovery:list", "r", "recovery"),
            Page(_("Losing access"), "access:losing", "l"),
        ),
    ),
    Section(
        _("Analytics"),
        "chart-bar",
        (
            Page(_("Figures"), "analytics:page", "a", also="/analytics/more/", alone=True),
            Page(_("Weekly review"), "overview:weekly"),
            Page(_("Alerts"), "overview:alerts", also="/settings/alerts/"),
        ),
    ),
    Section(
        _("Settings"),
        "cog-6-tooth",
        (
            Page(_("Overview"), "overview:settings", "o", alone=True),
            Page(_("Customer payments"), "customer_payments:settings", "c"),
            Page(_("Retry settings"), "retry_settings:settings", "e"),
            Page(_("Emails"), "emails:list", "m"),
            Page(_("Branding"), "branding:settings", "b"),
            Page(_("Webhooks"), "outgoing:list", "w"),
            Page(_("Access API"), "api_tokens:list", "i"),
            Page(_("Stripe"), "overview:stripe", also="/setup/"),
            Page(_("Preferences"), "overview:preferences", "p"),
            Page(_("Activity"), "overview:activity"),
        ),
    ),
)

_counters: dict[str, Counter] = {}


def register_counter(name: str, counter: Counter) -> None:
    """Let an app above this one say what is counted beside its page; called once, at start."""
    _counters[name] = counter


def counts(merchant: Merchant) -> dict[str, int]:
    """Count what stands beside the pages, by counter, up to just over COUNT_CAP; one query.

    Under SILENT it says, not to cost a query of its own, whether Stripe left calls unanswered.
    """
    rows = {name: counter(merchant) for name, counter in _counters.items()}
    rows[SILENT] = calls_without_answer(real_now=timezone.now())
    return dict(zip(rows, capped_counts(list(rows.values()), cap=COUNT_CAP + 1), strict=True))


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as the template shows it; `count` is "" where there is nothing to count."""

    label: str | Promise
    url: str
    key: str
    count: str
    is_current: bool


def links(section: Section, *, path: str, counted: Mapping[str, int]) -> list[Link]:
    """Return the entries of a section; the one above or at `path` is the current one."""
    return [link(page, path=path, number=counted.get(page.counter, 0)) for page in section.pages]


def link(page: Page, *, path: str, number: int = 0) -> Link:
    """Return one entry."""
    url = reverse(page.url_name)
    count = f"{COUNT_CAP}+" if number > COUNT_CAP else str(number or "")
    places = (url, page.also) if page.also else (url,)
    is_current = (
        path == url or bool(page.also and path.startswith(page.also))
        if page.alone
        else path.startswith(places)
    )
    return Link(page.label, url, page.key, count, is_current)
