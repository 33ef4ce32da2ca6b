"""When each parcel is asked about next, apart from the parcel so that checks stay cheap."""

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import connection, models, transaction
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.enums import AnswerKind, EndReason, Lifecycle
from shipments.models.accounts import CarrierAccount
from shipments.models.answers import Answer
from shipments.models.merchants import Merchant
from shipments.models.shipments import Shipment

# By how soon after a look the next one is wanted parcels are hurried, plain or patient: a planner that cannot weigh all that wait
# looks at the first of each sort.
HURRIED, PLAIN, PATIENT = 0, 1, 2
_HURRIED_WITHIN = timedelta(minutes=75)
_PLAIN_WITHIN = timedelta(hours=4)


def haste_of(bound: timedelta) -> int:
    """The sort of a parcel that is wanted again after so long."""
    if bound <= _HURRIED_WITHIN:
        return HURRIED
    return PLAIN if bound <= _PLAIN_WITHIN else PATIENT


@dataclass(frozen=True, slots=True)
class Turn:
    """When a parcel is due next, by when it is wanted, of which sort it is, and with which account it is asked about.

    Without `due_at` nobody asks any more; what else is None stays as it is.
    """

    due_at: datetime | None
    wanted_by: datetime | None = None
    haste: int | None = None
    account_id: int | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """A parcel that is leased still, and whether a person asked for it."""

    shipment_id: int
    by_hand: bool


