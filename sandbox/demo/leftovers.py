"""What an earlier demo left behind, and which ports are taken."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.demo.plan import DEMO_DIR, DemoError, Plan


@contextmanager
def only_demo() -> Iterator[None]:
    """Be the one demo of this checkout for the block.

    Raises:
        DemoError: another one runs.
    """
    DEMO_DIR.mkdir(parents=True, exist_ok=True)
    with (DEMO_DIR / "lock").open("a+") as file:
        try:
            # Not flock: honcho forks, and a fork would go on holding the lock of a killed demo.
            fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DemoError("The demo of this folder is running already; stop it first.") from error
        yield


def stop_leftovers() -> int:
    """End the processes of a demo that was killed; return how many there were."""
    found = [
        pid
        for path in DEMO_DIR.glob("*.pid")
        if (pid := _read_pid(path)) is not None and _is_ours(pid)
    ]
    for number in (signal.SIGTERM, signal.SIGKILL):
        for pid in found:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(pid, number)
        deadline = time.monotonic() + 6
        while any(map(_is_ours, found)) and time.monotonic() < deadline:
            time.sleep(0.1)
    for path in DEMO_DIR.glob("*.pid"):
        path.unlink()
    return len(found)


def check_ports(plan: Plan) -> None:
    """Make sure that nobody else listens where the demo wants to.

    Raises:
        DemoError: somebody does.
    """
    wanted = {"PORT": plan.port, "SANDBOX_PORT": plan.sandbox_port}
    for name, port in wanted.items():
        if port is not None and _is_taken(port):
            raise DemoError(
                f"Port {port} is taken. Free it, or choose another: make demo {name}={port + 100}"
            )


def _is_taken(port: int) -> bool:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def _read_pid(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except ValueError:
        return None


def _is_ours(pid: int) -> bool:
    """Tell whether a number still belongs to a process of this checkout and not to a stranger."""
    command = subprocess.run(  # noqa: S603
        ["/bin/ps", "-o", "stat=,command=", "-p", str(pid)],
        capture_output=True, text=True, check=False,
    ).stdout  # fmt: skip
    ours = sys.executable in command or str(DEMO_DIR) in command
    return ours and not command.startswith("Z")
