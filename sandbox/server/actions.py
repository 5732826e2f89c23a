"""What customers, banks and the merchant may be made to do from outside, by name."""

from collections.abc import Mapping
from typing import Any

from sandbox.billing.retries import RetrySettings
from sandbox.core import Sandbox
from sandbox.errors import ApiError
from sandbox.render import render
from sandbox.versions import DEFAULT_VERSION

# Methods of `sandbox.control.Control` that take plain JSON and do not move the clock.
NAMES = frozenset(
    {
        "add_account",
        "cancel_subscription",
        "charge_once",
        "close_dispute",
        "complete_authentication",
        "complete_checkout",
        "complete_portal",
        "create_bank_account",
        "create_card",
        "create_customer",
        "create_customer_with_card",
        "create_price",
        "customer_pays",
        "disconnect",
        "dispute",
        "replace_card",
        "revoke_mandate",
        "set_automations",
        "set_behaviour",
        "set_retries",
        "subscribe",
        "subscribe_in_instalments",
        "update_by_network",
        "update_card",
    }
)


class ActionRefused(ValueError):
    """The action is unknown or makes no sense now; the message says why."""


def carry_out(sandbox: Sandbox, action: str, arguments: Mapping[str, Any]) -> object:
    """Do one thing and return the object it concerned as Stripe would show it, or None.

    `invoice_of` in the arguments names a subscription instead of its latest `invoice`.

    Raises:
        ActionRefused: nothing was done.
    """
    if action not in NAMES:
        raise ActionRefused(f"no action {action!r}; there are {', '.join(sorted(NAMES))}")
    given = dict(arguments)
    try:
        if action == "set_retries":
            account = given.pop("account", None)
            sandbox.set_retries(RetrySettings(**given), account=account)
            return None
        with sandbox.lock:
            if "invoice_of" in given:
                subscription = sandbox.object("subscription", given.pop("invoice_of"))
                given["invoice"] = subscription["latest_invoice"]
            result = getattr(sandbox, action)(**given)
            return render(result, DEFAULT_VERSION) if isinstance(result, dict) else result
    except ApiError as error:
        raise ActionRefused(error.message) from error
    except (LookupError, TypeError, ValueError) as error:
        raise ActionRefused(str(error)) from error
