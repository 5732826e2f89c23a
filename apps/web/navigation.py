"""The main navigation: pages that exist, and the two counts beside them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Merchant

COUNT_CAP = 99
"""Above it the navigation says "99+"."""

Counter = Callable[[Merchant], int]


@dataclass(frozen=True, slots=True)
class Page:
    """One entry. `key` is its letter after "g"; `counter` names a count registered by an app.

    `also` begins addresses of pages that belong to it without standing below it.
    """

    label: str | Promise
    url_name: str
    key: str = ""
    counter: str = ""
    also: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Pages under a heading; a section of one page is shown as that page."""

    label: str | Promise
    icon: str
    pages: Sequence[Page] = field(default_factory=tuple)
    is_counted: bool = True


HOME = Page(_("Home"), "overview:home", "h")

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
            Page(_("Figures"), "analytics:page", "a"),
            Page(_("Alerts"), "overview:alerts", also="/settings/alerts/"),
        ),
    ),
    Section(
        _("Settings"),
        "cog-6-tooth",
        (
            Page(_("Customer payments"), "customer_payments:settings", "c"),
            Page(_("Retry settings"), "retry_settings:settings", "e"),
            Page(_("Emails"), "emails:list", "m"),
            Page(_("Branding"), "branding:settings", "b"),
            Page(_("Webhooks"), "outgoing:list", "w"),
            Page(_("Access API"), "api_tokens:list", "i"),
        ),
        is_counted=False,
    ),
)

_counters: dict[str, Counter] = {}


def register_counter(name: str, counter: Counter) -> None:
    """Let an app above this one give the count beside its page; called once, at start."""
    _counters[name] = counter


@dataclass(frozen=True, slots=True)
class Link:
    """An entry as the template shows it; `count` is "" where there is nothing to count."""

    label: str | Promise
    url: str
    key: str
    count: str
    is_current: bool


def links(section: Section, *, path: str, merchant: Merchant) -> list[Link]:
    """Return the entries of a section; the one above or at `path` is the current one.

    Settings count on their own pages only: a list has no query to spare for them.
    """
    counts = section.is_counted or any(path.startswith(reverse(p.url_name)) for p in section.pages)
    return [link(page, path=path, merchant=merchant, counts=counts) for page in section.pages]


def link(page: Page, *, path: str, merchant: Merchant, counts: bool = True) -> Link:
    """Return one entry; Home is the current one only at its own address."""
    url = reverse(page.url_name)
    counter = _counters.get(page.counter) if counts else None
    number = counter(merchant) if counter else 0
    count = f"{COUNT_CAP}+" if number > COUNT_CAP else str(number or "")
    places = (url, page.also) if page.also else (url,)
    is_current = path == url if page is HOME else path.startswith(places)
    return Link(page.label, url, page.key, count, is_current)
