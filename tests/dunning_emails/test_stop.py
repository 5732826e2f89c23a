"""A customer stops reminders by one click, and lets them come again; the rest still goes out."""

import re

import pytest
from django.test import Client

from apps.dunning_emails.models import Mail, NoReminders
from apps.dunning_emails.services.stopping import stop_url
from sandbox import cards
from tests.accounts.factories import MembershipFactory
from tests.dunning_emails.factories import MailFactory
from tests.dunning_emails.test_journeys import failed
from tests.story.world import DAY


@pytest.fixture
def reminded(shop, settings):
    """A customer who got the first mail and one reminder."""
    settings.PUBLIC_URL = "https://recoup.example"
    failed(shop, cards.declines("expired_card"))
    shop.world.advance(4 * DAY)
    gone = Mail.objects.filter(status="sent").order_by("sent_at")
    assert [row.kind for row in gone] == ["failed_1", "failed_2"]
    return shop


def path_in(message) -> str:
    found = re.fullmatch(r"<https://recoup\.example(/mail/reminders/[^>]+)>", message)
    return found[1]


def test_reminders_offer_one_click_and_the_first_word_does_not(reminded):
    first, reminder = reminded.inbox

    assert "List-Unsubscribe" not in first.extra_headers
    assert "No more reminders" not in first.body
    path = path_in(reminder.extra_headers["List-Unsubscribe"])
    assert reminder.extra_headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert f"No more reminders: https://recoup.example{path}" in reminder.body
    assert path in reminder.alternatives[0][0]
    assert "cus_" not in path
    assert "sofia" not in path


def test_one_click_stops_them_without_a_cookie_and_twice_is_once(reminded):
    path = path_in(reminded.inbox[-1].extra_headers["List-Unsubscribe"])
    program = Client(enforce_csrf_checks=True)

    for _ in range(2):
        answer = program.post(path, {"List-Unsubscribe": "One-Click"})
        assert answer.status_code == 200
        assert not answer.cookies

    assert NoReminders.objects.count() == 1
    case = reminded.world.case
    planned = Mail.objects.filter(case=case, status="scheduled")
    assert [row.kind for row in planned] == ["final_notice"]
    reminded.world.advance(25 * DAY)
    kinds = [row.kind for row in Mail.objects.filter(case=case, status="sent").order_by("sent_at")]
    assert kinds == ["failed_1", "failed_2", "final_notice"]


def test_a_scanner_changes_nothing_and_they_may_come_again(reminded):
    path = path_in(reminded.inbox[-1].extra_headers["List-Unsubscribe"])
    client = Client()

    page = client.get(path)
    assert page.status_code == client.head(path).status_code == 200
    assert page["Referrer-Policy"] == "no-referrer"
    assert "Stop reminders?" in page.content.decode()
    assert not NoReminders.objects.exists()
    assert "You get no more reminders" in client.post(path).content.decode()
    assert "Stop reminders?" in client.post(path, {"do": "again"}).content.decode()

    assert not NoReminders.objects.exists()
    planned = Mail.objects.filter(case=reminded.world.case, status="scheduled")
    assert [row.kind for row in planned] == ["failed_3"]


def test_the_customers_page_says_so(reminded, client):
    Client().post(path_in(reminded.inbox[-1].extra_headers["List-Unsubscribe"]))
    merchant = reminded.world.merchant
    client.force_login(MembershipFactory(merchant=merchant).user)
    customer = merchant.customers.get()

    html = client.get(f"/customers/{customer.stripe_customer_id}/").content.decode()

    assert "Asked for no more reminders on" in html


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["x", "0" * 32, "0" * 32 + ":abc", "a:b:c"])
def test_what_we_did_not_sign_stops_nothing(token):
    assert Client().post(f"/mail/reminders/{token}/").status_code == 404
    assert not NoReminders.objects.exists()


@pytest.mark.django_db
def test_without_https_no_one_click_is_promised():
    assert stop_url(MailFactory(kind="failed_2")).startswith("http://localhost:8000/mail/")
    assert stop_url(MailFactory(kind="failed_1", step="x")) == ""
    assert stop_url(MailFactory(kind="failed_2", step="y", person="user:1")) == ""
