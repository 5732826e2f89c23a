"""Any colour a merchant may choose can be read in light and in dark."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from apps.dunning_emails.colours import DARK, LIGHT, contrast, palette, style_sheet

colours = st.integers(min_value=0, max_value=0xFFFFFF).map("#{:06x}".format)


@given(colour=colours, dark=st.booleans())
def test_buttons_and_links_can_be_read_on_whatever_is_behind_them(colour, dark):
    assume(contrast("#ffffff", colour) >= 1.5)

    shades = palette(colour, dark=dark)

    assert contrast(shades.on_button, shades.button) >= 4.5
    assert contrast(shades.on_button, shades.hover) >= contrast(shades.on_button, shades.button)
    for behind in DARK if dark else LIGHT:
        assert contrast(shades.text, behind) >= 4.5
        if dark:
            assert contrast(shades.button, behind) >= 3


def test_in_light_the_button_is_the_very_colour():
    assert palette("#f5c563", dark=False).button == "#f5c563"


def test_what_is_light_enough_stays_in_dark():
    assert palette("#f5c563", dark=True).button == "#f5c563"


@pytest.mark.parametrize("name", ["accent", "accent-hover", "on-accent", "accent-text", "focus"])
def test_the_style_sheet_sets_tokens_and_nothing_else(name):
    rules = style_sheet("#2152cc")

    assert f"--{name}: light-dark(#" in rules
    assert rules.count(";") == 5
