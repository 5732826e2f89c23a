"""Journeys of the day on which something is unusual."""

import csv
import datetime as dt
import re

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from apps import clock
from apps.customer_payments.services.settings import settings_for
from apps.customers.models import PaymentMethod
from apps.exports.models import Export
from apps.exports.services.running import run_export
from apps.stripe_gateway.models import StripeErrorCount
from tests.browser.steps import follow
from tests.browser.test_every_page import violations
from tests.recovery.factories import CaseFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.browser

CASES, LIST = "/sales/recovery/", "/sales/transactions/"


@pytest.fixture
def merchant(membership):
    return membership.merchant


def planned(merchant, at, **values):
    return CaseFactory(merchant=merchant, next_step="retry", next_try_at=at, **values)


def test_what_the_settings_load_afterwards_stands_within_them(visitor, merchant):
    """The mandates of bank accounts once took the place of the whole form."""
    PaymentMethod.objects.create(
        merchant=merchant,
        stripe_payment_method_id="pm_debit",
        stripe_customer_id="cus_debit",
        type="sepa_debit",
        read_at=timezone.now(),
    )
    page = visitor().open("/settings/retries/")

    form = page.locator("#retry form", has=page.locator("#id_engine"))
    expect(form.get_by_text("Bank accounts on file")).to_have_count(1)


def test_the_weekend_on_which_the_clocks_change_has_the_merchants_times(
    visitor, merchant, monkeypatch
):
    """New York leaves daylight-saving time on Nov 1, 2026 at 2:00; the reader sits in New York too.

    Both tries are at 10:00 there, which is another hour in UTC on each day.
    """
    now = dt.datetime(2026, 10, 31, 12, 0, tzinfo=dt.UTC)
    monkeypatch.setattr(clock, "now", lambda: now)
    planned(merchant, dt.datetime(2026, 10, 31, 14, 0, tzinfo=dt.UTC))
    planned(merchant, dt.datetime(2026, 11, 1, 15, 0, tzinfo=dt.UTC))
    late = planned(merchant, dt.datetime(2026, 11, 1, 4, 30, tzinfo=dt.UTC))
    late.attempts.create(number=1, status="scheduled", due_at=late.next_try_at)
    page = visitor().open(f"{CASES}?sort=next_try")

    rows = page.get_by_role("row")
    expect(rows.nth(1)).to_contain_text("Sat, Oct 31, 10:00 AM ·")
    expect(rows.nth(2)).to_contain_text("Sun, Nov 1, 12:30 AM ·")
    expect(rows.nth(3)).to_contain_text("Sun, Nov 1, 10:00 AM ·")
    for row, exact in ((1, "2026-10-31T10:00:00-04:00"), (3, "2026-11-01T10:00:00-05:00")):
        expect(rows.nth(row).locator("time").first).to_have_attribute("datetime", exact)
    page.goto(f"{page.url.partition(CASES)[0]}{CASES}{late.pk}/")
    expect(page.locator("main")).to_contain_text("12:30 AM EDT")
    page.goto(f"{page.url.partition(CASES)[0]}{CASES}calendar/?month=2026-11")
    sunday = page.get_by_role("cell", name=re.compile(r"Sunday, November 1\b"))
    expect(sunday).to_contain_text("2")
    follow(sunday.get_by_role("link"))
    expect(page.get_by_role("row")).to_have_count(3)


def test_a_list_on_paper_is_its_rows_its_filters_and_the_day(visitor, merchant):
    TransactionFactory.create_batch(3, merchant=merchant, failed=True)
    page = visitor().open(f"{LIST}?status=failed")

    page.emulate_media(media="print")

    for hidden in (
        page.get_by_role("navigation", name="Main"),
        page.locator("#filters"),
        page.get_by_role("link", name="Export CSV"),
        page.get_by_role("region", name="Selected rows"),
        page.get_by_role("checkbox", name="Select all on this page"),
    ):
        expect(hidden).to_be_hidden()
    expect(page.get_by_role("heading", name="Transactions")).to_be_visible()
    expect(page.locator(".print-only").first).to_contain_text("Willow Studio, Status: Failed")
    expect(page.locator(".print-only").first).to_contain_text("printed")
    expect(page.get_by_role("row")).to_have_count(4)
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_two_editors_the_second_is_told_and_keeps_what_was_typed(visitor, merchant):
    path = "/settings/customer-payments/"
    second = visitor()
    ana, ben = visitor().open(path), second.open(path)

    def revoke(page):
        return page.get_by_label(re.compile("Revoke access after the first failed payment"))

    def grant(page):
        return page.get_by_label(re.compile("Grant access again"))

    revoke(ana).check()
    follow(ana.get_by_role("button", name="Save", exact=True))
    grant(ben).check()
    with ben.expect_console_message(lambda message: "409" in message.text or "422" in message.text):
        follow(ben.get_by_role("button", name="Save", exact=True))

    expect(ben.locator("main")).to_contain_text(re.compile("changed", re.IGNORECASE))
    expect(grant(ben)).to_be_checked()
    assert settings_for(merchant).revoke_on_failure, "Ana's choice stands"
    second.complaints = [text for text in second.complaints if "422" not in text]


def test_while_stripe_is_down_pages_say_so_and_nothing_is_charged_by_hand(visitor, merchant):
    case = planned(merchant, clock.now() + dt.timedelta(days=2))
    silent = StripeErrorCount.objects.create(kind="no_answer", count=1, last_at=timezone.now())
    page = visitor().open(f"{CASES}{case.pk}/")

    expect(page.get_by_text("Stripe is not answering.")).to_be_visible()
    expect(page.get_by_role("button", name="Retry now…")).to_have_attribute("aria-disabled", "true")
    assert violations(page) == []
    page.goto(page.url.replace(f"/{case.pk}/", "/"))
    page.get_by_role("checkbox", name="Select $149.00").check()
    follow(page.get_by_role("button", name="Retry now…"))
    follow(page.get_by_role("button", name="Retry 1", exact=True))
    expect(page.get_by_text("Nothing was charged; try again once it does.")).to_be_visible()
    assert not case.attempts.exists()

    silent.last_at -= dt.timedelta(minutes=3)
    silent.save()
    page.reload()
    expect(page.get_by_text("Stripe is not answering.", exact=True)).to_have_count(0)


def test_a_large_export_is_written_behind_the_page_and_fetched_when_ready(
    visitor, membership, merchant, downloads, settings
):
    settings.EXPORT_STREAM_ROWS = 2
    TransactionFactory.create_batch(4, merchant=merchant, failed=True)
    page = visitor().open(f"{LIST}?status=failed")

    page.get_by_role("link", name="Export CSV").click()
    expect(page.get_by_text("This many are written in the background.")).to_be_visible()
    follow(page.get_by_role("button", name="Export 4 rows"))
    expect(page.get_by_role("progressbar")).to_be_visible()
    assert violations(page) == []
    export = Export.objects.get()
    run_export(export_id=export.pk, now=clock.now())
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()

    path = downloads / download.value.suggested_filename
    download.value.save_as(path)
    assert len(list(csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines()))) == 4
    assert path.name.startswith("transactions-failed-")
