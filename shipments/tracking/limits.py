"""What an operator lets a merchant have of parcels and imports, kept to by everybody who adds any.

Whoever adds for a merchant with a limit takes turns with all others who do, and counts after that: of two who are one
parcel below the limit, the second is refused. A merchant without limits pays one look at its row.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.db import connection
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments.enums import Lifecycle, WorkState
from shipments.facts.spelling import today_at
from shipments.models import Import, Merchant, Shipment, Tally

# By what the throttles count the parcels that a merchant's people ask about by hand within an hour.
ASKED_OF_MERCHANT = "asking by hand of a merchant"
_COLUMNS = ("suspended_at", "most_parcels", "most_new_parcels", "time_zone")


class Suspended(Exception):
    """Nothing is added for the merchant while it is suspended."""

    def __str__(self) -> str:
        return _(
            "The merchant is suspended: nothing is added. Whoever runs this site can put it back to work."
        )


class TooManyImports(Exception):
    """An import may not begin now; `str()` says by which limit, and what to do. Nothing has changed."""


@dataclass(frozen=True, slots=True)
class Room:
    """How many more parcels fit. `left` None: as many as one likes; `most` is the limit that is reached first, `a_day`
    whether it is the one of new parcels."""

    left: int | None = None
    most: int = 0
    a_day: bool = False

    def has(self, parcels: int) -> bool:
        return self.left is None or parcels <= self.left

    @property
    def refusal(self) -> str:
        """Why no more fit, and what to do."""
        if self.a_day:
            return ngettext(
                "At most %(most)s new parcel a day may be added for this merchant. Add the others tomorrow, or ask whoever "
                "runs this site for more.",
                "At most %(most)s new parcels a day may be added for this merchant. Add the others tomorrow, or ask whoever "
                "runs this site for more.",
                self.most,
            ) % {"most": f"{self.most:,}"}
        return ngettext(
            "At most %(most)s parcel may be followed at a time for this merchant. Close or archive it when it is done, or "
            "ask whoever runs this site for more.",
            "At most %(most)s parcels may be followed at a time for this merchant. Close or archive some that are done, or "
            "ask whoever runs this site for more.",
            self.most,
        ) % {"most": f"{self.most:,}"}

    def refusal_of(self, parcels: int) -> str:
        """The same to somebody who wanted to add so many new ones, of whom none was added."""
        left = self.left or 0
        told = ngettext(
            "Nothing was added: this is %(count)s new parcel, and there is room for %(left)s.",
            "Nothing was added: these are %(count)s new parcels, and there is room for %(left)s.",
            parcels,
        ) % {"count": f"{parcels:,}", "left": f"{left:,}"}
        return f"{told} {self.refusal}"


def take_turns(merchant_id: int) -> None:
    """Have whoever else adds several parcels for the merchant wait until this transaction ends. Two who add the same numbers
    in different orders, by hand or by file, would wait for each other in a ring. Call it before anything is locked."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtext('shipments.adding'), %s)", [merchant_id % 2**31]
        )


def take_room(merchant_id: int, at: datetime, *, are_new: bool = True) -> Room:
    """How many parcels can be added for the merchant as of this moment; what others add meanwhile waits until the transaction
    ends. Suspended. Call it before anything is locked.

    `are_new`: they count among the new parcels of that day, on the merchant's clock. Others (reopened ones) do not.
    """
    row = Merchant.objects.values(*_COLUMNS).get(pk=merchant_id)
    if row["suspended_at"] is not None:
        raise Suspended
    if row["most_parcels"] is None and (row["most_new_parcels"] is None or not are_new):
        return Room()
    take_turns(merchant_id)
    rooms = []
    if row["most_parcels"] is not None:
        rooms.append(Room(max(0, row["most_parcels"] - followed(merchant_id)), row["most_parcels"]))
    if row["most_new_parcels"] is not None and are_new:
        most = row["most_new_parcels"]
        new = new_on(merchant_id, at, row["time_zone"], most=most)
        rooms.append(Room(max(0, most - new), most, a_day=True))
    return min(rooms, key=lambda room: room.left or 0)


def followed(merchant_id: int) -> int:
    """How many of the merchant's parcels are asked about, by the tallies."""
    return counts_of(merchant_id).get(Lifecycle.ACTIVE, 0)


def counts_of(merchant_id: int) -> dict[Lifecycle, int]:
    """How many parcels the merchant has in each part of their life, by the tallies."""
    found: dict[Lifecycle, int] = {}
    for (lifecycle, _group), parcels in Tally.objects.counts(merchant_id).items():
        found[lifecycle] = found.get(lifecycle, 0) + parcels
    return found


def new_on(merchant_id: int, at: datetime, zone: str, *, most: int) -> int:
    """How many parcels were added on the day of this moment, counted up to `most`."""
    day = datetime.combine(today_at(at, zone), datetime.min.time(), ZoneInfo(zone))
    # Both, because the index tells them apart first.
    mine = Shipment.objects.filter(merchant=merchant_id, is_archived__in=[False, True])
    return mine.filter(created_at__gte=day, created_at__lt=day + timedelta(days=1))[:most].count()


def check_import(job: Import) -> None:
    """See whether the import may begin; TooManyImports. Of two that begin at once the second sees the first: call it in the
    transaction that begins it."""
    limits = Merchant.objects.values("most_imports", "most_import_rows").get(pk=job.merchant_id)
    most_rows, most = limits["most_import_rows"], limits["most_imports"]
    if most_rows is not None and job.rows_total > most_rows:
        raise TooManyImports(
            ngettext(
                "At most %(most)s row may be in one import for this merchant, and this file has %(rows)s. Nothing was "
                "stored. Divide the file, or ask whoever runs this site for more.",
                "At most %(most)s rows may be in one import for this merchant, and this file has %(rows)s. Nothing was "
                "stored. Divide the file, or ask whoever runs this site for more.",
                most_rows,
            )
            % {"most": f"{most_rows:,}", "rows": f"{job.rows_total:,}"}
        )
    if most is None:
        return
    # Not FOR UPDATE: that would hold up everybody who adds a parcel.
    Merchant.objects.select_for_update(no_key=True).only("pk").get(pk=job.merchant_id)
    if running_imports(job.merchant_id) >= most:
        raise TooManyImports(
            ngettext(
                "At most %(most)d import at a time may run for this merchant. Nothing was stored, and this file is kept: "
                "start it when the other one is done.",
                "At most %(most)d imports at a time may run for this merchant. Nothing was stored, and this file is kept: "
                "start it when one of the others is done.",
                most,
            )
            % {"most": most}
        )


def running_imports(merchant_id: int) -> int:
    """How many imports of the merchant have begun and are not over."""
    states = [WorkState.WAITING, WorkState.RUNNING]
    return Import.objects.filter(merchant=merchant_id, state__in=states).count()
