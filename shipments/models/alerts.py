"""News of attention that people are told of at once: kept, so that the same news is told once."""

from collections.abc import Sequence
from datetime import datetime
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from shipments.enums import Reason
from shipments.models.merchants import Merchant, reason_choices
from shipments.models.notices import KEPT
from shipments.models.shipments import Shipment
from shipments.models.users import User


class AlertQuerySet(models.QuerySet["Alert"]):
    """Pieces of news, many at once."""

    def untold(self) -> Self:
        return self.filter(told_at=None)

    def mark_told_to(self, user: User) -> int:
        """Keep that this person was written to of these."""
        return self.update(
            told_to=models.Func(models.F("told_to"), models.Value(user.pk), function="array_append")
        )

    def add(self, news: Sequence[tuple[int, Reason]], now: datetime) -> int:
        """Keep what was not known of these (parcel, reason), as far as the parcel is not done, somebody wishes to be
        told, and the trouble began after the parcel was added: what an import brings along is history, and notifies
        nobody. How much that was. One statement: of two who report the same news, one adds it."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO shipments_alert (merchant_id, shipment_id, reason, news_at, found_at, told_to)
                SELECT item.merchant_id, item.shipment_id, news.reason, GREATEST(item.since, parcel.changed_at), %s, '{}'
                FROM unnest(%s::bigint[], %s::text[]) AS news (shipment_id, reason)
                JOIN shipments_attentionitem item ON item.shipment_id = news.shipment_id AND item.done_at IS NULL
                JOIN shipments_shipment parcel ON parcel.id = item.shipment_id AND parcel.created_at <= item.since
                WHERE EXISTS (
                    SELECT FROM shipments_membership member
                    WHERE member.merchant_id = item.merchant_id AND news.reason = ANY (member.alert_reasons)
                )
                ORDER BY item.shipment_id, news.reason
                ON CONFLICT DO NOTHING
                """,
                [now, [shipment_id for shipment_id, _reason in news], [reason.value for _id, reason in news]],
            )
            return int(cursor.rowcount)

    def forget_old(self, now: datetime) -> int:
        """Drop what was found longer ago than `KEPT`."""
        return self.filter(found_at__lt=now - KEPT).delete()[0]


class Alert(models.Model):
    """One reason that began to hold for one parcel, at the latest with its news of `news_at`: an item that comes back
    after it was done has had news since.

    `told_at`: when the people who wished for it were written to; all that was told in one go has the same. `told_to` are
    those whose mail named the parcel: a burst names the worst ones, and counts the rest. Ids and no relation, as in the
    audit: what was told stays so. Written by `analytics.alerts`.
    """

    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant")
    )
    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="+", db_index=False, verbose_name=_("shipment")
    )
    reason = models.CharField(_("reason"), max_length=20, choices=reason_choices)
    news_at = models.DateTimeField(_("news of"))
    found_at = models.DateTimeField(_("found"), db_index=True)
    told_at = models.DateTimeField(_("told"), null=True)
    told_to = ArrayField(models.BigIntegerField(), default=list)

    objects: ClassVar[AlertQuerySet] = AlertQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("alert")
        verbose_name_plural = _("alerts")
        constraints = [
            models.UniqueConstraint(fields=["shipment", "reason", "news_at"], name="news_told_once"),
        ]
        indexes = [
            models.Index(fields=["merchant"], name="alert_untold_idx", condition=models.Q(told_at=None)),
            models.Index(fields=["merchant", "-told_at"], name="alert_told_idx"),
        ]

    def __str__(self) -> str:
        return f"{self.reason} of shipment {self.shipment_id}"
