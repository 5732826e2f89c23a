import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from django.http import QueryDict

from apps.transactions.forms import TransactionFilterForm
from apps.transactions.queries import FilterChoices
from apps.web.spans import Locality, span_of_coming, span_of_period

NEW_YORK = ZoneInfo("America/New_York")
# Wednesday, November 18, 1:00 AM in UTC: still Tuesday, 8 PM in New York.
LOCAL = Locality(NEW_YORK, "en_US", dt.datetime(2026, 11, 18, 1, 0, tzinfo=dt.UTC))


def form(query: str, currencies=("eur", "usd")) -> TransactionFilterForm:
    offered = FilterChoices(
        currencies=currencies,
        offers=("Coaching Circle",),
        declines=(("do_not_honor", "Declined by bank"),),
        methods=("card",),
    )
    return TransactionFilterForm(QueryDict(query), local=LOCAL, offered=offered)


def midnight(month: int, day: int) -> dt.datetime:
    return dt.datetime(2026, month, day, tzinfo=NEW_YORK)


@pytest.mark.parametrize(
    ("query", "canonical"),
    [
        ("", ""),
        ("status=&q=&sort=-date&rows=25&view=", ""),
        ("view=failed&status=retrying&status=failed", "status=retrying&status=failed&view=failed"),
        ("sort=amount&q=sofia&cursor=abc", "q=sofia&sort=amount"),
        ("from=2026-11-01&to=2026-11-18", "from=2026-11-01&to=2026-11-18"),
        ("status=nonsense&sort=nonsense&rows=7&from=yesterday&nothing=1", ""),
        ("offer=Coaching+Circle&q=%C3%A9", "offer=Coaching+Circle&q=%C3%A9"),
    ],
)
def test_the_address_is_canonical(query, canonical):
    assert form(query).query() == canonical
    assert form(canonical).query() == canonical


def test_a_value_out_of_reach_of_the_choices_still_filters():
    """A link may name a decline code that no recent payment has."""
    found = form("reason=stolen_card")

    assert found.filters().decline_codes == ("stolen_card",)
    assert not found.errors


def test_days_are_the_merchants_days():
    assert span_of_period(LOCAL, period="today", first=None, last=None) == (midnight(11, 17), None)
    assert span_of_period(LOCAL, period="7", first=None, last=None) == (midnight(11, 11), None)
    assert span_of_period(LOCAL, period="month", first=None, last=None) == (midnight(11, 1), None)
    assert span_of_coming(LOCAL, coming="tomorrow") == (midnight(11, 18), midnight(11, 19))
    assert span_of_coming(LOCAL, coming="") == (None, None)


def test_the_last_day_is_in_even_when_it_has_25_hours():
    since, until = span_of_period(
        LOCAL, period="7", first=dt.date(2026, 11, 1), last=dt.date(2026, 11, 1)
    )

    assert since == midnight(11, 1)
    assert until == midnight(11, 2)
    assert until.astimezone(dt.UTC) - since.astimezone(dt.UTC) == dt.timedelta(hours=25)


def test_an_amount_needs_a_currency_when_there_are_several():
    found = form("min=50")

    assert found.errors["currency"] == ["Choose a currency for the amount."]
    assert found.filters().amount_min_minor is None


def test_an_amount_is_in_the_only_currency_there_is():
    found = form("min=9.50&max=20", currencies=("usd",))

    assert found.filters().currency == "usd"
    assert found.filters().amount_min_minor == 950
    assert found.filters().amount_max_minor == 2000
    assert form("", currencies=("usd",)).filters().currency == ""


def test_an_amount_follows_its_currencys_decimals():
    assert form("min=1500&currency=jpy").filters().amount_min_minor == 1500
    assert form("min=1.5&currency=kwd").filters().amount_min_minor == 1500


@pytest.mark.parametrize(
    ("query", "key", "text"),
    [
        ("status=failed&status=retrying", "status", "Failed, Retrying"),
        ("period=30", "date", "Last 30 days"),
        ("from=2026-11-01&to=2026-11-18", "date", "Nov 1 \N{EN DASH} Nov 18"),
        ("from=2026-11-01", "date", "from Nov 1"),
        ("min=10&currency=usd", "amount", "from $10.00"),
        ("min=10&max=20&currency=eur", "amount", "€10.00 \N{EN DASH} €20.00"),
        ("tries_min=2", "tries", "2+"),
        ("reason=do_not_honor", "reason", "Declined by bank (do_not_honor)"),
        ("", "status", ""),
    ],
)
def test_a_chip_says_what_is_chosen(query, key, text):
    chips = {chip.key: chip for chip in form(query).chip_list}

    assert chips[key].text == text


def test_a_chip_clears_itself_and_nothing_else():
    found = form("status=failed&period=30&q=sofia&sort=amount")
    chips = {chip.key: chip for chip in found.chip_list}

    assert chips["status"].clear_query == "period=30&q=sofia&sort=amount"
    assert found.clear_query == "q=sofia&sort=amount"


def test_a_view_begins_without_filters():
    tabs = {str(tab.label): tab for tab in form("status=failed&q=sofia&view=refunded").tabs}

    assert tabs["Retrying"].query == "q=sofia&view=retrying"
    assert tabs["All"].query == "q=sofia"
    assert tabs["Refunded"].is_current


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ("", ""),
        ("status=failed", "failed"),
        ("view=failed", "failed"),
        ("status=needs_card&sort=amount", "needs-card"),
        ("status=failed&status=recovered", "filtered"),
        ("status=failed&q=sofia", "filtered"),
        ("view=failed&period=30", "filtered"),
    ],
)
def test_an_export_is_named_after_what_is_in_it(query, word):
    assert form(query).file_word == word
