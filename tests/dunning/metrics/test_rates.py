from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.metrics.rates import Outcomes, Share, change, mean_days, median_days

COUNTS = st.integers(min_value=0, max_value=10_000)
OUTCOMES = st.builds(Outcomes, *[COUNTS] * 8)


def test_the_rate_is_recovered_of_recovered_and_lost_by_amount():
    some = Outcomes(
        recovered=8, recovered_minor=80_00, lost=2, lost_minor=120_00, stopped=5, open=9
    )

    assert some.rate.value == Fraction(2, 5)
    assert some.rate.percent == 40
    assert some.rate_by_count.percent == 80


def test_stopped_and_open_cases_are_on_neither_side():
    closed = Outcomes(recovered=8, recovered_minor=80, lost=2, lost_minor=20)
    more = closed + Outcomes(stopped=90, stopped_minor=9_000, open=50, open_minor=5_000)

    assert more.rate == closed.rate


def test_fewer_than_ten_closed_cases_tell_nothing():
    assert Outcomes(recovered=9, recovered_minor=900).rate.value is None
    assert Outcomes(recovered=10, recovered_minor=900).rate.percent == 100


def test_nothing_at_all_is_no_rate():
    assert Share(0, 0, sample=20).percent is None


def test_halves_are_rounded_up():
    assert Share(1, 8, sample=10).percent == 13  # 12.5 %


@given(OUTCOMES, OUTCOMES)
def test_adding_up_days_adds_up_cases(one, other):
    total = one + other

    assert total.failed == one.failed + other.failed
    assert total.failed_minor == one.failed_minor + other.failed_minor


@given(OUTCOMES)
def test_a_rate_lies_between_nothing_and_all(some):
    value = some.rate.value

    assert value is None or 0 <= value <= 1


def test_the_median_and_the_mean_are_in_days():
    hours = [24, 48, 24 * 12]

    assert median_days(hours) == 2
    assert mean_days(hours) == 5
    assert median_days([24, 48]) == Fraction(3, 2)
    assert median_days([]) is None
    assert mean_days([]) is None


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [(150, 100, Fraction(1, 2)), (50, 100, Fraction(-1, 2)), (50, 0, None)],
)
def test_change_against_another_period(now, before, expected):
    assert change(now, before) == expected
