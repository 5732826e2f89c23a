"""Settings > Emails in a browser: write with a live preview, publish, switch off and undo."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.models import MailTemplate
from apps.dunning_emails.services.settings import switch_kind
from tests.browser.test_every_page import overflow, violations
from tests.dunning_emails.factories import EmailSettingsFactory
from tests.recovery.factories import SUNDAY_NOON

pytestmark = pytest.mark.browser


def test_words_are_written_with_a_live_preview_and_go_out_once_published(visitor, membership):
    page = visitor().open("/settings/emails/failed_1/")
    steps = page.evaluate("history.length")

    page.get_by_label("Subject").fill("Hello ")
    page.get_by_text("Variables", exact=True).click()
    page.get_by_role("button", name="{first_name}").click()

    expect(page.get_by_label("Subject")).to_have_value("Hello {first_name}")
    expect(page.get_by_label("Subject")).to_be_focused()
    expect(page.locator(".inbox-row")).to_contain_text("Hello Sofia")
    expect(page.get_by_text("Draft saved")).to_be_visible()
    expect(page.get_by_label("Subject")).to_be_focused()
    assert page.evaluate("history.length") == steps
    assert violations(page) == []
    page.get_by_role("button", name="Publish…").click()
    page.get_by_role("button", name="Publish", exact=True).click()
    expect(page.get_by_text("Published.")).to_be_visible()
    assert MailTemplate.objects.get().live["subject"] == "Hello {first_name}"


def test_a_switch_acts_at_once_and_is_undone(visitor, membership):
    kind, merchant = MailKind.FAILED_1, membership.merchant
    switch_kind(merchant=merchant, kind=kind, on=True, user=None, now=SUNDAY_NOON)
    page = visitor().open("/settings/emails/")
    switch = page.get_by_role("switch", name="Send Payment failed 1")

    switch.click()
    expect(switch).not_to_be_checked()
    expect(page.get_by_text("Off.", exact=True)).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(switch).to_be_checked()
    assert MailTemplate.objects.get(kind=kind).on_since is not None


@pytest.mark.parametrize("colour", ["#2152cc", "#101018", "#f5c563"])
def test_a_mail_can_be_read_at_320_px_in_light_and_dark(visitor, membership, colour):
    EmailSettingsFactory(
        merchant=membership.merchant, colour=colour, postal_address="1 Studio Lane\nPortland"
    )
    page = visitor(width=320).open("/settings/emails/failed_2/preview/?theme=light")

    for theme in ("light", "dark"):
        page.goto(f"{page.url.partition('?')[0]}?theme={theme}")
        assert overflow(page) == 0
        found = Axe().run(page, options={"runOnly": ["color-contrast", "image-alt", "link-name"]})
        assert [one["id"] for one in found.response["violations"]] == [], theme
