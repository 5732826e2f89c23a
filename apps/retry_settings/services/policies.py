"""Write the policies of segments: their order, their conditions and their rules."""

import datetime as dt
from dataclasses import replace

from django.db import IntegrityError, transaction
from django.db.models import F, Max

from apps.accounts.models import AuditEntry, Merchant, User
from apps.accounts.services import record_audit
from apps.dunning.rules import RetryRules
from apps.dunning.segments import Segment
from apps.retry_settings.models import RetryPolicy
from apps.retry_settings.services.rules import SettingsChanged


class NameTaken(Exception):
    """The merchant has another policy of that name."""


def save_policy(
    *,
    merchant: Merchant,
    policy_id: int | None,
    name: str,
    segment: Segment,
    rules: RetryRules,
    expected_version: int,
    user: User | None,
    now: dt.datetime,
) -> RetryPolicy:
    """Keep a policy, a new one at the end; it holds for cases that open from now on.

    `expected_version` is the one the form was opened with; 0 for a new one.

    Raises:
        RulesError: conditions or rules cannot be carried out.
        NameTaken: another policy has this name.
        SettingsChanged: another version was saved since.
        RetryPolicy.DoesNotExist: this merchant has no such policy.
    """
    rules = replace(rules, policy=name)
    rules.validate()
    segment.validate()
    try:
        with transaction.atomic(durable=True):
            policy = _policy(merchant=merchant, policy_id=policy_id)
            before = _as_json(policy) if policy_id else {}
            if policy_id and policy.version != expected_version:
                raise SettingsChanged(
                    version=policy.version, rules=policy.retry_rules, saved=_saved_by(policy)
                )
            policy.name, policy.segment, policy.rules = name, segment.to_json(), rules.to_json()
            policy.version, policy.updated_at = expected_version + 1, now
            policy.save()
            record_audit(
                merchant=merchant,
                user=user,
                action="retry_policy.save",
                at=now,
                subject=name,
                before=before,
                after=_as_json(policy),
            )
    except IntegrityError as error:
        raise NameTaken(name) from error
    return policy


def move_policy(
    *, merchant: Merchant, policy_id: int, up: bool, user: User | None, now: dt.datetime
) -> None:
    """Change places with the neighbour; at the end of the list nothing happens.

    Raises:
        RetryPolicy.DoesNotExist: this merchant has no such policy.
    """
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        policies = list(RetryPolicy.objects.for_merchant(merchant))
        policy = RetryPolicy.objects.for_merchant(merchant).get(pk=policy_id)
        place = policies.index(policy)
        other = place - 1 if up else place + 1
        if not 0 <= other < len(policies):
            return
        policies[place], policies[other] = policies[other], policies[place]
        before = [one.name for one in RetryPolicy.objects.for_merchant(merchant)]
        for number, one in enumerate(policies, start=1):
            one.position = number
        RetryPolicy.objects.bulk_update(policies, ["position"])
        record_audit(
            merchant=merchant,
            user=user,
            action="retry_policy.move",
            at=now,
            subject=policy.name,
            before={"order": before},
            after={"order": [one.name for one in policies]},
        )


def delete_policy(
    *, merchant: Merchant, policy_id: int, user: User | None, now: dt.datetime
) -> None:
    """Delete a policy; cases that opened with it keep its rules.

    Raises:
        RetryPolicy.DoesNotExist: this merchant has no such policy.
    """
    with transaction.atomic(durable=True):
        Merchant.objects.select_for_update().get(pk=merchant.pk)
        policy = RetryPolicy.objects.for_merchant(merchant).get(pk=policy_id)
        record_audit(
            merchant=merchant,
            user=user,
            action="retry_policy.delete",
            at=now,
            subject=policy.name,
            before=_as_json(policy),
        )
        policy.delete()
        RetryPolicy.objects.for_merchant(merchant).filter(position__gt=policy.position).update(
            position=F("position") - 1
        )


def _policy(*, merchant: Merchant, policy_id: int | None) -> RetryPolicy:
    Merchant.objects.select_for_update().get(pk=merchant.pk)
    policies = RetryPolicy.objects.for_merchant(merchant)
    if policy_id is not None:
        return policies.get(pk=policy_id)
    last = policies.aggregate(last=Max("position"))["last"] or 0
    return RetryPolicy(merchant=merchant, position=last + 1)


def _saved_by(policy: RetryPolicy) -> AuditEntry | None:
    return AuditEntry.objects.filter(
        merchant=policy.merchant, action="retry_policy.save", subject=policy.name
    ).first()


def _as_json(policy: RetryPolicy) -> dict[str, object]:
    return {"name": policy.name, "segment": policy.segment, "rules": policy.rules}
