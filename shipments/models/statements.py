"""Proof statements: what was stated of a parcel, on which day, in a form that can be checked later."""

import json
from typing import Any, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.deletion import Collector
from django.utils.translation import gettext_lazy as _

from shipments.fields import EncryptedTextField
from shipments.models.merchants import Merchant
from shipments.models.shipments import Shipment


def erase_with_parcel(collector: Collector, field: Any, sub_objs: Any, using: str) -> None:
    """Leave the statements of a deleted parcel to be checked, without what they said."""
    models.SET_NULL(collector, field, sub_objs, using)
    collector.add_field_update(sub_objs.model._meta.get_field("document"), None, sub_objs)


class StatementQuerySet(models.QuerySet["Statement"]):
    """Statements, many at once."""

    def of(self, shipment: Shipment) -> Self:
        """Those of the parcel, the newest first, without what they say."""
        return self.filter(shipment=shipment).order_by("-made_at", "-pk").defer("document")

    def under_its_carrier(self, shipment: Shipment) -> Self:
        """Those of the parcel that were not made while it was under a wrong carrier: these tell of the parcel of somebody
        else, who has its number there."""
        corrected_at = shipment.carrier_corrected_at
        return self if corrected_at is None else self.filter(made_at__gt=corrected_at)

    def erase(self) -> int:
        """Forget what they said of people; they can still be checked."""
        return self.exclude(document=None).update(document=None)


class Statement(models.Model):
    """One statement. `document` is what it says, as the bytes whose SHA-256 is `digest`; null once it was erased.

    The rest outlives the parcel: enough to tell a true copy from a changed one, and nobody's name. `facts_sha256` is the
    digest of the document without number and moment: the same facts are not stated twice.
    """

    number = models.CharField(_("number"), max_length=24, unique=True)
    shipment = models.ForeignKey(
        Shipment, erase_with_parcel, null=True, related_name="statements", verbose_name=_("shipment")
    )
    merchant = models.ForeignKey(
        Merchant, models.SET_NULL, null=True, related_name="+", verbose_name=_("merchant")
    )
    digest = models.CharField("SHA-256", max_length=64)
    facts_sha256 = models.CharField(max_length=64, editable=False)
    document = EncryptedTextField(_("document"), null=True)
    made_at = models.DateTimeField(_("made"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("made by"),
    )
    is_for_buyer = models.BooleanField(_("made through a private link"))
    carrier = models.CharField(_("carrier"), max_length=100)
    number_ending = models.CharField(_("end of the tracking number"), max_length=4)
    status = models.CharField(_("status"), max_length=20)
    delivered_on = models.DateField(_("delivered"), null=True)
    answers = models.JSONField(
        _("answers behind it"), default=list, help_text=_("When fetched, from where, and digests.")
    )

    objects: ClassVar[StatementQuerySet] = StatementQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("proof statement")
        verbose_name_plural = _("proof statements")

    def __str__(self) -> str:
        return self.number

    @property
    def content(self) -> dict[str, Any]:
        """What the statement says, read from its document, which must not have been erased."""
        assert self.document is not None
        content: dict[str, Any] = json.loads(self.document)
        return content

    def fits(self, digest: str) -> bool:
        """Whether a copy with this digest is a true one."""
        return self.digest == digest

    @classmethod
    def newest_saying(
        cls, shipment: Shipment, facts_sha256: str, *, is_for_buyer: bool
    ) -> "Statement | None":
        """The statement that says just this of the parcel already."""
        return (
            cls.objects.of(shipment)
            .under_its_carrier(shipment)
            .filter(facts_sha256=facts_sha256, is_for_buyer=is_for_buyer)
            .exclude(document=None)
            .first()
        )
