"""Settings > Customer Payments, and who has access to what."""

import datetime as dt
from typing import Self

from django.db import models
from django.db.models import Q

from apps.accounts.models import Merchant
from apps.dunning.access import AccessRules, AtEnd, Ladder, When
from apps.recovery.models import RecoveryCase


class CustomerPaymentSettings(models.Model):
    """The choices of “Revoke and grant access”; both toggles are off on day one."""

    class RevokeWhen(models.TextChoices):
        FIRST_FAILURE = "first_failure", "After the first failed payment"
        TRIES_USED_UP = "tries_used_up", "When the tries are used up"

    class AtEnd(models.TextChoices):
        REVOKE = "revoke", "Access ends with the subscription"
        KEEP = "keep", "The customer keeps access"

    class AfterReturn(models.TextChoices):
        LEAVE = "leave", "Leave access as it is"
        REVOKE = "revoke", "Revoke access"

    merchant = models.OneToOneField(
        Merchant, on_delete=models.CASCADE, related_name="customer_payment_settings"
    )
    revoke_on_failure = models.BooleanField(default=False)
    revoke_when = models.CharField(
        max_length=16, choices=RevokeWhen, default=RevokeWhen.FIRST_FAILURE
    )
    grant_on_success = models.BooleanField(default=False)
    grace_days = models.PositiveSmallIntegerField(default=0)
    covers_all_offers = models.BooleanField(default=True)
    offers = models.JSONField(default=list, blank=True, help_text="Stripe product ids, if chosen.")
    ladders = models.JSONField(default=list, blank=True, help_text="dunning.access.Ladder each.")
    at_end = models.CharField(max_length=8, choices=AtEnd, default=AtEnd.REVOKE)
    after_return = models.CharField(
        max_length=8,
        choices=AfterReturn,
        default=AfterReturn.LEAVE,
        help_text="After a refund or a dispute of a recovered payment.",
    )
    revokes_since = models.DateTimeField(
        null=True, blank=True, help_text="Failures before this moment take no access."
    )
    returns_since = models.DateTimeField(
        null=True, blank=True, help_text="Refunds of payments recovered earlier change nothing."
    )
    version = models.PositiveIntegerField(default=1, help_text="Raised by every save.")
    updated_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "customer payment settings"
        constraints = [
            models.CheckConstraint(
                condition=Q(grace_days__lte=30), name="customer_payments_grace_days"
            )
        ]

    def __str__(self) -> str:
        return f"Customer payment settings of {self.merchant}"

    @property
    def rules(self) -> AccessRules:
        """The stored choices as `dunning.access` reads them."""
        when: When = "never"
        if self.revoke_on_failure:
            is_first = self.revoke_when == self.RevokeWhen.FIRST_FAILURE
            when = "first_failure" if is_first else "tries_used_up"
        at_end: AtEnd = "keep" if self.at_end == self.AtEnd.KEEP else "revoke"
        return AccessRules(
            revoke=when,
            grant=self.grant_on_success,
            grace_days=self.grace_days,
            offers=None if self.covers_all_offers else tuple(self.offers),
            ladders=tuple(Ladder.from_json(one) for one in self.ladders),
            at_end=at_end,
            after_return="revoke" if self.after_return == self.AfterReturn.REVOKE else "leave",
        )


class AccessQuerySet(models.QuerySet["Access"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def taken_automatically(self) -> Self:
        """Select what a case took, in part or whole: only that is given back by itself."""
        return self.filter(revoked_by_case_id__isnull=False)


class Access(models.Model):
    """Whether a customer may use an offer; one row per customer and offer.

    Revoking keeps billing and progress. `revoked_by_case_id` names the case whose failure took
    access: only that is given back by itself. A person's revoke stays.
    """

    class State(models.TextChoices):
        GRANTED = "granted", "Granted"
        BANNER = "banner", "Granted, with a notice"
        LIMITED = "limited", "Limited"
        REVOKED = "revoked", "Revoked"
        KEPT = "kept", "Kept after the end"

    FULL = (State.GRANTED, State.KEPT)

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="access")
    stripe_customer_id = models.CharField(max_length=255)
    stripe_product_id = models.CharField(max_length=255)
    stripe_subscription_id = models.CharField(max_length=255, help_text="What pays for it.")
    state = models.CharField(max_length=16, choices=State, default=State.GRANTED)
    changed_at = models.DateTimeField()
    changed_by = models.CharField(max_length=254, default="Recoup")
    is_automatic = models.BooleanField(default=True)
    revoked_by_case_id = models.BigIntegerField(null=True, blank=True)

    objects = AccessQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "access"
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_customer_id", "stripe_product_id"],
                name="access_unique_customer_offer",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["banner", "limited", "revoked"])
                | Q(revoked_by_case_id=None),
                name="access_case_only_when_taken",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "stripe_subscription_id"], name="access_by_sub"),
            models.Index(
                fields=["revoked_by_case_id"],
                condition=Q(revoked_by_case_id__isnull=False),
                name="access_taken",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_customer_id} to {self.stripe_product_id}: {self.state}"


