"""Sent invoices by the merchant's rules: ended or credited once, never while a payment is under way."""

import datetime as dt

import pytest
from django.db import IntegrityError, transaction

from apps.accounts.models import AuditEntry, Merchant
from apps.dunning_emails.facts import settings_of
from apps.dunning_emails.models import InvoiceAct, Mail
from apps.dunning_emails.services import settings as mail_settings
from apps.dunning_emails.services.invoice_acts import acts_to_do, carry_out_act, find_acts
from apps.dunning_emails.tasks import end_invoices
from apps.recovery.models import RecoveryCase
from apps.stripe_gateway import client
from apps.stripe_gateway.errors import AccessDenied
from apps.transactions.models import Transaction
from tests.dunning_emails.test_invoices import Desk
from tests.story.world import DAY, HOUR


@pytest.fixture
def desk(make_world) -> Desk:
    return Desk(make_world())


def rule(desk, **changes) -> None:
    current = settings_of(desk.world.merchant)
    mail_settings.save_settings(
        merchant=desk.world.merchant,
        changes=changes,
        expected_version=current.version,
        user=None,
        now=desk.world.now,
    )


def at_work(desk) -> None:
    """Let a worker do what is due, and Stripe tell what came of it."""
    end_invoices()
    desk.world.settle_down()


def status(invoice_id: str, desk) -> str:
    return str(desk.world.sandbox.object("invoice", invoice_id)["status"])


def writes(desk) -> list[str]:
    calls = desk.world.calls()
    return [name for name in calls for _ in range(calls[name]) if name.startswith("POST")]


@pytest.mark.parametrize(
    ("end", "becomes", "shown"),
    [("void", "void", "void"), ("uncollectible", "uncollectible", "failed")],
)
def test_so_many_days_past_due_it_ends_once(desk, mailoutbox, end, becomes, shown):
    rule(desk, invoice_end=end, invoice_end_days=10)
    invoice_id = desk.send(days=30)
    desk.world.advance(39 * DAY)
    at_work(desk)
    assert status(invoice_id, desk) == "open"

    desk.world.advance(DAY + HOUR)
    desk.world.calls()
    at_work(desk)
    at_work(desk)

    assert status(invoice_id, desk) == becomes
    assert len(writes(desk)) == 1
    act = InvoiceAct.objects.get()
    assert (act.status, act.note) == ("done", "10 days past due and not paid.")
    assert Transaction.objects.get().status == shown
    entry = AuditEntry.objects.get(action=f"invoice.{end}")
    assert (entry.actor, entry.subject) == ("Recoup", invoice_id)
    assert not RecoveryCase.objects.exists()

    written = len(mailoutbox)
    desk.world.advance(20 * DAY)
    assert len(mailoutbox) == written
    assert not Mail.objects.filter(status="scheduled").exists()


def test_nothing_ends_by_itself_until_a_merchant_says_so(desk):
    invoice_id = desk.send(days=1)
    desk.world.advance(90 * DAY)
    at_work(desk)

    assert status(invoice_id, desk) == "open"
    assert not InvoiceAct.objects.exists()


def test_what_was_older_when_the_rule_was_saved_stays(desk):
    invoice_id = desk.send(days=1)
    desk.world.advance(40 * DAY)
    rule(desk, invoice_end="void", invoice_end_days=30)
    desk.world.advance(40 * DAY)
    at_work(desk)

    assert status(invoice_id, desk) == "open"


def overdue(desk, end="void") -> str:
    rule(desk, invoice_end=end, invoice_end_days=10)
    invoice_id = desk.send(days=30)
    desk.world.advance(40 * DAY + HOUR)
    assert find_acts(now=desk.world.now) == 1
    return invoice_id


def test_paid_and_nobody_told_us_it_is_left_alone(desk):
    invoice_id = overdue(desk)
    desk.world.post.switch("drop_for_ever")
    desk.world.sandbox.customer_pays(invoice_id)
    desk.world.calls()

    at_work(desk)

    assert writes(desk) == []
    act = InvoiceAct.objects.get()
    assert (act.status, act.note) == ("dropped", "The invoice is paid.")


def test_while_a_bank_works_on_it_it_waits(desk):
    invoice_id = overdue(desk)
    account = desk.world.sandbox.create_bank_account(desk.customer)
    desk.world.sandbox.customer_pays(invoice_id, method=account)
    desk.world.calls()
    at_work(desk)

    assert writes(desk) == []
    assert InvoiceAct.objects.get().status == "wanted"

    desk.world.advance(10 * DAY)
    at_work(desk)
    assert status(invoice_id, desk) == "paid"
    assert InvoiceAct.objects.get().status == "dropped"


def test_a_lost_answer_is_settled_by_what_stripe_shows(desk):
    invoice_id = overdue(desk)
    desk.world.sandbox.faults.add(
        "timeout_after", method="POST", path="/v1/invoices/*/void", times=3
    )
    at_work(desk)
    assert InvoiceAct.objects.get().status == "wanted"

    desk.world.advance(HOUR)
    at_work(desk)

    assert status(invoice_id, desk) == "void"
    assert InvoiceAct.objects.get().status == "done"
    assert AuditEntry.objects.filter(action="invoice.void").count() == 1