class WatchQuerySet(models.QuerySet["Watch"]):
    """Watches, many at once."""

    def due(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now)

    def waiting(self, now: datetime) -> Self:
        """Due, and with nobody asking."""
        return self.filter(due_at__lte=now, lease=None)

    def lease(
        self, shipment_ids: Iterable[int], now: datetime, *, length: timedelta
    ) -> tuple[uuid.UUID, set[int]]:
        """Take those of the parcels that are due still and that nobody else has, for one asker: the lease and their ids.

        Until the lease ends nobody else gets them; its end is also their next due time, so that what a
        killed worker held comes back by itself.
        """
        table, lease = self.model._meta.db_table, uuid.uuid4()
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH free AS (
                    SELECT shipment_id FROM {table}
                    WHERE shipment_id = ANY(%(ids)s) AND due_at <= %(now)s AND lease IS NULL
                    ORDER BY shipment_id FOR UPDATE SKIP LOCKED
                )
                UPDATE {table} AS watch SET lease = %(lease)s, due_at = %(until)s FROM free
                WHERE watch.shipment_id = free.shipment_id RETURNING watch.shipment_id
                """,  # noqa: S608  (the only inserted text is our own table's name)
                {"ids": list(shipment_ids), "now": now, "lease": lease, "until": now + length},
            )
            return lease, {row[0] for row in cursor.fetchall()}

    def take_back(self, now: datetime) -> int:
        """End the leases that are over: what a killed worker held waits again. How many parcels that were."""
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH over AS (
                    SELECT shipment_id FROM {table} WHERE lease IS NOT NULL AND due_at <= %s
                    ORDER BY shipment_id FOR UPDATE SKIP LOCKED
                )
                UPDATE {table} AS watch SET lease = NULL FROM over WHERE watch.shipment_id = over.shipment_id
                """,  # noqa: S608  (the only inserted text is our own table's name)
                [now],
            )
            return int(cursor.rowcount)

    def hold(self, shipment_ids: Iterable[int], lease: uuid.UUID, *, until: datetime) -> list[Held]:
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
                WHERE watch.shipment_id = held.shipment_id RETURNING watch.shipment_id, watch.by_hand
                """,  # noqa: S608  (the only inserted text is our own table's name)
                [list(shipment_ids), lease, until],
            )
            return [Held(*row) for row in sorted(cursor.fetchall())]

    def reschedule(
        self,
        turns: Mapping[int, Turn],
        *,
        lease: uuid.UUID | None,
        keep_by_hand: bool = False,
        ended: Mapping[int, EndReason] | None = None,
    ) -> set[int]:
        """Set when each parcel is due next and let go of the lease; those of `ended` that are still followed are so no more.
        Ids of those it was done for.

        With `lease` only parcels still held under it are touched: an asker that took too long must not undo what
        the next one has decided.
        """
        if not turns:
            return set()
        table = self.model._meta.db_table
        rows = sorted(turns.items())
        ending = sorted((ended or {}).items())
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH ending AS MATERIALIZED (
                    -- Parcels before their watches, in the order of ids, as ingest and the deeds of people lock them: a person
                    -- may be closing one this moment.
                    SELECT id FROM shipments_shipment WHERE id = ANY(%(ending)s) AND lifecycle = %(followed)s
                    ORDER BY id FOR UPDATE
                ), held AS (
                    -- Locked in the order every other writer of many watches takes, and only when the parcels are.
                    SELECT shipment_id FROM {table}
                    WHERE shipment_id = ANY(%(ids)s) AND (%(lease)s::uuid IS NULL OR lease = %(lease)s)
                        AND (SELECT count(*) FROM ending) >= 0
                    ORDER BY shipment_id FOR UPDATE
                ), done AS (
                    UPDATE {table} AS watch
                    SET due_at = news.due_at, wanted_by = COALESCE(news.wanted_by, watch.wanted_by),
                        haste = COALESCE(news.haste, watch.haste), account_id = COALESCE(news.account_id, watch.account_id),
                        lease = NULL, by_hand = watch.by_hand AND %(keep_by_hand)s
                    FROM held JOIN unnest(
                        %(ids)s::bigint[], %(dues)s::timestamptz[], %(wanted)s::timestamptz[], %(hastes)s::smallint[],
                        %(accounts)s::bigint[]
                    ) AS news (shipment_id, due_at, wanted_by, haste, account_id) ON news.shipment_id = held.shipment_id
                    WHERE watch.shipment_id = held.shipment_id
                    RETURNING watch.shipment_id
                ), over AS (
                    UPDATE shipments_shipment AS parcel SET lifecycle = %(over)s, end_reason = news.reason
                    FROM ending JOIN done ON done.shipment_id = ending.id
                        JOIN unnest(%(ending)s::bigint[], %(reasons)s::text[]) AS news (id, reason) ON news.id = ending.id
                    WHERE parcel.id = ending.id
                )
                SELECT shipment_id FROM done
                """,  # noqa: S608  (the only inserted text is our own table's name)
                {
                    "ids": [pk for pk, _turn in rows],
                    "ending": [pk for pk, _reason in ending],
                    "reasons": [reason for _pk, reason in ending],
                    "followed": Lifecycle.ACTIVE,
                    "over": Lifecycle.ENDED,
                    "dues": [turn.due_at for _pk, turn in rows],
                    "wanted": [turn.wanted_by for _pk, turn in rows],
                    "hastes": [turn.haste for _pk, turn in rows],
                    "accounts": [turn.account_id for _pk, turn in rows],
                    "lease": lease,
                    "keep_by_hand": keep_by_hand,
                },
            )
            return {row[0] for row in cursor.fetchall()}

    def put_back(
        self, shipment_ids: Iterable[int], *, lease: uuid.UUID | None, now: datetime, unroute: bool = False
    ) -> None:
        """Let go of parcels that were not asked about: they wait on as if nobody had taken them.

        `unroute`: who asks about them is to be chosen anew.
        """
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH held AS (
                    SELECT shipment_id FROM {table}
                    WHERE shipment_id = ANY(%(ids)s) AND due_at IS NOT NULL AND (%(lease)s::uuid IS NULL OR lease = %(lease)s)
                    ORDER BY shipment_id FOR UPDATE
                )
                UPDATE {table} AS watch SET due_at = LEAST(watch.due_at, %(now)s), lease = NULL,
                    account_id = CASE WHEN %(unroute)s THEN NULL ELSE watch.account_id END
                FROM held WHERE watch.shipment_id = held.shipment_id
                """,  # noqa: S608  (the only inserted text is our own table's name)
                {"ids": list(shipment_ids), "lease": lease, "now": now, "unroute": unroute},
            )

    def put_off(self, turns: Mapping[int, Turn]) -> None:
        """Have parcels that nobody has taken, and no person asked for, wait until later."""
        if not turns:
            return
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH free AS (
                    SELECT shipment_id FROM {table}
                    WHERE shipment_id = ANY(%(ids)s) AND due_at IS NOT NULL AND lease IS NULL AND NOT by_hand
                    ORDER BY shipment_id FOR UPDATE SKIP LOCKED
                )
                UPDATE {table} AS watch SET due_at = later.due_at, wanted_by = GREATEST(watch.wanted_by, later.due_at)
                FROM free JOIN unnest(%(ids)s::bigint[], %(dues)s::timestamptz[]) AS later (shipment_id, due_at)
                    ON later.shipment_id = free.shipment_id
                WHERE watch.shipment_id = free.shipment_id
                """,  # noqa: S608  (the only inserted text is our own table's name)
                {"ids": list(turns), "dues": [turn.due_at for turn in turns.values()]},
            )

    def stop_ended(self, shipment_ids: Iterable[int]) -> None:
        """Ask no more about those of the parcels that have ended, unless somebody is asking this moment."""
        ended = self.filter(shipment__in=list(shipment_ids), lease=None).exclude(
            shipment__lifecycle=Lifecycle.ACTIVE
        )
        free = ended.order_by("pk").select_for_update(skip_locked=True, of=("self",)).only("pk")
        with transaction.atomic():
            pks = [watch.pk for watch in free]
            self.model.objects.filter(pk__in=pks).update(due_at=None, by_hand=False)

    def route(self, accounts: Mapping[int, int]) -> None:
        """Say with which account each of these parcels is asked about; those somebody has locked wait for the next time."""
        if not accounts:
            return
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH free AS (
                    SELECT shipment_id FROM {table} WHERE shipment_id = ANY(%(ids)s) AND account_id IS NULL
                    ORDER BY shipment_id FOR UPDATE SKIP LOCKED
                )
                UPDATE {table} AS watch SET account_id = chosen.account_id
                FROM free JOIN unnest(%(ids)s::bigint[], %(accounts)s::bigint[]) AS chosen (shipment_id, account_id)
                    ON chosen.shipment_id = free.shipment_id
                WHERE watch.shipment_id = free.shipment_id
                """,  # noqa: S608  (the only inserted text is our own table's name)
                {"ids": list(accounts), "accounts": list(accounts.values())},
            )

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
            self.model.objects.filter(pk__in=pks).update(due_at=to, wanted_by=to)
        return pks

    def put_away(self, shipment_ids: Iterable[int]) -> int:
        """Have nobody ask about these, whose merchant is suspended, until `bring_back`; how many they were. Who is asking
        this moment finishes, and what they write down is put away when a planner comes to it."""
        with transaction.atomic():
            free = (
                self.filter(shipment__in=list(shipment_ids), lease=None, due_at__isnull=False)
                .order_by("pk")
                .select_for_update(of=("self",), skip_locked=True)
            )
            pks = [watch.pk for watch in free.only("pk")]
            return self.model.objects.filter(pk__in=pks).update(due_at=None, by_hand=False)

    def bring_back(self, shipment_ids: Iterable[int], now: datetime, *, spread: timedelta) -> int:
        """Ask again about those of the parcels that are followed and were put away, each at a moment of its own within
        `spread`; who asks is chosen anew. How many they were."""
        table = self.model._meta.db_table
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                WITH away AS (
                    SELECT watch.shipment_id, %(now)s::timestamptz + random() * %(spread)s * interval '1 second' AS due_at
                    FROM {table} AS watch JOIN {Shipment._meta.db_table} AS parcel ON parcel.id = watch.shipment_id
                    WHERE watch.shipment_id = ANY(%(ids)s) AND watch.due_at IS NULL AND parcel.lifecycle = %(active)s
                    ORDER BY watch.shipment_id FOR UPDATE OF watch
                )
                UPDATE {table} AS watch SET due_at = away.due_at, wanted_by = away.due_at, by_hand = false, lease = NULL,
                    account_id = NULL
                FROM away WHERE watch.shipment_id = away.shipment_id
                """,  # noqa: S608  (the only inserted text is our own tables' names)
                {
                    "ids": list(shipment_ids),
                    "now": now,
                    "spread": spread.total_seconds(),
                    "active": Lifecycle.ACTIVE,
                },
            )
            return int(cursor.rowcount)

    def take_up(self, shipment_ids: Iterable[int], now: datetime) -> None:
        """Ask about these from now on."""
        self._locked(shipment_ids).update(due_at=now, wanted_by=now, by_hand=False, lease=None)

    def stop(self, shipment_ids: Iterable[int]) -> None:
        """Ask about these no more. Who is asking this moment loses the lease: what comes back makes nothing due again."""
        self._locked(shipment_ids).update(due_at=None, by_hand=False, lease=None)

    def _locked(self, shipment_ids: Iterable[int]) -> Self:
        """Those of the parcels, locked in the order of their ids until the transaction ends."""
        watches = self.filter(shipment__in=list(shipment_ids)).order_by("pk").select_for_update(of=("self",))
        return self.model.objects.filter(pk__in=[watch.pk for watch in watches.only("pk")])  # type: ignore[return-value]


