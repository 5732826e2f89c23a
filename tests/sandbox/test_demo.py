"""The demo reads its environment, keeps to itself and tidies up after a killed one."""

import os
import pty
import select
import signal
import socket
import subprocess
import sys
import textwrap
import time
from dataclasses import replace

import pytest

from config.embedded import CHECKOUT
from sandbox.demo import leftovers, plan
from sandbox.demo.plan import DemoError, make_plan


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Keep the demo of this checkout out of the tests."""
    monkeypatch.setattr(plan, "DEMO_DIR", tmp_path)
    monkeypatch.setattr(leftovers, "DEMO_DIR", tmp_path)
    return tmp_path


class TestPlan:
    def test_bare_machine_gets_everything(self):
        demo = make_plan({})

        assert demo.address == "http://localhost:8000"
        assert demo.sandbox_port == 8010
        assert demo.data is not None
        parts = {"guide", "stripe", "web", "worker", "background", "beat", "database"}
        assert set(demo.commands()) == parts

    def test_own_key_means_the_real_stripe(self):
        demo = make_plan({"STRIPE_SECRET_KEY": "rk_test_own"})

        assert demo.sandbox_port is None
        assert "stripe" not in demo.commands()
        assert demo.environment["STRIPE_SECRET_KEY"] == "rk_test_own"

    def test_own_database_is_used(self):
        demo = make_plan({"DATABASE_URL": "postgresql://db.internal/recoup"})

        assert demo.data is None
        assert "database" not in demo.commands()
        assert demo.environment["DATABASE_URL"] == "postgresql://db.internal/recoup"

    def test_ports_are_a_matter_of_taste(self):
        demo = make_plan({"PORT": "9000", "SANDBOX_PORT": "9010"})

        assert demo.address == "http://localhost:9000"
        assert "--bind 127.0.0.1:9000" in demo.commands()["web"]
        assert demo.environment["SANDBOX_PORT"] == "9010"

    @pytest.mark.parametrize("port", ["eighty", "0", "70000"])
    def test_a_port_that_is_none_is_named(self, port):
        with pytest.raises(DemoError, match=f"PORT is “{port}”"):
            make_plan({"PORT": port})

    def test_the_webhook_secret_lasts(self):
        first, second = make_plan({}), make_plan({})

        secret = first.environment["STRIPE_WEBHOOK_SECRET"]
        assert secret.startswith("whsec_")
        assert second.environment["STRIPE_WEBHOOK_SECRET"] == secret
        assert (plan.DEMO_DIR / "webhook-secret").stat().st_mode & 0o077 == 0


def test_a_taken_port_gives_one_line_that_says_what_to_do(unused_tcp_port):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        demo = make_plan({"PORT": str(unused_tcp_port), "SANDBOX_PORT": str(port)})

        with pytest.raises(DemoError) as caught:
            leftovers.check_ports(demo)

    assert str(caught.value) == (
        f"Port {port} is taken. Free it, or choose another: make demo SANDBOX_PORT={port + 100}"
    )


def test_one_checkout_runs_one_demo(folder):
    code = f"""
        import pathlib
        from sandbox.demo import leftovers
        leftovers.DEMO_DIR = pathlib.Path({str(folder)!r})
        try:
            with leftovers.only_demo():
                print("started")
        except leftovers.DemoError as error:
            print(error)
    """
    command = [sys.executable, "-c", textwrap.dedent(code)]

    def second_demo() -> str:
        return subprocess.run(  # noqa: S603
            command, cwd=CHECKOUT, capture_output=True, text=True, check=True
        ).stdout.strip()

    with leftovers.only_demo():
        assert second_demo() == "The demo of this folder is running already; stop it first."
    assert second_demo() == "started"


def test_a_database_that_ends_ends_a_process(folder):
    """Honcho stops all when one ends."""
    watch = replace(make_plan({}), data=folder).commands()["database"]
    with subprocess.Popen(["/bin/sleep", "60"]) as server:
        (folder / "postmaster.pid").write_text(f"{server.pid}\n/data\n")
        watching = subprocess.Popen(  # noqa: S602 - as honcho runs it
            watch, shell=True, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        time.sleep(0.2)
        assert watching.poll() is None

        server.kill()

    said, _ = watching.communicate(timeout=60)
    assert said == "The database ended.\n"


def test_leftovers_end_and_strangers_live(folder):
    sleep = "import time; time.sleep(60)"
    # The stranger got the number of a process that is long gone: its program is not ours.
    with (
        subprocess.Popen([sys.executable, "-c", sleep], start_new_session=True) as ours,  # noqa: S603
        subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as stranger,
    ):
        (folder / "web.pid").write_text(f"{ours.pid}\n")
        (folder / "beat.pid").write_text(f"{stranger.pid}\n")

        count = leftovers.stop_leftovers()

        assert count == 1
        assert ours.wait(timeout=60) == -signal.SIGTERM
        assert stranger.poll() is None
        assert not list(folder.glob("*.pid"))
        stranger.kill()


@pytest.mark.processes
def test_ctrl_c_in_a_terminal_leaves_make_content(folder):
    (folder / "wait.py").write_text(
        textwrap.dedent(
            """
            import signal
            from sandbox.demo.__main__ import in_front

            def run():
                try:
                    print("waiting", flush=True)
                    signal.pause()
                except KeyboardInterrupt:
                    return 0

            raise SystemExit(in_front(run))
            """
        )
    )
    (folder / "Makefile").write_text(f"demo:\n\t@PYTHONPATH={CHECKOUT} {sys.executable} wait.py\n")
    # Not pty.fork(): this process has threads, and would fork them.
    master, slave = pty.openpty()
    make = subprocess.Popen(  # noqa: S603
        [sys.executable, "-c", TERMINAL, "make", "-C", str(folder), "demo"],
        stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
    )  # fmt: skip
    os.close(slave)

    read_until(master, b"waiting")
    os.write(master, b"\x03")

    assert make.wait(timeout=60) == 0
    os.close(master)


# Makes the new session's terminal its own before it becomes the command.
TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def read_until(terminal: int, word: bytes) -> None:
    """Read a terminal until a word was printed."""
    seen = b""
    deadline = time.monotonic() + 60
    while word not in seen:
        assert time.monotonic() < deadline, seen
        if select.select([terminal], [], [], 0.2)[0]:
            seen += os.read(terminal, 4096)
