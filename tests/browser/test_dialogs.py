"""The dialogs of a case by keyboard: where the focus goes, what Esc does, and axe's opinion."""

import datetime as dt

import pytest
from playwright.sync_api import expect

from tests.browser.test_every_page import violations
from tests.recovery.factories import CaseFactory

pytestmark = pytest.mark.browser

HELD = {
    "next_step": "held",
    "hold": "person",
    "held_at": dt.datetime(2026, 11, 18, 15, tzinfo=dt.UTC),
    "hold_note": "Put on hold by Ada: talks with us",
}


@pytest.mark.parametrize(
    ("link", "dialog", "focus", "values"),
    [
        ("Put on hold…", "Put $149.00 on hold?", "Why", {}),
        ("Mark uncollectible…", "Mark $149.00 uncollectible?", "Cancel", {}),
        ("Stop…", "Stop recovering $149.00?", "Cancel", {}),
        ("Let it go on…", "Let $149.00 go on?", "Cancel", HELD),
    ],
)
def test_opens_with_the_focus_inside_and_gives_it_back(
    visitor, membership, link, dialog, focus, values
):
    case = CaseFactory(merchant=membership.merchant, **values)
    page = visitor(width=375).open(f"/sales/recovery/{case.pk}/")
    menu = page.get_by_role("button", name="More actions")

    for leave in ("Escape", "Cancel"):
        menu.press("Enter")
        page.get_by_role("link", name=link).press("Enter")
        asked = page.get_by_role("dialog", name=dialog)
        expect(asked).to_be_visible()
        first = asked.get_by_label(focus) if focus == "Why" else asked.get_by_text(focus)
        expect(first).to_be_focused()
        assert violations(page) == []
        if leave == "Escape":
            page.keyboard.press("Escape")
        else:
            asked.get_by_role("button", name="Cancel").press("Enter")
        expect(asked).to_be_hidden()
        expect(menu).to_be_focused()
