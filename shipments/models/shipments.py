"""Parcels: what the merchant told us, and what the carrier's answers amount to."""

import uuid
from datetime import datetime
from typing import Any, ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.enums import GROUP_OF, EndReason, Lifecycle, Resolution, Status, StatusGroup
from shipments.facts.numbers import lookup_key, normal
from shipments.models.accounts import gateway_choices
from shipments.models.carriers import Carrier, status_choices
from shipments.models.deeds import Deeds
from shipments.models.merchants import Merchant


def lifecycle_choices() -> list[tuple[str, str]]:
    return [(lifecycle.value, lifecycle.value) for lifecycle in Lifecycle]


def end_reason_choices() -> list[tuple[str, str]]:
    return [(reason.value, reason.value) for reason in EndReason]


def resolution_choices() -> list[tuple[str, str]]:
    return [(resolution.value, resolution.value) for resolution in Resolution]


def _group_of_status() -> models.Case:
    """`GROUP_OF` for the database, which keeps the group of every parcel in step with its status."""
    return models.Case(
        *(
            models.When(
                status__in=[status.value for status, of in GROUP_OF.items() if of == group],
                then=models.Value(group.value),
            )
            for group in StatusGroup
            if group != StatusGroup.UNKNOWN
        ),
        default=models.Value(StatusGroup.UNKNOWN.value),
    )


class _RowsBefore(models.Func):
    """`(a, b) < (c, d)` as one comparison of rows: an index on (a, b) answers it as a range, however many share `a`."""

    output_field = models.BooleanField()
    template = "(%s, %s) < (%s, %s)"

    def as_sql(
        self, compiler: Any, connection: Any, *given: Any, **named: Any
    ) -> tuple[str, tuple[Any, ...]]:
        parts = [compiler.compile(expression) for expression in self.get_source_expressions()]
        sql = self.template % tuple(sql for sql, _params in parts)
        return sql, tuple(param for _sql, params in parts for param in params)


class ShipmentQuerySet(Deeds):
    """Parcels, many at once."""

    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def with_number(self, typed: str) -> Self:
        """Those with this number, in whatever form it was typed: blanks, routing prefix, lower case."""
        return self.filter(lookup_key=lookup_key(typed))

    def with_number_like(self, typed: str) -> Self:
        """Those whose number is, starts with or ends with what was typed."""
        text = normal(typed)
        return self.filter(
            models.Q(lookup_key=lookup_key(typed))
            | models.Q(number__startswith=text)
            | models.Q(number__endswith=text)
        )

    def in_group(self, group: StatusGroup) -> Self:
        return self.filter(status_group=group)

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "-pk")

    def coming_after(self, created_at: datetime, pk: int) -> Self:
        """Those that come after this parcel where the newest is first."""
        moment = models.Value(created_at, output_field=models.DateTimeField())
        return self.filter(_RowsBefore(models.F("created_at"), models.F("pk"), moment, models.Value(pk)))

    def public(self) -> Self:
        """Those a stranger may look up: archived parcels are gone from public pages."""
        return self.exclude(lifecycle=Lifecycle.ARCHIVED)


