import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.presets import PRESETS, RECOMMENDED, SEED_TABLE
from apps.dunning.rules import RetryRules, RulesError, Step
from apps.retry_settings.forms import RetryRulesForm, apply, draft_of
from apps.retry_settings.forms.draft import row_count
from apps.retry_settings.forms.ladders import Ladder, read_ladder, write_ladder

NEW_YORK = ZoneInfo("America/New_York")
WEDNESDAY = dt.datetime(2026, 11, 18, 15, 0, tzinfo=dt.UTC)
TEN = dt.time(10)


def rules_in(draft):
    form = RetryRulesForm(draft)
    assert form.is_valid(), form.errors
    return form.cleaned_data["rules"]


class TestLadders:
    def test_bare_numbers_are_days_and_hours_keep_their_hour(self):
        steps = read_ladder(Ladder("1 h, 6 h, 1, 3", TEN, 2))

        assert steps == (Step(1), Step(5), Step(18, TEN, 2), Step(48, TEN, 2))

    @pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda preset: preset.title)
    def test_every_preset_survives_the_way_through_text(self, preset):
        for steps in (preset.rules.steps, *preset.rules.table.values()):
            assert read_ladder(write_ladder(steps)) == tuple(steps)

    @given(
        st.lists(st.integers(1, 60), min_size=1, max_size=8, unique=True).map(sorted),
        st.sampled_from([None, TEN]),
    )
    def test_days_survive_the_way_through_text(self, days, at):
        text = ", ".join(map(str, days))

        assert write_ladder(read_ladder(Ladder(text, at))).text == text

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("soon", "such as"),
            ("3, 2", "after the one before"),
            ("0", "after the one before"),
            ("1,2,3,4,5,6,7,8,9", "8 retries or fewer"),
            ("10, 61", "within 60 days"),
        ],
    )
    def test_says_what_to_write_instead(self, text, words):
        with pytest.raises(RulesError, match=words):
            read_ladder(Ladder(text))

    def test_nothing_written_is_no_schedule(self):
        assert read_ladder(Ladder("  ")) == ()


class TestDraft:
    @pytest.mark.parametrize("name", PRESETS)
    def test_rules_survive_the_way_through_the_page(self, name):
        rules = PRESETS[name].rules

        again = rules_in(draft_of(rules, version=3))

        expected = (
            RetryRules("stripe", "smart", name="stripe_smart") if name == "stripe_smart" else rules
        )
        assert again.to_json() == expected.to_json()

    def test_rows_are_added_moved_and_removed_as_typed(self):
        draft = draft_of(PRESETS["days_1_3_5_7"].rules, version=1) | {"wait-1": "oops"}

        draft = apply("up:1", apply("remove:3", apply("add", draft)))

        assert [draft.get(f"wait-{n}") for n in range(5)] == ["oops", "1", "2", "2", None]
        assert row_count(draft) == 4

    def test_the_ninth_row_is_refused(self):
        draft = draft_of(PRESETS["fill_30_days"].rules, version=1)

        assert row_count(draft) == 8
        assert apply("add", draft) == draft

    @pytest.mark.parametrize(
        "action",
        ["up:0", "down:2", "remove:9", "remove:x", "preset:none", "fill", "code", "", "x:y"],
    )
    def test_a_button_without_sense_changes_nothing(self, action):
        draft = draft_of(PRESETS["days_3_5_7"].rules, version=1)

        assert apply(action, draft) == draft

    def test_a_preset_replaces_the_table_and_its_single_codes(self):
        draft = apply("preset:decline_table", draft_of(RECOMMENDED, version=1))
        assert rules_in(draft).table == SEED_TABLE.table

        draft = apply("preset:recommended", draft)

        assert rules_in(draft) == RECOMMENDED
        assert "days-do_not_honor" not in draft

    def test_tries_over_days_fill_the_editor(self):
        draft = draft_of(RECOMMENDED, version=1) | {"tries": "4", "over_days": "21"}

        rules = rules_in(apply("fill", draft))

        assert len(rules.steps) == 4
        assert sum(step.wait_hours for step in rules.steps) == 21 * 24
        assert rules.strategy == "custom"

    def test_a_code_gets_a_schedule_of_its_own_and_loses_it(self):
        draft = draft_of(RECOMMENDED, version=1) | {"new_code": "call_issuer"}

        own = apply("code", draft) | {"days-call_issuer": "2, 9"}

        assert rules_in(own).table["call_issuer"] == (Step(48), Step(168))
        assert "call_issuer" not in rules_in(apply("uncode:call_issuer", own)).table


class TestForm:
    def test_errors_stand_at_their_field(self):
        draft = draft_of(PRESETS["days_3_5_7"].rules, version=1) | {"wait-2": "0"}

        form = RetryRulesForm(draft, show_errors=True)

        assert form.errors == {"wait-2": ["Retry 3: enter 1 to 30 days."]}
        assert form.error_list == [("id_wait-2", "Retry 3: enter 1 to 30 days.")]

    def test_what_is_hidden_cannot_stop_a_save(self):
        draft = draft_of(RECOMMENDED, version=1) | {"wait-0": "x", "payday": "99"}

        assert rules_in(draft) == RECOMMENDED

    def test_leaving_it_to_stripe_ignores_every_schedule(self):
        draft = draft_of(RECOMMENDED, version=1) | {"engine": "stripe", "days-funds": "x"}

        assert rules_in(draft) == PRESETS["stripe_smart"].rules

    def test_sixty_days_are_the_end(self):
        draft = draft_of(PRESETS["days_3_5_7"].rules, version=1)
        draft |= {"wait-0": "30", "wait-1": "30", "wait-2": "1"}

        assert RetryRulesForm(draft).errors == {
            "wait-2": ["The last retry must come within 60 days."]
        }

    def test_a_schedule_without_a_retry_is_none(self):
        draft = draft_of(PRESETS["days_3_5_7"].rules, version=1)
        for _ in range(3):
            draft = apply("remove:0", draft)

        assert RetryRulesForm(draft).errors == {"strategy": ["Add at least one retry."]}

    def test_a_table_without_any_schedule_is_none(self):
        draft = draft_of(RECOMMENDED, version=1)
        draft |= {f"days-{key}": "" for key in RECOMMENDED.table}

        assert "strategy" in RetryRulesForm(draft).errors

    def test_a_made_up_reason_is_dropped(self):
        draft = draft_of(RECOMMENDED, version=1) | {"days-<script>": "3"}

        assert rules_in(draft) == RECOMMENDED

    def test_rows_count_the_day_from_the_first_failure(self):
        form = RetryRulesForm(draft_of(PRESETS["days_3_5_7"].rules, version=1))

        assert [row.day for row in form.rows] == ["day 3", "day 5", "day 7"]
