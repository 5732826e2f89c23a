"""Cases, attempts, tries and case events: ours alone, not in Stripe, never rebuilt.

The database states the rules: one case per merchant and invoice for ever, closed_at iff closed,
an ordinal used once, and at most one attempt of a case running, processing or unknown.
"""

import datetime as dt
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Self

from django.db import models
from django.db.models import Q

from apps.accounts.models import Membership, Merchant, User
from apps.dunning.facts import Decline
from apps.dunning.money import Money


class RecoveryCaseQuerySet(models.QuerySet["RecoveryCase"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def open(self) -> Self:
        return self.filter(status=RecoveryCase.Status.OPEN)


class RecoveryCase(models.Model):
    """Our effort to get one failed invoice paid. One per merchant and invoice for ever."""

    class Status(models.TextChoices):
        OPEN = "open", "Open"
        RECOVERED = "recovered", "Recovered"
        LOST = "lost", "Lost"
        STOPPED = "stopped", "Stopped"

    class EndReason(models.TextChoices):
        PAID = "paid", "Paid"
        TRIES_USED_UP = "tries_used_up", "Tries used up"
        UNCOLLECTIBLE = "uncollectible", "Marked uncollectible"
        VOIDED = "voided", "Invoice voided"
        CANCELED_FOR_NONPAYMENT = "canceled_for_nonpayment", "Canceled for non-payment"
        CANCELED_BY_CUSTOMER = "canceled_by_customer", "Canceled by customer"
        PAID_ELSEWHERE = "paid_elsewhere", "Paid outside"
        BOUGHT_AGAIN = "bought_again", "Bought again"
        STOPPED_BY_PERSON = "stopped_by_person", "Stopped by a person"

    class Kind(models.TextChoices):
        SUBSCRIPTION = "subscription", "Subscription"
        PAYMENT_PLAN = "payment_plan", "Payment plan"
        ONE_OFF = "one_off", "One-off invoice"

    class Engine(models.TextChoices):
        STRIPE = "stripe", "Stripe retries"
        RECOUP = "recoup", "Recoup retries"
        GAPS = "gaps", "Recoup fills Stripe's gaps"

    class Takeover(models.TextChoices):
        """Where `auto_advance=false` stands; nothing is charged before it is confirmed."""

        NONE = "none", "Not needed"
        WANTED = "wanted", "Asked of Stripe, not yet seen"
        CONFIRMED = "confirmed", "Stripe will not try again"
        REFUSED = "refused", "Stripe refused; watched only"

    class Step(models.TextChoices):
        RETRY = "retry", "Retry planned"
        NEW_CARD = "new_card", "Waiting for a new card"
        AUTHENTICATION = "authentication", "Waiting for 3-D Secure"
        NO_METHOD = "no_method", "Waiting for a card on file"
        STRIPE = "stripe", "Stripe retries"
        CHECKING = "checking", "Checking with Stripe"
        PROCESSING = "processing", "Bank payment under way"
        FINAL_ACTION = "final_action", "Ending"
        HELD = "held", "On hold"
        NOTHING = "nothing", "Nothing planned"

    class Hold(models.TextChoices):
        """Why nothing is tried until a person says so."""

        PERSON = "person", "By a person"
        DISPUTE = "dispute", "The customer disputed a payment"
        REFUND = "refund", "A payment was refunded"
        BOUGHT_AGAIN = "bought_again", "The customer bought the offer again"
        CUSTOMER_CANCELS = "customer_cancels", "The customer canceled to the period's end"

    class Source(models.TextChoices):
        LIVE = "live"
        IMPORT = "import"

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="cases")
    stripe_invoice_id = models.CharField(max_length=255)
    stripe_subscription_id = models.CharField(max_length=255, blank=True)
    stripe_customer_id = models.CharField(max_length=255, blank=True)
    stripe_product_id = models.CharField(max_length=255, blank=True)
    offer_name = models.CharField(max_length=512, blank=True)
    kind = models.CharField(max_length=16, choices=Kind)
    amount_due_minor = models.BigIntegerField(help_text="Smallest currency unit.")
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=16, choices=Status, default=Status.OPEN)
    end_reason = models.CharField(max_length=32, choices=EndReason, blank=True)
    source = models.CharField(max_length=16, choices=Source, default=Source.LIVE)

    failed_at = models.DateTimeField(help_text="The first failure.")
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)
    recovered_minor = models.BigIntegerField(default=0, help_text="Smallest currency unit.")
    billing_date_before = models.DateTimeField(
        null=True, blank=True, help_text="The subscription's next payment when the case opened."
    )

    engine = models.CharField(max_length=16, choices=Engine)
    rules = models.JSONField(help_text="dunning.RetryRules, frozen when the case opened.")
    segment = models.JSONField(
        default=dict,
        blank=True,
        help_text="dunning.SegmentFacts of an imported case, for when it is taken over.",
    )
    takeover = models.CharField(max_length=16, choices=Takeover, default=Takeover.NONE)
    takeover_tries = models.PositiveSmallIntegerField(default=0)
    retries_made = models.PositiveSmallIntegerField(
        default=0, help_text="Scheduled attempts carried out; manual ones do not count."
    )

    # What happens next, as the policy last said; the rows that merchants see.
    next_step = models.CharField(max_length=16, choices=Step, default=Step.NOTHING)
    next_try_at = models.DateTimeField(null=True, blank=True)
    reasons = models.JSONField(default=list, help_text="[{code, text}], newest decision.")
    decide_by = models.DateTimeField(
        null=True, blank=True, help_text="When waiting ends and the policy is asked again."
    )
    last_decline_code = models.CharField(max_length=64, blank=True)
    last_failure_code = models.CharField(max_length=64, blank=True)
    last_decline_words = models.CharField(max_length=200, blank=True)
    seen = models.JSONField(
        default=dict, help_text="What of the invoice decides its future, as last read."
    )
    checked_at = models.DateTimeField(
        null=True, blank=True, help_text="When the invoice was last read for this case."
    )
    hold = models.CharField(max_length=24, choices=Hold, blank=True)
    held_at = models.DateTimeField(null=True, blank=True)
    held_by = models.CharField(max_length=254, blank=True)
    write_off_key = models.UUIDField(
        null=True, blank=True, help_text="The end was decided early: by a person, or by a rule."
    )
    hold_note = models.CharField(max_length=200, blank=True, help_text="Why, in words.")
    fix_wanted_at = models.DateTimeField(
        null=True, blank=True, help_text="Set while a better card waits to be written at Stripe."
    )
    fix = models.JSONField(
        default=dict,
        blank=True,
        help_text="That write, committed before it is sent: {method, field, key, trigger, actor}.",
    )

    objects = RecoveryCaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_invoice_id"], name="case_unique_invoice"
            ),
            models.CheckConstraint(
                condition=Q(status="open", closed_at=None, end_reason="")
                | (~Q(status="open") & Q(closed_at__isnull=False) & ~Q(end_reason="")),
                name="case_closed_at_iff_closed",
            ),
            models.CheckConstraint(
                condition=Q(status="recovered") | Q(recovered_minor=0),
                name="case_money_only_when_recovered",
            ),
            models.CheckConstraint(
                condition=Q(fix={}, fix_wanted_at=None)
                | (~Q(fix={}) & Q(fix_wanted_at__isnull=False)),
                name="case_fix_iff_wanted",
            ),
            models.CheckConstraint(
                condition=Q(hold="", held_at=None)
                | (~Q(hold="") & Q(held_at__isnull=False) & Q(status="open")),
                name="case_held_only_while_open",
            ),
        ]
        indexes = [
            models.Index(fields=["merchant", "status", "-failed_at"], name="case_by_status"),
            models.Index(fields=["merchant", "failed_at"], name="case_by_failure"),
            models.Index(
                fields=["merchant", "closed_at"],
                condition=Q(status="recovered"),
                name="case_by_payment",
            ),
            models.Index(fields=["merchant", "stripe_subscription_id"], name="case_by_sub"),
            models.Index(fields=["merchant", "stripe_customer_id"], name="case_by_customer"),
            models.Index(fields=["decide_by"], condition=Q(status="open"), name="case_to_decide"),
            models.Index(
                fields=["fix_wanted_at"],
                condition=Q(fix_wanted_at__isnull=False),
                name="case_to_fix",
            ),
        ]

    def __str__(self) -> str:
        return f"Case {self.pk} for {self.stripe_invoice_id} ({self.status})"

    @property
    def amount_due(self) -> Money:
        return Money(self.amount_due_minor, self.currency)


