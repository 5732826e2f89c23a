import datetime as dt
import re
from dataclasses import replace
from html import unescape

import pytest
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.customer_payments.services import save_settings
from apps.dunning.access import AccessRules
from apps.dunning.presets import PRESETS, RECOMMENDED
from apps.dunning.provider_notes import ProviderNotes
from apps.retry_settings.forms import draft_of
from apps.retry_settings.models import RetrySettings, StripeNotes
from apps.retry_settings.services import (
    rules_for,
    save_rules,
    save_stripe_notes,
    stored_rules,
)
from tests.accounts.factories import MembershipFactory, UserFactory
from tests.dunning_emails.factories import MailTemplateFactory

pytestmark = pytest.mark.django_db

PAGE = reverse("retry_settings:settings")
SAVE = reverse("retry_settings:save")
PREVIEW = reverse("retry_settings:preview")
HTMX = {"HX-Request": "true", "HX-Target": "retry"}
WEDNESDAY = dt.datetime(2026, 11, 18, 15, 0, tzinfo=dt.UTC)
CUSTOM = PRESETS["days_3_5_7"].rules


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: WEDNESDAY)


@pytest.fixture
def merchant(client):
    """A merchant in New York, whose admin is signed in."""
    membership = MembershipFactory(role=Role.ADMIN)
    client.force_login(membership.user)
    return membership.merchant


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def keep(merchant, rules, user=None):
    version = stored_rules(merchant).version
    return save_rules(
        merchant=merchant, rules=rules, expected_version=version, user=user, now=WEDNESDAY
    )


class TestPage:
    def test_on_day_one_stripe_retries_and_the_page_says_where_to_set_it(self, client, merchant):
        page = text(client.get(PAGE))

        assert "Stripe runs the retries." in page
        assert "Billing > Revenue recovery > Retries" in page
        assert "Settings > Billing > Subscriptions and emails > Manage failed payments" in page
        assert "Use custom retry schedule" in page

    def test_choosing_recoup_on_day_one_opens_with_the_recommended_table(self, client, merchant):
        draft = client.get(PAGE).context["form"].draft

        form = client.post(SAVE, draft | {"engine": "recoup", "do": "noop"}).context["form"]

        assert form.cleaned_data["rules"] == RECOMMENDED

    def test_says_plainly_that_recoup_runs_the_retries(self, client, merchant):
        keep(merchant, RECOMMENDED)

        assert "Recoup runs the retries." in text(client.get(PAGE))

    def test_every_preset_is_offered_with_its_source(self, client, merchant):
        page = text(client.get(PAGE))

        for preset in PRESETS.values():
            if preset.rules.engine == "recoup":
                assert preset.title in page
                assert preset.source in page

    def test_each_choice_tells_its_consequence(self, client, merchant):
        page = text(client.get(PAGE))

        assert "switches off Stripe's retries, and with them Stripe's reminders" in page
        assert "The customer must buy again to come back." in page
        assert "its next invoice is charged as usual" in page
        assert "Cases already open keep the rules they began with." in page

    def test_those_who_may_not_save_read_only(self, client, merchant):
        client.force_login(MembershipFactory(merchant=merchant, role=Role.SUPPORT).user)

        html = client.get(PAGE).content.decode()

        assert "Only owners and admins may change these settings." in html
        assert re.search(r'<fieldset class="stack"\s+disabled>', html)
        assert 'value="save"' not in html
        assert "preset:" not in html


