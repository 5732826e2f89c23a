"""How far an import is, in words that pages and the terminal show."""

from dataclasses import dataclass

from apps.accounts.models import Merchant
from apps.webhooks.models import ImportRun


@dataclass(frozen=True, slots=True)
class ImportProgress:
    """The newest import of a merchant. `about` is an estimate; 0 while nothing is known."""

    run: ImportRun
    phase: str
    done: int
    about: int

    @property
    def is_running(self) -> bool:
        return self.run.finished_at is None

    @property
    def words(self) -> str:
        """Say it in one line: "1,240 of about 5,000 payments"."""
        if not self.is_running:
            return f"{self.done:,} payments brought in"
        of = f" of about {self.about:,}" if self.about > self.done else ""
        waits = f" (waiting: {self.run.error})" if self.run.error else ""
        return f"{self.done:,}{of} {self.phase}{waits}"


def import_progress(merchant: Merchant) -> ImportProgress | None:
    """Give how far the newest import is; None if there was none. Two queries."""
    run = ImportRun.objects.filter(merchant=merchant).order_by("-started_at", "-id").first()
    if run is None:
        return None
    phase = ImportRun.Phase(run.phase)
    if run.finished_at is not None:
        phase = ImportRun.Phase.INVOICES
    cursor = run.cursors.filter(phase=phase).first()
    return ImportProgress(
        run=run,
        phase=phase.label,
        done=cursor.done if cursor else 0,
        about=cursor.about if cursor else 0,
    )
