"""What was read from Stripe, kept for dj-stripe's tables.

A read stores its answer in the backlog with one statement; `sync_backlog` hands it to dj-stripe
later, in a task of low priority. The mirror is what rebuild and the admin read; nothing that
charges waits for it.
"""

import datetime as dt
from collections.abc import Iterable
from typing import cast

import stripe
from django.conf import settings
from djstripe import models as djstripe

from apps.logs import redact
from apps.stripe_gateway.models import MirrorBacklog, MirrorBacklogQuerySet
from apps.stripe_gateway.readers.common import Json, dig, expanded, rows, text
from apps.stripe_gateway.readers.invoices import intents_of
from apps.stripe_gateway.transport import StripeAccount, for_mirror, stand_in

RANKS = {
    "product": 0,
    "customer": 1,
    "payment_method": 2,
    "subscription": 3,
    "payment_intent": 4,
    "charge": 5,
    "invoice": 6,
}
"""What is mirrored, and in which order: payers first, what points at them after."""

MODELS = {
    "product": djstripe.Product,
    "customer": djstripe.Customer,
    "payment_method": djstripe.PaymentMethod,
    "subscription": djstripe.Subscription,
    "payment_intent": djstripe.PaymentIntent,
    "charge": djstripe.Charge,
    "invoice": djstripe.Invoice,
}

LEASE = dt.timedelta(minutes=5)
FIRST_WAIT = dt.timedelta(minutes=1)
LONGEST_WAIT = dt.timedelta(hours=6)


class KeptAccount:
    """The account of a backlog row."""

    def __init__(self, row: MirrorBacklog) -> None:
        self.stripe_account_id = row.stripe_account_id
        self.livemode = row.livemode
        self.is_connected = row.is_connected


def keep(*, account: StripeAccount, answer: Json, charges: Iterable[Json] = ()) -> None:
    """Store an answer, and the objects expanded in it, for the next run of the mirror."""
    if not settings.MIRROR_STRIPE or not account.stripe_account_id:
        return
    now = dt.datetime.now(dt.UTC)
    MirrorBacklog.objects.bulk_create(
        [
            MirrorBacklog(
                stripe_account_id=account.stripe_account_id,
                livemode=account.livemode,
                is_connected=account.is_connected,
                kind=text(one, "object"),
                stripe_id=stripe_id,
                rank=RANKS[text(one, "object")],
                answer=for_mirror(one),
                read_at=now,
                not_before=now,
            )
            for stripe_id, one in _objects(answer, charges).items()
        ],
        update_conflicts=True,
        unique_fields=["stripe_account_id", "livemode", "stripe_id"],
        update_fields=["is_connected", "answer", "read_at", "not_before", "failures", "error"],
    )


def sync_backlog(*, now: dt.datetime, limit: int = 200) -> int:
    """Hand up to `limit` waiting answers to dj-stripe; answers how many it took.

    `now` is real time. A failure stays in its row and waits longer each time (up to six hours);
    dj-stripe may call Stripe for objects it has never seen, through the stand-in. Two runs at once
    share the rows.
    """
    done = 0
    for row in MirrorBacklog.objects.ready(now=now)[:limit]:
        if not _unchanged(row).filter(not_before=row.not_before).update(not_before=now + LEASE):
            continue
        try:
            _sync(row)
        except stripe.APIConnectionError as error:
            # Stripe is away: every further row would wait for it too.
            _put_off(row, error, now)
            break
        except Exception as error:  # noqa: BLE001 - dj-stripe raises anything on odd data
            _put_off(row, error, now)
        else:
            done += 1
            _unchanged(row).delete()
    return done


def _unchanged(row: MirrorBacklog) -> MirrorBacklogQuerySet:
    """Select a row unless a newer read took its place."""
    return MirrorBacklog.objects.filter(pk=row.pk, read_at=row.read_at)


def _sync(row: MirrorBacklog) -> None:
    model = MODELS[row.kind]
    unchanged = model.objects.filter(
        id=row.stripe_id,
        djstripe_owner_account_id=row.stripe_account_id,
        stripe_data=_as_stored(row),
    )
    if unchanged.exists():
        # Most of what an invoice brings along did not change since the last read.
        return
    account = KeptAccount(row)
    key = stand_in.key_for(account)
    header = account.stripe_account_id if account.is_connected else None
    answer = stripe.StripeObject.construct_from(row.answer, key, stripe_account=header)
    model.sync_from_stripe_data(answer, api_key=key)


def _as_stored(row: MirrorBacklog) -> Json:
    """Give an answer as dj-stripe stores it: it adds two fields to customers."""
    if row.kind != "customer":
        return cast(Json, row.answer)
    default = dig(row.answer, "invoice_settings", "default_payment_method")
    return {**row.answer, "deleted": False, "default_payment_method": default}


def _put_off(row: MirrorBacklog, error: Exception, now: dt.datetime) -> None:
    wait = min(FIRST_WAIT * 2 ** min(row.failures, 12), LONGEST_WAIT)
    _unchanged(row).update(
        failures=row.failures + 1,
        error=redact(f"{type(error).__name__}: {error}")[:1000],
        not_before=now + wait,
    )


def _objects(answer: Json, charges: Iterable[Json]) -> dict[str, Json]:
    """List an answer and what it expands, once each; what cannot be mirrored is left out."""
    subscription = expanded(answer, "parent", "subscription_details", "subscription")
    found = [
        answer,
        *charges,
        expanded(answer, "customer"),
        subscription,
        expanded(subscription, "default_payment_method"),
        expanded(answer, "customer", "invoice_settings", "default_payment_method"),
        expanded(answer, "invoice_settings", "default_payment_method"),
        expanded(answer, "default_payment_method"),
        *intents_of(answer),
        *rows(answer, "data"),
    ]
    return {
        text(one, "id"): one
        for one in found
        if one is not None and text(one, "object") in RANKS and text(one, "id")
        if not one.get("deleted")
    }
