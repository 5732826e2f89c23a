"""What people are going to do: planned actions of customers and the merchant, by moment.

They are kept among the sandbox's own rows, so that they survive a restart, and are carried out by
whoever moves the clock: the server, or the demo while it lives its past.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sandbox.core import HOUSE, Sandbox
from sandbox.server.actions import ActionRefused, carry_out
from sandbox.types import Obj

KIND = "plan"


def plan(sandbox: Sandbox, at: datetime, action: str, arguments: Mapping[str, Any]) -> None:
    """Let `actions.carry_out(action, arguments)` happen at a moment of the sandbox's clock."""
    with sandbox.lock:
        id = "plan_" + sandbox.new_letters()
        row: Obj = {
            "id": id,
            "at": int(at.timestamp()),
            "do": action,
            "arguments": dict(arguments),
        }
        sandbox.store.put(HOUSE, KIND, id, row)


def next_at(sandbox: Sandbox) -> datetime | None:
    """When somebody acts next."""
    with sandbox.lock:
        moments = [row["at"] for row in sandbox.store.all(HOUSE, KIND)]
    return datetime.fromtimestamp(min(moments), UTC) if moments else None


def carry_out_due(sandbox: Sandbox) -> int:
    """Do what is due by the clock; return how many things were done.

    A plan that no longer makes sense (its subscription ended meanwhile) is dropped.
    """
    now = sandbox.clock.now().timestamp()
    count = 0
    with sandbox.lock:
        due = [row for row in sandbox.store.all(HOUSE, KIND) if row["at"] <= now]
        for row in sorted(due, key=lambda row: (row["at"], row["id"])):
            sandbox.store.delete(HOUSE, KIND, row["id"])
            try:
                carry_out(sandbox, row["do"], row["arguments"])
            except ActionRefused:
                continue
            count += 1
    return count
