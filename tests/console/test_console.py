"""The demo's time machine: only for the demo, one journey at a time, nothing ever late."""

import subprocess
import sys
import threading
from datetime import timedelta
from importlib import import_module
from pathlib import Path

import pytest
from django.apps import AppConfig
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, reverse

from apps.accounts.models import Merchant
from apps.accounts.services import create_merchant
from apps.dunning.presets import RECOMMENDED
from apps.recovery.models import Attempt, RecoveryCase
from apps.retry_settings.services import save_rules
from sandbox.clock import real_time
from sandbox.console import door
from sandbox.console.machine import Journey, TimeMachine
from tests.sandbox.server_process import server

SANDBOX = "http://127.0.0.1:1"
CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.fixture
def console(settings, tmp_path):
    """Install the bar as local settings do, beside a sandbox that does not answer."""
    # Before the bar is installed: this module keeps what it was imported with.
    import_module("config.urls")
    settings.DEBUG = True
    settings.STRIPE_API_BASE = SANDBOX
    settings.CLOCK_OFFSET_FILE = tmp_path / "clock-offset"
    settings.ROOT_URLCONF = "tests.console.urls"
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "sandbox.console"]
    settings.MIDDLEWARE = [
        *settings.MIDDLEWARE,
        "sandbox.console.middleware.ConsoleMiddleware",
    ]
    return TimeMachine(tmp_path)


class TestRefusal:
    @pytest.mark.parametrize(
        ("debug", "base"),
        [
            (False, "http://127.0.0.1:8010"),
            (True, "https://api.stripe.com"),
            (True, "http://sandbox.example:8010"),
            (True, "http://127.0.0.1.example"),
        ],
    )
    def test_it_refuses_to_start_anywhere_else(self, settings, debug, base):
        settings.DEBUG, settings.STRIPE_API_BASE = debug, base

        with pytest.raises(ImproperlyConfigured, match="demo only"):
            AppConfig.create("sandbox.console").ready()

    def test_it_starts_beside_a_sandbox_of_this_machine(self, settings):
        settings.DEBUG, settings.STRIPE_API_BASE = True, "http://127.0.0.1:8010"

        AppConfig.create("sandbox.console").ready()

    def test_only_local_settings_name_it(self):
        assert "sandbox.console" not in settings.INSTALLED_APPS
        with pytest.raises(NoReverseMatch):
            reverse("console:bar")

    def test_production_settings_with_the_console_stop_the_start(self):
        program = (
            "import os\n"
            "os.environ['DJANGO_SETTINGS_MODULE'] = 'config.settings.base'\n"
            "from django.conf import settings\n"
            "settings.INSTALLED_APPS.append('sandbox.console')\n"
            "import django\n"
            "django.setup()\n"
        )
        environment = {
            "SECRET_KEY": "k" * 60,
            "ALLOWED_HOSTS": "recoup.example",
            "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
            "CELERY_BROKER_URL": "memory://",
            "DEFAULT_FROM_EMAIL": "recoup@example.com",
            "STRIPE_SECRET_KEY": "sk_test_none",
            "STRIPE_WEBHOOK_SECRET": "whsec_none",
            "STRIPE_API_BASE": "http://127.0.0.1:8010",
        }

        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-c", program],
            cwd=CHECKOUT,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

        assert ended.returncode != 0
        assert "demo only" in ended.stderr


@pytest.fixture
def owner(db):
    return create_merchant(
        name="Willow Studio", email="owner@example.com", password="a-long-password"
    ).user


class TestBar:
    def test_every_page_has_it_once_with_its_buttons(self, console, client, owner):
        client.force_login(owner)

        page = client.get("/").content.decode()

        assert page.count('id="demo-clock"') == 1
        assert all(name in page for name in ("+1 hour", "+1 day", "+1 week"))
        assert page.index('id="demo-clock"') < page.index('id="main"')

    def test_who_is_not_signed_in_sees_the_time_but_no_buttons(self, console, client, db):
        page = client.get("/login/").content.decode()

        assert 'id="demo-clock"' in page
        assert "+1 hour" not in page

    def test_fragments_and_downloads_stay_as_they_are(self, console, client, owner):
        client.force_login(owner)

        fragment = client.get("/sales/transactions/", headers={"HX-Request": "true"})

        assert b"demo-clock" not in fragment.content

    def test_nothing_inline_that_the_policy_refuses(self, console, client, owner):
        client.force_login(owner)

        bar = client.get("/demo/clock/").content.decode()

        assert "style=" not in bar
        assert "<script" not in bar
        assert "hx-on" not in bar

    def test_a_stranger_moves_nothing(self, console, client, db):
        answer = client.post("/demo/clock/move/", {"hours": "1"})

        assert answer.status_code == 302
        assert console.last() is None

    @pytest.mark.parametrize("hours", ["", "2", "-1", "9999999", "1e3"])
    def test_other_steps_are_refused(self, console, client, owner, hours):
        client.force_login(owner)

        assert client.post("/demo/clock/move/", {"hours": hours}).status_code == 400
        assert console.last() is None

    def test_progress_is_shown_and_asked_for_again(self, console, client, owner):
        client.force_login(owner)
        console._write(Journey(id="one", hours=24, percent=40, failed=3, recovered=2))
        with console._alone():
            bar = client.get("/demo/clock/").content.decode()

        assert 'value="40"' in bar
        assert "3 failed, 2 recovered" in bar
        assert "watching=one" in bar
        assert "<button" not in bar

    def test_the_page_is_loaded_anew_when_the_journey_is_over(self, console, client, owner):
        client.force_login(owner)
        console._write(Journey(id="one", hours=24, percent=100, is_over=True))

        watched = client.get("/demo/clock/?watching=one", headers={"HX-Request": "true"})
        glanced = client.get("/demo/clock/", headers={"HX-Request": "true"})

        assert watched.headers["HX-Refresh"] == "true"
        assert "HX-Refresh" not in glanced.headers


