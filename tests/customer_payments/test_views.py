import datetime as dt
import re
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.customer_payments.models import Access, AccessStep
from apps.customer_payments.services import plan_runs, save_settings, settings_for
from apps.dunning.access import AccessRules, Ladder, Step
from apps.recovery.models import CaseEvent
from tests.accounts.factories import MembershipFactory, UserFactory
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SubscriptionFactory

pytestmark = pytest.mark.django_db

PAGE = reverse("customer_payments:settings")
SAVE = reverse("customer_payments:save")
NOON = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOON)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory(role=Role.ADMIN)
    client.force_login(membership.user)
    return membership.merchant


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def test_has_kajabis_place_and_words(client, merchant):
    page = text(client.get(PAGE))

    assert "Customer Payments" in page
    assert "Revoke and grant access" in page
    assert "Revoke access after the first failed payment" in page
    assert "Grant access again when the payment succeeds" in page
    assert "For subscriptions and payment plans." in page
    assert "Neither change triggers your grant automations" in page
    assert "Covers payments that are charged through Stripe." in page
    assert page.count("Not available for this payment type") == 2


def form_of(page, **changes) -> dict:
    """Give what a browser would send of the page as it stands, with changes."""
    form = page.context["form"]
    data = {
        bound.html_name: bound.value()
        for bound in form
        if bound.value() or (bound.value() == 0 and bound.value() is not False)
    }
    data["people"] = "leave"
    return data | changes


def test_both_are_off_on_day_one(client, merchant):
    html = client.get(PAGE).content.decode()

    for name in ("revoke_on_failure", "grant_on_success"):
        (box,) = re.findall(rf'<input[^>]*name="{name}"[^>]*>', html)
        assert "checked" not in box


def test_save_keeps_both_and_who_set_them(client, merchant):
    page = client.get(PAGE)
    response = client.post(SAVE, form_of(page, revoke_on_failure="on", grant_on_success="on"))

    page = client.get(response["Location"])
    assert "Saved." in text(page)
    stored = settings_for(merchant)
    assert (stored.revoke_on_failure, stored.grant_on_success) == (True, True)
    assert AuditEntry.objects.get(action="customer_payments.save").merchant == merchant


def test_a_box_left_empty_is_off(client, merchant):
    client.post(SAVE, form_of(client.get(PAGE), revoke_on_failure="on", grant_on_success="on"))

    sent = form_of(client.get(PAGE))
    del sent["revoke_on_failure"]
    client.post(SAVE, sent)

    stored = settings_for(merchant)
    assert (stored.revoke_on_failure, stored.grant_on_success) == (False, True)


def test_everything_the_toggles_leave_open_is_kept(client, merchant):
    SubscriptionFactory(merchant=merchant, stripe_product_id="prod_1", offer_name="Studio")
    sent = form_of(
        client.get(PAGE),
        revoke_on_failure="on",
        revoke_when="tries_used_up",
        grace_days="7",
        covers="chosen",
        offers=["prod_1"],
        at_end="keep",
        after_return="revoke",
        ladder_0_offer="prod_1",
        ladder_0_reason="technical",
        ladder_0_banner="0",
        ladder_0_revoked="9",
    )

    response = client.post(SAVE, sent)

    assert response.status_code == 302
    rules = settings_for(merchant).rules
    assert rules == AccessRules(
        revoke="tries_used_up",
        grace_days=7,
        offers=("prod_1",),
        ladders=(Ladder((Step("banner", 0), Step("revoked", 9)), ("prod_1",), ("technical",)),),
        at_end="keep",
        after_return="revoke",
    )
    again = form_of(client.get(PAGE))
    assert (again["ladder_0_banner"], again["ladder_0_revoked"], again["rows"]) == (0, 9, 2)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"grace_days": "31"}, "less than or equal to 30"),
        ({"covers": "chosen"}, "Choose at least one offer"),
        ({"ladder_0_banner": "5", "ladder_0_revoked": "2"}, "follow each other"),
        ({"ladder_0_revoked": "61"}, "less than or equal to 60"),
    ],
)
def test_what_makes_no_sense_comes_back_with_what_was_typed(client, merchant, changes, message):
    response = client.post(SAVE, form_of(client.get(PAGE), **changes))

    assert response.status_code == 422
    assert message in text(response)
    for name, value in changes.items():
        assert response.context["form"][name].value() == value
    assert settings_for(merchant).version == 0


