import re

import pytest
from django.contrib.auth import get_user
from django.core import mail
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from apps.accounts.models import User
from tests.accounts.factories import MembershipFactory

pytestmark = pytest.mark.django_db

PASSWORD = "correct horse battery"


@pytest.fixture(autouse=True)
def _nobody_tried_before():
    """Tries are counted in the cache, which outlives a test."""
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def user():
    return MembershipFactory(user__email="ana@example.com").user


def sign_in(client, **changes):
    data = {"login": "ana@example.com", "password": PASSWORD} | changes
    return client.post(reverse("account_login"), data)


def test_the_right_password_opens_the_dashboard(client, user):
    response = sign_in(client, login="Ana@Example.com")

    assert response.status_code == 302
    assert response["Location"] == "/"
    assert get_user(client) == user


def test_one_comes_back_to_the_page_one_wanted(client, user):
    response = sign_in(client, next="/sales/recovery/")

    assert response["Location"] == "/sales/recovery/"


def test_a_wrong_password_is_told_first_and_keeps_the_email(client, user):
    response = sign_in(client, password="wrong")

    page = response.content.decode()
    assert not get_user(client).is_authenticated
    assert "There is a problem" in page
    assert 'value="ana@example.com"' in page
    assert "<title>Error: " in page


def test_sign_up_is_closed(client):
    response = client.post(
        reverse("account_signup"), {"email": "new@example.com", "password1": PASSWORD}
    )

    assert b"Sign-up is closed" in response.content
    assert not User.objects.exists()


def test_signing_out_needs_a_post(client, user):
    client.force_login(user)

    assert client.get(reverse("account_logout")).status_code == 200
    assert get_user(client).is_authenticated

    client.post(reverse("account_logout"))
    assert not get_user(client).is_authenticated


def test_a_forgotten_password_is_replaced_by_mail(client, user):
    response = client.post(reverse("account_reset_password"), {"email": "ana@example.com"})
    assert response["Location"] == reverse("account_reset_password_done")

    (link,) = re.findall(r"http://testserver(/password-reset/key/\S+)", str(mail.outbox[0].body))
    form = client.get(link, follow=True)
    new = {"password1": "another long word", "password2": "another long word"}
    response = client.post(form.request["PATH_INFO"], new)

    assert response["Location"] == reverse("account_reset_password_from_key_done")
    sign_in(Client(), password="another long word")
    user.refresh_from_db()
    assert user.check_password("another long word")


def test_a_used_link_says_so(client, user):
    response = client.get("/password-reset/key/1-abc-def/", follow=True)

    assert b"Link not valid" in response.content


def test_nobody_learns_whether_an_email_is_known(client, user):
    known = client.post(reverse("account_reset_password"), {"email": "ana@example.com"})
    unknown = client.post(reverse("account_reset_password"), {"email": "bo@example.com"})

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])


@pytest.mark.parametrize("name", ["account_change_password", "account_reauthenticate"])
def test_pages_about_oneself_have_our_look(client, user, name):
    client.force_login(user)

    assert b"recoup.css" in client.get(reverse(name)).content


def test_guessing_passwords_is_slowed_down(client, user):
    for _ in range(30):
        response = sign_in(client, password="wrong")
        if response.status_code == 429:
            break

    assert response.status_code == 429 or b"Too many" in response.content
    assert not get_user(client).is_authenticated
