"""Importing a history: silent, in Stripe's own times, safe to kill, and few calls."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from apps.customer_payments import services as customer_payments
from apps.customer_payments.models import Access, AccessEvent
from apps.customers.models import Customer
from apps.dunning.presets import KAJABI
from apps.dunning.rules import RetryRules
from apps.dunning.segments import Segment
from apps.reactions import services as reactions
from apps.recovery import services as recovery
from apps.recovery.models import Attempt, CaseEvent, RecoveryCase, Try
from apps.retry_settings.services import save_policy
from apps.subscriptions.models import Subscription
from apps.transactions.models import Transaction
from apps.webhooks import services as webhooks
from apps.webhooks.models import ImportCursor, ImportedCharge, ImportRun
from apps.webhooks.pace import Pace
from apps.webhooks.queries import import_progress
from apps.webhooks.services import importing
from apps.webhooks.services.import_invoices import fill_shelf
from apps.webhooks.tasks import import_history
from sandbox import cards
from sandbox.billing.retries import RetrySettings
from tests.webhooks.test_story import recoup_retries
from tests.webhooks.world import World

DAY = timedelta(days=1)
TABLES = (Customer, Subscription, Transaction, RecoveryCase, Try)
WHEN_WE_LOOKED = {"id", "read_at", "case_id", "checked_at", "decide_by"}


def run_import(world: World, *, since=None, seconds: float = 60.0) -> importing.Step:
    """Import without waiting between the calls."""
    run = importing.start_import(merchant=world.merchant, now=world.now, since=since)
    pace = Pace(1000, sleep=lambda _: None)
    return importing.go_on(run_id=run.pk, now=world.now, pace=pace, seconds=seconds)


def history(world: World, *, at_the_end: Any = "cancel") -> dict[str, dict]:
    """Give a year of a merchant nobody was watching: one customer per fate."""
    world.sandbox.set_retries(RetrySettings(subscription=at_the_end))
    sold = {
        "paid": world.subscribe(),
        "recovered": world.subscribe(cards.declines("insufficient_funds", times=2)),
        "lost": world.subscribe(cards.declines("stolen_card")),
        "voided": world.subscribe(cards.declines("do_not_honor")),
    }
    world.advance(days=32)
    voided = world.sandbox.object("subscription", sold["voided"]["id"])["latest_invoice"]
    world.sandbox.request(
        "POST",
        f"/v1/invoices/{voided}/void",
        {},
        {"Authorization": f"Bearer {world.sandbox.secret_key}"},
    )
    world.advance(days=119)
    sold["fresh"] = world.subscribe(cards.declines("insufficient_funds"))
    world.sandbox.charge_once(sold["paid"]["customer"], 700)
    world.advance(days=32)
    world.collect()
    world.http.calls.clear()
    return sold


def case_of(sold: dict) -> RecoveryCase:
    return RecoveryCase.objects.filter(stripe_subscription_id=sold["id"]).earliest("failed_at")


def snapshot() -> dict[str, list]:
    """Everything an import writes, by Stripe's own keys, without the moments at which we looked."""
    found = {}
    for model in TABLES:
        rows = model.objects.values()
        found[model.__name__] = sorted(
            ({k: v for k, v in row.items() if k not in WHEN_WE_LOOKED} for row in rows), key=repr
        )
    return found


@pytest.mark.parametrize(
    ("at_the_end", "reason"),
    [("cancel", "canceled_for_nonpayment"), ("past_due", "tries_used_up")],
)
def test_everything_comes_in_with_the_right_ends(world, at_the_end, reason):
    sold = history(world, at_the_end=at_the_end)

    assert run_import(world).again_in is None

    recovered, lost = case_of(sold["recovered"]), case_of(sold["lost"])
    voided, fresh = case_of(sold["voided"]), case_of(sold["fresh"])
    assert (recovered.status, recovered.end_reason) == ("recovered", "paid")
    assert (lost.status, lost.end_reason) == ("lost", reason)
    assert (voided.status, voided.end_reason) == ("lost", "voided")
    assert (fresh.status, fresh.engine, fresh.takeover) == ("open", "stripe", "none")
    paid = Try.objects.get(stripe_invoice_id=recovered.stripe_invoice_id, status="succeeded")
    assert recovered.closed_at == paid.at
    assert voided.closed_at - voided.failed_at < 2 * DAY
    assert world.now - lost.closed_at > 30 * DAY
    assert world.now - lost.opened_at > 30 * DAY
    assert {row["status"] for row in Transaction.objects.values("status")} >= {
        "succeeded",
        "recovered",
        "failed",
        "void",
    }
    assert Transaction.objects.get(stripe_invoice_id="").amount_minor == 700
    assert not ImportedCharge.objects.exists()


