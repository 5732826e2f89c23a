import datetime as dt
import re
from dataclasses import replace
from html import unescape

import pytest
from django.db import IntegrityError, connection, transaction
from django.urls import reverse

from apps import clock
from apps.accounts.models import AuditEntry, Role
from apps.dunning.money import Money
from apps.dunning.presets import DAYS_3_5_7, KAJABI, RECOMMENDED
from apps.dunning.segments import Segment, SegmentFacts
from apps.retry_settings.forms import draft_of
from apps.retry_settings.forms.segment import SegmentForm, in_words, segment_fields
from apps.retry_settings.models import RetryPolicy
from apps.retry_settings.services import (
    NameTaken,
    SettingsChanged,
    delete_policy,
    move_policy,
    rules_for,
    save_policy,
    save_rules,
)
from tests.accounts.factories import MembershipFactory, MerchantFactory
from tests.retry_settings.factories import RetryPolicyFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 18, 15, 0, tzinfo=dt.UTC)
LIST = reverse("retry_settings:segments")
NEW = reverse("retry_settings:new_segment")
EVERYTHING = Segment(
    products=("prod_1", "Watercolor"),
    currencies=("usd", "eur"),
    intervals=("month", "year"),
    countries=("DE", "AT"),
    methods=("card",),
    amount_from=1000,
    amount_to=19999,
    amount_currency="usd",
    tenure_from=30,
    tenure_to=365,
    metadata={"tier": "gold"},
)


@pytest.fixture(autouse=True)
def _now(monkeypatch):
    monkeypatch.setattr(clock, "now", lambda: NOW)


@pytest.fixture
def merchant(client):
    membership = MembershipFactory(role=Role.ADMIN)
    client.force_login(membership.user)
    return membership.merchant


def keep(merchant, name, segment=EVERYTHING, rules=KAJABI, *, policy_id=None, version=0):
    return save_policy(
        merchant=merchant,
        policy_id=policy_id,
        name=name,
        segment=segment,
        rules=rules,
        expected_version=version,
        user=None,
        now=NOW,
    )


def facts(**fields):
    return SegmentFacts(**{"amount": Money(14900, "usd"), "interval": "month", **fields})


def names(merchant):
    return [one.name for one in RetryPolicy.objects.for_merchant(merchant)]


