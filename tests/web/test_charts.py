import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.dunning.metrics.rates import Share
from apps.web.charts import BarRow, Line, columns, heat, lines, rows, spark
from apps.web.charts.frame import MOST_GRID_LINES, plot, round_step

KEY = [("rec", "recovered"), ("wait", "still open"), ("lost", "lost")]
AMOUNTS = st.integers(min_value=0, max_value=10**9)


def bars(count, *values):
    return [BarRow(f"Nov {n + 1}", values or (3, 2, 1), f"/day/{n}") for n in range(count)]


@given(st.floats(min_value=1e-6, max_value=1e12))
def test_the_axis_has_few_round_lines_and_holds_the_highest_value(highest):
    place = plot(width=960, highest=highest)

    assert place.most >= highest * (1 - 1e-9)
    assert 2 <= len(place.grid(str)) <= MOST_GRID_LINES + 1
    assert re.fullmatch(r"[125]0*", f"{round_step(highest):e}"[0])


def test_stacks_stand_on_zero_and_on_each_other():
    drawn = columns(bars(1), key=KEY, words=str).wide

    recovered, still_open, lost = drawn.bars
    assert recovered.y + recovered.height == pytest.approx(drawn.plot.bottom, abs=0.2)
    assert still_open.y + still_open.height == pytest.approx(recovered.y - 1, abs=0.2)
    assert lost.y < still_open.y
    assert [bar.tone for bar in drawn.bars] == ["rec", "wait", "lost"]
    assert recovered.words == "Nov 1: 3 recovered"


def test_nothing_is_drawn_for_nothing():
    assert columns(bars(3, 0, 0, 0), key=KEY, words=str).wide.bars == ()
    assert columns([], key=KEY, words=str).narrow.bars == ()


@given(st.lists(st.tuples(AMOUNTS, AMOUNTS, AMOUNTS), max_size=60))
def test_the_narrow_variant_groups_to_eight_and_loses_nothing(values):
    data = [BarRow(str(n), parts) for n, parts in enumerate(values)]
    drawn = columns(data, key=KEY, words=lambda value: f"{value:.0f}")

    told = [
        sum(int(re.search(r": (\d+)", bar.words)[1]) for bar in side.bars)
        for side in (drawn.wide, drawn.narrow)
    ]
    assert told[0] == told[1] == sum(map(sum, values))
    assert len({bar.x for bar in drawn.narrow.bars}) <= 8


def test_labels_do_not_run_into_each_other():
    found = columns(bars(90), key=KEY, words=str).wide.labels

    gaps = [right.x - left.x for left, right in itertools.pairwise(found)]
    assert min(gaps) >= 7 * len("Nov 30")


def test_a_gap_in_a_line_stays_a_gap():
    drawn = lines(list("abcd"), [Line("this", (1, None, 3, 4))], words=str).wide

    assert drawn.strokes[0].path.count("M") == 2
    assert drawn.strokes[0].path.count("L") == 1
    assert len(drawn.strokes[0].points) == 3


def test_a_spark_shows_the_last_twelve_and_needs_two():
    assert spark([5]) == ""
    assert spark([None, 4, None]) == ""
    assert spark(range(40)).count(" L") == 11


def test_rows_are_measured_against_the_widest():
    assert [share for _, share in rows([BarRow("a", (50,)), BarRow("b", (200,))]).rows] == [25, 100]
    assert rows([BarRow("a", (0,))]).rows[0][1] == 0


def test_cells_with_few_tries_stay_blank():
    shares = {(0, 0): Share(4, 4, 4, enough=5), (0, 1): Share(9, 10, 10), (1, 0): Share(1, 10, 10)}
    found = heat(shares, rows=["Monday", "Tuesday"], columns=["0", "2"])

    [(_, monday), (_, tuesday)] = found.rows
    assert [cell.step for cell in monday] == [0, 5]
    assert [cell.step for cell in tuesday] == [1, 0]
    assert monday[0].percent is None
