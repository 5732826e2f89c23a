import csv
from importlib.resources import files

import pytest

from apps.dunning import codes
from apps.dunning.facts import Decline
from apps.dunning.words import method_name


def csv_rows(name):
    text = files("apps.dunning").joinpath("data", name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize(
    "row",
    csv_rows("decline_codes.csv"),
    ids=lambda row: f"{row['kind']}-{row['code']}",
)
def test_every_row_is_found_and_classified(row):
    method_type = "sepa_debit" if row["kind"] == "direct_debit" else "card"

    found = codes.lookup(Decline(row["code"]), method_type)

    twins = {(str(one.kind), one.code): one for one in codes.all_rows()}
    own_kind = "direct_debit" if method_type == "sepa_debit" else "card"
    expected = twins.get((own_kind, row["code"])) or twins["error", row["code"]]
    assert found == expected
    assert found.known
    assert found.hard is (found.group == "none")


def test_the_key_is_kind_and_code():
    assert len(codes.all_rows()) == len(csv_rows("decline_codes.csv")) == 164


@pytest.mark.parametrize("code", sorted(codes.NO_RETRY_CODES))
def test_stripes_no_retry_codes_are_hard(code):
    assert codes.lookup(Decline("card_declined", code)).hard


@pytest.mark.parametrize(
    ("code", "group"),
    [
        ("insufficient_funds", "funds"),
        ("card_velocity_exceeded", "limits"),
        ("card_decline_rate_limit_exceeded", "limits"),
        ("processing_error", "technical"),
        ("lock_timeout", "technical"),
        ("do_not_honor", "issuer"),
        ("generic_decline", "issuer"),
        ("previously_declined_do_not_retry", "issuer"),
        ("partner_insufficient_funds", "funds"),
        ("payment_limit_exceeded", "limits"),
        ("partner_processing_error", "technical"),
        ("partner_generic_decline", "issuer"),
        ("brand_new_code", "unknown"),
        ("expired_card", "none"),
    ],
)
def test_group(code, group):
    assert codes.lookup(Decline("card_declined", code)).group == group


def test_the_outer_code_counts_where_there_is_no_decline_code():
    assert codes.lookup(Decline("expired_card")).category == "expired"


def test_a_bare_card_declined_follows_the_issuers_schedule():
    assert codes.lookup(Decline("card_declined")).group == "issuer"


def test_a_known_outer_code_beats_an_unknown_decline_code():
    assert codes.lookup(Decline("authentication_required", "brand_new_code")).hard


def test_an_unknown_code_is_soft_and_says_so():
    row = codes.lookup(Decline("card_declined", "brand_new_code"))

    assert (row.code, row.known, row.hard, row.advice) == (
        "brand_new_code",
        False,
        False,
        "retry_once",
    )


def test_no_code_at_all_is_unknown():
    assert codes.lookup(Decline("")).code == "unknown"


def test_one_code_means_different_things_for_card_and_debit():
    code = Decline("debit_not_authorized")

    assert codes.lookup(code, "us_bank_account").kind == "direct_debit"
    assert codes.lookup(code, "card").kind == "error"
    assert codes.lookup(Decline("R01"), "card").known is False


class TestNetworkRows:
    def test_the_column_decides_the_network(self):
        pause = codes.network_rows(Decline("card_declined", network_advice_code="41"))
        lost = codes.network_rows(Decline("card_declined", network_decline_code="41"))

        assert [row.network for row in pause] == ["mastercard"]
        assert [row.network for row in lost] == ["visa"]

    def test_a_known_brand_rules_the_other_network_out(self):
        decline = Decline("card_declined", network_advice_code="03", network_decline_code="51")

        assert [row.network for row in codes.network_rows(decline, "visa")] == ["visa"]
        assert codes.network_rows(decline, "amex") == ()

    def test_waits_are_hours(self):
        (row,) = codes.network_rows(Decline("card_declined", network_advice_code="30"))

        assert row.min_wait_hours == 240

    def test_every_row_of_the_table_is_found(self):
        for row in csv_rows("network_advice_codes.csv"):
            field = (
                "network_advice_code" if row["network"] == "mastercard" else "network_decline_code"
            )
            found = codes.network_rows(
                Decline("card_declined", **{field: row["code"]}), row["network"]
            )
            assert [one.meaning for one in found] == [row["meaning"]]


class TestWords:
    @pytest.mark.parametrize(
        ("decline", "text"),
        [
            (Decline("card_declined", "insufficient_funds"), "Insufficient funds"),
            (Decline("card_declined"), "Declined by bank"),
            (Decline("card_declined", "do_not_honor"), "Declined by bank"),
            (Decline("processing_error"), "Processing error"),
            (Decline("card_declined", "card_velocity_exceeded"), "Card limit reached"),
            (Decline("expired_card"), "Card expired"),
            (Decline("incorrect_cvc"), "Wrong security code"),
            (Decline("authentication_required"), "Needs 3-D Secure"),
            (Decline("missing"), "No card on file"),
            (Decline("card_declined", "new_code"), "New code"),
            (Decline(""), "Unknown reason"),
        ],
    )
    def test_words(self, decline, text):
        assert codes.words(decline) == text

    def test_every_code_has_words_without_underscores(self):
        for row in codes.all_rows():
            text = codes.words(Decline(row.code))
            assert text
            assert "_" not in text


@pytest.mark.parametrize(
    ("name", "last4", "shown"),
    [
        ("visa", "3119", "Visa •••• 3119"),
        ("sepa_debit", "3000", "SEPA debit •••• 3000"),
        ("eftpos_au", "1234", "Eftpos au •••• 1234"),
        ("link", "", "Link"),
        ("", "", "Payment method"),
    ],
)
def test_a_method_has_a_name_people_know(name, last4, shown):
    assert method_name(name, last4) == shown