class TestReview:
    @pytest.fixture
    def sent(self, client, merchant):
        for number in (1, 2):
            case = CaseFactory(
                merchant=merchant,
                stripe_customer_id=f"cus_{number}",
                stripe_subscription_id=f"sub_{number}",
                failed_at=NOON,
            )
            CaseEvent.objects.create(
                case=case,
                merchant=merchant,
                kind="opened",
                key="opened",
                at=NOON,
                text="Payment failed.",
                data={"counts_as_failure": True},
            )
        return form_of(client.get(PAGE), revoke_on_failure="on", people="revoke")

    def test_says_how_many_lose_access_now_and_saves_nothing_yet(self, client, merchant, sent):
        review = client.post(SAVE, sent)

        assert "This revokes access for 2 customers now." in text(review)
        assert settings_for(merchant).version == 0

    def test_revoke_and_save(self, client, merchant, sent):
        response = client.post(SAVE, sent | {"do": "revoke", "count": "2"})

        assert response.status_code == 302
        assert not AccessStep.objects.exists()
        page = client.get(PAGE)
        assert "0 of 2 customers done" in text(page)
        assert "every 2s" in page.content.decode()
        plan_runs(now=NOON)
        assert AccessStep.objects.due(now=NOON).count() == 2
        assert AuditEntry.objects.get().after["applies_to_open"] is True

    def test_another_count_is_shown_again(self, client, merchant, sent):
        review = client.post(SAVE, sent | {"do": "revoke", "count": "1"})

        assert "This revokes access for 2 customers now." in text(review)
        assert settings_for(merchant).version == 0

    def test_save_for_new_failures_only(self, client, merchant, sent):
        client.post(SAVE, sent | {"do": "leave", "count": "2"})

        assert settings_for(merchant).revoke_on_failure
        assert not AccessStep.objects.exists()

    def test_back_keeps_what_was_chosen(self, client, merchant, sent):
        page = client.post(SAVE, sent | {"do": "back", "count": "2"})

        assert page.context["form"]["revoke_on_failure"].value()
        assert settings_for(merchant).version == 0


def test_counts_who_is_past_due_and_that_they_keep_access(client, merchant):
    for number in (1, 2, 2):
        CaseFactory(
            merchant=merchant,
            stripe_customer_id=f"cus_{number}",
            stripe_subscription_id=f"sub_{number}",
        )
    CaseFactory(merchant=merchant, stripe_customer_id="cus_3", kind="one_off")
    CaseFactory(stripe_customer_id="cus_4")  # another merchant's
    Access.objects.create(
        merchant=merchant,
        stripe_customer_id="cus_2",
        stripe_product_id="prod_1",
        stripe_subscription_id="sub_2",
        state="revoked",
        changed_at=NOON,
    )

    page = text(client.get(PAGE))

    assert "2 customers are past due now. 1 of them has lost access." in page
    assert "those who are past due keep what they have unless you choose so below" in page
    assert "Leave the 2 customers as they are" in page


def test_two_people_editing_see_both_and_choose(client, merchant):
    save_settings(
        merchant=merchant,
        revoke_on_failure=True,
        grant_on_success=True,
        expected_version=0,
        user=UserFactory(email="ana@example.com"),
        now=NOON,
    )

    sent = form_of(client.get(PAGE))
    del sent["revoke_on_failure"]
    refused = client.post(SAVE, sent | {"version": 0})

    page = text(refused)
    assert refused.status_code == 422
    assert "ana@example.com changed these settings while you were editing." in page
    assert "revoke after the first failed payment, 0 grace days, grant on success." in page
    assert settings_for(merchant).revoke_on_failure

    client.post(SAVE, sent | {"version": refused.context["form"]["version"].value()})

    assert not settings_for(merchant).revoke_on_failure


def test_a_forged_version_is_an_error_and_no_crash(client, merchant):
    assert client.post(SAVE, {"version": "x"}).status_code == 422


def test_those_who_may_not_save_read_only(client, merchant):
    client.force_login(MembershipFactory(merchant=merchant, role=Role.VIEWER).user)

    html = client.get(PAGE).content.decode()

    assert '<fieldset class="stack" disabled>' in " ".join(html.split())
    assert "Only owners and admins may change these settings." in html
    assert "data-save-bar" not in html
