"""The invariants: asked at each pay call, after each round of work, and of the end."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import TYPE_CHECKING

from django.db import connection
from django.db.models import Count, Q, Sum

from apps.dunning.rules import RetryRules
from apps.overview import invariants
from apps.recovery.models import Attempt, RecoveryCase, Try
from apps.recovery.services.evidence import ARRIVES_WITHIN
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.webhooks.models import DirtyObject, InboxEvent
from sandbox.billing.intents import fingerprint_of
from sandbox.billing.methods import method_for
from sandbox.types import Obj

if TYPE_CHECKING:
    from sandbox.simulation.world import World

Status = Attempt.Status

SKEW = dt.timedelta(seconds=30)
BENIGN_RACE = dt.timedelta(seconds=60)
KEY_LIFE = dt.timedelta(hours=23)
OFF_WITHIN = dt.timedelta(seconds=5)
HEALED_AFTER = dt.timedelta(minutes=40)
WITHOUT_BROKER = dt.timedelta(days=1)
"""How much later a wake-up may come where the broker loses many: each beat is a new chance."""
SETTLED = (Status.SUCCEEDED, Status.DECLINED, Status.NEEDS_CUSTOMER, Status.SKIPPED)
UNSETTLED = (Status.RUNNING, Status.UNKNOWN, Status.PROCESSING)
COUNTED = (Status.SUCCEEDED, Status.DECLINED, Status.NEEDS_CUSTOMER, Status.PROCESSING)

WAITS = {"24": 1, "25": 24, "26": 48, "27": 96, "28": 144, "29": 192, "30": 240}
"""Hours a Mastercard advice asks to wait.

