"""Subscription schedules, as payment plans use them.

Source: https://docs.stripe.com/api/subscription_schedules
"""

from typing import Any

from sandbox.billing import schedules, subscriptions
from sandbox.books import Books, snapshot
from sandbox.errors import ApiError, invalid, refused
from sandbox.forms import as_int, as_list
from sandbox.resources.catalog import recurring_price
from sandbox.resources.common import flag, merge_metadata, metadata_of, number, required
from sandbox.resources.customers import living
from sandbox.resources.subscriptions import start
from sandbox.router import Call, matches, page, route, within
from sandbox.types import Obj, Params
from sandbox.versions import knows_iterations

END_BEHAVIOURS = ("cancel", "release", "none", "renew")


@route("POST", "/v1/subscription_schedules", "SubscriptionScheduleCreateParams")
def create(call: Call) -> Obj:
    """Start a schedule now: its subscription begins at once and bills its first period."""
    books, params = call.books, call.params
    if params.get("from_subscription"):
        return _from_subscription(books, params["from_subscription"])
    required(params, "customer", "phases")
    customer = living(books, params["customer"])
    given = as_list(params["phases"])
    if any("iterations" in phase for phase in given) and not knows_iterations(call.version):
        raise ApiError(
            400,
            "Received unknown parameter: phases[0][iterations]",
            code="parameter_unknown",
            param="phases[0][iterations]",
        )
    begin = _start(books, params.get("start_date"))
    schedule = new_schedule(
        books,
        customer=customer,
        phases=phases_of(books, given, begin),
        end_behavior=params.get("end_behavior", "release"),
        metadata=metadata_of(params),
    )
    first = given[0]
    subscription = start(
        books,
        {
            "customer": customer["id"],
            "items": first["items"],
            "metadata": first.get("metadata") or {},
            **_defaults(params),
        },
    )
    schedules.start(books, schedule, subscription)
    books.emit("subscription_schedule.created", schedule)
    return schedule


def _start(books: Books, wanted: Any) -> int:
    if wanted in (None, "now"):
        return books.now
    moment = as_int(wanted, param="start_date")
    if moment > books.now:
        raise invalid("The sandbox starts schedules now only.", param="start_date")
    return moment


def _defaults(params: Params) -> Params:
    settings = params.get("default_settings") or {}
    names = ("default_payment_method", "collection_method")
    return {name: settings[name] for name in names if name in settings}


def phases_of(books: Books, given: list[Any], begin: int) -> list[Obj]:
    phases: list[Obj] = []
    for index, phase in enumerate(given):
        required(phase, "items")
        prices = [
            recurring_price(books, item["price"], param=f"phases[{index}][items]")
            for item in as_list(phase["items"])
        ]
        end = _end(phase, prices[0], begin, index)
        phases.append(_phase(phase, prices, begin, end))
        begin = end
    return phases


def _end(phase: Any, price: Obj, begin: int, index: int) -> int:
    """Return the end of a phase: a date, a duration, or (before clover) a number of periods."""
    if phase.get("end_date"):
        return as_int(phase["end_date"], param=f"phases[{index}][end_date]")
    recurring = price["recurring"]
    if phase.get("duration"):
        duration = phase["duration"]
        count = number(duration, "interval_count", 1) or 1
        return subscriptions.next_end(begin, begin, duration["interval"], count)
    periods = number(phase, "iterations", 1) or 1
    return subscriptions.next_end(
        begin, begin, recurring["interval"], recurring["interval_count"] * periods
    )


def _phase(given: Any, prices: list[Obj], begin: int, end: int) -> Obj:
    quantities = [number(item, "quantity", 1) for item in as_list(given["items"])]
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": prices[0]["currency"],
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "end_date": end,
        "invoice_settings": None,
        "items": [
            {
                "billing_thresholds": None,
                "discounts": [],
                "metadata": {},
                "plan": price["id"],
                "price": price["id"],
                "quantity": quantity,
                "tax_rates": [],
            }
            for price, quantity in zip(prices, quantities, strict=True)
        ],
        "metadata": metadata_of(given),
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "start_date": begin,
        "transfer_data": None,
        "trial_end": None,
    }


