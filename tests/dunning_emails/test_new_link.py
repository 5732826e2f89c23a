"""A link that no longer works: another goes to the address on file, or the merchant is told."""

import pytest

from apps.customers.models import Customer
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services.links import revoke_links
from sandbox import cards
from tests.accounts.factories import MembershipFactory
from tests.dunning_emails.factories import BouncedAddressFactory
from tests.dunning_emails.test_journeys import failed
from tests.story.world import DAY, HOUR

MINUTE = HOUR / 60
TO_CUSTOMER = "Your new link for your payment to Willow Studio"
TO_OWNER = "A customer asks for a new payment link"


@pytest.fixture
def owner(shop):
    return MembershipFactory(merchant=shop.world.merchant).user


@pytest.fixture
def dead_link(shop, owner):
    """A link that the merchant took back."""
    failed(shop, cards.declines("expired_card"))
    world, link = shop.world, shop.link()
    revoke_links(merchant=world.merchant, case_id=world.case.pk, user=owner, now=world.now)
    world.settle_down()
    return link


def ask(shop, link):
    html = shop.browser.post(f"{link}new-link/").content.decode()
    shop.world.advance(MINUTE)
    return html


def sent(shop, subject):
    return [one for one in shop.inbox if one.subject == subject]


def test_a_fresh_link_goes_to_the_address_on_file_and_works(shop, dead_link):
    page = ask(shop, dead_link)

    (mail,) = sent(shop, TO_CUSTOMER)
    assert mail.to == ["sofia@example.com"]
    assert "sofia" not in page.lower()
    assert shop.link() != dead_link
    assert "Studio Membership" in shop.open(shop.link())
    assert shop.browser.get(dead_link).status_code == 410
    told = shop.world.case.events.get(kind="link_asked")
    assert (told.actor, "goes to the address on file" in told.text) == ("Customer", True)


def test_however_often_it_is_asked_for_one_goes_out_a_day_and_five_a_month(shop, dead_link):
    for _ in range(4):
        ask(shop, dead_link)
    assert len(sent(shop, TO_CUSTOMER)) == 1

    for _ in range(8):
        shop.world.advance(DAY)
        ask(shop, dead_link)

    assert len(sent(shop, TO_CUSTOMER)) == 5
    assert sent(shop, TO_OWNER) == []


@pytest.mark.parametrize("trouble", ["missing", "bounced"])
def test_without_an_address_the_owners_are_told_once_a_day(shop, dead_link, owner, trouble):
    people = Customer.objects.for_merchant(shop.world.merchant)
    if trouble == "missing":
        people.update(email="")
    else:
        BouncedAddressFactory(merchant=shop.world.merchant, email="sofia@example.com")

    for _ in range(3):
        page = ask(shop, dead_link)

    assert "Look into your mailbox" in page
    assert sent(shop, TO_CUSTOMER) == []
    (mail,) = sent(shop, TO_OWNER)
    assert mail.to == [owner.email]
    assert "Make a link" in mail.body
    told = shop.world.case.events.get(kind="link_asked")
    assert "make a link here" in told.text


def test_a_worker_that_comes_late_sends_it_once(shop, dead_link):
    shop.browser.post(f"{dead_link}new-link/")

    shop.world.advance(3 * HOUR)

    assert len(sent(shop, TO_CUSTOMER)) == 1
    row = Mail.objects.get(kind="new_link")
    assert (row.status, row.asked_by) == ("sent", "Customer")


def test_a_link_that_works_asks_for_nothing(shop):
    failed(shop, cards.declines("expired_card"))

    page = ask(shop, shop.link())

    assert "This link still works" in page
    assert not Mail.objects.filter(kind="new_link").exists()
