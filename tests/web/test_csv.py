import csv
import datetime as dt
import io
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.web.csv import BOM, csv_chunks, safe_cell

NEW_YORK = ZoneInfo("America/New_York")


def read(chunks) -> list[list[str]]:
    text = "".join(chunks)
    assert text.startswith(BOM)
    return list(csv.reader(io.StringIO(text.removeprefix(BOM), newline="")))


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_formula_gets_an_apostrophe(start):
    assert safe_cell(f"{start}HYPERLINK()") == f"'{start}HYPERLINK()"


def test_ordinary_text_is_left_alone():
    assert safe_cell("Sofia = Rossi") == "Sofia = Rossi"
    assert safe_cell("") == ""


def test_values_are_written_for_machines_and_people():
    moment = dt.datetime(2026, 11, 21, 21, 49, 30, 5, tzinfo=dt.UTC)

    _, row = read(csv_chunks(["a"], [["x,y", -5, Decimal("-0.50"), moment, None]], zone=NEW_YORK))

    assert row == ["x,y", "-5", "-0.50", "2026-11-21T16:49:30-05:00", ""]


def test_large_numbers_are_not_written_with_an_exponent():
    _, row = read(csv_chunks(["a"], [[Decimal("1E+3")]], zone=NEW_YORK))

    assert row == ["1000"]


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\0"), max_size=40))
def test_every_text_survives_and_none_starts_a_formula(text):
    _, row = read(csv_chunks(["a"], [[text, "end"]], zone=NEW_YORK))

    assert row == [safe_cell(text), "end"]
    assert not row[0].startswith(("=", "+", "-", "@", "\t", "\r"))


def test_rows_are_sent_while_they_are_read():
    read_so_far = 0

    def rows():
        nonlocal read_so_far
        for number in range(1000):
            read_so_far = number
            yield [number]

    next(csv_chunks(["n"], rows(), zone=NEW_YORK))

    assert read_so_far < 500
