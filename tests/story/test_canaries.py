"""No secret rests anywhere, and customers only where they belong: every sink is searched.

A story is played with planted names, mails and keys, and with things going wrong; then the log
lines, the error page, the admin's records, the mails and every text, JSON and binary column of the
database are searched for them.
"""

import logging
import re
from datetime import timedelta

import pytest
from django.conf import settings
from django.core import mail
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Role, User
from apps.reactions import services as reactions
from apps.recovery.models import CaseEvent
from apps.stripe_gateway.mirror import sync_backlog
from apps.stripe_gateway.models import MirrorBacklog
from apps.webhooks import services as webhooks
from apps.webhooks.models import DirtyObject, InboxEvent
from config.logs import FORMATTERS
from sandbox import cards
from sandbox.faults import Fault
from tests.accounts.factories import MembershipFactory

NAME, EMAIL = "Sofia Canary", "sofia.canary@mail.example"
CARD = "4242 4242 4242 4242"
PASSWORD = "correct horse battery canary"

SECRETS = [
    re.compile(r"\b[a-z]+_[A-Za-z0-9]+_secret_\w+"),
    re.compile(r"\bwhsec_(?!later)\w{6,}"),
    re.compile(r"4242[ -]?4242[ -]?4242[ -]?4242"),
    re.compile(re.escape(PASSWORD)),
]
CUSTOMER = re.compile(rf"Sofia|{re.escape(EMAIL)}")

HOMES_OF_CUSTOMERS = {
    "customers_customer",  # the customer
    "customers_paymentmethod",  # and the name on their card
    "transactions_transaction",  # rows that show and find them
    "subscriptions_subscription",
    "dunning_emails_mail",  # where a mail went
    "webhooks_inboxevent",  # Stripe's own words, as signed
    "stripe_gateway_mirrorbacklog",  # on their way to the mirror
}
STAND_INS = (settings.STRIPE_SECRET_KEY, settings.STRIPE_LIVE_SECRET_KEY)


class Sink(logging.Handler):
    """Keeps the lines as the configured formatters write them."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.lines: list[str] = []
        self._formatters = [formatter() for formatter in FORMATTERS.values()]

    def emit(self, record: logging.LogRecord) -> None:
        self.lines += [formatter.format(record) for formatter in self._formatters]


@pytest.fixture
def sink():
    handler, root = Sink(), logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    logging.getLogger("django.db.backends").setLevel(logging.INFO)  # every statement, only in DEBUG
    yield handler
    root.removeHandler(handler)
    root.setLevel(level)
    logging.getLogger("django.db.backends").setLevel(logging.NOTSET)


@pytest.fixture
def played(world, sink, settings, monkeypatch):
    """A story in which much goes wrong, told to every sink."""
    price = world.sandbox.create_price(14_900, "usd", name="Studio Membership")
    customer = world.sandbox.create_customer_with_card(
        behaviour=cards.declines("insufficient_funds", times=2), name=NAME, email=EMAIL
    )
    world.choose()
    world.sandbox.subscribe(customer, price)
    world.settle_down()
    world.until_the_renewal_failed()
    world.sandbox.faults.add(Fault.TIMEOUT_AFTER, method="POST", path="/v1/invoices/*/pay")
    world.until_the_next_try()
    unusable(world)
    stumble(world, monkeypatch)
    people(world)
    sync_backlog(now=later())
    return world


def later():
    """Real time, when every answer that failed is tried again."""
    return timezone.now() + timedelta(hours=1)


def unusable(world) -> None:
    """Keep a body nobody can read, with everything in it."""
    body = (
        '{"id": "evt_odd", "object": "event", "data": {"object": {"client_secret": '
        f'"pi_3Qcanary_secret_Kcanary", "customer_name": "{NAME}"}}}}}}'
    )
    webhooks.receive(body=body.encode(), now=world.now)


def stumble(world, monkeypatch) -> None:
    """Let a projection, a reaction and the mirror fail with a customer in the error's words."""
    words = f"Failing row contains (1, {NAME}, {EMAIL}, {CARD}, {settings.GATEWAY_STRIPE_KEY})"

    def fail(*args, **kwargs):
        raise ValueError(words)

    DirtyObject.objects.create(
        merchant=world.merchant,
        kind="invoice",
        stripe_id=world.case.stripe_invoice_id,
        marked_at=world.now,
        not_before="2020-01-01T00:00Z",
    )
    with monkeypatch.context() as patch:
        patch.setattr("apps.webhooks.services.projecting.project_invoice_read", fail)
        patch.setattr("apps.customer_payments.services.react_to", fail)
        patch.setattr("apps.stripe_gateway.mirror._sync", fail)
        CaseEvent.objects.update(delivered_at=None)
        webhooks.drain(now=world.now, at_once=True)
        reactions.deliver(now=world.now)
        sync_backlog(now=later())
    assert DirtyObject.objects.exclude(error="").exists()
    assert CaseEvent.objects.exclude(delivery_error="").exists()
    assert MirrorBacklog.objects.exclude(error="").exists()


