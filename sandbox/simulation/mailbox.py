"""The mail server: it takes messages, loses answers, and remembers what it was given."""

import datetime as dt
from typing import TYPE_CHECKING

from django.core.mail import EmailMultiAlternatives

from apps.dunning.mails.kinds import SAYS_FAILED
from apps.dunning_emails.models import Mail
from apps.dunning_emails.transport import Handed
from apps.recovery.models import RecoveryCase

if TYPE_CHECKING:
    from sandbox.simulation.world import World

KNOWN_FOR = dt.timedelta(minutes=5)
"""A payment known so long is known to whoever puts a mail together."""


class Mailbox:
    """Stands in for `Post.hand_over`; `broken` holds the words of each broken rule E1.

    They are kept, not raised: a mail that fails is the product's to settle.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self.taken: set[str] = set()
        self.broken: list[str] = []

    def hand_over(self, message: EmailMultiAlternatives) -> Handed:
        """Take a message, unless the line breaks before; the answer may be lost as well."""
        stage, trouble = self._world.stage, self._world.trouble
        stage.pause("before a mail is handed over")
        if stage.dies_now():
            raise stage.crash("before a mail is handed over")
        lost = not trouble.is_over and trouble.rng.random() < trouble.read_faults
        if lost and trouble.rng.random() < 0.5:
            return Handed("later", note="The line is busy.")
        self._take(message)
        if stage.dies_now():
            raise stage.crash("after a mail was handed over")
        stage.pause("after a mail was handed over")
        return Handed("unknown" if lost else "sent")

    def _take(self, message: EmailMultiAlternatives) -> None:
        name = str(message.extra_headers["Message-ID"])
        mail = Mail.objects.select_related("case").get(key=name.strip("<>").split("@")[0])
        self._world.tell("mail", f"{mail.kind} to {mail.person} ({mail.about}) is handed over")
        if name in self.taken:
            self.broken.append(f"{mail} was handed over twice")
        self.taken.add(name)
        case = mail.case
        if case is None or mail.kind not in SAYS_FAILED or case.closed_at is None:
            return
        known_for = self._world.sandbox.now() - case.closed_at
        if case.status == RecoveryCase.Status.RECOVERED and known_for > KNOWN_FOR:
            self.broken.append(f"{mail} says failed of what was paid {known_for} ago")
