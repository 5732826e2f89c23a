"""Every object the sandbox returns has the fields the installed stripe library declares."""

import inspect
from datetime import timedelta

import pytest
import stripe
from stripe._object_classes import get_object_class

from sandbox import cards
from sandbox.render import render
from sandbox.versions import DEFAULT_VERSION
from tests.sandbox.helpers import failed_renewal


def faults_of(value, cls, path=""):
    """Name every key the class does not declare and every required key that is missing."""
    if isinstance(value, list):
        return [fault for item in value for fault in faults_of(item, cls, path)]
    if not isinstance(value, dict):
        return []
    if isinstance(value.get("object"), str):
        cls = get_object_class("V1", value["object"]) if value["object"] != "list" else None
        path = value["object"]
        if value["object"] == "list":
            return faults_of(value["data"], None, path)
    if cls is None or cls is stripe.StripeObject:
        return []
    declared = _annotations(cls)
    faults = [f"{path}.{key} is not declared" for key in value if key not in declared]
    faults += [
        f"{path}.{key} is missing"
        for key, annotation in declared.items()
        if not _optional(annotation) and value.get(key) is None and not value.get("deleted")
    ]
    inner = cls._inner_class_types
    for key, item in value.items():
        faults += faults_of(item, inner.get(key), f"{path}.{key}")
    return faults


def _annotations(cls):
    found = {}
    for base in reversed(cls.__mro__):
        if issubclass(base, stripe.StripeObject) and base is not stripe.StripeObject:
            found.update(inspect.get_annotations(base))
    return {key: value for key, value in found.items() if "ClassVar" not in str(value)}


def _optional(annotation):
    text = str(annotation)
    return text.startswith(("typing.Optional", "ForwardRef('Optional")) or "None" in text


def test_the_check_itself_finds_strangers_and_gaps(sandbox):
    invoice = render(failed_renewal(sandbox), DEFAULT_VERSION)
    invoice["paid"] = False
    invoice["status_transitions"]["opened_at"] = 1
    del invoice["attempt_count"]

    assert sorted(faults_of(invoice, None)) == [
        "invoice.attempt_count is missing",
        "invoice.paid is not declared",
        "invoice.status_transitions.opened_at is not declared",
    ]


@pytest.fixture
def busy(sandbox, client):
    """A sandbox in which every kind of object exists."""
    endpoint = sandbox.add_endpoint("http://localhost/hook")
    invoice = failed_renewal(sandbox)
    sandbox.customer_pays(invoice)
    charge = sandbox.object("charge", invoice["_charge"])
    client.v1.refunds.create({"charge": charge["id"], "amount": 500})
    sandbox.dispute(charge)
    customer = sandbox.create_customer_with_card(name="Bo")
    plan = sandbox.create_price(5_000)
    instalments = sandbox.subscribe_in_instalments(customer, plan, 3)
    debtor = sandbox.create_customer(name="Cy")
    account = sandbox.create_bank_account(debtor)
    client.v1.customers.update(
        debtor["id"], {"invoice_settings": {"default_payment_method": account["id"]}}
    )
    sandbox.subscribe(debtor, plan)
    threed = failed_renewal(sandbox, cards.needs_authentication())
    client.v1.invoice_items.create({"customer": customer["id"], "amount": 700, "currency": "usd"})
    draft = client.v1.invoices.create(
        {"customer": customer["id"], "pending_invoice_items_behavior": "include"}
    )
    client.v1.invoices.finalize_invoice(draft.id)
    client.v1.credit_notes.create({"invoice": draft.id, "amount": 100})
    session = client.v1.checkout.sessions.create(
        {"mode": "setup", "customer": customer["id"], "success_url": "https://example.com"}
    )
    sandbox.complete_checkout(session.id)
    client.v1.billing_portal.sessions.create(
        {"customer": customer["id"], "flow_data": {"type": "payment_method_update"}}
    )
    client.v1.test_helpers.test_clocks.create(
        {"frozen_time": int((sandbox.now() + timedelta(days=1)).timestamp())}
    )
    assert endpoint
    assert instalments["schedule"]
    assert threed["status"] == "open"
    return sandbox


def test_every_stored_object_conforms(busy):
    kinds = {row.kind for row in busy.store.rows() if row.account}
    kinds -= {"timer", "idempotency", "delivery", "event"}
    faults = {
        fault
        for kind in kinds
        for obj in busy.objects(kind)
        for fault in faults_of(render(obj, DEFAULT_VERSION), None)
    }

    assert len(kinds) >= 20
    assert not faults, "\n".join(sorted(faults))


def test_every_event_conforms(busy, client):
    events = [event.to_dict() for event in client.v1.events.list({"limit": 100}).auto_paging_iter()]

    faults = {fault for event in events for fault in faults_of(event["data"]["object"], None)}

    assert len({event["type"] for event in events}) > 30
    assert not faults, "\n".join(sorted(faults))


def test_included_fields_conform(busy, client):
    invoice = busy.objects("invoice")[0]
    expanded = client.v1.invoices.retrieve(
        invoice["id"],
        {"expand": ["payments.data.payment.payment_intent", "confirmation_secret", "customer"]},
    )

    assert faults_of(expanded.to_dict(), None) == []
