"""The frame of every page, and the error pages."""

import logging
import re

import pytest
from django.test import Client
from django.urls import reverse

from apps.web.views import server_error
from tests.accounts.factories import MembershipFactory
from tests.test_every_url import PUBLIC, RULES, SIGNED_IN, a_record, address
from tests.web.test_design_rules import FORBIDDEN

pytestmark = pytest.mark.django_db

# A file, a mail with the styles that mail programs want, and the way back from Stripe.
NOT_OURS = {"analytics:csv", "overview:emails_csv", "emails:preview", "overview:connected"}
PAGES = [
    name
    for name, rule in RULES.items()
    if rule.method == "get" and "export" not in name and name not in NOT_OURS
]
NO_PAGE = {
    "api:access",
    "branding:colours",
    "branding:picture",
    "overview:healthz",
    "pay:card",
    "pay:invoice",
    "pay:renew",
    "recovery:calendar_feed",
    "set_theme",
    "webhooks:stripe",
}
FRONT = sorted({*PUBLIC, *SIGNED_IN} - NO_PAGE)


@pytest.fixture
def membership():
    return MembershipFactory(merchant__name="Willow Studio")


def front_address(name: str) -> str:
    if name.startswith(("pay:", "mail:")):
        return reverse(name, args=["a-token"])
    return reverse(name, args=["1", "a-b"] if name.endswith("from_key") else [])


@pytest.mark.parametrize("name", PAGES)
def test_a_page_has_one_heading_a_title_and_no_style_or_script_of_its_own(client, membership, name):
    client.force_login(membership.user)
    record = RULES[name].record
    record_id = a_record(record, membership.merchant) if record else 0

    response = client.get(address(name, record_id))

    page = response.content.decode()
    assert response.status_code == 200
    assert not FORBIDDEN.search(page)
    assert page.count("<h1") == 1
    assert page.count("<main") == 1
    (title,) = re.findall(r"<title>(.+?)</title>", page, re.DOTALL)
    assert title.endswith(" · Willow Studio · Recoup")
    assert "<" not in title
    assert '<a class="skip" href="#main">' in page
    assert page.count('aria-current="page"') >= 1, "the navigation says where one is"


@pytest.mark.parametrize("name", FRONT)
def test_pages_in_front_have_no_style_or_script_of_their_own(client, membership, name):
    if name in SIGNED_IN:
        client.force_login(membership.user)

    page = client.get(front_address(name), follow=True).content.decode()

    assert not FORBIDDEN.search(page)
    assert page.count("<h1") == 1


def test_every_answer_carries_the_strict_policy(client):
    policy = client.get("/login/")["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self';" in f"{policy};"
    assert "style-src 'self';" in f"{policy};"
    assert "unsafe" not in policy


def test_htmx_evaluates_nothing(client):
    page = client.get("/login/").content.decode()

    assert '"allowEval":false' in page
    assert '"includeIndicatorStyles":false' in page
    assert '"historyCacheSize":0' in page


@pytest.mark.parametrize("livemode", [True, False])
def test_test_mode_shows_on_every_page(client, livemode):
    membership = MembershipFactory(merchant__livemode=livemode)
    client.force_login(membership.user)

    page = client.get("/sales/transactions/").content.decode()

    assert ("Test mode" in page) is not livemode
    assert ('class="test-bar"' in page) is not livemode


def test_unknown_addresses_offer_a_search(client):
    response = client.get("/sales/nowhere/")

    assert response.status_code == 404
    assert b"Not here." in response.content
    assert b'name="q"' in response.content


def test_a_forged_form_is_told_kindly():
    client = Client(enforce_csrf_checks=True)

    response = client.post("/theme/", {"theme": "dark"})

    assert response.status_code == 403
    assert b"Nothing was done." in response.content


def test_a_failure_is_logged_under_the_word_that_is_shown(rf, caplog, django_assert_num_queries):
    request = rf.get("/sales/transactions/")
    request.COOKIES["theme"] = "dark"

    with caplog.at_level(logging.ERROR), django_assert_num_queries(0):
        response = server_error(request)

    page = response.content.decode()
    (word,) = re.findall(r"<code>(\w+)</code>", page)
    assert response.status_code == 500
    assert word in caplog.text
    assert 'data-theme="dark"' in page
    assert not FORBIDDEN.search(page)
