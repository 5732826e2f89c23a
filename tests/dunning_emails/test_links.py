"""The link: hashed, bound to one case, revocable, limited, and silent about itself."""

import datetime as dt

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.models import Role
from apps.dunning_emails.models import PaymentLink
from apps.dunning_emails.services.links import USES_PER_MINUTE, admit, find_link, make_link
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import OutcomeUnknown
from tests.accounts.factories import MembershipFactory
from tests.dunning_emails.factories import EmailSettingsFactory
from tests.recovery.builders import an_invoice
from tests.recovery.factories import SUNDAY_NOON, CaseFactory

pytestmark = pytest.mark.django_db

NOW = SUNDAY_NOON + dt.timedelta(hours=1)


@pytest.fixture
def case():
    return CaseFactory(stripe_customer_id="cus_1", offer_name="Studio Membership")


@pytest.fixture
def path(case):
    return make_link(case=case, by="Recoup", now=NOW).removeprefix("http://localhost:8000")


@pytest.fixture
def live(monkeypatch):
    """The invoice as Stripe shows it; tests put another in its place."""
    shown = {"invoice": an_invoice(number="WS-0001", hosted_invoice_url="https://stripe.test/i/1")}

    def read(*, account, invoice_id):
        if isinstance(shown["invoice"], Exception):
            raise shown["invoice"]
        return shown["invoice"]

    monkeypatch.setattr(gateway, "read_invoice", read)
    return shown


def test_only_the_hash_of_the_token_rests(case, path):
    link = PaymentLink.objects.get()
    token = path.strip("/").rpartition("/")[2]

    assert len(token) >= 22
    assert token not in str(PaymentLink.objects.values().get())
    assert find_link(token=token) == link
    assert find_link(token=f"{token}x") is None


def test_every_link_is_another(case):
    links = {make_link(case=case, by="Recoup", now=NOW) for _ in range(50)}

    assert len(links) == 50


def test_the_page_shows_what_is_owed_and_nothing_about_the_person(live, path):
    response = Client().get(path)

    page = response.content.decode()
    for shown in ("$149.00", "Studio Membership", "WS-0001", "serves your later payments"):
        assert shown in page
    assert "cus_1" not in page
    assert "3119" not in page


def test_the_page_keeps_its_address_to_itself(live, path):
    response = Client().get(path)

    assert response["Referrer-Policy"] == "no-referrer"
    assert "no-store" in response["Cache-Control"]
    assert "noindex" in response["X-Robots-Tag"]
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert "frame-ancestors 'none'" in policy
    assert not response.cookies


def test_the_page_carries_the_merchants_branding(live, case, path):
    EmailSettingsFactory(
        merchant=case.merchant, sender_name="Willow", colour="#0a6b3d", icon=b"png", icon_hash="ab"
    )

    page = Client().get(path).content.decode()

    assert "/branding/0a6b3d.css" in page
    assert page.count("/branding/ab.png") == 2
    assert "Willow" in page
    rules = Client().get("/branding/0a6b3d.css")
    assert rules["Content-Type"] == "text/css"
    assert "--accent: light-dark(#0a6b3d, " in rules.content.decode()


@pytest.mark.parametrize("name", ["red", "0A6B3D", "12345", "0a6b3d0a", "0a6b3d}x{"])
def test_only_a_colour_makes_a_style_sheet(name):
    assert Client().get(f"/branding/{name}.css").status_code == 404


def test_a_link_works_while_the_case_is_open_and_seven_days_more(case, path):
    link = PaymentLink.objects.select_related("case").get()
    assert link.is_valid(now=NOW + dt.timedelta(days=400))

    link.case.closed_at = NOW
    assert link.is_valid(now=NOW + dt.timedelta(days=6, hours=23))
    assert not link.is_valid(now=NOW + dt.timedelta(days=7))


def test_an_unknown_token_gets_a_page_that_helps(live):
    response = Client().get("/pay/not-a-token-of-ours/")

    assert response.status_code == 404
    assert "This link is not valid" in response.content.decode()


def test_a_link_is_asked_for_so_often_in_a_minute(live, path):
    client = Client()
    answers = [client.get(path).status_code for _ in range(USES_PER_MINUTE + 1)]

    assert set(answers[:-1]) == {200}
    assert answers[-1] == 429
    assert client.head(path).status_code == 200


def test_a_minute_later_it_answers_again(case, path):
    link = PaymentLink.objects.get()
    PaymentLink.objects.update(
        window_uses=USES_PER_MINUTE,
        window_started_at=dt.datetime.now(dt.UTC) - dt.timedelta(seconds=61),
    )

    assert admit(link=link)


def test_stripe_away_is_no_dead_end(live, path):
    live["invoice"] = OutcomeUnknown("no answer")

    response = Client().get(path)

    assert response.status_code == 503
    page = response.content.decode()
    assert "Nothing was charged" in page
    assert "Try again" in page


def test_one_off_invoices_lead_to_stripes_page_of_the_invoice(live, path):
    live["invoice"] = an_invoice(subscription=None, hosted_invoice_url="https://stripe.test/i/1")

    page = Client().get(path).content.decode()
    assert "Pay this invoice" in page
    assert "Enter a new payment method" not in page

    page = Client().post(f"{path}invoice/").content.decode()
    assert "url=https://stripe.test/i/1" in page


def test_a_person_makes_a_link_sees_it_once_and_takes_all_back(client, live, case):
    membership = MembershipFactory(role=Role.SUPPORT, merchant=case.merchant)
    client.force_login(membership.user)
    assert b"Make a link" in client.get(reverse("mails:link", args=[case.pk])).content

    page = client.post(reverse("mails:make_link", args=[case.pk])).content.decode()
    link = PaymentLink.objects.get()
    assert link.made_by == membership.user.email
    address = page.partition('value="http://localhost:8000')[2].partition('"')[0]
    assert Client().get(address).status_code == 200
    assert address not in client.get(reverse("mails:link", args=[case.pk])).content.decode()

    client.post(reverse("mails:revoke_links", args=[case.pk]))
    answer = Client().get(address)
    assert answer.status_code == 410
    assert case.events.get(kind="link_revoked").actor == membership.user.email


def test_the_page_of_a_case_offers_the_link(client, case):
    client.force_login(MembershipFactory(merchant=case.merchant).user)

    page = client.get(reverse("recovery:case", args=[case.pk])).content.decode()

    assert reverse("mails:link", args=[case.pk]) in page


def test_the_merchant_may_lead_to_stripes_page_and_ours_stands_in_where_it_ends(live, case, path):
    EmailSettingsFactory(merchant=case.merchant, link_target="stripe", sender_name="Willow")

    page = Client().get(path).content.decode()
    assert "url=https://stripe.test/i/1" in page

    live["invoice"] = an_invoice(hosted_invoice_url="")
    page = Client().get(path).content.decode()
    assert "Enter a new payment method" in page
    assert "Willow" in page
