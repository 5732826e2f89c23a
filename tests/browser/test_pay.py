"""The customer's way from the mail to the payment, in a browser, at the local Stripe's own pages.

Nobody but the customer acts: the merchant neither signs in nor presses anything.
"""

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import expect

from apps import clock
from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services import settings as mail_settings
from apps.dunning_emails.services.visits import settle_visit, visits_to_settle
from sandbox import cards
from sandbox.server import pages
from tests.accounts.factories import MembershipFactory
from tests.browser.steps import follow
from tests.browser.test_every_page import overflow, violations
from tests.browser.test_screenshots import FOLDER
from tests.dunning_emails.factories import EmailSettingsFactory
from tests.story.conftest import make_world
from tests.story.world import DAY

__all__ = ["make_world"]

pytestmark = pytest.mark.browser


class Customer:
    """Sofia, with a mailbox and a browser; her card fails at the renewal."""

    def __init__(self, world, visitor, mailbox) -> None:
        self.world, self.visitor, self.mailbox = world, visitor, mailbox
        for address in pages.STRIPES:
            visitor.context.route(f"{address}**", self._at_stripe)

    def _at_stripe(self, route) -> None:
        """Serve Stripe's page from the local Stripe."""
        request, address = route.request, route.request.url.partition("?")[0]
        for stripes, path in pages.STRIPES.items():
            address = address.replace(stripes, path)
        status, body, elsewhere = pages.visit(
            self.world.sandbox, request.method, address, request.post_data or ""
        )
        if elsewhere:
            there = f"https://invoice.stripe.com{elsewhere}"
            to = elsewhere if elsewhere.startswith("http") else there
            body, status = f'<meta http-equiv="refresh" content="0;url={to}">', 200
        route.fulfill(status=status, body=body, content_type="text/html")

    def fails_with(self, behaviour) -> None:
        """Let a month pass until the renewal has failed and it was written about."""
        self.world.subscribe(behaviour)
        self.world.until_the_renewal_failed()
        self.world.advance(DAY)

    @property
    def link(self) -> str:
        """The path of the link in the newest mail."""
        return re.search(r"https?://[^/\s]+(/pay/\S+/)", str(self.mailbox[-1].body))[1]

    def open_the_mail(self):
        return self.visitor.open(self.link)

    def enter_a_card(self, page, button="Enter a new payment method") -> None:
        """Go to Stripe's page, save a good card, and come back."""
        follow(page.get_by_role("button", name=button))
        page.wait_for_url("https://checkout.stripe.com/**")
        page.get_by_role("button", name="Save card").click()
        page.wait_for_url("**/done/")

    def a_worker_wakes(self) -> None:
        """Do what the page of the customer who is back has woken a worker for."""
        for visit in self.case.payment_links.filter(visits__settled_at=None):
            for visit_id in visits_to_settle(now=clock.now(), link_id=visit.pk):
                settle_visit(visit_id=visit_id, now=clock.now())
        self.world.settle_down()

    @property
    def case(self):
        return self.world.case

    def look_at(self, page, name: str) -> None:
        """Check a page in every width and theme; picture it where pictures are wanted."""
        for width in (320, 390, 1440):
            page.set_viewport_size({"width": width, "height": 900})
            assert overflow(page) == 0, width
            for theme in ("light", "dark"):
                page.emulate_media(color_scheme=theme)
                assert violations(page) == [], (width, theme)
                if FOLDER:
                    page.screenshot(path=f"{FOLDER}/pay-{name}-{theme}-{width}.png", full_page=True)

    def assert_fixed(self) -> None:
        """Paid once, access back, told in one line and in one mail, the sequence over."""
        case = self.case
        assert (case.status, case.end_reason) == ("recovered", "paid")
        assert self.world.subscription.status == "active"
        assert self.world.subscription.access in ("granted", "")
        assert len(self.world.charges(case.stripe_invoice_id)) == 1
        fixed = [
            one.text for one in case.events.all() if one.text.startswith("Fixed by the customer")
        ]
        assert len(fixed) == 1
        assert not Mail.objects.filter(case=case, status="scheduled").exists()
        assert self.mailbox[-1].subject == "Thank you: your payment to Willow Studio went through"


