"""Which addresses of the internet our own requests may go to. No I/O but the name's look-up.

The address that was checked is the one connected to: a name that is looked up twice may answer
differently the second time.
"""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings

LOCAL_NAMES = ("localhost", "127.0.0.1", "::1")

_V4_CLOSED = tuple(
    ipaddress.IPv4Network(net)
    for net in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a carrier's NAT
        "127.0.0.0/8",  # this machine
        "169.254.0.0/16",  # this link; the metadata of clouds
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.31.196.0/24",  # AS112
        "192.52.193.0/24",  # AMT
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "192.175.48.0/24",  # AS112
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, broadcast
    )
)
"""Source: https://www.iana.org/assignments/iana-ipv4-special-registry, read on 2026-11-25."""

_V6_OPEN = ipaddress.IPv6Network("2000::/3")
_V6_CLOSED = tuple(
    ipaddress.IPv6Network(net)
    for net in (
        "2001::/23",  # protocol assignments, Teredo and ORCHID among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: an IPv4 address inside
        "2620:4f:8000::/48",  # AS112
        "3fff::/20",  # documentation
    )
)
"""Only global unicast is open; mapped IPv4, NAT64 (64:ff9b::/96), unique local and link-local
addresses are all outside of it.

Source: https://www.iana.org/assignments/iana-ipv6-special-registry, read on 2026-11-25.
"""


class Forbidden(ValueError):
    """We do not send there; the text says why, for the person who typed the address."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes: `ip` was checked and is connected to, `host` is what the name says."""

    scheme: str
    host: str
    port: int
    ip: str
    path: str


def is_public(text: str) -> bool:
    """Say whether an IP address is one of the open internet. A zone id or nonsense is not."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in net for net in _V4_CLOSED)
    if address.scope_id is not None or address not in _V6_OPEN:
        return False
    return not any(address in net for net in _V6_CLOSED)


def target_of(url: str) -> Target:
    """Take an address apart, look its name up, and check every answer.

    Raises:
        Forbidden: it is no https address, or leads into a private network.
    """
    scheme, host, port, path = _parts(url)
    if _is_local(host) and settings.WEBHOOKS_MAY_GO_TO_LOCALHOST:
        return Target(scheme, host, port, "127.0.0.1" if host == "localhost" else host, path)
    if scheme != "https":
        raise Forbidden("Use an address that begins with https://.")
    return Target(scheme, host, port, _checked(host, port), path)


def _parts(url: str) -> tuple[str, str, int, str]:
    if any(ord(letter) <= 32 or ord(letter) == 127 for letter in url) or "\\" in url:
        raise Forbidden("An address holds no spaces.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as error:
        raise Forbidden("This is no address.") from error
    if parts.scheme not in ("https", "http") or not host:
        raise Forbidden("Use an address that begins with https://.")
    if parts.username is not None or parts.password is not None:
        raise Forbidden("Leave out name and password.")
    if port == 0:
        raise Forbidden("This is no address.")
    try:
        host = host.encode("idna").decode("ascii") if ":" not in host else host
    except UnicodeError as error:
        raise Forbidden("This is no name of a server.") from error
    path = parts.path or "/"
    if parts.query:
        path = f"{path}?{parts.query}"
    try:
        path.encode("ascii")
    except UnicodeError as error:
        raise Forbidden("Write the address in plain letters, others as %XX.") from error
    return parts.scheme, host.rstrip("."), port or (443 if parts.scheme == "https" else 80), path


def _checked(host: str, port: int) -> str:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise Forbidden("The name of this server is not known.") from error
    addresses = [str(entry[4][0]) for entry in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise Forbidden("This address leads into a private network.")
    return addresses[0]


def _is_local(host: str) -> bool:
    return host in LOCAL_NAMES
