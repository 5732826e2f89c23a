"""Ids in, the clock here, one service call. Every task may run twice."""

from celery import current_app, shared_task

from apps import clock
from apps.dunning_emails.services import (
    alerts,
    cards,
    confirm_ends,
    handing,
    invoice_acts,
    invoices,
    sending,
    upcoming,
    visits,
)

BATCH_SECONDS = 20.0
"""How long one worker sends at a stretch before others get their turn."""


@shared_task(name="dunning_emails.settle_visits")
def settle_visits(*, link_id: int | None = None, **_: object) -> None:
    """Use the payment methods customers entered on Stripe's page."""
    for visit_id in visits.visits_to_settle(now=clock.now(), link_id=link_id):
        visits.settle_visit(visit_id=visit_id, now=clock.now())


@shared_task(name="dunning_emails.send_due_mails")
def send_due_mails(**_: object) -> None:
    """Send the mails that are due over one line; come back at once if some are left."""
    now = clock.now()
    handing.settle_lost()
    alerts.plan_daily(now=now)
    if sending.send_due(now=now, seconds=BATCH_SECONDS):
        current_app.send_task("dunning_emails.send_due_mails", retry=False)


@shared_task(name="dunning_emails.plan_renewals")
def plan_renewals(**_: object) -> None:
    """Look for renewals that come near and cards that run out, where merchants tell of them."""
    now = clock.now()
    upcoming.plan_renewals(now=now)
    cards.plan_cards(now=now)


@shared_task(name="dunning_emails.plan_invoices")
def plan_invoices(**_: object) -> None:
    """Look for sent invoices whose next mail nobody planned yet."""
    invoices.plan_invoices(now=clock.now())


@shared_task(name="dunning_emails.end_invoices")
def end_invoices(**_: object) -> None:
    """Do what the merchants' rules say of invoices nobody pays, confirms, or pays to the last cent."""
    now = clock.now()
    confirm_ends.end_unconfirmed_cases(now=now)
    invoice_acts.find_acts(now=now)
    for act_id in invoice_acts.acts_to_do(now=now):
        invoice_acts.carry_out_act(act_id=act_id, now=clock.now())
