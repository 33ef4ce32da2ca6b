"""A merchant between work and rest: its watches on their way, and its deletion until it is done, and what is left of it."""

import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.models.merchants import Merchant

if TYPE_CHECKING:
    from shipments.models.users import User


class WatchMove(models.Model):
    """The watches of a merchant that was suspended are to be put away, or those of one that is at work again brought back.

    A row is work to do: parcels that are followed are gone through from the newest to the oldest, `after_at` and `after_id`
    are where the last step ended. Whoever changes their mind on the way begins it anew in the other direction.
    """

    merchant = models.OneToOneField(Merchant, models.CASCADE, primary_key=True, related_name="watch_move")
    is_back = models.BooleanField()
    # Over how long the parcels come back: not all at once, or they would keep everybody else's waiting.
    spread = models.DurationField(default=timedelta)
    after_at = models.DateTimeField(null=True)
    after_id = models.BigIntegerField(null=True)

    class Meta:
        verbose_name = "move of watches"
        verbose_name_plural = "moves of watches"

    def __str__(self) -> str:
        return f"watches of merchant {self.merchant_id} {'back' if self.is_back else 'away'}"


class DeletionQuerySet(models.QuerySet["MerchantDeletion"]):
    """Deletions of merchants, many at once."""

    def of(self, merchant: Merchant) -> "MerchantDeletion | None":
        """The one that was asked for and is neither called off nor over."""
        return self.open().filter(merchant=merchant.pk).first()

    def open(self) -> Self:
        return self.filter(called_off_at=None, finished_at=None)

    def due(self, now: datetime) -> Self:
        return self.open().filter(due_at__lte=now)


class MerchantDeletion(models.Model):
    """That a merchant is deleted for good from `due_at` on. No foreign keys: the row outlives all it speaks of, and is the
    receipt then, with how many rows of which table are gone (`counts`).

    Until `begun_at` it can be called off. Each step and its counts are one transaction.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    merchant = models.BigIntegerField(_("merchant"))
    slug = models.CharField(_("short name"), max_length=50)
    name = models.CharField(_("name"), max_length=200)
    asked_at = models.DateTimeField(_("asked for"))
    asked_by = models.BigIntegerField(_("asked for by"), null=True)
    due_at = models.DateTimeField(_("from when on"))
    # Whether the merchant was at work: calling the deletion off puts it back to work then.
    suspends = models.BooleanField(default=False)
    called_off_at = models.DateTimeField(_("called off"), null=True)
    begun_at = models.DateTimeField(_("begun"), null=True)
    finished_at = models.DateTimeField(_("finished"), null=True)
    counts = models.JSONField(_("rows deleted"), default=dict)

    objects: ClassVar[DeletionQuerySet] = DeletionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("deletion of a merchant")
        verbose_name_plural = _("deletions of merchants")
        constraints = [
            models.UniqueConstraint(
                fields=["merchant"],
                condition=models.Q(called_off_at=None, finished_at=None),
                name="one_open_deletion_per_merchant",
            ),
            models.CheckConstraint(
                condition=models.Q(called_off_at=None) | models.Q(begun_at=None),
                name="begun_deletion_is_not_called_off",
            ),
        ]
        indexes = [
            models.Index(
                fields=["due_at"],
                name="merchant_deletion_due_idx",
                condition=models.Q(called_off_at=None, finished_at=None),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.slug} ({self.merchant})"

    @classmethod
    def ask(
        cls, merchant: Merchant, *, by: "User | None", due_at: datetime, suspends: bool, now: datetime
    ) -> "MerchantDeletion":
        return cls.objects.create(
            merchant=merchant.pk,
            slug=merchant.slug,
            name=merchant.name,
            asked_at=now,
            asked_by=None if by is None else by.pk,
            due_at=due_at,
            suspends=suspends,
        )

    def call_off(self, now: datetime) -> bool:
        """Have it not happen; False where it has begun, or was called off."""
        mine = type(self).objects.filter(pk=self.pk, begun_at=None, called_off_at=None)
        return bool(mine.update(called_off_at=now))

    @property
    def rows(self) -> int:
        """How many rows are gone."""
        return sum(self.counts.values())
