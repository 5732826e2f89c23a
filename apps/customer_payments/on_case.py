"""What the page of a case shows of access: the steps that are planned, and the way to change it."""

from collections.abc import Iterator

from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.accounts.models import Role
from apps.customer_payments.models import AccessStep
from apps.recovery.extras import CaseAction, PlannedStep
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.detail import CaseDetail

ICONS = {"banner": "megaphone", "limited": "lock-open", "revoked": "lock-closed"}


def planned_access(detail: CaseDetail) -> Iterator[PlannedStep]:
    """Give the access steps of a case that are still to come; a held one says so."""
    case = detail.case
    steps = case.access_steps.waiting().exclude(state=AccessStep.State.ENDED)
    for step in steps.order_by("due_at", "id"):
        title = gettext("Planned: %(what)s") % {"what": step.get_state_display().lower()}
        url = reverse("access:case", args=[case.pk])
        note = step.note or step.why
        if case.held_at is not None:
            note = gettext("Not before the case goes on: it is on hold.")
        yield PlannedStep(step.due_at, ICONS[step.state], title, note, url, gettext("Access"))


def actions(case: RecoveryCase, role: Role) -> Iterator[CaseAction]:
    """Lead to the page where access is revoked, given back or held."""
    if case.stripe_subscription_id and role.covers(Role.SUPPORT):
        yield CaseAction(_("Change access…"), reverse("access:case", args=[case.pk]), "key")
