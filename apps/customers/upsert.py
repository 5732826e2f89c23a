"""How rows copied from Stripe are written: older never overwrites newer.

`read_at`, the moment Stripe was asked, is real time by the database's clock: workers on several
machines agree on it, and it does not stand still or jump as business time may.
"""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from django.db.models import Model


def write_newer(
    model: type[Model],
    *,
    keys: Mapping[str, Any],
    values: Mapping[str, Any],
    read_at: dt.datetime,
) -> bool:
    """Write one row of a read model unless what is stored was read later.

    `keys` must be covered by a unique constraint of `model`. Safe without a lock: an insert that
    loses against another worker's is followed by a second, conditional update. Answers whether
    the row now holds `values`.
    """
    rows = model._default_manager.filter(**keys)
    changes = {**values, "read_at": read_at}
    if rows.filter(read_at__lte=read_at).update(**changes):
        return True
    model._default_manager.bulk_create([model(**keys, **changes)], ignore_conflicts=True)
    return bool(rows.filter(read_at__lte=read_at).update(**changes))


def columns_of(row: Model) -> dict[str, Any]:
    """Give a row's values by column, to tell later what changed."""
    return {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}


def save_changes(row: Model, *, before: Mapping[str, Any]) -> bool:
    """Save the columns that differ from `before`; no statement and False if none does.

    The caller holds the row's lock since before `before` was taken.
    """
    changed = [name for name, value in columns_of(row).items() if before[name] != value]
    if changed:
        row.save(update_fields=changed)
    return bool(changed)
