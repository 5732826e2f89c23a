"""Stripe's wire format over HTTP: forms in, JSON out, one connection for many calls."""

import json
import logging
import socket
import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from sandbox import forms
from sandbox.errors import ApiError, ConnectionLost
from sandbox.server import control, pages
from sandbox.server.keeper import Keeper

log = logging.getLogger(__name__)

HOST = "127.0.0.1"
_LOCAL_NAMES = ("127.0.0.1", "localhost", "[::1]")
_LONGEST_BODY = 1_000_000


class Server(ThreadingHTTPServer):
    """Serves one keeper's sandbox on localhost, and nowhere else."""

    daemon_threads = True
    # Another server on this port is an error to hear of, also where addresses may be shared.
    allow_reuse_port = False
    request_queue_size = 128

    def __init__(self, port: int, keeper: Keeper) -> None:
        self.keeper = keeper
        super().__init__((HOST, port), Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        log.error("A call could not be answered.", exc_info=sys.exception())


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server
    # An idle kept-alive connection must not hold a thread for ever.
    timeout = 120
    # An answer leaves in one piece and at once.
    wbufsize = -1
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_DELETE(self) -> None:
        self._serve()

    def log_message(self, format: str, *args: Any) -> None:
        log.debug(format, *args)

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        parts = urlsplit(self.path)
        if self.headers.get("Host", "").rsplit(":", 1)[0] not in _LOCAL_NAMES:
            # A page in a browser that got here by a name of its own.
            self._answer(403, {"error": {"message": "This is for this machine only."}})
        elif parts.path == "/":
            self._answer(200, {"service": "sandbox", "api": "/v1/", "control": control.PREFIX})
        elif parts.path.startswith(control.PREFIX):
            status, answer = control.handle(
                self.server.keeper,
                self.command,
                parts.path.removeprefix(control.PREFIX).strip("/"),
                body,
                self.headers.get("Content-Type", ""),
            )
            self._answer(status, answer)
        elif pages.is_page(parts.path):
            self._page(parts.path, body.decode())
        else:
            self._call(parts.path, parts.query, body.decode())

    def _call(self, path: str, query: str, body: str) -> None:
        keeper = self.server.keeper
        keeper.holds.wait("before", self.command, path)
        try:
            # Stripe reads the parameters of GET and DELETE from the address, of POST from the body.
            params = forms.parse("&".join(filter(None, (query, body))))
            answer = keeper.sandbox.request(self.command, path, params, dict(self.headers.items()))
        except ApiError as error:
            self._answer(error.status, error.body(), error.headers())
            return
        except ConnectionLost:
            keeper.save()
            self._hang_up()
            return
        if self.command != "GET":
            # What was answered stays true after a kill.
            keeper.save()
            keeper.woken.set()
        keeper.holds.wait("after", self.command, path)
        self._answer(answer.status, answer.body, answer.headers)

    def _page(self, path: str, body: str) -> None:
        keeper = self.server.keeper
        status, text, elsewhere = pages.visit(keeper.sandbox, self.command, path, body)
        if self.command == "POST":
            keeper.save()
            keeper.woken.set()
        headers = {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"}
        if elsewhere:
            headers["Location"] = elsewhere
        self._send(status, text.encode(), headers)

    def _body(self) -> bytes | None:
        try:
            length = int(self.headers.get("Content-Length") or 0)
        except ValueError:
            length = -1
        if not 0 <= length <= _LONGEST_BODY:
            self.close_connection = True
            self._answer(413, {"error": {"message": "The body is too long."}})
            return None
        return self.rfile.read(length)

    def _answer(self, status: int, body: object, headers: dict[str, str] | None = None) -> None:
        text = json.dumps(body, indent=2, ensure_ascii=False)
        text = pages.at_home(text, self.server.server_port)
        self._send(status, text.encode(), {"Content-Type": "application/json", **(headers or {})})

    def _send(self, status: int, text: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def _hang_up(self) -> None:
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)
