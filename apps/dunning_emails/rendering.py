"""From words and values to a mail: HTML and plain text that say the same.

The body is plain text with a small safe markup (paragraphs, emphasis, lists, links). Values are put
in after the markup was read, and escaped: a customer's name never becomes a link. Mail programs
know no style sheets of ours, so the styles stand in the mail.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from markdown_it import MarkdownIt

from apps.dunning.mails.texts import Words, filled
from apps.dunning_emails.colours import palette

_MARKUP = MarkdownIt("zero", {"html": False, "linkify": False}).enable(
    ["emphasis", "link", "list", "newline", "escape", "paragraph"]
)
_LINK = re.compile(r"\[([^\]]+)\]\(([^)\s]+)\)")
NO_MORE = "No more reminders"
_EMPTY = re.compile(r"<p>\s*</p>\n?")


@dataclass(frozen=True, slots=True)
class Look:
    """A merchant's branding: colours are #rrggbb, pictures public addresses."""

    store: str
    colour: str = "#2152cc"
    logo_url: str = ""
    icon_url: str = ""
    postal_address: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """One payment of a mail about several: what it is for, and the amount."""

    what: str
    amount: str


@dataclass(frozen=True, slots=True)
class Rendered:
    """A mail that is ready to go, but for its addresses."""

    subject: str
    preview: str
    html: str
    text: str


def render_mail(
    *,
    words: Words,
    values: Mapping[str, str],
    look: Look,
    url: str = "",
    rows: Sequence[Row] = (),
    stop_url: str = "",
) -> Rendered:
    """Put a mail together. Without an address there is no button; `rows` are listed under the text.

    `stop_url` stands in the foot: there the customer stops reminders.
    """
    subject = one_line(filled(words.subject, values))
    preview = one_line(filled(words.preview, values))
    button = one_line(filled(words.button, values)) if url else ""
    return Rendered(
        subject=subject,
        preview=preview,
        html=_html(
            subject, preview, body_html(words.body, values), look, button, url, rows, stop_url
        ),
        text=_text(words.body, values, look, button, url, rows, stop_url),
    )


def body_html(body: str, values: Mapping[str, str]) -> str:
    """Return a body as HTML, values escaped, empty paragraphs left out."""
    markup = _MARKUP.render(body)
    safe = {name: escape(value) for name, value in values.items()}
    return _EMPTY.sub("", filled(markup, safe))


def one_line(text: str) -> str:
    """Return a text as one line: no header can be smuggled into a subject."""
    return " ".join(text.split())


def _text(
    body: str,
    values: Mapping[str, str],
    look: Look,
    button: str,
    url: str,
    rows: Sequence[Row],
    stop_url: str,
) -> str:
    plain = _LINK.sub(r"\1 (\2)", body).replace("**", "")
    paragraphs = [
        " ".join(line for line in part.splitlines() if line) if "\n- " not in part else part
        for part in filled(plain, values).split("\n\n")
    ]
    parts = [part.strip() for part in paragraphs if part.strip()]
    if rows:
        parts.append("\n".join(f"- {row.what}: {row.amount}" for row in rows))
    if button:
        parts.append(f"{button}:\n{url}")
    stop = f"{NO_MORE}: {stop_url}" if stop_url else ""
    parts.append("\n".join(["-- ", look.store, *filter(None, [look.postal_address, stop])]))
    return "\n\n".join(parts) + "\n"


def _html(
    subject: str,
    preview: str,
    body: str,
    look: Look,
    button: str,
    url: str,
    rows: Sequence[Row],
    stop_url: str,
) -> str:
    head = escape(look.store)
    if look.logo_url:
        head = (
            f'<img class="logo" src="{escape(look.logo_url)}" alt="{escape(look.store)}" height="40" '
            'style="display:block;height:40px;width:auto;max-width:240px;border:0">'
        )
    elif look.icon_url:
        head = (
            f'<img src="{escape(look.icon_url)}" alt="" width="32" height="32" '
            f'style="border:0;border-radius:6px;vertical-align:middle;margin-right:10px">{head}'
        )
    light, dark = palette(look.colour, dark=False), palette(look.colour, dark=True)
    listed = "".join(
        f'<tr><td style="padding:6px 0">{escape(row.what)}</td>'
        f'<td align="right" style="padding:6px 0 6px 16px;white-space:nowrap">'
        f"{escape(row.amount)}</td></tr>"
        for row in rows
    )
    table = (
        f'<table role="presentation" width="100%" class="rows" '
        f'style="border-collapse:collapse;margin:0 0 16px">{listed}</table>'
        if rows
        else ""
    )
    act = ""
    if button:
        act = (
            '<table role="presentation" style="border-collapse:separate;margin:8px 0 20px"><tr>'
            f'<td class="act" style="background:{light.button};border-radius:8px">'
            f'<a href="{escape(url)}" style="display:inline-block;padding:13px 22px;'
            f'color:{light.on_button};font-weight:600;text-decoration:none">{escape(button)}</a>'
            "</td></tr></table>"
        )
    address = escape(look.postal_address).replace("\n", "<br>")
    if stop_url:
        address += f'<br><a href="{escape(stop_url)}" class="foot">{NO_MORE}</a>'
    return (
        _PAGE.replace("@subject@", escape(subject))
        .replace("@preview@", escape(preview))
        .replace("@head@", head)
        .replace("@body@", body)
        .replace("@rows@", table)
        .replace("@button@", act)
        .replace("@store@", escape(look.store))
        .replace("@address@", address)
        .replace("@link@", light.text)
        .replace("@link-dark@", dark.text)
        .replace("@act-dark@", dark.button)
        .replace("@on-act-dark@", dark.on_button)
    )


_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="supported-color-schemes" content="light dark">
<title>@subject@</title>
<style>
body { margin: 0; padding: 0; background: #f6f7f9; color: #141a22; }
p, ul, ol { margin: 0 0 16px; }
.box { background: #ffffff; border: 1px solid #dfe3e9; border-radius: 12px; }
.foot { color: #5f6978; }
.rows td { border-top: 1px solid #dfe3e9; }
a { color: @link@; }
@media (prefers-color-scheme: dark) {
  body { background: #0e1116 !important; color: #eef1f5 !important; }
  .box { background: #161b22 !important; border-color: #2a323e !important; }
  .foot { color: #8f9aaa !important; }
  .rows td { border-color: #2a323e !important; }
  .text a { color: @link-dark@; }
  .act { background: @act-dark@ !important; }
  .act a { color: @on-act-dark@ !important; }
  .logo { background: #ffffff; padding: 6px; border-radius: 6px; }
}
</style>
</head>
<body>
<div style="display:none;max-height:0;overflow:hidden;opacity:0">@preview@</div>
<table role="presentation" width="100%" style="border-collapse:collapse"><tr>
<td align="center" style="padding:24px 12px">
<table role="presentation" width="100%" style="max-width:560px;border-collapse:collapse;text-align:left;\
font:16px/1.5 -apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif">
<tr><td style="padding:0 4px 16px;font-size:18px;font-weight:600">@head@</td></tr>
<tr><td class="box" style="padding:24px;overflow-wrap:anywhere">
<div class="text">@body@</div>@rows@@button@
</td></tr>
<tr><td class="foot" style="padding:16px 4px;font-size:13px">@store@<br>@address@</td></tr>
</table>
</td></tr></table>
</body>
</html>
"""