class AccessEvent(models.Model):
    """One change of access: who, why, and whether automations may run. Never edited.

    Also the outbox of access.* webhooks: `told_at` is set when it was handed on.
    """

    access = models.ForeignKey(Access, on_delete=models.PROTECT, related_name="events")
    state = models.CharField(max_length=16, choices=Access.State)
    before = models.CharField(max_length=16, choices=Access.State, default=Access.State.GRANTED)
    at = models.DateTimeField()
    actor = models.CharField(max_length=254)
    reason = models.CharField(max_length=300)
    case_id = models.BigIntegerField(null=True, blank=True)
    case_event_id = models.BigIntegerField(
        null=True,
        blank=True,
        unique=True,
        help_text="The case event it answers; makes a repeat harmless.",
    )
    triggers_automations = models.BooleanField(
        default=False, help_text="Automatic changes never fire grant automations."
    )
    told_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["at", "id"]
        indexes = [
            models.Index(fields=["id"], condition=Q(told_at=None), name="access_event_outbox")
        ]

    def __str__(self) -> str:
        return f"{self.state} at {self.at:%Y-%m-%d %H:%M}"


class AccessStepQuerySet(models.QuerySet["AccessStep"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(access__merchant=merchant)

    def waiting(self) -> Self:
        """Select steps that are planned or held: what may still happen."""
        return self.filter(status__in=AccessStep.WAITING)

    def due(self, *, now: dt.datetime) -> Self:
        return self.filter(status=AccessStep.Status.PLANNED, due_at__lte=now)


class AccessStep(models.Model):
    """One planned step down the ladder, for one case; `due_at` is its schedule."""

    class State(models.TextChoices):
        BANNER = "banner", "Notice shown"
        LIMITED = "limited", "Access limited"
        REVOKED = "revoked", "Access revoked"
        ENDED = "ended", "Subscription over"

    class Status(models.TextChoices):
        PLANNED = "planned", "Planned"
        HELD = "held", "Held by a person"
        DONE = "done", "Done"
        DROPPED = "dropped", "Not needed any more"

    WAITING = (Status.PLANNED, Status.HELD)

    access = models.ForeignKey(Access, on_delete=models.PROTECT, related_name="steps")
    case = models.ForeignKey(RecoveryCase, on_delete=models.PROTECT, related_name="access_steps")
    state = models.CharField(max_length=16, choices=State)
    status = models.CharField(max_length=16, choices=Status, default=Status.PLANNED)
    due_at = models.DateTimeField()
    why = models.CharField(max_length=300)
    planned_at = models.DateTimeField()
    settled_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, help_text="Why it was dropped or held.")

    objects = AccessStepQuerySet.as_manager()

    class Meta:
        ordering = ["due_at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["case", "state"],
                condition=Q(status__in=["planned", "held"]),
                name="access_step_one_waiting",
            ),
            models.CheckConstraint(
                condition=Q(status__in=["planned", "held"], settled_at=None)
                | Q(status__in=["done", "dropped"], settled_at__isnull=False),
                name="access_step_settled_iff_over",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                condition=Q(status__in=["planned", "held"]),
                name="access_step_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.state} of case {self.case_id} ({self.status})"

    @property
    def is_held(self) -> bool:
        return self.status == AccessStep.Status.HELD


class AccessRunQuerySet(models.QuerySet["AccessRun"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def unfinished(self) -> Self:
        return self.filter(finished_at=None)


class AccessRun(models.Model):
    """Settings that were saved to hold for open cases too: a worker plans their steps, one by one.

    `position` is how many of `case_ids` are done; it moves with each case's steps in one
    transaction, so that a run goes on where a killed worker left it. The steps it plans bear
    `asked_at` as the moment they were planned.
    """

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=254)
    customers = models.PositiveIntegerField(help_text="Who lose access at once, as confirmed.")
    case_ids = models.JSONField(help_text="Ids of cases, in the order they are taken.")
    position = models.PositiveIntegerField(default=0)
    finished_at = models.DateTimeField(null=True, blank=True)
    note = models.CharField(max_length=300, blank=True, help_text="Why it ended before its end.")

    objects = AccessRunQuerySet.as_manager()

    class Meta:
        ordering = ["-asked_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"],
                condition=Q(finished_at=None),
                name="access_run_one_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"Access run {self.pk} of {self.merchant}: {self.position} of {self.total}"

    @property
    def total(self) -> int:
        return len(self.case_ids)
