"""A merchant with a long history, made up at once: the rows the lists read, nothing behind them."""

import datetime as dt
import random
from collections.abc import Iterator
from itertools import islice

from django.db import connection
from django.db.models import Model

from apps.accounts.models import Membership, Merchant, Role, User
from apps.customers.models import Customer
from apps.dunning.presets import RECOMMENDED
from apps.recovery.models import CaseEvent, RecoveryCase, Try
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction

NOW = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)
DAYS = 540
BATCH = 2_000

FIRST = [
    "Amara",
    "Sofia",
    "Luis",
    "Mei",
    "Jonas",
    "Zoë",
    "Łukasz",
    "Noor",
    "Ana",
    "Kofi",
    "Ines",
    "Tariq",
    "Yuki",
    "Elif",
    "Olu",
    "Marta",
]
LAST = [
    "Okafor",
    "Rossi",
    "Herrera",
    "Tanaka",
    "Weber",
    "García",
    "Nowak",
    "Haddad",
    "Costa",
    "Mensah",
    "Silva",
    "Khan",
    "Sato",
]
OFFERS = [f"{name} {kind}" for name in ("Studio", "Yoga", "Writing", "Drawing", "Guitar", "Coding")
          for kind in ("Membership", "Course", "Coaching", "Club")]  # fmt: skip
DECLINES = (
    ("insufficient_funds", "Insufficient funds", 40),
    ("generic_decline", "Declined by bank", 22),
    ("do_not_honor", "Declined by bank", 16),
    ("expired_card", "Card expired", 8),
    ("processing_error", "Processing error", 6),
    ("stolen_card", "Card stolen", 4),
    ("authentication_required", "Needs 3-D Secure", 4),
)
STATUSES = {
    "succeeded": 860,
    "recovered": 60,
    "failed": 30,
    "retrying": 14,
    "needs_card": 8,
    "needs_authentication": 3,
    "refunded": 14,
    "disputed": 2,
    "open": 4,
    "void": 5,
}
PRICES = (900, 1900, 2900, 4900, 9900, 14900, 29900)


