"""`python -m sandbox.server`: a local Stripe on 127.0.0.1:$SANDBOX_PORT.

Environment: SANDBOX_PORT (8010), PORT (8000, where webhooks go), STRIPE_SECRET_KEY,
STRIPE_WEBHOOK_SECRET (several, separated by commas, while rotating). State under `var/sandbox`.
"""

import argparse
import fcntl
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from config.embedded import VAR_DIR, default_environment
from sandbox.core import Sandbox
from sandbox.server.keeper import Keeper
from sandbox.server.wire import HOST, Server

log = logging.getLogger("sandbox.server")

# Seconds between two looks at the calendar.
_PULSE = 0.2


def main() -> int:
    """Serve until SIGTERM or Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    options = _options()
    environment = default_environment() | dict(os.environ)
    port = int(environment.get("SANDBOX_PORT") or 8010)
    options.state.mkdir(parents=True, exist_ok=True)
    with _alone(options.state) as is_alone:
        if not is_alone:
            log.error("Another sandbox uses %s; stop it first.", options.state)
            return 1
        keeper = Keeper(
            options.state,
            prepare=lambda sandbox: prepare(sandbox, environment),
            fixed_at=options.fixed_clock,
            seed=options.seed,
        )
        try:
            server = Server(port, keeper)
        except OSError:
            log.error("Port %s is taken; set SANDBOX_PORT to another one.", port)
            keeper.close()
            return 1
        serve(server, keeper)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox.server", description=__doc__)
    parser.add_argument("--state", type=Path, default=VAR_DIR / "sandbox", help="folder to keep")
    parser.add_argument("--seed", type=int, help="decides the ids of a new sandbox")
    clock = parser.add_mutually_exclusive_group()
    clock.add_argument(
        "--real-time",
        dest="fixed_clock",
        action="store_const",
        const=None,
        help="real time plus the saved offset (default)",
    )
    clock.add_argument(
        "--fixed-clock",
        type=_moment,
        metavar="TIME",
        help="stand still at this time (ISO 8601) until advanced",
    )
    return parser.parse_args()


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


@contextmanager
def _alone(folder: Path) -> Iterator[bool]:
    """Hold the folder; the kernel lets go of it however this process ends."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        yield True


def prepare(sandbox: Sandbox, environment: Mapping[str, str]) -> None:
    """Let the product's key in and send its webhooks to the product; safe to repeat."""
    sandbox.add_key(environment["STRIPE_SECRET_KEY"])
    url = f"http://127.0.0.1:{environment.get('PORT') or 8000}/webhooks/stripe/"
    names = environment["STRIPE_WEBHOOK_SECRET"].split(",")
    books = sandbox.books()
    ours = next(
        (row for row in books.all("webhook_endpoint") if row["metadata"].get("product")), None
    )
    if ours is None:
        ours = sandbox.add_endpoint(url)
        ours["metadata"] = {"product": "Recoup"}
    ours.update(url=url, _secrets=[name.strip() for name in names if name.strip()])
    books.save(ours)


def serve(server: Server, keeper: Keeper) -> None:
    """Answer calls, live and send letters until a signal; then save everything."""
    stopping = threading.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: stopping.set())
    keeper.start()
    threads = [
        threading.Thread(target=server.serve_forever, args=(0.1,), name="calls", daemon=True),
        threading.Thread(target=_repeat, args=(keeper.live, stopping), name="life", daemon=True),
        threading.Thread(
            target=_repeat, args=(keeper.deliver, stopping, keeper.woken), daemon=True
        ),
    ]
    for thread in threads:
        thread.start()
    log.info("Sandbox on http://%s:%s, %s", HOST, server.server_port, keeper.sandbox.account)
    stopping.wait()
    server.shutdown()
    keeper.woken.set()
    for thread in threads:
        thread.join(timeout=0.5)
    server.server_close()
    keeper.close()


def _repeat(
    work: Callable[[], object], stopping: threading.Event, woken: threading.Event | None = None
) -> None:
    """Do the work again and again; at once when woken."""
    while not stopping.is_set():
        try:
            work()
        except Exception:
            if stopping.is_set():
                return
            log.exception("The sandbox stumbled; it goes on.")
        if woken is None:
            stopping.wait(_PULSE)
        else:
            woken.wait(_PULSE)
            woken.clear()


if __name__ == "__main__":
    sys.exit(main())
