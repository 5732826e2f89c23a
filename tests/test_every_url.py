"""Every address of the product: who gets in, who does not, and that merchants never meet."""

import uuid
from dataclasses import dataclass

import pytest
from django.urls import URLPattern, get_resolver, reverse

from apps.accounts.models import Role
from apps.web.preferences import views_of
from apps.web.services import save_view
from tests.accounts.factories import MembershipFactory, MerchantFactory, UserFactory
from tests.analytics.factories import AlertFactory
from tests.customers.factories import CustomerFactory
from tests.exports.factories import ExportFactory
from tests.integrations.factories import ApiTokenFactory, DeliveryFactory, WebhookEndpointFactory
from tests.recovery.factories import BulkRunFactory, CaseFactory
from tests.retry_settings.factories import RetryPolicyFactory
from tests.subscriptions.factories import SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Rule:
    """`needs`: the weakest role that gets in. `record`: the kind of record the address names.

    `args`: what stands in an address that names no record.
    """

    needs: Role
    method: str = "get"
    record: str = ""
    args: tuple[str, ...] = ()


RULES = {
    "overview:home": Rule(Role.VIEWER),
    "overview:customer": Rule(Role.VIEWER, record="customer"),
    "overview:activity": Rule(Role.VIEWER),
    "overview:weekly": Rule(Role.VIEWER),
    "overview:more_figures": Rule(Role.VIEWER),
    "overview:emails_csv": Rule(Role.VIEWER),
    "overview:alerts": Rule(Role.VIEWER),
    "overview:alert": Rule(Role.VIEWER, record="alert"),
    "overview:alert_settings": Rule(Role.VIEWER),
    "overview:setup": Rule(Role.VIEWER),
    "overview:setup_checklist": Rule(Role.VIEWER),
    "overview:say": Rule(Role.ADMIN, "post"),
    "overview:begin_import": Rule(Role.ADMIN, "post"),
    "overview:connected": Rule(Role.ADMIN),
    "overview:settings": Rule(Role.VIEWER),
    "overview:stripe": Rule(Role.VIEWER),
    "overview:stripe_permissions": Rule(Role.ADMIN),
    "overview:disconnect": Rule(Role.OWNER),
    "overview:replay": Rule(Role.ADMIN, "post"),
    "overview:preferences": Rule(Role.VIEWER),
    "subscriptions:list": Rule(Role.VIEWER),
    "subscriptions:detail": Rule(Role.VIEWER, record="subscription"),
    "transactions:list": Rule(Role.VIEWER),
    "transactions:detail": Rule(Role.VIEWER, record="transaction"),
    "recovery:list": Rule(Role.VIEWER),
    "recovery:case": Rule(Role.VIEWER, record="case"),
    "recovery:bulk_result": Rule(Role.VIEWER, record="run"),
    "recovery:bulk_retry": Rule(Role.SUPPORT, "post"),
    "recovery:bulk_stop": Rule(Role.SUPPORT, "post"),
    "recovery:start_retry": Rule(Role.SUPPORT, "post"),
    "recovery:start_stop": Rule(Role.SUPPORT, "post"),
    "recovery:bulk_lose": Rule(Role.SUPPORT, "post"),
    "recovery:bulk_remind": Rule(Role.SUPPORT, "post"),
    "recovery:start_lose": Rule(Role.SUPPORT, "post"),
    "recovery:start_remind": Rule(Role.SUPPORT, "post"),
    "transactions:bulk_retry": Rule(Role.SUPPORT, "post"),
    "transactions:bulk_remind": Rule(Role.SUPPORT, "post"),
    "subscriptions:bulk_retry": Rule(Role.SUPPORT, "post"),
    "subscriptions:bulk_remind": Rule(Role.SUPPORT, "post"),
    "exports:selected": Rule(Role.VIEWER, "post", args=("transactions",)),
    "recovery:calendar": Rule(Role.VIEWER),
    "recovery:open_feed": Rule(Role.VIEWER, "post"),
    "recovery:close_feed": Rule(Role.VIEWER, "post"),
    "recovery:take_over": Rule(Role.ADMIN),
    "recovery:apply_rules": Rule(Role.ADMIN),
    "recovery:retry": Rule(Role.SUPPORT, "post", record="case"),
    "recovery:stop": Rule(Role.SUPPORT, "post", record="case"),
    "recovery:note": Rule(Role.SUPPORT, "post", record="case"),
    "recovery:reopen": Rule(Role.SUPPORT, "post", record="case"),
    "recovery:hold": Rule(Role.SUPPORT, "post", record="case"),
    "recovery:release": Rule(Role.SUPPORT, "post", record="case"),
    "recovery:write_off": Rule(Role.SUPPORT, "post", record="case"),
    "emails:list": Rule(Role.VIEWER),
    "emails:save": Rule(Role.ADMIN, "post", args=("calm",)),
    "emails:mail_again": Rule(Role.ADMIN, "post"),
    "emails:editor": Rule(Role.VIEWER, args=("failed_1",)),
    "emails:preview": Rule(Role.VIEWER, args=("failed_1",)),
    "emails:switch": Rule(Role.ADMIN, "post", args=("failed_1",)),
    "emails:stripe": Rule(Role.ADMIN, "post", args=("failed_1",)),
    "emails:draft": Rule(Role.ADMIN, "post", args=("failed_1",)),
    "emails:publish": Rule(Role.ADMIN, "post", args=("failed_1",)),
    "emails:revert": Rule(Role.ADMIN, "post", args=("failed_1",)),
    "emails:restore": Rule(Role.ADMIN, "post", args=("failed_1",)),
    "emails:test": Rule(Role.SUPPORT, "post", args=("failed_1",)),
    "branding:settings": Rule(Role.VIEWER),
    "branding:save": Rule(Role.ADMIN, "post"),
    "mails:link": Rule(Role.VIEWER, record="case"),
    "mails:remind": Rule(Role.VIEWER, record="case"),
    "mails:send_reminder": Rule(Role.SUPPORT, "post", record="case"),
    "mails:make_link": Rule(Role.SUPPORT, "post", record="case"),
    "mails:revoke_links": Rule(Role.SUPPORT, "post", record="case"),
    "retry_settings:settings": Rule(Role.VIEWER),
    "retry_settings:preview": Rule(Role.VIEWER, "post"),
    "retry_settings:charging_on": Rule(Role.ADMIN, "post"),
    "retry_settings:charging_off": Rule(Role.ADMIN, "post"),
    "retry_settings:save": Rule(Role.ADMIN, "post"),
    "access:losing": Rule(Role.VIEWER),
    "access:detail": Rule(Role.VIEWER, record="subscription"),
    "access:case": Rule(Role.VIEWER, record="case"),
    "access:revoke": Rule(Role.SUPPORT, "post", record="subscription"),
    "access:grant": Rule(Role.SUPPORT, "post", record="subscription"),
    "access:hold": Rule(Role.SUPPORT, "post", record="case"),
    "access:release": Rule(Role.SUPPORT, "post", record="case"),
    "overview:history": Rule(Role.VIEWER, "post"),
    "overview:mandates": Rule(Role.VIEWER),
    "overview:match_segments": Rule(Role.VIEWER),
    "overview:stripe_check": Rule(Role.VIEWER),
    "retry_settings:note_stripe": Rule(Role.ADMIN, "post"),
    "retry_settings:segments": Rule(Role.VIEWER),
    "retry_settings:new_segment": Rule(Role.ADMIN),
    "retry_settings:segment": Rule(Role.VIEWER, record="policy"),
    "retry_settings:save_segment": Rule(Role.ADMIN, "post", record="policy"),
    "retry_settings:segment_up": Rule(Role.ADMIN, "post", record="policy"),
    "retry_settings:segment_down": Rule(Role.ADMIN, "post", record="policy"),
    "retry_settings:delete_segment": Rule(Role.ADMIN, "post", record="policy"),
    "outgoing:list": Rule(Role.VIEWER),
    "outgoing:add": Rule(Role.ADMIN, "post"),
    "outgoing:endpoint": Rule(Role.VIEWER, record="endpoint"),
    "outgoing:change": Rule(Role.ADMIN, "post", record="endpoint"),
    "outgoing:rotate": Rule(Role.ADMIN, "post", record="endpoint"),
    "outgoing:test": Rule(Role.ADMIN, "post", record="endpoint"),
    "outgoing:disable": Rule(Role.ADMIN, "post", record="endpoint"),
    "outgoing:enable": Rule(Role.ADMIN, "post", record="endpoint"),
    "outgoing:delivery": Rule(Role.VIEWER, record="delivery"),
    "outgoing:replay": Rule(Role.ADMIN, "post", record="delivery"),
    "api_tokens:list": Rule(Role.VIEWER),
    "api_tokens:create": Rule(Role.ADMIN, "post"),
    "api_tokens:revoke": Rule(Role.ADMIN, "post", record="token"),
    "customer_payments:settings": Rule(Role.VIEWER),
    "customer_payments:save": Rule(Role.ADMIN, "post"),
    "web:save_columns": Rule(Role.VIEWER, "post"),
    "web:save_view": Rule(Role.VIEWER, "post"),
    "web:rename_view": Rule(Role.VIEWER, "post", record="view"),
    "web:delete_view": Rule(Role.VIEWER, "post", record="view"),
    "web:restore_view": Rule(Role.VIEWER, "post", record="view"),
    "web:single_keys": Rule(Role.VIEWER, "post"),
    "analytics:page": Rule(Role.VIEWER),
    "analytics:csv": Rule(Role.VIEWER, args=("outcomes",)),
    "exports:list": Rule(Role.VIEWER),
    "exports:new": Rule(Role.VIEWER, args=("transactions",)),
    "exports:detail": Rule(Role.VIEWER, record="export"),
    "exports:download": Rule(Role.VIEWER, record="export"),
    "exports:cancel": Rule(Role.VIEWER, "post", record="export"),
    "exports:retry": Rule(Role.VIEWER, "post", record="export"),
    "exports:delete": Rule(Role.VIEWER, "post", record="export"),
    "switch_merchant": Rule(Role.VIEWER, "post"),
}
"""Addresses of the dashboard. A new one must be named here, or in PUBLIC, or the test fails."""