def text(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


class TestRulesFor:
    def test_the_first_match_wins_and_names_itself(self, merchant):
        keep(merchant, "Yearly", Segment(intervals=("year",)))
        keep(merchant, "Germans", Segment(countries=("DE",)), DAYS_3_5_7)
        keep(merchant, "All Germans again", Segment(countries=("DE",)), KAJABI)

        rules = rules_for(merchant, facts(country="DE"))

        assert (rules.policy, rules.steps) == ("Germans", DAYS_3_5_7.steps)

    def test_else_the_rules_for_everybody(self, merchant):
        save_rules(merchant=merchant, rules=RECOMMENDED, expected_version=0, user=None, now=NOW)
        keep(merchant, "Germans", Segment(countries=("DE",)))

        assert rules_for(merchant, facts(country="FR")) == RECOMMENDED
        assert rules_for(merchant) == RECOMMENDED

    def test_another_merchants_segments_are_not_asked(self, merchant):
        keep(MerchantFactory(), "Everything", Segment())

        assert rules_for(merchant, facts()).policy == ""

    def test_a_kind_that_is_switched_off_is_left_to_stripe(self, merchant):
        keep(merchant, "Subscriptions only", Segment(), replace(KAJABI, one_off=False))

        one_off = rules_for(merchant, facts(recurring=False, interval=""))

        assert (one_off.engine, one_off.policy) == ("stripe", "Subscriptions only")
        assert rules_for(merchant, facts()).engine == "recoup"


class TestWriting:
    def test_a_new_one_comes_last_and_is_on_record(self, merchant):
        keep(merchant, "First")
        saved = keep(merchant, "Second")

        assert names(merchant) == ["First", "Second"]
        assert saved.conditions == EVERYTHING
        entry = AuditEntry.objects.filter(action="retry_policy.save").first()
        assert (entry.subject, entry.before) == ("Second", {})
        assert entry.after["segment"]["countries"] == ["DE", "AT"]

    def test_order_is_changed_by_steps(self, merchant):
        one, two, three = (keep(merchant, name) for name in "ABC")

        move_policy(merchant=merchant, policy_id=three.pk, up=True, user=None, now=NOW)
        move_policy(merchant=merchant, policy_id=one.pk, up=True, user=None, now=NOW)
        move_policy(merchant=merchant, policy_id=one.pk, up=False, user=None, now=NOW)

        assert names(merchant) == ["C", "A", "B"]
        delete_policy(merchant=merchant, policy_id=two.pk, user=None, now=NOW)
        assert [one.position for one in RetryPolicy.objects.for_merchant(merchant)] == [1, 2]

    def test_a_name_is_taken_once_per_merchant(self, merchant):
        keep(merchant, "VIP")
        keep(MerchantFactory(), "VIP")

        with pytest.raises(NameTaken):
            keep(merchant, "VIP")

    def test_two_people_editing(self, merchant):
        saved = keep(merchant, "VIP")
        keep(merchant, "VIP", policy_id=saved.pk, version=1)

        with pytest.raises(SettingsChanged):
            keep(merchant, "VIP", policy_id=saved.pk, version=1)

    @pytest.mark.parametrize("same", ["name", "position"])
    def test_the_database_keeps_names_and_places_apart(self, merchant, same):
        one = RetryPolicyFactory(merchant=merchant)

        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")

        with pytest.raises(IntegrityError), transaction.atomic():
            RetryPolicyFactory(merchant=merchant, **{same: getattr(one, same)})


class TestForm:
    def test_conditions_survive_the_way_through_the_page(self):
        form = SegmentForm(segment_fields("VIP", EVERYTHING))

        assert form.is_valid(), form.errors
        assert form.cleaned_data["segment"] == EVERYTHING

    @pytest.mark.parametrize(
        ("field", "value", "words"),
        [
            ("name", "", "required"),
            ("countries", "Germany", "does not have 2 letters"),
            ("currencies", "dollars", "does not have 3 letters"),
            ("amount_currency", "12", "three letters"),
            ("metadata", "tier gold", "key = value"),
            ("amount_to", "5", "ends before it begins"),
            ("tenure_to", "5", "ends before it begins"),
            ("amount_currency", "", "in which currency"),
        ],
    )
    def test_an_error_stands_at_its_field(self, field, value, words):
        form = SegmentForm(segment_fields("VIP", EVERYTHING) | {field: value}, show_errors=True)

        assert words in str(form.errors[field])

    def test_no_condition_is_every_invoice(self):
        form = SegmentForm(segment_fields("All", Segment()))

        assert form.is_valid()
        assert form.cleaned_data["segment"] == Segment()

    def test_in_words(self):
        assert in_words(Segment()) == []
        assert in_words(EVERYTHING) == [
            "prod_1, Watercolor",
            "10.00 to 199.99 USD",
            "USD, EUR",
            "Monthly, Yearly",
            "Card",
            "DE, AT",
            "subscribed for 30 to 365 days",
            "tier = gold",
        ]
        assert in_words(Segment(tenure_from=90)) == ["subscribed for 90 or more days"]
        yen = Segment(amount_to=5000, amount_currency="jpy")
        assert in_words(yen) == ["up to 5000 JPY"]


class TestPages:
    def test_the_list_says_who_is_asked_first_and_what_is_for_the_rest(self, client, merchant):
        keep(merchant, "VIP", Segment(metadata={"tier": "gold"}))

        page = text(client.get(LIST))

        assert "the first that matches wins" in page
        assert "VIP tier = gold Recoup retries, custom schedule (As Kajabi" in page
        assert "Everybody else Stripe retries; Recoup watches." in page

    def test_a_new_one_is_made_with_its_own_schedule(self, client, merchant):
        draft = client.get(NEW).context["form"].draft
        draft |= draft_of(DAYS_3_5_7, version=0) | segment_fields("Germans", EVERYTHING)

        response = client.post(NEW, draft | {"do": "save"})

        assert response["Location"] == LIST
        (policy,) = RetryPolicy.objects.for_merchant(merchant)
        assert (policy.name, policy.conditions) == ("Germans", EVERYTHING)
        assert policy.retry_rules == replace(DAYS_3_5_7, policy="Germans")
        assert "Payments that fail from now on follow it" in text(client.get(LIST))

    def test_buttons_keep_the_conditions(self, client, merchant):
        draft = draft_of(DAYS_3_5_7, version=0) | segment_fields("Germans", EVERYTHING)

        for action in ("add", "preset:kajabi", "defaults"):
            response = client.post(NEW, draft | {"do": action})
            assert response.status_code == 200
            assert response.context["segment"].is_valid()
            assert response.context["segment"].cleaned_data["segment"] == EVERYTHING

        assert not RetryPolicy.objects.exists()

    def test_errors_of_both_parts_stand_at_their_fields(self, client, merchant):
        draft = draft_of(DAYS_3_5_7, version=0) | segment_fields("", EVERYTHING)

        response = client.post(NEW, draft | {"wait-1": "0", "do": "save"})

        html = response.content.decode()
        assert response.status_code == 422
        assert '<a href="#id_wait-1">' in html
        assert '<a href="#id_name">' in html

    def test_a_name_that_is_taken_says_so(self, client, merchant):
        keep(merchant, "VIP")
        draft = draft_of(DAYS_3_5_7, version=0) | segment_fields("VIP", Segment())

        response = client.post(NEW, draft | {"do": "save"})

        assert response.status_code == 422
        assert "Another segment has this name." in text(response)

    def test_editing_and_moving_and_deleting(self, client, merchant):
        one, two = keep(merchant, "A"), keep(merchant, "B")
        page = reverse("retry_settings:segment", args=[two.pk])
        draft = client.get(page).context["form"].draft

        client.post(f"{page}save/", draft | {"name": "C", "wait-0": "9", "do": "save"})
        client.post(reverse("retry_settings:segment_up", args=[two.pk]))

        assert names(merchant) == ["C", "A"]
        two.refresh_from_db()
        assert (two.version, two.retry_rules.steps[0].wait_hours) == (2, 216)
        address = reverse("retry_settings:delete_segment", args=[one.pk])
        assert "Delete “A”?" in text(client.get(address))
        client.post(address)
        assert names(merchant) == ["C"]

    def test_somebody_else_was_faster(self, client, merchant):
        saved = keep(merchant, "VIP")
        page = reverse("retry_settings:segment", args=[saved.pk])
        draft = client.get(page).context["form"].draft
        keep(merchant, "VIP", policy_id=saved.pk, version=1)

        response = client.post(f"{page}save/", draft | {"do": "save"})

        assert response.status_code == 422
        assert "changed these settings while you were editing" in text(response)

    def test_viewers_read_only(self, client, merchant):
        keep(merchant, "VIP")
        client.force_login(MembershipFactory(merchant=merchant, role=Role.VIEWER).user)

        page = client.get(LIST).content.decode()

        assert "VIP" in page
        assert "Add segment" not in page
        address = reverse("retry_settings:segment", args=[merchant.retry_policies.get().pk])
        assert "Only owners and admins may change these settings." in text(client.get(address))