class Shipment(models.Model):
    """A parcel: (merchant, carrier, canonical number, instance).

    A moment is four columns: `…_on` and `…_time` as posted on the clock of the place, `…_offset` that clock's
    minutes from UTC, `…_at` the instant; offset and instant only where the carrier or the place tells them.
    `…_on` without `…_time` is a date without a time.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="shipments", verbose_name=_("merchant")
    )
    carrier = models.ForeignKey(
        Carrier, models.PROTECT, related_name="shipments", db_index=False, verbose_name=_("carrier")
    )
    number = models.CharField(_("tracking number"), max_length=34)
    number_as_typed = models.CharField(_("number as typed"), max_length=100)
    lookup_key = models.CharField(max_length=34, editable=False)
    instance = models.PositiveSmallIntegerField(
        _("instance"), default=1, help_text=_("Carriers use numbers again; this tells them apart.")
    )
    gateway = models.CharField(
        _("gateway"),
        max_length=20,
        choices=gateway_choices,
        blank=True,
        help_text=_("Empty: chosen by the merchant's accounts."),
    )
    destination_postal_code = models.CharField(_("destination postal code"), max_length=12, blank=True)
    mailing_date = models.DateField(_("mailing date"), null=True, blank=True)
    order_number = models.CharField(_("order"), max_length=100, blank=True)
    recipient_name = models.CharField(_("recipient"), max_length=200, blank=True)
    proof_due = models.BooleanField(
        _("proof is due"),
        default=False,
        help_text=_("A delivery without signature or picture needs a person."),
    )
    tags = ArrayField(models.CharField(max_length=40), verbose_name=_("tags"), default=list, blank=True)
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)

    lifecycle = models.CharField(
        _("lifecycle"), max_length=10, choices=lifecycle_choices, default=Lifecycle.ACTIVE
    )
    end_reason = models.CharField(_("ended because"), max_length=10, choices=end_reason_choices, blank=True)

    resolution = models.CharField(_("resolution"), max_length=10, choices=resolution_choices, blank=True)
    resolved_at = models.DateTimeField(_("resolved"), null=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("resolved by")
    )

    status = models.CharField(_("status"), max_length=20, choices=status_choices, default=Status.UNKNOWN)
    status_group = models.GeneratedField(
        expression=_group_of_status(), output_field=models.CharField(max_length=10), db_persist=True
    )
    status_since = models.DateTimeField(_("in this status since"), null=True)
    status_text = models.CharField(_("carrier's words"), max_length=1000, blank=True)
    changed_at = models.DateTimeField(_("last news"), null=True)
    last_scan_at = models.DateTimeField(_("last scan"), null=True)
    last_location = models.CharField(_("last location"), max_length=1000, blank=True)
    package_count = models.PositiveIntegerField(_("packages"), null=True)
    service_code = models.CharField(_("service code"), max_length=100, blank=True)
    service_name = models.CharField(_("service"), max_length=1000, blank=True)
    weight_value = models.JSONField(_("weight"), null=True, help_text=_("As sent: a number or a text."))
    weight_unit = models.CharField(_("unit of weight"), max_length=100, blank=True)
    dimension = models.JSONField(_("dimension"), null=True)
    reference_number = models.CharField(_("reference number"), max_length=1000, blank=True)
    smart_label_barcode = models.CharField(_("SmartLabel barcode"), max_length=100, blank=True)
    second_number = models.CharField(_("second number"), max_length=100, blank=True)
    origin_city = models.CharField(_("origin"), max_length=1000, blank=True)
    destination_city = models.CharField(_("destination"), max_length=1000, blank=True)

    # What figures and attention count from, derived from the scans like everything above. Regions are states
    # or provinces, countries ISO codes; days are those on the clock of their place.
    origin_region = models.CharField(max_length=60, blank=True)
    origin_country = models.CharField(max_length=2, blank=True)
    destination_region = models.CharField(max_length=60, blank=True)
    destination_country = models.CharField(max_length=2, blank=True)
    first_promised_on = models.DateField(_("first promised day"), null=True)
    labelled_at = models.DateTimeField(_("label"), null=True)
    first_scan_at = models.DateTimeField(_("first scan"), null=True)
    first_scan_on = models.DateField(null=True)
    first_attempt_on = models.DateField(_("first attempt"), null=True)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    had_exception = models.BooleanField(_("had an exception"), default=False)

    shipped_on = models.DateField(null=True)
    shipped_time = models.TimeField(null=True)
    shipped_offset = models.SmallIntegerField(null=True)
    shipped_at = models.DateTimeField(null=True)
    updated_on = models.DateField(null=True)
    updated_time = models.TimeField(null=True)
    updated_offset = models.SmallIntegerField(null=True)
    updated_at = models.DateTimeField(null=True)
    estimated_on = models.DateField(_("promised day"), null=True)
    estimated_from = models.TimeField(null=True)
    estimated_to = models.TimeField(null=True)
    estimated_offset = models.SmallIntegerField(null=True)
    delivered_on = models.DateField(_("delivered"), null=True)
    delivered_time = models.TimeField(null=True)
    delivered_offset = models.SmallIntegerField(null=True)
    delivered_at = models.DateTimeField(null=True)
    delivery_location = models.CharField(_("delivery location"), max_length=1000, blank=True)
    delivery_description = models.CharField(_("delivery description"), max_length=1000, blank=True)
    signed_by = models.CharField(_("signed by"), max_length=1000, blank=True)
    proof_url = models.URLField(_("carrier's proof"), max_length=2000, blank=True)
    reattempt_on = models.DateField(null=True)
    reattempt_time = models.TimeField(null=True)
    reattempt_offset = models.SmallIntegerField(null=True)
    reattempt_at = models.DateTimeField(null=True)
    details = models.JSONField(_("further details"), default=dict)

    # The newest answer that was read, and which gateway gave it.
    answer = models.ForeignKey(
        "Answer", models.SET_NULL, null=True, related_name="+", verbose_name=_("answer")
    )
    answered_by = models.CharField(_("answered by"), max_length=20, choices=gateway_choices, blank=True)
    facts_fetched_at = models.DateTimeField(null=True)
    # The newest answer speaks for all scans from here on; null when it may have been cut.
    covered_from = models.DateTimeField(null=True)
    unreadable_scans = models.PositiveSmallIntegerField(_("unreadable parts"), default=0)

    objects: ClassVar[ShipmentQuerySet] = ShipmentQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("shipment")
        verbose_name_plural = _("shipments")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant", "carrier", "number", "instance"], name="parcel_once_per_merchant"
            ),
            models.CheckConstraint(
                condition=models.Q(number__regex=r"^[A-Z0-9]{4,34}$"), name="shipment_number_is_canonical"
            ),
            models.CheckConstraint(
                condition=(models.Q(lifecycle=Lifecycle.ACTIVE, end_reason=""))
                | (~models.Q(lifecycle=Lifecycle.ACTIVE) & ~models.Q(end_reason="")),
                name="shipment_end_has_a_reason",
            ),
        ]
        indexes = [
            models.Index(fields=["lookup_key"], name="shipment_lookup_idx"),
            models.Index(fields=["merchant", "-created_at", "-id"], name="shipment_newest_idx"),
            models.Index(
                fields=["merchant", "status_group", "-created_at", "-id"], name="shipment_group_idx"
            ),
            models.Index(
                models.F("merchant"),
                models.F("changed_at").desc(nulls_last=True),
                models.F("id").desc(),
                name="shipment_news_idx",
            ),
            GinIndex(fields=["tags"], name="shipment_tags_idx", condition=~models.Q(tags=[])),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.number}" + (f" ({self.instance})" if self.instance > 1 else "")

    @property
    def group(self) -> StatusGroup:
        return GROUP_OF.get(Status(self.status), StatusGroup.UNKNOWN)

    @property
    def has_proof(self) -> bool:
        """Whether the carrier offers a picture or a signature of the delivery."""
        return bool(self.proof_url)