class AttemptQuerySet(models.QuerySet["Attempt"]):
    def due(self, *, now: dt.datetime) -> Self:
        may_charge = Q(
            case__engine=RecoveryCase.Engine.RECOUP,
            case__takeover=RecoveryCase.Takeover.CONFIRMED,
        ) | Q(case__engine=RecoveryCase.Engine.GAPS)
        return self.filter(
            may_charge,
            status=Attempt.Status.SCHEDULED,
            due_at__lte=now,
            case__status=RecoveryCase.Status.OPEN,
            case__held_at=None,
            case__merchant__in=Merchant.objects.charging(),
        )

    def unsettled(self) -> Self:
        """Select attempts whose outcome is still open at Stripe."""
        return self.filter(status__in=Attempt.UNSETTLED)


class Attempt(models.Model):
    """A try that we planned; `number` is its ordinal, 1 the first retry, never derived.

    `key` is the idempotency key of its one pay call; it is born with the row and committed
    before anything is sent.
    """

    class Status(models.TextChoices):
        SCHEDULED = "scheduled", "Scheduled"
        RUNNING = "running", "Charging"
        SUCCEEDED = "succeeded", "Paid"
        DECLINED = "declined", "Declined"
        PROCESSING = "processing", "Processing"
        NEEDS_CUSTOMER = "needs_customer", "Customer must confirm"
        SKIPPED = "skipped", "Skipped"
        UNKNOWN = "unknown", "Checking with Stripe"

    class Trigger(models.TextChoices):
        """Why an attempt exists. Only `schedule` spends a step; see `SPENDS_STEP`."""

        SCHEDULE = "schedule", "Schedule"
        MANUAL = "manual", "Retry now"
        METHOD_CHANGED = "method_changed", "The card changed"
        CUSTOMER_CONFIRMED = "customer_confirmed", "The customer confirmed"
        LINK = "link", "The customer's link"
        BACKUP = "backup", "Backup method"

    UNSETTLED = (Status.RUNNING, Status.PROCESSING, Status.UNKNOWN)
    SPENDS_STEP: ClassVar[Mapping[str, bool]] = MappingProxyType(
        {
            Trigger.SCHEDULE: True,
            Trigger.MANUAL: False,
            Trigger.METHOD_CHANGED: False,
            Trigger.CUSTOMER_CONFIRMED: False,
            Trigger.LINK: False,
            Trigger.BACKUP: False,
        }
    )
    """Whether a try uses up and moves the schedule. A new trigger must say so here."""
    ON_THE_SPOT = (Trigger.MANUAL, Trigger.LINK)
    """Somebody waits for the answer: never put back to the schedule."""

    case = models.ForeignKey(RecoveryCase, on_delete=models.PROTECT, related_name="attempts")
    number = models.PositiveSmallIntegerField()
    status = models.CharField(max_length=16, choices=Status, default=Status.SCHEDULED)
    due_at = models.DateTimeField()
    trigger = models.CharField(max_length=24, choices=Trigger, default=Trigger.SCHEDULE)
    asked_by = models.CharField(
        max_length=254, blank=True, help_text="Who asked for it, if anyone."
    )
    stripe_payment_method_id = models.CharField(
        max_length=255, blank=True, help_text="The backup method to charge; else Stripe's choice."
    )
    reasons = models.JSONField(default=list, help_text="[{code, text}] why this moment.")
    key = models.UUIDField(default=uuid.uuid4, unique=True)

    put_off_until = models.DateTimeField(
        null=True, blank=True, help_text="Moved here from its due time; plans leave it there."
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(
        null=True, blank=True, help_text="Committed just before the first pay call."
    )
    last_sent_at = models.DateTimeField(
        null=True, blank=True, help_text="The same for the last call under this key."
    )
    request = models.JSONField(default=dict, help_text="The parameters sent under this key.")
    lease_until = models.DateTimeField(
        null=True, blank=True, help_text="Real time; past it another worker may settle the row."
    )
    settled_at = models.DateTimeField(null=True, blank=True)
    skip_reason = models.CharField(max_length=64, blank=True)
    note = models.CharField(max_length=500, blank=True, help_text="What happened, in words.")
    stripe_charge_id = models.CharField(max_length=255, blank=True)

    objects = AttemptQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["case", "number"], name="attempt_unique_number"),
            models.UniqueConstraint(
                fields=["case"],
                condition=Q(status__in=["running", "processing", "unknown"]),
                name="attempt_one_unsettled_per_case",
            ),
            models.UniqueConstraint(
                fields=["case"], condition=Q(status="scheduled"), name="attempt_one_scheduled"
            ),
            models.CheckConstraint(
                condition=Q(status="skipped") & ~Q(skip_reason="")
                | ~Q(status="skipped") & Q(skip_reason=""),
                name="attempt_skip_has_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=Q(status="scheduled"), name="attempt_due"),
            models.Index(
                fields=["sent_at"], condition=Q(sent_at__isnull=False), name="attempt_sent"
            ),
        ]

    def __str__(self) -> str:
        return f"Attempt {self.number} of case {self.case_id} ({self.status})"

    @property
    def uses_step(self) -> bool:
        """Whether it spends a step of the schedule."""
        return self.SPENDS_STEP[self.trigger]


