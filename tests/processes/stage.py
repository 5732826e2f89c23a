"""The whole product as real processes: local Stripe, web, worker and beat on free ports.

They share the database of the tests, so that a test looks at rows while they work.
"""

import http.cookiejar
import json
import os
import re
import signal
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

from tests.sandbox.server_process import CHECKOUT, KEY, SECRET, ServerProcess, free_port, until

WORKER = (
    "celery --app config worker --pool threads --concurrency 4"
    " --without-gossip --without-mingle --loglevel INFO"
)
BEAT = "celery --app config beat --loglevel INFO --pidfile="
WEB = "gunicorn config.wsgi --worker-class gthread --threads 4 --no-control-socket --log-level info"

# Long enough for a busy machine: only a test that fails waits so long.
PATIENCE = 240
# Between two looks: each costs the processes, which share few cores, some of their time.
PAUSE = 0.1


class Stripe(ServerProcess):
    """The words of the sandbox's control interface; the stage starts and ends its process."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.url = f"http://127.0.0.1:{port}"


class Stage:
    """Starts, kills and restarts the processes; `log` and `logs` tell what they printed."""

    def __init__(self, folder: Path, *, database_url: str, broker_url: str) -> None:
        self.folder = folder
        self.port, stripe_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.stripe = Stripe(stripe_port)
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self._commands = {
            "stripe": "sandbox.server",
            "web": f"{WEB} --bind 127.0.0.1:{self.port}",
            "worker": WORKER,
            "beat": BEAT,
        }
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "config.settings.local",
            "VAR_DIR": str(folder),
            "DATABASE_URL": database_url,
            "CELERY_BROKER_URL": broker_url,
            "CELERY_SKIP_CHECKS": "1",
            "LOOP_INTERVAL_SECONDS": "1",
            "PORT": str(self.port),
            "SANDBOX_PORT": str(stripe_port),
            "STRIPE_API_BASE": self.stripe.url,
            "STRIPE_SECRET_KEY": KEY,
            "STRIPE_WEBHOOK_SECRET": SECRET,
            "PYTHONUNBUFFERED": "1",
        }

    def start(self, name: str, *, again_as: str = "") -> None:
        """Start "stripe", "web", "worker" or "beat"; `again_as` names a second one of a kind."""
        own_name = again_as or name
        with self._log_file(own_name).open("ab") as log:
            self.processes[own_name] = subprocess.Popen(  # noqa: S603
                [sys.executable, "-m", *self._commands[name].split()],
                cwd=CHECKOUT,
                env=self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def start_all(self) -> None:
        """Start everything and wait until /healthz is content."""
        self.start_stripe()
        for name in ("web", "worker", "beat"):
            self.start(name)
        self.wait_until_healthy()

    def start_stripe(self):
        """Start the local Stripe alone and return how things stand there."""
        self.start("stripe")
        return self.wait_until(lambda: self.stripe.get(""), what="the local Stripe to answer")

    def wait_until_healthy(self) -> None:
        """Wait until web, worker and beat are all at work."""
        self.wait_until(lambda: self.health()[0] == 200, what="/healthz to answer 200")

    def health(self) -> tuple[int, dict[str, object]]:
        """Give the status and body of /healthz; status 0 while nobody answers."""
        try:
            with urllib.request.urlopen(f"{self.url}/healthz", timeout=60) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
        except OSError:
            return 0, {}

    def kill(self, name: str) -> None:
        """End a process as a power cut would (SIGKILL, with all its children)."""
        self._end(name, signal.SIGKILL)

    def stop(self, name: str) -> int:
        """End a process as an operator would (SIGTERM); return its exit status."""
        return self._end(name, signal.SIGTERM)

    def stop_all(self) -> None:
        """End whatever still runs, at once."""
        for name in list(self.processes):
            self.kill(name)

    def log(self, name: str) -> str:
        """Give what a process printed so far."""
        return self._log_file(name).read_text(errors="replace")

    def logs(self) -> dict[str, str]:
        """Give what each process printed so far."""
        return {path.stem: path.read_text(errors="replace") for path in self.folder.glob("*.log")}

    def browser(self) -> "Browser":
        """Give a person with an empty cookie jar."""
        return Browser(self.url)

    def wait_until(self, condition: Callable[[], object], *, what: str):
        """Wait for something the processes do, and return what the condition gave.

        A process that ended by itself, say because somebody took its port, ends the waiting too.
        """

        def look():
            found = condition()
            for name, process in self.processes.items():
                assert found or process.poll() is None, f"{name} ended while we waited for {what}"
            return found

        return until(look, what=what, seconds=PATIENCE, pause=PAUSE)

    def stripe_says(self) -> str:
        """Say how things stand at the local Stripe, if it runs."""
        return json.dumps(self.stripe.get("") if "stripe" in self.processes else None)

    def _log_file(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def _end(self, name: str, number: int) -> int:
        process = self.processes.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, number)
        return process.wait(timeout=PATIENCE)


class Browser:
    """A person with cookies, who sends forms as pages give them."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        )

    def get(self, path: str) -> str:
        """Load a page, following redirects, and return its text."""
        with self._opener.open(self.url + path, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def post(self, path: str, *, form_at: str = "", **fields: str) -> str:
        """Send a form of the page `form_at` (else of `path`) with its token."""
        page = self.get(form_at or path)
        token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
        assert token, f"no form on {form_at or path}"
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token[1], **fields}).encode()
        request = urllib.request.Request(  # noqa: S310
            self.url + path, data=data, headers={"Referer": self.url + (form_at or path)}
        )
        with self._opener.open(request, timeout=PATIENCE) as answer:
            return str(answer.read().decode())

    def sign_in(self, email: str, password: str) -> str:
        """Sign in through the page; return the page that follows."""
        return self.post("/login/", login=email, password=password)