def new_schedule(
    books: Books, *, customer: Obj, phases: list[Obj], end_behavior: str, metadata: Obj
) -> Obj:
    if end_behavior not in END_BEHAVIOURS:
        raise invalid(f"Invalid end_behavior: {end_behavior}", param="end_behavior")
    schedule: Obj = {
        "id": books.new_id("subscription_schedule"),
        "object": "subscription_schedule",
        "application": None,
        "billing_mode": {"type": "flexible", "flexible": None, "updated_at": None},
        "canceled_at": None,
        "completed_at": None,
        "created": books.now,
        "current_phase": None,
        "customer": customer["id"],
        "customer_account": None,
        "default_settings": {
            "application_fee_percent": None,
            "billing_cycle_anchor": "automatic",
            "billing_thresholds": None,
            "collection_method": "charge_automatically",
            "default_payment_method": None,
            "description": None,
            "invoice_settings": {
                "account_tax_ids": None,
                "days_until_due": None,
                "issuer": {"type": "self"},
            },
            "on_behalf_of": None,
            "transfer_data": None,
        },
        "end_behavior": end_behavior,
        "livemode": books.livemode,
        "metadata": metadata,
        "phases": phases,
        "released_at": None,
        "released_subscription": None,
        "status": "not_started",
        "subscription": None,
        "test_clock": customer["test_clock"],
    }
    return books.save(schedule)


def _from_subscription(books: Books, id: str) -> Obj:
    subscription = books.get("subscription", id, param="from_subscription")
    if subscription["schedule"]:
        raise refused("The subscription already has a schedule.", param="from_subscription")
    begin, end = subscriptions.period_of(subscription)
    prices = [item["price"] for item in subscription["items"]["data"]]
    items = [
        {"price": item["price"]["id"], "quantity": item["quantity"]}
        for item in subscription["items"]["data"]
    ]
    schedule = new_schedule(
        books,
        customer=books.get("customer", subscription["customer"]),
        phases=[_phase({"items": items}, prices, begin, end)],
        end_behavior="release",
        metadata={},
    )
    schedules.start(books, schedule, subscription)
    books.emit("subscription_schedule.created", schedule)
    return schedule


@route("GET", "/v1/subscription_schedules/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("subscription_schedule", call.id)


@route("GET", "/v1/subscription_schedules", "SubscriptionScheduleListParams")
def list_all(call: Call) -> Obj:
    found = [
        item
        for item in call.books.all("subscription_schedule")
        if matches(item, call.params, "customer")
        and within(item["created"], call.params.get("created"))
    ]
    return page(call, found)


@route("POST", "/v1/subscription_schedules/{id}", "SubscriptionScheduleUpdateParams")
def update(call: Call) -> Obj:
    """Change how the schedule ends, or its phases from the current one on."""
    books, params = call.books, call.params
    schedule = books.get("subscription_schedule", call.id)
    before = snapshot(schedule)
    if schedule["status"] not in ("active", "not_started"):
        raise refused(f"You cannot update a schedule that is {schedule['status']}.")
    if "end_behavior" in params:
        if params["end_behavior"] not in END_BEHAVIOURS:
            raise invalid("Invalid end_behavior", param="end_behavior")
        schedule["end_behavior"] = params["end_behavior"]
    if "phases" in params:
        begin = schedule["phases"][0]["start_date"]
        schedule["phases"] = phases_of(books, as_list(params["phases"]), begin)
        current = next(
            (phase for phase in schedule["phases"] if phase["end_date"] > books.now),
            schedule["phases"][-1],
        )
        schedule["current_phase"] = {
            "start_date": current["start_date"],
            "end_date": current["end_date"],
        }
        books.at(current["end_date"], "schedule.phase", schedule["id"])
    merge_metadata(schedule, params)
    books.save(schedule)
    books.emit("subscription_schedule.updated", schedule, before)
    return schedule


@route("POST", "/v1/subscription_schedules/{id}/cancel", "SubscriptionScheduleCancelParams")
def cancel(call: Call) -> Obj:
    books, schedule = call.books, call.books.get("subscription_schedule", call.id)
    subscription = books.get("subscription", schedule["subscription"])
    if schedule["status"] not in ("active", "not_started"):
        raise refused(f"You cannot cancel a schedule that is {schedule['status']}.")
    subscriptions.end(books, subscription, reason="cancellation_requested")
    return schedule


@route("POST", "/v1/subscription_schedules/{id}/release", "SubscriptionScheduleReleaseParams")
def release(call: Call) -> Obj:
    books, schedule = call.books, call.books.get("subscription_schedule", call.id)
    if schedule["status"] not in ("active", "not_started"):
        raise refused(f"You cannot release a schedule that is {schedule['status']}.")
    flag(call.params, "preserve_cancel_date")
    schedules.release(books, schedule)
    return schedule
