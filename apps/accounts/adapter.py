"""Sign-in rules of our own on top of allauth."""

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up is closed: `manage.py create_merchant` makes a merchant and its owner."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False