class TestSave:
    def test_keeps_the_rules_and_who_set_them(self, client, merchant):
        response = client.post(SAVE, draft_of(CUSTOM, version=0) | {"do": "save"})

        assert response["Location"] == f"{PAGE}?saved"
        assert "Saved." in text(client.get(response["Location"]))
        assert rules_for(merchant).steps == CUSTOM.steps
        entry = AuditEntry.objects.get(action="retry_settings.save")
        assert entry.merchant == merchant
        assert entry.before["engine"] == "stripe"
        assert entry.after["engine"] == "recoup"

    def test_htmx_stays_on_the_page(self, client, merchant):
        response = client.post(SAVE, draft_of(CUSTOM, version=0) | {"do": "save"}, headers=HTMX)

        assert response.status_code == 200
        assert "<html" not in response.content.decode()
        assert "Saved." in text(response)
        assert response.context["form"].draft["version"] == "1"

    @pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "fragment"])
    def test_an_error_stands_at_its_field_and_the_text_is_kept(self, client, merchant, headers):
        draft = draft_of(CUSTOM, version=0) | {"wait-1": "0", "do": "save"}

        response = client.post(SAVE, draft, headers=headers)

        html = response.content.decode()
        assert response.status_code == 422
        assert '<a href="#id_wait-1">Retry 2: enter 1 to 30 days.</a>' in html
        assert re.search(r'name="wait-1"[^>]*value="0"[^>]*aria-invalid="true"', html)
        assert 'id="id_wait-1_error"' in html
        assert not RetrySettings.objects.exists()

    def test_an_error_shows_in_the_title(self, client, merchant):
        response = client.post(SAVE, draft_of(CUSTOM, version=0) | {"wait-1": "x"})

        assert text(response).startswith("Error: Retry settings")

    def test_two_people_editing_see_both_values_and_choose(self, client, merchant):
        ana = UserFactory(email="ana@example.com")
        keep(merchant, PRESETS["kajabi"].rules, ana)

        refused = client.post(SAVE, draft_of(CUSTOM, version=0) | {"do": "save"})

        page = text(refused)
        assert refused.status_code == 422
        assert "ana@example.com changed these settings while you were editing." in page
        assert "Now stored: Recoup retries, custom schedule (As Kajabi: 4 tries in 3 weeks)" in page
        assert "Yours: Recoup retries, custom schedule (Days 3, 5 and 7)" in page
        assert rules_for(merchant).name == "kajabi"

        client.post(SAVE, refused.context["form"].draft | {"do": "save"})

        assert rules_for(merchant).name == "days_3_5_7"

    def test_a_forged_version_is_an_error_and_no_crash(self, client, merchant):
        draft = draft_of(CUSTOM, version=0) | {"version": "x", "do": "save"}

        assert client.post(SAVE, draft).status_code == 422


class TestOptions:
    """Everything beside the schedule is kept, read back, and checked beside its field."""

    CHOSEN = {
        "one_off": "",
        "debits_recurring": "on",
        "rotates": "on",
        "midnight_debit_cards": "on",
        "jitter_minutes": "30",
        "minimum_gap_hours": "6",
    }

    def test_are_kept_and_shown_again(self, client, merchant):
        client.post(SAVE, draft_of(CUSTOM, version=0) | self.CHOSEN | {"do": "save"})

        rules = rules_for(merchant)
        assert [rules.recurring, rules.one_off] == [True, False]
        assert [rules.debits_recurring, rules.debits_one_off] == [True, False]
        assert [rules.rotates, rules.midnight_debit_cards] == [True, True]
        assert [rules.jitter_minutes, rules.minimum_gap_hours] == [30, 6]
        html = client.get(PAGE).content.decode()
        assert re.search(r'name="debits_recurring"[^>]*checked', html)
        assert not re.search(r'name="debits_one_off"[^>]*checked', html)
        assert re.search(r'name="jitter_minutes"[^>]*value="30"', html)

    def test_debits_and_the_backup_card_are_off_until_switched_on(self, client, merchant):
        client.post(SAVE, draft_of(CUSTOM, version=0) | {"do": "save"})

        rules = rules_for(merchant)
        assert [rules.debits_recurring, rules.debits_one_off, rules.backup_after] == [
            False,
            False,
            0,
        ]

    @pytest.mark.parametrize("subscription", ["cancel", "leave_past_due", "pause"])
    @pytest.mark.parametrize("invoice", ["leave_open", "uncollectible", "void"])
    def test_both_ends_and_the_backup_card_are_kept(self, client, merchant, subscription, invoice):
        ends = {"final_action": subscription, "invoice_action": invoice, "backup_after": "2"}

        client.post(SAVE, draft_of(CUSTOM, version=0) | ends | {"do": "save"})

        rules = rules_for(merchant)
        assert (rules.final_action, rules.invoice_action) == (subscription, invoice)
        assert rules.backup_after == 2
        html = client.get(PAGE).content.decode()
        assert re.search(rf'value="{subscription}"[^>]*checked', html)
        assert re.search(rf'value="{invoice}"[^>]*checked', html)

    def test_each_end_says_what_it_does_before_saving(self, client, merchant):
        page = text(client.get(PAGE))

        assert "It is not void: the customer may still pay it." in page
        assert "It cannot be paid any more, and this cannot be undone." in page
        assert "stay drafts that nobody is charged for" in page
        assert "“Mark as unpaid” exists only in Stripe's own settings" in page
        assert "never after a customer withdrew permission" in page

    def test_the_gaps_of_stripe(self, client, merchant):
        draft = draft_of(CUSTOM, version=0) | {"engine": "gaps", "gap_hours": "18"}

        client.post(SAVE, draft | {"do": "save"})

        rules = rules_for(merchant)
        assert (rules.engine, rules.gap_hours, rules.steps) == ("gaps", 18, CUSTOM.steps)
        assert "Recoup tries between them, never near one" in text(client.get(PAGE))

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("gap_hours", "0", "Enter 1 to 72."),
            ("minimum_gap_hours", "100", "Enter 1 to 72."),
            ("jitter_minutes", "x", "Enter 0 to 120."),
            ("final_action", "burn", "Select a valid choice."),
        ],
    )
    def test_an_error_stands_beside_its_field(self, client, merchant, field, value, words):
        draft = draft_of(CUSTOM, version=0) | {"engine": "gaps", field: value, "do": "save"}

        response = client.post(SAVE, draft)

        assert response.status_code == 422
        assert words in response.content.decode()
        assert field in response.context["form"].errors
        assert not RetrySettings.objects.exists()

    def test_no_kind_of_invoice_at_all_is_an_error(self, client, merchant):
        draft = draft_of(CUSTOM, version=0) | {"recurring": "", "one_off": "", "do": "save"}

        assert "Choose at least one kind of invoice" in text(client.post(SAVE, draft))

    def test_defaults_are_restored_on_the_page_and_not_stored(self, client, merchant):
        keep(merchant, CUSTOM)
        draft = draft_of(CUSTOM, version=1) | self.CHOSEN

        form = client.post(SAVE, draft | {"do": "defaults"}).context["form"]

        assert form.is_valid()
        assert form.cleaned_data["rules"] == RECOMMENDED
        assert form.draft["version"] == "1"
        assert rules_for(merchant).name == "days_3_5_7"

    def test_the_table_of_debits_tells_what_each_scheme_allows(self, client, merchant):
        page = text(client.get(PAGE))

        for scheme in ("ACH", "ACSS", "BECS Australia", "Bacs", "BECS New Zealand", "SEPA"):
            assert scheme in page
        assert "SEPA Retries 2 Within 30 days Minimum €20.00" in page
        assert "private preview" in page
        assert "A retried debit may fail again" in page
        assert "https://docs.stripe.com/payments/sepa-debit" in client.get(PAGE).content.decode()


