"""Charts as plain shapes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.web.charts import BarChart, LineChart, bar_chart, line_chart


def line(now: list[float | None], before: list[float | None] | None = None) -> LineChart:
    ticks = [str(at) for at in range(len(now))]
    return line_chart(now, before or [], ticks=ticks, words=ticks, few=[False] * len(now), height=248)


@pytest.mark.parametrize(
    ("lowest", "labels"),
    [
        (0.95, ["90%", "95%", "100%"]),
        (0.87, ["80%", "90%", "100%"]),
        (0.72, ["70%", "80%", "90%", "100%"]),
        (0.6, ["50%", "75%", "100%"]),
        (0.1, ["0%", "50%", "100%"]),
    ],
)
def test_the_scale_begins_as_high_as_the_lowest_value_lets_it_and_says_so(
    lowest: float, labels: list[str]
) -> None:
    chart = line([1.0, lowest])

    assert [rule.label for rule in chart.rules] == labels
    assert chart.cut_off is (labels[0] != "0%")


def test_values_stand_where_the_scale_says() -> None:
    chart = line([1.0, 0.5, 0.0])

    assert [dot.y for dot in chart.dots] == [20.0, 120.0, 220.0]
    assert [rule.y for rule in chart.rules] == [220.0, 120.0, 20.0]
    assert [dot.x for dot in chart.dots] == ["23.33%", "54.00%", "84.67%"]


def test_a_week_without_a_value_leaves_a_gap() -> None:
    chart = line([0.9, None, 0.8, 0.7], [None, 0.9, 0.8])

    assert len(chart.dots) == 3
    assert [(stroke.x1, stroke.x2) for stroke in chart.strokes] == [("65.50%", "88.50%")]
    assert len(chart.quiet) == 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=105))
def test_every_shape_lies_inside_its_chart(shares: list[float]) -> None:
    chart = line(list(shares))

    assert all(20 <= dot.y <= 220 for dot in chart.dots)
    assert all(0 <= float(dot.x.rstrip("%")) <= 100 for dot in chart.dots)
    assert 1 <= len([tick for tick in chart.ticks if not tick.minor]) <= 5
    assert len(chart.ticks) <= 8


def bars(now: list[float], before: list[float], marks: list[tuple[int, str]] | None = None) -> BarChart:
    texts = [str(at) for at in range(len(now))]
    return bar_chart(now, before, ticks=texts, labels=texts, words=texts, marks=marks or [], height=250)


def test_the_highest_bar_reaches_the_top_whichever_period_it_is_of() -> None:
    chart = bars([0.5, 0.25], [0.2, 1.0])

    assert [(column.y, column.height) for column in chart.columns] == [(122.0, 100.0), (172.0, 50.0)]
    assert [column.before.y1 for column in chart.columns if column.before] == [182.0, 22.0]


def test_a_mark_stands_behind_its_bar_and_its_label_leans_to_where_there_is_room() -> None:
    chart = bars([0.25] * 4, [], [(0, "half"), (3, "most")])

    first, last = chart.marks
    assert (first.x, first.anchor, last.x, last.anchor) == ("25.00%", "start", "99.90%", "end")
    assert last.y < first.y < min(column.y for column in chart.columns)


@pytest.mark.parametrize(
    ("marks", "anchor", "order"),
    [((0, 1), "start", "falls"), ((5, 6), "end", "rises"), ((5, 5), "end", "rises")],
)
def test_no_label_of_a_mark_is_written_over_the_line_of_another(
    marks: tuple[int, int], anchor: str, order: str
) -> None:
    left, right = bars([0.1] * 8, [], [(marks[0], "half"), (marks[1], "most")]).marks

    assert {left.anchor, right.anchor} == {anchor}
    # A line begins beside its label: what leans over it has to stand higher.
    assert (left.y < right.y) is (order == "falls")
    assert left.y != right.y


def test_letters_on_a_bar_make_room_for_the_stroke_of_the_period_before() -> None:
    chart = bars([0.47, 0.47, 0.47], [0.5, 0.1, 0.47])

    crossed, below, level = chart.columns
    assert (below.label_y, level.label_y) == (below.y - 6, below.y - 6)
    assert crossed.before is not None
    assert crossed.label_y == crossed.before.y1 - 5 < crossed.y - 12
