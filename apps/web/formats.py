"""Amounts and times as people read them, in a merchant's locale and time zone."""

import datetime as dt
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError
from babel.dates import format_skeleton
from babel.dates import format_time as babel_time
from babel.numbers import NumberPattern, format_decimal, get_currency_symbol, parse_pattern
from django.utils.translation import gettext, ngettext

from apps.dunning.money import Money, shown_decimals, to_decimal

MINUS = "\N{MINUS SIGN}"

# A currency written as letters wants a space before the digits; Babel leaves it out.
_GLUED = re.compile(r"([A-Z]{3})(\d)")

DATE_SKELETONS = {
    "short": ("MMMd", "yMMMd"),
    "long": ("MMMEd", "yMMMEd"),
}
"""CLDR skeletons: a day of this year, and one of another year."""


@lru_cache(maxsize=64)
def locale_of(name: str) -> Locale:
    """Return Babel's locale of a merchant; American English where the name is unknown."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (ValueError, UnknownLocaleError):
        return Locale("en", "US")


@lru_cache(maxsize=256)
def _currency_pattern(locale_name: str, decimals: int) -> NumberPattern:
    pattern = parse_pattern(locale_of(locale_name).currency_formats["standard"].pattern)
    pattern.frac_prec = (decimals, decimals)
    return pattern


def format_money(money: Money, *, locale: str) -> str:
    """Return an amount with its symbol, exact, with as many decimals as people write.

    "$1,234.50" for en_US and "1.234,50 $" for de_DE. A negative amount begins with a real minus.
    """
    pattern = _currency_pattern(locale, shown_decimals(money.currency))
    text = pattern.apply(
        to_decimal(money),
        locale_of(locale),
        currency=money.currency.upper(),
        currency_digits=False,
    )
    return _GLUED.sub("\\1\N{NO-BREAK SPACE}\\2", text).replace("-", MINUS)


def shows_code(currency: str, *, locale: str) -> bool:
    """Tell whether `format_money` writes the currency's code, having no other sign for it."""
    code = currency.upper()
    return get_currency_symbol(code, locale=locale_of(locale)) == code


def format_number(value: int, *, locale: str) -> str:
    """Return a whole number with the locale's group signs: "1,240"."""
    return format_decimal(value, locale=locale_of(locale)).replace("-", MINUS)


def format_date(at: dt.datetime, *, zone: ZoneInfo, locale: str, now: dt.datetime | None) -> str:
    """Return the day in a zone: "Nov 18", with the year when it is not the year of `now`."""
    return _date(at.astimezone(zone), "short", locale, now)


def format_when(
    at: dt.datetime,
    *,
    zone: ZoneInfo,
    locale: str,
    now: dt.datetime | None,
    long: bool = False,
    named_zone: bool = False,
) -> str:
    """Return day and time in a zone: "Nov 18, 12:39 PM".

    `long` adds the weekday, `named_zone` the zone's name on that day. The year is written when it
    is not the year of `now`; without `now` always.
    """
    local = at.astimezone(zone)
    date = _date(local, "long" if long else "short", locale, now)
    parts = [f"{date}, {_time(local, locale)}"]
    if named_zone:
        parts.append(zone_name(zone, at))
    return " ".join(parts)


def format_relative(at: dt.datetime, *, zone: ZoneInfo, now: dt.datetime) -> str:
    """Return the distance from now: "in 3 days", "4 hours ago", "now".

    From a day on, calendar days of the zone are counted, as people do.
    """
    seconds = (at - now).total_seconds()
    minutes = round(abs(seconds) / 60)
    if minutes == 0:
        return gettext("now")
    if minutes < 60:
        distance = ngettext("%(n)d minute", "%(n)d minutes", minutes) % {"n": minutes}
    elif minutes < 24 * 60:
        hours = max(1, round(minutes / 60))
        distance = ngettext("%(n)d hour", "%(n)d hours", hours) % {"n": hours}
    else:
        days = abs((at.astimezone(zone).date() - now.astimezone(zone).date()).days)
        distance = ngettext("%(n)d day", "%(n)d days", days) % {"n": days}
    pattern = gettext("in %(distance)s") if seconds > 0 else gettext("%(distance)s ago")
    return pattern % {"distance": distance}


def zone_name(zone: ZoneInfo, at: dt.datetime) -> str:
    """Return a zone's short name at a moment: "EST", "EDT", or "UTC-03" where it has none."""
    name = at.astimezone(zone).tzname() or "UTC"
    return f"UTC{name}" if name[0] in "+-" else name


def zone_place(zone: ZoneInfo) -> str:
    """Return where a zone is: "New York" for America/New_York."""
    return zone.key.rsplit("/", 1)[-1].replace("_", " ")


def _date(local: dt.datetime, length: str, locale: str, now: dt.datetime | None) -> str:
    this_year, other_year = DATE_SKELETONS[length]
    is_this_year = now is not None and local.year == now.astimezone(local.tzinfo).year
    skeleton = this_year if is_this_year else other_year
    return format_skeleton(skeleton, local, fuzzy=True, locale=locale_of(locale))


def _time(local: dt.datetime, locale: str) -> str:
    # CLDR puts a narrow no-break space before AM and PM; <time> never wraps, and people search
    # for an ordinary one.
    return babel_time(local, "short", locale=locale_of(locale)).replace("\u202f", " ")
