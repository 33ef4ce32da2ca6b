"""When each parcel is asked about next, apart from the parcel so that checks stay cheap."""

import uuid
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import connection, models, transaction
from django.utils.translation import gettext_lazy as _

from shipments.enums import AnswerKind, Lifecycle
from shipments.models.accounts import CarrierAccount
from shipments.models.answers import Answer
from shipments.models.merchants import Merchant
from shipments.models.shipments import Shipment


class WatchQuerySet(models.QuerySet["Watch"]):
    """Watches, many at once."""

    def due(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now)

    def lease(self, now: datetime, *, length: timedelta, limit: int) -> "list[Watch]":
        """Take up to `limit` due watches for one asker, those due longest first.

        Until the lease ends nobody else gets them; its end is also their next due time, so that what a
        killed worker held comes back by itself.
        """
        with transaction.atomic():
            watches = list(
                self.due(now)
                .order_by("-by_hand", "due_at", "pk")
                .select_for_update(skip_locked=True, of=("self",))[:limit]
            )
            lease, until = uuid.uuid4(), now + length
            self.model.objects.filter(pk__in=[watch.pk for watch in watches]).update(
                lease=lease, due_at=until
            )
        for watch in watches:
            watch.lease, watch.due_at = lease, until
        return watches

    def hold(self, shipment_ids: Iterable[int], lease: uuid.UUID, *, until: datetime) -> list[int]:
        """Those of the parcels still leased under `lease`, their lease made to end at `until`."""
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH held AS (
                    SELECT shipment_id FROM {table} WHERE shipment_id = ANY(%s) AND lease = %s
                    ORDER BY shipment_id FOR UPDATE
                )
                UPDATE {table} AS watch SET due_at = %s FROM held
                WHERE watch.shipment_id = held.shipment_id RETURNING watch.shipment_id
                """,  # noqa: S608  (the only inserted text is our own table's name)
                [list(shipment_ids), lease, until],
            )
            return sorted(row[0] for row in cursor.fetchall())

    def reschedule(
        self, dues: Mapping[int, datetime | None], *, lease: uuid.UUID | None, keep_by_hand: bool = False
    ) -> set[int]:
        """Set when each parcel is due next and let go of the lease; None ends the asking. Ids of those it was done for.

        With `lease` only parcels still held under it are touched: an asker that took too long must not undo what
        the next one has decided.
        """
        if not dues:
            return set()
        table = self.model._meta.db_table
        rows = sorted(dues.items())
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH held AS (
                    -- Locked in the order every other writer of many watches takes.
                    SELECT shipment_id FROM {table}
                    WHERE shipment_id = ANY(%(ids)s) AND (%(lease)s::uuid IS NULL OR lease = %(lease)s)
                    ORDER BY shipment_id FOR UPDATE
                )
                UPDATE {table} AS watch
                SET due_at = news.due_at, lease = NULL, by_hand = watch.by_hand AND %(keep_by_hand)s
                FROM held JOIN unnest(%(ids)s::bigint[], %(dues)s::timestamptz[]) AS news (shipment_id, due_at)
                    ON news.shipment_id = held.shipment_id
                WHERE watch.shipment_id = held.shipment_id
                RETURNING watch.shipment_id
                """,  # noqa: S608  (the only inserted text is our own table's name)
                {
                    "ids": [pk for pk, _due in rows],
                    "dues": [due for _pk, due in rows],
                    "lease": lease,
                    "keep_by_hand": keep_by_hand,
                },
            )
            return {row[0] for row in cursor.fetchall()}

    def ask_now(self, shipment_ids: Iterable[int], now: datetime) -> int:
        """Make these due at once because a person asks; those being asked this moment are left alone."""
        with transaction.atomic():
            # Locked in the order every other writer of many watches takes: two at once must not wait for each other.
            free = (
                self.filter(shipment__in=list(shipment_ids), shipment__lifecycle=Lifecycle.ACTIVE)
                .exclude(lease__isnull=False, due_at__gt=now)
                .order_by("pk")
                .select_for_update(of=("self",))
            )
            pks = [watch.pk for watch in free.only("pk")]
            return self.model.objects.filter(pk__in=pks).update(due_at=now, by_hand=True, lease=None)

    def bring_forward(
        self, shipment_ids: Iterable[int], to: datetime, *, unless_checked_since: datetime
    ) -> list[int]:
        """Make these due at `to` where they would be later; ids of those it was done for.

        Not by hand: what one person asks about one parcel goes ahead of thousands. Left alone are those being asked
        this moment, those nobody asks about, and those a carrier has answered for since the given time.
        """
        with transaction.atomic():
            later = (
                self.filter(
                    shipment__in=list(shipment_ids), shipment__lifecycle=Lifecycle.ACTIVE, due_at__gt=to
                )
                .filter(lease=None)
                .exclude(checked_at__gt=unless_checked_since)
                .order_by("pk")
                .select_for_update(of=("self",))
            )
            pks = [watch.pk for watch in later.only("pk")]
            self.model.objects.filter(pk__in=pks).update(due_at=to)
        return pks

    def take_up(self, shipment_ids: Iterable[int], now: datetime) -> None:
        """Ask about these from now on."""
        self._locked(shipment_ids).update(due_at=now, by_hand=False, lease=None)

    def stop(self, shipment_ids: Iterable[int]) -> None:
        """Ask about these no more. Who is asking this moment loses the lease: what comes back makes nothing due again."""
        self._locked(shipment_ids).update(due_at=None, by_hand=False, lease=None)

    def _locked(self, shipment_ids: Iterable[int]) -> Self:
        """Those of the parcels, locked in the order of their ids until the transaction ends."""
        watches = self.filter(shipment__in=list(shipment_ids)).order_by("pk").select_for_update(of=("self",))
        return self.model.objects.filter(pk__in=[watch.pk for watch in watches.only("pk")])  # type: ignore[return-value]


