"""Counts of parcels by days, kept as one whole number each, so that a database adds them up like any other figure.

How many parcels took `d` days is the `d`-th digit of the number, in base `BASE`. The sum of two such numbers is the
histogram of both groups together: no table of values is joined, and medians of any group of rows are exact.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

# What takes longer is counted with it: its median is "60 or more".
MOST_DAYS = 60
# A digit must hold all parcels of a sum. Two digits of PostgreSQL's own, which count to 10,000, make it cheap.
BASE = 10**8
# Room for every digit of every count.
DIGITS = 8 * (MOST_DAYS + 1)
# What one parcel adds, by its days.
WEIGHTS = tuple(BASE**days for days in range(MOST_DAYS + 1))


@dataclass(frozen=True)
class Histogram:
    """How many parcels took 0, 1, 2 … days, as the number they are kept as."""

    packed: int = 0

    @classmethod
    def of(cls, days: Iterable[int]) -> Self:
        """The histogram of single parcels, each by its days."""
        return cls(sum(WEIGHTS[min(max(each, 0), MOST_DAYS)] for each in days))

    @cached_property
    def counts(self) -> tuple[int, ...]:
        """Parcels by days; the last count is of `MOST_DAYS` and more."""
        counts, rest = [], self.packed
        for _days in range(MOST_DAYS + 1):
            rest, count = divmod(rest, BASE)
            counts.append(count)
        return tuple(counts)

    @property
    def parcels(self) -> int:
        return sum(self.counts)

    def quantile(self, percent: int) -> int | None:
        """The fewest days within which at least `percent` of a hundred parcels were through; None where there are none.

        Exact below `MOST_DAYS`, as PostgreSQL's `percentile_disc`.
        """
        parcels = self.parcels
        if not parcels:
            return None
        # Whole numbers: nine tenths of ten parcels are nine, whatever a float makes of it.
        needed = -(-parcels * percent // 100)
        for days, count in enumerate(self.counts):
            needed -= count
            if needed <= 0:
                return days
        return MOST_DAYS

    def within(self, days: int) -> int:
        """How many parcels took at most these days."""
        return sum(self.counts[: days + 1])

    def __add__(self, other: "Histogram") -> "Histogram":
        return Histogram(self.packed + other.packed)
