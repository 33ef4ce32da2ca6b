"""Parcels: what the merchant told us, and what the carrier's answers amount to."""

import re
import uuid
from collections.abc import Sequence
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex, OpClass
from django.contrib.postgres.search import SearchQuery, SearchVector, SearchVectorField
from django.db import models
from django.db.models.functions import Coalesce, Collate, Left, Reverse, Upper
from django.db.models.lookups import Exact, IStartsWith, StartsWith
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.enums import GROUP_OF, EndReason, Kept, Lifecycle, Resolution, Status, StatusGroup
from shipments.facts.numbers import lookup_key, normal, without_destination
from shipments.models.accounts import gateway_choices
from shipments.models.carriers import Carrier, status_choices
from shipments.models.deeds import Deeds
from shipments.models.merchants import Membership, Merchant
from shipments.models.rows import IsOneOf, behind, with_keys

# Fewer signs are in too many numbers to find one by.
SHORTEST_END = 4
# What is looked for with all merchants at once is found no further than this.
MOST_FOUND = 1_000
# Carriers may send long texts; an entry of an index holds no more than this of them.
INDEXED_SIGNS = 100
# What names and searches are made of; punctuation is in neither.
_WORD = re.compile(r"[^\W_]+")
# Statuses after which no promise is waited for.
OVER = (Status.DELIVERED.value, Status.RETURN_TO_SENDER.value)

if TYPE_CHECKING:
    from shipments.models.watches import Watch


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


class Folded(models.Func):
    """Tags without the difference between capitals and small letters, in the database's way."""

    function = "shipments_folded"
    output_field = ArrayField(models.CharField())


def by_service() -> Left:
    """The service as far as the index has it."""
    return Left("service_name", INDEXED_SIGNS)


def by_place() -> Left:
    """Where the parcel was seen last, as far as the index has it."""
    return Left("last_location", INDEXED_SIGNS)


def by_order() -> Collate:
    """The order as it is sorted: capitals and small letters alike, sign by sign."""
    return Collate(Upper("order_number"), "C")


def _known_delivered_at() -> Coalesce:
    """When a delivered parcel was delivered, as well as the database knows it."""
    return Coalesce("delivered_at", "status_since", "changed_at", "created_at")


# The kinds of data that can be gone from a parcel, each with its bit in `Shipment.erased_parts`.
PART = {Kept.PERSONAL: 1, Kept.ANSWERS: 2, Kept.PROOFS: 4, Kept.SCANS: 8}


def by_last_news() -> Coalesce:
    """From when the ages of a parcel's data count: its last news, else when it was added."""
    return Coalesce("changed_at", "created_at")


_UNPROVED = models.Q(status=Status.DELIVERED, resolution="", signed_by="", proof_url="")


