"""A merchant's week: how retries did, what to look at, and whom a personal note may win back.

Pure: facts in, review out. Nothing is said below the smallest samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from apps.dunning.metrics.alerts import Finding, Thresholds, Trend, spikes
from apps.dunning.metrics.rates import Share
from apps.dunning.timing import payday_on

Verdict = Literal["good", "low", "few"]
Topic = Literal["paydays", "worse", "outage", "spike"]

WORSE_FEWEST = 10
"""Retries of one reason, in the week and before it, below which nothing got worse."""
WORSE_POINTS = 10
"""Per cent points by which success must have fallen, and by a third at least."""

PAYDAY_FEWEST = 20
"""Retries for lack of funds near paydays, and away from them, below which nothing is compared."""
PAYDAY_FACTOR = 1.3
"""So many times better near paydays says that the schedule leaves money lying."""

OUTAGE_REASONS = frozenset({"processing_error", "issuer_not_available", "try_again_later"})
"""Codes of a bank or network that could not answer: nobody's card is to blame."""

MOST_PEOPLE = 5
LOYAL_MONTHS = 6

NO_RETRIES = Share(0, 0, 0)

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class ReasonTrend:
    """Retries after one decline reason: in the week, and in the four before it."""

    key: str
    words: str
    week: Share
    before: Share


@dataclass(frozen=True, slots=True)
class Person:
    """A customer with an open case. Amounts in the smallest unit of `currency`.

    `months` is how long they have paid; `mails` how many about this case went out, `opened_link`
    whether they followed one. `can_act` says that only they can bring the payment about.
    """

    case_id: int
    name: str
    amount_minor: int
    currency: str
    months: int
    mails: int
    opened_link: bool
    can_act: bool


@dataclass(frozen=True, slots=True)
class WeekFacts:
    """What a week is judged by. `first` is its Monday.

    `near_payday` and `other_days` are retries for lack of funds of the last 90 days, split by
    `is_near_payday`; `follows_paydays` says whether the rules move retries there.
    """

    first: date
    retries: Share
    before: Share
    reasons: Sequence[ReasonTrend] = ()
    trends: Sequence[Trend] = ()
    near_payday: Share = NO_RETRIES
    other_days: Share = NO_RETRIES
    follows_paydays: bool = False
    people: Sequence[Person] = ()


@dataclass(frozen=True, slots=True)
class Hint:
    """Something to look at: what was seen, and what to do. `key` names the reason or side."""

    topic: Topic
    key: str
    text: str
    todo: str


@dataclass(frozen=True, slots=True)
class Note:
    """Somebody worth a personal note, and why."""

    person: Person
    why: str


@dataclass(frozen=True, slots=True)
class Review:
    """What is said about a week; `headline` is its one sentence."""

    verdict: Verdict
    headline: str
    hints: tuple[Hint, ...]
    notes: tuple[Note, ...]

    @property
    def is_worth_mailing(self) -> bool:
        """Whether it says anything: a week without retries, hints and people does not."""
        return self.verdict != "few" or bool(self.hints or self.notes)


def review(*, facts: WeekFacts, thresholds: Thresholds) -> Review:
    """Judge a week that is over."""
    verdict = _verdict(facts.retries, thresholds)
    return Review(
        verdict=verdict,
        headline=_headline(facts, thresholds, verdict),
        hints=tuple(_hints(facts)),
        notes=tuple(_notes(facts.people)),
    )


def is_near_payday(day: date) -> bool:
    """Say whether a day is a payday or the day after one, when wages have arrived."""
    return payday_on(day) is not None or payday_on(day - _DAY) is not None


def week_before(today: date) -> date:
    """Return the Monday of the last week that is over on a day."""
    return today - timedelta(days=today.weekday() + 7)


def _verdict(retries: Share, thresholds: Thresholds) -> Verdict:
    if retries.whole < thresholds.retry_success_sample:
        return "few"
    low = retries.part * 100 < thresholds.retry_success_percent * retries.whole
    return "low" if low else "good"


