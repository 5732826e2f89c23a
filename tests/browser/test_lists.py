"""Journeys through the Transactions page."""

import csv
import re

import pytest
from playwright.sync_api import expect

from tests.browser.steps import follow
from tests.browser.test_every_page import violations
from tests.customers.factories import CustomerFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.browser

LIST = "/sales/transactions/"


@pytest.fixture
def merchant(membership):
    merchant = membership.merchant
    for name, options in {
        "Amara Okafor": {"retrying": True},
        "Luis Herrera": {"failed": True},
        "Mei Tanaka": {},
    }.items():
        customer = CustomerFactory(merchant=merchant, name=name)
        TransactionFactory(
            merchant=merchant,
            customer_name=name,
            stripe_customer_id=customer.stripe_customer_id,
            **options,
        )
    return merchant


@pytest.mark.parametrize("script", [True, False], ids=["with script", "without script"])
def test_filter_failed_apply_export(visitor, merchant, downloads, script):
    page = visitor(java_script_enabled=script).open(LIST)

    page.get_by_role("button", name="Status", exact=True).click()
    page.get_by_label("Failed", exact=True).check()
    page.locator("#menu-status").get_by_role("button", name="Apply").click()

    expect(page.get_by_text("Mei Tanaka")).to_have_count(0)
    expect(page.locator("#summary")).to_contain_text("2 transactions")
    expect(page).to_have_url(re.compile("status=failed"))
    expect(page).to_have_title("Failed · Transactions · Willow Studio · Recoup")
    page.get_by_role("link", name="Export CSV").click()
    expect(page.get_by_text("2 rows, filters: Failed")).to_be_visible()
    with page.expect_download() as download:
        page.get_by_role("button", name="Export 2 rows").click()
    path = downloads / download.value.suggested_filename
    download.value.save_as(path)
    rows = list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))
    assert {row["Customer name"] for row in rows} == {"Amara Okafor", "Luis Herrera"}
    assert path.name.startswith("transactions-failed-")
    if script:
        expect(page.get_by_role("dialog")).to_have_count(0)


def test_typing_searches_in_place_and_keeps_the_caret(visitor, merchant):
    page = visitor().open(LIST)
    search = page.get_by_role("searchbox")

    search.press_sequentially("amara", delay=30)

    expect(page.get_by_text("Luis Herrera")).to_have_count(0)
    expect(page.locator("#live")).to_contain_text("1 transaction")
    expect(search).to_be_focused()
    expect(search).to_have_value("amara")
    expect(page).to_have_url(re.compile(r"\?q=amara$"))


def test_back_and_reload_bring_the_list_back(visitor, merchant):
    page = visitor().open(LIST)
    page.get_by_role("searchbox").fill("amara")
    expect(page.get_by_text("Luis Herrera")).to_have_count(0)
    expect(page).to_have_url(re.compile(r"\?q=amara$"))

    page.reload()
    expect(page.get_by_role("searchbox")).to_have_value("amara")
    page.go_back()

    expect(page.get_by_text("Luis Herrera")).to_be_visible()
    expect(page.get_by_role("searchbox")).to_have_value("")


def test_a_failed_update_keeps_the_rows_and_says_so(visitor, merchant):
    one = visitor()
    page = one.open(LIST)
    page.route("**/sales/transactions/?*", lambda route: route.fulfill(status=500, body="no"))

    with page.expect_console_message(lambda message: "500" in message.text):
        page.get_by_role("searchbox").fill("amara")

    expect(page.get_by_text("Couldn't update.")).to_be_visible()
    expect(page.get_by_text("Luis Herrera")).to_be_visible()
    assert any("500" in text for text in one.complaints)
    one.complaints.clear()


def test_somebody_signed_out_meanwhile_is_sent_to_sign_in_and_back(visitor, merchant):
    one = visitor()
    page = one.open(LIST)
    one.context.clear_cookies()

    page.get_by_role("searchbox").fill("amara")

    page.wait_for_url("**/login/?next=/sales/transactions/*")


def test_filter_menus_are_accessible(visitor, merchant):
    page = visitor().open(f"{LIST}?status=failed")

    for name in ("Status Failed", "Date", "Amount", "More"):
        page.get_by_role("button", name=name, exact=True).click()
        assert violations(page) == [], name
        page.keyboard.press("Escape")


def test_the_menu_on_a_phone_opens_and_leads_on(visitor, merchant):
    page = visitor(width=390, has_touch=True, is_mobile=True).open(LIST)

    page.get_by_role("button", name="Menu", exact=True).tap()
    assert violations(page) == []
    page.get_by_role("link", name="Subscriptions").tap()

    page.wait_for_url("**/sales/subscriptions/")


def test_keys_lead_to_search_and_pages(visitor, merchant):
    page = visitor().open(LIST)

    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("gs")
    expect(page.get_by_role("searchbox")).to_have_value("gs")
    page.get_by_role("heading", name="Transactions").click()
    page.keyboard.press("g")
    page.keyboard.press("s")

    page.wait_for_url("**/sales/subscriptions/")


def test_the_theme_is_chosen_and_stays(visitor, merchant):
    page = visitor().open(LIST)

    follow(page.get_by_role("button", name="Dark"))
    page.reload()

    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    dark = page.evaluate("getComputedStyle(document.body.parentElement).backgroundColor")
    assert dark == "rgb(14, 17, 22)"
