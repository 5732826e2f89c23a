"""Send what is due, each row once: claim, look again, decide again, hand over."""

import datetime as dt
import logging
import time
from collections.abc import Mapping
from types import MappingProxyType

from django.db import connection, transaction
from django.utils import timezone

from apps import logs
from apps.dunning.facts import CaseFacts
from apps.dunning.mails.chase import Silence, Step, Write, next_mail
from apps.dunning.mails.kinds import CHASE, OF_INVOICES, SAYS_FAILED, MailKind
from apps.dunning.mails.single import access_mail
from apps.dunning_emails.composing import case_rows, case_values, look_of, words_of
from apps.dunning_emails.facts import (
    address_state,
    customer_of,
    mail_facts,
    rules_of,
    settings_of,
)
from apps.dunning_emails.models import Mail
from apps.dunning_emails.rendering import Rendered, render_mail
from apps.dunning_emails.services import alerts, cards, invoices, upcoming
from apps.dunning_emails.services.bundling import bundle
from apps.dunning_emails.services.handing import AGAIN, hand_over, put_back
from apps.dunning_emails.services.messages import message_of, target_of
from apps.dunning_emails.services.planning import plan_sequence
from apps.dunning_emails.services.stopping import stop_url
from apps.dunning_emails.transport import Post, post
from apps.recovery import services as recovery
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.checks import stored_facts
from apps.stripe_gateway.errors import GatewayError

logger = logging.getLogger(__name__)

Status = Mail.Status

LEASE = dt.timedelta(minutes=3)
"""Real time; longer than connecting, handing over and reading the invoice before it."""

FRESH = dt.timedelta(minutes=10)
"""A mail that says “failed” goes out only on a look at Stripe that is not older."""

NOWHERE = ("missing", "bounced")

MAIL_LOCKS = 4_177
"""Sets our advisory locks apart from any others in the database."""

WANTED_STATUS: Mapping[MailKind, RecoveryCase.Status] = MappingProxyType(
    {
        MailKind.RECOVERED: RecoveryCase.Status.RECOVERED,
        MailKind.CANCELED: RecoveryCase.Status.LOST,
    }
)
"""How a case must stand for a mail that says so; open for all others."""


def due_mails(*, now: dt.datetime, limit: int = 500) -> list[int]:
    """Name the mails whose time has come, longest due first."""
    rows = Mail.objects.due(now=now).order_by("due_at", "pk")
    return list(rows.values_list("pk", flat=True)[:limit])


def send_due(*, now: dt.datetime, seconds: float = 60.0) -> bool:
    """Send what is due over one line, for so long of real time; True if some may be left."""
    until = time.monotonic() + seconds
    with post() as line:
        for mail_id in due_mails(now=now):
            if time.monotonic() > until:
                return True
            send_mail(mail_id=mail_id, line=line, now=now)
    return False


def send_mail(*, mail_id: int, line: Post, now: dt.datetime) -> bool:
    """Send one due mail if it still says what is true; True if it left.

    Safe to call twice and from two workers: only the caller that claims the row goes on.
    """
    if not _claim(mail_id, now):
        return False
    mail = Mail.objects.select_related("merchant", "case__merchant").get(pk=mail_id)
    with logs.about(merchant_id=mail.merchant_id, case_id=mail.case_id, mail_id=mail.pk):
        try:
            return _send(mail, line=line, now=now)
        except Exception:
            # Before it was handed over: that is written down on its own, below.
            Mail.objects.filter(pk=mail.pk, status=Status.SENDING, recipient="").update(
                status=Status.SCHEDULED, due_at=now + AGAIN, lease_until=None
            )
            logger.exception("A mail could not be put together.")
            return False


def _claim(mail_id: int, now: dt.datetime) -> bool:
    """Take a due mail for this worker, and with it the person: one mail at a time goes to them."""
    row = Mail.objects.due(now=now).filter(pk=mail_id).values_list("merchant_id", "person").first()
    if row is None:
        return False
    with transaction.atomic(durable=True):
        _lock_person(*row)
        on_its_way = Mail.objects.filter(
            merchant_id=row[0],
            person=row[1],
            status=Status.SENDING,
            lease_until__gt=timezone.now(),
        )
        if on_its_way.exists():
            return False
        due = Mail.objects.due(now=now).filter(pk=mail_id)
        return bool(
            due.update(status=Status.SENDING, lease_until=timezone.now() + LEASE, recipient="")
        )


def _lock_person(merchant_id: int, person: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))",
            [MAIL_LOCKS, f"{merchant_id}:{person}"],
        )


