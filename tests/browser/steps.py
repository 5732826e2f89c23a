"""What several journeys do alike."""

from playwright.sync_api import Locator


def follow(target: Locator) -> None:
    """Click what leads to another page, and wait until that one is there.

    A reload or a script that comes while one page gives way to the next meets neither.
    """
    with target.page.expect_navigation():
        target.click()
