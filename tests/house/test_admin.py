"""The operator's admin: every model of ours, readable, searchable, and nothing to break."""

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from apps.accounts.models import AuditEntry, Merchant, User
from apps.webhooks.models import DirtyObject, InboxEvent
from tests.accounts.factories import MerchantFactory
from tests.recovery.factories import CaseFactory
from tests.subscriptions.factories import SubscriptionFactory
from tests.transactions.factories import TransactionFactory

pytestmark = pytest.mark.django_db

OURS = [model for model in apps.get_models() if model.__module__.startswith("apps.")]


@pytest.fixture
def operator(client):
    user = User.objects.create_superuser("operator@example.com", "correct horse battery")
    client.force_login(user)
    return user


def address(model, page: str, *args) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_model_of_ours_can_be_read_and_searched(client, operator, model):
    assert client.get(address(model, "changelist"), {"q": "in_1"}).status_code == 200


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_nothing_can_be_added_deleted_or_changed(rf, operator, model):
    request = rf.get("/")
    request.user = operator
    page = admin.site._registry[model]

    assert not page.has_add_permission(request)
    assert not page.has_delete_permission(request)
    assert model is Merchant or not page.has_change_permission(request)


@pytest.mark.parametrize(
    ("factory", "field"),
    [
        (CaseFactory, "stripe_invoice_id"),
        (TransactionFactory, "stripe_id"),
        (SubscriptionFactory, "stripe_subscription_id"),
    ],
)
def test_rows_are_found_by_stripe_id_and_open_read_only(client, operator, factory, field):
    row, other = factory(), factory()

    found = client.get(address(type(row), "changelist"), {"q": getattr(row, field)})

    assert list(found.context["cl"].result_list) == [row]
    assert other not in found.context["cl"].result_list
    assert client.get(address(type(row), "change", row.pk)).status_code == 200
    assert client.post(address(type(row), "change", row.pk), {}).status_code == 403


def test_a_users_password_hash_is_not_shown(client, operator):
    html = client.get(address(User, "change", operator.pk)).content.decode()

    assert operator.email in html
    assert operator.password not in html


def test_the_kill_switch_is_the_one_thing_to_change_and_is_on_record(client, operator):
    merchant = MerchantFactory(name="Willow")
    values = {
        "name": "Changed",
        "stripe_account_id": "acct_other",
        "memberships-TOTAL_FORMS": 0,
        "memberships-INITIAL_FORMS": 0,
    }

    response = client.post(address(Merchant, "change", merchant.pk), values)

    merchant.refresh_from_db()
    entry = AuditEntry.objects.get(action="merchant.charging")
    assert response.status_code == 302
    assert (merchant.name, merchant.charging_on) == ("Willow", False)
    assert (entry.actor, entry.before, entry.after) == (
        operator.email,
        {"charging_on": True},
        {"charging_on": False},
    )


def test_an_operator_signs_in_by_email(client):
    User.objects.create_superuser("operator@example.com", "correct horse battery")

    client.post(
        reverse("admin:login"),
        {"username": "operator@example.com", "password": "correct horse battery"},
    )

    assert client.get(reverse("admin:index")).status_code == 200


