"""The lists that can be exported, by the name they have in addresses."""

from collections.abc import Mapping
from types import MappingProxyType

from apps.exports.files import cases, subscriptions, transactions
from apps.exports.files.source import MOST_PICKS, Selection, Source

__all__ = ["MOST_PICKS", "SOURCES", "Selection", "Source"]

SOURCES: Mapping[str, Source] = MappingProxyType(
    {source.key: source for source in (transactions.SOURCE, subscriptions.SOURCE, cases.SOURCE)}
)
