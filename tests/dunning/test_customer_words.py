"""What customers read about a decline: useful, and never what the bank suspects."""

import re

import pytest

from apps.dunning.codes import all_rows
from apps.dunning.customer_words import told, what_to_do, why_of
from apps.dunning.facts import Decline

FORBIDDEN = re.compile(r"lost|stolen|risk|fraud|suspect|block|pickup|hot card", re.IGNORECASE)


@pytest.mark.parametrize("row", all_rows(), ids=lambda row: f"{row.kind}:{row.code}")
def test_no_code_tells_a_customer_of_a_suspicion(row):
    method = "sepa_debit" if row.kind == "direct_debit" else "card"
    for decline in (Decline("card_declined", row.code), Decline(row.code), Decline(row.code, "x")):
        why = why_of(decline, method_type=method)

        assert not FORBIDDEN.search(told(why, method_type=method) + what_to_do(why))


def test_there_are_as_many_codes_as_the_table_has():
    assert len(all_rows()) == 164


@pytest.mark.parametrize(
    ("code", "method", "words"),
    [
        ("insufficient_funds", "card", "not enough funds for this payment"),
        ("expired_card", "card", "has expired"),
        ("incorrect_cvc", "card", "not right any more"),
        ("authentication_required", "card", "confirm this payment"),
        ("stolen_card", "card", "use another card or call your bank"),
        ("do_not_honor", "card", "declined the payment"),
        ("processing_error", "card", "technical"),
        ("no_such_code", "card", "declined the payment"),
        ("R01", "us_bank_account", "not enough funds in your account"),
        ("R02", "us_bank_account", "no longer debit the bank account"),
        ("debit_not_authorized", "sepa_debit", "no longer debit the bank account"),
    ],
)
def test_the_reason_fits_the_code_and_the_kind_of_method(code, method, words):
    why = why_of(Decline("card_declined", code), method_type=method)

    assert words in told(why, method_type=method)


def test_without_a_reason_it_is_the_bank():
    assert why_of(None) == "bank"
