"""Counts that stop in time, and the line above a list: how many rows, how much of each currency, and when to stop counting."""

from collections.abc import Sequence
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import QuerySet


def sums_per_currency(rows: QuerySet[Any], *, amount: str, cap: int) -> list[tuple[str, int, int]]:
    """Return (currency, rows, sum of `amount`) of at most `cap` rows; one query, sorted.

    `amount` names a column in the smallest unit. Which rows are taken where there are more than
    `cap` is up to the database: such sums are not to be shown.
    """
    some = rows.order_by().values("currency", amount)[:cap]
    try:
        sql, params = some.query.sql_with_params()
    except EmptyResultSet:
        return []
    column = connection.ops.quote_name(amount)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT currency, count(*), sum({column})::bigint"  # noqa: S608 - a name of our own
            f" FROM ({sql}) AS counted GROUP BY currency ORDER BY currency",
            params,
        )
        return list(cursor.fetchall())


def capped_counts(each: Sequence[QuerySet[Any]], *, cap: int | Sequence[int]) -> list[int]:
    """Count several sets of rows in one query, none beyond its cap."""
    parts, values = [], list[Any]()
    caps = [cap] * len(each) if isinstance(cap, int) else cap
    for rows, most in zip(each, caps, strict=True):
        try:
            sql, params = rows.order_by().values("pk")[:most].query.sql_with_params()
        except EmptyResultSet:
            parts.append("0")
            continue
        parts.append(f"(SELECT count(*) FROM ({sql}) AS counted)")  # noqa: S608 - the ORM's own
        values += params
    if not values:
        return [0] * len(each)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(parts)}", values)
        return list(cursor.fetchone())