def test_without_stripes_word_nothing_is_sent(desk):
    invoice_id = overdue(desk)
    desk.world.sandbox.faults.add("timeout_before", method="GET", path="/v1/invoices/*", times=9)
    desk.world.calls()
    end_invoices()

    assert writes(desk) == []
    assert status(invoice_id, desk) == "open"
    assert InvoiceAct.objects.get().look_at > desk.world.now


def test_what_stripe_refuses_is_said_in_activity_and_asked_again_a_day_later(desk, monkeypatch):
    invoice_id = overdue(desk)

    def refuse(**_):
        raise AccessDenied("permission", "The key may not do that.")

    with monkeypatch.context() as patch:
        patch.setattr(client, "void_invoice", refuse)
        at_work(desk)
        at_work(desk)

    entry = AuditEntry.objects.get(action="invoice.void_refused")
    assert (entry.subject, entry.actor) == (invoice_id, "Recoup")
    assert "may not do that" in entry.after["why"]
    assert status(invoice_id, desk) == "open"

    desk.world.advance(DAY + HOUR)
    at_work(desk)
    assert status(invoice_id, desk) == "void"


def test_a_rule_taken_back_is_not_carried_out(desk):
    invoice_id = overdue(desk)
    rule(desk, invoice_end="leave")
    at_work(desk)

    assert status(invoice_id, desk) == "open"
    assert InvoiceAct.objects.get().status == "dropped"


def test_with_the_switch_off_nothing_is_changed_at_stripe(desk):
    invoice_id = overdue(desk)
    Merchant.objects.update(charging_on=False)
    desk.world.calls()

    assert acts_to_do(now=desk.world.now) == []
    assert not carry_out_act(act_id=InvoiceAct.objects.get().pk, now=desk.world.now)

    assert writes(desk) == []
    assert status(invoice_id, desk) == "open"


def test_two_workers_do_it_once(desk):
    overdue(desk)
    act = InvoiceAct.objects.get()
    InvoiceAct.objects.update(lease_until=dt.datetime.now(dt.UTC) + HOUR)
    desk.world.calls()

    assert not carry_out_act(act_id=act.pk, now=desk.world.now)
    assert desk.world.calls() == {}


def test_one_thing_at_a_time_is_done_to_an_invoice(desk):
    overdue(desk)
    act = InvoiceAct.objects.get()

    with pytest.raises(IntegrityError), transaction.atomic():
        InvoiceAct.objects.create(
            merchant=act.merchant,
            stripe_invoice_id=act.stripe_invoice_id,
            what="credit",
            currency="usd",
            wanted_at=act.wanted_at,
            look_at=act.look_at,
        )


class TestSmallRests:
    def part(self, desk, paid: int, **given) -> str:
        rule(desk, credit_up_to_minor=2_000, credit_currency="usd")
        invoice_id = desk.send(**given)
        desk.world.sandbox.customer_pays_part(invoice_id, paid)
        desk.world.settle_down()
        at_work(desk)
        return invoice_id

    def test_a_rest_within_the_amount_is_credited_and_the_invoice_counts_as_paid(
        self, desk, mailoutbox
    ):
        invoice_id = self.part(desk, 28_000)

        invoice = desk.world.sandbox.object("invoice", invoice_id)
        assert (invoice["status"], invoice["amount_paid"]) == ("paid", 28_000)
        (note,) = desk.world.sandbox.objects("credit_note")
        assert (note["amount"], note["invoice"]) == (2_000, invoice_id)
        act = InvoiceAct.objects.get()
        assert (act.what, act.status) == ("credit", "done")
        assert Transaction.objects.get().invoice_status == "paid"
        assert not RecoveryCase.objects.exists()
        desk.world.advance(60 * DAY)
        assert len(mailoutbox) == 1  # the invoice itself

    def test_a_larger_rest_is_still_owed(self, desk):
        invoice_id = self.part(desk, 27_999)

        assert status(invoice_id, desk) == "open"
        assert desk.world.sandbox.objects("credit_note") == []

    def test_it_is_off_by_default(self, desk):
        invoice_id = desk.send()
        desk.world.sandbox.customer_pays_part(invoice_id, 29_999)
        desk.world.settle_down()
        at_work(desk)

        assert status(invoice_id, desk) == "open"

    def test_a_lost_answer_credits_once(self, desk):
        desk.world.sandbox.faults.add(
            "timeout_after", method="POST", path="/v1/credit_notes", times=3
        )
        invoice_id = self.part(desk, 28_000)
        desk.world.advance(HOUR)
        at_work(desk)

        assert status(invoice_id, desk) == "paid"
        assert len(desk.world.sandbox.objects("credit_note")) == 1
        assert InvoiceAct.objects.get().status == "done"
