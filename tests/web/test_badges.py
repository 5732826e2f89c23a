import pytest
from django.apps import apps

from apps.web.badges import BADGES, badge_of
from apps.web.templatetags.recoup import badge, icon

STATES = {
    "transaction": ("transactions.Transaction", "status"),
    "subscription": ("subscriptions.Subscription", "status"),
    "access": ("subscriptions.Subscription", "access"),
    "case": ("recovery.RecoveryCase", "status"),
    "step": ("recovery.RecoveryCase", "next_step"),
    "attempt": ("recovery.Attempt", "status"),
    "try": ("recovery.Try", "status"),
}
TONES = {"ok", "bad", "wait", "info", "mute"}


@pytest.mark.parametrize("kind", STATES)
def test_every_state_a_row_can_have_has_a_badge(kind):
    model, field = STATES[kind]
    states = {value for value, _ in apps.get_model(model)._meta.get_field(field).choices}

    assert set(BADGES[kind]) == states


def test_every_badge_has_a_word_a_tone_and_an_icon_that_exists():
    for kind, looks in BADGES.items():
        for status, look in looks.items():
            assert look.tone in TONES
            assert str(look.word)
            assert icon(look.icon) in badge(kind, status) or "<svg" in badge(kind, status)


def test_a_state_nobody_knows_yet_is_made_readable():
    assert badge_of("subscription", "brand_new").word == "Brand new"
    assert "Brand new" in badge("subscription", "brand_new")
