"""From the failure to the mail, by its link to a new card, to the payment: without the merchant."""

from apps.dunning_emails.models import Mail
from sandbox import cards
from tests.accounts.factories import MembershipFactory
from tests.story.world import DAY, HOUR


def failed(shop, behaviour):
    shop.world.subscribe(behaviour)
    shop.world.until_the_renewal_failed()
    shop.world.advance(DAY)


def test_an_expired_card_is_replaced_by_the_customer(shop):
    failed(shop, cards.declines("expired_card"))
    world = shop.world
    assert shop.subjects == ["Your payment to Willow Studio did not go through"]
    assert shop.inbox[0].to == ["sofia@example.com"]
    assert "has expired" in shop.inbox[0].body
    assert world.subscription.access == "revoked"
    link = shop.link()

    page = shop.open(link)
    assert "The card we have on file has expired." in page
    assert "$149.00" in page
    assert "Studio Membership" in page
    assert world.sandbox.books().all("checkout.session") == []
    leads_to = shop.press(link, "card")
    assert leads_to.startswith("https://checkout.stripe.com/c/pay/")
    shop.enter_card(leads_to)
    page = shop.come_back(link)

    case = world.case
    assert "Paid. Thank you." in page
    assert (case.status, case.end_reason) == ("recovered", "paid")
    assert world.subscription.status == "active"
    assert world.subscription.access == "granted"
    assert len(world.charges(case.stripe_invoice_id)) == 1
    (fixed,) = [one for one in case.events.all() if one.text.startswith("Fixed by the customer")]
    assert "paid" in fixed.text
    assert case.events.filter(kind="link_used").exists()
    assert shop.subjects[1:] == ["Thank you: your payment to Willow Studio went through"]
    world.advance(20 * DAY)
    assert len(shop.inbox) == 2


def test_the_new_card_pays_the_next_renewal_as_well(shop):
    failed(shop, cards.declines("expired_card"))
    link = shop.link()
    shop.enter_card(shop.press(link, "card"))
    shop.come_back(link)

    shop.world.advance(31 * DAY)

    assert shop.world.subscription.status == "active"
    assert shop.world.merchant.cases.count() == 1


def test_3d_secure_is_confirmed_on_stripes_page(shop):
    failed(shop, cards.needs_authentication())
    world = shop.world
    assert shop.subjects[0] == "Please confirm your payment to Willow Studio"
    link = shop.link(0)

    page = shop.open(link)
    assert "Confirm with my bank" in page
    leads_to = shop.press(link, "invoice")
    assert leads_to.startswith("https://invoice.stripe.com/i/")
    world.sandbox.complete_authentication(world.case.stripe_invoice_id)
    world.settle_down()

    assert world.case.status == "recovered"
    told = [one.text for one in world.case.events.all()]
    assert len([text for text in told if text.startswith("Fixed by the customer")]) == 1
    assert shop.subjects[-1] == "Thank you: your payment to Willow Studio went through"


def test_after_a_hard_decline_another_card_pays(shop):
    failed(shop, cards.declines("stolen_card"))
    world = shop.world
    mail = shop.inbox[0]
    for word in ("stolen", "lost", "risk"):
        assert word not in (mail.body + mail.alternatives[0][0]).lower()
    link = shop.link()

    shop.enter_card(shop.press(link, "card"))
    shop.come_back(link)

    assert world.case.status == "recovered"
    assert len(world.charges(world.case.stripe_invoice_id, "failed")) == 1


def test_a_second_bad_card_says_so_and_offers_another(shop):
    failed(shop, cards.declines("expired_card"))
    link = shop.link()

    shop.enter_card(shop.press(link, "card"), cards.declines("insufficient_funds"))
    page = shop.come_back(link)

    assert "This method was declined as well" in page
    assert shop.world.case.status == "open"
    shop.enter_card(shop.press(link, "card"))
    assert "Paid. Thank you." in shop.come_back(link)
    assert len(shop.world.charges(shop.world.case.stripe_invoice_id)) == 1


