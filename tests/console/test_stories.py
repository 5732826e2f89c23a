"""Story buttons: what they do at the local Stripe, for whom, and how they are taken back."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.accounts.models import Membership, Merchant, Role
from apps.accounts.services import create_merchant
from apps.subscriptions.models import Subscription
from apps.webhooks.models import ImportCursor, ImportRun
from sandbox import Clock, Sandbox
from sandbox.clock import real_time
from sandbox.console import door
from sandbox.console.door import Player, SandboxAway, Standing, StoryRefused
from sandbox.console.machine import Journey
from sandbox.errors import ConnectionLost
from sandbox.server import stories
from sandbox.server.actions import ActionRefused
from tests.console.test_console import console  # noqa: F401 - a fixture

NOW = datetime(2026, 11, 22, 9, 14, tzinfo=UTC)


@pytest.fixture
def sandbox():
    return Sandbox(clock=Clock(NOW), seed=3)


@pytest.fixture
def ada(sandbox):
    customer = sandbox.create_customer_with_card(name="Ada Byrne")
    sandbox.subscribe(customer, sandbox.create_price())
    return customer


class TestWithACustomer:
    def outcome(self, sandbox, ada):
        charge = sandbox.charge_once(ada, 500)
        return charge["status"], charge["failure_code"]

    @pytest.mark.parametrize(
        ("story", "failure"), [("expire", "expired_card"), ("refuse", "card_declined")]
    )
    def test_a_card_fails_until_it_is_undone(self, sandbox, ada, story, failure):
        assert stories.play(sandbox, ada["id"], story)["story"] == story
        assert self.outcome(sandbox, ada) == ("failed", failure)

        assert stories.play(sandbox, ada["id"], "undo")["story"] == ""
        assert self.outcome(sandbox, ada) == ("succeeded", None)

    def test_several_stories_are_undone_to_the_beginning(self, sandbox, ada):
        for story in ("expire", "needs_3ds", "refuse"):
            stories.play(sandbox, ada["id"], story)

        stories.play(sandbox, ada["id"], "undo")

        assert self.outcome(sandbox, ada) == ("succeeded", None)

    @pytest.mark.parametrize("story", ["bank_update", "new_card"])
    def test_another_card_ends_the_trouble_for_good(self, sandbox, ada, story):
        stories.play(sandbox, ada["id"], "refuse")

        assert stories.play(sandbox, ada["id"], story)["story"] == ""
        assert self.outcome(sandbox, ada) == ("succeeded", None)
        with pytest.raises(ActionRefused, match="nothing to undo"):
            stories.play(sandbox, ada["id"], "undo")

    def test_the_bank_says_that_it_updated_the_card(self, sandbox, ada):
        stories.play(sandbox, ada["id"], "bank_update")

        told = {event["type"] for event in sandbox.objects("event")}
        assert "payment_method.automatically_updated" in told

    def test_3ds_is_asked_for_and_confirmed(self, sandbox, ada):
        (subscription,) = sandbox.objects("subscription")
        stories.play(sandbox, ada["id"], "needs_3ds")
        invoice = sandbox.renew(subscription)

        assert stories.play(sandbox, ada["id"])["asks_for_customer"]
        stories.play(sandbox, ada["id"], "confirm")

        assert sandbox.object("invoice", invoice["id"])["status"] == "paid"

    @pytest.mark.parametrize("story", ["confirm", "undo", "nonsense"])
    def test_what_makes_no_sense_is_refused(self, sandbox, ada, story):
        with pytest.raises(ActionRefused):
            stories.play(sandbox, ada["id"], story)

    def test_a_bank_account_has_no_card_stories(self, sandbox):
        customer = sandbox.create_customer(name="Jo")
        method = sandbox.create_bank_account(customer)
        sandbox.books().get("customer", customer["id"])["invoice_settings"][
            "default_payment_method"
        ] = method["id"]

        with pytest.raises(ActionRefused, match="pays by no card"):
            stories.play(sandbox, customer["id"], "expire")

    def test_it_says_when_stripe_charges_next(self, sandbox, ada):
        at = stories.play(sandbox, ada["id"])["next_charge_at"]

        assert datetime.fromtimestamp(at, UTC) == NOW.replace(month=12) + timedelta(hours=1)


def received_in(letters: list[bytes]):
    """Receive letters into a list, as a shop does that always answers 200."""

    def receive(_url, body, _headers):
        letters.append(body)
        return 200

    return receive


class TestOutage:
    def test_calls_fail_and_letters_wait_until_the_clock_has_passed_it(self, sandbox, ada):
        letters: list[bytes] = []
        deliverer = sandbox.deliver_to(received_in(letters))
        sandbox.add_endpoint("http://127.0.0.1:1/")
        end = NOW + timedelta(days=1)
        sandbox.faults.down_until = int(end.timestamp())
        sandbox.replace_card(ada)
        key = {"Authorization": f"Bearer {sandbox.secret_key}"}

        deliverer.deliver_due()
        with pytest.raises(ConnectionLost):
            sandbox.request("GET", "/v1/invoices", {}, key)

        assert not letters
        assert deliverer.next_at() == int(end.timestamp())
        sandbox.run_until(end)
        assert sandbox.request("GET", "/v1/invoices", {}, key).status == 200
        assert deliverer.drain() == len(letters) > 0

    def test_letters_leave_at_once_when_it_is_ended_early(self, sandbox, ada):
        letters: list[bytes] = []
        deliverer = sandbox.deliver_to(received_in(letters))
        sandbox.add_endpoint("http://127.0.0.1:1/")
        sandbox.faults.down_until = int((NOW + timedelta(days=1)).timestamp())
        sandbox.replace_card(ada)
        deliverer.deliver_due()

        sandbox.faults.clear()
        deliverer.let_go()

        assert deliverer.drain() == len(letters) > 0


PLAYER = Player(
    customer="cus_ada",
    name="Ada Byrne",
    story="",
    type="card",
    brand="visa",
    last4="4242",
    asks_for_customer=False,
    next_charge_at=NOW,
)


@pytest.fixture
def merchant(db):
    create_merchant(name="Willow Studio", email="owner@example.com", password="a-long-password")
    return Merchant.objects.get()


@pytest.fixture
def row(merchant):
    now = real_time()
    return Subscription.objects.create(
        merchant=merchant,
        stripe_subscription_id="sub_ada",
        stripe_customer_id="cus_ada",
        customer_name="Ada Byrne",
        status="active",
        amount_minor=4_900,
        currency="usd",
        started_at=now,
        read_at=now,
        next_payment_at=now + timedelta(days=3),
    )


@pytest.fixture
def played(monkeypatch):
    """What was asked of the local Stripe."""
    calls: list[tuple[str, str]] = []

    def player(customer_id, story=""):
        if story:
            calls.append((customer_id, story))
        return PLAYER

    monkeypatch.setattr(door, "player", player)
    monkeypatch.setattr(door, "standing", lambda: Standing(NOW, None, 0))
    return calls


@pytest.fixture
def owner(console, client, merchant):  # noqa: F811
    client.force_login(merchant.memberships.get().user)
    return client


class TestPages:
    def test_the_page_of_a_customer_offers_their_stories(self, owner, row, played):
        page = owner.get(f"/sales/subscriptions/{row.pk}/").content.decode()

        assert page.count('action="/demo/story/"') == 1
        assert all(word in page for word in ("Card expires", "Card refuses", "Bank updates card"))
        assert "Undo" not in page
        assert "style=" not in page

    def test_other_pages_offer_none(self, owner, row, played):
        assert "/demo/story/" not in owner.get("/sales/subscriptions/").content.decode()

    def test_without_the_local_stripe_the_page_is_as_ever(self, owner, row):
        page = owner.get(f"/sales/subscriptions/{row.pk}/")

        assert page.status_code == 200
        assert "/demo/story/" not in page.content.decode()

    def test_a_viewer_sees_no_buttons_and_plays_nothing(self, owner, row, played):
        Membership.objects.update(role=Role.VIEWER)

        assert "/demo/story/" not in owner.get(f"/sales/subscriptions/{row.pk}/").content.decode()
        answer = owner.post("/demo/story/", {"customer": "cus_ada", "story": "expire"})

        assert answer.status_code == 403
        assert not played

    def test_a_button_plays_and_comes_back_with_words(self, owner, row, played):
        page = f"/sales/subscriptions/{row.pk}/"

        answer = owner.post(
            "/demo/story/",
            {"customer": "cus_ada", "story": "expire"},
            headers={"Referer": f"http://testserver{page}"},
            follow=True,
        )

        assert played == [("cus_ada", "expire")]
        assert answer.redirect_chain == [(page, 302)]
        assert "The card of Ada Byrne has expired" in answer.content.decode()

    @pytest.mark.parametrize(
        "given",
        [{"customer": "cus_other", "story": "expire"}, {"customer": "cus_ada", "story": "format"}],
    )
    def test_strangers_and_unknown_stories_are_refused(self, owner, row, played, given):
        assert owner.post("/demo/story/", given).status_code == 400
        assert not played

    def test_a_foreign_referer_is_not_followed(self, owner, row, played):
        answer = owner.post(
            "/demo/story/",
            {"customer": "cus_ada", "story": "expire"},
            headers={"Referer": "https://evil.example//evil.example/"},
        )

        assert answer.headers["Location"] == "/demo/"

    @pytest.mark.parametrize(
        ("error", "words"),
        [
            (StoryRefused("There is nothing to undo."), "There is nothing to undo."),
            (SandboxAway("no"), "The local Stripe does not answer."),
        ],
    )
    def test_what_went_wrong_is_said(self, owner, row, played, monkeypatch, error, words):
        def refuse(*_args):
            raise error

        monkeypatch.setattr(door, "player", refuse)

        answer = owner.post("/demo/story/", {"customer": "cus_ada", "story": "undo"}, follow=True)

        assert words in answer.content.decode()

    def test_the_stories_page_names_people_and_troubles(self, owner, row, played):
        page = owner.get("/demo/?customer=cus_ada").content.decode()

        assert "Ada Byrne" in page
        assert "Be down for a day" in page
        assert "Card expires" in page

    def test_an_outage_is_shown_and_can_be_undone(self, owner, played, monkeypatch):
        down = Standing(NOW, None, 0, down_until=NOW + timedelta(days=1))
        monkeypatch.setattr(door, "standing", lambda: down)

        page = owner.get("/demo/").content.decode()

        assert "Down until" in page
        assert 'value="back"' in page
        assert 'value="down"' not in page

    def test_an_unknown_trouble_is_refused(self, owner):
        assert owner.post("/demo/stripe/", {"trouble": "fire"}).status_code == 400


class TestImportInTheBar:
    def test_it_says_how_far_the_history_is(self, owner, merchant):
        now = real_time()
        run = ImportRun.objects.create(
            merchant=merchant, phase="invoices", started_at=now, worked_at=now
        )
        ImportCursor.objects.create(run=run, phase="invoices", done=1_240, about=2_500)

        bar = owner.get("/").content.decode()

        assert "1,240 of about 2,500 payments" in bar
        assert 'value="1240"' in bar
        run.finished_at = now
        run.save()
        assert "Bringing in" not in owner.get("/").content.decode()


@pytest.mark.django_db
def test_the_time_machine_does_not_wait_for_a_stripe_that_is_down(console, monkeypatch):  # noqa: F811
    moments = iter(NOW + timedelta(hours=hour) for hour in range(100))

    def standing(*_args):
        now = next(moments)
        down = NOW + timedelta(hours=5)
        return Standing(now, None, 80, down_until=down) if now < down else Standing(now, None, 0)

    hurried = []
    monkeypatch.setattr(door, "standing", standing)
    monkeypatch.setattr(door, "advance", standing)
    monkeypatch.setattr("sandbox.workers.hurry_reads", lambda: hurried.append(True))

    journey = console.travel(Journey(id="one", hours=24))

    assert (journey.trouble, journey.percent) == ("", 100)
    assert hurried == [True]
