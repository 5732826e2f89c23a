from zoneinfo import ZoneInfo

import pytest

from apps.customers import zones
from apps.customers.zones import ZoneGuess, guess_zone


@pytest.mark.parametrize(
    ("address", "zone"),
    [
        ({"country": "DE"}, "Europe/Berlin"),
        ({"country": "de"}, "Europe/Berlin"),
        ({"country": "US"}, "America/New_York"),
        ({"country": "US", "state": "CA"}, "America/Los_Angeles"),
        ({"country": "US", "state": "california"}, "America/Los_Angeles"),
        ({"country": "US", "state": " az "}, "America/Phoenix"),
        ({"country": "US", "state": "Atlantis"}, "America/New_York"),
        ({"country": "CA", "state": "BC"}, "America/Vancouver"),
        ({"country": "CA", "state": "Québec"}, "America/Toronto"),
        ({"country": "AU", "state": "WA"}, "Australia/Perth"),
        ({"country": "BR", "state": "AM"}, "America/Manaus"),
        ({"country": "DE", "state": "CA"}, "Europe/Berlin"),
    ],
)
def test_the_billing_address_comes_first(address, zone):
    guess = guess_zone(**address, card_country="JP", merchant_zone="UTC")

    assert guess == ZoneGuess(zone, "billing")


def test_then_the_card_then_the_merchant():
    assert guess_zone(country="", card_country="JP", merchant_zone="UTC") == ZoneGuess(
        "Asia/Tokyo", "card"
    )
    assert guess_zone(country="", merchant_zone="Europe/Paris") == ZoneGuess(
        "Europe/Paris", "merchant"
    )


def test_a_country_nobody_knows_is_no_country():
    guess = guess_zone(country="ZZ", card_country="??", merchant_zone="UTC")

    assert guess == ZoneGuess("UTC", "merchant")


def test_every_zone_of_the_table_exists():
    for zone in {*zones._COUNTRIES.values(), *zones._STATES.values()}:
        ZoneInfo(zone)


@pytest.mark.parametrize(("country", "states"), [("US", 51 + 5), ("CA", 13), ("AU", 8), ("BR", 27)])
def test_every_state_is_in_the_table(country, states):
    assert sum(land == country for land, _ in zones._STATES) == states