class ShipmentQuerySet(Deeds):
    """Parcels, many at once."""

    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def with_number(self, typed: str) -> Self:
        """Those with this number, in whatever form it was typed: blanks, routing prefix, lower case."""
        return self.filter(lookup_key=lookup_key(typed))

    def with_number_like(self, typed: str) -> Self:
        """Those whose number is, starts with or ends with what was typed; none for what can be no number."""
        wanted = _has_number(typed)
        return self.filter(wanted) if wanted else self.none()

    def found_everywhere(self, typed: str) -> list[int]:
        """The keys of those of any merchant whose number is, starts with or ends with what was typed, or whose order it is; at
        most `MOST_FOUND`, by at most five statements.

        Every index begins with the merchant: each condition is looked up once a merchant, and "or" would look up none.
        """
        merchants = list(Merchant.objects.order_by("pk").values_list("pk", flat=True))
        each = self.filter(merchant__in=merchants)
        number = normal(typed)
        wanted = [
            each.filter(
                Exact(by_order(), Collate(Upper(models.Value(typed)), "C")), is_archived__in=[True, False]
            )
        ]
        if number:
            wanted.append(self.filter(lookup_key=lookup_key(typed)))
        if len(number) >= SHORTEST_END:
            wanted.append(each.filter(number__startswith=number))
            wanted.append(each.filter(StartsWith(Reverse("number"), number[::-1])))
        found: set[int] = set()
        for rows in wanted:
            found.update(rows.order_by().values_list("pk", flat=True)[:MOST_FOUND])
        return sorted(found, reverse=True)[:MOST_FOUND]

    def searched(self, text: str) -> Self:
        """Those that free text finds: by number in any form, its start or its end; by the start of the order; by words
        of the recipient's name or their starts; by a tag. Capitals and small letters are alike."""
        wanted = models.Q(IStartsWith(models.F("order_number"), text)) | _has_tag(text) | _has_number(text)
        if words := _WORD.findall(text):
            wanted |= _has_words(words)
        return self.filter(wanted)

    def with_service(self, name: str) -> Self:
        """Those sent by this service; of a longer name its start is enough."""
        return self.filter(Exact(by_service(), name[:INDEXED_SIGNS]))

    def tagged(self, tag: str) -> Self:
        """Those with this tag, in capitals or small letters."""
        return self.filter(_has_tag(tag))

    def with_tags(self) -> Self:
        """Those with any tag."""
        return self.filter(~models.Q(tags=[]))

    def last_seen_in(self, place: str) -> Self:
        """Those whose last known place begins so, in capitals or small letters."""
        return self.filter(IStartsWith(by_place(), place[:INDEXED_SIGNS]))

    def in_group(self, group: StatusGroup) -> Self:
        return self.filter(status_group=group)

    def late(self, today: date) -> Self:
        """Those that were promised for a day before `today`, and are neither delivered nor on their way back."""
        return self.filter(estimated_on__lt=today, delivered_on=None).exclude(status__in=OVER)

    def with_proof(self) -> Self:
        """Those whose delivery the carrier can prove."""
        return self.exclude(proof_url="")

    def without_proof(self) -> Self:
        """Those that were delivered, as the carrier says, without offering proof of it."""
        return self.filter(status=Status.DELIVERED, proof_url="")

    def news_to(self, reader: Membership) -> Self:
        """Those that changed after everything this person has seen, and that they have not opened since."""
        return self.filter(changed_at__gt=reader.seen_until).exclude(_opened_since_the_news(reader))

    def marked_for(self, reader: Membership) -> Self:
        """Each with `is_news`: whether `news_to` this person has it."""
        return self.annotate(
            is_news=models.Case(
                models.When(
                    models.Q(changed_at__gt=reader.seen_until) & ~models.Q(_opened_since_the_news(reader)),
                    then=True,
                ),
                default=False,
            )
        )

    def newest_first(self) -> Self:
        return self.order_by("-created_at", "-pk")

    def coming_after(self, created_at: datetime, pk: int) -> Self:
        """Those that come after this parcel where the newest is first."""
        return self.filter(behind([models.F("created_at"), models.F("pk")], [created_at, pk], smaller=True))

    def of_order(self, number: str) -> Self:
        """Those of this order that are not archived, in capitals or small letters, with the sign # in front or without it."""
        written = [Upper(models.Value(number)), Upper(models.Value(f"#{number}"))]
        wanted = IsOneOf(by_order(), models.Func(*written, template="ARRAY[%(expressions)s]"))
        return self.filter(models.Q(wanted), is_archived=False)

    def merchant_by_merchant(self) -> Self:
        """The same parcels, looked up among those of each merchant in turn: for what has an index by merchant only."""
        every = ArraySubquery(Merchant.objects.order_by().values("pk"))
        return self.filter(models.Q(IsOneOf(models.F("merchant"), every)))

    def with_keys(self, keys: Sequence[int]) -> Self:
        """Those with these keys. An empty list costs a statement like any other."""
        return self.filter(with_keys("pk", keys))

    def public(self) -> Self:
        """Those a stranger may look up: archived parcels are gone from public pages."""
        return self.exclude(lifecycle=Lifecycle.ARCHIVED)


class _Matches(models.Func):
    """Whether a text search finds something."""

    template = "(%(expressions)s)"
    arg_joiner = " @@ "
    output_field = models.BooleanField()


class _Contains(models.Func):
    """Whether an array has all of another."""

    template = "(%(expressions)s)"
    arg_joiner = " @> "
    output_field = models.BooleanField()


def _has_number(typed: str) -> models.Q:
    """The number in any form, its start or its end; nothing where punctuation alone was typed, which is in no number."""
    number = normal(typed)
    if not number:
        return models.Q()
    wanted = models.Q(lookup_key=lookup_key(typed))
    if len(number) >= SHORTEST_END:
        wanted |= models.Q(number__startswith=number)
        wanted |= models.Q(StartsWith(Reverse("number"), number[::-1]))
    return wanted


def _has_tag(tag: str) -> models.Q:
    # The first condition is the index's own, and spares most parcels the second.
    asked = Folded(models.Value([tag], output_field=ArrayField(models.CharField())))
    return ~models.Q(tags=[]) & models.Q(_Contains(Folded("tags"), asked))


