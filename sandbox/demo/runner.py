"""Start the demo's processes under honcho and stop them together."""

import os
import shutil
import signal
import sys
from contextlib import ExitStack
from typing import Any

from honcho.manager import Manager

from config.embedded import VAR_DIR, postgres_dir
from sandbox import postgres
from sandbox.demo.leftovers import check_ports, only_demo, stop_leftovers
from sandbox.demo.plan import READY_FILE, DemoError, Plan, current_plan, log_file

_LAST_LINES = 15


class Logbook:
    """Takes honcho's messages: the guide's go to the terminal, the others' to a file each."""

    width = 0

    def __init__(self, names: list[str]) -> None:
        self._files = {name: log_file(name).open("w") for name in names}

    def write(self, message: Any) -> None:
        text = message.data if isinstance(message.data, str) else message.data.decode()
        if message.name == "guide":
            say(text, end="")
        if message.name in self._files:
            self._files[message.name].write(text)
            self._files[message.name].flush()


def say(text: str, end: str = "\n") -> None:
    """Print to the terminal at once."""
    sys.stdout.write(text + end)
    sys.stdout.flush()


def run() -> int:
    """Run the demo until Ctrl-C; return the exit status."""
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with ExitStack() as stack:
            stack.enter_context(only_demo())
            if count := stop_leftovers():
                say(f"Stopped {count} processes that an earlier demo left behind.")
            plan = current_plan()
            check_ports(plan)
            say("Starting. The first time takes up to half a minute; Ctrl-C stops everything.")
            if plan.data:
                stack.enter_context(postgres.running(plan.data))
                postgres.create_database(plan.data, "recoup")
            return _run_processes(plan)
    except (DemoError, postgres.PostgresError) as error:
        say(str(error))
        return 1
    except KeyboardInterrupt:
        return 0


def reset() -> int:
    """Forget the demo's data, Stripe's side and ours together; return the exit status."""
    try:
        with only_demo():
            stop_leftovers()
            postgres.remove(postgres_dir("pg"))
            for name in ("sandbox", "broker"):
                shutil.rmtree(VAR_DIR / name, ignore_errors=True)
    except DemoError as error:
        say(str(error))
        return 1
    say("The demo's data is gone; `make demo` starts afresh.")
    if os.environ.get("DATABASE_URL"):
        say("The database that DATABASE_URL names was left alone.")
    return 0


def _run_processes(plan: Plan) -> int:
    READY_FILE.unlink(missing_ok=True)
    commands = plan.commands()
    manager = Manager(Logbook(list(commands)))
    for name, command in commands.items():
        manager.add_process(name, command, env=dict(plan.environment))
    manager.loop()
    # honcho answers 130 or 143 when it was told to stop, else the status of what ended first.
    if manager.returncode in (130, 143):
        say("Stopped. The data is kept: `make demo` goes on, `make demo-reset` forgets it.")
        return 0
    say("A process of the demo ended by itself, so all were stopped. The last lines of each:")
    for name in commands:
        lines = log_file(name).read_text().splitlines()[-_LAST_LINES:]
        if name != "guide" and lines:
            say("\n".join([f"--- {log_file(name)}", *lines]))
    return 1
