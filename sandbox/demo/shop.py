"""Where the demo's sandboxes begin: the same account with the same offers."""

from sandbox.billing.retries import RetrySettings
from sandbox.core import Sandbox
from sandbox.demo import people
from sandbox.demo.people import Offer
from sandbox.demo.plan import MERCHANT

SEED = 4_242
"""Decides account and offers, so that two sandboxes opened at one moment begin alike."""

CATALOG = (
    people.MEMBERSHIP,
    people.YEARLY,
    people.CIRCLE,
    people.ATELIER,
    people.DRAWING,
    people.WATERCOLOR,
    people.BOTANICAL,
    people.EURO,
    people.SKETCHBOOK,
    people.YEN,
    people.DINAR,
)

Prices = dict[Offer, str]


def open_shop(sandbox: Sandbox) -> Prices:
    """Name the account and put its offers up; answers their prices."""
    sandbox.add_account(
        sandbox.account,
        name=MERCHANT,
        connected=False,
        retries=RetrySettings(subscription="cancel", invoice="uncollectible"),
    )
    return {
        offer: sandbox.create_price(
            offer.amount,
            offer.currency,
            name=offer.name,
            interval=offer.interval,
            interval_count=offer.every,
        )["id"]
        for offer in CATALOG
    }