class Watch(models.Model):
    """The polling state of one parcel.

    From `due_at` on a look is worth something, and with quota to spare there is one by `wanted_by`. `due_at` null: nobody asks any
    more. `lease` set: somebody is asking until `due_at`. `account` is who asks; empty, it is still to be chosen. `checked_at` is when a
    carrier last answered, whatever it said; `heard` what kind of answer that was. `error…` is set while the last
    try brought none, `misses` counts such tries in a row, and `error_answer` is the raw reply where one was kept.
    """

    shipment = models.OneToOneField(Shipment, models.CASCADE, primary_key=True, related_name="watch")
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", db_index=False)
    due_at = models.DateTimeField(_("due"), null=True)
    wanted_by = models.DateTimeField(_("wanted by"), default=timezone.now, db_default=Now())
    haste = models.PositiveSmallIntegerField(default=PLAIN, db_default=PLAIN)
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
            # What a planner weighs: the first of each sort, of each merchant with each account.
            models.Index(
                fields=["account", "merchant", "haste", "wanted_by"],
                include=["due_at", "shipment"],
                name="watch_rank_idx",
                condition=models.Q(due_at__isnull=False, lease=None, by_hand=False),
            ),
            # How much waits for an account, and what waits for one to be chosen.
            models.Index(
                fields=["account", "due_at"],
                name="watch_due_idx",
                condition=models.Q(due_at__isnull=False, lease=None),
            ),
            models.Index(
                fields=["account", "due_at"],
                name="watch_by_hand_idx",
                condition=models.Q(due_at__isnull=False, lease=None, by_hand=True),
            ),
            models.Index(
                fields=["due_at", "account"],
                name="watch_leased_idx",
                condition=models.Q(lease__isnull=False),
            ),
            # Whether an answer that is deleted is still pointed at.
            models.Index(
                fields=["error_answer"],
                name="watch_error_answer_idx",
                condition=models.Q(error_answer__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return f"watch of {self.shipment_id}, due {self.due_at}"

    @property
    def is_being_asked(self) -> bool:
        return self.lease is not None

    @property
    def expected_at(self) -> datetime | None:
        """When the next answer may be expected at the latest, with quota to spare; None where nobody asks any more."""
        if self.due_at is None or self.by_hand or self.lease is not None:
            return self.due_at
        return max(self.due_at, self.wanted_by)

    def begin(self, now: datetime) -> None:
        """Have the parcel asked about at once, because a person says so. Whoever asks this moment loses the lease: their
        answer still counts, their say on when to ask next does not.
        """
        self.due_at = self.wanted_by = now
        self.by_hand, self.lease, self.account = True, None, None
        self.save(update_fields=["due_at", "wanted_by", "by_hand", "lease", "account"])

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
