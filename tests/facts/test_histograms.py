"""Histograms that add up as numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.facts.histograms import BASE, DIGITS, MOST_DAYS, Histogram

MANY_DAYS = st.lists(st.integers(0, MOST_DAYS), max_size=60)


@given(MANY_DAYS, MANY_DAYS)
def test_the_sum_of_two_numbers_is_the_histogram_of_both_groups(one: list[int], other: list[int]) -> None:
    together = Histogram.of(one) + Histogram.of(other)

    assert together == Histogram.of(one + other)
    assert together.counts == tuple((one + other).count(days) for days in range(MOST_DAYS + 1))


@given(st.lists(st.integers(0, MOST_DAYS), min_size=1, max_size=200), st.integers(1, 100))
def test_a_quantile_is_the_fewest_days_that_so_many_parcels_were_through_in(
    days: list[int], percent: int
) -> None:
    found = Histogram.of(days).quantile(percent)

    assert found is not None
    assert sum(day <= found for day in days) * 100 >= percent * len(days)
    assert sum(day < found for day in days) * 100 < percent * len(days)


@pytest.mark.parametrize(
    ("days", "median", "p90"),
    [([4], 4, 4), ([1, 2], 1, 2), ([1, 2, 3], 2, 3), (list(range(1, 11)), 5, 9), ([0] * 9 + [30], 0, 0)],
)
def test_median_and_ninetieth_percentile_of_few_parcels(days: list[int], median: int, p90: int) -> None:
    histogram = Histogram.of(days)

    assert (histogram.quantile(50), histogram.quantile(90)) == (median, p90)


def test_of_no_parcels_there_is_no_median() -> None:
    assert (Histogram().quantile(50), Histogram().parcels) == (None, 0)


def test_what_takes_longer_than_the_last_count_is_in_it_and_what_ends_before_it_begins_took_no_day() -> None:
    histogram = Histogram.of([MOST_DAYS, MOST_DAYS + 300, -2])

    assert histogram.counts[MOST_DAYS] == 2
    assert histogram.counts[0] == 1
    assert histogram.within(MOST_DAYS - 1) == 1


def test_the_largest_counts_have_room_in_the_column() -> None:
    full = Histogram(BASE ** (MOST_DAYS + 1) - 1)

    assert len(str(full.packed)) == DIGITS
    assert full.counts == (BASE - 1,) * (MOST_DAYS + 1)
