"""`manage.py create_merchant NAME EMAIL`: a merchant and its owner."""

import secrets
import sys
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.core.validators import validate_email

from apps.accounts.models import User
from apps.accounts.services import EmailTaken, create_merchant


class Command(BaseCommand):
    help = "Make a merchant and its owner. Sign-up is closed: this is the way in."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="The business, as its pages show it.")
        parser.add_argument("email", help="The owner's email, with which they sign in.")
        parser.add_argument(
            "--password-stdin",
            action="store_true",
            help="Read the password from standard input instead of making one.",
        )

    def handle(self, *, name: str, email: str, password_stdin: bool, **options: Any) -> None:
        try:
            validate_email(email)
        except ValidationError as error:
            raise CommandError(f"“{email}” is not an email address.") from error
        if not name.strip():
            raise CommandError("The merchant needs a name.")
        password = _read_password(email) if password_stdin else secrets.token_urlsafe(12)
        try:
            membership = create_merchant(name=name, email=email, password=password)
        except EmailTaken as error:
            raise CommandError(
                f"{error} belongs to a user already; choose another email."
            ) from error
        self.stdout.write(f"Made {membership.merchant.name} with owner {membership.user.email}.")
        if not password_stdin:
            self.stdout.write(f"One-time password, shown only now: {password}")
            self.stdout.write("Sign in at /login/ and change it at /password/change/.")


def _read_password(email: str) -> str:
    password = sys.stdin.readline().rstrip("\r\n")
    try:
        validate_password(password, User(email=email))
    except ValidationError as error:
        raise CommandError("The password is refused: " + " ".join(error.messages)) from error
    return password
