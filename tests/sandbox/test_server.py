"""The sandbox over HTTP, in a process of its own, called by the real stripe library."""

import http.client
import json
import signal
import time
import urllib.error
from datetime import datetime, timedelta

import pytest
import stripe

from apps.stripe_gateway.signature import verify_signature
from tests.sandbox.server_process import PATIENCE, SECRET, ServerProcess, server, shop, until

pytestmark = pytest.mark.processes

BROKE = [{"do": "decline", "reason": "insufficient_funds"}]


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """One server for the tests that only talk to it."""
    with server(tmp_path_factory.mktemp("sandbox")) as started:
        yield started


def trial_ending(running, *, behaviour, seconds=0, amount=14_900):
    """Make a subscription whose first real invoice is a draft `seconds` from now."""
    customer = running.do("create_customer_with_card", behaviour=behaviour, name="Zoë 🌿 مريم")
    price = running.do("create_price", unit_amount=amount)
    ends = int(datetime.fromisoformat(running.get("")["now"]).timestamp()) + max(seconds, 1)
    return running.do("subscribe", customer=customer["id"], price=price["id"], trial_end=ends)


def failed_invoice(running, behaviour=BROKE):
    subscription = trial_ending(running, behaviour=behaviour)
    running.post("advance", seconds=3_600)
    running.post("advance", seconds=10)
    client = running.client()
    return client.v1.invoices.list({"subscription": subscription["id"], "status": "open"}).data[0]


class TestCalls:
    def test_nested_parameters_and_any_alphabet_survive_the_way(self, running):
        client = running.client()

        made = client.v1.customers.create(
            {"name": "Zoë مريم 🌿", "metadata": {"plan": "gold"}, "address": {"country": "DE"}}
        )

        again = client.v1.customers.retrieve(made.id)
        assert again.name == "Zoë مريم 🌿"
        assert again.metadata["plan"] == "gold"
        assert again.address.country == "DE"
        assert again.last_response.headers["request-id"].startswith("req_")

    def test_a_decline_is_a_402_with_its_codes(self, running):
        invoice = failed_invoice(running)

        with pytest.raises(stripe.CardError) as caught:
            running.client().v1.invoices.pay(invoice.id)

        assert caught.value.http_status == 402
        error = json.loads(str(caught.value.http_body))["error"]
        assert error["decline_code"] == "insufficient_funds"

    def test_a_key_answers_the_same_twice(self, running):
        client = running.client()
        options = {"idempotency_key": "customer-1"}

        first = client.v1.customers.create({"name": "Ada"}, options)
        second = client.v1.customers.create({"name": "Ada"}, options)

        assert first.id == second.id
        assert second.last_response.headers["idempotent-replayed"] == "true"

    def test_a_wrong_key_is_a_401(self, running):
        with pytest.raises(stripe.AuthenticationError):
            running.client("sk_test_wrong").v1.accounts.retrieve_current()

    def test_one_connection_carries_many_calls(self, running):
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        for _ in range(3):
            connection.request("GET", "/v1/nowhere")
            answer = connection.getresponse()
            assert answer.status == 401
            assert json.load(answer)["error"]["type"] == "invalid_request_error"
        assert connection.sock is not None
        connection.close()

    def test_another_host_name_is_refused(self, running):
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        connection.request("GET", "/_sandbox/", headers={"Host": "evil.example:8010"})

        assert connection.getresponse().status == 403
        connection.close()


class TestFaults:
    def test_timeout_after_success_hangs_up_but_the_invoice_is_paid(self, running):
        invoice = failed_invoice(running, [{**BROKE[0], "times": 1}])
        client = running.client()
        running.post("faults", fault="timeout_after", path="*/pay")
        options = {"idempotency_key": f"pay-{invoice.id}"}

        with pytest.raises(stripe.APIConnectionError):
            client.v1.invoices.pay(invoice.id, {}, options)

        assert client.v1.invoices.retrieve(invoice.id).status == "paid"
        repeated = client.v1.invoices.pay(invoice.id, {}, options)
        assert repeated.status == "paid"
        charges = client.v1.charges.list({"customer": invoice.customer}).data
        assert [charge.status for charge in charges].count("succeeded") == 1

    def test_timeout_before_hangs_up_and_does_nothing(self, running):
        invoice = failed_invoice(running, [{**BROKE[0], "times": 1}])
        client = running.client()
        running.post("faults", fault="timeout_before", path="*/pay")

        with pytest.raises(stripe.APIConnectionError):
            client.v1.invoices.pay(invoice.id)

        assert client.v1.invoices.retrieve(invoice.id).status == "open"


