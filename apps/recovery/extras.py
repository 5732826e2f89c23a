"""What higher floors add to the page of a case: steps they planned, and actions they offer.

An app above registers a function when it starts; this app calls it and knows nothing of it.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from django.utils.functional import Promise

from apps.accounts.models import Merchant, Role, User
from apps.recovery.models import RecoveryCase
from apps.recovery.queries.detail import CaseDetail


@dataclass(frozen=True, slots=True)
class PlannedStep:
    """Something that will happen unless the case ends before: a mail, a step of access.

    `url` and `link` lead to a preview of it, where there is one.
    """

    at: dt.datetime
    icon_name: str
    title: str
    text: str = ""
    url: str = ""
    link: str = ""


@dataclass(frozen=True, slots=True)
class CaseAction:
    """A link in the menu of a case; its page asks before it does anything."""

    label: str | Promise
    url: str
    icon_name: str


class BulkAct(Protocol):
    """Does something about one case for a person; raises `services.NotNow` where it cannot be."""

    def __call__(
        self, *, merchant: Merchant, case_id: int, user: User, now: dt.datetime
    ) -> object: ...


class MailDays(Protocol):
    """Counts the mails to customers planned for each day of a span, in the merchant's zone."""

    def __call__(
        self, *, merchant: Merchant, first: dt.date, last: dt.date, now: dt.datetime
    ) -> Mapping[dt.date, int]: ...


Planner = Callable[[CaseDetail], Iterable[PlannedStep]]
Offerer = Callable[[RecoveryCase, Role], Iterable[CaseAction]]

# Keys alone: an app that starts again adds nothing twice.
_planners: dict[Planner, None] = {}
_offerers: dict[Offerer, None] = {}
_bulk_acts: dict[str, BulkAct] = {}
_mail_days: list[MailDays] = []


def register_planned(planner: Planner) -> None:
    """Let an app above tell what it planned for an open case; called at start."""
    _planners[planner] = None


def register_actions(offerer: Offerer) -> None:
    """Let an app above offer actions on a case to a role; called at start."""
    _offerers[offerer] = None


def register_bulk(verb: str, act: BulkAct) -> None:
    """Let an app above carry out a verb for many cases; called at start."""
    _bulk_acts[verb] = act


def bulk_act(verb: str) -> BulkAct:
    """Return what carries out a verb that an app above registered."""
    return _bulk_acts[verb]


def register_mail_days(count: MailDays) -> None:
    """Let the app that writes mails tell how many it planned; called at start."""
    _mail_days[:] = [count]


def mail_days(
    *, merchant: Merchant, first: dt.date, last: dt.date, now: dt.datetime
) -> Mapping[dt.date, int]:
    """Return how many mails are planned for each day from `first` to `last` that has any."""
    for count in _mail_days:
        return count(merchant=merchant, first=first, last=last, now=now)
    return {}


def planned_steps(detail: CaseDetail) -> list[PlannedStep]:
    """Return what the apps above planned for a case, soonest first; nothing once it is closed."""
    if detail.case.status != RecoveryCase.Status.OPEN:
        return []
    found = [step for planner in _planners for step in planner(detail)]
    return sorted(found, key=lambda step: step.at)


def offered_actions(case: RecoveryCase, role: Role) -> list[CaseAction]:
    """Return what the apps above offer to do about a case."""
    return [action for offerer in _offerers for action in offerer(case, role)]
