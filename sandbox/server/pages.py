"""Stripe's hosted pages, as far as a customer in a browser needs them: Checkout and the invoice.

Plain forms without script. What a customer does here is done by the sandbox's own controls.
"""

import html
from collections.abc import Callable, Mapping
from http import HTTPStatus
from urllib.parse import parse_qs

from sandbox import cards
from sandbox.core import Sandbox
from sandbox.errors import ApiError
from sandbox.types import Obj

CHECKOUT, INVOICE = "/c/pay/", "/i/"
STRIPES = {
    "https://checkout.stripe.com/c/pay/": CHECKOUT,
    "https://invoice.stripe.com/i/": INVOICE,
}
"""Where Stripe's pages are, and where the server has them."""

CARDS: Mapping[str, tuple[str, cards.Behaviour]] = {
    "good": ("Visa •••• 4242, a good card", []),
    "declines": (
        "A card that will be refused: lack of funds",
        cards.declines("insufficient_funds"),
    ),
    "needs_3ds": ("A card that asks for 3D Secure at every charge", cards.needs_authentication()),
}

Page = tuple[int, str, str]
"""Status, body and where to go instead ("" for nowhere)."""


def is_page(path: str) -> bool:
    return path.startswith((CHECKOUT, INVOICE))


def at_home(text: str, port: int) -> str:
    """Let the addresses of Stripe's pages in an answer lead to this server."""
    for stripes, ours in STRIPES.items():
        text = text.replace(stripes, f"http://127.0.0.1:{port}{ours}")
    return text


def visit(sandbox: Sandbox, method: str, path: str, body: str) -> Page:
    """Show a page, or do what its form asks for."""
    given = {name: values[0] for name, values in parse_qs(body).items()}
    page = _checkout if path.startswith(CHECKOUT) else _invoice
    with sandbox.lock:
        sandbox.tick()
        try:
            return page(sandbox, path, given if method == "POST" else None)
        except (ApiError, LookupError):
            return HTTPStatus.NOT_FOUND, _html("Not here", "<p>There is no such page.</p>"), ""


def _checkout(sandbox: Sandbox, path: str, given: Mapping[str, str] | None) -> Page:
    session_id = path.removeprefix(CHECKOUT).strip("/")
    account, session = _find(sandbox, "checkout.session", session_id)
    if session["status"] != "open":
        return HTTPStatus.GONE, _html("Closed", "<p>This page is closed.</p>"), ""
    if given is None:
        return HTTPStatus.OK, _html("Enter a card", _card_form(session)), ""
    behaviour = CARDS.get(given.get("card", ""), CARDS["good"])[1]
    sandbox.complete_checkout(session, behaviour=behaviour, account=account)
    back = session["success_url"].replace("{CHECKOUT_SESSION_ID}", session_id)
    return HTTPStatus.SEE_OTHER, "", str(back)


def _invoice(sandbox: Sandbox, path: str, given: Mapping[str, str] | None) -> Page:
    account, _, name = path.removeprefix(INVOICE).strip("/").partition("/")
    invoice = sandbox.books(account).get("invoice", name.removeprefix("test_"))
    if given is None:
        return HTTPStatus.OK, _html("Invoice", _invoice_form(invoice)), ""
    acts: dict[str, Callable[[], object]] = {
        "pay": lambda: sandbox.customer_pays(invoice, account=account),
        "confirm": lambda: sandbox.complete_authentication(invoice, account=account),
        "refuse": lambda: sandbox.complete_authentication(invoice, succeeds=False, account=account),
    }
    act = acts.get(given.get("do", ""))
    if act is not None and invoice["status"] in ("open", "uncollectible"):
        act()
    return HTTPStatus.SEE_OTHER, "", path


def _find(sandbox: Sandbox, kind: str, id: str) -> tuple[str, Obj]:
    for account in sandbox.store.accounts():
        found = sandbox.books(account).find(kind, id)
        if found is not None:
            return account, found
    raise LookupError(id)


def _card_form(session: Obj) -> str:
    choices = "".join(
        f'<p><label><input type="radio" name="card" value="{name}"'
        f"{' checked' if name == 'good' else ''}> {html.escape(words)}</label></p>"
        for name, (words, _) in CARDS.items()
    )
    back = session.get("cancel_url")
    way_back = f'<p><a href="{html.escape(back, quote=True)}">Back</a></p>' if back else ""
    return (
        "<p>Stands in for Stripe's Checkout: choose how the new card behaves.</p>"
        f'<form method="post">{choices}<p><button>Save card</button></p></form>{way_back}'
    )


def _invoice_form(invoice: Obj) -> str:
    about = f"<p>{html.escape(str(invoice['number']))}: {invoice['status']}</p>"
    if invoice["status"] not in ("open", "uncollectible"):
        return about
    buttons = "".join(
        f'<p><button name="do" value="{name}">{words}</button></p>'
        for name, words in (
            ("pay", "Pay with another card"),
            ("confirm", "Confirm with my bank (3D Secure)"),
            ("refuse", "Fail the confirmation"),
        )
    )
    due = f"<p>{invoice['amount_remaining']} {invoice['currency'].upper()} (smallest unit)</p>"
    return f'{about}{due}<form method="post">{buttons}</form>'


def _html(title: str, main: str) -> str:
    return (
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} · local Stripe</title><h1>{title}</h1>{main}</html>"
    )
