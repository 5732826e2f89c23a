"""Invoices that customers pay by hand: written about around the due day, and never after it is paid."""

import datetime as dt

import pytest

from apps.dunning.mails.kinds import OF_INVOICES, MailKind
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services import sending
from apps.dunning_emails.services.invoices import plan_invoices
from apps.dunning_emails.services.settings import switch_kind
from apps.recovery.models import RecoveryCase
from apps.transactions.models import Transaction
from tests.dunning_emails.factories import EmailSettingsFactory
from tests.story.world import DAY, HOUR

MINUTE = dt.timedelta(minutes=1)


class Desk:
    """A merchant who sends invoices, and one customer."""

    def __init__(self, world) -> None:
        self.world = world
        world.choose()
        self.switch(on=True)
        self.customer = world.sandbox.create_customer(
            name="Sofia Rossi", email="sofia@example.com", address={"country": "US", "state": "NY"}
        )

    def switch(self, *kinds: MailKind, on: bool) -> None:
        for kind in kinds or OF_INVOICES:
            switch_kind(
                merchant=self.world.merchant, kind=kind, on=on, user=None, now=self.world.now
            )

    def send(self, *, days: int = 30, **fields) -> str:
        """Send an invoice over $300; return its id."""
        world, customer = self.world, self.customer["id"]
        item = {"customer": customer, "amount": 30_000, "currency": "usd"}
        world.ask("POST", "/v1/invoiceitems", {**item, "description": "Portrait session"})
        draft = world.ask(
            "POST",
            "/v1/invoices",
            {
                "customer": customer,
                "pending_invoice_items_behavior": "include",
                "collection_method": "send_invoice",
                "days_until_due": days,
                **fields,
            },
        )
        sent = world.ask("POST", f"/v1/invoices/{draft['id']}/finalize")
        world.settle_down()
        return str(sent["id"])


@pytest.fixture
def desk(make_world) -> Desk:
    return Desk(make_world())


def steps(status="sent") -> list[str]:
    return list(
        Mail.objects.filter(status=status).order_by("sent_at", "pk").values_list("step", flat=True)
    )


def test_an_unpaid_invoice_is_sent_and_reminded_of_six_times(desk, mailoutbox):
    desk.send()
    desk.world.advance(60 * DAY)

    assert steps() == [
        "invoice_sent",
        "reminder_-10",
        "reminder_-3",
        "reminder_+0",
        "reminder_+3",
        "reminder_+7",
        "reminder_+14",
    ]
    assert len(mailoutbox) == 7
    assert not RecoveryCase.objects.exists()


def test_each_says_when_it_is_due_and_leads_to_stripes_page(desk, mailoutbox):
    invoice_id = desk.send()
    desk.world.advance(60 * DAY)

    first, *_, on_the_day, after, _, _ = [mail.body for mail in mailoutbox]
    assert "here is your invoice" in first
    assert "$300.00, due on Dec 2." in first
    assert f"test_{invoice_id}" in first
    assert "due today" in on_the_day
    assert "due since Dec 2" in after
    for body in (first, on_the_day, after):
        assert "failed" not in body
        assert "did not go through" not in body


def test_what_is_left_of_a_part_payment_is_asked_for(desk, mailoutbox):
    invoice_id = desk.send()
    desk.world.sandbox.customer_pays_part(invoice_id, 20_000)
    desk.world.advance(21 * DAY)

    assert "$100.00" in mailoutbox[-1].body


@pytest.mark.parametrize("end", ["pay", "void", "mark_uncollectible"])
def test_nothing_is_written_once_it_is_over(desk, mailoutbox, end):
    invoice_id = desk.send()
    desk.world.advance(21 * DAY)
    written = len(mailoutbox)
    if end == "pay":
        desk.world.sandbox.customer_pays(invoice_id)
    else:
        desk.world.ask("POST", f"/v1/invoices/{invoice_id}/{end}")
    desk.world.advance(60 * DAY)

    assert len(mailoutbox) == written == 2
    assert not Mail.objects.filter(status="scheduled").exists()


def test_paid_and_nobody_told_us_no_reminder_goes_out(desk, mailoutbox):
    invoice_id = desk.send()
    desk.world.advance(HOUR)
    desk.world.post.switch("drop_for_ever")
    desk.world.sandbox.customer_pays(invoice_id)
    Mail.objects.filter(status="scheduled").update(due_at=desk.world.now)
    desk.world.sandbox.advance(21 * DAY)

    desk.world.settle_down()

    assert len(mailoutbox) == 1
    assert Mail.objects.get(step="reminder_-10").why == "The invoice is paid."


def test_while_a_bank_works_on_it_nothing_is_written(desk, mailoutbox):
    invoice_id = desk.send()
    account = desk.world.sandbox.create_bank_account(desk.customer)
    desk.world.sandbox.customer_pays(invoice_id, method=account)
    desk.world.settle_down()

    assert Transaction.objects.get().is_processing
    assert not Mail.objects.filter(status="scheduled").exists()


def test_without_stripes_word_a_reminder_waits(desk, mailoutbox):
    desk.send()
    desk.world.advance(HOUR)
    Mail.objects.filter(status="scheduled").update(due_at=desk.world.now)
    desk.world.sandbox.faults.add("timeout_before", method="GET", path="/v1/invoices/*", times=4)

    sending.send_due(now=desk.world.now)

    waiting = Mail.objects.get(status="scheduled")
    assert waiting.due_at > desk.world.now
    assert len(mailoutbox) == 1


def test_a_plan_made_again_and_again_sends_nothing_twice(desk, mailoutbox):
    desk.send()
    for _ in range(12):
        plan_invoices(now=desk.world.now)
        desk.world.advance(5 * DAY)
        plan_invoices(now=desk.world.now)

    assert len(mailoutbox) == len(set(steps())) == 7


def test_off_is_off_and_older_invoices_stay_quiet(desk, mailoutbox):
    desk.switch(on=False)
    desk.send()
    desk.world.advance(DAY)
    desk.switch(on=True)
    plan_invoices(now=desk.world.now)
    desk.world.advance(50 * DAY)

    assert mailoutbox == []


def test_new_days_hold_for_what_is_still_to_come(desk, mailoutbox):
    desk.send()
    desk.world.advance(HOUR)
    EmailSettingsFactory(merchant=desk.world.merchant, invoice_days=[-5, 1], version=1)
    Mail.objects.filter(status="scheduled").delete()
    plan_invoices(now=desk.world.now)
    desk.world.advance(60 * DAY)

    assert steps() == ["invoice_sent", "reminder_-5", "reminder_+1"]


def test_what_stripe_charges_by_itself_gets_no_reminder(desk, mailoutbox):
    desk.send(collection_method="charge_automatically", days_until_due="")
    desk.world.advance(5 * DAY)

    assert not Mail.objects.filter(kind__in=OF_INVOICES).exists()
