"""Parcels that need a person, and what the merchant's people have made of them."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.enums import Reason
from shipments.facts.reasons import ReasonWords, words
from shipments.models.merchants import Merchant, reason_choices
from shipments.models.shipments import Shipment
from shipments.models.users import User


class AttentionItemQuerySet(models.QuerySet["AttentionItem"]):
    """Items, many at once."""

    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def open(self, now: datetime) -> Self:
        """Those somebody should look at now: neither done nor put off to later."""
        return self.filter(done_at=None).exclude(snoozed_until__gt=now)

    def snoozed(self, now: datetime) -> Self:
        """Those put off to later."""
        return self.filter(done_at=None, snoozed_until__gt=now)

    def done(self) -> Self:
        """Those a person has done with, for as long as their reasons go on to hold."""
        return self.filter(done_at__isnull=False)

    def worst_first(self) -> Self:
        return self.order_by("rank", "since", "pk")

    def locked(self) -> Self:
        """With their rows locked, in the order in which every writer of many items takes them."""
        return self.select_for_update(of=("self",)).order_by("shipment_id")

    def mark_done(self, items: Sequence["AttentionItem"], by: User, now: datetime) -> int:
        """Done with, for the reasons and the news with which these items were read, and for no later ones."""
        for item in items:
            item.done_at, item.done_by, item.snoozed_until = now, by, None
            item.done_reasons, item.done_news_at = item.reasons, item.shipment.changed_at
        return self.bulk_update(
            items, ["done_at", "done_by", "done_reasons", "done_news_at", "snoozed_until"]
        )

    def undo(self) -> int:
        """Not done with after all."""
        return self.update(done_at=None, done_by=None, done_reasons=[], done_news_at=None)

    def give_to(self, owner_id: int | None) -> dict[int, dict[str, int | None]]:
        """Make these that person's, or nobody's; of each that had another owner, by the id of its parcel, who that was."""
        with transaction.atomic():
            others = list(
                self.exclude(owner=owner_id)
                .order_by("shipment_id")
                .select_for_update(of=("self",))
                .only("shipment", "owner")
            )
            self.model.objects.filter(pk__in=[item.pk for item in others]).update(owner=owner_id)
        return {item.shipment_id: {"owner": item.owner_id} for item in others}


class AttentionItem(models.Model):
    """A parcel that needs a person, for as long as one of the reasons holds.

    `reasons` are all that hold, the worst first; `reason` is the worst, `rank` its place among all reasons, `since`
    when it began to hold. `done_at`, `done_reasons` and `done_news_at` are set by a person: the item comes back when the
    parcel's last news are not those of `done_news_at` (none, where it had none), or when a reason appears that did not hold
    then. Written by `analytics.attention`.
    """

    shipment = models.OneToOneField(
        Shipment, models.CASCADE, related_name="attention", verbose_name=_("shipment")
    )
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant")
    )
    reasons = ArrayField(models.CharField(max_length=20, choices=reason_choices), verbose_name=_("reasons"))
    reason = models.CharField(_("worst reason"), max_length=20, choices=reason_choices)
    rank = models.PositiveSmallIntegerField()
    since = models.DateTimeField(_("since"))
    found_at = models.DateTimeField(_("found"))
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("owner")
    )
    snoozed_until = models.DateTimeField(_("put off until"), null=True)
    done_at = models.DateTimeField(_("done"), null=True)
    done_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("done by")
    )
    done_reasons = ArrayField(models.CharField(max_length=20), default=list)
    # The news, not the moment of the click: news may be stored under an earlier moment than that at which they can be read.
    done_news_at = models.DateTimeField(null=True)

    objects: ClassVar[AttentionItemQuerySet] = AttentionItemQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("attention item")
        verbose_name_plural = _("attention items")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(reason__in=[reason.value for reason in Reason]),
                name="attention_reason_is_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["merchant", "rank", "since", "id"],
                name="attention_worst_idx",
                condition=models.Q(done_at=None),
            ),
            # Also what counts of all of a merchant's items are read from.
            models.Index(fields=["merchant", "-done_at", "-id"], name="attention_done_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} of shipment {self.shipment_id}"

    @property
    def told(self) -> list[ReasonWords]:
        """All reasons in words, the worst first."""
        return [words(reason) for reason in self.reasons]

    def is_snoozed(self, now: datetime) -> bool:
        return self.done_at is None and self.snoozed_until is not None and self.snoozed_until > now

    @property
    def is_snoozed_now(self) -> bool:
        """For templates, which have no clock of their own."""
        return self.is_snoozed(timezone.now())


class AttentionReviewManager(models.Manager["AttentionReview"]):
    """When all parcels were looked through."""

    def note(self, now: datetime) -> None:
        """Write down that all parcels have been looked through."""
        self.update_or_create(pk=1, defaults={"at": now})


class AttentionReview(models.Model):
    """When all parcels were looked through last: one row, so that an empty page can say since when it is known to be empty."""

    at = models.DateTimeField()

    objects: ClassVar[AttentionReviewManager] = AttentionReviewManager()

    class Meta:
        verbose_name = "attention review"
        verbose_name_plural = "attention reviews"
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="attention_review_is_one_row")]

    def __str__(self) -> str:
        return f"all parcels looked through at {self.at}"
