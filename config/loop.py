"""What beat sends, how often, and through which queues. Pure: settings read it."""

from typing import Any

from kombu import Exchange, Queue

from config.embedded import broker_folders

# Marks the rows of django-celery-beat that belong to the code.
SCHEDULE_PREFIX = "recoup: "

# Each with an exchange of its own: Celery would bind queues without one to the same key.
QUEUES = [Queue(name, Exchange(name), routing_key=name) for name in ("money", "default", "low")]


def queue_of(task: str) -> str:
    """Give the queue of a task: charges wait for no mail, and nothing waits for mirror or import."""
    if task.startswith("recovery.") or task == "dunning_emails.settle_visits":
        return "money"
    patient = (
        "analytics.count_days",
        "exports.run_all",
        "integrations.send",
        "overview.watch",
        "stripe_gateway.mirror",
        "webhooks.import_history",
    )
    return "low" if task in patient else "default"


def route(name: str, *_: object, **__: object) -> dict[str, str]:
    """Answer Celery's question where a task goes."""
    return {"queue": queue_of(name)}


def beat_schedule(loop_seconds: int) -> dict[str, dict[str, Any]]:
    """Give what beat sends and how often; `loop_seconds` is the pace of the loop.

    Schedules are code: beat writes them to django-celery-beat's tables at its start, where an
    operator sees them, may switch one off, and may add others under another prefix.
    """
    often = min(loop_seconds, 10)
    seconds = {
        "recovery.start_due_attempts": loop_seconds,
        "recovery.settle_attempts": loop_seconds,
        "recovery.advance_cases": loop_seconds,
        "reactions.deliver": often,
        "customer_payments.take_due_steps": loop_seconds,
        "customer_payments.sweep": often,
        "dunning_emails.settle_visits": loop_seconds,
        "dunning_emails.send_due_mails": loop_seconds,
        "dunning_emails.plan_renewals": 60 * 60,
        "dunning_emails.plan_invoices": 10 * 60,
        "dunning_emails.end_invoices": loop_seconds,
        "integrations.send_due": often,
        "integrations.forget": 24 * 60 * 60,
        "webhooks.drain": often,
        "webhooks.read_due_cases": loop_seconds,
        "webhooks.catch_up": often,
        "webhooks.sweep_events": 10 * 60,
        "webhooks.import_history": 60,
        "overview.check_invariants": 5 * 60,
        "overview.watch": 10 * 60,
        "webhooks.reconcile": 24 * 60 * 60,
        # What is read again within the minute is mirrored once.
        "stripe_gateway.mirror": 60,
        "exports.run_all": often,
        "exports.tidy": 5 * 60,
        # Whoever marks a day waits while it is counted.
        "analytics.count_days": 10,
    }
    return {
        f"{SCHEDULE_PREFIX}{task}": {
            "task": task,
            "schedule": float(every),
            # A tick nobody took in time is worthless: the next one does the same work.
            "options": {"expire_seconds": max(2 * every, 30), "queue": queue_of(task)},
        }
        for task, every in seconds.items()
    }


def broker_transport(url: str) -> str | None:
    """Name our own transport for the file broker; None: the one of the address."""
    return "config.file_broker:Transport" if url.startswith("filesystem:") else None


def broker_options(url: str) -> dict[str, object]:
    """Give a broker's transport options.

    kombu's `filesystem://` keeps messages as files under `var/broker`.
    """
    if url.startswith("filesystem:"):
        messages, control = map(str, broker_folders())
        return {
            "data_folder_in": messages,
            "data_folder_out": messages,
            "control_folder": control,
        }
    if url.startswith(("redis:", "rediss:")):
        return {"socket_connect_timeout": 5, "socket_keepalive": True}
    return {}