def test_every_payment_and_try_of_stripe_is_there_once(world):
    history(world)

    run_import(world)

    charges = {one["id"] for one in world.sandbox.objects("charge")}
    alone = set(
        Transaction.objects.filter(stripe_invoice_id="").values_list("stripe_id", flat=True)
    )
    assert set(Try.objects.values_list("stripe_charge_id", flat=True)) | alone == charges
    invoices = {one["id"] for one in world.sandbox.objects("invoice") if one["status"] != "draft"}
    assert set(Transaction.objects.values_list("stripe_id", flat=True)) == invoices | alone
    assert Customer.objects.count() == len(world.sandbox.objects("customer"))
    assert Subscription.objects.count() == len(world.sandbox.objects("subscription"))


def test_it_is_silent(world, django_capture_on_commit_callbacks):
    recoup_retries(world)
    history(world)

    customer_payments.save_settings(
        merchant=world.merchant,
        revoke_on_failure=True,
        grant_on_success=True,
        expected_version=0,
        user=None,
        now=world.now,
    )

    with django_capture_on_commit_callbacks() as woken:
        run_import(world)
    reactions.deliver(now=world.now)

    assert {method for method, _ in world.http.calls} == {"GET"}
    assert woken == []
    assert not CaseEvent.objects.filter(is_silent=False).exists()
    assert not Access.objects.exists()
    assert not AccessEvent.objects.exists()
    assert not Attempt.objects.exists()
    assert "revoked" not in set(Subscription.objects.values_list("access", flat=True))


def test_open_imported_cases_are_watched_and_never_ended_by_us(world):
    recoup_retries(world)
    sold = history(world)
    run_import(world)

    for _ in range(40):
        world.advance(days=1)
        world.sync()
        world.run_due_attempts()
        recovery.repeat_takeovers(now=world.now)
        webhooks.mark_due_cases(now=world.now)
        webhooks.drain(now=world.now, at_once=True)
        for case_id in recovery.cases_to_finish(now=world.now):
            recovery.finish_case(case_id=case_id, now=world.now)

    case = case_of(sold["fresh"])
    assert (case.status, case.end_reason) == ("lost", "canceled_for_nonpayment")
    assert not case.attempts.exists()
    assert not case.events.filter(is_silent=False).exists()


def test_it_is_the_same_again_and_the_same_as_killed_after_every_page(make_world, monkeypatch):
    world = make_world()
    history(world)
    run_import(world)
    whole = snapshot()
    run_import(world)
    assert snapshot() == whole

    CaseEvent.objects.all().delete()
    for model in (*TABLES[::-1], ImportRun):
        model.objects.all().delete()
    killed: Counter[tuple[str, int]] = Counter()
    real = ImportCursor.save

    def dies(self, *args, **kwargs):
        """Die once before each cursor moves: the page is stored, nobody knows it."""
        key = (self.phase, self.done)
        if self.pk and not killed[key]:
            killed[key] += 1
            raise KeyboardInterrupt
        return real(self, *args, **kwargs)

    monkeypatch.setattr(ImportCursor, "save", dies)
    for _ in range(60):
        try:
            if run_import(world).again_in is None:
                break
        except KeyboardInterrupt:
            continue

    assert sum(killed.values()) > 7
    again = snapshot()
    for name, rows in whole.items():
        assert again[name] == rows, name


def test_few_calls(world):
    history(world)
    listed = len(world.sandbox.objects("invoice"))
    still_open = sum(one["status"] == "open" for one in world.sandbox.objects("invoice"))

    run_import(world)

    calls = world.http.calls
    assert listed >= 20
    assert calls["GET", "/v1/invoices/{id}"] == still_open
    assert sum(calls.values()) <= 8 + 2 * still_open


def test_open_invoices_come_first(world, monkeypatch):
    sold = history(world)

    run_import(world, seconds=0)
    run_import(world, seconds=0)

    assert case_of(sold["fresh"]).status == "open"
    assert import_progress(world.merchant).is_running
    assert Transaction.objects.count() < len(world.sandbox.objects("invoice"))


