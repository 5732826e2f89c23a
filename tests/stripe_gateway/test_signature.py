"""Only Stripe, and only just now."""

import datetime as dt
import hashlib
import hmac

import pytest

from apps.stripe_gateway.client import verify_signature
from apps.stripe_gateway.errors import BadSignature

NOW = dt.datetime(2026, 11, 20, 9, tzinfo=dt.UTC)
BODY = b'{"id": "evt_1"}'
SECRETS = ["whsec_new", "whsec_old"]


def signed(body: bytes = BODY, *, key: str = "whsec_new", at: dt.datetime = NOW) -> str:
    stamp = int(at.timestamp())
    digest = hmac.new(key.encode(), b"%d." % stamp + body, hashlib.sha256).hexdigest()
    return f"t={stamp},v1={digest},v0=old"


@pytest.mark.parametrize("secret", SECRETS)
def test_any_of_our_secrets_will_do(secret):
    verify_signature(body=BODY, header=signed(key=secret), secrets=SECRETS, now=NOW)


def test_any_of_its_signatures_will_do():
    header = signed().replace("v1=", "v1=0000,v1=")

    verify_signature(body=BODY, header=header, secrets=SECRETS, now=NOW)


def test_bytes_that_are_no_text_can_be_signed():
    verify_signature(body=b"\xff\xfe", header=signed(b"\xff\xfe"), secrets=SECRETS, now=NOW)


@pytest.mark.parametrize("seconds", [-300, 300])
def test_five_minutes_on_either_side(seconds):
    header = signed(at=NOW + dt.timedelta(seconds=seconds))

    verify_signature(body=BODY, header=header, secrets=SECRETS, now=NOW)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_no_more_than_that(seconds):
    header = signed(at=NOW + dt.timedelta(seconds=seconds))

    with pytest.raises(BadSignature, match="five minutes"):
        verify_signature(body=BODY, header=header, secrets=SECRETS, now=NOW)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=,v1=",
        "v1=00",
        "t=²,v1=00",
        "t=1e9,v1=00",
        signed().replace("v1=", "v2="),
        signed(key="whsec_other"),
        signed(key=""),
        signed(b"another body"),
        signed().replace("v1=", "v1=é"),
    ],
)
def test_everything_else_is_refused(header):
    with pytest.raises(BadSignature):
        verify_signature(body=BODY, header=header, secrets=[*SECRETS, ""], now=NOW)


def test_without_a_secret_nothing_is_accepted():
    with pytest.raises(BadSignature):
        verify_signature(body=BODY, header=signed(key=""), secrets=[""], now=NOW)
