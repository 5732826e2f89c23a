"""Webhook endpoints.

Source: https://docs.stripe.com/api/webhook_endpoints
"""

from urllib.parse import urlsplit

from sandbox.books import Books
from sandbox.errors import invalid
from sandbox.forms import as_list
from sandbox.resources.common import copy_given, flag, merge_metadata, metadata_of, required
from sandbox.router import Call, page, route
from sandbox.types import Obj


def new_endpoint(
    books: Books,
    *,
    url: str,
    enabled_events: list[str],
    api_version: str | None = None,
    connect: bool = False,
    secret: str | None = None,
    description: str | None = None,
    metadata: Obj | None = None,
) -> Obj:
    endpoint: Obj = {
        "id": books.new_id("webhook_endpoint"),
        "object": "webhook_endpoint",
        "api_version": api_version,
        "application": None,
        "created": books.now,
        "description": description,
        "enabled_events": enabled_events,
        "livemode": books.livemode,
        "metadata": metadata or {},
        "status": "enabled",
        "url": url,
        "_secrets": [secret or "whsec_" + books.sandbox.new_letters(length=32)],
        "_connect": connect,
    }
    return books.save(endpoint)


@route("POST", "/v1/webhook_endpoints", "WebhookEndpointCreateParams")
def create(call: Call) -> Obj:
    """Tell the secret once, in this answer."""
    books, params = call.books, call.params
    required(params, "url", "enabled_events")
    _check_url(books, params["url"])
    endpoint = new_endpoint(
        books,
        url=params["url"],
        enabled_events=as_list(params["enabled_events"]),
        api_version=params.get("api_version"),
        connect=flag(params, "connect"),
        description=params.get("description"),
        metadata=metadata_of(params),
    )
    return {**endpoint, "secret": endpoint["_secrets"][0]}


def _check_url(books: Books, url: str) -> None:
    parts = urlsplit(url)
    local = parts.hostname in ("localhost", "127.0.0.1", "::1", "testserver")
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise invalid(
            "Invalid URL: An explicit scheme (such as https) must be provided.", param="url"
        )
    if books.livemode and parts.scheme != "https" and not local:
        raise invalid("Invalid URL: URL must be HTTPS.", param="url")


@route("GET", "/v1/webhook_endpoints/{id}")
def retrieve(call: Call) -> Obj:
    return call.books.get("webhook_endpoint", call.id)


@route("GET", "/v1/webhook_endpoints", "WebhookEndpointListParams")
def list_all(call: Call) -> Obj:
    return page(call, call.books.all("webhook_endpoint"))


@route("POST", "/v1/webhook_endpoints/{id}", "WebhookEndpointUpdateParams")
def update(call: Call) -> Obj:
    books, params = call.books, call.params
    endpoint = books.get("webhook_endpoint", call.id)
    if "url" in params:
        _check_url(books, params["url"])
    copy_given(endpoint, params, ("url", "description"))
    if "enabled_events" in params:
        endpoint["enabled_events"] = as_list(params["enabled_events"])
    if "disabled" in params:
        endpoint["status"] = "disabled" if flag(params, "disabled") else "enabled"
    merge_metadata(endpoint, params)
    return books.save(endpoint)


@route("DELETE", "/v1/webhook_endpoints/{id}")
def delete(call: Call) -> Obj:
    endpoint = call.books.get("webhook_endpoint", call.id)
    call.books.delete(endpoint)
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}
