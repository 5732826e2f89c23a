"""Journeys of everyday work: picking rows, columns, views, keys; and what a page may cost."""

import pytest
from playwright.sync_api import expect

from apps.recovery.models import BulkRun
from tests.browser.budgets import MOST_NODES, SHIFTS, cost_of, walk
from tests.browser.test_every_page import violations
from tests.recovery.factories import CaseFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.browser

LIST = "/sales/transactions/"
CASES = "/sales/recovery/"


@pytest.fixture
def merchant(membership):
    return membership.merchant


def retrying(merchant, count=3):
    return [CaseFactory(merchant=merchant, next_step="retry") for _ in range(count)]


def test_pick_the_page_confirm_the_number_and_send_it_once(visitor, merchant):
    retrying(merchant, 2)
    CaseFactory(merchant=merchant, next_step="new_card")
    page = visitor().open(CASES)
    bar = page.get_by_role("region", name="Selected rows")
    expect(bar).to_be_hidden()

    page.get_by_role("checkbox", name="Select all on this page").check()

    expect(bar).to_contain_text("3 selected")
    assert violations(page) == []
    bar.get_by_role("button", name="Retry now…").click()
    expect(page.get_by_role("heading", name="Retry 2 of 3 now?")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Retry 2", exact=True).dblclick()
    page.wait_for_url("**/sales/recovery/bulk/*/")
    expect(page.get_by_text("0 of 2 done")).to_be_visible()
    assert BulkRun.objects.count() == 1


def test_filters_clear_the_selection(visitor, merchant):
    retrying(merchant)
    page = visitor().open(CASES)
    page.get_by_role("checkbox", name="Select $149.00").first.check()

    page.get_by_role("navigation", name="Views").get_by_role("link", name="Retrying").click()

    expect(page.get_by_role("region", name="Selected rows")).to_be_hidden()
    expect(page.get_by_role("checkbox", name="Select $149.00").first).not_to_be_checked()


def test_columns_are_moved_chosen_and_stay(visitor, merchant):
    TransactionFactory(merchant=merchant, failed=True)
    page = visitor().open(LIST)

    page.get_by_role("button", name="Columns").click()
    page.get_by_role("checkbox", name="Invoice", exact=True).check()
    page.get_by_role("button", name="Move Date up").click()
    expect(page.get_by_role("button", name="Move Date up")).to_be_focused()
    assert violations(page) == []
    page.locator("#menu-columns").get_by_role("button", name="Save").last.click()

    heads = page.get_by_role("columnheader")
    expect(heads.last).to_have_text("Invoice")
    page.reload()
    expect(heads.nth(5)).to_contain_text("Date")
    expect(heads.nth(6)).to_contain_text("Decline reason")


def test_a_view_is_saved_opened_and_deleted_with_undo(visitor, merchant):
    TransactionFactory(merchant=merchant, failed=True)
    page = visitor().open(f"{LIST}?status=failed")

    page.get_by_role("button", name="Save view").click()
    page.get_by_label("Name of the view").fill("To call")
    page.keyboard.press("Enter")
    view = page.get_by_role("link", name="To call")
    expect(view).to_have_attribute("aria-current", "page")
    page.get_by_role("button", name="Change the view To call").click()
    page.get_by_role("button", name="Delete this view").click()
    expect(page.get_by_text("View deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()

    expect(view).to_be_visible()


def test_single_keys_are_explained_and_switched_off(visitor, merchant):
    page = visitor().open(LIST)
    page.keyboard.press("?")
    dialog = page.get_by_role("dialog", name="Keyboard")
    expect(dialog.get_by_role("button", name="Close")).to_be_focused()
    assert violations(page) == []

    dialog.get_by_role("button", name="Switch single keys off").click()
    page.wait_for_load_state()
    expect(page.locator("body[data-no-keys]")).to_be_attached()
    page.keyboard.press("?")

    expect(dialog).to_be_hidden()
    page.get_by_role("button", name="Keyboard shortcuts").click()
    expect(dialog).to_be_visible()


@pytest.mark.parametrize("path", [LIST, CASES])
def test_what_a_page_of_25_rows_may_cost(visitor, merchant, path):
    TransactionFactory.create_batch(25, merchant=merchant, retrying=True)
    retrying(merchant, 25)
    one = visitor()
    got = []
    one.context.on("response", lambda answer: got.append(answer))

    page = one.open(path)
    page.wait_for_load_state("networkidle")

    assert cost_of(got) == []
    assert page.evaluate("document.querySelectorAll('*').length") <= MOST_NODES
    assert page.evaluate(SHIFTS) <= 0.01


@pytest.mark.parametrize("path", [LIST, CASES])
def test_every_stop_of_the_keyboard_is_seen(visitor, merchant, path):
    TransactionFactory.create_batch(2, merchant=merchant, retrying=True)
    retrying(merchant, 2)
    seen = walk(visitor().open(path))

    assert len(seen) > 20
