"""What people wrote about a parcel, and how its promised day moved."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.models.merchants import Merchant
from shipments.models.shipments import Shipment


class Note(models.Model):
    """A note of the merchant's people; buyers never see it."""

    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="notes", verbose_name=_("shipment"), db_index=False
    )
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False)
    author = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("author")
    )
    text = models.CharField(_("note"), max_length=2000)
    made_at = models.DateTimeField(_("written"), default=timezone.now)

    objects: ClassVar[models.Manager["Note"]] = models.Manager()

    class Meta:
        verbose_name = _("note")
        verbose_name_plural = _("notes")
        indexes = [models.Index(fields=["shipment", "-made_at"], name="note_of_shipment_idx")]

    def __str__(self) -> str:
        return f"note {self.pk} on shipment {self.shipment_id}"


class PromisedDay(models.Model):
    """A day or window the carrier promised, from `told_at` until the next row's; `on` null: it took its promise back."""

    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="promises", verbose_name=_("shipment"), db_index=False
    )
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False)
    on = models.DateField(_("promised day"), null=True)
    starts = models.TimeField(_("from"), null=True)
    ends = models.TimeField(_("to"), null=True)
    told_at = models.DateTimeField(_("told"))

    objects: ClassVar[models.Manager["PromisedDay"]] = models.Manager()

    class Meta:
        verbose_name = _("promised day")
        verbose_name_plural = _("promised days")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "told_at"], name="one_promise_at_a_time"),
        ]

    def __str__(self) -> str:
        return f"{self.on} for shipment {self.shipment_id}"
