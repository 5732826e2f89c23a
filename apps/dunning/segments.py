"""Segments: which policy of a merchant's list a failed invoice follows. The first match wins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from apps.dunning.money import Money
from apps.dunning.rules import RulesError

Interval = Literal["day", "week", "month", "year"]
MethodKind = Literal["card", "debit", "other"]

_LISTS = ("products", "currencies", "intervals", "countries", "methods")


@dataclass(frozen=True, slots=True)
class SegmentFacts:
    """What a segment may ask about an invoice that just failed; "" and None where unknown.

    `recurring` is False and `interval` "" for a one-off invoice. `product` is the
    id of what was bought, `offer` its name. `tenure_days` counts from the subscription's start.
    `country` is the billing address's, else the card's, ISO 3166 alpha-2. `method` is card, debit
    or other. `metadata` is the invoice's, the subscription's and the customer's together.
    """

    amount: Money
    recurring: bool = True
    product: str = ""
    offer: str = ""
    interval: str = ""
    tenure_days: int | None = None
    country: str = ""
    method: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    def to_json(self) -> dict[str, Any]:
        """Give them as JSON values, to be asked again later."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> SegmentFacts:
        """Read what `to_json` wrote."""
        return cls(**{**values, "amount": Money(**values["amount"])})


@dataclass(frozen=True, slots=True)
class Segment:
    """The conditions of one policy; all that are given must hold, and none given holds for all.

    `products` are ids or names of what was bought, in any case of letters. Lists are alternatives. Amounts are in the smallest unit of `amount_currency`, and an invoice
    in another currency is outside them. An unknown fact never meets a condition.
    """

    products: tuple[str, ...] = ()
    currencies: tuple[str, ...] = ()
    intervals: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    amount_from: int | None = None
    amount_to: int | None = None
    amount_currency: str = ""
    tenure_from: int | None = None
    tenure_to: int | None = None
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    def misses(self, facts: SegmentFacts) -> tuple[str, ...]:
        """Name the conditions that an invoice does not meet; empty means that it matches.

        The names are product, amount, currency, interval, tenure, country, method and metadata.
        """
        return tuple(self._misses(facts))

    def _misses(self, facts: SegmentFacts) -> Iterator[str]:
        wanted = {name.casefold() for name in self.products}
        if wanted and wanted.isdisjoint({facts.product.casefold(), facts.offer.casefold()}):
            yield "product"
        if not self._amount_fits(facts.amount):
            yield "amount"
        if self.currencies and facts.amount.currency not in self.currencies:
            yield "currency"
        if self.intervals and facts.interval not in self.intervals:
            yield "interval"
        if not self._tenure_fits(facts.tenure_days):
            yield "tenure"
        if self.countries and facts.country.upper() not in self.countries:
            yield "country"
        if self.methods and facts.method not in self.methods:
            yield "method"
        if any(facts.metadata.get(key) != value for key, value in self.metadata.items()):
            yield "metadata"

    def _amount_fits(self, amount: Money) -> bool:
        if self.amount_from is None and self.amount_to is None:
            return True
        return amount.currency == self.amount_currency and _within(
            amount.minor, self.amount_from, self.amount_to
        )

    def _tenure_fits(self, days: int | None) -> bool:
        if self.tenure_from is None and self.tenure_to is None:
            return True
        return days is not None and _within(days, self.tenure_from, self.tenure_to)

    def validate(self) -> None:
        """Check that the conditions make sense.

        Raises:
            RulesError: they do not; the text says what is wrong.
        """
        for words, low, high in (
            ("amount", self.amount_from, self.amount_to),
            ("time as a customer", self.tenure_from, self.tenure_to),
        ):
            if any(number is not None and number < 0 for number in (low, high)):
                raise RulesError(f"The {words} cannot be below zero.")
            if low is not None and high is not None and low > high:
                raise RulesError(f"The {words} ends before it begins.")
        if (self.amount_from is not None or self.amount_to is not None) != bool(
            self.amount_currency
        ):
            raise RulesError("An amount needs its currency.")
        for given, known in ((self.intervals, Interval), (self.methods, MethodKind)):
            if not set(given) <= set(get_args(known)):
                raise RulesError(f"{', '.join(given)}: only {', '.join(get_args(known))}.")

    def to_json(self) -> dict[str, object]:
        """Return the conditions that are given, as JSON values."""
        values: dict[str, object] = {key: list(getattr(self, key)) for key in _LISTS}
        values |= {
            key: getattr(self, key)
            for key in ("amount_from", "amount_to", "amount_currency", "tenure_from", "tenure_to")
        }
        values["metadata"] = dict(self.metadata)
        return {key: value for key, value in values.items() if value not in ([], None, "", {})}

    @classmethod
    def from_json(cls, data: Mapping[str, object]) -> Segment:
        """Read what `to_json` wrote.

        Raises:
            RulesError: it is something else.
        """
        values: dict[str, Any] = dict(data)
        try:
            values |= {key: tuple(map(str, values[key])) for key in _LISTS if key in values}
            segment = cls(**values)
            segment.validate()
        except (AttributeError, TypeError) as error:
            raise RulesError(f"Not a segment: {error}") from error
        return segment


def first_match(segments: Iterable[Segment], facts: SegmentFacts) -> int | None:
    """Return the position of the first segment of an ordered list that matches; None if none."""
    return next(
        (number for number, segment in enumerate(segments) if not segment.misses(facts)), None
    )


def _within(number: int, low: int | None, high: int | None) -> bool:
    return (low is None or low <= number) and (high is None or number <= high)
