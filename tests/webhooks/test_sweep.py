"""Events that never arrived, and events that are taken in again."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import Merchant
from apps.stripe_gateway import client as gateway
from apps.stripe_gateway.errors import OutcomeUnknown
from apps.transactions.models import Transaction
from apps.webhooks import services
from apps.webhooks.models import DirtyObject, InboxEvent, SweepCursor
from tests.webhooks.bodies import NOW, an_event, body_of


class TestSweep:
    def test_events_that_never_arrived_are_found(self, world):
        world.failed_renewal()
        world.collect()  # lost on the way

        found = services.sweep_events(now=world.now)
        world.drain()

        assert found > 5
        assert InboxEvent.objects.filter(from_sweep=True).count() == found
        assert Transaction.objects.filter(status="retrying").exists()
        assert SweepCursor.objects.get().swept_until == world.now

    def test_what_arrived_is_not_found_again(self, world):
        world.failed_renewal()
        world.deliver()

        assert services.sweep_events(now=world.now) == 0

    def test_the_next_sweep_goes_on_from_the_last_with_an_overlap(self, world, monkeypatch):
        asked = []

        def list_events(*, account, since, types):
            asked.append(since)
            return iter(())

        monkeypatch.setattr(gateway, "list_events", list_events)
        first = world.now
        services.sweep_events(now=first)
        services.sweep_events(now=first + timedelta(minutes=10))
        services.sweep_events(now=first + timedelta(days=90))

        assert asked == [
            first - timedelta(days=1),
            first - timedelta(minutes=15),
            first + timedelta(days=60),
        ]

    def test_a_failing_account_keeps_its_cursor_and_delays_no_other(self, world, monkeypatch):
        other = Merchant.objects.create(name="C", stripe_account_id="acct_c", is_connected=True)

        def list_events(*, account, since, types):
            if account == world.merchant:
                raise OutcomeUnknown("timeout")
            return iter([an_event(id="evt_c")])

        monkeypatch.setattr(gateway, "list_events", list_events)

        assert services.sweep_events(now=world.now) == 1
        assert [cursor.merchant for cursor in SweepCursor.objects.all()] == [other]
        assert InboxEvent.objects.get().stripe_account_id == "acct_c"

    def test_an_account_that_fails_half_way_is_asked_again(self, world, monkeypatch):
        def list_events(*, account, since, types):
            yield an_event(id="evt_kept")
            raise OutcomeUnknown("timeout")

        monkeypatch.setattr(gateway, "list_events", list_events)
        services.sweep_events(now=world.now)

        assert not SweepCursor.objects.exists()


def replay(*args: str) -> str:
    out = StringIO()
    call_command("replay_webhooks", *args, stdout=out, stderr=out)
    return out.getvalue()


class TestReplay:
    def test_quarantined_events_are_taken_in_once_their_merchant_is_there(self, world):
        Merchant.objects.update(stripe_account_id="")
        world.failed_renewal()
        world.deliver()
        world.drain()
        assert not Transaction.objects.exists()
        Merchant.objects.update(stripe_account_id=world.sandbox.account)

        said = replay("--quarantined")

        assert "taken in again" in said
        assert Transaction.objects.filter(status="retrying").exists()
        assert not InboxEvent.objects.exclude(status="done").exists()

    def test_one_event_is_read_again(self, world):
        world.failed_renewal()
        world.sync()
        Transaction.objects.all().delete()
        event = InboxEvent.objects.get(type="invoice.payment_failed")

        assert replay("--event", event.stripe_event_id).startswith("1 event taken in again")
        assert Transaction.objects.exists()

    def test_events_since_a_day_are_read_again(self, world):
        world.failed_renewal()
        world.sync()
        Transaction.objects.all().delete()

        replay("--since", f"{world.now:%Y-%m-%d}")

        assert Transaction.objects.exists()

    def test_what_still_cannot_be_used_is_named_and_fails(self, world):
        services.receive(body=body_of(an_event(id="evt_stray", account="acct_x")), now=NOW)
        services.receive(body=b"nonsense", now=NOW)

        with pytest.raises(CommandError, match="2 events still cannot be used"):
            replay("--since", "2026-01-01")

    def test_parked_objects_are_tried_again(self, world):
        world.failed_renewal()
        world.deliver()
        services.take_in(now=world.now)
        DirtyObject.objects.update(failures=8, not_before=DirtyObject.PARKED, error="odd")

        replay("--parked")

        assert not DirtyObject.objects.exists()

    @pytest.mark.parametrize(
        ("args", "words"),
        [
            ((), "Say what"),
            (("--event", "evt_unknown"), "No such event was received: evt_unknown"),
            (("--since", "yesterday"), "is no date"),
            (("--since", "2026-02-31"), "is no date"),
        ],
    )
    def test_a_wrong_call_gives_one_helpful_line(self, world, args, words):
        with pytest.raises(CommandError, match=words):
            replay(*args)

    def test_a_cold_stripe_is_said(self, world, monkeypatch):
        world.failed_renewal()
        world.deliver()

        def cold(**_):
            raise OutcomeUnknown("connection refused")

        monkeypatch.setattr(gateway, "read_invoice", cold)

        with pytest.raises(CommandError, match="connection refused"):
            replay("--since", "2026-01-01")
