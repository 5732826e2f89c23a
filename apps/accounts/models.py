"""Merchants, the people who sign in, and the record of who changed what."""

import datetime as dt
from typing import Any, ClassVar, Self
from zoneinfo import ZoneInfo

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models
from django.db.models import Exists, OuterRef, Q, Value
from django.db.models.functions import Coalesce, Now

LONGEST_GAP = dt.timedelta(minutes=30)
"""Real time without a sign of life after which this database may have missed something."""

NEVER = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)


class User(AbstractUser):
    """Who signs in, by email."""

    username = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    objects = UserManager()  # type: ignore[assignment,misc]

    def __str__(self) -> str:
        return self.email

    @property
    def display_name(self) -> str:
        return self.get_full_name() or self.email


class MerchantQuerySet(models.QuerySet["Merchant"]):
    def for_account(self, *, account_id: str, livemode: bool) -> Self:
        """Select the merchant behind a Stripe account in one mode."""
        return self.filter(stripe_account_id=account_id, livemode=livemode)

    def behind(self, since: dt.datetime) -> Self:
        """Select merchants not compared with Stripe since a demand."""
        return self.exclude(reconciled_at__gte=since)

    def charging(self) -> Self:
        """Select merchants for whom Recoup may act at Stripe at this moment.

        The same rule as `queries.charging_stop`, which also says why not.
        """
        reconciled_at = Coalesce(OuterRef("reconciled_at"), Value(NEVER))
        stopping = Installation.objects.filter(
            Q(charging_on=False)
            | Q(alive_at__lt=Now() - LONGEST_GAP)
            | Q(reconcile_since__gt=reconciled_at)
        )
        return self.filter(~Exists(stopping), charging_on=True, detached_at=None, refused_at=None)


class Merchant(models.Model):
    """Our client: one business, one Stripe account in one mode."""

    name = models.CharField(max_length=200)
    stripe_account_id = models.CharField(
        max_length=255, blank=True, help_text="acct_…; empty until Stripe is connected."
    )
    livemode = models.BooleanField(default=False)
    is_connected = models.BooleanField(
        default=False,
        help_text="Reached through Connect: the platform's key and a Stripe-Account header.",
    )
    time_zone = models.CharField(max_length=64, default="UTC")
    locale = models.CharField(max_length=16, default="en_US")
    charging_on = models.BooleanField(
        default=True, help_text="Off: Recoup charges nobody for this merchant."
    )
    detached_at = models.DateTimeField(
        null=True, blank=True, help_text="The connected account took our access back."
    )
    refused_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Since when Stripe refuses our calls; empty again once it lists events to us.",
    )
    reconciled_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Business time of the last demand to compare everything open with Stripe that "
        "was met.",
    )
    created_at = models.DateTimeField(auto_now_add=True)

    objects = MerchantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["stripe_account_id", "livemode"],
                condition=~Q(stripe_account_id=""),
                name="merchant_unique_stripe_account",
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} (#{self.pk})"

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)


class InstallationManager(models.Manager["Installation"]):
    def current(self) -> "Installation":
        """Give the one row; the defaults, unsaved, before anything was written."""
        return self.first() or Installation()


class Installation(models.Model):
    """What holds for all merchants at once; one row.

    The operator's switch, and what tells a database that was restored from a backup, or stood
    still, from one that saw everything: after such a gap nobody is charged until everything open
    was read at Stripe again.
    """

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, editable=False)
    charging_on = models.BooleanField(
        default=True, help_text="Off: Recoup charges nobody. Set by `manage.py charging`."
    )
    charging_reason = models.CharField(max_length=300, blank=True)
    charging_changed_at = models.DateTimeField(null=True, blank=True)
    alive_at = models.DateTimeField(
        null=True, blank=True, help_text="Real time; an old one means that something was missed."
    )
    database_mark = models.CharField(
        max_length=100, blank=True, help_text="Which copy of the database this was written in."
    )
    reconcile_since = models.DateTimeField(
        null=True,
        blank=True,
        help_text="Business time; nobody is charged for merchants not reconciled since.",
    )

    objects = InstallationManager()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(id=1), name="installation_one_row")]

    def __str__(self) -> str:
        return f"Charging is {'on' if self.charging_on else 'off'}"


class Role(models.TextChoices):
    """What a person may do, weakest first."""

    VIEWER = "viewer"
    SUPPORT = "support"
    ADMIN = "admin"
    OWNER = "owner"

    def covers(self, needed: "Role") -> bool:
        """Tell whether this role may do what `needed` may do."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Membership(models.Model):
    """A user's role with one merchant."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="memberships")
    merchant = models.ForeignKey(Merchant, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=Role, default=Role.VIEWER)
    preferences = models.JSONField(
        default=dict,
        blank=True,
        help_text="How this person likes the pages: columns and views of lists, single keys.",
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["user", "merchant"], name="membership_unique_user_merchant"
            )
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.merchant}"


class AuditEntry(models.Model):
    """One outward action or setting change: who, what, before and after. Never edited."""

    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="audit_entries")
    user = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    actor = models.CharField(max_length=254, help_text="A person's email, or “Recoup”.")
    action = models.CharField(max_length=64)
    subject = models.CharField(max_length=255, blank=True)
    before = models.JSONField(default=dict)
    after = models.JSONField(default=dict)
    at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        indexes = [models.Index(fields=["merchant", "-at"], name="audit_by_merchant")]

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor}: {self.action}"
