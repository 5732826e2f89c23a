"""Who loses access, and the page of one access."""

import datetime as dt

import pytest
from django.urls import reverse

from apps import clock
from apps.accounts.models import Role
from apps.customer_payments.models import Access, AccessEvent
from tests.accounts.factories import MembershipFactory
from tests.customer_payments.factories import AccessFactory, AccessStepFactory
from tests.customer_payments.test_views import text
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db

NOON = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
LOSING = reverse("access:losing")


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory(role=Role.SUPPORT)
    client.force_login(membership.user)
    return membership.merchant


def a_step(merchant, name="cus_1", **changes):
    access = AccessFactory(merchant=merchant, stripe_customer_id=name)
    case = CaseFactory(merchant=merchant, stripe_customer_id=name, offer_name="Studio")
    return AccessStepFactory(access=access, case=case, **{"due_at": NOON + DAY} | changes)


def test_lists_who_loses_access_until_tomorrow(client, merchant):
    a_step(merchant, "cus_tomorrow")
    a_step(merchant, "cus_later", due_at=NOON + 4 * DAY)
    a_step(merchant, "cus_notice", state="banner")
    a_step(merchant, "cus_over", status="dropped", settled_at=NOON)
    a_step(MembershipFactory().merchant, "cus_elsewhere")

    page = text(client.get(LOSING))

    assert "1 customer loses access tomorrow unless the payment comes in." in page
    assert "cus_tomorrow" in page
    for name in ("cus_later", "cus_notice", "cus_over", "cus_elsewhere"):
        assert name not in page


def test_the_address_of_the_address_plan_leads_there(client, merchant):
    response = client.get(reverse("recovery:list"), {"view": "losing-access"})

    assert response["Location"] == LOSING


def test_hold_and_let_go_on(client, merchant):
    step = a_step(merchant)
    hold = reverse("access:hold", args=[step.case_id])

    page = client.post(hold, {"next": LOSING}, follow=True)
    assert page.request["PATH_INFO"] == LOSING
    assert "Held: access stays as it is." in text(page)
    assert "Release" in text(page)

    client.post(reverse("access:release", args=[step.case_id]), {"next": "https://evil.test/"})
    step.refresh_from_db()
    assert step.status == "planned"


def test_a_person_revokes_and_gives_back_each_confirmed(client, merchant):
    row = SubscriptionFactory(merchant=merchant)
    revoke, grant = (reverse(f"access:{verb}", args=[row.pk]) for verb in ("revoke", "grant"))
    assert "Billing goes on" in text(client.get(revoke))
    assert not Access.objects.exists()

    page = client.post(revoke, follow=True)
    assert "Access revoked. It stays so until a person gives it back." in text(page)
    assert "Give access back" in text(page)
    again = client.post(revoke, follow=True)
    assert "Access is revoked already." in text(again)

    client.post(grant)
    assert [event.state for event in AccessEvent.objects.all()] == ["revoked", "granted"]


def test_viewers_see_it_and_have_no_buttons(client, merchant):
    row = SubscriptionFactory(merchant=merchant)
    client.force_login(MembershipFactory(merchant=merchant, role=Role.VIEWER).user)

    page = text(client.get(reverse("access:detail", args=[row.pk])))

    assert "Access of" in page
    assert "Revoke access" not in page


def test_a_one_off_case_says_that_it_is_not_available(client, merchant):
    case = CaseFactory(merchant=merchant, kind="one_off")

    page = text(client.get(reverse("access:case", args=[case.pk])))

    assert "Not available for this payment type." in page


def test_planned_steps_stand_on_the_page_of_the_case_with_the_way_to_change_them(client, merchant):
    step = a_step(merchant)
    step.case.stripe_subscription_id = "sub_1"
    step.case.save()

    page = client.get(reverse("recovery:case", args=[step.case_id]))

    assert "Planned: access revoked" in text(page)
    assert "Change access…" in text(page)
    assert reverse("access:case", args=[step.case_id]) in page.content.decode()