def test_who_closes_the_page_at_stripe_is_charged_all_the_same(shop):
    failed(shop, cards.declines("expired_card"))
    shop.enter_card(shop.press(shop.link(), "card"))

    shop.world.advance(HOUR)

    assert shop.world.case.status == "recovered"
    assert len(shop.world.charges(shop.world.case.stripe_invoice_id)) == 1


def test_a_scanner_that_opens_everything_first_changes_nothing(shop):
    failed(shop, cards.declines("expired_card"))
    world, link = shop.world, shop.link()
    events = world.case.events.count()

    for _ in range(3):
        assert shop.browser.head(link).status_code == 200
        assert shop.browser.get(link).status_code == 200
        assert shop.browser.get(f"{link}done/").status_code == 200
        for button in ("card", "invoice", "new-link"):
            assert shop.browser.get(f"{link}{button}/").status_code == 405
    assert world.case.events.count() == events
    assert world.sandbox.books().all("checkout.session") == []

    shop.enter_card(shop.press(link, "card"))
    assert "Paid. Thank you." in shop.come_back(link)


def test_a_head_costs_no_call(shop):
    failed(shop, cards.declines("expired_card"))
    shop.world.calls()

    shop.browser.head(shop.link())

    assert shop.world.calls() == {}


def test_after_it_was_paid_the_link_says_so(shop):
    failed(shop, cards.declines("expired_card"))
    world, link = shop.world, shop.link()
    world.sandbox.customer_pays(world.case.stripe_invoice_id)

    page = shop.open(link)

    assert "Already paid. Thank you." in page
    assert "<button" not in page
    assert shop.press(link, "card") == ""
    assert world.sandbox.books().all("checkout.session") == []


def test_after_a_cancellation_the_link_says_so_and_charges_nothing(shop):
    failed(shop, cards.declines("expired_card"))
    world, link = shop.world, shop.link()
    world.ask("DELETE", f"/v1/subscriptions/{world.subscription.stripe_subscription_id}")
    world.settle_down()

    page = shop.open(link)

    assert "This subscription has ended" in page
    assert "<button" not in page
    assert shop.press(link, "card") == ""
    world.advance(15 * DAY)
    assert [one for one in shop.subjects if "did not go through" in one] == shop.subjects[:1]
    assert world.charges(world.case.stripe_invoice_id) == []


def test_a_week_after_the_end_the_link_is_over_and_a_new_one_can_be_asked_for(shop):
    failed(shop, cards.declines("expired_card"))
    world, link = shop.world, shop.link()
    world.sandbox.customer_pays(world.case.stripe_invoice_id)
    world.settle_down()
    world.advance(6 * DAY)
    assert shop.browser.get(link).status_code == 200

    world.advance(2 * DAY)

    answer = shop.browser.get(link)
    assert answer.status_code == 410
    assert "Studio Membership" not in answer.content.decode()
    assert "Ask for a new link" in answer.content.decode()
    answer = shop.browser.post(f"{link}new-link/")
    assert "Look into your mailbox" in answer.content.decode()
    assert world.case.events.filter(kind="link_asked").count() == 1
    world.advance(HOUR)
    assert shop.subjects[-1] == "Your new link for your payment to Willow Studio"
    assert "Already paid. Thank you." in shop.open(shop.link())
    world.advance(8 * DAY)
    assert shop.browser.get(shop.link()).status_code == 410


def test_the_page_of_the_case_names_every_mail_to_come(shop, client, django_assert_max_num_queries):
    failed(shop, cards.declines("expired_card"))
    case = shop.world.case
    client.force_login(MembershipFactory(merchant=shop.world.merchant).user)

    with django_assert_max_num_queries(14):
        html = client.get(f"/sales/recovery/{case.pk}/").content.decode()

    assert "Email planned: Payment failed 2" in html
    assert "Email to follow: Payment failed 3" in html
    assert "Email to follow: Final notice" in html
    assert Mail.objects.filter(case=case, status="scheduled").count() == 1