def drawn(size: tuple[int, int]) -> bytes:
    picture = io.BytesIO()
    Image.new("RGB", size, "#5a2d82").save(picture, "PNG")
    return picture.getvalue()


@pytest.fixture
def world(live_server, make_world, settings):
    """A merchant who writes mails and takes access, alone at the local Stripe."""
    settings.PUBLIC_URL = str(live_server)
    world = make_world()
    world.choose()
    EmailSettingsFactory(
        merchant=world.merchant,
        colour="#5a2d82",
        icon=drawn((64, 64)),
        icon_hash="icon",
        reply_to="help@willow.example",
    )
    for kind in MailKind:
        mail_settings.switch_kind(
            merchant=world.merchant, kind=kind, on=True, user=None, now=world.now
        )
    return world


@pytest.fixture
def membership(world):
    return MembershipFactory(merchant=world.merchant)


@pytest.fixture
def customer(world, visitor, mailoutbox) -> Customer:
    return Customer(world, visitor(signed_in=False, width=390), mailoutbox)


def test_an_expired_card_is_replaced_and_access_comes_back(customer):
    customer.fails_with(cards.declines("expired_card"))
    assert customer.world.subscription.access == "revoked"
    page = customer.open_the_mail()
    expect(page.get_by_text("The card we have on file has expired.")).to_be_visible()
    customer.look_at(page, "card")

    customer.enter_a_card(page)
    expect(page.get_by_role("heading", name="Charging your new payment method…")).to_be_visible()
    customer.a_worker_wakes()

    expect(page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()
    expect(page.get_by_text("You have access to Studio Membership again.")).to_be_visible()
    customer.look_at(page, "done")
    customer.assert_fixed()
    assert customer.world.subscription.access == "granted"


def test_3d_secure_is_confirmed_with_the_bank(customer):
    customer.fails_with(cards.needs_authentication())
    link = customer.link
    page = customer.open_the_mail()
    expect(page.get_by_role("heading", name="Please confirm your payment")).to_be_visible()

    follow(page.get_by_role("button", name="Confirm with my bank"))
    page.wait_for_url("https://invoice.stripe.com/**")
    page.get_by_role("button", name="Confirm with my bank (3D Secure)").click()
    expect(page.get_by_text(": paid")).to_be_visible()
    customer.world.settle_down()

    customer.assert_fixed()
    page = customer.visitor.open(link)
    expect(page.get_by_role("heading", name="Already paid. Thank you.")).to_be_visible()


def test_after_a_hard_decline_a_scanner_changes_nothing_and_a_new_card_pays(customer):
    customer.fails_with(cards.declines("stolen_card"))
    events = customer.case.events.count()
    scanner = customer.visitor.open(customer.link)
    for path in ("", "done/", "card/", "invoice/", "new-link/"):
        scanner.request.get(f"{customer.visitor.base}{customer.link}{path}")
    assert customer.case.events.count() == events
    assert customer.world.sandbox.books().all("checkout.session") == []

    page = customer.open_the_mail()
    for word in ("stolen", "lost", "risk"):
        expect(page.locator("main")).not_to_contain_text(re.compile(word, re.IGNORECASE))
    customer.enter_a_card(page)
    customer.a_worker_wakes()

    expect(page.get_by_role("heading", name="Paid. Thank you.")).to_be_visible()
    customer.assert_fixed()


def test_once_it_was_paid_the_link_in_the_old_mail_says_so(customer):
    customer.fails_with(cards.declines("expired_card"))
    customer.world.sandbox.customer_pays(customer.case.stripe_invoice_id)

    page = customer.open_the_mail()

    expect(page.get_by_role("heading", name="Already paid. Thank you.")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    assert violations(page) == []


def test_once_it_was_canceled_the_link_says_so_and_takes_nothing(customer):
    customer.fails_with(cards.declines("expired_card"))
    world = customer.world
    world.ask("DELETE", f"/v1/subscriptions/{world.subscription.stripe_subscription_id}")
    world.settle_down()

    page = customer.open_the_mail()

    expect(page.get_by_role("heading", name="This subscription has ended")).to_be_visible()
    expect(page.get_by_role("button")).to_have_count(0)
    assert world.charges(world.case.stripe_invoice_id) == []
