"""One brand colour, made readable wherever it stands: on light and dark, as a button and as a link.

Colours are #rrggbb. Contrast is WCAG's, 1 to 21.
"""

from collections.abc import Sequence
from dataclasses import dataclass

WHITE, BLACK = "#ffffff", "#000000"
LIGHT = ("#ffffff", "#f6f7f9")
DARK = ("#161b22", "#0e1116")
"""What stands behind it in either theme: a card, and the page around it."""

READABLE = 4.5
"""The least contrast of text. Source: WCAG 2.2, 1.4.3."""

VISIBLE = 3.0
"""The least contrast of what is no text. Source: WCAG 2.2, 1.4.11."""

STEPS = 20


@dataclass(frozen=True, slots=True)
class Palette:
    """A brand colour in one theme. `hover` is the button under a pointer, `text` writing in it."""

    button: str
    on_button: str
    hover: str
    text: str


def palette(colour: str, *, dark: bool) -> Palette:
    """Make the colour's shades for one theme; each keeps the contrast it needs there.

    In light the button is the very colour the merchant chose.
    """
    behind, away = (DARK, WHITE) if dark else (LIGHT, BLACK)
    button = _until(colour, behind, away, least=VISIBLE) if dark else colour
    on_button = readable_on(button)
    # Away from the writing on it: darker under white, lighter under black.
    hover = mixed(button, BLACK if on_button == WHITE else WHITE, part=0.15)
    return Palette(
        button=button,
        on_button=on_button,
        hover=hover,
        text=_until(colour, behind, away, least=READABLE),
    )


def style_sheet(colour: str) -> str:
    """Return the rules that put a brand's colour in place of ours on the customer's pages."""
    light, dark = palette(colour, dark=False), palette(colour, dark=True)
    tokens = {
        "accent": (light.button, dark.button),
        "accent-hover": (light.hover, dark.hover),
        "on-accent": (light.on_button, dark.on_button),
        "accent-text": (light.text, dark.text),
        "focus": (light.text, dark.text),
    }
    lines = [f"  --{name}: light-dark({one}, {other});" for name, (one, other) in tokens.items()]
    return "\n".join([":root {", *lines, "}", ""])


def readable_on(colour: str) -> str:
    """Return white or black, whichever stands out more on a colour."""
    return WHITE if contrast(WHITE, colour) >= contrast(BLACK, colour) else BLACK


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours. Source: WCAG 2.2, relative luminance."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def mixed(colour: str, other: str, *, part: float) -> str:
    """Return a colour with so much of another one in it, 0 to 1."""
    pairs = zip(_parts(colour), _parts(other), strict=True)
    return "#" + "".join(f"{round(one + (two - one) * part):02x}" for one, two in pairs)


def _until(colour: str, behind: Sequence[str], away: str, *, least: float) -> str:
    """Move a colour away from what is behind it until it stands out enough."""
    for step in range(STEPS):
        shade = mixed(colour, away, part=step / STEPS)
        if all(contrast(shade, one) >= least for one in behind):
            return shade
    return away


def _parts(colour: str) -> list[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def _luminance(colour: str) -> float:
    shares = [part / 255 for part in _parts(colour)]
    red, green, blue = (
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4 for share in shares
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