def people(world) -> None:
    """Sign in, look at pages, break one, replay in the admin, ask for a new password."""
    member = MembershipFactory(
        merchant=world.merchant, role=Role.OWNER, user__password=PASSWORD
    ).user
    client = Client(raise_request_exception=False)
    client.post(reverse("account_login"), {"login": member.email, "password": "wrong " + PASSWORD})
    client.post(reverse("account_reset_password"), {"email": member.email})
    operator = User.objects.create_superuser("operator@example.com", PASSWORD)
    client.force_login(operator)
    events = InboxEvent.objects.filter(stripe_event_id="evt_odd")
    client.post(
        reverse("admin:webhooks_inboxevent_changelist"),
        {"action": "replay", "_selected_action": [row.pk for row in events], "confirmed": "yes"},
    )


def columns() -> list[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, column_name FROM information_schema.columns"
            " WHERE table_schema = 'public'"
            " AND data_type IN ('text', 'character varying', 'json', 'jsonb', 'bytea', 'ARRAY')"
        )
        return cursor.fetchall()


def values(table: str, column: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(f'SELECT "{column}" FROM "{table}" WHERE "{column}" IS NOT NULL')  # noqa: S608
        return [
            bytes(value).decode(errors="replace") if isinstance(value, memoryview) else str(value)
            for (value,) in cursor.fetchall()
        ]


def key_in(text: str) -> bool:
    """Find a Stripe key that is none of the stand-ins kept for dj-stripe, which open nothing."""
    found = set(re.findall(r"\b[sr]k_(?:test|live)_\w+", text))
    return settings.GATEWAY_STRIPE_KEY in text or any(
        not re.fullmatch(r"[sr]k_(test|live)_[0-9a-f]{24}", key) and key not in STAND_INS
        for key in found
    )


def test_no_secret_rests_in_the_database(played):
    searched = 0
    for table, column in columns():
        for value in values(table, column):
            searched += 1
            assert not key_in(value), f"{table}.{column}: {value[:200]}"
            for secret in SECRETS:
                assert not secret.search(value), f"{table}.{column}: {value[:200]}"
    assert searched > 500


def test_customers_rest_only_where_they_belong(played):
    homes = set()
    for table, column in columns():
        if any(CUSTOMER.search(value) for value in values(table, column)):
            homes.add(table)

    strangers = {one for one in homes if not one.startswith("djstripe_")} - HOMES_OF_CUSTOMERS
    assert not strangers
    assert "customers_customer" in homes


def test_no_log_line_tells_a_secret_or_a_customer(played, sink):
    assert len(sink.lines) > 20
    assert any("could not be delivered" in line for line in sink.lines)
    for line in sink.lines:
        assert not key_in(line), line
        assert not CUSTOMER.search(line), line
        for secret in SECRETS:
            assert not secret.search(line), line


def test_no_mail_tells_a_secret_or_a_customer(played):
    assert mail.outbox
    for message in mail.outbox:
        text = f"{message.subject} {message.body} {message.to}"
        assert not key_in(text)
        assert not CUSTOMER.search(text)
        for secret in SECRETS:
            assert not secret.search(text)


def test_no_error_page_tells_what_went_wrong(played, sink, monkeypatch):
    def fail(*args, **kwargs):
        # A name is known by its field; a name alone looks like any two words.
        raise ValueError({"customer_name": NAME}, f"{EMAIL} {CARD} {settings.GATEWAY_STRIPE_KEY}")

    member = MembershipFactory(merchant=played.merchant).user
    client = Client(raise_request_exception=False)
    client.force_login(member)
    monkeypatch.setattr("apps.overview.views.start.figures", fail)

    response = client.get(reverse("overview:home"))

    page = response.content.decode()
    assert response.status_code == 500
    assert not CUSTOMER.search(page)
    assert not key_in(page)
    assert any(response["X-Request-ID"] in line for line in sink.lines)
    for line in sink.lines:
        assert not CUSTOMER.search(line)
        assert not key_in(line)


def test_the_search_itself_would_find_them(played):
    with connection.cursor() as cursor:
        cursor.execute("UPDATE recovery_recoverycase SET last_decline_words = %s", [NAME])
        cursor.execute(
            "UPDATE accounts_merchant SET name = %s", [f"x {settings.GATEWAY_STRIPE_KEY} x"]
        )

    assert any(
        CUSTOMER.search(one) for one in values("recovery_recoverycase", "last_decline_words")
    )
    assert any(key_in(one) for one in values("accounts_merchant", "name"))
