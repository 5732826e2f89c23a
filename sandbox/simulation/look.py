"""One look at the database: what is to be done now, and when something is due next."""

import datetime as dt
from dataclasses import dataclass

from django.db import connection

_SQL = """
SELECT
    EXISTS (SELECT FROM webhooks_inboxevent WHERE status = 'pending'),
    (SELECT min(greatest(not_before, coalesce(lease_until, not_before)))
       FROM webhooks_dirtyobject WHERE not_before < '9999-01-01'),
    (SELECT min(due_at) FROM recovery_attempt AS attempt
       JOIN recovery_recoverycase AS recovery ON recovery.id = attempt.case_id
      WHERE attempt.status = 'scheduled' AND recovery.status = 'open'),
    (SELECT min(coalesce(lease_until, claimed_at)) FROM recovery_attempt
      WHERE status IN ('running', 'unknown')),
    (SELECT min(decide_by) FROM recovery_recoverycase WHERE status = 'open'),
    (SELECT count(*) FROM recovery_recoverycase
      WHERE status = 'open' AND (takeover = 'wanted' OR fix_wanted_at IS NOT NULL)),
    EXISTS (SELECT FROM recovery_caseevent WHERE delivered_at IS NULL AND delivery_tries < 20),
    (SELECT min(due_at) FROM dunning_emails_mail WHERE status = 'scheduled'),
    (SELECT min(lease_until) FROM dunning_emails_mail WHERE status = 'sending'),
    EXISTS (SELECT FROM accounts_installation AS installation, accounts_merchant AS merchant
      WHERE reconcile_since > coalesce(merchant.reconciled_at, '1970-01-01'))
"""

Moment = dt.datetime | None


@dataclass(frozen=True, slots=True)
class Look:
    """What the rows ask for. Moments may lie in the past: then it is to be done now."""

    events: bool
    dirty_at: Moment
    due_at: Moment
    unsettled_at: Moment
    decide_by: Moment
    wanted: int
    outbox: bool
    mail_at: Moment
    lost_mail_at: Moment
    demanded: bool

    def tasks(self, now: dt.datetime) -> list[str]:
        """Name the tasks that have something to do."""

        def is_due(moment: Moment) -> bool:
            return moment is not None and moment <= now

        wanted = {
            "webhooks.catch_up": self.demanded,
            "webhooks.drain": self.events or is_due(self.dirty_at),
            "recovery.start_due_attempts": is_due(self.due_at),
            "recovery.settle_attempts": is_due(self.unsettled_at),
            "recovery.advance_cases": bool(self.wanted) or is_due(self.decide_by),
            "webhooks.read_due_cases": is_due(self.decide_by),
            "reactions.deliver": self.outbox,
            "dunning_emails.send_due_mails": is_due(self.mail_at) or is_due(self.lost_mail_at),
        }
        return [name for name, has_work in wanted.items() if has_work]

    def moments(self) -> list[dt.datetime]:
        """Give every moment at which something falls due."""
        mails = (self.mail_at, self.lost_mail_at)
        found = (self.dirty_at, self.due_at, self.unsettled_at, self.decide_by, *mails)
        return [moment for moment in found if moment is not None]


def look() -> Look:
    """Look."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL)
        return Look(*cursor.fetchone())
