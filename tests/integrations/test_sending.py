"""Sending to receivers that are slow, huge, elsewhere, or want us to go elsewhere."""

import socket
import ssl
import subprocess
import time

import pytest

from apps.integrations import addresses
from apps.integrations.sending import post
from tests.integrations.traps import dripping_body, drips, huge, silent, trap

SECONDS = 0.6


def send(url, **more):
    return post(url=url, body=b"{}", headers={"webhook-id": "evt_1"}, seconds=SECONDS, **more)


def test_a_receiver_that_answers_2xx_took_it():
    with trap() as receiver:
        answer = send(receiver.url)

    assert answer.is_ok
    assert (answer.status, answer.error) == (200, "")
    assert receiver.body == b"{}"
    assert receiver.headers["host"] == f"localhost:{receiver.port}"
    assert receiver.headers["webhook-id"] == "evt_1"


@pytest.mark.parametrize("status", [b"400 Bad Request", b"500 Oops", b"410 Gone"])
def test_anything_else_did_not(status):
    with trap(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n") as receiver:
        answer = send(receiver.url)

    assert not answer.is_ok
    assert answer.error


def test_a_redirect_is_not_followed():
    with trap() as inner:
        to = f"HTTP/1.1 307 Go\r\nLocation: {inner.url}\r\nContent-Length: 0\r\n\r\n".encode()
        with trap(to) as receiver:
            answer = send(receiver.url)

    assert not answer.is_ok
    assert answer.error == "The server answered with a redirect, which is not followed."
    assert len(receiver.requests) == 1
    assert inner.requests == []


@pytest.mark.parametrize("behave", [silent, drips, dripping_body])
def test_a_slow_receiver_is_cut_off_when_the_time_is_over(behave):
    started = time.monotonic()

    with trap(behave) as receiver:
        answer = send(receiver.url)

    assert time.monotonic() - started < SECONDS + 2
    if behave is not dripping_body:
        assert not answer.is_ok
        assert answer.error.startswith("No answer within")


def test_a_huge_answer_is_read_no_further_than_64_kb():
    started = time.monotonic()

    with trap(huge) as receiver:
        answer = send(receiver.url)

    assert answer.status == 200
    assert time.monotonic() - started < SECONDS + 2


def test_nobody_there_is_an_answer_too(unused_tcp_port):
    answer = send(f"http://localhost:{unused_tcp_port}/")

    assert (answer.status, answer.error) == (0, "The server cannot be reached.")


def test_nonsense_instead_of_http_is_an_answer_too():
    with trap(b"\x00\x01\x02 nonsense\r\n\r\n") as receiver:
        assert not send(receiver.url).is_ok


def test_an_internal_address_is_never_connected_to(settings, monkeypatch):
    settings.WEBHOOKS_MAY_GO_TO_LOCALHOST = False
    with trap() as inner:
        monkeypatch.setattr(
            socket,
            "getaddrinfo",
            lambda host, port, **_: [(2, 1, 6, "", ("127.0.0.1", inner.port))],
        )

        answer = send(f"https://hooks.example.com:{inner.port}/")

    assert answer.error == "This address leads into a private network."
    assert inner.requests == []


def test_a_name_that_changes_its_mind_is_asked_once(monkeypatch):
    """Rebinding: the answer that was checked is used, so a second one is never asked for."""
    asked = []

    def look_up(host, port, *_, **__):
        asked.append(host)
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    monkeypatch.setattr(addresses, "is_public", lambda address: True)
    with trap() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        send(f"https://hooks.example.com:{receiver.port}/")

    # urllib3 looks up the address it was given, which is no name any more.
    assert [host for host in asked if host != "127.0.0.1"] == ["hooks.example.com"]


def test_proxies_of_the_environment_are_not_used(monkeypatch):
    with trap() as proxy, trap() as receiver:
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
        monkeypatch.setenv("http_proxy", proxy.url)

        assert send(receiver.url).is_ok

    assert proxy.requests == []


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(  # noqa: S603
        [
            *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"),
            *("-keyout", folder / "key.pem", "-out", folder / "cert.pem"),
            *("-subj", "/CN=hooks.example.com"),
            *("-addext", "subjectAltName=DNS:hooks.example.com"),
        ],
        check=True,
        capture_output=True,
    )
    return folder


class TestTls:
    @pytest.fixture
    def serve(self, certificate, monkeypatch):
        names = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
        context.sni_callback = lambda _line, name, _context: names.append(name)
        real = socket.getaddrinfo

        def look_up(host, port, *args, **more):
            if host.endswith("example.com"):
                return [(2, 1, 6, "", ("127.0.0.1", port))]
            return real(host, port, *args, **more)

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        monkeypatch.setattr(addresses, "is_public", lambda address: True)
        return lambda: trap(wrap=lambda raw: context.wrap_socket(raw, server_side=True)), names

    def test_the_name_is_kept_for_tls_and_host_while_the_address_is_pinned(
        self, serve, certificate
    ):
        server, names = serve
        trust = ssl.create_default_context(cafile=str(certificate / "cert.pem"))

        with server() as receiver:
            answer = send(f"https://hooks.example.com:{receiver.port}/x", trust=trust)

        assert answer.is_ok, answer.error
        assert names == ["hooks.example.com"]
        assert receiver.headers["host"] == f"hooks.example.com:{receiver.port}"

    def test_a_certificate_for_another_name_is_refused(self, serve, certificate):
        server, _ = serve
        trust = ssl.create_default_context(cafile=str(certificate / "cert.pem"))

        with server() as receiver:
            answer = send(f"https://other.example.com:{receiver.port}/x", trust=trust)

        assert not answer.is_ok
        assert b"".join(receiver.requests) == b""

    def test_a_certificate_nobody_vouches_for_is_refused(self, serve):
        server, _ = serve

        with server() as receiver:
            answer = send(f"https://hooks.example.com:{receiver.port}/x")

        assert answer.error == "The certificate is not valid for this name."
