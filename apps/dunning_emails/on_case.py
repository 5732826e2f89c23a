"""What the page of a case shows of mails and links: what is planned, and what a person may do."""

import datetime as dt
from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps import clock
from apps.accounts.models import Merchant, Role, User
from apps.dunning.mails.kinds import CHASE, KINDS, MailKind
from apps.dunning_emails.facts import Known, mails_around
from apps.dunning_emails.models import Mail
from apps.dunning_emails.services import reminding
from apps.dunning_emails.services.planning import foretold
from apps.recovery.extras import CaseAction, PlannedStep
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.detail import CaseDetail
from apps.recovery.services import NotNow


def planned_mails(detail: CaseDetail) -> Iterator[PlannedStep]:
    """Give the mails to the customer that are planned for a case, and those that would follow."""
    now = clock.now()
    outbox = mails_around(case=detail.case, now=now)
    rows = [
        row
        for row in outbox
        if row.case_id == detail.case.pk
        and row.status == Mail.Status.SCHEDULED
        and row.kind in KINDS
    ]
    has_sequence = any(row.kind in CHASE and not row.asked_by for row in rows)
    ahead = {}
    if has_sequence:
        known = Known(detail.customer, detail.near.attempts, detail.events, outbox)
        found = foretold(case=detail.case, now=now, facts=detail.facts, known=known)
        ahead = {one.step.name: one for one in found}
    for row in rows:
        said = None if row.asked_by else ahead.pop(row.step, None)
        at, why = (said.at, said.why or row.why) if said else (row.due_at, row.why)
        title = gettext("Email planned: %(kind)s") % {"kind": KINDS[MailKind(row.kind)].title}
        yield PlannedStep(at, "envelope", title, why)
    for later in ahead.values():
        title = gettext("Email to follow: %(kind)s") % {"kind": KINDS[later.step.kind].title}
        yield PlannedStep(later.at, "envelope", title, later.why)


def remind_in_bulk(*, merchant: Merchant, case_id: int, user: User, now: dt.datetime) -> None:
    """Put a reminder into the outbox, as one of many that were asked for.

    Raises:
        NotNow: nothing can or should go out for this case; the text says why.
    """
    try:
        reminding.remind(merchant=merchant, case_id=case_id, user=user, now=now)
    except reminding.NotNow as why:
        raise NotNow(str(why)) from why


def actions(case: RecoveryCase, role: Role) -> Iterator[CaseAction]:
    """Offer to write to the customer, or to make a payment link for them."""
    is_open = case.status == RecoveryCase.Status.OPEN and case.stripe_customer_id
    if is_open and role.covers(Role.SUPPORT):
        yield CaseAction(_("Send reminder…"), reverse("mails:remind", args=[case.pk]), "envelope")
        yield CaseAction(_("Copy payment link…"), reverse("mails:link", args=[case.pk]), "link")