class TestSchedules:
    @pytest.fixture
    def of_the_code(self):
        every = IntervalSchedule.objects.create(every=60, period=IntervalSchedule.SECONDS)
        name = "recoup: recovery.start_due_attempts"
        assert name in settings.CELERY_BEAT_SCHEDULE
        return PeriodicTask.objects.create(
            name=name, task="recovery.start_due_attempts", interval=every
        )

    @pytest.fixture
    def of_the_operator(self):
        every = IntervalSchedule.objects.create(every=5, period=IntervalSchedule.MINUTES)
        return PeriodicTask.objects.create(
            name="the operator's own", task="reactions.deliver", interval=every
        )

    def test_all_are_visible(self, client, operator, of_the_code, of_the_operator):
        page = client.get(address(PeriodicTask, "changelist")).content.decode()

        assert of_the_code.name in page
        assert "the operator&#x27;s own" in page

    def test_the_codes_own_can_be_read_and_not_changed(self, client, operator, of_the_code):
        where = address(PeriodicTask, "change", of_the_code.pk)

        assert client.get(where).status_code == 200
        assert client.post(where, {"name": "x"}).status_code == 403
        assert client.post(address(PeriodicTask, "delete", of_the_code.pk)).status_code == 403

    def test_an_operators_own_can_be_changed(self, client, operator, of_the_operator):
        page = client.get(address(PeriodicTask, "change", of_the_operator.pk)).content.decode()

        assert 'name="_save"' in page
        assert "<script>" not in page
        assert "periodic-task-overrides" not in page

    def test_any_can_be_switched_off(self, client, operator, of_the_code):
        client.post(
            address(PeriodicTask, "changelist"),
            {"action": "disable_tasks", "_selected_action": of_the_code.pk},
        )

        of_the_code.refresh_from_db()
        assert of_the_code.enabled is False

    def test_who_may_only_look_is_offered_no_action(self, client, of_the_code):
        client.force_login(reader("django_celery_beat.view_periodictask"))

        client.post(
            address(PeriodicTask, "changelist"),
            {"action": "disable_tasks", "_selected_action": of_the_code.pk},
        )

        of_the_code.refresh_from_db()
        assert of_the_code.enabled is True


class TestReplay:
    @pytest.fixture
    def event(self):
        return InboxEvent.objects.create(
            stripe_event_id="evt_1",
            type="invoice.paid",
            body=b"{}",
            status="quarantined",
            error="No merchant uses the account acct_1.",
            received_at=timezone.now(),
        )

    def choose(self, client, row, **more):
        return client.post(
            address(type(row), "changelist"),
            {"action": "replay", "_selected_action": row.pk, **more},
        )

    def test_the_reason_is_shown_and_can_be_filtered(self, client, operator, event):
        response = client.get(address(InboxEvent, "changelist"), {"status": "quarantined"})

        assert event.error in response.content.decode()

    def test_asks_before_and_changes_nothing_yet(self, client, operator, event):
        page = self.choose(client, event).content.decode()

        event.refresh_from_db()
        assert "Take these events in again?" in page
        assert "evt_1 invoice.paid" in page
        assert event.status == "quarantined"

    def test_puts_it_back_and_on_record(self, client, operator, event):
        response = self.choose(client, event, confirmed="yes")

        event.refresh_from_db()
        assert response.status_code == 302
        assert (event.status, event.error) == ("pending", "")
        assert LogEntry.objects.get().user_id == operator.pk

    def test_an_address_alone_replays_nothing(self, client, operator, event):
        client.get(
            address(InboxEvent, "changelist"),
            {"action": "replay", "_selected_action": event.pk, "confirmed": "yes"},
        )

        event.refresh_from_db()
        assert event.status == "quarantined"

    def test_who_may_only_look_cannot(self, client, event):
        client.force_login(reader("webhooks.view_inboxevent"))

        self.choose(client, event, confirmed="yes")

        event.refresh_from_db()
        assert event.status == "quarantined"

    def test_a_parked_object_is_read_again(self, client, operator):
        row = DirtyObject.objects.create(
            merchant=MerchantFactory(),
            kind="invoice",
            stripe_id="in_1",
            marked_at=timezone.now(),
            not_before=DirtyObject.PARKED,
            failures=8,
            error="nobody can read it",
        )
        assert "Read these objects again" in self.choose(client, row).content.decode()

        self.choose(client, row, confirmed="yes")

        row.refresh_from_db()
        assert row.not_before <= timezone.now()
        assert (row.failures, row.error) == (0, "")


def reader(permission: str) -> User:
    """Make a member of staff who may look at one kind of row."""
    app, name = permission.split(".")
    user = User.objects.create_user("reader@example.com", "correct horse battery", is_staff=True)
    user.user_permissions.add(Permission.objects.get(content_type__app_label=app, codename=name))
    return user
