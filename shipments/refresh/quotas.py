"""How many calls an account may make. Pure: the time is an argument.

The truth is the ledger: the calls of the last hour. They are counted by the minute, the oldest minute as a whole, so that no
hour, whenever it begins, has more calls than the quota. Planned calls are spread over the hour (`next_call_at` moves by one
interval with each), and leave a reserve for what people ask by hand.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from shipments.enums import Gateway

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
# A call that was granted is made within this, or taken anew; the ledger looks back so much longer.
SOON = timedelta(seconds=10)
# Sweeps are a minute apart, now and then two: a pace that forgot more than that would leave calls unused.
BETWEEN_SWEEPS = timedelta(minutes=2)
# Below, a reserve would be most of the quota.
LEAST_WITH_RESERVE = 5
RESERVED_SHARE = 10
# A lowered quota comes back by this share of the whole in an hour.
RAISED_BY = 10


@dataclass(frozen=True, slots=True)
class Quota:
    """Calls an hour and a second; None: no limit is known."""

    per_hour: int | None
    per_second: int | None


# USPS gives a new account 60 calls an hour. Pitney Bowes names 100 a second as what is safe, slows down who has more, and says
# nothing of hours: half of it leaves room for whatever else the merchant runs.
PUBLISHED = {Gateway.USPS: Quota(60, None), Gateway.PITNEY_BOWES: Quota(None, 50)}
UNLIMITED = Quota(None, None)


def quota_of(gateway: Gateway, *, per_hour: int | None, per_second: int | None, is_simulated: bool) -> Quota:
    """The quota an account is held to: what is written on it, else what the gateway publishes; a simulator publishes none."""
    published = UNLIMITED if is_simulated else PUBLISHED[gateway]
    return Quota(per_hour or published.per_hour, per_second or published.per_second)


def in_force(per_hour: int, *, lowered_to: int | None, lowered_until: datetime | None, now: datetime) -> int:
    """The calls an hour that hold now. A lowered quota comes back in whole steps, the last one at `lowered_until`."""
    if lowered_to is None or lowered_until is None or now >= lowered_until:
        return per_hour
    steps_left = math.ceil((lowered_until - now) / HOUR)
    return min(per_hour, max(lowered_to, per_hour - steps_left * _step(per_hour)))


def lowered(per_hour: int, *, in_force: int, spent: int, now: datetime) -> tuple[int, datetime] | None:
    """To how many calls an hour a quota is lowered, and until when, after the carrier refused one of `spent` calls of an hour.

    None where as many calls were made as were allowed: then the quota is right, and only the pause counts. Else it is lower than
    we think; to what was spent, but to no less than half at a time: some refusals are about a burst, not about the hour.
    """
    if spent >= in_force:
        return None
    to = max(1, spent, in_force // 2)
    if to >= per_hour:
        return None
    return to, now + math.ceil((per_hour - to) / _step(per_hour)) * HOUR


def _step(per_hour: int) -> int:
    return max(1, per_hour // RAISED_BY)


def reserve(per_hour: int) -> int:
    """The calls of an hour that are kept for what people ask by hand."""
    return 0 if per_hour < LEAST_WITH_RESERVE else max(1, per_hour // RESERVED_SHARE)


def interval(per_hour: int) -> timedelta:
    """How far apart planned calls are."""
    return HOUR / (per_hour - reserve(per_hour))


def burst(per_hour: int) -> int:
    """How many planned calls may come at once after a pause."""
    return 1 + math.ceil(BETWEEN_SWEEPS / interval(per_hour))


def counted_from(now: datetime) -> datetime:
    """The first minute whose calls count: by it the hour before `now` is counted whole."""
    since = now - HOUR - SOON
    return since.replace(second=0, microsecond=0)


@dataclass(frozen=True, slots=True)
class Spent:
    """The calls that count at the moment, and how many of them people asked for."""

    calls: int = 0
    by_hand: int = 0


def left(per_hour: int, spent: Spent, *, by_hand: bool) -> int:
    """The calls that are left of the hour; planned ones leave alone what is left of the reserve."""
    kept = 0 if by_hand else max(0, reserve(per_hour) - spent.by_hand)
    return max(0, per_hour - spent.calls - kept)


def planned_now(per_hour: int, spent: Spent, *, next_call_at: datetime | None, now: datetime) -> int:
    """The planned calls that may be made now: what the hour leaves and the pace lets through."""
    ahead = max(timedelta(0), (next_call_at or now) - now)
    paced = int(burst(per_hour) - ahead / interval(per_hour) + 1e-9)
    return max(0, min(left(per_hour, spent, by_hand=False), paced))


def paced(per_hour: int, calls: int, *, next_call_at: datetime | None, now: datetime) -> datetime:
    """Where the pace stands after so many planned calls."""
    return max(next_call_at or now, now) + calls * interval(per_hour)
