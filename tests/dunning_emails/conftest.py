import re
from urllib.parse import urlsplit

import pytest
from django.core import mail
from django.test import Client

from apps import clock
from apps.dunning.mails.kinds import MailKind
from apps.dunning_emails.services import settings as mail_settings
from apps.dunning_emails.services.links import find_link
from apps.dunning_emails.services.visits import settle_visit, visits_to_settle
from tests.story.conftest import make_world

__all__ = ["make_world"]

LINK = re.compile(r"http://localhost:8000(/pay/\S+/)")
LEADS_TO = re.compile(r'http-equiv="refresh" content="0;url=([^"]+)"')


class Shop:
    """A world whose merchant writes mails, and a customer with a mailbox and a browser."""

    def __init__(self, world) -> None:
        self.world = world
        self.browser = Client(enforce_csrf_checks=True)

    def write_mails(self, *kinds: MailKind) -> None:
        for kind in kinds or tuple(MailKind):
            mail_settings.switch_kind(
                merchant=self.world.merchant, kind=kind, on=True, user=None, now=self.world.now
            )

    @property
    def inbox(self):
        return mail.outbox

    @property
    def subjects(self) -> list[str]:
        return [str(one.subject) for one in mail.outbox]

    def link(self, number: int = -1) -> str:
        return LINK.search(str(mail.outbox[number].body))[1]

    def open(self, link: str) -> str:
        return self.browser.get(link).content.decode()

    def press(self, link: str, button: str) -> str:
        """Press a button on the page; return where it leads."""
        html = self.browser.post(f"{link}{button}/").content.decode()
        found = LEADS_TO.search(html)
        return found[1].replace("&amp;", "&") if found else ""

    def enter_card(self, address: str, behaviour=None) -> None:
        """Enter a card on Stripe's page and come back."""
        session_id = urlsplit(address).path.rpartition("/")[2]
        self.world.sandbox.complete_checkout(session_id, behaviour=behaviour)

    def come_back(self, link: str) -> str:
        """Come back from Stripe's page; a worker does what it was woken for."""
        self.browser.get(f"{link}done/")
        for visit_id in visits_to_settle(now=clock.now(), link_id=self.link_id(link)):
            settle_visit(visit_id=visit_id, now=clock.now())
        self.world.settle_down()
        return self.browser.get(f"{link}done/").content.decode()

    def link_id(self, link: str) -> int:
        return find_link(token=link.strip("/").rpartition("/")[2]).pk


@pytest.fixture
def shop(make_world, mailoutbox) -> Shop:
    world = make_world()
    world.choose()
    shop = Shop(world)
    shop.write_mails()
    return shop
