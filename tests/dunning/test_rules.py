from datetime import time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.presets import (
    DAYS_1_3_5_7,
    DAYS_3_5_7,
    FILL_30_DAYS,
    KAJABI,
    PRESETS,
    RECOMMENDED,
    SEED_TABLE,
    STRIPE_CUSTOM,
    spread,
)
from apps.dunning.rules import (
    MAX_TRIES,
    RetryRules,
    RulesError,
    Step,
    steps_from_days,
    steps_from_hours,
)

steps = st.builds(
    Step,
    wait_hours=st.integers(24, 180),
    at=st.none() | st.builds(time, st.integers(0, 23), st.integers(0, 59)),
    payday_within_days=st.integers(0, 7),
)
ladders = st.lists(steps, min_size=1, max_size=8).map(tuple)
rules = st.builds(
    RetryRules,
    engine=st.sampled_from(["recoup", "gaps"]),
    strategy=st.sampled_from(["custom", "decline_aware"]),
    steps=ladders,
    table=st.dictionaries(
        st.sampled_from(["funds", "issuer", "technical", "limits", "do_not_honor"]),
        ladders,
        min_size=1,
    ),
    final_action=st.sampled_from(["cancel", "leave_past_due", "pause"]),
    name=st.text(max_size=10),
    version=st.integers(1, 9),
    invoice_action=st.sampled_from(["leave_open", "uncollectible", "void"]),
    gap_hours=st.integers(1, 72),
    recurring=st.booleans(),
    one_off=st.booleans(),
    debits_recurring=st.booleans(),
    debits_one_off=st.booleans(),
    backup_after=st.integers(0, 8),
    rotates=st.booleans(),
    midnight_debit_cards=st.booleans(),
    jitter_minutes=st.integers(0, 120),
    minimum_gap_hours=st.integers(1, 72),
    policy=st.text(max_size=10),
)


def waits_in_days(ladder):
    return [step.wait_hours / 24 for step in ladder]


def days_after_failure(ladder):
    total, days = 0, []
    for step in ladder:
        total += step.wait_hours
        days.append(total / 24)
    return days


@given(rules)
def test_rules_survive_json(before):
    assert RetryRules.from_json(before.to_json()) == before


@pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
def test_every_preset_is_valid_and_survives_json(preset):
    preset.rules.validate()

    assert RetryRules.from_json(preset.rules.to_json()) == preset.rules
    assert preset.source
    assert hash(preset.rules) == hash(RetryRules.from_json(preset.rules.to_json()))


def test_days_after_the_failure_become_waits():
    ladder = steps_from_days([3, 7, 14, 30], at=time(10))

    assert waits_in_days(ladder) == [3, 4, 7, 16]
    assert {step.at for step in ladder} == {time(10)}


@pytest.mark.parametrize("days", [[3, 3], [5, 2], [0]])
def test_days_must_rise(days):
    with pytest.raises(RulesError, match="after the one before"):
        steps_from_days(days)


class TestPresets:
    def test_recommended_is_three_weeks_by_reason(self):
        table = {key: days_after_failure(ladder) for key, ladder in RECOMMENDED.table.items()}

        assert table["funds"] == [2, 4, 7, 9, 12, 14, 17, 21]
        assert table["issuer"] == [1, 3, 5, 8, 11, 14, 17, 21]
        assert table["technical"] == [1 / 24, 6 / 24, 1, 3, 6, 10, 15, 21]
        assert table["limits"] == [1, 3, 7, 10, 14, 17, 19, 21]
        assert {step.payday_within_days for step in RECOMMENDED.table["funds"]} == {2}
        assert RECOMMENDED.horizon == timedelta(days=21)

    def test_classic_decline_table(self):
        table = {key: days_after_failure(ladder) for key, ladder in SEED_TABLE.table.items()}

        assert table == {
            "funds": [3, 7, 14, 30],
            "issuer": [4 / 24, 1, 3, 7],
            "technical": [1 / 24, 4 / 24, 1, 3],
            "limits": [7],
            "do_not_honor": [1],
        }

    @pytest.mark.parametrize(
        ("preset", "days"),
        [
            (DAYS_3_5_7, [3, 5, 7]),
            (DAYS_1_3_5_7, [1, 3, 5, 7]),
            (STRIPE_CUSTOM, [3, 8, 15]),
            (KAJABI, [5, 11, 16, 21]),
            (FILL_30_DAYS, [4, 8, 11, 15, 19, 23, 26, 30]),
            (PRESETS["paddle"].rules, [4, 9, 13, 17, 21, 26, 30]),
            (PRESETS["recurly"].rules, [5, 9, 14, 19, 23, 28]),
            (PRESETS["braintree"].rules, [5, 15]),
            (PRESETS["chargebee"].rules, [3, 6, 9, 12, 15, 18, 21, 24]),
        ],
    )
    def test_custom_presets(self, preset, days):
        assert days_after_failure(preset.steps) == days

    @pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)
    def test_none_goes_beyond_the_limits_nor_switches_on_what_is_off(self, preset):
        rules = preset.rules

        assert all(len(ladder) <= MAX_TRIES for ladder in (rules.steps, *rules.table.values()))
        assert rules.horizon <= timedelta(days=60)
        assert [rules.debits_recurring, rules.debits_one_off, rules.backup_after] == [
            False,
            False,
            0,
        ]

    def test_what_could_not_be_verified_says_so(self):
        assert PRESETS["chargebee"].source.startswith("Not verified")

    def test_kajabi_cancels(self):
        assert KAJABI.final_action == "cancel"

    @pytest.mark.parametrize(("tries", "days"), [(0, 5), (5, 4)])
    def test_spread_needs_a_day_for_each_try(self, tries, days):
        with pytest.raises(RulesError, match="a day for each"):
            spread(tries=tries, days=days)


