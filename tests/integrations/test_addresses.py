"""Where our own requests may go: only to the open internet, by the address that was checked."""

import contextlib
import ipaddress
import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.integrations.addresses import Forbidden, is_public, target_of

CLOSED = [
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.170",
    "192.168.1.1",
    "198.18.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::808:808",
    "64:ff9b:1::a00:1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:7f00:1::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
    "1.2.3",
    "0x7f000001",
    "",
]
OPEN = ["8.8.8.8", "1.1.1.1", "100.63.255.255", "100.128.0.1", "172.32.0.1", "2606:4700::1111"]


@pytest.mark.parametrize("address", CLOSED)
def test_closed(address):
    assert not is_public(address)


@pytest.mark.parametrize("address", OPEN)
def test_open(address):
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_open_address_is_one_that_python_calls_global(address):
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast
        assert not address.is_reserved


@given(st.ip_addresses(v=6))
def test_an_open_ipv6_address_is_global_unicast(address):
    if is_public(str(address)):
        assert address.is_global
        assert address in ipaddress.ip_network("2000::/3")
        assert address.ipv4_mapped is None
        assert address.sixtofour is None
        assert address.teredo is None


@given(st.ip_addresses(v=4))
def test_no_ipv4_address_gets_through_inside_another(address):
    number = int(address)
    wrapped = [
        ipaddress.IPv6Address(number),
        ipaddress.IPv6Address((0xFFFF << 32) | number),
        ipaddress.IPv6Address((0x64FF9B << 96) | number),
        ipaddress.IPv6Address((0x2002 << 112) | (number << 80)),
    ]

    assert not any(is_public(str(one)) for one in wrapped)


def answers(monkeypatch, *addresses):
    def look_up(host, port, **_):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_the_checked_address_is_the_one_to_connect_to(monkeypatch):
    answers(monkeypatch, "8.8.8.8")

    target = target_of("https://Hooks.Example.com/recoup?x=1")

    assert (target.ip, target.host, target.port) == ("8.8.8.8", "hooks.example.com", 443)
    assert target.path == "/recoup?x=1"


def test_one_bad_answer_among_good_ones_is_enough(monkeypatch):
    answers(monkeypatch, "8.8.8.8", "10.0.0.1")

    with pytest.raises(Forbidden, match="private network"):
        target_of("https://hooks.example.com/")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "https://",
        "https:///x",
        "https://user:word@hooks.example.com/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com/a b",
        "https://hooks.example.com/\r\nX-Evil: 1",
        "https://hooks.example.com\\@evil.test/",
        "https://[::1]:443.evil.test/",
        "hooks.example.com",
        "",
    ],
)
def test_other_addresses_are_refused(monkeypatch, settings, url):
    settings.WEBHOOKS_MAY_GO_TO_LOCALHOST = False
    answers(monkeypatch, "8.8.8.8")

    with pytest.raises(Forbidden):
        target_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://0x7f.1/",
        "https://[::ffff:169.254.169.254]/",
        "https://localhost/",
        "http://localhost/",
    ],
)
def test_this_machine_is_refused_in_production(settings, url):
    settings.WEBHOOKS_MAY_GO_TO_LOCALHOST = False

    with pytest.raises(Forbidden):
        target_of(url)


def test_localhost_is_for_developers_alone(settings):
    assert settings.WEBHOOKS_MAY_GO_TO_LOCALHOST, "tests are a developer's machine"
    assert target_of("http://localhost:8123/hooks").ip == "127.0.0.1"
    with pytest.raises(Forbidden):
        target_of("http://localhost.evil.test/")


@given(st.text(max_size=60))
def test_nothing_typed_breaks_it(text):
    with contextlib.suppress(Forbidden):
        target_of(f"https://{text}")
