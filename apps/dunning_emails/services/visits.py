"""What a customer entered on Stripe's page is found out, used for one charge, and shown at once."""

import datetime as dt
import logging

from django.db.models import Q
from django.utils import timezone

from apps.dunning_emails.models import CheckoutVisit
from apps.recovery import services as recovery
from apps.recovery.models import Attempt, RecoveryCase
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import GatewayError, NotFound

logger = logging.getLogger(__name__)

Status = CheckoutVisit.Status

LEASE = dt.timedelta(minutes=2)
LOOK_AGAIN = dt.timedelta(minutes=5)
VISIT_LIFE = dt.timedelta(hours=2)
"""After so long without a new method a visit counts as abandoned; a session lives an hour."""


def visits_to_settle(*, now: dt.datetime, link_id: int | None = None, limit: int = 50) -> list[int]:
    """Name the visits to look at: those of one link, whose customer is back, or all that are due."""
    rows = CheckoutVisit.objects.unsettled()
    rows = rows.filter(look_at__lte=now) if link_id is None else rows.filter(link_id=link_id)
    return list(rows.order_by("look_at").values_list("pk", flat=True)[:limit])


def settle_visit(*, visit_id: int, now: dt.datetime) -> bool:
    """Find out what was entered and collect with it; True once there is nothing more to do.

    The new method is written down before it is used. A worker that died in between is followed
    by another one, which first looks for the charge the first one may have begun.
    """
    if not _claim(visit_id):
        return False
    visit = CheckoutVisit.objects.select_related("link__case", "link__merchant").get(pk=visit_id)
    try:
        if visit.status == Status.OPEN:
            _find_out(visit, now=now)
        if visit.status == Status.ENTERED:
            _collect(visit, now=now)
    except GatewayError as error:
        logger.info("Visit %s is looked at again later: %s", visit_id, error)
    finally:
        visit.lease_until = None
        if visit.settled_at is None:
            visit.look_at = now + LOOK_AGAIN
        visit.save()
    return visit.settled_at is not None


def _claim(visit_id: int) -> bool:
    real = timezone.now()
    free = CheckoutVisit.objects.unsettled().filter(
        Q(lease_until=None) | Q(lease_until__lt=real), pk=visit_id
    )
    return bool(free.update(lease_until=real + LEASE))


def _find_out(visit: CheckoutVisit, *, now: dt.datetime) -> None:
    case = visit.link.case
    method_id, is_over = "", now - visit.opened_at > VISIT_LIFE
    if visit.stripe_session_id:
        try:
            session = gateway.read_setup_session(
                account=visit.link.merchant, session_id=visit.stripe_session_id
            )
        except NotFound:
            is_over = True
        else:
            is_over = is_over or session.status == "expired"
            if session.status == "complete" and session.customer_id == case.stripe_customer_id:
                method_id = session.payment_method_id
    if method_id:
        visit.status, visit.entered_at = Status.ENTERED, now
        visit.stripe_payment_method_id = method_id
        visit.save()
    elif is_over:
        visit.status, visit.settled_at = Status.ABANDONED, now


def _collect(visit: CheckoutVisit, *, now: dt.datetime) -> None:
    link = visit.link
    attempt_id = _begun(visit)
    if attempt_id is None:
        fixed = recovery.fix_and_collect(
            merchant=link.merchant,
            stripe_customer_id=link.case.stripe_customer_id,
            payment_method_id=visit.stripe_payment_method_id,
            trigger=Attempt.Trigger.LINK,
            actor="Customer",
            now=now,
        )
        attempt_id, visit.why_not = fixed.attempt_id, fixed.why_not[:300]
    visit.status, visit.settled_at = Status.USED, now
    visit.save()
    if attempt_id is not None:
        recovery.carry_out(attempt_id=attempt_id, now=now)


def _begun(visit: CheckoutVisit) -> int | None:
    """Find the charge that an earlier worker committed for this visit."""
    cases = RecoveryCase.objects.filter(
        merchant_id=visit.link.merchant_id,
        stripe_customer_id=visit.link.case.stripe_customer_id,
    )
    begun = Attempt.objects.filter(
        case__in=cases, trigger=Attempt.Trigger.LINK, claimed_at__gte=visit.entered_at
    )
    return begun.values_list("pk", flat=True).first()
