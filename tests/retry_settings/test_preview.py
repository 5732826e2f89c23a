"""What “a payment that fails today” shows, for every engine and every kind of payment."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

from apps.dunning.access import AccessRules
from apps.dunning.mails.kinds import MailKind
from apps.dunning.mails.rules import MailRules
from apps.dunning.outlook import Rulebook
from apps.dunning.presets import PRESETS, RECOMMENDED, SEED_TABLE
from apps.dunning.provider_notes import ProviderNotes
from apps.dunning.rules import RetryRules, Step
from apps.retry_settings.forms.preview import preview_of
from apps.retry_settings.forms.sample import Sample

NEW_YORK = ZoneInfo("America/New_York")
WEDNESDAY = dt.datetime(2026, 11, 18, 15, 0, tzinfo=dt.UTC)
LONG_AGO = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
TEN = dt.time(10)


def look(rules, sample=None, *, mails=None, access=None, stripe=None):
    return preview_of(
        Rulebook(rules, mails or MailRules(), access),
        sample=sample or Sample("generic_decline"),
        stripe=stripe or ProviderNotes(),
        zone=NEW_YORK,
        now=WEDNESDAY,
    )


class TestPreview:
    def test_dates_every_step_in_the_customers_zone(self):
        preview = look(replace(PRESETS["days_3_5_7"].rules, final_action="cancel"))

        assert [(step.title, f"{step.at:%a %b %-d %H:%M}", step.day) for step in preview.steps] == [
            ("Payment fails", "Wed Nov 18 10:00", 0),
            ("Retry 1", "Sat Nov 21 10:00", 3),
            ("Retry 2", "Mon Nov 23 10:00", 5),
            ("Retry 3", "Wed Nov 25 10:00", 7),
            ("Subscription is canceled", "Wed Nov 25 10:00", 7),
        ]
        assert [step.is_weekend for step in preview.steps] == [False, True, False, False, False]
        assert preview.ends_canceled

    def test_mails_and_access_stand_between_the_tries(self):
        mails = MailRules(on=dict.fromkeys((MailKind.FAILED_1, MailKind.FINAL_NOTICE), LONG_AGO))
        access = AccessRules(revoke="first_failure", grace_days=4)

        preview = look(PRESETS["days_3_5_7"].rules, mails=mails, access=access)

        assert [(step.title, step.day) for step in preview.steps] == [
            ("Payment fails", 0),
            ("Email: Payment failed 1", 0),
            ("Retry 1", 3),
            ("Access is revoked", 4),
            ("Retry 2", 5),
            ("Email: Final notice", 5),
            ("Retry 3", 7),
            ("Subscription stays past due", 7),
        ]
        assert preview.notes == ()

    def test_the_end_comes_before_the_mail_and_the_access_it_leads_to(self):
        preview = look(
            replace(PRESETS["days_3_5_7"].rules, final_action="cancel"),
            mails=MailRules(on={MailKind.CANCELED: LONG_AGO}),
            access=AccessRules(),
        )

        assert [step.title for step in preview.steps[-3:]] == [
            "Subscription is canceled",
            "Email: Subscription canceled",
            "Access is revoked",
        ]
        assert preview.notes == ()

    def test_a_backup_card_is_charged_once_where_the_rules_say_so(self):
        rules = PRESETS["days_3_5_7"].rules

        steps = look(replace(rules, backup_after=1)).steps

        backup = [step for step in steps if step.title == "Backup card"]
        assert [(step.day, step.detail) for step in backup] == [
            (3, "If the customer has one that may be charged")
        ]
        assert [step.title for step in steps].count("Retry 3") == 1
        assert "Backup card" not in [step.title for step in look(rules).steps]

    def test_says_what_is_not_there_because_it_is_off(self):
        notes = look(PRESETS["days_3_5_7"].rules).notes

        assert notes == (
            "No emails: none is switched on under Settings, Emails.",
            "A failed payment takes no access: that is off under Settings, Customer Payments.",
        )

    def test_a_short_schedule_waits_for_the_customer(self):
        preview = look(SEED_TABLE, Sample("card_velocity_exceeded"))

        assert [(step.kind, step.day) for step in preview.steps] == [
            ("failure", 0),
            ("retry", 7),
            ("wait", 7),
            ("end", 30),
        ]

    def test_warns_of_the_next_invoice_and_stripes_page(self):
        steps = tuple(Step(24 * 10, TEN) for _ in range(4))
        rules = RetryRules("recoup", "custom", steps)

        assert len(look(rules).warnings) == 2
        assert look(RECOMMENDED).warnings == ()

    def test_a_one_off_invoice_has_no_subscription_to_end_and_no_access_to_take(self):
        rules = replace(PRESETS["days_3_5_7"].rules, final_action="cancel", invoice_action="void")

        preview = look(
            rules,
            Sample("insufficient_funds", recurring=False),
            access=AccessRules(revoke="first_failure"),
        )

        assert preview.end.title == "Invoice voided"
        assert not preview.ends_canceled
        assert "A one-off invoice takes no access." in preview.notes
        assert "access" not in [step.kind for step in preview.steps]

    def test_a_one_off_invoice_left_to_stripe_is_shown_as_stripes(self):
        rules = replace(PRESETS["days_3_5_7"].rules, one_off=False)

        preview = look(rules, Sample("insufficient_funds", recurring=False))

        assert "retry" not in [step.kind for step in preview.steps]
        assert "One-off invoices are left to Stripe: their switch is off." in preview.notes


class TestPreviewOfBankDebits:
    DEBIT = Sample("insufficient_funds", method="sepa_debit")

    def test_follows_its_scheme_on_business_days_whatever_the_cards_schedule_is(self):
        rules = replace(PRESETS["days_3_5_7"].rules, debits_recurring=True)

        steps = look(rules, self.DEBIT).steps

        retries = [step for step in steps if step.kind == "retry"]
        assert len(retries) == 2
        assert not any(step.is_weekend for step in retries)
        assert [step.day for step in retries] != [3, 5, 7][:2]
        assert all(step.day <= 30 for step in retries)

    def test_switched_off_the_customer_is_asked_at_once_and_the_preview_says_why(self):
        steps = look(PRESETS["days_3_5_7"].rules, self.DEBIT).steps

        assert [step.kind for step in steps] == ["failure", "wait", "end"]
        assert "switched off in the retry settings" in steps[1].detail

    def test_each_kind_of_invoice_has_its_own_switch(self):
        rules = replace(PRESETS["days_3_5_7"].rules, debits_recurring=True)

        steps = look(rules, replace(self.DEBIT, recurring=False)).steps

        assert "retry" not in [step.kind for step in steps]
        assert "one-off invoices are not tried again" in steps[1].detail

    def test_nothing_is_assumed_of_stripes_own_debit_retries(self):
        preview = look(PRESETS["stripe_smart"].rules, self.DEBIT)

        assert [step.kind for step in preview.steps] == ["failure"]
        assert "Stripe retries bank debits by a switch of its own" in preview.notes[0]


class TestPreviewBesideStripe:
    SMART = PRESETS["stripe_smart"].rules

    def test_stripes_tries_fill_its_window_and_are_marked_as_assumed(self):
        preview = look(self.SMART, stripe=ProviderNotes("smart", 4, 21, "cancel"))

        tries = [step for step in preview.steps if step.kind == "stripe"]
        assert [(step.title, step.is_assumed) for step in tries] == [("Try by Stripe", True)] * 4
        assert (preview.end.title, preview.end.day) == ("Stripe cancels the subscription", 21)
        assert preview.end.is_assumed
        assert "4 tries in 21 days, as you noted." in preview.notes[0]

    def test_another_window_moves_the_end(self):
        ends = [
            look(self.SMART, stripe=ProviderNotes("smart", 8, days)).end.day for days in (7, 61)
        ]

        assert ends == [7, 61]

    def test_without_a_note_stripes_default_is_shown_as_such(self):
        preview = look(self.SMART)

        assert (preview.end.title, preview.end.day) == ("What follows is set in Stripe", 14)
        assert "8 tries in 14 days, as far as noted, else Stripe's default." in preview.notes[0]

    def test_ours_stand_between_stripes_and_keep_their_distance(self):
        rules = replace(PRESETS["days_3_5_7"].rules, engine="gaps", gap_hours=24)

        preview = look(rules, stripe=ProviderNotes("smart", 3, 21))

        kinds = [step.kind for step in preview.steps]
        assert kinds.count("retry") == 3
        assert kinds.count("stripe") == 3
        assert "never within 24 hours of Stripe's next try" in preview.notes[1]

    def test_switched_off_in_stripe_nothing_is_tried(self):
        preview = look(self.SMART, stripe=ProviderNotes("off"))

        assert [step.kind for step in preview.steps] == ["failure"]
        assert preview.notes[0].startswith("You noted that Stripe's retries are off")
