"""Servers on this machine that behave as badly as receivers do."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Trap:
    """A server that answers every request by `behave`; keeps what it got."""

    port: int
    requests: list[bytes] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://localhost:{self.port}/hooks"

    @property
    def headers(self) -> dict[str, str]:
        head = self.requests[-1].split(b"\r\n\r\n")[0].decode().split("\r\n")[1:]
        return {name.lower(): value for name, value in (line.split(": ", 1) for line in head)}

    @property
    def body(self) -> bytes:
        return self.requests[-1].split(b"\r\n\r\n", 1)[1]


@contextmanager
def trap(
    behave: bytes | Callable[[socket.socket], None] = OK, *, wrap=lambda raw: raw
) -> Iterator[Trap]:
    """Serve until the block ends."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(0.1)
    found = Trap(listener.getsockname()[1])
    over = threading.Event()

    def serve():
        while not over.is_set():
            try:
                raw, _ = listener.accept()
            except TimeoutError:
                continue
            threading.Thread(target=answer, args=(raw,), daemon=True).start()

    def answer(raw):
        try:
            with wrap(raw) as line:
                line.settimeout(5)
                found.requests.append(read(line))
                if callable(behave):
                    behave(line)
                else:
                    line.sendall(behave)
        except OSError:
            pass

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join(timeout=5)
        listener.close()


def read(line: socket.socket) -> bytes:
    data = b""
    while b"\r\n\r\n" not in data:
        part = line.recv(65_536)
        if not part:
            return data
        data += part
    head, body = data.split(b"\r\n\r\n", 1)
    length = next(
        (
            int(row.split(b":")[1])
            for row in head.split(b"\r\n")
            if row.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += line.recv(65_536)
    return head + b"\r\n\r\n" + body


def silent(line: socket.socket) -> None:
    time.sleep(5)


def drips(line: socket.socket) -> None:
    """One byte of the head every tenth of a second: no single wait is long."""
    for byte in b"HTTP/1.1 200 OK\r\n" + b"X-Slow: " + b"a" * 200:
        line.sendall(bytes([byte]))
        time.sleep(0.1)


def huge(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
    for _ in range(100_000):
        line.sendall(b"x" * 65_536)


def dripping_body(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n")
    for _ in range(100):
        line.sendall(b"x")
        time.sleep(0.1)
