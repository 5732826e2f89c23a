import datetime as dt

import pytest

from apps.dunning.mails.asked import new_link_mail
from apps.dunning.mails.chase import Silence, Write

NOW = dt.datetime(2026, 11, 25, 3, 0, tzinfo=dt.UTC)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)


def test_who_asks_is_answered_at_once_also_at_night():
    decision = new_link_mail(address="ok", asked=(), now=NOW)

    assert isinstance(decision, Write)
    assert decision.at == NOW
    assert decision.step.name == "new_link:2026-11-25"


@pytest.mark.parametrize(
    ("address", "asked", "code"),
    [
        ("missing", (), "no_address"),
        ("bounced", (), "bounced"),
        ("ok", (NOW - 19 * HOUR,), "too_soon"),
        ("missing", (NOW - HOUR,), "too_soon"),
        ("ok", tuple(NOW - days * DAY for days in (1, 5, 9, 20, 29)), "too_soon"),
    ],
)
def test_there_are_reasons_to_send_none(address, asked, code):
    decision = new_link_mail(address=address, asked=asked, now=NOW)

    assert isinstance(decision, Silence)
    assert decision.code == code


@pytest.mark.parametrize(
    "asked", [(NOW - 21 * HOUR,), tuple(NOW - days * DAY for days in (1, 5, 9, 20, 30))]
)
def test_old_ones_do_not_count(asked):
    assert isinstance(new_link_mail(address="ok", asked=asked, now=NOW), Write)
