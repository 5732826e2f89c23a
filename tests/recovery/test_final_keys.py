"""The keys of a final action: the same while Stripe knows them, another after that."""

import datetime as dt

import pytest

from apps.recovery.models import CaseEvent
from apps.recovery.services.finishing import keys_of_now

AT = dt.datetime(2026, 11, 2, 12, tzinfo=dt.UTC)


@pytest.mark.parametrize(("hours", "suffix"), [(0, ""), (21.9, ""), (22, "-1"), (45, "-2")])
def test_a_key_is_used_for_less_than_a_day(hours, suffix):
    event = CaseEvent(at=AT, data={"action": "cancel", "key": "a", "invoice_key": "b"})

    assert keys_of_now(event, AT + dt.timedelta(hours=hours)) == {
        "action": "cancel",
        "key": f"a{suffix}",
        "invoice_key": f"b{suffix}",
    }
