"""Template tags of every page: money, times, badges, icons.

They are built in: no `load` needed. Locale, zone and "now" come from `shell` in the context.
"""

import datetime as dt
from functools import lru_cache
from typing import Any

from django import template
from django.template.context import Context
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext
from heroicons.templatetags.heroicons import heroicon_micro, heroicon_outline

from apps.dunning.facts import Decline
from apps.dunning.money import Money
from apps.dunning.words import method_name, words
from apps.web import stripe_links
from apps.web.badges import badge_of
from apps.web.columns import Column
from apps.web.filters import ListForm
from apps.web.formats import (
    format_date,
    format_money,
    format_number,
    format_relative,
    format_when,
    shows_code,
)
from apps.web.shell import Shell

register = template.Library()

DASH = "\N{EN DASH}"

RELATIVE_DAYS = 7
"""A timeline says "2 days ago" for this long."""


def _shell(context: Context) -> Shell:
    found: Shell = context["shell"]
    return found


@register.simple_tag(takes_context=True)
def money(
    context: Context, minor: int | Money, currency: str = "", *, code: bool = False
) -> SafeString:
    """Show an amount: `{% money row.amount_minor row.currency %}` or `{% money row.amount %}`.

    `code=True` adds the currency's code in small print, for lists that can mix currencies.
    """
    amount = minor if isinstance(minor, Money) else Money(minor, currency.lower())
    locale = _shell(context).locale
    text = format_money(amount, locale=locale)
    if not code or shows_code(amount.currency, locale=locale):
        return format_html('<span class="money">{}</span>', text)
    return format_html(
        '<span class="money">{} <small>{}</small></span>', text, amount.currency.upper()
    )


@register.simple_tag(takes_context=True)
def number(context: Context, value: int) -> str:
    """Show a whole number with the locale's group signs."""
    return format_number(value, locale=_shell(context).locale)


@register.simple_tag(takes_context=True)
def when(
    context: Context, at: dt.datetime | None, style: str = "list", *, zone: bool = False
) -> SafeString | str:
    """Show a moment in the merchant's time zone as `<time>`, with the full one as its title.

    Styles: `list` "Nov 18, 12:39 PM" · `date` "Nov 18" · `long` "Sat, Nov 21, 4:49 PM" ·
    `scheduled` "Sat, Nov 21, 4:49 PM · in 3 days", "Due now" once it has passed, "Time not set yet"
    for None · `timeline` as long, with "· 2 days ago" for a week · `relative` "in 3 days" alone.
    `zone=True` names the zone: "EST". None is shown as a dash.
    """
    shell = _shell(context)
    if at is None:
        return gettext("Time not set yet") if style == "scheduled" else DASH
    full = format_when(
        at, zone=shell.zone, locale=shell.locale, now=None, long=True, named_zone=True
    )
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.astimezone(shell.zone).isoformat(timespec="seconds"),
        full,
        _when_text(at, style, shell, named_zone=zone),
    )


def _when_text(at: dt.datetime, style: str, shell: Shell, *, named_zone: bool) -> str:
    relative = format_relative(at, zone=shell.zone, now=shell.now)
    if style == "relative":
        return relative
    if style == "date":
        return format_date(at, zone=shell.zone, locale=shell.locale, now=shell.now)
    if style == "scheduled" and at <= shell.now:
        return gettext("Due now")
    absolute = format_when(
        at,
        zone=shell.zone,
        locale=shell.locale,
        now=shell.now,
        long=style != "list",
        named_zone=named_zone,
    )
    is_near = shell.now - at < dt.timedelta(days=RELATIVE_DAYS)
    if style == "scheduled" or (style == "timeline" and is_near):
        return f"{absolute} · {relative}"
    return absolute


@register.simple_tag
def badge(kind: str, status: str) -> SafeString:
    """Show a status as icon and word: `{% badge "transaction" row.status %}`.

    Kinds: transaction, subscription, access, case, step, attempt, try, invoice, export.
    """
    look = badge_of(kind, status)
    return format_html(
        '<span class="badge {}">{} {}</span>', look.tone, icon(look.icon, size=14), look.word
    )


@register.simple_tag
def icon(name: str, style: str = "micro", *, size: int = 0) -> SafeString:
    """Show a decorative heroicon: micro (16) in buttons and badges, outline (20) elsewhere."""
    return _icon(str(name), str(style), size)


@lru_cache(maxsize=256)
def _icon(name: str, style: str, size: int) -> SafeString:
    draw: Any = heroicon_outline if style == "outline" else heroicon_micro
    drawn: str = draw(name, size=size or (20 if style == "outline" else 16))
    return mark_safe("".join(line.strip() for line in drawn.splitlines()))  # noqa: S308 - no input


@register.simple_tag
def badge_word(kind: str, status: str) -> str:
    """Show a status as its word alone."""
    return str(badge_of(kind, status).word)


@register.simple_tag
def tone(kind: str, status: str) -> str:
    """Return the tone of a status alone, for a timeline's dot."""
    return badge_of(kind, status).tone


@register.simple_tag
def sort_head(
    form: ListForm, url: str, key: str, label: str, css: str = "", *, falling: bool = False
) -> SafeString:
    """Show a column's head as a link that sorts by it; again, the other way.

    `falling` makes the first click sort downwards. Everything else in the address stays.
    """
    order = {key: "ascending", f"-{key}": "descending"}.get(form.sort_key, "")
    turned = {key: f"-{key}", f"-{key}": key}
    target = turned.get(form.sort_key, f"-{key}" if falling else key)
    query = form.query(sort="" if target == form.default_sort else target)
    arrow = icon("arrow-up" if order == "ascending" else "arrow-down") if order else ""
    return format_html(
        '<th role="columnheader" scope="col" class="{}"{}><a href="{}">{} {}</a></th>',
        css,
        format_html(' aria-sort="{}"', order) if order else "",
        f"{url}?{query}" if query else url,
        label,
        arrow,
    )


@register.simple_tag
def cell_label(column: Column) -> SafeString:
    """Name a cell's column where rows turn into cards and heads cannot be seen."""
    return format_html('<span class="cell-label" aria-hidden="true">{}</span> ', column.label)


@register.simple_tag
def decline_words(decline: Decline | None) -> str:
    """Show why a charge was refused, in a merchant's words."""
    return words(decline) if decline else ""


@register.simple_tag
def method(brand: str, type: str, last4: str) -> str:
    """Name a payment method: "Visa •••• 3119", "SEPA debit •••• 3000"."""
    return method_name(brand or type, last4)


@register.simple_tag(takes_context=True)
def stripe_object_url(context: Context, stripe_id: str) -> str:
    """Give where Stripe's dashboard shows an object; "" where there is no such page."""
    return stripe_links.object_url(stripe_id, _shell(context).merchant)


@register.simple_tag(takes_context=True)
def stripe_place_url(context: Context, name: str) -> str:
    """Give where Stripe's dashboard shows its own lists; "" where there is no such page."""
    return stripe_links.place_url(name, _shell(context).merchant)