Source: https://docs.rapyd.net/en/merchant-advice-codes
"""


class Broken(AssertionError):
    """A rule does not hold; `about` names the invoice where there is one."""

    def __init__(self, rule: str, words: str, *, about: str = "") -> None:
        super().__init__(f"{rule}: {words}")
        self.rule = rule
        self.about = about


class Referee:
    """Watches one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._keys: dict[int, tuple[str, dt.datetime]] = {}

    # At each call that charges, before it is carried out

    def before_pay(self, invoice_id: str, key: str) -> None:
        """Judge a pay call by what is committed at this moment."""
        if connection.in_atomic_block:
            raise Broken("M2", "a transaction is open over a call that charges", about=invoice_id)
        attempt = Attempt.objects.select_related("case").filter(key=key).first() if key else None
        if attempt is None or attempt.sent_at is None:
            raise Broken("M2", f"no committed attempt behind the key {key}", about=invoice_id)
        case = attempt.case
        if attempt.request.get("invoice") != invoice_id or case.stripe_invoice_id != invoice_id:
            raise Broken("M2", "the attempt names another invoice", about=invoice_id)
        invoice = self.world.sandbox.object("invoice", invoice_id)
        if case.currency != invoice["currency"]:
            raise Broken("M2", "the case names another currency", about=invoice_id)
        others = Attempt.objects.filter(case=case, status__in=UNSETTLED).exclude(pk=attempt.pk)
        if others.exists():
            raise Broken("M4", "another attempt of this invoice is not settled", about=invoice_id)
        now = self.world.sandbox.now()
        self._check_key(attempt, now)
        if attempt.due_at > now + SKEW:
            raise Broken(
                "M11", f"charged {attempt.due_at - now} before it is due", about=invoice_id
            )
        if case.closed_at is not None and now - case.closed_at > BENIGN_RACE:
            raise Broken("M10", f"charged though the case is {case.status}", about=invoice_id)
        self._check_switch(invoice_id)
        self._check_one_owner(case, invoice, now)
        self._check_ladder(attempt)
        self._check_network_wait(invoice, now)
        self._check_budget(invoice, now)

    def _check_key(self, attempt: Attempt, now: dt.datetime) -> None:
        """Hold an attempt to one key for ever, which nobody sends after 23 hours."""
        key, first_sent = self._keys.setdefault(attempt.pk, (str(attempt.key), now))
        about = attempt.case.stripe_invoice_id
        if key != str(attempt.key):
            raise Broken("M3", "an attempt was sent under a second key", about=about)
        if now - first_sent > KEY_LIFE + 2 * SKEW:
            raise Broken("M6", f"a key was sent again after {now - first_sent}", about=about)

    def _check_budget(self, invoice: Obj, now: dt.datetime) -> None:
        """Count every try of the card that is known, by Stripe or by us, of whatever invoice."""
        method = method_for(self.world.sandbox.books(), invoice)
        card = fingerprint_of(method) if method else None
        known = Try.objects.filter(fingerprint=card or "-", reached_network=True, at__lt=now)
        for most, span in ((15, dt.timedelta(days=30)), (10, dt.timedelta(days=1))):
            made = known.filter(at__gt=now - span + SKEW).count()
            if made >= most:
                words = f"try {made + 1} of a card in {span.days} days"
                raise Broken("M7", words, about=invoice["id"])

    def _check_switch(self, invoice_id: str) -> None:
        off, actor = self.world.off_since, self.world.stage.running
        asked_at = actor.committed_at if actor else None
        if off is not None and asked_at is not None and asked_at - off > OFF_WITHIN:
            raise Broken(
                "M15", f"charged while switched off since {off:%H:%M:%S}", about=invoice_id
            )

    def _check_one_owner(self, case: RecoveryCase, invoice: Obj, now: dt.datetime) -> None:
        retaken = self.world.retaken_at.get(invoice["id"])
        if retaken is not None and now - retaken < BENIGN_RACE:
            return
        ours = case.engine == RecoveryCase.Engine.RECOUP
        if ours and invoice["status"] == "open" and invoice["auto_advance"]:
            words = "charged while Stripe's own retries are on"
            raise Broken("M4", words, about=invoice["id"])

    def _check_ladder(self, attempt: Attempt) -> None:
        if attempt.trigger != Attempt.Trigger.SCHEDULE:
            return
        rules = RetryRules.from_json(attempt.case.rules)
        ladders = rules.table.values() if rules.strategy == "decline_aware" else ()
        most = max(len(ladder) for ladder in (rules.steps, *ladders))
        made = Attempt.objects.filter(
            case=attempt.case, trigger=Attempt.Trigger.SCHEDULE, sent_at__isnull=False
        )
        number = made.exclude(status=Status.SKIPPED).count()
        if number > most:
            words = f"retry {number} of at most {most}"
            raise Broken("M7", words, about=attempt.case.stripe_invoice_id)

    def _check_network_wait(self, invoice: Obj, now: dt.datetime) -> None:
        charges = [one for one in self.world.wire.charges_of(invoice["id"]) if one["outcome"]]
        last = charges[-1] if charges else None
        if last is None or last["status"] != "failed" or _brand(last) != "mastercard":
            return
        hours = WAITS.get(last["outcome"]["network_advice_code"] or "", 0)
        waited = now - dt.datetime.fromtimestamp(last["created"], dt.UTC)
        method = method_for(self.world.sandbox.books(), invoice)
        same_card = method is not None and fingerprint_of(method) == last["_fingerprint"]
        if same_card and waited < dt.timedelta(hours=hours) - SKEW:
            words = f"the network asked to wait {hours} hours, it was {waited}"
            raise Broken("M9", words, about=invoice["id"])

    # After each round of work

    def after_round(self) -> None:
        """Judge what the tables say against what Stripe did."""
        for one in self.world.sandbox.judge.violations:
            raise Broken(one.rule, one.message, about=self.world.wire.charged)
        for words in self.world.mailbox.broken:
            raise Broken("E1", words)
        self._check_truth()
        now = self.world.sandbox.now()
        if invariants.paid_twice(now).exists():
            raise Broken("M1", "an invoice has two successful tries")
        healthy_since = self.world.healthy_since
        if healthy_since is None or now - healthy_since < HEALED_AFTER:
            return
        patience = WITHOUT_BROKER if self.world.trouble.lost_messages else dt.timedelta(0)
        if self.world.off_since is None and invariants.late_attempts(now - patience).exists():
            raise Broken("L1", "a due attempt was not made within 15 minutes")
        if invariants.revoked_while_paid(now).exists():
            raise Broken("E2", "access is revoked though it was paid minutes ago")

    def _check_truth(self) -> None:
        """Hold every outcome against what Stripe did under the key: it is never a guess (M5)."""
        rows = Attempt.objects.filter(sent_at__isnull=False, status__in=SETTLED)
        books = self.world.sandbox.books()
        for key, status, invoice_id in rows.values_list("key", "status", "case__stripe_invoice_id"):
            charge = books.find("charge", self.world.wire.charges.get(str(key)))
            made = charge["status"] if charge else "none"
            wrong = (
                (status == Status.SUCCEEDED and made != "succeeded")
                or (status == Status.DECLINED and made != "failed")
                or (status == Status.SKIPPED and made != "none")
                or (status == Status.NEEDS_CUSTOMER and made == "succeeded")
            )
            if wrong and not self._may_be_the_customers(str(key)):
                words = f"an attempt is {status}, but at Stripe its charge is {made}"
                raise Broken("M5", words, about=invoice_id)

    def _may_be_the_customers(self, key: str) -> bool:
        """Tell a charge that the customer made just when an answer of ours was missing.

        Nothing at Stripe tells the two apart; neither is charged again.
        """
        made = self.world.wire.charges
        attempt = Attempt.objects.get(key=key)
        if made.get(key) is not None or attempt.last_sent_at is None:
            return False
        charge = self.world.sandbox.books().find("charge", attempt.stripe_charge_id)
        return (
            charge is not None
            and charge["id"] not in made.values()
            and charge["created"] <= (attempt.last_sent_at + ARRIVES_WITHIN).timestamp()
        )

    # When all is over and quiet

    def at_the_end(self) -> None:
        """Judge the whole: everything ended, and every table shows what Stripe shows."""
        self._check_everything_ended()
        for invoice in self.world.sandbox.objects("invoice"):
            self._check_invoice(invoice)
        self._check_subscriptions()
        self._check_counters()

    def _check_everything_ended(self) -> None:
        # A case that a person or a refund holds waits for a person, for as long as it takes.
        for case in RecoveryCase.objects.open().exclude(next_step="held")[:1]:
            words = f"still open: {case.next_step}, decided by {case.decide_by}, {case.reasons}"
            raise Broken("L2", words, about=case.stripe_invoice_id)
        for attempt in Attempt.objects.unsettled().select_related("case")[:1]:
            words = f"an attempt is still {attempt.status}"
            raise Broken("L2", words, about=attempt.case.stripe_invoice_id)
        for row in DirtyObject.objects.all()[:1]:
            raise Broken("L3", f"{row} was never read: {row.error}", about=row.stripe_id)
        for event in InboxEvent.objects.exclude(status=InboxEvent.Status.DONE)[:1]:
            raise Broken("W3", f"{event} was never taken in: {event.error}")

    def _check_invoice(self, invoice: Obj) -> None:
        invoice_id = invoice["id"]
        charges = self.world.wire.charges_of(invoice_id)
        paid = sum(one["amount"] for one in charges if one["status"] == "succeeded")
        if paid > invoice["amount_due"]:
            raise Broken("M1", f"{paid} collected of {invoice['amount_due']}", about=invoice_id)
        failed = any(one["status"] == "failed" for one in charges)
        is_first = invoice["billing_reason"] == "subscription_create"
        case = RecoveryCase.objects.filter(stripe_invoice_id=invoice_id).first()
        if case is None:
            # A canceled payment hides its charges: closed before we looked, nothing is to be seen.
            was_closed = invoice["status"] == "void" or invoice.get("_out_of_band")
            if failed and not is_first and not was_closed:
                raise Broken("W3", "it failed, and nobody opened a case", about=invoice_id)
            return
        self._check_ledger(invoice_id, charges)
        row = Transaction.objects.filter(stripe_invoice_id=invoice_id).first()
        if row is None or row.invoice_status != invoice["status"]:
            shown = row.invoice_status if row else "nothing"
            words = f"the row shows {shown}, Stripe says {invoice['status']}"
            raise Broken("W2", words, about=invoice_id)
        if invoice["status"] == "paid" and case.status in (RecoveryCase.Status.OPEN,):
            raise Broken("W2", f"paid, but the case is {case.status}", about=invoice_id)
        if case.status == RecoveryCase.Status.RECOVERED and invoice["status"] != "paid":
            raise Broken(
                "W2", f"recovered, but the invoice is {invoice['status']}", about=invoice_id
            )

    def _check_ledger(self, invoice_id: str, charges: list[Obj]) -> None:
        tries = Try.objects.filter(stripe_invoice_id=invoice_id)
        ours = tries.aggregate(
            paid=Sum("amount_minor", filter=Q(status=Try.Status.SUCCEEDED)),
            failed=Count(
                "id", filter=Q(status="failed") & ~Q(stripe_charge_id__startswith="none:")
            ),
        )
        theirs = {
            "paid": sum(one["amount"] for one in charges if one["status"] == "succeeded"),
            "failed": sum(one["status"] == "failed" for one in charges),
        }
        if {**ours, "paid": ours["paid"] or 0} != theirs:
            raise Broken("M13", f"our tries say {ours}, Stripe says {theirs}", about=invoice_id)

    def _check_subscriptions(self) -> None:
        owed = set(RecoveryCase.objects.values_list("stripe_subscription_id", flat=True))
        for row in Subscription.objects.filter(stripe_subscription_id__in=owed):
            theirs = self.world.sandbox.object("subscription", row.stripe_subscription_id)
            if row.status != theirs["status"]:
                words = f"the row shows {row.status}, Stripe says {theirs['status']}"
                raise Broken("W2", words, about=row.stripe_subscription_id)

    def _check_counters(self) -> None:
        carried_out = Q(attempts__trigger=Attempt.Trigger.SCHEDULE, attempts__status__in=COUNTED)
        counted = RecoveryCase.objects.annotate(made=Count("attempts", filter=carried_out))
        made_by = dict(counted.values_list("pk", "made"))
        for case in RecoveryCase.objects.all():
            made = made_by[case.pk]
            if case.retries_made != made:
                words = f"{case.retries_made} retries counted, {made} made"
                raise Broken("M7", words, about=case.stripe_invoice_id)
            for words in _lost_steps(case):
                raise Broken("L2", words, about=case.stripe_invoice_id)


def _lost_steps(case: RecoveryCase) -> Iterator[str]:
    """Tell of a case that says its tries are used up though steps of its schedule are left."""
    action = case.events.filter(kind="final_action").order_by("id").last()
    if action is None or not action.text.startswith("Tries used up"):
        return
    rules = RetryRules.from_json(case.rules)
    if rules.strategy == "custom" and case.retries_made < len(rules.steps):
        yield f"ended after {case.retries_made} of {len(rules.steps)} retries"


def _brand(charge: Obj) -> str:
    return str((charge["payment_method_details"].get("card") or {}).get("brand"))
