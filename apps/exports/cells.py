"""The cells of a file, written by the database: a line arrives as one text, ready to send.

`apps.web.csv.cell` says the same in Python; a test holds the two together.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from django.db.models import Case, F, Func, TextField, Value, When
from django.db.models.expressions import Combinable, Expression
from django.db.models.functions import Cast, Coalesce, NullIf, Upper
from django.utils.functional import Promise

from apps.dunning.money import THREE_DECIMAL, ZERO_DECIMAL
from apps.web.badges import BADGES
from apps.web.csv import FORMULA_STARTS

TEXT = TextField()
EMPTY = Value("")


@dataclass(frozen=True, slots=True)
class Style:
    """How times are written: their zone, and with its offset or as a spreadsheet reads them."""

    zone: ZoneInfo
    with_offset: bool = True


Write = Callable[[Style], Expression]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a file: `key` is stored, `write` gives its cell.

    `shows` is the key of the list's column that shows the same; "" where the list has none.
    """

    key: str
    label: str | Promise
    write: Write
    shows: str = ""
    is_time: bool = False


class _Quoted(Func):
    """Text in quotes, with an apostrophe before what a spreadsheet would take for a formula."""

    template = (
        "'\"' || replace(regexp_replace(%(expressions)s, '^(["
        + FORMULA_STARTS.replace("-", "\\-")
        + "])', '''\\1'), '\"', '\"\"') || '\"'"
    )
    output_field = TEXT


class _Scaled(Func):
    """Smallest units as a decimal, exact."""

    template = "round(%(expressions)s / 1%(zeros)s.0, %(digits)s)::text"
    output_field = TEXT


class _Local(Func):
    """A moment on the clock of a zone, to the second."""

    template = "to_char(%(expressions)s AT TIME ZONE '%(zone)s', 'YYYY-MM-DD%(gap)sHH24:MI:SS')"
    output_field = TEXT


class _Offset(Func):
    """How far a zone is from UTC at a moment: "-05:00"."""

    template = (
        "CASE WHEN %(expressions)s AT TIME ZONE '%(zone)s' < %(expressions)s AT TIME ZONE 'UTC'"
        " THEN '-' || to_char(%(expressions)s AT TIME ZONE 'UTC'"
        " - %(expressions)s AT TIME ZONE '%(zone)s', 'HH24:MI')"
        " ELSE '+' || to_char(%(expressions)s AT TIME ZONE '%(zone)s'"
        " - %(expressions)s AT TIME ZONE 'UTC', 'HH24:MI') END"
    )
    output_field = TEXT


class _Joined(Func):
    arity = 2
    template = "(%(expressions)s)"
    arg_joiner = " || "
    output_field = TEXT


class Line(Func):
    """Cells as one line; what is missing is an empty cell."""

    template = "array_to_string(ARRAY[%(expressions)s], ',', '')"
    output_field = TEXT


def line(columns: Sequence[Column], style: Style) -> Line:
    """Give the line of some columns, without its end.

    An empty cell alone is a pair of quotes: readers pass by a line with nothing on it.
    """
    found = [column.write(style) for column in columns]
    return Line(*found) if len(found) > 1 else Line(Coalesce(NullIf(*found, EMPTY), Value('""')))


def text(source: str | Combinable) -> Write:
    """Write text of somebody else's: quoted and harmless."""
    return lambda style: _Quoted(NullIf(_named(source), EMPTY))


def plain(source: str | Combinable) -> Write:
    """Write a whole number as it is."""
    return lambda style: Cast(_named(source), TEXT)


def code(source: str) -> Write:
    """Write a currency's code in capitals."""
    return lambda style: Upper(F(source))


def amount(minor: str, currency: str = "currency") -> Write:
    """Write smallest units as a decimal number, with the decimals Stripe counts in."""
    return lambda style: Case(
        When(**{f"{currency}__in": sorted(ZERO_DECIMAL)}, then=Cast(F(minor), TEXT)),
        When(
            **{f"{currency}__in": sorted(THREE_DECIMAL)},
            then=_Scaled(F(minor), digits=3, zeros="000"),
        ),
        default=_Scaled(F(minor), digits=2, zeros="00"),
        output_field=TEXT,
    )


def moment(source: str) -> Write:
    """Write a time in ISO 8601 with its offset, or as a spreadsheet takes it for one."""

    def write(style: Style) -> Expression:
        zone = style.zone.key
        if not style.with_offset:
            return _Local(F(source), zone=zone, gap=" ")
        return _Joined(_Local(F(source), zone=zone, gap='"T"'), _Offset(F(source), zone=zone))

    return write


def words(kind: str, source: str) -> Write:
    """Write a status as the list shows it."""
    return lambda style: Case(
        *(
            When(**{source: key}, then=Value(_in_quotes(str(badge.word))))
            for key, badge in BADGES[kind].items()
        ),
        default=text(source)(style),
        output_field=TEXT,
    )


def choice(source: str, labels: Sequence[tuple[str, str | Promise]]) -> Write:
    """Write a value by its label."""
    return lambda style: Case(
        *(When(**{source: key}, then=Value(_in_quotes(str(label)))) for key, label in labels),
        default=text(source)(style),
        output_field=TEXT,
    )


def yes(source: str) -> Write:
    """Write "yes", or nothing."""
    return lambda style: Case(
        When(**{source: True}, then=Value("yes")), default=EMPTY, output_field=TEXT
    )


def _named(source: str | Combinable) -> Combinable:
    return F(source) if isinstance(source, str) else source


def _in_quotes(word: str) -> str:
    return '"' + word.replace('"', '""') + '"'
