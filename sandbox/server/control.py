"""The control interface under /_sandbox/: what no real Stripe offers, for tests and the demo.

JSON in, JSON out, without a key; the server listens on localhost only, and JSON's content type
keeps pages in a browser from sending anything here.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from sandbox.faults import Fault
from sandbox.server import actions, plans, stories
from sandbox.server.actions import ActionRefused
from sandbox.server.keeper import Keeper, StepTooLong

PREFIX = "/_sandbox/"

Answer = tuple[int, object]
_COUNTED = ("customer", "subscription", "invoice", "charge", "event")


def handle(keeper: Keeper, method: str, name: str, body: bytes, content_type: str) -> Answer:
    """Answer one call as (status, JSON)."""
    route = _ROUTES.get((method, name))
    if route is None:
        return _refusal(HTTPStatus.NOT_FOUND, f"no {method} {PREFIX}{name}")
    given: Any = {}
    if method == "POST":
        if content_type.partition(";")[0].strip().lower() != "application/json":
            return _refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "send application/json")
        try:
            given = json.loads(body or b"{}")
        except ValueError:
            given = None
        if not isinstance(given, dict):
            return _refusal(HTTPStatus.BAD_REQUEST, "the body is no JSON object")
    try:
        return HTTPStatus.OK, route(keeper, given)
    except (ActionRefused, KeyError, StepTooLong, TypeError, ValueError) as error:
        return _refusal(HTTPStatus.BAD_REQUEST, str(error))


def _refusal(status: int, message: str) -> Answer:
    return status, {"error": message}


def _summary(keeper: Keeper, _: dict[str, Any]) -> object:
    sandbox = keeper.sandbox
    with sandbox.lock:
        next_at = keeper.next_at()
        store = sandbox.store
        return {
            "now": sandbox.clock.now().isoformat(),
            "offset_seconds": sandbox.clock.offset.total_seconds(),
            "account": sandbox.account,
            "next_at": next_at.isoformat() if next_at else None,
            "waiting_deliveries": sum(
                len(store.all(account, "delivery")) for account in store.accounts()
            ),
            "due_deliveries": keeper.due_letters(),
            "sent_deliveries": keeper.deliverer.sent,
            "down_until": sandbox.faults.down_until,
            "waiting_faults": sandbox.faults.waiting,
            "violations": len(sandbox.judge.violations),
            "waiting_calls": keeper.holds.waiting,
            "held_calls": keeper.holds.held,
            "objects": {
                kind: sum(len(store.all(account, kind)) for account in store.accounts())
                for kind in _COUNTED
            },
        }


def _advance(keeper: Keeper, given: dict[str, Any]) -> object:
    keeper.advance(timedelta(seconds=float(given["seconds"])))
    return _summary(keeper, {})


def _deliver(keeper: Keeper, _: dict[str, Any]) -> object:
    keeper.deliver_all()
    return _summary(keeper, {})


def _fault(keeper: Keeper, given: dict[str, Any]) -> object:
    if given.get("clear"):
        keeper.sandbox.faults.clear()
        keeper.deliverer.let_go()
        keeper.woken.set()
        return {"ok": True}
    if "down_seconds" in given:
        down = timedelta(seconds=float(given["down_seconds"]))
        keeper.sandbox.faults.down_until = int((keeper.sandbox.clock.now() + down).timestamp())
        return {"ok": True}
    fault = Fault(given.pop("fault"))
    keeper.sandbox.faults.add(fault, **given)
    return {"ok": True}


def _hold(keeper: Keeper, given: dict[str, Any]) -> object:
    if given.get("clear"):
        keeper.holds.release()
        return {"ok": True}
    keeper.holds.add(**given)
    return {"ok": True}


def _webhooks(keeper: Keeper, given: dict[str, Any]) -> object:
    if given.get("clear"):
        keeper.deliverer.switch_off()
        return {"ok": True}
    keeper.deliverer.switch(given.pop("trouble"), **given)
    return {"ok": True}


def _action(keeper: Keeper, given: dict[str, Any]) -> object:
    action = given.pop("do")
    try:
        return {"result": actions.carry_out(keeper.sandbox, action, given)}
    finally:
        keeper.save()
        keeper.woken.set()


def _plan(keeper: Keeper, given: dict[str, Any]) -> object:
    """{"in": seconds, "do": action, ...}: the same as an action, later on the sandbox's clock."""
    moment = keeper.sandbox.clock.now() + timedelta(seconds=float(given.pop("in")))
    plans.plan(keeper.sandbox, moment, given.pop("do"), given)
    keeper.save()
    return {"ok": True, "at": moment.isoformat()}


def _story(keeper: Keeper, given: dict[str, Any]) -> object:
    """Play {"customer": id, "story": name}; without a name only say how things stand."""
    try:
        return stories.play(keeper.sandbox, given["customer"], given.get("story", ""))
    finally:
        keeper.save()
        keeper.woken.set()


def _judge(keeper: Keeper, _: dict[str, Any]) -> object:
    return {"violations": [asdict(item) for item in keeper.sandbox.judge.violations]}


def _reset(keeper: Keeper, _: dict[str, Any]) -> object:
    keeper.reset()
    return _summary(keeper, {})


_ROUTES: dict[tuple[str, str], Callable[[Keeper, dict[str, Any]], object]] = {
    ("GET", ""): _summary,
    ("GET", "judge"): _judge,
    ("POST", "advance"): _advance,
    ("POST", "deliver"): _deliver,
    ("POST", "faults"): _fault,
    ("POST", "holds"): _hold,
    ("POST", "webhooks"): _webhooks,
    ("POST", "actions"): _action,
    ("POST", "plans"): _plan,
    ("POST", "stories"): _story,
    ("POST", "reset"): _reset,
}