def _send(mail: Mail, *, line: Post, now: dt.datetime) -> bool:
    if mail.kind in alerts.ALERTS:
        return _send_made(mail, alerts.compose(mail=mail, now=now), line=line, now=now)
    if mail.kind == MailKind.RENEWAL:
        return _send_made(mail, upcoming.compose(mail=mail, now=now), line=line, now=now)
    if mail.kind in OF_INVOICES:
        return _send_of_invoice(mail, line=line, now=now)
    if mail.kind == MailKind.CARD_EXPIRING:
        made = cards.compose(mail=mail, now=now)
        if isinstance(made, tuple):
            return _send_made(mail, made, line=line, now=now)
        _put_off(mail, made, now=now)
        return False
    case = mail.case
    if case is None:
        _put_off(mail, Silence("gone", "There is nothing it could be about."), now=now)
        return False
    if mail.kind in SAYS_FAILED and not _is_fresh(case, now):
        try:
            recovery.refresh_case(
                merchant=case.merchant, invoice_id=case.stripe_invoice_id, now=now
            )
        except GatewayError:
            put_back(mail, due_at=now + AGAIN, why="Stripe could not be asked whether it is paid.")
            return False
        case.refresh_from_db()
    facts = stored_facts(case=case, now=now)
    decision = decide_again(mail=mail, case=case, facts=facts, now=now)
    if isinstance(decision, Silence) or decision.step.name != mail.step or decision.at > now:
        _put_off(mail, decision, now=now)
        return False
    customer = customer_of(case)
    if customer is None or address_state(merchant=case.merchant, customer=customer) in NOWHERE:
        _put_off(mail, Silence("no_address", "There is no address to write to."), now=now)
        return False
    cases = [case, *bundle(mail=mail, case=case, now=now)]
    settings = settings_of(case.merchant)
    rendered = render_mail(
        words=words_of(merchant_id=mail.merchant_id, kind=MailKind(mail.kind)),
        values=case_values(cases=cases, customer=customer, facts=facts, settings=settings, now=now),
        look=look_of(settings),
        url=target_of(case=case, settings=settings, kind=MailKind(mail.kind), now=now),
        rows=case_rows(cases),
        stop_url=stop_url(mail),
    )
    message = message_of(
        rendered=rendered,
        settings=settings,
        to=customer.email,
        key=mail.key,
        now=now,
        stop=stop_url(mail),
    )
    return hand_over(mail=mail, message=message, line=line, now=now)


def _send_made(
    mail: Mail, made: tuple[str, Rendered] | None, *, line: Post, now: dt.datetime
) -> bool:
    """Send a mail that is about no case, as it was just put together; None: not true any more."""
    if made is None:
        _put_off(
            mail, Silence("off", "Nobody wants it any more, or it is no longer true."), now=now
        )
        return False
    to, rendered = made
    settings = settings_of(mail.merchant)
    message = message_of(
        rendered=rendered, settings=settings, to=to, key=mail.key, now=now, stop=stop_url(mail)
    )
    return hand_over(mail=mail, message=message, line=line, now=now)


def _send_of_invoice(mail: Mail, *, line: Post, now: dt.datetime) -> bool:
    """Send a mail about a sent invoice, if Stripe says just now that it is still to be paid."""
    try:
        made = invoices.compose(mail=mail, now=now)
    except GatewayError:
        put_back(mail, due_at=now + AGAIN, why="Stripe could not be asked whether it is paid.")
        return False
    if not isinstance(made, tuple):
        _put_off(mail, made, now=now)
        return False
    has_left = _send_made(mail, made, line=line, now=now)
    invoices.plan_after(mail=mail, now=now)
    return has_left


def _is_fresh(case: RecoveryCase, now: dt.datetime) -> bool:
    return case.checked_at is not None and now - case.checked_at < FRESH


def decide_again(
    *, mail: Mail, case: RecoveryCase, facts: CaseFacts | None, now: dt.datetime
) -> Write | Silence:
    """Decide about a mail as if nothing had been: what was true when it was planned may not be.

    `facts` are those of `stored_facts`.
    """
    kind = MailKind(mail.kind)
    as_planned = Write(Step(kind, mail.step, mail.due_at), mail.due_at)
    if kind == MailKind.NEW_LINK:  # its page says how the payment stands, paid or not
        return as_planned
    if mail.asked_by or kind not in (*CHASE, MailKind.ACCESS_REVOKED):
        wanted = WANTED_STATUS.get(kind, RecoveryCase.Status.OPEN)
        if case.status != wanted:
            return Silence("moved_on", "The payment has moved on since.")
        return as_planned
    known, rules = mail_facts(case=case, now=now, facts=facts), rules_of(case.merchant)
    if kind == MailKind.ACCESS_REVOKED:
        return access_mail(facts=known, rules=rules, now=now)
    return next_mail(facts=known, rules=rules, now=now)


def _put_off(mail: Mail, decision: Write | Silence, *, now: dt.datetime) -> None:
    """Write down that a claimed mail waits after all, gives way to another, or never goes."""
    mine = Mail.objects.filter(pk=mail.pk, status=Status.SENDING)
    if isinstance(decision, Write) and decision.step.name == mail.step:
        mine.update(status=Status.SCHEDULED, due_at=decision.at, why=decision.why, lease_until=None)
        return
    why = decision.text if isinstance(decision, Silence) else "Another email goes first."
    mine.update(status=Status.DROPPED, why=why[:300], lease_until=None)
    if not isinstance(decision, Write):
        return
    if mail.kind in OF_INVOICES:
        invoices.plan_after(mail=mail, now=now)
    elif mail.case is not None:
        plan_sequence(case=mail.case, now=now)