class TestButtons:
    @pytest.mark.parametrize(
        ("do", "rows"),
        [("add", 4), ("remove:0", 2), ("up:1", 3), ("preset:fill_30_days", 8), ("down:9", 3)],
    )
    def test_work_without_script_and_store_nothing(self, client, merchant, do, rows):
        response = client.post(SAVE, draft_of(CUSTOM, version=0) | {"do": do})

        assert response.status_code == 200
        assert len(list(response.context["form"].rows)) == rows
        assert "data-changed" in response.content.decode()
        assert not RetrySettings.objects.exists()

    def test_keep_what_is_not_valid_yet_without_scolding(self, client, merchant):
        draft = draft_of(CUSTOM, version=0) | {"wait-0": "many", "do": "add"}

        html = client.post(SAVE, draft).content.decode()

        assert 'value="many"' in html
        assert "There is a problem" not in html
        assert "Fix the fields first" in html

    def test_enter_saves(self, client, merchant):
        html = client.get(PAGE).content.decode()
        form = html[html.index("data-guard") :]

        first = re.findall(r'<button[^>]+type="submit"[^>]*>', form)[0]
        assert 'value="save"' in first, "the first submit button is what Enter presses"


class TestBoughtAgain:
    def test_is_chosen_on_the_page_and_frozen_with_the_rules(self, client, merchant):
        keep(merchant, CUSTOM)
        draft = client.get(PAGE).context["form"].draft

        client.post(SAVE, draft | {"bought_again": "ask"})

        assert stored_rules(merchant).rules.bought_again == "ask"
        page = client.get(PAGE).content.decode()
        assert re.search(r'value="ask"[^>]*checked', page)
        assert not re.search(r'value="stop"[^>]*checked', page)
        assert "take the money twice" in page

    def test_another_value_is_refused_beside_the_field(self, client, merchant):
        keep(merchant, CUSTOM)

        response = client.post(SAVE, draft_of(CUSTOM, version=1) | {"bought_again": "charge"})

        assert response.status_code == 422
        assert text(response).count("Choose to stop, or to hold the case and ask.") == 2
        assert stored_rules(merchant).rules.bought_again == "stop"

    def test_the_defaults_stop(self, client, merchant):
        keep(merchant, replace(CUSTOM, bought_again="ask"))
        draft = client.get(PAGE).context["form"].draft

        form = client.post(SAVE, draft | {"do": "defaults"}).context["form"]

        assert form.cleaned_data["rules"].bought_again == "stop"