class Watch(models.Model):
    """The polling state of one parcel.

    `due_at` null: nobody asks any more. `lease` set: somebody is asking until `due_at`. `checked_at` is when a
    carrier last answered, whatever it said; `heard` what kind of answer that was. `error…` is set while the last
    try brought none, `misses` counts such tries in a row, and `error_answer` is the raw reply where one was kept.
    """

    shipment = models.OneToOneField(Shipment, models.CASCADE, primary_key=True, related_name="watch")
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False)
    due_at = models.DateTimeField(_("due"), null=True)
    wanted_by = models.DateTimeField(_("wanted by"), null=True)
    by_hand = models.BooleanField(_("asked for by a person"), default=False)
    lease = models.UUIDField(null=True)
    account = models.ForeignKey(CarrierAccount, models.SET_NULL, null=True, related_name="+", db_index=False)
    checked_at = models.DateTimeField(_("checked"), null=True)
    heard = models.CharField(_("heard"), max_length=12, blank=True)
    heard_text = models.CharField(_("what that means"), max_length=500, blank=True)
    misses = models.PositiveSmallIntegerField(_("tries without an answer"), default=0)
    error_kind = models.CharField(_("kind of error"), max_length=20, blank=True)
    error_text = models.CharField(_("error"), max_length=500, blank=True)
    error_at = models.DateTimeField(_("error at"), null=True)
    error_answer = models.ForeignKey(Answer, models.SET_NULL, null=True, related_name="+", db_index=False)

    objects: ClassVar[WatchQuerySet] = WatchQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("watch")
        verbose_name_plural = _("watches")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(heard__in=["", *[kind.value for kind in AnswerKind]]),
                name="watch_heard_is_known",
            ),
        ]
        indexes = [
            models.Index(
                fields=["-by_hand", "due_at", "shipment"],
                name="watch_due_idx",
                condition=models.Q(due_at__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"watch of {self.shipment_id}, due {self.due_at}"

    @property
    def is_being_asked(self) -> bool:
        return self.lease is not None

    def begin(self, now: datetime) -> None:
        """Have the parcel asked about at once, because a person says so. Whoever asks this moment loses the lease: their
        answer still counts, their say on when to ask next does not.
        """
        self.due_at, self.by_hand, self.lease = now, True, None
        self.save(update_fields=["due_at", "by_hand", "lease"])

    def forget(self) -> None:
        """Forget what was heard so far: it was about something else."""
        self.checked_at = self.error_at = self.error_answer = None
        self.heard = self.heard_text = self.error_kind = self.error_text = ""
        self.misses = 0
        self.save(
            update_fields=[
                "checked_at", "error_at", "error_answer", "heard", "heard_text", "error_kind", "error_text", "misses",
            ]
        )  # fmt: skip