def word_to_look_up(text: str) -> str:
    """The longest of its words: that by which recipients are looked up; `""` where it has none.

    A short start is that of many thousand names, and an index gathers all of them before it compares.
    """
    return max(_WORD.findall(text), key=len, default="")


def _has_words(words: list[str]) -> models.Q:
    """A recipient with a word beginning with each of these.

    Only one is looked up; the others are looked for among what it finds.
    """
    longest = word_to_look_up(" ".join(words))
    wanted = models.Q(_Matches("recipient_words", _starts([longest])))
    if others := [word for word in words if word != longest]:
        unindexed = models.Func("recipient_words", function="strip", output_field=SearchVectorField())
        wanted &= models.Q(_Matches(unindexed, _starts(others)))
    return wanted


def _starts(words: list[str]) -> SearchQuery:
    """What has a word beginning with each of these."""
    return SearchQuery(" & ".join(f"'{word}':*" for word in words), config="simple", search_type="raw")


def _opened_since_the_news(reader: Membership) -> models.Exists:
    seen: Any = apps.get_model("shipments", "SeenParcel")._default_manager
    return models.Exists(
        seen.filter(
            membership=reader, shipment=models.OuterRef("pk"), seen_at__gte=models.OuterRef("changed_at")
        )
    )


_LISTED = ("merchant", "is_archived")


def _down(column: str) -> models.OrderBy:
    """Largest first, nulls last."""
    return models.F(column).desc(nulls_last=True)