PUBLIC = {
    "api:access",  # for merchants' own sites; a token is the check
    "overview:metrics",  # for Prometheus; its token is the check
    "overview:healthz",  # for load balancers; tells nothing about merchants
    "recovery:calendar_feed",  # for calendar programs; the secret in it is the check
    "webhooks:stripe",  # Stripe; its signature is the check
    "set_theme",  # a cookie
    # the customer's link; the token in the address is the check
    "pay:link",
    "pay:card",
    "pay:invoice",
    "pay:done",
    "pay:renew",
    "mail:stop",  # signed, in the mail itself
    "branding:picture",  # in mails
    "branding:colours",  # of the customer's pages; a colour, and nothing else
    "account_login",
    "account_logout",
    "account_signup",  # says that it is closed
    "account_inactive",
    "account_reset_password",
    "account_reset_password_done",
    "account_reset_password_from_key",
    "account_reset_password_from_key_done",
}

SIGNED_IN = {"account_reauthenticate", "account_change_password", "account_set_password"}
"""About the person, whatever their merchant."""

OPERATOR = "admin"
"""Django's admin: for staff alone."""

NOBODY = 0

RecordId = int | str | uuid.UUID


def names(patterns=None, prefix="") -> list[str]:
    """Return the names of all addresses, without those of the admin."""
    found = []
    for pattern in patterns or get_resolver().url_patterns:
        if isinstance(pattern, URLPattern):
            found.append(f"{prefix}{pattern.name}")
        elif pattern.namespace != OPERATOR:
            space = f"{prefix}{pattern.namespace}:" if pattern.namespace else prefix
            found += names(pattern.url_patterns, space)
    return found


