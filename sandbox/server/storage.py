"""Where a sandbox process keeps its objects and its clock: one SQLite file.

Objects and clock change in one transaction. A process that is killed loses what it had not saved
yet, never half of it.
"""

import json
import sqlite3
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from sandbox.store import Row

_SCHEMA = """
CREATE TABLE IF NOT EXISTS rows (
    account TEXT NOT NULL,
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (account, kind, id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS clock (only INTEGER PRIMARY KEY CHECK (only = 1), offset REAL NOT NULL);
"""

_JOIN = """
INSERT INTO rows SELECT account, kind, id, sequence + (SELECT max(sequence) FROM main.rows), value
FROM joined.rows
"""
_AGES = """
CREATE TEMPORARY TABLE ages AS SELECT account, kind, id,
    row_number() OVER (ORDER BY coalesce(json_extract(value, '$.created'), 0), sequence) AS place
FROM main.rows
"""
_BY_AGE = """
UPDATE rows SET sequence = place FROM ages
WHERE ages.account = rows.account AND ages.kind = rows.kind AND ages.id = rows.id
"""


@dataclass(frozen=True, slots=True)
class SavedRow:
    """One changed object as text; `value` None means that it is gone."""

    account: str
    kind: str
    id: str
    sequence: int
    value: str | None


def as_saved(rows: Iterable[Row]) -> list[SavedRow]:
    """Turn objects into text. Call it under the sandbox's lock: the objects change in place."""
    return [
        SavedRow(
            row.account,
            row.kind,
            row.id,
            row.sequence,
            None if row.value is None else json.dumps(row.value, ensure_ascii=False),
        )
        for row in rows
    ]


class Storage:
    """The file. Safe to use from several threads."""

    def __init__(self, file: Path) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._lock = threading.Lock()
        self._database = sqlite3.connect(file, check_same_thread=False, isolation_level=None)
        # Survives a kill -9 without waiting for the disk at every save.
        self._database.execute("PRAGMA journal_mode = WAL")
        self._database.execute("PRAGMA synchronous = NORMAL")
        self._database.executescript(_SCHEMA)

    def offset(self) -> timedelta:
        """How far the saved clock is ahead of real time."""
        with self._lock:
            found = self._database.execute("SELECT offset FROM clock").fetchone()
        return timedelta(seconds=found[0] if found else 0)

    def rows(self) -> list[Row]:
        """Everything saved, for `Sandbox(rows=...)`."""
        with self._lock:
            found = self._database.execute(
                "SELECT account, kind, id, sequence, value FROM rows ORDER BY sequence"
            ).fetchall()
        return [
            Row(account, kind, id, sequence, json.loads(value))
            for account, kind, id, sequence, value in found
        ]

    def save(self, rows: Iterable[SavedRow], offset: timedelta, *, afresh: bool = False) -> None:
        """Keep changed objects and the clock, all or nothing; `afresh` drops the rest."""
        kept, gone = [], []
        for row in rows:
            key = (row.account, row.kind, row.id)
            if row.value is None:
                gone.append(key)
            else:
                kept.append((*key, row.sequence, row.value))
        with self._lock, self._database:
            self._database.execute("BEGIN")
            if afresh:
                self._database.execute("DELETE FROM rows")
            self._database.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)", kept)
            self._database.executemany(
                "DELETE FROM rows WHERE account = ? AND kind = ? AND id = ?", gone
            )
            self._database.execute(
                "INSERT OR REPLACE INTO clock VALUES (1, ?)", [offset.total_seconds()]
            )

    def join(self, file: Path, changed: Iterable[SavedRow]) -> None:
        """Take in the rows of another file, all objects in the order of their age; all or nothing.

        `changed` is saved in the same transaction.
        """
        kept = [(row.account, row.kind, row.id, row.sequence, row.value) for row in changed]
        with self._lock:
            self._database.execute("ATTACH ? AS joined", [str(file)])
            try:
                with self._database:
                    self._database.execute("BEGIN")
                    self._database.execute(_JOIN)
                    self._database.executemany(
                        "INSERT OR REPLACE INTO rows VALUES (?, ?, ?, ?, ?)", kept
                    )
                    self._database.execute(_AGES)
                    self._database.execute(_BY_AGE)
                    self._database.execute("DROP TABLE ages")
            finally:
                self._database.execute("DETACH joined")

    def close(self) -> None:
        with self._lock:
            self._database.close()