def crowd(transactions: int, *, seed: int = 7) -> Membership:
    """Make a merchant with so many transactions, and a twin whose rows only stand in the way."""
    merchant = Merchant.objects.create(name="Crowd", time_zone="America/New_York")
    user = User.objects.create_user("owner@crowd.example", None)
    dice = random.Random(seed)  # noqa: S311 - the same crowd every time
    people = max(transactions // 8, 1)
    _store(_customers(merchant, dice, people))
    _store(_subscriptions(merchant, dice, people))
    _store(_transactions(merchant, dice, transactions, people))
    _store(_cases(merchant))
    _link_cases(merchant)
    _store(_events(merchant))
    _store(_tries(merchant))
    twin = Merchant.objects.create(name="Twin", time_zone="Europe/Berlin")
    for model in (Customer, Subscription, Transaction, RecoveryCase, Try):
        _copy(model, merchant, twin)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Membership.objects.create(merchant=merchant, user=user, role=Role.OWNER)


def _store(rows: Iterator[Model]) -> None:
    while batch := list(islice(rows, BATCH)):
        type(batch[0])._default_manager.bulk_create(batch)


def _copy(model: type[Model], merchant: Merchant, twin: Merchant) -> None:
    names = [
        connection.ops.quote_name(str(field.column))
        for field in model._meta.concrete_fields
        if not field.primary_key and field.column != "merchant_id"
    ]
    columns, table = ", ".join(names), connection.ops.quote_name(model._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (merchant_id, {columns}) "  # noqa: S608 - names of our own tables
            f"SELECT %s, {columns} FROM {table} WHERE merchant_id = %s",
            [twin.pk, merchant.pk],
        )


def _person(number: int) -> tuple[str, str]:
    dice = random.Random(number)  # noqa: S311
    first, last = dice.choice(FIRST), dice.choice(LAST)
    return f"{first} {last}", f"{first}.{last}.{number}@example.org".lower()


def _customers(merchant: Merchant, dice: random.Random, people: int) -> Iterator[Model]:
    for number in range(people):
        name, email = _person(number)
        yield Customer(
            merchant=merchant,
            stripe_customer_id=f"cus_{number:08}",
            name=name,
            email=email,
            country=dice.choice(("US", "DE", "BR", "JP")),
            read_at=NOW,
        )


def _subscriptions(merchant: Merchant, dice: random.Random, people: int) -> Iterator[Model]:
    states = {"active": 820, "past_due": 30, "unpaid": 10, "canceled": 120, "trialing": 20}
    for number in range(people):
        name, email = _person(number)
        status = _pick(dice, states)
        started = NOW - dt.timedelta(days=dice.random() * DAYS)
        is_due = status == "past_due"
        price = dice.choice(PRICES)
        yield Subscription(
            merchant=merchant,
            stripe_subscription_id=f"sub_{number:08}",
            stripe_customer_id=f"cus_{number:08}",
            stripe_product_id=f"prod_{number % len(OFFERS)}",
            customer_name=name,
            customer_email=email,
            offer_name=OFFERS[number % len(OFFERS)],
            status=status,
            amount_minor=price,
            currency="usd" if number % 10 else "eur",
            interval="month",
            started_at=started,
            next_payment_at=NOW + dt.timedelta(days=dice.random() * 30),
            past_due_since=NOW - dt.timedelta(days=dice.random() * 20) if is_due else None,
            amount_due_minor=price if is_due else 0,
            next_try_at=NOW + dt.timedelta(days=dice.random() * 9) if is_due else None,
            access="revoked" if status in ("canceled", "unpaid") else "granted",
            read_at=NOW,
        )


def _transactions(
    merchant: Merchant, dice: random.Random, number_of: int, people: int
) -> Iterator[Model]:
    for number in range(number_of):
        who = dice.randrange(people)
        name, email = _person(who)
        status = _pick(dice, STATUSES)
        at = NOW - dt.timedelta(days=dice.random() * DAYS)
        has_failed = status in ("recovered", "failed", "retrying") or status.startswith("needs")
        code, words = _decline(dice) if has_failed else ("", "")
        price = dice.choice(PRICES)
        paid = status in ("succeeded", "recovered", "refunded", "disputed")
        yield Transaction(
            merchant=merchant,
            stripe_id=f"in_{number:08}",
            stripe_invoice_id=f"in_{number:08}",
            stripe_charge_id=f"ch_{number:08}",
            stripe_payment_intent_id=f"pi_{number:08}",
            stripe_subscription_id=f"sub_{who:08}",
            stripe_customer_id=f"cus_{who:08}",
            number=f"CROWD-{number:06}",
            customer_name=name,
            customer_email=email,
            offer_name=OFFERS[who % len(OFFERS)],
            amount_minor=price,
            amount_remaining_minor=0 if paid else price,
            currency="usd" if who % 10 else "eur",
            status=status,
            invoice_status="paid" if paid else "open",
            at=at,
            paid_at=at if paid else None,
            first_failed_at=at if has_failed else None,
            last_tried_at=at,
            tries=dice.randint(2, 5) if has_failed else 1,
            failure_code="card_declined" if has_failed else "",
            decline_code=code,
            decline_words=words,
            method_type="card",
            method_brand=dice.choice(("visa", "mastercard", "amex")),
            method_last4=f"{dice.randrange(10_000):04}",
            next_try_at=NOW + dt.timedelta(days=dice.random() * 9)
            if status == "retrying"
            else None,
            next_try_by="recoup" if status == "retrying" else "",
            recovered_at=at + dt.timedelta(days=6) if status == "recovered" else None,
            read_at=NOW,
        )


def _cases(merchant: Merchant) -> Iterator[Model]:
    """Make a case for every payment that failed."""
    rules = RECOMMENDED.to_json()
    steps = {"needs_card": "new_card", "needs_authentication": "authentication"}
    rows = Transaction.objects.for_merchant(merchant).exclude(decline_code="")
    for row in rows.order_by("id").iterator(chunk_size=BATCH):
        closed = {"recovered": ("recovered", "paid"), "failed": ("lost", "tries_used_up")}
        status, reason = closed.get(row.status, ("open", ""))
        is_open = status == "open"
        yield RecoveryCase(
            merchant=merchant,
            stripe_invoice_id=row.stripe_invoice_id,
            stripe_subscription_id=row.stripe_subscription_id,
            stripe_customer_id=row.stripe_customer_id,
            offer_name=row.offer_name,
            kind="subscription",
            amount_due_minor=row.amount_minor,
            currency=row.currency,
            status=status,
            end_reason=reason,
            failed_at=row.at,
            opened_at=row.at,
            closed_at=None if is_open else row.at + dt.timedelta(days=6),
            recovered_minor=row.amount_minor if status == "recovered" else 0,
            engine="recoup",
            takeover="confirmed",
            rules=rules,
            next_step=steps.get(row.status, "retry") if is_open else "nothing",
            next_try_at=row.next_try_at,
            last_decline_code=row.decline_code,
            last_failure_code=row.failure_code,
            last_decline_words=row.decline_words,
        )


def _link_cases(merchant: Merchant) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE transactions_transaction t SET case_id = c.id, case_status = c.status"
            " FROM recovery_recoverycase c WHERE t.merchant_id = %s"
            " AND c.merchant_id = t.merchant_id AND c.stripe_invoice_id = t.stripe_invoice_id",
            [merchant.pk],
        )


def _events(merchant: Merchant) -> Iterator[Model]:
    for case in RecoveryCase.objects.for_merchant(merchant).filter(status="recovered"):
        yield CaseEvent(
            case=case,
            merchant=merchant,
            kind=CaseEvent.Kind.RECOVERED,
            key="recovered:1",
            at=case.closed_at or NOW,
            text="Recovered after 6 days, retry 2.",
            delivered_at=NOW,
        )


def _tries(merchant: Merchant) -> Iterator[Model]:
    rows = Transaction.objects.for_merchant(merchant).exclude(decline_code="")
    for row in rows.order_by("id").iterator(chunk_size=BATCH):
        for number in range(row.tries):
            yield Try(
                merchant=merchant,
                stripe_charge_id=f"{row.stripe_charge_id}_{number}",
                stripe_invoice_id=row.stripe_invoice_id,
                stripe_customer_id=row.stripe_customer_id,
                at=row.at + dt.timedelta(days=number),
                status="failed",
                amount_minor=row.amount_minor,
                amount_due_minor=row.amount_minor,
                amount_remaining_minor=row.amount_minor,
                currency=row.currency,
                failure_code=row.failure_code,
                decline_code=row.decline_code,
            )


def _pick(dice: random.Random, weights: dict[str, int]) -> str:
    return dice.choices(list(weights), weights=list(weights.values()))[0]


def _decline(dice: random.Random) -> tuple[str, str]:
    code, words, _ = dice.choices(DECLINES, weights=[weight for *_, weight in DECLINES])[0]
    return code, words
