"""Send reminder: looked at first, sent once a day, never about what is settled."""

from django.urls import reverse

from apps.accounts.models import AuditEntry
from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services import settings as mail_settings
from sandbox import cards
from tests.accounts.factories import MembershipFactory
from tests.story.world import DAY, HOUR


def test_a_person_looks_at_the_reminder_and_sends_it(shop, client):
    world = shop.world
    for kind in ("failed_1", "failed_2", "failed_3", "final_notice", "access_revoked"):
        mail_settings.switch_kind(
            merchant=world.merchant, kind=MailKind(kind), on=False, user=None, now=world.now
        )
    world.subscribe(cards.declines("insufficient_funds"))
    world.advance(30 * DAY + 3 * HOUR)
    case = world.case
    membership = MembershipFactory(merchant=world.merchant)
    client.force_login(membership.user)
    assert shop.inbox == []

    page = client.get(reverse("mails:remind", args=[case.pk])).content.decode()
    assert "Your payment to Willow Studio did not go through" in page
    client.post(reverse("mails:send_reminder", args=[case.pk]))
    client.post(reverse("mails:send_reminder", args=[case.pk]))
    world.advance(HOUR / 10)

    (mail,) = shop.inbox
    assert mail.to == ["sofia@example.com"]
    assert case.events.get(kind="mail_sent").actor == membership.user.email
    assert AuditEntry.objects.filter(action="case.remind").count() == 1
    assert (
        "asked for today already"
        in client.get(reverse("mails:remind", args=[case.pk])).content.decode()
    )


def test_paid_before_the_worker_came_no_reminder_goes_out(shop, client):
    world = shop.world
    world.subscribe(cards.declines("expired_card"))
    world.advance(30 * DAY + 3 * HOUR)
    before = len(shop.inbox)
    client.force_login(MembershipFactory(merchant=world.merchant).user)
    world.sandbox.customer_pays(world.case.stripe_invoice_id)
    client.post(reverse("mails:send_reminder", args=[world.case.pk]))

    world.settle_down()

    reminder = Mail.objects.get(step__startswith="by_hand")
    assert reminder.status == "dropped"
    assert not [one for one in shop.subjects[before:] if "did not go through" in one]
