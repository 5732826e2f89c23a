"""What stands in the fields of the page, and what its buttons do to it.

A draft is the posted text itself, so that a button without JavaScript keeps what was typed. Rows
are `wait-0`, `unit-0`, `at-0` and so on; schedules by reason are `days-funds`, `at-funds`,
`payday-funds`.
"""

from collections.abc import Mapping

from apps.dunning import codes
from apps.dunning.presets import DAYS_3_5_7, PRESETS, RECOMMENDED, spread
from apps.dunning.rules import MAX_TRIES, RetryRules, RulesError, Step
from apps.retry_settings.forms.ladders import write_ladder
from apps.retry_settings.forms.options import SWITCHES, option_fields

Draft = dict[str, str]

REASONS = frozenset(
    {"funds", "issuer", "technical", "limits", "unknown", *(row.code for row in codes.all_rows())}
)
"""What a schedule can be given for: a group of declines, or one code."""
ROW = ("wait", "unit", "at")
LADDER = ("days", "at", "payday")


def draft_of(rules: RetryRules, *, version: int) -> Draft:
    """Write rules into fields; what they leave open shows the recommended default."""
    is_aware = rules.strategy == "decline_aware"
    steps = rules.steps if rules.strategy == "custom" else DAYS_3_5_7.steps
    return {
        "version": str(version),
        "engine": rules.engine,
        "strategy": "custom" if rules.strategy == "custom" else "decline_aware",
        **option_fields(rules),
        **_step_fields(steps),
        **_table_fields((rules if is_aware else RECOMMENDED).table),
    }


def apply(action: str, draft: Mapping[str, str]) -> Draft:
    """Return the draft after a button was pressed; one that makes no sense changes nothing.

    Buttons: add, remove:1, up:1, down:1 (rows from 0), preset:NAME, fill, code, uncode:CODE,
    defaults.
    """
    verb, _, argument = action.partition(":")
    changed = dict(draft)
    if verb in ("add", "remove", "up", "down"):
        _move_rows(changed, verb, argument)
    elif verb == "preset" and argument in PRESETS:
        _use(changed, PRESETS[argument].rules)
    elif verb == "defaults":
        _restore(changed)
    elif verb == "fill":
        _fill(changed)
    elif verb == "code" and (code := changed.get("new_code", "")):
        changed.setdefault(f"days-{code}", "")
    elif verb == "uncode":
        for part in LADDER:
            changed.pop(f"{part}-{argument}", None)
    return changed


def row_count(draft: Mapping[str, str]) -> int:
    """Return how many rows of the custom schedule a draft holds."""
    return next(n for n in range(MAX_TRIES + 1) if n == MAX_TRIES or f"wait-{n}" not in draft)


def reasons_in(draft: Mapping[str, str]) -> list[str]:
    """Return the groups and codes that a draft has a schedule for, in its order."""
    keys = (key.removeprefix("days-") for key in draft if key.startswith("days-"))
    return [key for key in keys if key in REASONS]


def _move_rows(draft: Draft, verb: str, argument: str) -> None:
    rows = _take_rows(draft)
    index = int(argument) if argument.isdecimal() else -1
    if verb == "add" and len(rows) < MAX_TRIES:
        rows.append(rows[-1] if rows else ("3", "days", "10:00"))
    elif verb == "remove" and 0 <= index < len(rows):
        del rows[index]
    elif verb == "up" and 0 < index < len(rows):
        rows[index - 1 : index + 1] = [rows[index], rows[index - 1]]
    elif verb == "down" and 0 <= index < len(rows) - 1:
        rows[index : index + 2] = [rows[index + 1], rows[index]]
    for number, row in enumerate(rows):
        draft.update(zip((f"{part}-{number}" for part in ROW), row, strict=True))


def _take_rows(draft: Draft) -> list[tuple[str, ...]]:
    return [
        tuple(draft.pop(f"{part}-{number}", "") for part in ROW)
        for number in range(row_count(draft))
    ]


def _use(draft: Draft, rules: RetryRules) -> None:
    if rules.engine == "stripe":
        draft["engine"] = rules.engine
        return
    if draft.get("engine") != "gaps":
        draft["engine"] = rules.engine
    draft["strategy"] = rules.strategy
    if rules.strategy == "custom":
        _take_rows(draft)
        draft.update(_step_fields(rules.steps))
        draft["final_action"] = rules.final_action
    else:
        for key in reasons_in(draft):
            for part in LADDER:
                draft.pop(f"{part}-{key}", None)
        draft.update(_table_fields(rules.table))


def _restore(draft: Draft) -> None:
    """Write the recommended rules over the fields of rules; other fields stay."""
    _take_rows(draft)
    for key in reasons_in(draft):
        for part in LADDER:
            draft.pop(f"{part}-{key}", None)
    for name in SWITCHES:
        draft.pop(name, None)
    draft.update(draft_of(RECOMMENDED, version=0) | {"version": draft.get("version", "0")})


def _fill(draft: Draft) -> None:
    try:
        steps = spread(tries=int(draft.get("tries", "")), days=int(draft.get("over_days", "")))
    except (RulesError, ValueError):
        return
    draft.update(strategy="custom")
    _take_rows(draft)
    draft.update(_step_fields(steps[:MAX_TRIES]))


def _step_fields(steps: tuple[Step, ...]) -> Draft:
    fields: Draft = {"payday": str(max((step.payday_within_days for step in steps), default=0))}
    for number, step in enumerate(steps):
        in_days = step.wait_hours % 24 == 0
        fields[f"wait-{number}"] = str(step.wait_hours // 24 if in_days else step.wait_hours)
        fields[f"unit-{number}"] = "days" if in_days else "hours"
        fields[f"at-{number}"] = "" if step.at is None else f"{step.at:%H:%M}"
    return fields


def _table_fields(table: Mapping[str, tuple[Step, ...]]) -> Draft:
    fields: Draft = {}
    for key, steps in table.items():
        ladder = write_ladder(steps)
        fields[f"days-{key}"] = ladder.text
        fields[f"at-{key}"] = "" if ladder.at is None else f"{ladder.at:%H:%M}"
        fields[f"payday-{key}"] = str(ladder.payday_within_days)
    return fields
