"""Every page, light and dark, wide and narrow: accessible, no sideways scroll, nothing foreign."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.budgets import MOST_NODES, SHIFTS, cost_of, walk
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SubscriptionFactory
from tests.test_every_url import RULES, a_record, address
from tests.transactions.factories import TransactionFactory
from tests.web.test_pages import NOT_OURS

pytestmark = pytest.mark.browser

PAGES = [
    name
    for name, rule in RULES.items()
    if rule.method == "get" and "export" not in name and name not in NOT_OURS
]
PREVIEWS = {
    "emails:editor",
    "retry_settings:new_segment",
    "retry_settings:segment",
    "retry_settings:settings",
}
TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
LONG = "Bartholomew Featherstonehaugh-Cholmondeley-Warner the Third"


@pytest.fixture
def address_of(membership):
    """Fill the merchant's lists, with the awkward names in them, and say where a page is."""
    merchant = membership.merchant
    TransactionFactory(merchant=merchant, retrying=True, customer_name=LONG)
    TransactionFactory(merchant=merchant, failed=True, customer_name="محمد العربي 🎉")
    TransactionFactory(merchant=merchant, currency="jpy", amount_minor=9800)
    TransactionFactory(merchant=merchant, currency="kwd", amount_minor=12500)
    SubscriptionFactory(merchant=merchant, past_due=True, customer_name=LONG)
    SubscriptionFactory(merchant=merchant)
    CaseFactory(merchant=merchant)

    def find(name: str) -> str:
        record = RULES[name].record
        return address(name, a_record(record, merchant) if record else 0)

    return find


def violations(page) -> list[str]:
    found = Axe().run(page, options={"runOnly": {"type": "tag", "values": TAGS}})
    return [
        f"{one['id']}: {node['target']}"
        for one in found.response["violations"]
        for node in one["nodes"]
    ]


def overflow(page) -> int:
    return page.evaluate(
        "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    )


def colours(page) -> list[str]:
    """Look at contrast alone, where all else was looked at in another theme."""
    found = Axe().run(page, options={"runOnly": {"type": "rule", "values": ["color-contrast"]}})
    return [node["target"] for one in found.response["violations"] for node in one["nodes"]]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_accessible_fits_every_width_and_costs_little(visitor, address_of, name):
    one, got = visitor(), []
    one.context.on("response", lambda answer: got.append(answer))
    page = one.open(address_of(name))

    assert page.evaluate(SHIFTS) <= 0.01, "nothing jumps"
    assert page.evaluate("document.querySelectorAll('*').length") <= MOST_NODES
    assert page.locator("[style], style, script:not([src]), [onclick]").count() == 0
    assert cost_of(got, previews=name in PREVIEWS) == []
    for width in (1000, 768, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        assert overflow(page) == 0, f"{width} px"
        if width == 390:
            assert violations(page) == [], f"{width} px"
    page.set_viewport_size({"width": 1440, "height": 900})
    assert overflow(page) == 0
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        assert violations(page) == [], theme
    page.set_viewport_size({"width": 390, "height": 900})
    assert colours(page) == [], "dark and narrow"


@pytest.mark.parametrize(
    "path",
    [
        "/settings/retries/",
        "/settings/customer-payments/",
        "/settings/emails/failed_1/",
        "/sales/subscriptions/",
        "/sales/recovery/calendar/",
        "/analytics/",
    ],
)
def test_every_stop_of_the_keyboard_is_seen(visitor, address_of, path):
    address_of("recovery:list")
    walk(visitor().open(path))


@pytest.mark.parametrize("path", ["/login/", "/password-reset/", "/signup/"])
def test_pages_in_front_are_accessible(visitor, path):
    page = visitor(signed_in=False).open(path)

    assert violations(page) == []
    assert overflow(page) == 0
