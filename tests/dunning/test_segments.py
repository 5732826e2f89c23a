from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.money import Money
from apps.dunning.rules import RulesError
from apps.dunning.segments import Segment, SegmentFacts, first_match

FACTS = SegmentFacts(
    amount=Money(14900, "usd"),
    product="prod_1",
    offer="The Course",
    interval="month",
    tenure_days=400,
    country="DE",
    method="card",
    metadata={"tier": "gold", "source": "ads"},
)
UNKNOWN = SegmentFacts(amount=Money(14900, "usd"))

texts = st.lists(st.text(min_size=1, max_size=5), max_size=3).map(tuple)
segments = st.builds(
    Segment,
    products=texts,
    currencies=texts,
    intervals=st.lists(st.sampled_from(["day", "week", "month", "year"]), max_size=2).map(tuple),
    countries=texts,
    methods=st.lists(st.sampled_from(["card", "debit", "other"]), max_size=2).map(tuple),
    tenure_from=st.none() | st.integers(0, 100),
    tenure_to=st.none() | st.integers(100, 900),
    metadata=st.dictionaries(st.text(max_size=4), st.text(max_size=4), max_size=2),
)


class TestConditions:
    @pytest.mark.parametrize(
        "segment",
        [
            Segment(),
            Segment(products=("prod_2", "prod_1")),
            Segment(products=("the course",)),
            Segment(amount_from=14900, amount_to=14900, amount_currency="usd"),
            Segment(currencies=("eur", "usd")),
            Segment(intervals=("month",)),
            Segment(tenure_from=365),
            Segment(tenure_to=400),
            Segment(countries=("DE", "AT")),
            Segment(methods=("card",)),
            Segment(metadata={"tier": "gold"}),
        ],
    )
    def test_met(self, segment):
        assert segment.misses(FACTS) == ()

    @pytest.mark.parametrize(
        ("segment", "missed"),
        [
            (Segment(products=("prod_2",)), "product"),
            (Segment(amount_from=14901, amount_currency="usd"), "amount"),
            (Segment(amount_to=14899, amount_currency="usd"), "amount"),
            (Segment(amount_from=1, amount_currency="eur"), "amount"),
            (Segment(currencies=("eur",)), "currency"),
            (Segment(intervals=("year", "week")), "interval"),
            (Segment(tenure_from=401), "tenure"),
            (Segment(tenure_to=399), "tenure"),
            (Segment(countries=("FR",)), "country"),
            (Segment(methods=("debit",)), "method"),
            (Segment(metadata={"tier": "silver"}), "metadata"),
            (Segment(metadata={"tier": "gold", "vip": "1"}), "metadata"),
        ],
    )
    def test_missed(self, segment, missed):
        assert segment.misses(FACTS) == (missed,)

    def test_an_unknown_fact_meets_no_condition(self):
        segment = Segment(
            products=("prod_1",),
            intervals=("month",),
            countries=("DE",),
            methods=("card",),
            tenure_to=9999,
            metadata={"tier": "gold"},
        )

        assert segment.misses(UNKNOWN) == (
            "product",
            "interval",
            "tenure",
            "country",
            "method",
            "metadata",
        )

    def test_a_country_in_small_letters_is_the_same(self):
        assert Segment(countries=("DE",)).misses(replace(FACTS, country="de")) == ()


class TestFirstMatch:
    def test_the_first_of_several_wins(self):
        gold, german = Segment(metadata={"tier": "gold"}), Segment(countries=("DE",))

        assert first_match([gold, german], FACTS) == 0
        assert first_match([Segment(countries=("FR",)), german, gold], FACTS) == 1
        assert first_match([Segment(countries=("FR",))], FACTS) is None
        assert first_match([], FACTS) is None

    def test_one_without_conditions_takes_everything(self):
        assert first_match([Segment(), Segment(countries=("DE",))], UNKNOWN) == 0


@given(segments)
def test_segments_survive_json(segment):
    assert Segment.from_json(segment.to_json()) == segment


@pytest.mark.parametrize(
    "data",
    [
        {"colour": "red"},
        {"products": 3},
        {"intervals": ["decade"]},
        {"methods": ["cash"]},
        {"amount_from": 5},
        {"amount_currency": "usd"},
        {"amount_from": 9, "amount_to": 5, "amount_currency": "usd"},
        {"tenure_from": -1},
        {"tenure_from": "5", "tenure_to": 9},
    ],
)
def test_what_makes_no_sense_is_refused(data):
    with pytest.raises(RulesError):
        Segment.from_json(data)
