import csv
import io

import pytest

from apps import clock
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.analytics.crowd import NOW, make_crowd

pytestmark = pytest.mark.django_db
URL = "/analytics/"


@pytest.fixture
def merchant(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)
    return MerchantFactory()


@pytest.fixture
def visitor(client, merchant):
    client.force_login(MembershipFactory(merchant=merchant, role="viewer").user)
    return client


def test_before_the_first_payment_it_says_so(visitor):
    page = visitor.get(URL)

    assert page.status_code == 200
    assert b"Not enough payments yet" in page.content


def test_it_shows_figures_charts_and_their_tables(visitor, merchant, django_assert_max_num_queries):
    make_crowd(merchant)

    with django_assert_max_num_queries(14):
        page = visitor.get(URL)

    text = page.content.decode()
    drawn = [chart for chart in page.context["charts"] if not chart.is_empty]
    assert len(drawn) >= 12  # too few cases or tries in any one cell or week for the others
    assert text.count("Show as table") == len(drawn)
    assert text.count('<svg class="chart wide"') == 5
    for figure in page.context["figures"]:
        assert figure.value in text
        assert figure.definition in text
    assert "85 to 94 %" in text  # a claim, with its source
    assert "a vendor&#x27;s guide" in text
    assert len(text) < 120_000


def test_every_chart_has_a_file_that_adds_up_to_the_page(visitor, merchant):
    make_crowd(merchant)
    page = visitor.get(URL)
    total = page.context["report"].total.outcomes

    for chart in page.context["charts"]:
        answer = visitor.get(f"{URL}{chart.key}.csv")
        text = b"".join(answer.streaming_content).decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(text)))
        assert len(rows) == len(chart.file_rows), chart.key
    text = b"".join(visitor.get(f"{URL}outcomes.csv").streaming_content).decode("utf-8-sig")
    recovered = sum(
        round(100 * float(row["recovered"])) for row in csv.DictReader(io.StringIO(text))
    )
    assert recovered == total.recovered_minor


def test_the_address_holds_period_currency_offer_and_comparison(visitor, merchant):
    make_crowd(merchant)

    page = visitor.get(URL, {"period": "30", "offer": "Masterclass", "compare": "off"})

    report = page.context["report"]
    assert report.period.days == 30
    assert report.previous is None
    assert page.context["offer"] == "Masterclass"
    assert report.total.first_tries < 30
    assert "offer=Masterclass" in page.content.decode()


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"period": "own"}, "Own days need a first and a last one."),
        ({"period": "own", "first": "2026-11-20", "last": "2026-11-01"}, "comes before the first"),
        ({"period": "own", "first": "2016-11-20", "last": "2026-11-01"}, "At most three years"),
        ({"period": "own", "first": "soon", "last": "2026-11-01"}, "Enter a valid date"),
    ],
)
def test_days_that_cannot_be_shown_say_why(visitor, asked, message):
    page = visitor.get(URL, asked)

    assert page.status_code == 200
    assert message in page.content.decode()
    assert page.context["report"].period.days == 90


def test_what_is_not_known_falls_back(visitor, merchant):
    make_crowd(merchant, cases=3)

    page = visitor.get(URL, {"currency": "xyz", "offer": "Nothing of ours"})

    assert page.context["report"].currency == "usd"
    assert page.context["offer"] == ""
    assert visitor.get(f"{URL}nonsense.csv").status_code == 404
