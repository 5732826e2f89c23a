"""Design bugs that others made and paid for, each put back into the product by a name.

reliability: a simulator that does not find a known bug proves nothing about unknown ones.
"""

import datetime as dt
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from unittest.mock import patch

from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import Merchant, MerchantQuerySet
from apps.customer_payments.services import reacting
from apps.dunning import guards, limits
from apps.dunning.rules import RetryRules, Step
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services import handing
from apps.recovery import facts
from apps.recovery.models import Attempt, AttemptQuerySet, RecoveryCase, Try
from apps.recovery.services import attempts, closing, guarding, observing, outcomes, settling
from apps.recovery.services.evidence import settle
from apps.recovery.services.planning import skip_attempt
from apps.stripe_gateway import client as gateway
from config.celery import app
from sandbox import cards
from sandbox.simulation.running import clear
from sandbox.simulation.trouble import Focus

HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)

CALM = {
    "crashes": 0.0,
    "lost_commits": 0.0,
    "pay_faults": 0.0,
    "read_faults": 0.0,
    "freezes": 0.0,
    "lost_messages": 0.0,
    "repeated_messages": 0.0,
    "webhooks": (),
    "outages": 0,
    "absences": 0,
    "acts": 0.0,
    "skew_seconds": 0,
}
DEAF = (("delay", 12 * 3_600),)
MANY = RetryRules("recoup", "custom", tuple(Step(5) for _ in range(8)), name="many")
DAILY = RetryRules("recoup", "custom", tuple(Step(24) for _ in range(4)), name="daily")


def poor(_: object) -> cards.Behaviour:
    return cards.declines("insufficient_funds")


def poor_once(_: object) -> cards.Behaviour:
    return cards.declines("insufficient_funds", times=1)


def focus(rules=DAILY, behaviour=poor, *, one_card=False, mails=False, only=(), **trouble) -> Focus:
    """Make a world about one thing, and otherwise calm."""
    return Focus(
        rules=rules,
        behaviour=behaviour,
        one_card=one_card,
        mails=mails,
        acts=only,
        trouble={**CALM, **trouble},
    )


@dataclass(frozen=True)
class Bug:
    """`into(stack)` puts it into the product; `rules` are those it may break first.

    `first` is the seed that shows it soonest, and `seeds` how many from there on may be needed.
    """

    name: str
    rules: set[str]
    into: Callable[[ExitStack], None]
    focus: Focus = field(default_factory=focus)
    first: int = 1
    seeds: int = 3
    customers: int = 4

    def __str__(self) -> str:
        return self.name


ZOO: list[Bug] = []


def bug(name: str, *rules: str, **options):
    """Keep a function that patches the product as a bug of the zoo."""

    def keep(into):
        ZOO.append(Bug(name, set(rules), into, **options))
        return into

    return keep


@bug(
    "claims a row that another worker claimed",
    "M7",
    "M12",
    "M5",
    focus=focus(workers=3, beats=2, repeated_messages=0.9),
    seeds=6,
    customers=2,
)
def _dropped_claim_condition(stack):
    def claim(*, attempt_id, now):
        if not Attempt.objects.due(now=now).filter(pk=attempt_id).exists():
            return False
        with transaction.atomic(durable=True):
            Attempt.objects.filter(pk=attempt_id).update(
                status="running", claimed_at=now, lease_until=timezone.now() + attempts.LEASE
            )
        return True

    stack.enter_context(patch.object(attempts, "claim", claim))


@bug(
    "takes a row over though its worker holds the lease",
    "M12",
    "M5",
    "M7",
    focus=focus(workers=3, beats=2, repeated_messages=0.5),
    first=3,
    seeds=6,
    customers=2,
)
def _lease_ignored(stack):
    def unsettled_attempts(*, limit=100):
        Attempt.objects.unsettled().update(lease_until=None)
        return list(Attempt.objects.unsettled().values_list("pk", flat=True)[:limit])

    settle_attempts = "apps.recovery.services.unsettled_attempts"
    stack.enter_context(patch(settle_attempts, unsettled_attempts))
    run = attempts.run_attempt

    def run_and_settle(*, attempt_id, now):
        app.send_task("recovery.settle_attempts")
        run(attempt_id=attempt_id, now=now)

    stack.enter_context(patch("apps.recovery.services.run_attempt", run_and_settle))


@bug("a new key on every sending", "M3", focus=focus(pay_faults=0.5, faults=("timeout_before",)))
def _new_key_on_replay(stack):
    send = attempts.send

    def send_anew(*, attempt, now, invoice):
        attempt.key = uuid.uuid4()
        attempt.save(update_fields=["key"])
        send(attempt=attempt, now=now, invoice=invoice)

    stack.enter_context(patch.object(settling, "send", send_anew))


