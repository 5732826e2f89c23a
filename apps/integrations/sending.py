"""One POST to an address a merchant chose: to the very address that was checked, and no further.

No redirects, no proxies, ten seconds in all, 64 KB of the answer.
"""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPException

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError, NewConnectionError
from urllib3.util.ssl_match_hostname import CertificateError

from apps.integrations.addresses import Forbidden, Target, target_of

SECONDS = 10.0
MOST_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of one request; `status` is 0 and `error` says why where there was no answer."""

    status: int
    milliseconds: int
    error: str = ""

    @property
    def is_ok(self) -> bool:
        """Whether the receiver took it: 2xx. A redirect is no answer."""
        return 200 <= self.status < 300


def post(
    *,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    seconds: float = SECONDS,
    trust: ssl.SSLContext | None = None,
) -> Answer:
    """Send one request and read its answer; never raises for what the other side does."""
    started = time.monotonic()
    status, error = 0, ""
    try:
        status = _post(target_of(url), body, headers, seconds=seconds, trust=trust)
        if 300 <= status < 400:
            error = "The server answered with a redirect, which is not followed."
        elif not 200 <= status < 300:
            error = f"The server answered {status}."
    except Forbidden as why:
        error = str(why)
    except (ssl.SSLError, CertificateError):
        error = "The certificate is not valid for this name."
    except TimeoutError:
        error = f"No answer within {seconds:g} seconds."
    except (HTTPError, HTTPException, OSError, ValueError) as why:
        late = time.monotonic() - started >= seconds
        error = f"No answer within {seconds:g} seconds." if late else _words(why)
    return Answer(status, round((time.monotonic() - started) * 1000), error)


def _post(
    target: Target,
    body: bytes,
    headers: Mapping[str, str],
    *,
    seconds: float,
    trust: ssl.SSLContext | None,
) -> int:
    connection = _connection(target, seconds=seconds, trust=trust)
    with _deadline(connection, seconds=seconds), contextlib.closing(connection):
        connection.connect()
        _check_peer(connection, target)
        connection.request(
            "POST",
            target.path,
            body=body,
            headers={"Host": _host(target), "Connection": "close", **headers},
            preload_content=False,
        )
        response = connection.getresponse()
        # What it says is not kept; some is read so that a small answer ends as it should.
        response.read(MOST_BYTES, decode_content=False)
        return int(response.status)


def _connection(target: Target, *, seconds: float, trust: ssl.SSLContext | None) -> HTTPConnection:
    if target.scheme == "http":
        return HTTPConnection(target.ip, target.port, timeout=seconds)
    return HTTPSConnection(
        target.ip,
        target.port,
        timeout=seconds,
        server_hostname=target.host,
        assert_hostname=target.host,
        ssl_context=trust or ssl.create_default_context(),
        cert_reqs="CERT_REQUIRED",
    )


@contextlib.contextmanager
def _deadline(connection: HTTPConnection, *, seconds: float) -> Iterator[None]:
    """Cut the line when the time is over: a timeout alone begins anew with every byte."""
    timer = threading.Timer(seconds, _cut, [connection])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _cut(connection: HTTPConnection) -> None:
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _check_peer(connection: HTTPConnection, target: Target) -> None:
    peer = connection.sock.getpeername()[0] if connection.sock else ""
    if peer != target.ip:
        raise Forbidden("The connection led elsewhere.")


def _host(target: Target) -> str:
    name = f"[{target.host}]" if ":" in target.host else target.host
    usual = {"https": 443, "http": 80}[target.scheme]
    return name if target.port == usual else f"{name}:{target.port}"


def _words(error: Exception) -> str:
    if isinstance(error, NewConnectionError | ConnectionRefusedError):
        return "The server cannot be reached."
    return f"No usable answer ({type(error).__name__})."
