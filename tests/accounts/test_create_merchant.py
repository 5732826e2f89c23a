import io

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import Membership, Merchant, Role, User

pytestmark = pytest.mark.django_db


def run(*arguments: str, stdin: str = "", monkeypatch=None) -> str:
    out = io.StringIO()
    if monkeypatch:
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
    call_command("create_merchant", *arguments, stdout=out)
    return out.getvalue()


def test_it_makes_a_merchant_with_an_owner_and_shows_a_password_once():
    said = run("Willow Studio", "Ana@Example.com")

    membership = Membership.objects.get()
    assert membership.merchant.name == "Willow Studio"
    assert membership.role == Role.OWNER
    assert membership.user.email == "ana@example.com"
    password = next(line for line in said.splitlines() if "password" in line).split()[-1]
    assert membership.user.check_password(password)


def test_a_password_can_come_from_standard_input(monkeypatch):
    said = run(
        "Willow",
        "ana@example.com",
        "--password-stdin",
        stdin="a long enough one\n",
        monkeypatch=monkeypatch,
    )

    assert User.objects.get().check_password("a long enough one")
    assert "long enough" not in said


@pytest.mark.parametrize(
    ("arguments", "stdin", "message"),
    [
        (("Willow", "nobody"), "", "“nobody” is not an email address."),
        ((" ", "ana@example.com"), "", "The merchant needs a name."),
        (("Willow", "ana@example.com", "--password-stdin"), "short\n", "The password is refused"),
    ],
)
def test_a_mistake_is_told_in_one_line_and_nothing_is_made(monkeypatch, arguments, stdin, message):
    with pytest.raises(CommandError, match=message) as error:
        run(*arguments, stdin=stdin, monkeypatch=monkeypatch)

    assert "\n" not in str(error.value)
    assert not Merchant.objects.exists()


def test_an_email_is_taken_only_once():
    run("Willow", "ana@example.com")

    with pytest.raises(CommandError, match=r"ana@example\.com belongs to a user already"):
        run("Birch", "ANA@example.com")

    assert Merchant.objects.count() == 1
