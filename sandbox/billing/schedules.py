"""Subscription schedules: payment plans with a fixed number of instalments.

Phases are time: an unpaid instalment does not prolong the plan.
Source: https://docs.stripe.com/billing/subscriptions/subscription-schedules
"""

from sandbox.billing import subscriptions
from sandbox.books import Books, snapshot
from sandbox.types import Obj


def start(books: Books, schedule: Obj, subscription: Obj) -> None:
    """Tie the subscription to its schedule and plan the end of the phase."""
    schedule["subscription"] = subscription["id"]
    schedule["status"] = "active"
    phase = schedule["phases"][0]
    schedule["current_phase"] = {
        "start_date": phase["start_date"],
        "end_date": phase["end_date"],
    }
    subscription["schedule"] = schedule["id"]
    books.save(schedule)
    books.save(subscription)
    books.at(phase["end_date"], "schedule.phase", schedule["id"])


def end_of_phase(books: Books, schedule: Obj) -> None:
    """Go to the next phase, or do what `end_behavior` says after the last."""
    if schedule["status"] != "active":
        return
    current = schedule["current_phase"]
    following = next(
        (phase for phase in schedule["phases"] if phase["start_date"] >= current["end_date"]), None
    )
    before = snapshot(schedule)
    if following is not None:
        schedule["current_phase"] = {
            "start_date": following["start_date"],
            "end_date": following["end_date"],
        }
        books.save(schedule)
        books.at(following["end_date"], "schedule.phase", schedule["id"])
        books.emit("subscription_schedule.updated", schedule, before)
        return
    schedule["current_phase"] = None
    if schedule["end_behavior"] == "cancel":
        subscription = books.get("subscription", schedule["subscription"])
        schedule.update(status="completed", completed_at=books.now)
        books.save(schedule)
        books.emit("subscription_schedule.completed", schedule)
        if subscription["status"] not in ("canceled", "incomplete_expired"):
            subscriptions.end(books, subscription, reason="cancellation_requested")
        return
    release(books, schedule)


def release(books: Books, schedule: Obj) -> None:
    """Let the subscription go on without its schedule."""
    subscription = books.get("subscription", schedule["subscription"])
    books.at(None, "schedule.phase", schedule["id"])
    schedule.update(
        status="released", released_at=books.now, released_subscription=subscription["id"]
    )
    subscription["schedule"] = None
    books.save(subscription)
    books.save(schedule)
    books.emit("subscription_schedule.released", schedule)
