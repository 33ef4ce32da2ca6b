"""What the carriers said, kept."""

import zlib
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.enums import AnswerKind
from shipments.models.accounts import CarrierAccount, gateway_choices
from shipments.models.merchants import Merchant
from shipments.models.shipments import Shipment


class Answer(models.Model):
    """A parcel's part of a carrier's answer, once per distinct content, as it was.

    `sha256` is that of the part, `body_sha256` that of the whole body it stood in; `fetched_at` is when this
    content was first seen, `last_fetched_at` when last, where that was another time and something else has been heard since.
    Other parcels' parts are never in here. `body` null: erased; its digests stay, for statements that rest on it.
    """

    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="answers", db_index=False, verbose_name=_("shipment")
    )
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant")
    )
    account = models.ForeignKey(
        CarrierAccount,
        models.SET_NULL,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("account"),
    )
    gateway = models.CharField(_("gateway"), max_length=20, choices=gateway_choices)
    kind = models.CharField(_("kind"), max_length=12)
    body = models.BinaryField(_("compressed part"), null=True)
    size = models.PositiveIntegerField(_("size in bytes"))
    sha256 = models.CharField("SHA-256", max_length=64)
    body_sha256 = models.CharField(_("SHA-256 of the whole answer"), max_length=64)
    fetched_at = models.DateTimeField(_("fetched"))
    last_fetched_at = models.DateTimeField(_("last fetched"), null=True)
    unreadable = models.JSONField(_("unreadable parts"), default=list)

    objects: ClassVar[models.Manager["Answer"]] = models.Manager()

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "sha256"], name="answer_once_per_content"),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in AnswerKind]), name="answer_kind_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.fetched_at:%Y-%m-%d %H:%M} {self.sha256[:12]}"

    @property
    def is_erased(self) -> bool:
        return self.body is None

    @property
    def text(self) -> str:
        """The part as it was sent, `""` where it was erased; bytes that are no UTF-8 are shown as the replacement character."""
        if self.body is None:
            return ""
        return zlib.decompress(self.body).decode("utf-8", errors="replace")
