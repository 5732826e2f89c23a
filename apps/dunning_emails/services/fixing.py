"""What happens behind the buttons of a payment link: look at Stripe, enter a new card, collect."""

import datetime as dt
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction
from django.urls import reverse

from apps.dunning.offers import LinkFacts, Offer, what_to_offer
from apps.dunning_emails.models import CheckoutVisit, PaymentLink
from apps.recovery.models import CaseEvent, RecoveryCase
from apps.recovery.services import append_event
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.facts import InvoiceFacts

ALIVE = "active"
"""Stands for a subscription that Stripe names but did not send."""

FIRST_LOOK = dt.timedelta(minutes=2)
"""When a worker looks by itself, if the customer does not come back from Stripe's page."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a customer may do now, and the invoice as just read."""

    offer: Offer
    invoice: InvoiceFacts


def look(*, link: PaymentLink) -> Look:
    """Read the invoice at Stripe and choose what to offer. Changes nothing.

    Raises:
        GatewayError: Stripe could not be asked.
    """
    invoice = gateway.read_invoice(account=link.merchant, invoice_id=link.case.stripe_invoice_id)
    return Look(offer=what_to_offer(facts_of(invoice, case=link.case)), invoice=invoice)


def facts_of(invoice: InvoiceFacts, *, case: RecoveryCase) -> LinkFacts:
    """Take from a read what the offer depends on."""
    subscription = invoice.subscription
    status = subscription.standing if subscription else ""
    last = invoice.tries[-1] if invoice.tries else None
    method = invoice.method
    return LinkFacts(
        invoice_status=invoice.status,
        processing=invoice.processing,
        requires_action=invoice.requires_action,
        subscription_status=status or (ALIVE if invoice.subscription_id else ""),
        decline=last.decline if last else None,
        method_type=method.type if method else "card",
        has_invoice_page=bool(invoice.hosted_invoice_url),
        is_collected=case.status == RecoveryCase.Status.OPEN,
    )


def enter_new_method(*, link: PaymentLink, token: str, now: dt.datetime) -> str:
    """Make a fresh page of Stripe's for a new method and give back its address.

    Raises:
        GatewayError: Stripe could not be asked; the customer may press again.
    """
    case = link.case
    address = f"{settings.PUBLIC_URL}{reverse('pay:link', args=[token])}"
    visit = CheckoutVisit.objects.create(link=link, opened_at=now, look_at=now + FIRST_LOOK)
    session = gateway.create_setup_session(
        account=link.merchant,
        customer_id=case.stripe_customer_id,
        currency=case.currency,
        success_url=f"{settings.PUBLIC_URL}{reverse('pay:done', args=[token])}",
        cancel_url=address,
        now=now,
        key=f"visit-{visit.key}",
    )
    CheckoutVisit.objects.filter(pk=visit.pk).update(stripe_session_id=session.id)
    note_use(link=link, text="The customer went to enter a new card.", now=now)
    return session.url


def note_use(*, link: PaymentLink, text: str, now: dt.datetime) -> None:
    """Put the first press of a button each day on the timeline. Looking leaves no trace."""
    PaymentLink.objects.filter(pk=link.pk, used_at=None).update(used_at=now)
    with transaction.atomic(durable=True):
        case = RecoveryCase.objects.select_for_update().get(pk=link.case_id)
        append_event(
            case=case,
            kind=CaseEvent.Kind.LINK_USED,
            key=f"link_used:{text}:{now:%Y-%m-%d}"[:255],
            at=now,
            text=text,
            actor="Customer",
        )