@bug(
    "a key is repeated after Stripe forgot it",
    "M6",
    focus=focus(pay_faults=1.0, faults=("timeout_before",)),
    customers=1,
)
def _key_reused_after_a_day(stack):
    for module in (guarding, settling):
        stack.enter_context(patch.object(module, "KEY_LIFE", 30 * DAY))
    # Asked less often than in production, so that a day passes sooner.
    stack.enter_context(patch.object(outcomes, "ASK_AGAIN", 5 * HOUR))


@bug(
    "one try too many for a card",
    "M7",
    focus=focus(rules=MANY, one_card=True),
    customers=3,
)
def _cap_off_by_one(stack):
    more = tuple(replace(one, tries=one.tries + 1) for one in limits.CARD_LIMITS)

    def limits_for(brand, *, now):
        return limits.limits_for(brand, now=now, limits=more)

    stack.enter_context(patch.object(guards, "limits_for", limits_for))


@bug(
    "Stripe's own tries do not count",
    "M7",
    focus=focus(rules=MANY, one_card=True),
    customers=3,
)
def _budget_without_stripes_tries(stack):
    def ours(*, case, method, now, near):
        tries = Try.objects.filter(fingerprint=method.fingerprint, attempt__isnull=False)
        return tuple(tries.order_by("at").values_list("at", flat=True))

    stack.enter_context(patch.object(facts, "_card_tries", ours))


@bug(
    "no look at the rules before the call",
    "M10",
    "M8",
    "M15",
    focus=focus(acts=2.0, only=("cancels",), webhooks=DEAF),
    first=10,
    seeds=4,
)
def _no_check_before_the_call(stack):
    for module in (attempts, settling):
        stack.enter_context(patch.object(module, "forbidden", lambda **_: None))


@bug("the call goes before its record", "M2")
def _call_before_record(stack):
    def carry_out(*, attempt, now):
        case = attempt.case
        invoice = gateway.read_invoice(account=case.merchant, invoice_id=case.stripe_invoice_id)
        attempts.send(attempt=attempt, invoice=invoice, now=now)
        attempts._prepare(attempt_id=attempt.pk, invoice=invoice, now=now)

    stack.enter_context(patch.object(attempts, "_carry_out", carry_out))


@bug(
    "an hour without answer counts as a decline",
    "M5",
    focus=focus(
        behaviour=poor_once,
        pay_faults=1.0,
        read_faults=0.7,
        faults=("timeout_after",),
        webhooks=DEAF,
    ),
    first=2,
    seeds=6,
    customers=2,
)
def _time_turns_unknown_into_failed(stack):
    find_out = settling._find_out

    def give_up_waiting(*, attempt, lease, now):
        if now - attempt.sent_at < HOUR / 4:
            find_out(attempt=attempt, lease=lease, now=now)
            return
        with transaction.atomic(durable=True):
            locked = outcomes.lock_attempt(attempt.pk)
            settle(attempt=locked, status=Attempt.Status.DECLINED, now=now, note="No answer.")
            locked.case.save()

    stack.enter_context(patch.object(settling, "_find_out", give_up_waiting))


@bug(
    "a timeout counts as not executed",
    "M5",
    focus=focus(behaviour=poor_once, pay_faults=0.9, faults=("timeout_after",)),
)
def _timeout_is_no_charge(stack):
    def skip(*, attempt_id, why, now):
        with transaction.atomic(durable=True):
            attempt = outcomes.lock_attempt(attempt_id)
            skip_attempt(attempt=attempt, code="timeout", text=why, now=now)
            attempt.case.decide_by = now
            attempt.case.save()

    stack.enter_context(patch.object(outcomes, "record_unknown", skip))


@bug(
    "busy counts as a decline",
    "M5",
    focus=focus(pay_faults=0.9, faults=("rate_limit", "lock_timeout")),
)
def _busy_is_a_decline(stack):
    def decline(*, attempt_id, again_at, now):
        with transaction.atomic(durable=True):
            attempt = outcomes.lock_attempt(attempt_id)
            settle(attempt=attempt, status=Attempt.Status.DECLINED, now=now, note="Busy.")
            attempt.case.decide_by = now
            attempt.case.save()

    stack.enter_context(patch.object(outcomes, "put_back", decline))


@bug("the ladder is counted from rows", "L2", focus=focus(acts=4.0), first=10, seeds=12)
def _ladder_counted_from_rows(stack):
    case_facts = facts.case_facts

    def counted(*, case, **given):
        made = case.attempts.exclude(status="scheduled").count()
        return replace(case_facts(case=case, **given), retries_made=made)

    for module in ("planning", "guarding", "imported"):
        stack.enter_context(patch(f"apps.recovery.services.{module}.case_facts", counted))


