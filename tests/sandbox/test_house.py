"""Clock, form encoding, saving: the parts under everything."""

import threading
from datetime import UTC, datetime, timedelta

import pytest
import stripe

from sandbox import Clock, Sandbox, cards, forms
from sandbox.errors import ApiError
from sandbox.transport import SandboxHTTPClient
from tests.sandbox.helpers import failed_renewal, pay

MOMENT = datetime(2026, 1, 5, 15, tzinfo=UTC)


class TestClock:
    def test_a_fixed_clock_stands_still_until_it_is_moved(self):
        clock = Clock(start=MOMENT)
        assert clock.advance(timedelta(hours=1)) == MOMENT + timedelta(hours=1)
        assert clock.now() == MOMENT + timedelta(hours=1)

    def test_a_running_clock_is_ahead_of_real_time(self):
        real = [MOMENT]
        clock = Clock(offset=timedelta(days=1), real=lambda: real[0])
        real[0] += timedelta(seconds=5)

        assert clock.now() == MOMENT + timedelta(days=1, seconds=5)
        clock.advance_to(MOMENT + timedelta(days=3))
        assert clock.offset == timedelta(days=2, hours=23, minutes=59, seconds=55)

    def test_it_never_goes_back(self):
        clock = Clock(start=MOMENT)
        with pytest.raises(ValueError, match="forward"):
            clock.advance(timedelta(seconds=-1))
        assert clock.advance_to(MOMENT - timedelta(days=1)) == MOMENT

    def test_naive_times_are_refused(self):
        with pytest.raises(ValueError, match="aware"):
            Clock(start=datetime(2026, 1, 5))  # noqa: DTZ001


class TestForms:
    @pytest.mark.parametrize(
        ("encoded", "expected"),
        [
            ("a=1&b=", {"a": "1", "b": ""}),
            (
                "items[0][price]=p&items[0][quantity]=2&items[1][price]=q",
                {"items": [{"price": "p", "quantity": "2"}, {"price": "q"}]},
            ),
            ("expand[]=a&expand[]=b", {"expand": ["a", "b"]}),
            ("created[gte]=1&created[lt]=2", {"created": {"gte": "1", "lt": "2"}}),
            ("items[][price]=p&items[][price]=q", {"items": [{"price": "p"}, {"price": "q"}]}),
            ("name=%3D1%2B1&x=%E2%82%AC", {"name": "=1+1", "x": "€"}),
        ],
    )
    def test_nesting(self, encoded, expected):
        assert forms.parse(encoded) == expected

    def test_eleven_items_keep_their_order(self):
        encoded = "&".join(f"a[{number}]={number}" for number in range(11))

        assert forms.parse(encoded)["a"] == [str(number) for number in range(11)]

    def test_contradictions_are_refused(self):
        with pytest.raises(ApiError):
            forms.parse("a=1&a[b]=2")


class TestSaving:
    def test_a_dumped_sandbox_goes_on_where_it_was(self, sandbox):
        invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=2))

        again = Sandbox.load(sandbox.dump(), clock=Clock(start=sandbox.now()))
        again.advance(timedelta(days=10))

        row = again.object("invoice", invoice["id"])
        assert again.secret_key == sandbox.secret_key
        assert (row["status"], row["attempt_count"]) == ("paid", 3)
        assert invoice["status"] == "open"

    def test_the_same_seed_gives_the_same_objects(self):
        dumps = []
        for _ in range(2):
            sandbox = Sandbox(clock=Clock(start=MOMENT), seed=7)
            failed_renewal(sandbox)
            sandbox.advance(timedelta(days=20))
            dumps.append(sandbox.dump())

        assert dumps[0] == dumps[1]

    def test_a_replayed_answer_survives(self, sandbox, client):
        invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))
        pay(client, invoice, "key")

        again = Sandbox.load(sandbox.dump(), clock=sandbox.clock)
        other = stripe.StripeClient(again.secret_key, http_client=SandboxHTTPClient(again))

        assert pay(other, invoice, "key").status == "paid"

    def test_only_what_changed_is_saved(self, sandbox):
        customer = sandbox.create_customer()
        sandbox.take_changes()
        assert sandbox.take_changes() == []

        sandbox.create_card(customer)

        kinds = {row.kind for row in sandbox.take_changes()}
        assert "payment_method" in kinds
        assert "customer" not in kinds

    def test_rows_bring_it_back_and_nothing_is_left_to_save(self, sandbox):
        failed_renewal(sandbox)
        saved = {(row.account, row.kind, row.id): row for row in sandbox.take_changes()}
        sandbox.advance(timedelta(days=3))
        saved.update({(row.account, row.kind, row.id): row for row in sandbox.take_changes()})

        again = Sandbox(clock=Clock(start=sandbox.now()), rows=saved.values())

        assert again.take_changes() == []
        assert again.dump() == sandbox.dump()


def test_calls_are_counted_by_endpoint(sandbox, client, http):
    invoice = failed_renewal(sandbox)
    client.v1.invoices.retrieve(invoice["id"])
    client.v1.invoices.list()

    assert http.calls == {
        ("GET", "/v1/invoices/{id}"): 1,
        ("GET", "/v1/invoices"): 1,
    }


def test_many_threads_leave_one_payment(sandbox, client):
    invoice = failed_renewal(sandbox, cards.declines("insufficient_funds", times=1))
    outcomes = []

    def run(number):
        try:
            outcomes.append(pay(client, invoice, f"key-{number}").status)
        except stripe.StripeError as error:
            outcomes.append(error.http_status)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert outcomes.count("paid") == 1
    assert set(outcomes) <= {"paid", 400, 429}
    paid = [item for item in sandbox.objects("charge") if item["status"] == "succeeded"]
    assert len([item for item in paid if item["_invoice"] == invoice["id"]]) == 1
