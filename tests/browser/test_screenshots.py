"""Pictures of every page for people to look at: `make screenshots`; never compared by pixel."""

import os
from pathlib import Path

import pytest

from tests.browser.test_every_page import PAGES, address_of

__all__ = ["address_of"]

FOLDER = os.environ.get("SCREENSHOTS", "")

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not FOLDER, reason="Pictures are made by `make screenshots`."),
]


@pytest.mark.parametrize("name", PAGES)
def test_take_pictures_of_a_page(visitor, address_of, name):
    folder = Path(FOLDER)
    folder.mkdir(parents=True, exist_ok=True)
    page = visitor().open(address_of(name))
    for width in (1440, 390):
        page.set_viewport_size({"width": width, "height": 900})
        for theme in ("light", "dark"):
            page.emulate_media(color_scheme=theme)
            file = f"{name.replace(':', '-')}-{theme}-{width}.png"
            page.screenshot(path=folder / file, full_page=True)
