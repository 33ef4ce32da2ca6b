"""What the parcels of a day or a week have come to, counted ahead, so that no page counts parcels."""

from enum import StrEnum

from django.db import models

from shipments.facts.histograms import DIGITS
from shipments.models.merchants import Merchant


class Span(StrEnum):
    """How long the parcels of one row were shipped for; a week begins on Monday."""

    DAY = "day"
    WEEK = "week"


class Cut(StrEnum):
    """By what the parcels of a span are told apart: each name says which columns are filled.

    Days by carrier and lane are not kept: they are few sums of days by service and lane, and would be a quarter of the table.
    """

    ALL = "all"
    CARRIER = "carrier"
    SERVICE = "service"
    LANE = "lane"
    CARRIER_LANE = "carrier lane"
    SERVICE_LANE = "service lane"

    @property
    def of_days(self) -> "Cut":
        """How the days are cut whose sums are this cut."""
        return Cut.SERVICE_LANE if self == Cut.CARRIER_LANE else self


def _count() -> models.IntegerField:  # type: ignore[type-arg]
    return models.IntegerField(default=0)


def _histogram() -> models.DecimalField:  # type: ignore[type-arg]
    """Parcels by days, as `facts.histograms` keeps them."""
    return models.DecimalField(max_digits=DIGITS, decimal_places=0, default=0)


class Cohort(models.Model):
    """The parcels that were shipped in one day or week, by carrier, service and lane; `analytics.cohorts` counts them.

    A service belongs to its carrier. A lane is `US-CO_US-MD` or `US-CO_GB`, `""` where an end is not known; `cut` says
    which of the three are told apart, the others are `""`. What each count means is written in `facts.figure_words`.
    """

    # Without a constraint: tens of thousands of rows are replaced at once, each of which would look for its merchant.
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, db_constraint=False
    )
    cut = models.CharField(max_length=12)
    span = models.CharField(max_length=4)
    starts_on = models.DateField()
    lane = models.CharField(max_length=11)
    carrier = models.CharField(max_length=20)
    service = models.CharField(max_length=100)

    parcels = _count()
    scanned = _count()
    under_way = _count()
    judged = _count()
    on_time = _count()
    not_due = _count()
    delivered = _count()
    first_try = _count()
    attempted = _count()
    failed_attempts = _count()
    exceptions = _count()
    returns = _count()
    transit_days = _histogram()
    transit_business_days = _histogram()
    first_scan_days = _histogram()
    first_scan_business_days = _histogram()
    # The last promised day that is not over: when it is, its parcels are judged without any news of them.
    open_until = models.DateField(null=True)

    class Meta:
        verbose_name = "cohort"
        verbose_name_plural = "cohorts"
        constraints = [
            # Also the way every page goes: a few days and weeks of one cut, then a lane or a carrier among them.
            models.UniqueConstraint(
                fields=["merchant", "cut", "span", "starts_on", "lane", "carrier", "service"],
                name="cohort_is_counted_once",
            ),
            models.CheckConstraint(
                condition=models.Q(cut__in=[cut.value for cut in Cut])
                & models.Q(span__in=[span.value for span in Span]),
                name="cohort_cut_and_span_are_known",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.parcels} parcels of {self.starts_on} ({self.span}, {self.cut})"


class StaleDay(models.Model):
    """A day whose parcels have changed since they were counted. Triggers on the parcels' table add a row per statement
    and day; whoever counts takes them away.

    Added, never updated, as `Tally`. Without a constraint to the merchant: the trigger also writes while one is deleted.
    """

    merchant = models.ForeignKey(
        Merchant, models.DO_NOTHING, related_name="+", db_index=False, db_constraint=False
    )
    day = models.DateField()

    class Meta:
        verbose_name = "stale day"
        verbose_name_plural = "stale days"
        indexes = [models.Index(fields=["merchant", "day"], name="stale_day_idx")]

    def __str__(self) -> str:
        return f"{self.day} of merchant {self.merchant_id}"


class Reckoning(models.Model):
    """How far a merchant's figures have been counted. Its row is the lock of whoever counts.

    Promised days pass on the merchant's clock: `today` and `time_zone` are those of the last count. `expected` is the digest
    of the table of expected days (`ServicePromise`) by which it was made, `""` for an empty one.
    """

    merchant = models.OneToOneField(Merchant, models.CASCADE, primary_key=True, related_name="reckoning")
    # Everything known before this moment is in the figures; null until they have been counted once from end to end.
    as_of = models.DateTimeField(null=True)
    today = models.DateField(null=True)
    time_zone = models.CharField(max_length=64, blank=True)
    # The default is the database's as well, for a process of the release before this column, while both run.
    expected = models.CharField(max_length=32, blank=True, default="", db_default="")

    class Meta:
        verbose_name = "reckoning"
        verbose_name_plural = "reckonings"

    def __str__(self) -> str:
        return f"figures of merchant {self.merchant_id} as of {self.as_of}"
