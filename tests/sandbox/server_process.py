"""A sandbox server in a process of its own, and a shop that hears its webhooks."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import stripe

KEY = "sk_test_serverserverserver"
SECRET = "whsec_server"
CHECKOUT = Path(__file__).resolve().parents[2]


# Long enough for a busy machine: only a test that fails waits so long.
PATIENCE = 120

# Below the ports that systems give to outgoing connections: those come and go all the time, and one
# could take a port between the look and the start of the process that is to listen there.
PORTS = range(20_000, 32_000)
_chance = random.SystemRandom()  # two runs with the same seed must not meet


def free_port() -> int:
    """Give a port of this machine where nothing listens."""
    while True:
        port = _chance.choice(PORTS)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port


class ServerProcess:
    """`python -m sandbox.server` on a free port, with words for its control interface."""

    def __init__(self, state, *, webhook_port=1, options=(), port=None):
        self.state = state
        self.key, self.secret = KEY, SECRET
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        environment = os.environ | {
            "SANDBOX_PORT": str(self.port),
            "PORT": str(webhook_port),
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": SECRET,
        }
        self.process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", "sandbox.server", "--state", str(state), *options],
            cwd=CHECKOUT,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    def wait_until_up(self):
        until(lambda: self.get("") is not None, what="the server to answer")
        return self

    def client(self, key=KEY):
        return stripe.StripeClient(
            key,
            base_addresses={"api": self.url},
            max_network_retries=0,
            http_client=stripe.RequestsClient(timeout=PATIENCE),
        )

    def get(self, path):
        try:
            with urllib.request.urlopen(f"{self.url}/_sandbox/{path}", timeout=PATIENCE) as answer:  # noqa: S310
                return json.load(answer)
        except ConnectionError:
            return None
        except urllib.error.HTTPError:
            raise
        except urllib.error.URLError:
            return None

    def post(self, path, /, **given):
        request = urllib.request.Request(  # noqa: S310
            f"{self.url}/_sandbox/{path}",
            data=json.dumps(given).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:  # noqa: S310
            return json.load(answer)

    def do(self, action, /, **arguments):
        return self.post("actions", do=action, **arguments)["result"]

    def end(self, sign=signal.SIGTERM) -> int:
        self.process.send_signal(sign)
        _, errors = self.process.communicate(timeout=PATIENCE)
        self.errors = errors.decode()
        return self.process.returncode


@contextmanager
def server(state: Path, **given):
    running = ServerProcess(state, **given)
    try:
        yield running.wait_until_up()
    finally:
        if running.process.poll() is None:
            running.end(signal.SIGKILL)


@contextmanager
def shop():
    """A receiver of webhooks; yields (its port, the letters it got as (headers, body))."""
    letters = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            letters.append((dict(self.headers), body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=receiver.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield receiver.server_port, letters
    finally:
        receiver.shutdown()
        receiver.server_close()
        thread.join()


def until(condition, *, what: str, seconds: float = PATIENCE, pause: float = 0.02):
    """Wait until the condition holds and return what it gave."""
    deadline = time.monotonic() + seconds
    while not (found := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what}")
        time.sleep(pause)
    return found