class TestControl:
    def test_the_clock_moves_an_hour_at_most(self, running):
        before = datetime.fromisoformat(running.get("")["now"])

        with pytest.raises(urllib.error.HTTPError, match="400"):
            running.post("advance", seconds=3_601)
        after = datetime.fromisoformat(running.post("advance", seconds=3_600)["now"])

        assert timedelta(hours=1) <= after - before < timedelta(hours=1, seconds=30)

    def test_the_product_can_read_the_offset(self, running):
        offset = running.post("advance", seconds=60)["offset_seconds"]

        assert float((running.state / "clock-offset").read_text()) == offset

    def test_the_judge_tells_what_was_done_wrong(self, running):
        invoice = failed_invoice(running, [{"do": "decline", "reason": "stolen_card"}])

        with pytest.raises(stripe.InvalidRequestError, match="M8"):
            running.client().v1.invoices.pay(invoice.id)

        assert "M8" in [item["rule"] for item in running.get("judge")["violations"]]

    def test_an_action_planned_for_later_happens_then(self, running):
        invoice = failed_invoice(running)
        running.post("plans", **{"in": 600, "do": "replace_card", "customer": invoice.customer})
        client = running.client()
        before = client.v1.customers.retrieve(invoice.customer).invoice_settings

        running.post("advance", seconds=601)

        after = client.v1.customers.retrieve(invoice.customer).invoice_settings
        assert after.default_payment_method != before.default_payment_method

    @pytest.mark.parametrize("given", [{"do": "dump"}, {"do": "subscribe", "customer": "cus_0"}])
    def test_nonsense_is_refused(self, running, given):
        with pytest.raises(urllib.error.HTTPError, match="400"):
            running.post("actions", **given)

    def test_a_form_from_a_browser_is_refused(self, running):
        connection = http.client.HTTPConnection("127.0.0.1", running.port)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/_sandbox/reset", "a=1", form)

        assert connection.getresponse().status == 415
        connection.close()


class TestLife:
    """Each starts a server of its own."""

    def test_signed_letters_arrive_without_being_asked_for(self, tmp_path):
        with shop() as (port, letters), server(tmp_path, webhook_port=port) as running:
            running.client().v1.customers.create({"name": "Ada"})
            until(lambda: letters, what="the letter")

            headers, body = letters[0]
            now = datetime.fromisoformat(running.get("")["now"])
            assert json.loads(body)["type"] == "customer.created"
            verify_signature(
                body=body, header=headers["Stripe-Signature"], secrets=[SECRET], now=now
            )

    def test_letters_wait_for_a_shop_that_is_closed(self, tmp_path):
        with server(tmp_path) as running:
            running.client().v1.customers.create({"name": "Ada"})
            until(lambda: running.get("")["sent_deliveries"], what="the first try")
            assert running.get("")["waiting_deliveries"] == 1

            assert running.get("")["due_deliveries"] == 0
            assert running.get("")["next_at"] is not None

    def test_whoever_asks_may_wait_until_all_letters_were_answered(self, tmp_path):
        with shop() as (port, letters), server(tmp_path, webhook_port=port) as running:
            for name in ("Ada", "Zoë", "Ida"):
                running.client().v1.customers.create({"name": name})

            assert running.post("deliver")["due_deliveries"] == 0
            assert len(letters) == 3

    def test_duplicates_on_request(self, tmp_path):
        with shop() as (port, letters), server(tmp_path, webhook_port=port) as running:
            running.post("webhooks", trouble="duplicate")
            running.client().v1.customers.create({"name": "Ada"})

            until(lambda: len(letters) == 2, what="both letters")
            assert letters[0][1] == letters[1][1]

    @pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGKILL])
    def test_restart_keeps_state_and_clock(self, tmp_path, sign):
        with server(tmp_path) as running:
            running.post("advance", seconds=3_600)
            made = running.client().v1.customers.create({"name": "Ada"})
            before = running.get("")
            started = time.monotonic()
            running.end(sign)
            if sign is signal.SIGTERM:
                assert running.process.returncode == 0, running.errors
                # Whoever stops it gives it ten seconds; a busy machine takes some of them.
                assert time.monotonic() - started < 10

        with server(tmp_path) as running:
            after = running.get("")
            assert running.client().v1.customers.retrieve(made.id).name == "Ada"
            assert after["offset_seconds"] == before["offset_seconds"] == 3_600
            assert after["account"] == before["account"]
            assert after["objects"] == before["objects"]

    def test_reset_forgets_everything_but_the_time(self, tmp_path):
        with server(tmp_path) as running:
            running.post("advance", seconds=3_600)
            running.client().v1.customers.create({"name": "Ada"})

            after = running.post("reset")

            assert after["objects"]["customer"] == 0
            assert after["offset_seconds"] == 3_600
            assert running.client().v1.customers.list().data == []

    def test_two_servers_never_share_a_folder(self, tmp_path):
        with server(tmp_path):
            second = ServerProcess(tmp_path)
            _, errors = second.process.communicate(timeout=PATIENCE)

        assert second.process.returncode == 1
        assert "Another sandbox uses" in errors.decode()

    def test_a_taken_port_is_one_clear_line(self, tmp_path):
        with server(tmp_path / "first") as running:
            second = ServerProcess(tmp_path / "second", options=(), port=running.port)
            _, errors = second.process.communicate(timeout=PATIENCE)

        assert second.process.returncode == 1
        assert errors.decode().strip().splitlines() == [
            f"Port {running.port} is taken; set SANDBOX_PORT to another one."
        ]

    def test_a_fixed_clock_stands_still(self, tmp_path):
        fixed = ("--fixed-clock", "2026-01-05T15:00:00+00:00")
        with server(tmp_path, options=fixed) as running:
            assert running.get("")["now"] == "2026-01-05T15:00:00+00:00"
            assert running.post("advance", seconds=60)["now"] == "2026-01-05T15:01:00+00:00"
