"""Pages in the machine's Chromium: nothing is downloaded, and without one these tests skip."""

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from apps.accounts.models import Membership
from tests.accounts.factories import MembershipFactory

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium")

# Long enough for a busy machine: only a test that fails waits so long.
PATIENCE = 60_000
expect.set_options(timeout=PATIENCE)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Give a browser; it ends with the module.

    Playwright keeps an event loop in this thread, which Django takes for asynchronous code: it
    would keep connections by context, and other tests would find theirs changed.
    """
    if not CHROMIUM:
        pytest.skip("No Chromium on this machine: set CHROMIUM or install Debian's chromium.")
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        args = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=args)
        yield browser
        browser.close()


@dataclass
class Visitor:
    """Somebody at a browser; what the browser complains about is kept."""

    context: BrowserContext
    base: str
    complaints: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        page = self.context.new_page()
        page.on("console", lambda message: self._keep(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(f"{self.base}{path}")
        return page

    def _keep(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)


@pytest.fixture
def membership(transactional_db) -> Membership:
    return MembershipFactory(merchant__name="Willow Studio")


@pytest.fixture
def visitor(browser, live_server, membership, tmp_path) -> Iterator[Callable[..., Visitor]]:
    """Make visitors, signed in unless told otherwise. At the end nobody may have complained."""
    made: list[Visitor] = []
    base = str(live_server)

    def make(*, width: int = 1440, signed_in: bool = True, **options) -> Visitor:
        context = browser.new_context(
            viewport={"width": width, "height": 900},
            locale="en-US",
            timezone_id="America/New_York",
            reduced_motion="reduce",
            **options,
        )
        context.set_default_timeout(PATIENCE)
        # Everything a page needs comes from here: it works without a network.
        context.route(lambda url: not url.startswith((base, "data:")), lambda route: route.abort())
        if signed_in:
            client = Client()
            client.force_login(membership.user)
            cookie = client.cookies[settings.SESSION_COOKIE_NAME].value
            context.add_cookies(
                [{"name": settings.SESSION_COOKIE_NAME, "value": cookie, "url": base}]
            )
        made.append(Visitor(context, base))
        return made[-1]

    yield make
    for one in made:
        one.context.close()
    assert [text for one in made for text in one.complaints] == []


@pytest.fixture
def downloads(tmp_path) -> Path:
    return tmp_path
