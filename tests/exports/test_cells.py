"""The lines the database writes: what Python would write, harmless, and read back whole."""

import csv
import datetime as dt
import io
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.db.models import CharField, Value
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.accounts.models import Merchant
from apps.dunning.money import THREE_DECIMAL, ZERO_DECIMAL, Money, to_decimal
from apps.exports import cells
from apps.exports.cells import Column, Style, line
from apps.web.csv import FORMULA_STARTS, LINE_END, cell
from tests.accounts.factories import MerchantFactory
from tests.transactions.factories import TransactionFactory

NEW_YORK = Style(ZoneInfo("America/New_York"))

# What PostgreSQL's text can hold.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=30)
NASTY = st.builds(
    "{}{}".format, st.sampled_from([*FORMULA_STARTS, '"', ",", "'", " ", "\\", "%"]), TEXTS
)


def written(*values: Value, style: Style = NEW_YORK) -> str:
    """Have the database write a line of given texts."""
    source = Merchant.objects.filter(pk=MerchantFactory().pk)
    columns = [Column("x", "X", cells.text(value)) for value in values]
    return source.values_list(line(columns, style), flat=True).get()


def read(text: str) -> list[str]:
    return next(csv.reader(io.StringIO(text + LINE_END, newline=""), strict=True))


@pytest.mark.django_db
class TestText:
    @pytest.fixture(autouse=True)
    def _merchant(self):
        self.source = Merchant.objects.filter(pk=MerchantFactory().pk)

    @settings(max_examples=200, deadline=None)
    @given(texts=st.lists(TEXTS | NASTY, min_size=1, max_size=8))
    def test_any_text_comes_back_whole_and_is_no_formula(self, texts):
        values = [Value(text, output_field=CharField()) for text in texts]
        columns = [Column("x", "X", cells.text(value)) for value in values]

        (raw,) = self.source.values_list(line(columns, NEW_YORK), flat=True)

        found = read(raw)
        assert found == [cell(text, zone=NEW_YORK.zone) for text in texts], "as Python writes it"
        for text, shown in zip(texts, found, strict=True):
            assert not shown.startswith(tuple(FORMULA_STARTS))
            assert shown in (text, f"'{text}")

    def test_a_full_width_formula_is_disarmed(self):
        assert read(written(Value("\uff1d1+1")))[0] == "'\uff1d1+1"


@pytest.mark.django_db
class TestTimesAndAmounts:
    @pytest.mark.parametrize(
        "zone",
        ["America/New_York", "UTC", "Asia/Kolkata", "America/St_Johns", "Australia/Lord_Howe"],
    )
    @pytest.mark.parametrize(
        "at",
        [
            dt.datetime(2026, 3, 8, 6, 59, 59, 999_999, tzinfo=dt.UTC),
            dt.datetime(2026, 3, 8, 7, 0, tzinfo=dt.UTC),
            dt.datetime(2026, 11, 1, 5, 30, tzinfo=dt.UTC),
            dt.datetime(2026, 11, 1, 6, 30, tzinfo=dt.UTC),
            dt.datetime(1999, 12, 31, 23, 59, tzinfo=dt.UTC),
        ],
    )
    def test_a_moment_is_iso_8601_with_the_offset_of_its_day(self, zone, at):
        row = TransactionFactory(at=at)
        style = Style(ZoneInfo(zone))

        assert self.line(row, cells.moment("at"), style) == cell(at, zone=style.zone)

    def test_a_moment_for_spreadsheets_has_no_offset(self):
        row = TransactionFactory(at=dt.datetime(2026, 11, 18, 21, 49, tzinfo=dt.UTC))
        style = Style(NEW_YORK.zone, with_offset=False)

        assert self.line(row, cells.moment("at"), style) == "2026-11-18 16:49:00"

    def test_no_moment_is_an_empty_cell_and_alone_still_a_row(self):
        row, empty = TransactionFactory(paid_at=None), Column("x", "X", cells.moment("paid_at"))
        rows = type(row).objects.filter(pk=row.pk)

        assert rows.values_list(line([empty, empty], NEW_YORK), flat=True).get() == ","
        assert rows.values_list(line([empty], NEW_YORK), flat=True).get() == '""'

    @pytest.mark.parametrize("currency", ["usd", "isk", "ugx", *ZERO_DECIMAL, *THREE_DECIMAL])
    @pytest.mark.parametrize("minor", [0, 1, -149_05, 9_007_199_254_740_993, 10**18 + 1])
    def test_an_amount_is_exact_in_the_decimals_of_its_currency(self, minor, currency):
        row = TransactionFactory(amount_minor=minor, currency=currency)

        found = self.line(row, cells.amount("amount_minor"))

        assert Decimal(found) == to_decimal(Money(minor, currency))
        assert found == f"{to_decimal(Money(minor, currency)):f}"

    def test_a_status_is_written_as_the_list_shows_it(self):
        row = TransactionFactory(status="needs_card")

        assert self.line(row, cells.words("transaction", "status")) == '"Needs a new card"'

    def test_an_unknown_status_is_written_as_it_is(self):
        row = TransactionFactory(status="brand_new")

        assert self.line(row, cells.words("transaction", "status")) == '"brand_new"'

    def line(self, row, write, style=NEW_YORK) -> str:
        found = type(row).objects.filter(pk=row.pk)
        return found.values_list(line([Column("x", "X", write)], style), flat=True).get()


@pytest.mark.django_db
def test_the_zones_python_knows_are_known_to_the_database():
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM pg_timezone_names")
        known = {name for (name,) in cursor.fetchall()}

    assert {"America/New_York", "Asia/Kolkata", "UTC", "Europe/Berlin"} <= known
