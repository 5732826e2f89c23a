"""Reads of exports: who may see which, and the file itself."""

import zlib
from collections.abc import Iterator

from django.db import connection

from apps.accounts.models import Merchant, Role, User
from apps.exports.models import Export, ExportChunk, ExportQuerySet

SHOWN = 100
"""How many exports the page lists; older ones are gone soon anyway."""


def visible_exports(*, merchant: Merchant, user: User, role: Role) -> ExportQuerySet:
    """Select the exports a person may see and download: their own; an admin all of the merchant's.

    Every page and every action begins here.
    """
    rows = Export.objects.for_merchant(merchant)
    return rows if role.covers(Role.ADMIN) else rows.filter(user=user)


def file_pieces(export: Export) -> Iterator[bytes]:
    """Yield a ready file piece by piece; a slow reader holds one piece and no connection.

    Raises:
        ExportChunk.DoesNotExist: it was deleted meanwhile. The answer ends short of its announced
            length, so that no browser takes it for whole.
    """
    sent, number = 0, 0
    while sent < export.size_bytes:
        piece = ExportChunk.objects.get(export=export, number=number)
        body = zlib.decompress(piece.body)
        sent, number = sent + len(body), number + 1
        # Back to the pool until the reader wants more.
        if not connection.in_atomic_block:
            connection.close()
        yield body