def address(name: str, record_id: RecordId = NOBODY) -> str:
    rule = RULES[name]
    if rule.record == "export" and record_id == NOBODY:
        record_id = uuid.UUID(int=NOBODY)
    return reverse(name, args=[record_id] if rule.record else rule.args)


def visit(client, name: str, record_id: RecordId = NOBODY):
    return getattr(client, RULES[name].method)(address(name, record_id))


def a_record(kind: str, merchant) -> RecordId:
    if kind == "run":
        return BulkRunFactory(merchant=merchant).pk
    if kind == "alert":
        return AlertFactory(merchant=merchant).pk
    if kind == "customer":
        return CustomerFactory(merchant=merchant).stripe_customer_id
    if kind == "view":
        somebody = MembershipFactory(merchant=merchant)
        save_view(membership=somebody, page="transactions", name="Mine", query="view=failed")
        return views_of(somebody, "transactions")[0].id
    if kind == "policy":
        return RetryPolicyFactory(merchant=merchant).pk
    if kind == "transaction":
        return TransactionFactory(merchant=merchant).pk
    if kind == "endpoint":
        return WebhookEndpointFactory(merchant=merchant).pk
    if kind == "delivery":
        return DeliveryFactory(endpoint__merchant=merchant, event__merchant=merchant).pk
    if kind == "token":
        return ApiTokenFactory(merchant=merchant).pk
    if kind == "subscription":
        return SubscriptionFactory(merchant=merchant).pk
    if kind == "export":
        somebody = merchant.memberships.first() or MembershipFactory(merchant=merchant)
        return ExportFactory(merchant=merchant, user=somebody.user, ready=True).pk
    return CaseFactory(merchant=merchant).pk


