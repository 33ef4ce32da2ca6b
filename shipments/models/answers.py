"""What the carriers said, kept."""

import zlib
from typing import ClassVar

from django.contrib.postgres.indexes import OpClass
from django.db import models
from django.db.models.functions import Left
from django.db.models.lookups import StartsWith
from django.utils.translation import gettext_lazy as _

from shipments.enums import AnswerKind
from shipments.models.accounts import CarrierAccount, gateway_choices
from shipments.models.merchants import Merchant
from shipments.models.shipments import Shipment

# By so much of their digests answers are looked up; it tells them apart, and the index stays small.
DIGEST_START = 12
# Whoever types no more than that gets the newest of the many there may be.
MOST_FOUND = 1_000


class AnswerManager(models.Manager["Answer"]):
    """Finds answers."""

    def with_digest(self, digest: str) -> list[int]:
        """The keys of those whose digest, of the part or of the whole body, is this or begins so; at most `MOST_FOUND`."""
        start = digest[:DIGEST_START]
        found: set[int] = set()
        # One look into each index: "or" would look into none.
        for name in ("sha256", "body_sha256"):
            begins_so = models.Q(
                StartsWith(Left(name, DIGEST_START), start), **{f"{name}__startswith": digest}
            )
            found.update(self.filter(begins_so).values_list("pk", flat=True)[:MOST_FOUND])
        return sorted(found, reverse=True)[:MOST_FOUND]


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

    objects: ClassVar[AnswerManager] = AnswerManager()

    class Meta:
        verbose_name = _("answer")
        verbose_name_plural = _("answers")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "sha256"], name="answer_once_per_content"),
            models.CheckConstraint(
                condition=models.Q(kind__in=[kind.value for kind in AnswerKind]), name="answer_kind_is_known"
            ),
        ]
        indexes = [
            models.Index(OpClass(Left("sha256", DIGEST_START), "text_pattern_ops"), name="answer_digest_idx"),
            models.Index(
                OpClass(Left("body_sha256", DIGEST_START), "text_pattern_ops"), name="answer_body_digest_idx"
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
