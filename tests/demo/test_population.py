"""The demo's past is lived by the product itself, once, also after an interruption."""

from datetime import timedelta

import pytest

from apps.accounts.models import Merchant, User
from apps.recovery.models import Attempt, RecoveryCase
from apps.transactions.models import Transaction
from apps.webhooks.models import ImportRun
from sandbox.clock import real_time
from sandbox.demo import people, population
from sandbox.demo.history import FILE, History, save
from sandbox.demo.population import populate
from sandbox.server.storage import Storage

ENVIRONMENT = {"STRIPE_SECRET_KEY": "sk_test_sandboxsandboxsandbox0000"}


class SmallHistory:
    """Five customers beside the cast, made here instead of in another process."""

    def __init__(self, folder, **moments):
        self.file, self.moments = folder / FILE, moments

    def wait(self):
        history = History(size=5, **self.moments)
        history.live()
        save(history, self.file)
        return self.file

    def stop(self):
        pass


@pytest.fixture(autouse=True)
def a_short_past(monkeypatch):
    """Few people and a week instead of hundreds and a month."""
    monkeypatch.setattr(population, "LIVED", timedelta(days=7))
    monkeypatch.setattr(population, "Writer", SmallHistory)
    past = [person for person in people.PAST if person.name == "Oliver Brown"]
    monkeypatch.setattr(people, "PAST", tuple(past))
    monkeypatch.setattr(people, "FUTURE", ())


def rows(folder):
    storage = Storage(folder / "sandbox.sqlite3")
    found = {(row.kind, row.id): row.value for row in storage.rows()}
    storage.close()
    return found


@pytest.mark.django_db
def test_the_past_was_lived_by_the_product_and_the_first_minute_brings_more(tmp_path):
    words: list[str] = []

    assert populate(say=words.append, folder=tmp_path, environment=ENVIRONMENT)

    now, saved = real_time(), rows(tmp_path)
    assert abs(saved["life", "life"]["moment"] - now.timestamp()) < 30
    assert Merchant.objects.get().stripe_account_id.startswith("acct_")
    assert sorted(RecoveryCase.objects.values_list("status", flat=True)) == [
        "open",
        "recovered",
        "stopped",
    ]
    made = Attempt.objects.exclude(claimed_at=None)
    assert max(one.claimed_at - one.due_at for one in made) < timedelta(minutes=1)
    assert words[-1] == "  Today: 3 payments failed so far, 1 recovered"
    # The others wait at Stripe until the worker brings them in.
    run = ImportRun.objects.get(finished_at=None)
    assert run.merchant == Merchant.objects.get()
    assert sum(kind == "customer" for kind, _ in saved) == 5 + 5
    # A retry that is due and a failure that arrives before a newcomer's eyes.
    soon = now + timedelta(seconds=60)
    assert Attempt.objects.get(status="scheduled", due_at__range=(now, soon)).number == 1
    drafts = [
        value["customer_name"]
        for (kind, _), value in saved.items()
        if kind == "invoice"
        and value["status"] == "draft"
        and now.timestamp() < value["automatically_finalizes_at"] < soon.timestamp()
    ]
    assert drafts == [people.FAILS_AT_ONCE.name]


@pytest.mark.django_db
def test_an_interrupted_start_is_taken_up_again_and_a_second_makes_nothing_new(
    tmp_path, monkeypatch
):
    steps = iter(range(12))
    note = population.Life._note

    def interrupted(life):
        note(life)
        if next(steps, None) is None:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(population.Life, "_note", interrupted)
        with pytest.raises(KeyboardInterrupt):
            populate(say=print, folder=tmp_path, environment=ENVIRONMENT)
    assert not rows(tmp_path)["life", "life"]["done"]

    assert populate(say=print, folder=tmp_path, environment=ENVIRONMENT)

    assert rows(tmp_path)["life", "life"]["done"]
    assert RecoveryCase.objects.count() == 3
    before = (User.objects.count(), Transaction.objects.count(), rows(tmp_path))
    assert not populate(say=print, folder=tmp_path, environment=ENVIRONMENT)
    assert (User.objects.count(), Transaction.objects.count(), rows(tmp_path)) == before
    assert ImportRun.objects.count() == 1


@pytest.mark.django_db
def test_a_start_interrupted_before_the_others_came_is_taken_up_there(tmp_path, monkeypatch):
    def interrupted(_writer):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(SmallHistory, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            populate(say=print, folder=tmp_path, environment=ENVIRONMENT)
    assert rows(tmp_path)["life", "life"]["lived"]
    cases = RecoveryCase.objects.count()

    assert populate(say=print, folder=tmp_path, environment=ENVIRONMENT)

    assert rows(tmp_path)["life", "life"]["done"]
    assert RecoveryCase.objects.count() == cases
    assert ImportRun.objects.unfinished().count() == 1
