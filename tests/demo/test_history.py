"""The many customers of the demo: always the same, believable, and joined with the cast."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from sandbox import Clock, Sandbox
from sandbox.core import HOUSE
from sandbox.demo import crowd, people, troubles
from sandbox.demo.builder import HISTORY, LIVED, Builder
from sandbox.demo.history import FILE, History, Writer, save
from sandbox.demo.shop import SEED
from sandbox.server.storage import Storage, as_saved
from sandbox.store import Row

DEMO = datetime(2026, 11, 22, 9, 14, tzinfo=UTC)
LIVED_FROM = DEMO - LIVED


def lived(size: int) -> History:
    history = History(demo=DEMO, free_from=LIVED_FROM, begins=LIVED_FROM - HISTORY, size=size)
    history.live()
    return history


@pytest.fixture(scope="module")
def whole() -> Sandbox:
    return lived(crowd.SIZE).sandbox


def test_the_same_seed_and_moment_give_the_same_rows():
    first, second = ({(r.kind, r.id): r.value for r in lived(12).rows()} for _ in range(2))

    assert len(first) > 300
    assert first == second


def test_there_are_hundreds_over_fourteen_months_in_several_currencies(whole):
    invoices = whole.objects("invoice")

    assert len(whole.objects("customer")) == crowd.SIZE + len(people.FUTURE)
    assert min(row["created"] for row in invoices) < (DEMO - timedelta(days=400)).timestamp()
    assert len(invoices) > 1_800
    assert {"usd", "eur", "gbp", "jpy"} <= {row["currency"] for row in invoices}
    assert {"sepa_debit", "us_bank_account", "card"} <= {
        row["type"] for row in whole.objects("payment_method")
    }
    assert whole.objects("refund")
    assert whole.objects("dispute")
    assert whole.objects("subscription_schedule")
    assert {row["status"] for row in whole.objects("subscription")} >= {"active", "canceled"}
    emails = [row["email"] for row in whole.objects("customer")]
    assert len(set(emails)) == len(emails)


def test_failures_come_in_the_mix_of_card_issuers(whole):
    first_reasons: dict[str, str] = {}
    for charge in whole.objects("charge"):
        if charge["status"] == "failed":
            first_reasons.setdefault(charge["payment_intent"], charge["_reason"])
    count = Counter(first_reasons.values())

    assert len(first_reasons) > 100
    assert [name for name, _ in count.most_common(3)] == [
        "insufficient_funds",
        "generic_decline",
        "do_not_honor",
    ]
    assert 0.25 < count["insufficient_funds"] / count.total() < 0.5
    assert sum(weight for _, weight in troubles.MIX) == 100


def test_in_the_lived_weeks_nobody_fails_but_those_stripe_still_retries(whole):
    since = LIVED_FROM.timestamp()
    failed_lately = [
        row
        for row in whole.objects("invoice")
        if row["created"] > since
        and row["status"] == "open"
        and row["attempt_count"]
        and whole.object("payment_intent", row["_payment_intent"])["status"] != "processing"
    ]

    assert len(failed_lately) == crowd.WATCHED
    assert all(row["auto_advance"] for row in failed_lately)


def test_people_go_on_having_troubles_after_the_demo_began(whole):
    planned = whole.store.all(HOUSE, "plan")

    assert sum(row["do"] == "set_behaviour" for row in planned) > 20
    assert all(row["at"] > (DEMO - timedelta(days=1)).timestamp() for row in planned)


def test_the_many_join_the_cast_by_age(tmp_path):
    sandbox = Sandbox(clock=Clock(LIVED_FROM - HISTORY), seed=SEED)
    Builder(sandbox, demo=DEMO, lived_from=LIVED_FROM).build(people.PAST[:4])
    storage = Storage(tmp_path / "sandbox.sqlite3")
    storage.save(as_saved(sandbox.take_changes()), timedelta(hours=1))
    history = lived(20)
    save(history, tmp_path / FILE)

    storage.join(tmp_path / FILE, as_saved([Row(HOUSE, "life", "life", 0, {"done": True})]))

    joined = Sandbox(clock=Clock(DEMO), rows=storage.rows())
    storage.close()
    assert joined.account == sandbox.account == history.sandbox.account
    assert len(joined.objects("customer")) == len(sandbox.objects("customer")) + 20 + len(
        people.FUTURE
    )
    for kind in ("invoice", "charge", "customer", "subscription", "payment_intent"):
        ages = [row["created"] for row in joined.objects(kind)]
        assert ages == sorted(ages)
    prices = {row["id"] for row in joined.objects("price")}
    bought = {
        item["price"]["id"]
        for row in joined.objects("subscription")
        for item in row["items"]["data"]
    }
    assert bought <= prices
    assert joined.store.get(HOUSE, "life", "life") == {"done": True}
    # The calendar goes on for both.
    joined.run_until(DEMO + timedelta(days=40))
    assert len(joined.objects("invoice")) > len(sandbox.objects("invoice")) + 20


def test_a_history_written_before_is_taken_again(tmp_path):
    (tmp_path / FILE).write_bytes(b"")

    writer = Writer(tmp_path, demo=DEMO, free_from=DEMO, begins=DEMO)

    assert writer.wait() == tmp_path / FILE


def test_a_history_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "no folder").write_text("")

    writer = Writer(tmp_path / "no folder", demo=DEMO, free_from=DEMO, begins=DEMO)

    with pytest.raises(RuntimeError, match="could not be made"):
        writer.wait()