class TestPreview:
    def test_dates_the_fields_as_they_stand(self, client, merchant):
        draft = draft_of(CUSTOM, version=0) | {"wait-0": "2", "final_action": "cancel"}

        page = text(client.post(PREVIEW, draft))

        assert page == (
            "Canceled on Nov 24 if unpaid."
            " Day 0 Payment fails Wed, Nov 18, 10:00 AM"
            " Day 2 Retry 1 Fri, Nov 20, 10:00 AM"
            " Day 4 Retry 2 Sun, Nov 22, 10:00 AM Weekend"
            " Day 6 Retry 3 Tue, Nov 24, 10:00 AM"
            " Day 6 Subscription is canceled Tue, Nov 24, 10:00 AM · If nothing was paid"
            " No emails: none is switched on under Settings, Emails."
            " A failed payment takes no access: that is off under Settings, Customer Payments."
        )
        assert not RetrySettings.objects.exists()

    def test_the_day_of_the_end_moves_with_the_window_before_saving(self, client, merchant):
        draft = draft_of(CUSTOM, version=0) | {"final_action": "cancel"}

        assert "Canceled on Nov 25 if unpaid." in text(client.post(PREVIEW, draft))
        longer = text(client.post(PREVIEW, draft | {"wait-2": "26"}))
        assert "Canceled on Dec 19 if unpaid." in longer
        past_due = text(client.post(PREVIEW, draft | {"final_action": "leave_past_due"}))
        assert "Recoup stops on Nov 25 if unpaid." in past_due

    def test_shows_saved_mails_and_access_between_the_tries(self, client, merchant):
        MailTemplateFactory(merchant=merchant, kind="failed_1", on_since=WEDNESDAY)
        save_settings(
            merchant=merchant,
            revoke_on_failure=True,
            grant_on_success=True,
            details=AccessRules(revoke="first_failure", grace_days=4),
            expected_version=0,
            user=None,
            now=WEDNESDAY,
        )

        page = text(client.post(PREVIEW, draft_of(CUSTOM, version=0)))

        assert "Day 0 Email: Payment failed 1 Wed, Nov 18, 10:00 AM Day 3 Retry 1" in page
        assert "Retry 1 Sat, Nov 21, 10:00 AM Weekend Day 4 Access is revoked" in page

    def test_stripes_window_moves_the_day_before_the_note_is_kept(self, client, merchant):
        draft = draft_of(CUSTOM, version=0) | {"engine": "stripe"}

        def noted(days):
            notes = {"schedule": "smart", "tries": 4, "window_days": days}
            notes |= {"subscription_end": "cancel", "invoice_end": "unknown"}
            fields = {f"stripe-{name}": value for name, value in notes.items()}
            return text(client.post(PREVIEW, draft | fields))

        assert "Stripe's last try: by Dec 2 ." in text(client.post(PREVIEW, draft))
        assert "Stripe's last try: by Nov 25 . Stripe cancels the subscription" in noted(7)
        assert "Stripe's last try: by Dec 9 . Stripe cancels the subscription" in noted(21)
        assert not StripeNotes.objects.exists()

    def test_kept_notes_count_where_the_panel_is_not_on_the_page(self, client, merchant):
        save_stripe_notes(
            merchant=merchant, notes=ProviderNotes("smart", 4, 7), user=None, now=WEDNESDAY
        )
        draft = draft_of(CUSTOM, version=0) | {"engine": "gaps", "gap_hours": "9"}

        page = text(client.post(PREVIEW, draft))

        assert "4 tries in 7 days, as you noted" in page
        assert "never within 9 hours of Stripe's next try" in page
        assert page.count("Try by Stripe about") == 4

    def test_shows_the_payment_that_was_chosen(self, client, merchant):
        draft = draft_of(CUSTOM, version=0)
        chosen = {"sample_method": "sepa_debit", "sample_kind": "one_off"}

        off = text(client.post(PREVIEW, draft | chosen))
        on = text(client.post(PREVIEW, draft | chosen | {"debits_one_off": "on"}))

        assert "Retry" not in off.replace("retry settings", "")
        assert "switched off in the retry settings" in off
        assert "Retry 1" in on
        assert "Retry 2" in on
        assert "Retry 3" in text(client.post(PREVIEW, draft | {"sample_method": "barter"}))

    def test_shows_the_reason_that_was_chosen(self, client, merchant):
        draft = draft_of(RECOMMENDED, version=0)

        technical = text(client.post(PREVIEW, draft | {"sample": "technical"}))

        assert "Day 0 Retry 1 Wed, Nov 18, 11:00 AM" in technical

    def test_warns_of_a_schedule_that_outlives_the_next_invoice(self, client, merchant):
        draft = draft_of(CUSTOM, version=0) | {"wait-0": "30"}

        assert "two payments may be open at once" in text(client.post(PREVIEW, draft))