def test_every_address_has_a_rule():
    assert sorted(names()) == sorted({*RULES, *PUBLIC, *SIGNED_IN})


@pytest.mark.parametrize("name", RULES)
def test_strangers_are_sent_to_sign_in(client, name):
    response = visit(client, name)

    assert response.status_code == 302
    assert response["Location"].startswith("/login/?next=/")


@pytest.mark.parametrize("name", sorted(SIGNED_IN))
def test_strangers_see_nothing_personal(client, name):
    response = client.get(reverse(name))

    assert response.status_code == 302
    assert response["Location"].startswith("/login/")


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize("name", RULES)
def test_a_role_gets_in_exactly_where_it_may(client, name, role):
    membership = MembershipFactory(role=role)
    client.force_login(membership.user)

    response = visit(client, name)

    if not role.covers(RULES[name].needs):
        assert response.status_code == 403
    elif RULES[name].record:
        assert response.status_code == 404, "let in, and found no such record"
    else:
        assert response.status_code in (200, 302, 400, 422)
        assert "/login/" not in response.get("Location", "")


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if rule.record])
def test_another_merchants_record_is_not_there(client, name):
    record_id = a_record(RULES[name].record, MerchantFactory())
    client.force_login(MembershipFactory(role=Role.OWNER).user)

    assert visit(client, name, record_id).status_code == 404


@pytest.mark.parametrize(
    "name", [name for name, rule in RULES.items() if rule.record and rule.method == "get"]
)
def test_a_viewer_sees_a_record_of_their_own_merchant(client, name):
    membership = MembershipFactory(role=Role.VIEWER)
    record_id = a_record(RULES[name].record, membership.merchant)
    client.force_login(membership.user)

    assert visit(client, name, record_id).status_code == 200


@pytest.mark.parametrize("name", [name for name, rule in RULES.items() if not rule.record])
def test_lists_show_nothing_of_another_merchant(client, name):
    other = MerchantFactory()
    TransactionFactory(merchant=other, customer_name="Somebody Else", failed=True)
    SubscriptionFactory(merchant=other, customer_name="Somebody Else", past_due=True)
    client.force_login(MembershipFactory(role=Role.OWNER).user)

    response = visit(client, name)

    body = b"".join(response) if response.streaming else response.content
    assert b"Somebody Else" not in body


@pytest.mark.parametrize("name", RULES)
def test_without_a_merchant_there_is_only_a_page_that_says_so(client, name):
    client.force_login(UserFactory())

    response = visit(client, name)

    assert response.status_code == 403
    assert b"You belong to no store yet." in response.content


@pytest.mark.parametrize("person", [None, Role.OWNER])
def test_the_admin_is_for_staff_alone(client, person):
    if person:
        client.force_login(MembershipFactory(role=person).user)

    for name in ("admin:index", "admin:django_celery_beat_periodictask_changelist"):
        response = client.get(reverse(name))

        assert response.status_code == 302
        assert "/admin/login/" in response["Location"]
