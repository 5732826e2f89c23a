"""How many tries the rules still hold for a case, as the database counts them."""

from collections import defaultdict
from functools import cache

from django.db.models import Case, F, Func, IntegerField, JSONField, Q, TextField, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce, NullIf

from apps.dunning import codes
from apps.dunning.facts import Decline
from apps.recovery.models import RecoveryCase, RecoveryCaseQuerySet


def with_tries_left(cases: RecoveryCaseQuerySet) -> RecoveryCaseQuerySet:
    """Annotate cases with `left`, the retries that their rules still hold for the last reason.

    It is what `retries_planned` says of one case, less the retries made; NULL where that says
    nothing: Stripe retries, or the rules hold no schedule.
    """
    ladder = Case(
        When(rules__strategy="custom", then=F("rules__steps")),
        # As `retries_planned` looks: by code, by group, an unknown one as the issuer's, else steps.
        default=Coalesce(
            _ladder(F("reason_code")),
            _ladder(F("reason_group")),
            Case(When(reason_group="unknown", then=_ladder(Value("issuer")))),
            F("rules__steps"),
            output_field=JSONField(),
        ),
        output_field=JSONField(),
    )
    length = Func(ladder, function="jsonb_array_length", output_field=IntegerField())
    planned = Case(
        When(engine=RecoveryCase.Engine.STRIPE, then=None),
        default=NullIf(length, Value(0)),
        output_field=IntegerField(),
    )
    return (
        cases.alias(reason_code=_reason_code())
        .alias(reason_group=_reason_group())
        .annotate(left=planned - F("retries_made"))
    )


def _ladder(key: Combinable) -> Func:
    return Func(F("rules__table"), key, function="jsonb_extract_path", output_field=JSONField())


def _reason_code() -> Case:
    """Pick the code that `codes.lookup` goes by: the bank's, else the outer one if it says more."""
    known = list(_groups())
    unspecific = [row.code for row in codes.all_rows() if row.advice == "see_decline_code"]
    outer_says = Q(last_decline_code="") | ~Q(last_failure_code__in=unspecific)
    return Case(
        When(last_decline_code__in=known, then=F("last_decline_code")),
        When(outer_says, last_failure_code__in=known, then=F("last_failure_code")),
        default=Coalesce(
            NullIf(F("last_decline_code"), Value("")),
            NullIf(F("last_failure_code"), Value("")),
            Value("unknown"),
        ),
        output_field=TextField(),
    )


def _reason_group() -> Case:
    by_group: dict[str, list[str]] = defaultdict(list)
    for code, group in _groups().items():
        by_group[group].append(code)
    return Case(
        *(When(reason_code__in=found, then=Value(name)) for name, found in by_group.items()),
        default=Value("unknown"),
        output_field=TextField(),
    )


@cache
def _groups() -> dict[str, str]:
    """Give the group of every code that is known of a card's decline."""
    found = (codes.lookup(Decline("", row.code)) for row in codes.all_rows())
    return {row.code: row.group for row in found if row.known}
