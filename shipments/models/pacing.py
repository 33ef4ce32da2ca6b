"""Pulse of the queue, a carrier's closed hours, and caps on how often strangers may try."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import ClassVar

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.clusters import this_cluster, this_host
from shipments.models.accounts import gateway_choices
from shipments.models.carriers import Carrier
from shipments.models.merchants import validate_zone
from shipments.models.prepared import prepared_cursor

# A cluster that was silent for so long is not started again.
_PULSE_KEPT = timedelta(days=1)


class HeartbeatManager(models.Manager["Heartbeat"]):
    """The queue's pulse."""

    def __init__(self) -> None:
        super().__init__()
        # When this process last beat.
        self._beaten_at: datetime | None = None

    def beat(self, now: datetime, *, apart: timedelta = timedelta(0)) -> None:
        """Say that this cluster is alive and reaches the database, unless this process did so less than `apart` ago."""
        if self._beaten_at is not None and timedelta(0) <= now - self._beaten_at < apart:
            return
        self.bulk_create(
            [Heartbeat(name=this_cluster(), at=now)],
            update_conflicts=True,
            unique_fields=["name"],
            update_fields=["at"],
        )
        self._beaten_at = now

    def last_beat(self, cluster: str | None = None) -> datetime | None:
        """When this cluster last did, else any of this host: another's pulse must not hide that ours has stopped."""
        if cluster is not None:
            return self.filter(name=cluster).values_list("at", flat=True).first()
        host = this_host()
        ours = self.filter(models.Q(name=host) | models.Q(name__startswith=f"{host}/"))
        return ours.order_by("-at").values_list("at", flat=True).first()

    def forget_ended(self, now: datetime) -> int:
        """Drop the clusters that are gone."""
        return self.filter(at__lt=now - _PULSE_KEPT).delete()[0]


class Heartbeat(models.Model):
    """When a cluster of the queue last did something: every task beats when it begins and when it ends.

    `name` is the cluster's: its host's, and what tells it from others there.
    """

    name = models.CharField(_("host"), max_length=100, primary_key=True)
    at = models.DateTimeField()

    objects: ClassVar[HeartbeatManager] = HeartbeatManager()

    class Meta:
        verbose_name = _("heartbeat")
        verbose_name_plural = _("heartbeats")

    def __str__(self) -> str:
        return self.name


class MaintenanceWindow(models.Model):
    """Hours in which no scheduled work asks about a carrier's parcels through a gateway; a person still may.

    On the clock of `zone`, from `starts` up to but not including `ends`; past midnight where `ends` is the earlier.
    """

    carrier = models.ForeignKey(Carrier, models.CASCADE, related_name="windows", verbose_name=_("carrier"))
    gateway = models.CharField(_("gateway"), max_length=20, choices=gateway_choices)
    zone = models.CharField(_("time zone"), max_length=64, validators=[validate_zone])
    starts = models.TimeField(_("from"))
    ends = models.TimeField(_("to"))
    reason = models.CharField(_("reason"), max_length=200, blank=True)

    class Meta:
        verbose_name = _("maintenance window")
        verbose_name_plural = _("maintenance windows")
        ordering = ["gateway", "starts", "pk"]
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(starts=models.F("ends")),
                name="window_has_a_length",
                violation_error_message=_("A window ends at another time than it starts."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.starts:%H:%M}–{self.ends:%H:%M} {self.zone}"

    def clean(self) -> None:
        """A window of some length, said at the field as well as by the constraint."""
        if self.starts is not None and self.starts == self.ends:
            raise ValidationError({"ends": _("A window ends at another time than it starts.")})


def _key(what: str, whom: str, per: timedelta, now: datetime) -> str:
    """The window of time in which these tries are counted."""
    return sha256(f"{what}|{whom}|{now.timestamp() // per.total_seconds():.0f}".encode()).hexdigest()


class ThrottleManager(models.Manager["Throttle"]):
    """Caps that hold across every process and host."""

    def allows(self, what: str, whom: str, *, limit: int, per: timedelta, now: datetime) -> bool:
        """Count one try and say whether it is still within `limit` tries per `per`."""
        return self.count_tries([(what, whom, per)], now)[0] <= limit

    def count_tries(self, tried: Sequence[tuple[str, str, timedelta]], now: datetime) -> list[int]:
        """Count one try of each `(what, whom, per)`, which are all different, and say how many each has now.

        `whom` (an address, a number) is kept as a hash only. Windows of length `per` are aligned, so a burst across a border
        can reach twice a limit, once.
        """
        ends = {_key(what, whom, per, now): now + per for what, whom, per in tried}
        with prepared_cursor() as cursor:
            # One statement: two tries at once cannot both read the last free one. In the order of the keys, so that
            # two that count the same things do not wait for each other in a circle.
            cursor.execute(
                """
                INSERT INTO shipments_throttle (key, tries, ends_at)
                SELECT key, 1, ends_at FROM unnest(%s::text[], %s::timestamptz[]) AS tried (key, ends_at) ORDER BY key
                ON CONFLICT (key) DO UPDATE SET tries = shipments_throttle.tries + 1
                RETURNING key, tries
                """,
                [list(ends), list(ends.values())],
            )
            tries = dict(cursor.fetchall())
        return [tries[key] for key in ends]

    def tries_of(self, what: str, whom: str, per: timedelta, now: datetime) -> int:
        """How many tries there were in the window that runs; none is counted."""
        key = _key(what, whom, per, now)
        return self.filter(key=key).values_list("tries", flat=True).first() or 0

    def forget_ended(self, now: datetime) -> int:
        """Drop the counts whose window has passed."""
        return self.filter(ends_at__lt=now).delete()[0]


class Throttle(models.Model):
    """How often somebody tried something in one window of time. The table is unlogged: a count costs no wait for the disk,
    and is forgotten when the database crashes."""

    key = models.CharField(max_length=64, primary_key=True)
    tries = models.PositiveIntegerField(default=0)
    ends_at = models.DateTimeField(db_index=True)

    objects: ClassVar[ThrottleManager] = ThrottleManager()

    class Meta:
        verbose_name = _("throttle")
        verbose_name_plural = _("throttles")

    def __str__(self) -> str:
        return f"{self.tries} until {self.ends_at}"
