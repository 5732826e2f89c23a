"""Wake a worker for what a person waits for; beat does the same work a little later."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

logger = logging.getLogger(__name__)


def wake_sender() -> None:
    """Have due mails sent now."""
    _wake("dunning_emails.send_due_mails")


def wake_collector(*, link_id: int) -> None:
    """Have what a customer entered on Stripe's page looked at now."""
    _wake("dunning_emails.settle_visits", link_id=link_id)


def _wake(task: str, **given: int) -> None:
    try:
        current_app.send_task(task, kwargs=given, retry=False)
    except (OperationalError, OSError):
        logger.warning("The broker is not reachable; %s waits for beat.", task)
