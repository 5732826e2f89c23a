"""The rules of the look: no inline style or script anywhere, colours only as tokens, contrast."""

import re
from pathlib import Path

import brotli
import pytest
from django.conf import settings

CSS = (settings.BASE_DIR / "static" / "recoup.css").read_text()
SCRIPT = (settings.BASE_DIR / "static" / "recoup.js").read_text()
TEMPLATES = sorted((settings.BASE_DIR / "templates").rglob("*.html"))

FORBIDDEN = re.compile(
    r"""\sstyle\s*= | <style | \shx-on | \son[a-z]+\s*= | javascript: | ["']js: | hx-vals=.js"""
    r"""| <script(?![^>]*\ssrc=) """,
    re.IGNORECASE | re.VERBOSE,
)
COLOUR = re.compile(r"#[0-9a-f]{3,8}\b|\b(?:rgb|hsl|oklch|lab|color)a?\(", re.IGNORECASE)

# Foreground, backgrounds, and the ratio WCAG asks for.
PAIRS = [
    ("text", ["canvas", "surface", "selected", "hover", "sunken", "accent-soft"], 4.5),
    ("text-2", ["surface", "canvas", "hover"], 4.5),
    ("text-3", ["surface", "canvas", "hover", "sunken", "selected"], 4.5),
    ("on-accent", ["accent", "accent-hover"], 4.5),
    ("accent-text", ["surface", "canvas", "accent-soft", "hover"], 4.5),
    ("ok", ["ok-soft"], 4.5),
    ("bad", ["bad-soft", "surface"], 4.5),
    ("wait", ["wait-soft"], 4.5),
    ("info", ["info-soft"], 4.5),
    ("mute", ["mute-soft"], 4.5),
    ("control", ["surface", "canvas"], 3),
    ("focus", ["surface", "canvas"], 3),
    ("c-rec", ["surface"], 3),
    ("c-wait", ["surface"], 3),
    ("c-lost", ["surface"], 3),
    ("c-fail", ["surface"], 3),
    ("text", ["heat-1", "heat-2", "heat-3"], 4.5),
    ("on-heat", ["heat-4", "heat-5"], 4.5),
]


def tokens() -> dict[str, tuple[str, str]]:
    found = re.findall(r"--([\w-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\)", CSS)
    return {name: (light, dark) for name, light, dark in found}


def luminance(colour: str) -> float:
    """WCAG 2.2's relative luminance of an sRGB colour."""
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def layer(name: str) -> str:
    start = CSS.index(f"@layer {name} {{")
    following = CSS.find("@layer ", start + 1)
    return CSS[start : following if following > 0 else len(CSS)]


@pytest.mark.parametrize("theme", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("front", "backs", "needed"), PAIRS, ids=[pair[0] for pair in PAIRS])
def test_every_pair_of_colours_can_be_read(front, backs, needed, theme):
    colours = tokens()

    for back in backs:
        assert contrast(colours[front][theme], colours[back][theme]) >= needed, back


def test_colours_are_written_as_tokens_only():
    for name in ("reset", "base", "layout", "components", "utilities"):
        assert not COLOUR.search(layer(name)), name
    assert not COLOUR.search(re.sub(r'"#[^"]*"|`[^`]*`', "", SCRIPT))


def test_every_token_in_use_exists():
    defined = set(re.findall(r"--([\w-]+):", CSS))

    assert set(re.findall(r"var\(--([\w-]+)\)", CSS)) <= defined


def test_only_two_weights():
    assert set(re.findall(r"font-weight: (\w+)", CSS)) <= {"400", "600", "inherit"}


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(path.parents[1])))
def test_no_template_brings_its_own_style_or_script(path: Path):
    text = re.sub(r"{#.*?#}", "", path.read_text(), flags=re.DOTALL)

    assert not FORBIDDEN.search(text)
    assert not COLOUR.search(re.sub(r'href="[^"]*"', "", text))
    assert not re.search(r"<(?:img|script|link|iframe)[^>]*https?://", text), "all is served here"


def test_important_is_for_utilities_and_states():
    outside = [layer(name) for name in ("tokens", "layout")]

    assert not any("!important" in text for text in outside)


def test_the_budget_of_style_and_script_holds():
    assert len(brotli.compress(CSS.encode())) <= 9 * 1024
    assert len(brotli.compress(SCRIPT.encode())) <= 5 * 1024


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.stem)
def test_what_loads_by_itself_names_its_own_place(path):
    """Without one it takes the place that the form around it names for its answer."""
    for tag in re.findall(r"<[^>]*hx-trigger=\"load[^>]*>", path.read_text()):
        assert "hx-target=" in tag, tag