def test_what_live_events_wrote_meanwhile_stays(world):
    sold = history(world)
    run_import(world, seconds=0)
    run_import(world, seconds=0)
    case = case_of(sold["fresh"])

    world.sandbox.customer_pays(case.stripe_invoice_id)
    world.sync()
    written = Transaction.objects.get(stripe_id=case.stripe_invoice_id)
    while run_import(world, seconds=0).again_in is not None:
        pass

    case.refresh_from_db()
    assert (case.status, written.status) == ("recovered", "recovered")
    after = Transaction.objects.get(stripe_id=case.stripe_invoice_id)
    assert after.status == "recovered"
    assert after.paid_at == written.paid_at


def test_an_invoice_paid_while_we_listed_is_a_recovery_and_not_paid_elsewhere(world):
    """Its charge came after the shelf was filled, so that the page alone would not show it."""
    sold = history(world)
    while not ImportRun.objects.filter(phase="intents").exists():
        run_import(world, seconds=0)
    run = ImportRun.objects.get()

    fill_shelf(run=run, down_to=None, pace=Pace(1000, sleep=lambda _: None))
    case = case_of(sold["fresh"])
    world.sandbox.customer_pays(case.stripe_invoice_id)

    run_import(world)

    case.refresh_from_db()
    assert (case.status, case.end_reason) == ("recovered", "paid")


def test_since_leaves_older_payments_out(world):
    history(world)
    since = world.now - timedelta(days=45)

    run_import(world, since=since)

    oldest = min(
        one["created"] for one in world.sandbox.objects("invoice") if one["status"] != "open"
    )
    shown = Transaction.objects.exclude(invoice_status="open")
    assert oldest < since.timestamp()
    assert shown.earliest("at").at >= since
    assert shown.filter(stripe_invoice_id="").count() == 1


@pytest.mark.parametrize("fault", ["rate_limit", "timeout_before", "error_500"])
def test_a_stripe_that_is_busy_or_away_is_asked_again_later(world, fault):
    history(world)
    world.sandbox.faults.add(fault, method="GET", path="/v1/charges", times=4)

    first = run_import(world)

    assert first.error
    assert first.again_in
    assert import_progress(world.merchant).run.error == first.error
    for _ in range(6):
        if run_import(world).again_in is None:
            break
    progress = import_progress(world.merchant)
    assert not progress.is_running
    assert progress.run.error == ""


def test_a_connected_account_is_imported_in_its_own_name(make_world):
    world = make_world()
    account = world.sandbox.add_account(connected=True)
    customer = world.sandbox.create_customer_with_card(account=account)
    price = world.sandbox.create_price(account=account)
    world.sandbox.subscribe(customer, price, account=account)
    world.subscribe()
    world.merchant.stripe_account_id, world.merchant.is_connected = account, True
    world.merchant.save()

    run_import(world)

    assert Customer.objects.get().stripe_customer_id == customer["id"]
    assert Transaction.objects.count() == 1


