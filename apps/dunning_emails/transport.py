"""Hand one message to the mail server or provider, and say for certain what is certain.

Whatever is not plainly refused before it was accepted counts as handed over: its answer may be
lost, and a mail about money is not sent a second time on a guess.
"""

import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from anymail.exceptions import AnymailAPIError, AnymailError, AnymailRecipientsRefused
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend

Outcome = Literal["sent", "later", "refused", "bad_address", "unknown"]
"""later: nothing was accepted, try again · refused: this message never will be · bad_address: there
is nobody at this address."""


@dataclass(frozen=True, slots=True)
class Handed:
    """What came of handing a message over. `provider_id` is what later notices name."""

    outcome: Outcome
    provider_id: str = ""
    note: str = ""


class Post:
    """One line to the mail server, open for several messages."""

    def __init__(self) -> None:
        self.backend: BaseEmailBackend = get_connection()
        self._is_open = False

    def hand_over(self, message: EmailMultiAlternatives) -> Handed:
        """Send one message over the open line; opens it if need be."""
        if not self._is_open:
            try:
                self.backend.open()
            except Exception as error:  # noqa: BLE001 - the backend may be any
                # Nothing was said yet: whatever went wrong, no message was accepted.
                return Handed("later", note=type(error).__name__)
            self._is_open = True
        try:
            accepted = self.backend.send_messages([message])
        except Exception as error:  # noqa: BLE001 - the backend may be any
            self.close()
            return _judged(error)
        if not accepted:
            return Handed("unknown", note="The mail backend did not say that it took it.")
        return Handed("sent", provider_id=_provider_id(message))

    def close(self) -> None:
        """Hang up; the next message opens a new line."""
        self._is_open = False
        try:
            self.backend.close()
        except (OSError, smtplib.SMTPException):
            return


@contextmanager
def post() -> Iterator[Post]:
    """Open a line for a batch and hang up behind it."""
    line = Post()
    try:
        yield line
    finally:
        line.close()


def _judged(error: Exception) -> Handed:
    """Tell a plain refusal from an answer that was lost."""
    note = type(error).__name__
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in error.recipients.values()]
        return Handed("bad_address" if all(code >= 500 for code in codes) else "later", note=note)
    if isinstance(error, smtplib.SMTPResponseException):
        # The server answered, with a refusal: 4xx for now, 5xx for good.
        return Handed("refused" if error.smtp_code >= 500 else "later", note=note)
    if isinstance(error, AnymailRecipientsRefused):
        return Handed("bad_address", note=note)
    if isinstance(error, AnymailAPIError):
        status = error.status_code or 0
        if status == 429:
            return Handed("later", note=note)
        return Handed("refused" if 400 <= status < 500 else "unknown", note=f"{note} {status}")
    if isinstance(error, AnymailError):
        # Found before anything was sent: the message cannot be told to this provider.
        return Handed("refused", note=note)
    return Handed("unknown", note=note)


def _provider_id(message: EmailMultiAlternatives) -> str:
    status = getattr(message, "anymail_status", None)
    found = getattr(status, "message_id", None)
    return found if isinstance(found, str) else str(message.extra_headers.get("Message-ID", ""))
