"""All objects of all accounts, as plain dicts that can be saved row by row."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sandbox.types import Obj

# Fields that lists are filtered by often enough to deserve an index.
INDEXED: dict[str, tuple[str, ...]] = {
    "invoice": ("customer", "_subscription", "status"),
    "invoice_payment": ("invoice", "_payment_intent"),
    "invoiceitem": ("customer", "invoice"),
    "charge": ("customer", "payment_intent", "_fingerprint"),
    "payment_intent": ("customer", "_invoice"),
    "payment_method": ("customer",),
    "subscription": ("customer", "schedule"),
    "refund": ("charge",),
    "dispute": ("charge",),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One object as it is saved. `value` is None when the object is gone."""

    account: str
    kind: str
    id: str
    sequence: int
    value: Obj | None


class Store:
    """Objects by (account, kind, id), in the order of their creation.

    Different accounts may use the same ids. `changed` names what was touched since
    `take_changes` was called last, so saving costs as much as what changed.
    """

    def __init__(self) -> None:
        self._objects: dict[tuple[str, str], dict[str, Obj]] = {}
        self._sequences: dict[tuple[str, str, str], int] = {}
        self._index: dict[tuple[str, str, str, object], dict[str, None]] = {}
        self._indexed_as: dict[tuple[str, str, str], tuple[object, ...]] = {}
        self._next_sequence = 1
        self.changed: set[tuple[str, str, str]] = set()

    def get(self, account: str, kind: str, id: str) -> Obj | None:
        return self._objects.get((account, kind), {}).get(id)

    def put(self, account: str, kind: str, id: str, value: Obj) -> None:
        """Add the object or note that it was changed in place."""
        key = (account, kind, id)
        if key not in self._sequences:
            self._sequences[key] = self._next_sequence
            self._next_sequence += 1
        self._objects.setdefault((account, kind), {})[id] = value
        self._reindex(key, value)
        self.changed.add(key)

    def delete(self, account: str, kind: str, id: str) -> None:
        key = (account, kind, id)
        if self._objects.get((account, kind), {}).pop(id, None) is not None:
            self._reindex(key, None)
            self.changed.add(key)

    def all(self, account: str, kind: str) -> list[Obj]:
        """Every object of a kind, oldest first."""
        return list(self._objects.get((account, kind), {}).values())

    def first(self, account: str, kind: str) -> Obj | None:
        """Return the oldest object of a kind."""
        return next(iter(self._objects.get((account, kind), {}).values()), None)

    def where(self, account: str, kind: str, field: str, value: object) -> list[Obj]:
        """Objects whose indexed `field` has this value, oldest first."""
        objects = self._objects.get((account, kind), {})
        found = [
            (self._sequences[account, kind, id], objects[id])
            for id in self._index.get((account, kind, field, value), {})
        ]
        return [item for _, item in sorted(found, key=lambda pair: pair[0])]

    def accounts(self) -> list[str]:
        return sorted({account for account, _ in self._objects})

    def rows(self) -> Iterator[Row]:
        for (account, kind), objects in self._objects.items():
            for id, value in objects.items():
                yield Row(account, kind, id, self._sequences[account, kind, id], value)

    def take_changes(self) -> list[Row]:
        """Return what changed since the last call, for an incremental save."""
        keys, self.changed = self.changed, set()
        return [
            Row(account, kind, id, self._sequences[account, kind, id], self.get(account, kind, id))
            for account, kind, id in sorted(keys, key=lambda key: self._sequences[key])
        ]

    def load(self, rows: Iterable[Row]) -> None:
        """Fill an empty store with saved rows."""
        for row in sorted(rows, key=lambda row: row.sequence):
            if row.value is None:
                continue
            key = (row.account, row.kind, row.id)
            self._sequences[key] = row.sequence
            self._next_sequence = max(self._next_sequence, row.sequence + 1)
            self._objects.setdefault((row.account, row.kind), {})[row.id] = row.value
            self._reindex(key, row.value)

    def _reindex(self, key: tuple[str, str, str], value: Obj | None) -> None:
        account, kind, id = key
        fields = INDEXED.get(kind)
        if fields is None:
            return
        new = tuple(value.get(field) for field in fields) if value is not None else ()
        old = self._indexed_as.get(key, ())
        if new == old:
            return
        for field, item in zip(fields, old, strict=False):
            self._index[account, kind, field, item].pop(id, None)
        for field, item in zip(fields, new, strict=False):
            self._index.setdefault((account, kind, field, item), {})[id] = None
        self._indexed_as[key] = new