@bug("retries go on after the customer canceled", "M10", focus=focus(acts=2.0, only=("cancels",)))
def _retry_after_cancel(stack):
    end_of = closing.end_of

    def only_the_invoice(invoice, case):
        return end_of(replace(invoice, subscription=None), case)

    for module in (guarding, observing):
        stack.enter_context(patch.object(module, "end_of", only_the_invoice))
    stack.enter_context(patch.object(guards, "CLOSED_SUBSCRIPTIONS", frozenset()))


@bug(
    "a lost card is charged again",
    "M8",
    focus=focus(behaviour=lambda _: cards.declines("lost_card")),
)
def _hard_decline_retried(stack):
    stack.enter_context(patch.object(guards, "ban_on", lambda facts, *, now: None))


@bug(
    "the network's wait is not waited",
    "M9",
    focus=focus(
        rules=MANY,
        behaviour=lambda _: cards.declines("insufficient_funds", network_advice_code="26"),
    ),
)
def _network_wait_ignored(stack):
    stack.enter_context(patch.object(guards, "_after_decline", lambda one, method: iter(())))


@bug("access is not given back", "E2", focus=focus(behaviour=poor_once), seeds=6)
def _grant_forgotten(stack):
    stack.enter_context(patch.object(reacting, "give_back", lambda **_: None))


@bug("charges before Stripe's own retries are off", "M4")
def _takeover_not_confirmed(stack):
    def due(self, *, now):
        return self.filter(status="scheduled", due_at__lte=now, case__status="open")

    forbidden = guarding.forbidden

    def blind(*, attempt, invoice, now):
        quiet = replace(invoice, auto_advance=False, next_payment_attempt=None)
        return forbidden(attempt=attempt, invoice=quiet, now=now)

    stack.enter_context(patch.object(AttemptQuerySet, "due", due))
    for module in (attempts, settling):
        stack.enter_context(patch.object(module, "forbidden", blind))
    stack.enter_context(
        patch("apps.recovery.services.observing.takeover.take_over", lambda **_: None)
    )
    stack.enter_context(patch("apps.recovery.services.repeat_takeovers", lambda **_: 0))


@bug(
    "the switch is read when a try is planned only",
    "M15",
    focus=focus(acts=2.0, only=("switched_off",)),
)
def _switch_not_read_again(stack):
    stack.enter_context(patch.object(guarding, "charging_stop", lambda merchant: None))
    stack.enter_context(
        patch.object(MerchantQuerySet, "charging", lambda self: Merchant.objects.all())
    )


@bug(
    "a closed case keeps its planned try",
    "M10",
    "L3",
    focus=focus(acts=2.0, only=("stopped",)),
    first=4,
    seeds=5,
    customers=2,
)
def _closed_case_is_charged(stack):
    """The planned try stays, and nobody asks whether the case is open."""
    forbidden = guarding.forbidden

    def blind(*, attempt, invoice, now):
        attempt.case.status = RecoveryCase.Status.OPEN
        return forbidden(attempt=attempt, invoice=invoice, now=now)

    def due(self, *, now):
        return self.filter(status="scheduled", due_at__lte=now)

    stack.enter_context(patch.object(closing, "skip_attempt", lambda **_: None))
    stack.enter_context(patch.object(AttemptQuerySet, "due", due))
    for module in (attempts, settling):
        stack.enter_context(patch.object(module, "forbidden", blind))


@bug(
    "a second attempt while the first is unknown",
    "M4",
    focus=focus(acts=4.0, only=("retry_now",), pay_faults=1.0, faults=("timeout_before",)),
    customers=2,
)
def _second_while_unknown(stack):
    """Only what is running counts as under way, and the database does not object."""
    name = "attempt_one_unsettled_per_case"
    constraint = next(one for one in Attempt._meta.constraints if one.name == name)

    def change(how):
        with connection.schema_editor() as editor:
            getattr(editor, how)(Attempt, constraint)

    def unsettled(self):
        return self.filter(status="running")

    change("remove_constraint")
    stack.callback(change, "add_constraint")
    stack.callback(clear)
    stack.enter_context(patch.object(AttemptQuerySet, "unsettled", unsettled))


@bug(
    "a mail whose answer was lost is sent again",
    "E1",
    focus=focus(mails=True, crashes=0.05),
    first=2,
    seeds=6,
)
def _double_mail(stack):
    """A worker that died is taken for one that had sent nothing."""

    def settle_lost(*, limit=100):
        lost = Mail.objects.filter(status="sending", lease_until__lt=timezone.now())
        return lost.update(status="scheduled", lease_until=None)

    stack.enter_context(patch.object(handing, "settle_lost", settle_lost))
