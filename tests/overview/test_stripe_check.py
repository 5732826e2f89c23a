import datetime as dt
import re
from html import unescape

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.dunning.provider_notes import ProviderNotes
from apps.retry_settings.models import StripeNotes
from apps.retry_settings.services import save_stripe_notes, stripe_notes
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.recovery.factories import CaseFactory, TryFactory

pytestmark = pytest.mark.django_db

CHECK, NOTE = reverse("overview:stripe_check"), reverse("retry_settings:note_stripe")
PAGE = reverse("retry_settings:settings")
NOW = dt.datetime(2026, 11, 18, 17, 0, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
POSTED = {
    "stripe-schedule": "smart",
    "stripe-tries": "4",
    "stripe-window_days": "14",
    "stripe-subscription_end": "cancel",
    "stripe-invoice_end": "leave",
}


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory(role=Role.ADMIN)
    client.force_login(membership.user)
    return membership.merchant


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def retried_by_stripe(merchant, times, every=DAY, **values):
    case = CaseFactory(
        merchant=merchant,
        engine="stripe",
        takeover="none",
        failed_at=NOW - 30 * DAY,
        offer_name="Watercolor",
        **values,
    )
    for n in range(times + 1):
        TryFactory(
            merchant=merchant,
            stripe_invoice_id=case.stripe_invoice_id,
            stripe_charge_id=f"ch_{case.pk}_{n}",
            at=case.failed_at + n * every,
            status="failed",
            amount_minor=14900,
            amount_due_minor=14900,
            amount_remaining_minor=14900,
            currency="usd",
        )
    return case


class TestNoting:
    def test_is_kept_shown_and_on_record(self, client, merchant):
        client.post(NOTE, POSTED)

        assert stripe_notes(merchant) == ProviderNotes("smart", 4, 14, "cancel", "leave")
        assert AuditEntry.objects.get(action="retry_settings.stripe_notes").after["tries"] == 4
        html = client.get(PAGE).content.decode()
        assert re.search(r'name="stripe-tries"[^>]*value="4"', html)
        assert "Noted. Nothing is changed in Stripe." in html

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"stripe-schedule": "custom"}, "Stripe offers at most 3 retries here."),
            ({"stripe-tries": "9"}, "less than or equal to 8"),
        ],
    )
    def test_what_stripe_does_not_offer_is_an_error(self, client, merchant, change, words):
        response = client.post(NOTE, POSTED | change)

        assert response.status_code == 422
        assert words in response.content.decode()
        assert not StripeNotes.objects.exists()

    def test_one_note_per_merchant(self, merchant):
        StripeNotes.objects.create(merchant=merchant, updated_at=NOW)

        with pytest.raises(IntegrityError), transaction.atomic():
            StripeNotes.objects.create(merchant=merchant, updated_at=NOW)


class TestCheck:
    def test_flags_what_real_invoices_contradict(self, client, merchant):
        client.post(NOTE, POSTED)
        retried_by_stripe(merchant, 5)
        retried_by_stripe(merchant, 3)

        page = text(client.get(CHECK))

        assert "1 invoice does not fit the note" in page
        assert "Watercolor Stripe made 5 retries; you noted 4." in page

    def test_also_a_window_that_is_longer(self, client, merchant):
        client.post(NOTE, POSTED)
        retried_by_stripe(merchant, 4, every=5 * DAY)

        assert "Stripe tried 20 days after the first; you noted 2 weeks." in text(client.get(CHECK))

    def test_what_fits_is_counted(self, client, merchant):
        client.post(NOTE, POSTED)
        retried_by_stripe(merchant, 4)

        assert "1 invoice that Stripe retried in the last 75 days fits" in text(client.get(CHECK))

    def test_cases_of_ours_and_of_others_say_nothing(self, client, merchant):
        save_stripe_notes(merchant=merchant, notes=ProviderNotes("off"), user=None, now=NOW)
        CaseFactory(merchant=merchant)
        retried_by_stripe(MerchantFactory(), 5)

        assert "there is nothing to compare" in text(client.get(CHECK))
