"""Scan events: each stored once, each with the answer that first showed it."""

from collections.abc import Sequence
from typing import ClassVar, Self

from django.db import models
from django.db.models.fields.json import KeyTextTransform
from django.db.models.lookups import Exact
from django.utils.translation import gettext_lazy as _

from shipments.enums import Status, ZoneKnownBy
from shipments.models.answers import Answer
from shipments.models.carriers import KEPT_TEXT, folded, status_choices
from shipments.models.merchants import Merchant
from shipments.models.rows import with_keys
from shipments.models.shipments import Shipment


def known_by_choices() -> list[tuple[str, str]]:
    return [(known_by.value, known_by.value) for known_by in ZoneKnownBy]


# Under which a scan's details keep the carrier's status word, where it did not decide the scan's status.
STATUS_WORD = "packageStatus"


class FoldedText(models.Func):
    """`carriers.folded` in the database."""

    template = f'lower(left(%(expressions)s, {KEPT_TEXT}) COLLATE "C")'
    output_field = models.TextField()


class TextHash(models.Func):
    """Eight bytes by which an index finds a folded text: the texts themselves would take twice as much as all else in it."""

    template = f'hashtextextended(lower(left(%(expressions)s, {KEPT_TEXT}) COLLATE "C"), 0)'
    output_field = models.BigIntegerField()


def status_word() -> KeyTextTransform:
    """The carrier's status word, where it did not decide the status."""
    return KeyTextTransform(STATUS_WORD, "details")


class ScanEventQuerySet(models.QuerySet["ScanEvent"]):
    """Scans, many at once."""

    def newest_first(self) -> Self:
        """By instant; a date without a time counts as the end of its day; then the carrier's own order."""
        return self.order_by("-ordered_at", "-position", "-pk")

    def of_parcels(self, keys: Sequence[int]) -> Self:
        """Those of the parcels with these keys. An empty list costs a statement like any other."""
        return self.filter(with_keys("shipment", keys))

    def with_words(self, code: str = "", text: str = "", word: str = "") -> Self:
        """Those a mapping with these words may speak of: all that are given, and not decided by the carrier's own word.

        In the order of their parcels each of the three is looked up in an index. Codes mean carriers' own things: whose
        parcels they are has to be looked at, too.
        """
        scans = self.exclude(status_by="carrier")
        if code:
            scans = scans.filter(code=code)
        if text:
            same = folded(text)
            scans = scans.filter(
                Exact(TextHash("text"), TextHash(models.Value(same))), Exact(FoldedText("text"), same)
            )
        if word:
            scans = scans.filter(Exact(status_word(), word), details__has_key=STATUS_WORD)
        return scans

    def shown(self) -> Self:
        """Those that tell of this parcel today: neither taken back nor of an earlier parcel."""
        return self.filter(withdrawn_at=None, earlier_parcel=False)


class ScanEvent(models.Model):
    """One scan. `local_date`, `local_time`, `posted_offset` and `posted_instant` are as posted.

    What follows from them is settled anew with every answer that brings news: `offset` is that clock's minutes from UTC,

    `at` the instant, null where the carrier gave no time. `zone` is the IANA name where the place tells it
    or where it was assumed; `known_by` says how the instant is known. `position` is the carrier's own order, 0
    the oldest of its answer. Written by `tracking.ingest` only; never deleted.
    """

    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="scans", verbose_name=_("shipment"), db_index=False
    )
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant")
    )
    # Without a constraint: for each answer that is deleted the database would look through all scans.
    answer = models.ForeignKey(
        Answer,
        models.SET_NULL,
        null=True,
        related_name="scans",
        db_index=False,
        db_constraint=False,
        verbose_name=_("answer"),
    )
    fingerprint = models.CharField(max_length=32)
    local_date = models.DateField(_("date"))
    local_time = models.TimeField(_("time"), null=True)
    posted_offset = models.SmallIntegerField(_("carrier's minutes from UTC"), null=True)
    posted_instant = models.DateTimeField(_("carrier's instant"), null=True)
    offset = models.SmallIntegerField(_("minutes from UTC"), null=True)
    zone = models.CharField(_("time zone"), max_length=64, blank=True)
    at = models.DateTimeField(_("instant"), null=True)
    known_by = models.CharField(_("zone known by"), max_length=8, choices=known_by_choices)
    ordered_at = models.DateTimeField()
    position = models.PositiveSmallIntegerField(default=0)
    status = models.CharField(_("status"), max_length=20, choices=status_choices)
    status_by = models.CharField(_("status by"), max_length=8, blank=True)
    code = models.CharField(_("carrier's code"), max_length=100, blank=True)
    text = models.CharField(_("carrier's text"), max_length=1000, blank=True)
    text_for_buyers = models.CharField(_("text for buyers"), max_length=1000, blank=True)
    text_for_sellers = models.CharField(_("text for sellers"), max_length=1000, blank=True)
    city = models.CharField(_("city"), max_length=1000, blank=True)
    region = models.CharField(_("region"), max_length=1000, blank=True)
    postal_code = models.CharField(_("postal code"), max_length=100, blank=True)
    country = models.CharField(_("country"), max_length=1000, blank=True)
    latitude = models.FloatField(_("latitude"), null=True)
    longitude = models.FloatField(_("longitude"), null=True)
    url = models.CharField(_("link"), max_length=2000, blank=True)
    leg = models.CharField(_("leg"), max_length=100, blank=True)
    signed_by = models.CharField(_("signed by"), max_length=1000, blank=True)
    details = models.JSONField(_("further details"), default=dict)
    withdrawn_at = models.DateTimeField(_("taken back"), null=True)
    earlier_parcel = models.BooleanField(_("of an earlier parcel"), default=False)

    objects: ClassVar[ScanEventQuerySet] = ScanEventQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("scan")
        verbose_name_plural = _("scans")
        constraints = [
            # Its index also serves the look-up of a parcel's scans.
            models.UniqueConstraint(fields=["shipment", "fingerprint"], name="scan_once_per_shipment"),
            models.CheckConstraint(
                condition=models.Q(local_time__isnull=False) | models.Q(at__isnull=True),
                name="scan_instant_needs_a_time",
            ),
            models.CheckConstraint(
                condition=models.Q(known_by__in=[known_by.value for known_by in ZoneKnownBy]),
                name="scan_zone_known_somehow",
            ),
        ]
        # By what mappings speak of; which parcels those are is read from the index alone.
        indexes = [
            models.Index(
                fields=["code", "shipment"],
                name="scan_code_idx",
                condition=~models.Q(status_by="carrier") & ~models.Q(code=""),
            ),
            models.Index(
                TextHash("text"), "shipment", name="scan_text_idx", condition=~models.Q(status_by="carrier")
            ),
            models.Index(
                status_word(),
                "shipment",
                name="scan_word_idx",
                condition=~models.Q(status_by="carrier") & models.Q(details__has_key=STATUS_WORD),
            ),
            # An example of each code that no table knows.
            models.Index(
                fields=["code"],
                name="scan_unrecognised_idx",
                condition=models.Q(status=Status.UNKNOWN.value, status_by=""),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.local_date} {self.status} {self.text}"
