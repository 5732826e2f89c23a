"""Who stops charging, for whom, and what the database remembers about its own gaps."""

import datetime as dt
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.accounts import services
from apps.accounts.models import AuditEntry, Installation, Merchant
from apps.accounts.queries import charging_stop
from tests.accounts.factories import MerchantFactory, UserFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 22, 17, 0, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def merchant() -> Merchant:
    return MerchantFactory()


def remember(**fields) -> None:
    Installation.objects.update_or_create(pk=1, defaults=fields)


class TestTheRule:
    @pytest.mark.parametrize(
        ("installation", "merchant_fields", "code"),
        [
            ({}, {}, ""),
            ({}, {"charging_on": False}, "charging_off"),
            ({"charging_on": False}, {}, "charging_off"),
            ({"alive_at": dt.timedelta(minutes=29)}, {}, ""),
            ({"alive_at": dt.timedelta(minutes=31)}, {}, "reconciling"),
            ({"reconcile_since": NOW}, {}, "reconciling"),
            ({"reconcile_since": NOW}, {"reconciled_at": NOW - MINUTE}, "reconciling"),
            ({"reconcile_since": NOW}, {"reconciled_at": NOW}, ""),
        ],
    )
    def test_says_the_same_in_sql_and_in_words(self, installation, merchant_fields, code):
        age = installation.pop("alive_at", None)
        if age is not None:
            installation["alive_at"] = timezone.now() - age
        remember(**installation)
        merchant = MerchantFactory(**merchant_fields)

        stop = charging_stop(merchant)

        assert (stop.code if stop else "") == code
        assert Merchant.objects.charging().filter(pk=merchant.pk).exists() == (stop is None)

    def test_nothing_stops_a_new_installation(self, merchant):
        assert not Installation.objects.exists()
        assert charging_stop(merchant) is None
        assert list(Merchant.objects.charging()) == [merchant]

    def test_one_merchants_switch_is_no_other_merchants_business(self, merchant):
        off = MerchantFactory(charging_on=False)

        assert list(Merchant.objects.charging()) == [merchant]
        assert charging_stop(off).by_merchant


class TestTheSwitches:
    def test_a_merchants_change_is_on_record_once(self, merchant):
        user = UserFactory()

        assert services.set_charging(merchant=merchant, on=False, user=user, now=NOW)
        assert not services.set_charging(merchant=merchant, on=False, user=user, now=NOW)

        entry = AuditEntry.objects.get()
        merchant.refresh_from_db()
        assert merchant.charging_on is False
        assert (entry.actor, entry.action, entry.after) == (
            user.email,
            "merchant.charging",
            {"charging_on": False},
        )

    def test_the_command_stops_everybody_and_tells_every_merchant(self, merchant):
        other = MerchantFactory()

        out = manage("charging", "off", "--reason", "Stripe reports wrong amounts.")

        assert out == "Charging is off: Stripe reports wrong amounts.\n"
        assert not Merchant.objects.charging().exists()
        assert "Stripe reports wrong amounts." in charging_stop(merchant).text
        entries = AuditEntry.objects.filter(action="installation.charging")
        assert {entry.merchant for entry in entries} == {merchant, other}
        assert all(entry.actor.startswith("operator (") for entry in entries)

    def test_on_again_leaves_the_merchants_own_switches_alone(self, merchant):
        off = MerchantFactory(charging_on=False)
        manage("charging", "off", "--reason", "Testing.")

        out = manage("charging", "on")

        assert out == f"Charging is on.\n{off} is switched off.\n"
        assert list(Merchant.objects.charging()) == [merchant]

    def test_off_needs_a_reason_and_a_look_changes_nothing(self):
        with pytest.raises(CommandError, match="--reason"):
            manage("charging", "off")

        assert manage("charging") == "Charging is on.\n"
        assert not AuditEntry.objects.exists()


class TestGaps:
    def test_a_steady_engine_demands_nothing(self):
        start = timezone.now()
        for minutes in range(0, 60, 5):
            services.note_alive(real_now=start + minutes * MINUTE, now=NOW)

        installation = Installation.objects.get()
        assert installation.reconcile_since is None
        assert installation.alive_at == start + 55 * MINUTE

    def test_it_writes_only_when_the_last_note_grows_old(self, django_assert_max_num_queries):
        start = timezone.now()
        services.note_alive(real_now=start, now=NOW)

        services.note_alive(real_now=start + dt.timedelta(seconds=5), now=NOW)

        assert Installation.objects.get().alive_at == start

    def test_silence_of_half_an_hour_demands_a_comparison(self, merchant, caplog):
        start = timezone.now() - 40 * MINUTE
        services.note_alive(real_now=start, now=NOW)

        services.note_alive(real_now=start + 31 * MINUTE, now=NOW)

        assert Installation.objects.get().reconcile_since == NOW
        assert charging_stop(merchant).code == "reconciling"
        assert "nothing ran on this database" in caplog.text

    def test_the_silence_stops_charges_before_anybody_notes_it(self, merchant):
        services.note_alive(real_now=timezone.now() - 31 * MINUTE, now=NOW)

        assert not Merchant.objects.charging().exists()

    def test_another_copy_of_the_database_is_noticed_however_young(self, monkeypatch, caplog):
        start = timezone.now()
        services.note_alive(real_now=start, now=NOW)
        mark = services.database_mark()
        monkeypatch.setattr(services, "database_mark", lambda: f"{mark}-restored")

        services.note_alive(real_now=start + dt.timedelta(seconds=5), now=NOW)

        assert Installation.objects.get().reconcile_since == NOW
        assert "another copy of the database" in caplog.text

    def test_a_server_that_tells_no_mark_is_judged_by_time_alone(self, monkeypatch):
        start = timezone.now()
        services.note_alive(real_now=start, now=NOW)
        monkeypatch.setattr(services, "database_mark", lambda: "")

        services.note_alive(real_now=start + 5 * MINUTE, now=NOW)

        installation = Installation.objects.get()
        assert installation.reconcile_since is None
        assert installation.database_mark

    def test_the_mark_names_cluster_timeline_database_and_table(self):
        mark = services.database_mark()

        assert len(mark.split(".")) == 4
        assert all(part.isdecimal() for part in mark.split("."))
        assert services.database_mark() == mark

    def test_a_demand_met_is_on_record_and_met_once(self, merchant):
        services.demand_reconciliation(why="testing", now=NOW)
        for _ in range(2):
            services.note_reconciled(merchant=merchant, since=NOW, now=NOW + MINUTE)

        merchant.refresh_from_db()
        assert charging_stop(merchant) is None
        assert AuditEntry.objects.get().action == "merchant.reconciled"


def manage(*args: str) -> str:
    out = StringIO()
    call_command(*args, stdout=out)
    return out.getvalue()
