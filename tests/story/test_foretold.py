"""What the preview and the page of the case foretell is what the product then does, step by step and to the minute."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest

from apps.customer_payments.models import AccessEvent
from apps.customer_payments.services import save_settings, settings_for
from apps.dunning.access import AccessRules, Ladder, Step
from apps.dunning.mails.kinds import CHASE, KINDS, MailKind
from apps.dunning.outlook import outlook
from apps.dunning.presets import DAYS_3_5_7, RECOMMENDED
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services import settings as mail_settings
from apps.recovery.extras import planned_steps
from apps.recovery.queries.detail import case_detail
from apps.retry_settings.extras import rulebook
from apps.retry_settings.forms.sample import Sample, sample_facts
from sandbox import cards
from tests.story.world import DAY

NEW_YORK = ZoneInfo("America/New_York")
A_ROUND = dt.timedelta(minutes=10)
"""Workers look every few minutes; the story's clock goes in steps of at least five."""

LADDER = Ladder((Step("banner", 1), Step("limited", 5), Step("revoked", 9)))


USED_UP = AccessRules(revoke="tries_used_up", grant=True, grace_days=2)
STEPWISE = AccessRules(revoke="first_failure", grant=True, ladders=(LADDER,))


@pytest.mark.parametrize(
    ("code", "rules", "access"),
    [
        ("insufficient_funds", RECOMMENDED, STEPWISE),
        ("insufficient_funds", replace(DAYS_3_5_7, final_action="cancel"), USED_UP),
        ("processing_error", RECOMMENDED, USED_UP),
        ("expired_card", replace(RECOMMENDED, final_action="cancel"), STEPWISE),
    ],
    ids=["funds", "ends soon", "technical", "hard"],
)
def test_a_payment_nobody_pays_goes_as_the_preview_says(make_world, code, rules, access):
    world = make_world()
    world.choose(rules=rules)
    for kind in MailKind:
        mail_settings.switch_kind(
            merchant=world.merchant, kind=kind, on=True, user=None, now=world.now
        )
    save_settings(
        merchant=world.merchant,
        revoke_on_failure=True,
        grant_on_success=True,
        details=access,
        expected_version=settings_for(world.merchant).version,
        user=None,
        now=world.now,
    )
    world.subscribe(cards.declines(code))
    world.until_the_renewal_failed()
    case, told_at = world.case, world.now
    foretold = outlook(
        facts=sample_facts(Sample(code), NEW_YORK, case.failed_at, provider_has_retries=False),
        book=rulebook(world.merchant, rules),
        now=case.failed_at,
        offer=case.stripe_product_id,
    )
    detail = case_detail(merchant=world.merchant, case_id=case.pk, now=told_at)
    on_page = [step for step in planned_steps(detail) if step.icon_name == "envelope"]

    world.advance(27 * DAY)

    case.refresh_from_db()
    assert_same(
        [(one.number, one.due_at) for one in case.attempts.order_by("number")],
        [(one.number, one.due_at) for one in foretold.course.tries],
    )
    mails = Mail.objects.filter(case=case, status="sent").order_by("sent_at")
    assert_same(
        [(one.kind, one.sent_at) for one in mails],
        [(one.step.kind.value, one.at) for one in foretold.mails],
    )
    told = (*CHASE, MailKind.CANCELED)
    later = [one for one in mails if one.sent_at > told_at and one.kind in told]
    assert_same(
        [(KINDS[MailKind(one.kind)].title, one.sent_at) for one in later],
        [(step.title.partition(": ")[2], step.at) for step in on_page],
    )
    taken = AccessEvent.objects.filter(access__merchant=world.merchant).order_by("at")
    assert_same(
        [(one.state, one.at) for one in taken],
        [(one.state, one.due_at) for one in foretold.access],
    )
    assert case.status == "lost"
    assert_same([("end", case.closed_at)], [("end", foretold.course.ends_at)])


def assert_same(real, foretold):
    """Compare names exactly, moments within a round of the workers."""
    assert [name for name, _ in real] == [name for name, _ in foretold], (real, foretold)
    for (name, at), (_, said) in zip(real, foretold, strict=True):
        assert abs(at - said) <= A_ROUND, (name, at, said)
