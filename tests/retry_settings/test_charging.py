"""The merchant's kill switch: asked first, on record, and visible on every page while off."""

import pytest
from django.urls import reverse

from apps.accounts.models import AuditEntry, Installation, Role
from tests.accounts.factories import MembershipFactory

pytestmark = pytest.mark.django_db

PAGE = reverse("retry_settings:settings")
ON, OFF = reverse("retry_settings:charging_on"), reverse("retry_settings:charging_off")
BANNER = "Recoup charges nobody now."


def sign_in(client, role=Role.ADMIN):
    membership = MembershipFactory(role=role)
    client.force_login(membership.user)
    return membership.merchant


def test_off_and_on_again(client):
    merchant = sign_in(client)
    assert "Charging: on" in client.get(PAGE).content.decode()

    page = client.post(OFF, follow=True).content.decode()
    merchant.refresh_from_db()
    assert merchant.charging_on is False
    assert "Charging: off" in page
    assert "Charging is off. Nobody is charged." in page
    assert BANNER in page

    page = client.post(ON, follow=True).content.decode()
    merchant.refresh_from_db()
    assert merchant.charging_on is True
    assert BANNER not in page
    assert [entry.after for entry in AuditEntry.objects.order_by("id")] == [
        {"charging_on": False},
        {"charging_on": True},
    ]


@pytest.mark.parametrize(
    ("address", "words"), [(OFF, "Switch charging off?"), (ON, "Switch charging on?")]
)
def test_without_script_a_page_asks_and_changes_nothing(client, address, words):
    merchant = sign_in(client)

    page = client.get(address).content.decode()

    merchant.refresh_from_db()
    assert words in page
    assert merchant.charging_on is True
    assert not AuditEntry.objects.exists()


def test_the_page_asks_in_a_dialog_first(client):
    sign_in(client)

    page = client.get(PAGE).content.decode()

    assert 'data-dialog="charging-dialog"' in page
    assert f'action="{OFF}"' in page


def test_a_second_click_changes_and_records_nothing(client):
    sign_in(client)

    client.post(OFF)
    client.post(OFF)

    assert AuditEntry.objects.count() == 1


@pytest.mark.parametrize("role", [Role.VIEWER, Role.SUPPORT])
def test_others_see_the_state_and_no_button(client, role):
    sign_in(client, role)

    page = client.get(PAGE).content.decode()

    assert "Charging: on" in page
    assert OFF not in page
    assert client.post(OFF).status_code == 403


PAGES = ["overview:home", "subscriptions:list", "transactions:list", "recovery:list"]


@pytest.mark.parametrize("name", [*PAGES, "customer_payments:settings"])
def test_every_page_says_so_while_it_is_off(client, name):
    merchant = sign_in(client, Role.VIEWER)
    assert BANNER not in client.get(reverse(name)).content.decode()
    merchant.charging_on = False
    merchant.save()

    assert BANNER in client.get(reverse(name)).content.decode()


def test_the_operators_reason_is_shown(client):
    sign_in(client)
    Installation.objects.create(charging_on=False, charging_reason="We look into wrong amounts.")

    page = client.get(reverse("overview:home")).content.decode()

    assert BANNER in page
    assert "We look into wrong amounts." in page