class Shipment(models.Model):
    """A parcel: (merchant, carrier, canonical number, instance).

    A moment is four columns: `…_on` and `…_time` as posted on the clock of the place, `…_offset` that clock's
    minutes from UTC, `…_at` the instant; offset and instant only where the carrier or the place tells them.
    `…_on` without `…_time` is a date without a time.
    """

    # Set by `marked_for` only.
    is_news: bool

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
    # The words of the name, for the database to look in; kept because a list may look at thousands of them.
    recipient_words = models.GeneratedField(
        expression=SearchVector("recipient_name", config="simple"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    proof_due = models.BooleanField(
        _("proof is due"),
        default=False,
        help_text=_("A delivery without signature or picture needs a person."),
    )
    tags = ArrayField(models.CharField(max_length=40), verbose_name=_("tags"), default=list, blank=True)
    created_at = models.DateTimeField(_("added"), default=timezone.now, editable=False)

    # Where a person has drawn a line between parcels that share the number, or between carriers: scans before
    # `number_from` and from `number_until` on are other parcels', and what was told up to `carrier_corrected_at` is
    # that of a carrier the parcel was given to by mistake. Written by `tracking.correcting`.
    number_from = models.DateField(_("the number is this parcel's from"), null=True, editable=False)
    number_until = models.DateField(_("the number is another parcel's from"), null=True, editable=False)
    carrier_corrected_at = models.DateTimeField(_("carrier corrected"), null=True, editable=False)

    lifecycle = models.CharField(
        _("lifecycle"), max_length=10, choices=lifecycle_choices, default=Lifecycle.ACTIVE
    )
    # What is archived is out of every list but its own: each index of a list keeps it apart.
    is_archived = models.GeneratedField(
        expression=models.ExpressionWrapper(
            models.Q(lifecycle=Lifecycle.ARCHIVED.value), output_field=models.BooleanField()
        ),
        output_field=models.BooleanField(),
        db_persist=True,
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

    # Which kinds of data were erased (`PART`); nothing that is heard later brings them back. `erasures` says of each kind
    # when it was, and by which age in days: null, where the buyer asked for it.
    erased_parts = models.SmallIntegerField(default=0, db_default=0, editable=False)
    erasures = models.JSONField(default=dict, db_default=models.Value({}, models.JSONField()), editable=False)

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
            # One for each order of the list, and for each way to cut it in its usual order.
            models.Index(fields=[*_LISTED, "-created_at", "-id"], name="shipment_newest_idx"),
            models.Index(fields=[*_LISTED, "status_group", "-created_at", "-id"], name="shipment_group_idx"),
            models.Index(fields=[*_LISTED, "carrier", "-created_at", "-id"], name="shipment_carrier_idx"),
            models.Index(
                *_LISTED,
                by_service(),
                models.F("created_at").desc(),
                models.F("id").desc(),
                name="shipment_service_idx",
            ),
            models.Index(
                fields=["merchant", "-created_at", "-id"],
                name="shipment_active_idx",
                condition=models.Q(lifecycle=Lifecycle.ACTIVE.value),
            ),
            models.Index(*_LISTED, _down("changed_at"), models.F("id").desc(), name="shipment_news_idx"),
            models.Index(*_LISTED, _down("last_scan_at"), models.F("id").desc(), name="shipment_scan_idx"),
            models.Index(
                *_LISTED, _down("delivered_on"), models.F("id").desc(), name="shipment_delivered_idx"
            ),
            models.Index(fields=[*_LISTED, "estimated_on", "id"], name="shipment_promised_idx"),
            models.Index(*_LISTED, by_order(), "id", name="shipment_order_idx"),
            models.Index(
                fields=[*_LISTED, "estimated_on", "id"],
                name="shipment_late_idx",
                condition=models.Q(delivered_on=None) & ~models.Q(status__in=OVER),
            ),
            models.Index(
                fields=[*_LISTED, "-created_at", "-id"],
                name="shipment_proof_idx",
                condition=~models.Q(proof_url=""),
            ),
            models.Index(
                fields=[*_LISTED, "-created_at", "-id"],
                name="shipment_no_proof_idx",
                condition=models.Q(status=Status.DELIVERED.value, proof_url=""),
            ),
            models.Index(
                fields=[*_LISTED, "resolution", "-created_at", "-id"],
                name="shipment_resolution_idx",
                condition=~models.Q(resolution=""),
            ),
            models.Index(
                fields=[*_LISTED, "-created_at", "-id"],
                name="shipment_tagged_idx",
                condition=~models.Q(tags=[]),
            ),
            # What free text and starts of places are looked up in.
            models.Index("merchant", OpClass("number", "text_pattern_ops"), name="shipment_number_idx"),
            models.Index(
                "merchant", OpClass(Reverse("number"), "text_pattern_ops"), name="shipment_number_end_idx"
            ),
            models.Index(
                "merchant", OpClass(Upper(by_place()), "text_pattern_ops"), name="shipment_place_idx"
            ),
            GinIndex(fields=["recipient_words"], name="shipment_recipient_idx"),
            GinIndex(Folded("tags"), name="shipment_tags_idx", condition=~models.Q(tags=[])),
            # The branches of `attention_rules.EVERYBODY`: a few in a hundred parcels each, however many lie in the past.
            models.Index(
                fields=["id"],
                name="shipment_under_way_idx",
                condition=models.Q(lifecycle=Lifecycle.ACTIVE, resolution="")
                & ~models.Q(status=Status.DELIVERED),
            ),
            models.Index(
                fields=["id"],
                name="shipment_left_in_trouble_idx",
                condition=models.Q(
                    lifecycle=Lifecycle.ENDED,
                    end_reason=EndReason.TOO_OLD,
                    resolution="",
                    status__in=[Status.EXCEPTION.value, Status.RETURN_TO_SENDER.value],
                ),
            ),
            models.Index(
                _known_delivered_at(),
                name="shipment_proof_due_idx",
                condition=_UNPROVED & models.Q(proof_due=True),
            ),
            models.Index(
                models.F("merchant"),
                _known_delivered_at(),
                name="shipment_unproved_idx",
                condition=_UNPROVED & models.Q(proof_due=False),
            ),
            # The day figures count a parcel under; `analytics.cohorts` says it in the same words.
            models.Index(
                models.F("merchant"),
                Coalesce("mailing_date", "shipped_on", "first_scan_on"),
                name="shipment_cohort_idx",
            ),
            # What has grown too old to be kept: see `keeping.retention`.
            models.Index(
                models.F("merchant"),
                models.F("erased_parts"),
                models.F("lifecycle"),
                by_last_news(),
                models.F("id"),
                name="shipment_kept_idx",
            ),
        ]

    # The other side of the watch's key.
    watch: "Watch"

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.number}" + (f" ({self.instance})" if self.instance > 1 else "")

    @property
    def open_number(self) -> str:
        """The number as those may read it who do not know where the parcel goes."""
        return without_destination(self.number)

    @property
    def group(self) -> StatusGroup:
        return GROUP_OF.get(Status(self.status), StatusGroup.UNKNOWN)

    def has_lost(self, kind: Kept) -> bool:
        """Whether this kind of its data was erased: what comes later of that kind is not kept either."""
        return bool(self.erased_parts & PART[kind])

    @property
    def has_proof(self) -> bool:
        """Whether the carrier offers a picture or a signature of the delivery."""
        return bool(self.proof_url)
