"""The way of a call: key, account, version, parameters, idempotency, faults, answer."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox import parameters
from sandbox.books import Books
from sandbox.errors import (
    ApiError,
    ConnectionLost,
    key_in_use,
    lock_timeout,
    rate_limited,
    server_error,
)
from sandbox.faults import Fault
from sandbox.forms import as_list
from sandbox.idempotency import MAX_LENGTH, fingerprint
from sandbox.render import expand, render
from sandbox.router import Call, Route, resolve
from sandbox.types import Obj, Params, Response

if TYPE_CHECKING:
    from sandbox.core import Sandbox

HOUSE = ""

_VERSION = re.compile(r"^\d{4}-\d{2}-\d{2}(\.\w+)?$")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One call as it was asked."""

    method: str
    path: str
    params: Params
    headers: dict[str, str]
    request_id: str

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key") if self.method == "POST" else None


class Gate:
    """Lets calls in one after the other, or side by side where `during_call` is set."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self._locked: set[tuple[str, str]] = set()

    def answer(self, method: str, path: str, params: Params, headers: dict[str, str]) -> Response:
        sandbox = self._sandbox
        with sandbox.lock:
            sandbox.tick()
            asked = _Asked(
                method,
                path,
                params,
                {name.lower(): value for name, value in headers.items()},
                "req_" + sandbox.new_letters(length=14),
            )
        try:
            return self._answer(asked)
        except ApiError as error:
            return self._response(asked, error.status, error.body(), error.headers())

    def _answer(self, asked: _Asked) -> Response:
        sandbox = self._sandbox
        key_row = self._key(asked)
        account = self._account(asked, key_row)
        route, ids = resolve(asked.method, asked.path)
        _check_permission(key_row, route, asked.method)
        books = Books(sandbox, account, request_id=asked.request_id, idempotency_key=asked.key)
        if key_row["livemode"] != books.livemode:
            sandbox.judge.on_wrong_mode(books, f"{asked.path} with a key of the other mode")
            raise ApiError(
                404,
                f"No such object: '{asked.path.rsplit('/', 1)[-1]}'; a similar object exists in "
                f"{'live' if books.livemode else 'test'} mode, but a "
                f"{'live' if key_row['livemode'] else 'test'} mode key was used to make this "
                "request.",
                code="resource_missing",
            )
        if not sandbox.judge.on_call(books, f"{route.method} {route.pattern}"):
            raise rate_limited()
        fault = sandbox.faults.take(asked.method, asked.path, account, now=books.now)
        _before(fault, asked.key)
        parameters.check(asked.params, route.params)
        version = asked.headers.get("stripe-version") or sandbox.api_version
        if not _VERSION.match(version):
            raise ApiError(400, f"Invalid Stripe API version: {version}")
        call = Call(books, asked.params, ids, asked.path, version, key_row["account"])
        customer = self._paying_customer(route, call)
        if customer is not None:
            sandbox.judge.enter(books, customer)
        try:
            response = self._keyed(asked, route, call, fault)
        finally:
            if customer is not None:
                sandbox.judge.leave(books, customer)
        if fault in (Fault.TIMEOUT_AFTER,):
            raise ConnectionLost("the answer was lost on its way")
        return response

    # Idempotency and execution

    def _keyed(self, asked: _Asked, route: Route, call: Call, fault: Fault | None) -> Response:
        sandbox, key, books = self._sandbox, asked.key, call.books
        if key is None:
            return self._executed(asked, route, call, fault)
        if len(key) > MAX_LENGTH:
            raise ApiError(400, "Idempotency keys may be at most 255 characters long.")
        mark = fingerprint(asked.method, asked.path, asked.params)
        sandbox.judge.on_key(books, key, mark)
        with sandbox.lock:
            replayed = sandbox.idempotency.begin(books.account, key, mark, now=books.now)
        if replayed is not None:
            headers = {**replayed.headers, "Request-Id": asked.request_id}
            return Response(replayed.status, headers, replayed.body)
        kept: Response | None = None
        try:
            response = self._executed(asked, route, call, fault)
            kept = response
            return response
        except ApiError as error:
            if error.stored:
                kept = self._response(asked, error.status, error.body(), error.headers())
            raise
        finally:
            with sandbox.lock:
                sandbox.idempotency.finish(books.account, key, kept, now=books.now)

    def _executed(self, asked: _Asked, route: Route, call: Call, fault: Fault | None) -> Response:
        sandbox, books = self._sandbox, call.books
        if fault is Fault.ERROR_500:
            raise server_error()
        writes = asked.method != "GET" and "id" in call.ids
        target = (books.account, call.ids["id"]) if writes else None
        with sandbox.lock:
            if target is not None:
                if target in self._locked:
                    raise lock_timeout()
                self._locked.add(target)
        try:
            if sandbox.during_call is not None:
                sandbox.during_call(route.pattern)
            with sandbox.lock:
                if asked.key is not None:
                    sandbox.judge.on_executed(books, asked.key)
                public = self._carried_out(route, call)
        finally:
            with sandbox.lock:
                self._locked.discard(target or ("", ""))
        if fault is Fault.ERROR_500_AFTER:
            raise server_error()
        return self._response(asked, 200, public, {})

    def _carried_out(self, route: Route, call: Call) -> Obj:
        stored = route.handler(call)
        public: Obj = render(stored, call.version)
        expand(call.books, public, as_list(call.params.get("expand")), call.version)
        return public

    def _paying_customer(self, route: Route, call: Call) -> str | None:
        if route.pattern != "/v1/invoices/{id}/pay":
            return None
        invoice = call.books.find("invoice", call.id)
        return invoice["customer"] if invoice is not None else None

    # Who asks

    def _key(self, asked: _Asked) -> Obj:
        given = _given_key(asked.headers.get("authorization", ""))
        if not given:
            raise ApiError(401, "You did not provide an API key.")
        row = self._sandbox.store.get(HOUSE, "key", given)
        if row is None:
            raise ApiError(401, f"Invalid API Key provided: {given[:8]}{'*' * 12}{given[-4:]}")
        return row

    def _account(self, asked: _Asked, key: Obj) -> str:
        wanted = asked.headers.get("stripe-account") or key["account"]
        if wanted == key["account"]:
            return str(wanted)
        settings = self._sandbox.store.get(HOUSE, "settings", wanted)
        allowed = key["account"] == self._sandbox.account
        if settings is None or not allowed or not settings["connected"]:
            raise ApiError(
                403,
                f"The provided key does not have access to account '{wanted}' (or that account "
                "does not exist). Application access may have been revoked.",
                code="account_invalid",
            )
        return str(wanted)

    def _response(self, asked: _Asked, status: int, body: Obj, headers: dict[str, str]) -> Response:
        all_headers = {
            "Content-Type": "application/json",
            "Request-Id": asked.request_id,
            "Stripe-Version": asked.headers.get("stripe-version") or self._sandbox.api_version,
            **headers,
        }
        if asked.key is not None:
            all_headers["Idempotency-Key"] = asked.key
            all_headers["Original-Request"] = asked.request_id
        if "stripe-account" in asked.headers:
            all_headers["Stripe-Account"] = asked.headers["stripe-account"]
        return Response(status, all_headers, body)


def _before(fault: Fault | None, key: str | None) -> None:
    """Faults that keep the call from being carried out and leave nothing under its key."""
    if fault is Fault.TIMEOUT_BEFORE:
        raise ConnectionLost("the call never arrived")
    if fault is Fault.RATE_LIMIT:
        raise rate_limited()
    if fault is Fault.LOCK_TIMEOUT:
        raise lock_timeout()
    if fault is Fault.KEY_IN_USE:
        raise key_in_use(key or "")


def _given_key(authorization: str) -> str:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _check_permission(key: Obj, route: Route, method: str) -> None:
    """Refuse what a restricted key was not given: `invoices:write` includes reading."""
    permissions = key["permissions"]
    if permissions is None:
        return
    needed = "read" if method == "GET" else "write"
    if f"{route.resource}:write" in permissions:
        return
    if needed == "read" and f"{route.resource}:read" in permissions:
        return
    raise ApiError(
        403,
        f"The provided key does not have the required permissions for this endpoint. Having the "
        f"'rak_{route.resource.rstrip('s')}_{needed}' permission would allow this request to "
        "continue.",
        code="more_permissions_required_for_application",
    )