class TestJourneys:
    def test_only_one_at_a_time(self, console):
        with console._alone() as first, console._alone() as second:
            assert (first, second) == (True, False)
            assert console.depart(1) is None

    def test_one_whose_process_died_is_called_interrupted(self, console):
        console._write(Journey(id="one", hours=24, percent=40))

        last = console.last()

        assert last.is_over
        assert last.trouble == "It was interrupted."

    @pytest.mark.django_db
    def test_a_sandbox_that_is_away_ends_it_in_words(self, console):
        journey = console.travel(Journey(id="one", hours=1))

        assert journey.is_over
        assert journey.trouble == "The local Stripe does not answer."
        assert console.last() == journey


@pytest.mark.processes
@pytest.mark.django_db(transaction=True)
class TestTravel:
    """With a real sandbox process, whose webhooks come in over HTTP."""

    @pytest.fixture
    def world(self, settings, tmp_path, live_server):
        port = int(live_server.url.rsplit(":", 1)[1])
        with server(tmp_path, webhook_port=port) as running:
            settings.STRIPE_API_BASE = running.url
            settings.GATEWAY_STRIPE_KEY = running.key
            settings.STRIPE_WEBHOOK_SECRETS = [running.secret]
            settings.CLOCK_OFFSET_FILE = tmp_path / "clock-offset"
            merchant = Merchant.objects.create(
                name="Willow Studio", stripe_account_id=running.get("")["account"]
            )
            save_rules(
                merchant=merchant,
                rules=RECOMMENDED,
                expected_version=0,
                user=None,
                now=real_time(),
            )
            yield running

    def test_a_week_brings_failures_retries_and_recoveries_and_nothing_is_late(
        self, world, tmp_path
    ):
        for number, behaviour in enumerate(
            [
                [{"do": "decline", "reason": "processing_error", "times": 2}],
                [{"do": "decline", "reason": "generic_decline", "times": 2}],
                [{"do": "decline", "reason": "lost_card"}],
                [],
            ]
        ):
            customer = world.do("create_customer_with_card", behaviour=behaviour, name="Ada")
            price = world.do("create_price", unit_amount=14_900)
            ends = int(real_time().timestamp()) + 3_600 * (number + 1)
            world.do("subscribe", customer=customer["id"], price=price["id"], trial_end=ends)
        before = door.standing().now

        journey = TimeMachine(tmp_path).travel(Journey(id="one", hours=168))

        assert (journey.trouble, journey.percent) == ("", 100)
        assert (journey.failed, journey.recovered) == (3, 2)
        gone = door.standing().now - before
        assert timedelta(days=7) <= gone < timedelta(days=7, minutes=5)
        assert sorted(RecoveryCase.objects.values_list("status", flat=True)) == [
            "open",
            "recovered",
            "recovered",
        ]
        made = Attempt.objects.exclude(claimed_at=None)
        assert made.count() == 4
        assert max(one.claimed_at - one.due_at for one in made) < timedelta(minutes=1)
        assert world.get("judge")["violations"] == []

    def test_two_clicks_make_one_journey(self, world, tmp_path):
        machine = TimeMachine(tmp_path)
        before = door.standing().now
        answers: list[Journey | None] = []

        clicks = [
            threading.Thread(target=lambda: answers.append(machine.depart(1))) for _ in range(2)
        ]
        for click in clicks:
            click.start()
        for click in clicks:
            click.join()
        # A journey this short may be over before the second click: then it is a second one.
        for journey in threading.enumerate():
            if journey.name == "time machine":
                journey.join()

        hours = sum(answer is not None for answer in answers)
        assert hours >= 1
        gone = door.standing().now - before
        assert timedelta(hours=hours) <= gone < timedelta(hours=hours, minutes=5)