def custom(*ladder, **fields):
    return RetryRules("recoup", "custom", ladder, **fields)


def made_of(engine, strategy):
    return RetryRules(engine, strategy, (Step(24),))


class TestValidate:
    @pytest.mark.parametrize(
        ("broken", "words"),
        [
            (custom(), "between 1 and 8"),
            (custom(*[Step(24)] * 9), "between 1 and 8"),
            (custom(Step(0)), "1 hour apart"),
            (custom(Step(-5)), "1 hour apart"),
            (custom(Step(24, payday_within_days=8)), "payday"),
            (custom(Step(24, payday_within_days=-1)), "payday"),
            (custom(Step(23, payday_within_days=1)), "a day or more later"),
            (custom(Step(60 * 24), Step(1)), "within 60 days"),
            (custom(Step(24), final_action="burn"), "'burn' is none of"),
            (custom(Step(24), invoice_action="forgive"), "'forgive' is none of"),
            (custom(Step(24), gap_hours=0), "around Stripe's try must be 1 to 72"),
            (custom(Step(24), backup_after=9), "before the backup method must be 0 to 8"),
            (custom(Step(24), jitter_minutes=121), "minutes of spread must be 0 to 120"),
            (custom(Step(24), minimum_gap_hours=0), "between two tries must be 1 to 72"),
            (made_of("nobody", "custom"), "'nobody' is none of"),
            (made_of("recoup", "magic"), "'magic' is none of"),
            (RetryRules("recoup", "smart"), "Stripe's"),
            (RetryRules("recoup", "decline_aware", (Step(24),)), "No decline reason"),
            (RetryRules("recoup", "decline_aware", table={"funds": ()}), "No decline reason"),
            (RetryRules("recoup", "decline_aware", table={"funds": (Step(0),)}), "funds"),
        ],
    )
    def test_says_what_is_wrong(self, broken, words):
        with pytest.raises(RulesError, match=words):
            broken.validate()

    def test_an_empty_schedule_for_one_reason_is_allowed(self):
        RetryRules("recoup", "decline_aware", table={"funds": (Step(24),), "issuer": ()}).validate()

    def test_sixty_days_and_eight_tries_are_allowed(self):
        custom(*[Step(180)] * 8).validate()


class TestFromJson:
    @pytest.mark.parametrize(
        "change",
        [
            {"steps": "soon"},
            {"steps": ["soon"]},
            {"steps": [{"at": "10:00"}]},
            {"steps": [{"wait_hours": "24"}]},
            {"steps": [{"wait_hours": True}]},
            {"steps": [{"wait_hours": 24, "at": "25:00"}]},
            {"steps": []},
            {"table": ["funds"]},
            {"version": None},
            {"engine": "nobody"},
            {"gap_hours": "12"},
            {"gap_hours": True},
            {"debits_recurring": 1},
            {"policy": None},
        ],
    )
    def test_refuses_what_it_did_not_write(self, change):
        good = DAYS_3_5_7.to_json()
        with pytest.raises(RulesError):
            RetryRules.from_json({**good, **change})

    def test_refuses_missing_values(self):
        with pytest.raises(RulesError, match="engine"):
            RetryRules.from_json({})


class TestRulesWrittenEarlier:
    OLD = {
        "engine": "recoup",
        "strategy": "custom",
        "steps": [{"wait_hours": 72, "at": "10:00", "payday_within_days": 0}],
        "table": {},
        "final_action": "cancel",
        "name": "old",
        "version": 1,
    }

    def test_are_read_with_the_careful_defaults(self):
        rules = RetryRules.from_json(self.OLD)

        assert rules == custom(Step(72, time(10)), final_action="cancel", name="old")
        assert [rules.debits_recurring, rules.debits_one_off, rules.backup_after] == [
            False,
            False,
            0,
        ]
        assert rules.invoice_action == "leave_open"
        assert rules.minimum_gap == timedelta(hours=1)

    def test_are_written_with_every_value(self):
        assert RetryRules.from_json(self.OLD).to_json().keys() > self.OLD.keys()


class TestKindsOfInvoice:
    def test_what_is_switched_off_is_left_to_stripe(self):
        rules = custom(Step(24), one_off=False, policy="VIP")

        left = rules.for_invoice(recurring=False)

        assert rules.for_invoice(recurring=True) is rules
        assert (left.engine, left.strategy, left.steps) == ("stripe", "smart", ())
        assert left.policy == "VIP"
        left.validate()

    def test_stripes_rules_are_for_both(self):
        rules = RetryRules("stripe", "smart", recurring=False)

        assert rules.for_invoice(recurring=True) is rules


def test_hours_after_the_failure_become_waits():
    assert [step.wait_hours for step in steps_from_hours([4, 24, 72])] == [4, 20, 48]
