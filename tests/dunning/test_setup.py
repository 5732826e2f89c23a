from dataclasses import replace

from apps.dunning.setup import TO_SAY, SetupFacts, checklist

FINE = SetupFacts(
    engine="recoup",
    stripe_schedule="off",
    mails_on=3,
    doubled_mails=(),
    refreshed_cards=4,
    backup_after=2,
    time_zone="America/New_York",
    sender="recoup.example",
    said=frozenset(TO_SAY),
)


def states(facts: SetupFacts) -> dict[str, str]:
    return {point.key: point.state for point in checklist(facts)}


def test_all_is_fine_once_everything_was_looked_at():
    assert set(states(FINE).values()) == {"ok"}


def test_every_point_says_why():
    assert all(point.why and point.text for point in checklist(FINE))


def test_nothing_is_fine_by_itself_on_day_one():
    first = replace(
        FINE,
        stripe_schedule="unknown",
        refreshed_cards=0,
        backup_after=0,
        time_zone="UTC",
        said=frozenset(),
    )

    assert set(states(first).values()) == {"todo"}


def test_stripes_retries_belong_off_only_where_recoup_retries():
    assert states(replace(FINE, stripe_schedule="smart"))["stripe_retries"] == "todo"
    assert states(replace(FINE, engine="stripe", stripe_schedule="smart"))["stripe_retries"] == "ok"
    assert states(replace(FINE, engine="gaps", stripe_schedule="off"))["stripe_retries"] == "wrong"


def test_two_mails_about_one_payment_are_wrong_whatever_somebody_said():
    doubled = replace(FINE, doubled_mails=("Payment failed",))
    (point,) = (one for one in checklist(doubled) if one.key == "stripe_mails")

    assert point.state == "wrong"
    assert "Payment failed" in point.text
    assert not point.can_be_said


def test_without_our_mails_stripes_may_stay():
    assert states(replace(FINE, mails_on=0, said=frozenset()))["stripe_mails"] == "ok"


def test_mails_that_come_back_speak_against_the_domain():
    assert states(replace(FINE, sent=100, bounced=5))["sender_domain"] == "wrong"
    assert states(replace(FINE, sent=1000, bounced=5))["sender_domain"] == "ok"


def test_a_renewed_card_proves_the_updater():
    nobody_looked = replace(FINE, said=frozenset())

    assert states(nobody_looked)["account_updater"] == "ok"
    assert states(replace(nobody_looked, refreshed_cards=0))["account_updater"] == "todo"