class AccountPace(models.Model):
    """How fast charges of one merchant's Stripe account may start; see `services.pacing`."""

    merchant = models.OneToOneField(Merchant, on_delete=models.CASCADE, related_name="+")
    free_at = models.DateTimeField(help_text="Business time at which the even pace stands.")

    def __str__(self) -> str:
        return f"Pace of merchant {self.merchant_id}"


class TryQuerySet(models.QuerySet["Try"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class Try(models.Model):
    """One charge that really ran, by Stripe, by us or by the customer.

    Keyed by Stripe's charge, so that our own 402 and every event about it are one try.
    """

    class Status(models.TextChoices):
        SUCCEEDED = "succeeded", "Paid"
        FAILED = "failed", "Declined"
        PENDING = "pending", "Processing"

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="tries")
    attempt = models.ForeignKey(
        Attempt, on_delete=models.PROTECT, null=True, blank=True, related_name="tries"
    )
    stripe_charge_id = models.CharField(max_length=255)
    stripe_payment_intent_id = models.CharField(max_length=255, blank=True)
    stripe_invoice_id = models.CharField(max_length=255, blank=True)
    stripe_subscription_id = models.CharField(max_length=255, blank=True)
    stripe_customer_id = models.CharField(max_length=255, blank=True)
    at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=Status)
    amount_minor = models.BigIntegerField(help_text="Smallest currency unit.")
    amount_due_minor = models.BigIntegerField(help_text="Of the invoice, when it was read.")
    amount_remaining_minor = models.BigIntegerField(help_text="Of the invoice, when it was read.")
    currency = models.CharField(max_length=3)
    stripe_attempt_count = models.PositiveIntegerField(default=0)

    stripe_payment_method_id = models.CharField(max_length=255, blank=True)
    method_type = models.CharField(max_length=64, blank=True)
    method_brand = models.CharField(max_length=64, blank=True)
    method_last4 = models.CharField(max_length=8, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True)

    failure_code = models.CharField(max_length=64, blank=True)
    decline_code = models.CharField(max_length=64, blank=True)
    failure_message = models.CharField(max_length=500, blank=True)
    outcome_type = models.CharField(max_length=64, blank=True)
    network_status = models.CharField(max_length=64, blank=True)
    advice_code = models.CharField(max_length=64, blank=True)
    network_advice_code = models.CharField(max_length=16, blank=True)
    network_decline_code = models.CharField(max_length=16, blank=True)
    reached_network = models.BooleanField(default=True)

    objects = TryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "tries"
        ordering = ["at", "id"]
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "stripe_charge_id"], name="try_unique_charge"
            )
        ]
        indexes = [
            models.Index(fields=["merchant", "stripe_invoice_id", "at"], name="try_by_invoice"),
            models.Index(fields=["merchant", "at"], name="try_by_date"),
            models.Index(fields=["merchant", "stripe_payment_intent_id"], name="try_by_intent"),
            models.Index(fields=["merchant", "method_brand", "at"], name="try_by_brand"),
            models.Index(
                fields=["merchant", "fingerprint", "at"],
                condition=~Q(fingerprint=""),
                name="try_by_card",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_charge_id} {self.status}"

    @property
    def decline(self) -> Decline | None:
        """Give back the decline as `dunning` reads it; None for a try that did not fail."""
        if self.status != Try.Status.FAILED:
            return None
        return Decline(
            code=self.failure_code,
            decline_code=self.decline_code,
            message=self.failure_message,
            outcome_type=self.outcome_type,
            network_status=self.network_status,
            advice_code=self.advice_code,
            network_advice_code=self.network_advice_code,
            network_decline_code=self.network_decline_code,
        )


class CaseEventQuerySet(models.QuerySet["CaseEvent"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def undelivered(self) -> Self:
        return self.filter(delivered_at=None)


class CaseEvent(models.Model):
    """One thing that happened to a case, appended in the transaction that made it happen.

    The timeline the merchant sees, the audit trail and the outbox that `reactions` fans out, at
    least once. `key` makes a repeated fact one event. Silent events (import) go nowhere.
    """

    class Kind(models.TextChoices):
        OPENED = "opened", "Payment failed"
        TRY_FAILED = "try_failed", "Try failed"
        TRY_PROCESSING = "try_processing", "Bank payment under way"
        TAKEOVER = "takeover", "Recoup took over the retries"
        TAKEOVER_REFUSED = "takeover_refused", "Stripe kept the retries"
        STRIPE_SCHEDULED = "stripe_scheduled", "Stripe scheduled a try"
        PLANNED = "planned", "Retry planned"
        SKIPPED = "skipped", "Retry skipped"
        WAITING = "waiting", "Waiting for the customer"
        UNKNOWN = "unknown", "Checking with Stripe"
        METHOD_CHANGED = "method_changed", "Card changed"
        RECOVERED = "recovered", "Recovered"
        LOST = "lost", "Lost"
        STOPPED = "stopped", "Stopped"
        REOPENED = "reopened", "Reopened"
        FINAL_ACTION = "final_action", "Final action"
        ACCESS_PLANNED = "access_planned", "Access steps planned"
        ACCESS_HELD = "access_held", "Access steps held"
        ACCESS_LIMITED = "access_limited", "Access limited"
        ACCESS_REVOKED = "access_revoked", "Access revoked"
        ACCESS_GRANTED = "access_granted", "Access granted"
        MANUAL_RETRY = "manual_retry", "Retry now"
        RULES_CHANGED = "rules_changed", "Rules changed"
        HELD = "held", "Put on hold"
        RELEASED = "released", "Goes on"
        DISPUTED = "disputed", "Payment disputed"
        REFUNDED = "refunded", "Payment refunded"
        NOTE = "note", "Note"
        MAIL_SENT = "mail_sent", "Email sent"
        MAIL_NOT_SENT = "mail_not_sent", "Email not sent"
        MAIL_BOUNCED = "mail_bounced", "Email came back"
        LINK_USED = "link_used", "Payment link used"
        LINK_ASKED = "link_asked", "New link asked for"
        LINK_REVOKED = "link_revoked", "Payment links revoked"
        FIXED_BY_CUSTOMER = "fixed_by_customer", "Fixed by the customer"

    case = models.ForeignKey(RecoveryCase, on_delete=models.PROTECT, related_name="events")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    kind = models.CharField(max_length=32, choices=Kind)
    key = models.CharField(max_length=255, help_text="Unique in the case: one fact, one event.")
    at = models.DateTimeField()
    actor = models.CharField(max_length=254, default="Recoup")
    text = models.CharField(max_length=500)
    data = models.JSONField(default=dict)
    is_silent = models.BooleanField(default=False)
    delivered_at = models.DateTimeField(null=True, blank=True)
    delivery_tries = models.PositiveSmallIntegerField(default=0)
    delivery_error = models.CharField(max_length=500, blank=True)

    objects = CaseEventQuerySet.as_manager()

    class Meta:
        ordering = ["at", "id"]
        constraints = [models.UniqueConstraint(fields=["case", "key"], name="event_unique_key")]
        indexes = [
            models.Index(fields=["id"], condition=Q(delivered_at=None), name="event_outbox"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of case {self.case_id}"


class CalendarFeedQuerySet(models.QuerySet["CalendarFeed"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(membership__merchant=merchant)


class CalendarFeed(models.Model):
    """The secret address of one person's calendar; only its hash is kept."""

    membership = models.OneToOneField(
        Membership, on_delete=models.CASCADE, related_name="calendar_feed"
    )
    token_hash = models.CharField(max_length=64, unique=True)
    created_at = models.DateTimeField()

    objects = CalendarFeedQuerySet.as_manager()

    def __str__(self) -> str:
        return f"Calendar feed of {self.membership}"


class BulkRunQuerySet(models.QuerySet["BulkRun"]):
    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)


class BulkRun(models.Model):
    """What a person asked for many cases at once; `key` makes asking twice one run."""

    class Verb(models.TextChoices):
        RETRY = "retry", "Retry now"
        STOP = "stop", "Stop"
        LOSE = "lose", "Mark as lost"
        REMIND = "remind", "Send reminder"

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    verb = models.CharField(max_length=16, choices=Verb)
    key = models.UUIDField()
    asked_at = models.DateTimeField()
    good_until = models.DateTimeField(help_text="Real time; what has not begun then is left alone.")
    moved_at = models.DateTimeField(help_text="Real time of the last sign of progress.")

    objects = BulkRunQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "key"], name="bulk_run_unique_key")
        ]

    def __str__(self) -> str:
        return f"{self.verb} of many, run {self.pk}"


class BulkItem(models.Model):
    """One case of a run and what came of it; a retry's outcome is its attempt's."""

    class Status(models.TextChoices):
        WAITING = "waiting", "Waiting"
        WORKING = "working", "Working"
        DONE = "done", "Done"
        REFUSED = "refused", "Not possible"

    run = models.ForeignKey(BulkRun, on_delete=models.CASCADE, related_name="items")
    case = models.ForeignKey(RecoveryCase, on_delete=models.PROTECT, related_name="+")
    attempt = models.ForeignKey(
        Attempt, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    status = models.CharField(max_length=16, choices=Status, default=Status.WAITING)
    text = models.CharField(max_length=300, blank=True, help_text="Why it was not possible.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["run", "case"], name="bulk_item_unique_case")
        ]
        indexes = [
            models.Index(fields=["run"], condition=Q(status="waiting"), name="bulk_item_waiting")
        ]

    def __str__(self) -> str:
        return f"Case {self.case_id} of run {self.run_id}: {self.status}"