class TestTakeover:
    def test_a_confirmed_count_makes_them_ours(self, world, django_user_model):
        recoup_retries(world)
        sold = history(world)
        run_import(world)
        user = django_user_model.objects.create_user("ada@example.com")
        waiting = recovery.imported_cases_to_take_over(merchant=world.merchant, now=world.now)
        assert [case.pk for case in waiting] == [case_of(sold["fresh"]).pk]

        taken = recovery.take_over_imported(
            merchant=world.merchant, expected_count=1, user=user, now=world.now
        )
        recovery.repeat_takeovers(now=world.now + timedelta(minutes=2))
        webhooks.mark_due_cases(now=world.now + timedelta(minutes=2))
        webhooks.drain(now=world.now + timedelta(minutes=2), at_once=True)

        case = case_of(sold["fresh"])
        assert taken == 1
        assert (case.source, case.engine, case.takeover) == ("live", "recoup", "confirmed")
        assert case.attempts.get().status == "scheduled"
        assert not case.events.get(kind="planned").is_silent
        assert world.merchant.audit_entries.get(action="cases.take_over_imported").user == user

    def test_each_gets_the_rules_of_its_segment(self, world):
        recoup_retries(world)
        sold = history(world)
        run_import(world)
        for name, interval in (("Yearly", "year"), ("Monthly", "month")):
            save_policy(
                merchant=world.merchant,
                policy_id=None,
                name=name,
                segment=Segment(intervals=(interval,)),
                rules=KAJABI,
                expected_version=0,
                user=None,
                now=world.now,
            )

        recovery.take_over_imported(
            merchant=world.merchant, expected_count=1, user=None, now=world.now
        )

        case = case_of(sold["fresh"])
        assert RetryRules.from_json(case.rules) == replace(KAJABI, policy="Monthly")
        assert "“Monthly”" in case.events.get(key="imported_case_taken_over").text

    def test_another_count_changes_nothing(self, world):
        recoup_retries(world)
        sold = history(world)
        run_import(world)

        with pytest.raises(recovery.CountChanged) as changed:
            recovery.take_over_imported(
                merchant=world.merchant, expected_count=2, user=None, now=world.now
            )

        assert changed.value.current == 1
        assert case_of(sold["fresh"]).source == "import"

    def test_what_is_too_old_for_any_try_stays_watched(self, world):
        recoup_retries(world)
        sold = history(world)
        run_import(world)
        case = case_of(sold["fresh"])
        RecoveryCase.objects.filter(pk=case.pk).update(failed_at=world.now - 90 * DAY)

        waiting = recovery.imported_cases_to_take_over(merchant=world.merchant, now=world.now)

        assert not waiting.exists()

    def test_the_command_counts_first_and_needs_the_count(self, world):
        recoup_retries(world)
        sold = history(world)
        run_import(world)
        out = StringIO()

        call_command("take_over_imported", world.merchant.pk, stdout=out)
        assert "--count 1" in out.getvalue()
        with pytest.raises(CommandError, match="it would be 1 cases, not 7"):
            call_command("take_over_imported", world.merchant.pk, count=7)
        assert case_of(sold["fresh"]).source == "import"
        call_command("take_over_imported", world.merchant.pk, count=1, stdout=out)

        assert case_of(sold["fresh"]).source == "live"
        with pytest.raises(CommandError, match="no merchant 0"):
            call_command("take_over_imported", 0)


class TestCommand:
    def test_it_says_how_far_it_is_and_ends(self, world):
        history(world)
        out = StringIO()

        call_command("import_history", rate=10_000.0, stdout=out)

        number = Transaction.objects.exclude(stripe_invoice_id="").count()
        assert f"{number:,} payments brought in" in out.getvalue()

    def test_a_refusal_is_one_helpful_line(self, world, settings):
        history(world)
        settings.GATEWAY_STRIPE_KEY = "sk_test_wrong"

        with pytest.raises(CommandError, match="run import_history again") as refused:
            call_command("import_history")

        assert "\n" not in str(refused.value)

    def test_without_a_connected_merchant(self, db):
        with pytest.raises(CommandError, match="connect_stripe"):
            call_command("import_history")


def test_the_task_goes_on_until_it_is_done(world, monkeypatch):
    history(world)
    sent = []
    monkeypatch.setattr("apps.webhooks.tasks.STRETCH", 0.0)
    monkeypatch.setattr(
        "celery.Celery.send_task", lambda self, name, **options: sent.append((name, options))
    )

    import_history(merchant_id=world.merchant.pk)
    rounds = 1
    while sent:
        name, _ = sent.pop()
        assert name == "webhooks.import_history"
        import_history()
        rounds += 1

    assert rounds > 5
    assert ImportRun.objects.get().finished_at is not None


def test_progress_in_words(world):
    run = ImportRun.objects.create(
        merchant=world.merchant, started_at=world.now, worked_at=world.now, phase="invoices"
    )
    cursor = ImportCursor.objects.create(run=run, phase="invoices", done=1240, about=5000)
    assert import_progress(world.merchant).words == "1,240 of about 5,000 payments"
    cursor.about = 0
    cursor.save()
    assert import_progress(world.merchant).words == "1,240 payments"


def test_the_pace_is_even_and_waits_grow():
    now, slept = [100.0], []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        now[0] += seconds

    pace = Pace(10, sleep=sleep, clock=lambda: now[0])
    for _ in range(21):
        pace.wait()

    assert now[0] == pytest.approx(102.0)
    assert [pace.refused() for _ in range(4)] == [1, 2, 4, 8]
    assert pace.refused(40) == 40
    pace.answered()
    assert pace.refused() == 1
