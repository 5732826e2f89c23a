"""The page that takes imported cases over: a number, what it means, and nothing by accident."""

import pytest
from django.urls import reverse

from apps import clock
from apps.accounts.models import Role
from apps.recovery.models import RecoveryCase
from tests.accounts.factories import MembershipFactory
from tests.recovery.builders import DAY, FAILED_AT
from tests.recovery.factories import CaseFactory

LIST, TAKE_OVER = reverse("recovery:list"), reverse("recovery:take_over")


@pytest.fixture(autouse=True)
def imported(merchant, monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: FAILED_AT + DAY)
    return CaseFactory.create_batch(
        2,
        merchant=merchant,
        source=RecoveryCase.Source.IMPORT,
        engine=RecoveryCase.Engine.STRIPE,
        takeover=RecoveryCase.Takeover.NONE,
        failed_at=FAILED_AT,
        opened_at=FAILED_AT,
    )


def sign_in(client, merchant, role=Role.ADMIN):
    client.force_login(MembershipFactory(merchant=merchant, role=role).user)


def test_the_list_says_how_many_are_only_watched(client, merchant):
    sign_in(client, merchant)

    page = client.get(LIST).content.decode()

    assert "2 imported cases are only watched" in page
    assert TAKE_OVER in page


def test_a_viewer_reads_it_but_is_offered_nothing(client, merchant):
    sign_in(client, merchant, Role.VIEWER)

    page = client.get(LIST).content.decode()

    assert "2 imported cases are only watched" in page
    assert TAKE_OVER not in page
    assert client.post(TAKE_OVER, {"count": 2}).status_code == 403


def test_asking_changes_nothing_and_names_number_and_amount(client, merchant):
    sign_in(client, merchant)

    page = client.get(TAKE_OVER).content.decode()

    assert "Take over 2 cases?" in page
    assert "$298.00" in page
    assert RecoveryCase.objects.filter(source="import").count() == 2


def test_the_confirmed_number_makes_them_ours(client, merchant):
    sign_in(client, merchant)

    client.post(TAKE_OVER, {"count": 2})

    assert RecoveryCase.objects.filter(source="live", takeover="wanted").count() == 2
    assert "only watched" not in client.get(LIST).content.decode()


@pytest.mark.parametrize("count", ["3", "", "many"])
def test_another_number_does_nothing(client, merchant, count):
    sign_in(client, merchant)

    client.post(TAKE_OVER, {"count": count})

    assert RecoveryCase.objects.filter(source="import").count() == 2