def _headline(facts: WeekFacts, thresholds: Thresholds, verdict: Verdict) -> str:
    ran, paid = facts.retries.whole, facts.retries.part
    if not ran:
        return "No retry ran this week."
    if verdict == "few":
        return f"Of {ran} retries {paid} were paid: too few to tell."
    side = "below" if verdict == "low" else "above"
    if paid * 100 == thresholds.retry_success_percent * ran:
        side = "at"
    return (
        f"Of {ran} retries {paid} were paid, {_percent(facts.retries)} %: {side} your threshold of "
        f"{thresholds.retry_success_percent} %{_against(facts)}."
    )


def _against(facts: WeekFacts) -> str:
    if facts.before.whole < WORSE_FEWEST:
        return ""
    return f", after {_percent(facts.before)} % in the four weeks before"


def _hints(facts: WeekFacts) -> Iterator[Hint]:
    yield from _paydays(facts)
    yield from (_worse(one) for one in facts.reasons if _is_worse(one))
    found = {finding.key: finding for finding in spikes(facts.trends)}
    yield from (_spike(finding) for finding in found.values())


def _paydays(facts: WeekFacts) -> Iterator[Hint]:
    near, other = facts.near_payday, facts.other_days
    if near.whole < PAYDAY_FEWEST or other.whole < PAYDAY_FEWEST:
        return
    if near.part * other.whole < PAYDAY_FACTOR * other.part * near.whole or not near.part:
        return
    todo = (
        "Your schedule moves retries there already; let it reach a day further."
        if facts.follows_paydays
        else "Let the schedule for lack of funds move to paydays in the retry settings."
    )
    yield Hint(
        "paydays",
        "insufficient_funds",
        f"For lack of funds {_percent(near)} % of retries near paydays were paid in the last 90 "
        f"days, and {_percent(other)} % on other days.",
        todo,
    )


def _is_worse(one: ReasonTrend) -> bool:
    if one.week.whole < WORSE_FEWEST or one.before.whole < WORSE_FEWEST:
        return False
    now, then = _percent(one.week), _percent(one.before)
    return then - now >= WORSE_POINTS and now * 3 <= then * 2


def _worse(one: ReasonTrend) -> Hint:
    return Hint(
        "worse",
        one.key,
        f"{one.words}: {_percent(one.week)} % of {one.week.whole} retries were paid, after "
        f"{_percent(one.before)} % in the four weeks before.",
        "Open these cases and see what they have in common; other hours or days may do better.",
    )


def _spike(finding: Finding) -> Hint:
    side, _colon, key = finding.key.partition(":")
    if side in ("network", "issuer") or key in OUTAGE_REASONS:
        return Hint(
            "outage",
            finding.key,
            finding.text,
            "This looks like trouble at a bank or network: retry these once it is over, and do not "
            "judge your schedule by this week.",
        )
    return Hint("spike", finding.key, finding.text, finding.todo)


def _notes(people: Iterable[Person]) -> Iterator[Note]:
    """Choose whom a person should write to: only they can act, and long or large pays most."""
    waiting = [one for one in people if one.can_act]
    waiting.sort(key=lambda one: (one.months < LOYAL_MONTHS, -one.amount_minor, one.case_id))
    for one in waiting[:MOST_PEOPLE]:
        yield Note(one, _why(one))


def _why(one: Person) -> str:
    if one.opened_link:
        return "opened the payment link and did not finish"
    said = f"{one.mails} mails" if one.mails != 1 else "1 mail"
    if one.months >= LOYAL_MONTHS:
        return f"has paid for {one.months} months, and {said} did not help"
    return f"{said} did not help" if one.mails else "was not written to yet"


def _percent(share: Share) -> int:
    return round(100 * share.part / share.whole) if share.whole else 0
