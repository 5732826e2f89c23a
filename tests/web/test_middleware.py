"""The request's id in headers, logs and on the error page; the admin's own policy."""

import re

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import path, reverse

from apps import logs
from apps.accounts.models import Role, User
from apps.accounts.permissions import allow
from apps.web.views import server_error
from config.logs import FORMATTERS
from tests.accounts.factories import MembershipFactory


def show(request):
    return HttpResponse(str(dict(logs.context())))


@allow(Role.VIEWER)
def show_merchant(request):
    return show(request)


def broken(request):
    raise RuntimeError("sk_live_51HcanaryCanaryCANARY00 for sofia@example.com")


urlpatterns = [
    path("show", show),
    path("mine", show_merchant),
    path("broken", broken),
    path("login/", show, name="account_login"),
]
handler500 = server_error
here = pytest.mark.urls(__name__)


@here
def test_each_request_has_an_id_on_its_lines_and_its_answer(client):
    first, second = client.get("/show"), client.get("/show")

    assert first["X-Request-ID"] != second["X-Request-ID"]
    assert first["X-Request-ID"] in first.content.decode()
    assert "request_id" not in logs.context()


@here
@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("proxy-4711.a_b", True),
        ("short", False),
        ("x" * 65, False),
        ("line\nbreak-and-more", False),
        ("<script>alert(1)</script>", False),
    ],
)
def test_a_proxys_id_is_kept_if_it_looks_like_one(client, given, kept):
    response = client.get("/show", headers={"X-Request-ID": given})

    assert (response["X-Request-ID"] == given) is kept


@here
def test_the_error_page_names_the_id_of_the_log_lines_and_nothing_else(caplog):
    client = Client(raise_request_exception=False)

    response = client.get("/broken")

    page = response.content.decode()
    request_id = response["X-Request-ID"]
    assert response.status_code == 500
    assert re.search(rf"It is logged as\s*<code>{request_id}</code>", page)
    assert "canary" not in page.lower()
    assert "sofia" not in page
    assert request_id in caplog.text


@here
def test_a_missing_page_is_logged_with_the_id(client, caplog):
    response = client.get("/nowhere")

    line = next(one for one in caplog.records if one.name == "django.request")
    for formatter in FORMATTERS.values():
        assert response["X-Request-ID"] in formatter().format(line)


@here
def test_our_ids_are_never_taken_for_card_numbers(client):
    response = client.get("/show")

    assert not response["X-Request-ID"].isdecimal()


@here
@pytest.mark.django_db
def test_the_merchant_is_on_the_lines_of_a_page(client):
    membership = MembershipFactory()
    client.force_login(membership.user)

    page = client.get("/mine").content.decode()

    assert f"'merchant_id': {membership.merchant_id}" in page


@pytest.mark.django_db
@pytest.mark.parametrize(
    "name", ["admin:index", "admin:login", "admin:webhooks_inboxevent_changelist"]
)
def test_the_admin_has_its_own_policy(client, settings, name):
    client.force_login(
        User.objects.create_superuser("operator@example.com", "correct horse battery")
    )

    policy = client.get(reverse(name))["Content-Security-Policy"]

    assert "script-src 'self'" in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-src 'none'" in policy


def test_other_pages_have_the_products_policy(client):
    policy = client.get(reverse("account_login"))["Content-Security-Policy"]

    assert "frame-src 'self'" in policy
