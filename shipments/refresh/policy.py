"""When a parcel is looked at again, and when nobody looks any more. Pure: the time and the dice are arguments."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shipments.enums import AnswerKind, EndReason, Status

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

# How stale a parcel may get while it is lively: what the reader of each status is waiting for decides.
LIVELY: dict[Status, timedelta] = {
    Status.OUT_FOR_DELIVERY: timedelta(minutes=30),  # the buyer is at the window
    Status.DELIVERY_ATTEMPT: _HOUR,  # the second try often follows the same day
    Status.MANIFEST: 3 * _HOUR,  # a label waits for its first scan
    Status.UNKNOWN: 3 * _HOUR,
}
LIVELY_OTHERWISE = 2 * _HOUR
# Silence makes the next news less likely by the hour: after a quiet day looks are this share of the silence apart.
QUIET_AFTER = _DAY
QUIET_SHARE = 1 / 12
QUIETEST = _DAY
# Letters get one scan; a label of theirs may never get any.
ONE_SCAN = 7 * _DAY
# Proof and corrections still come in for a week after delivery.
SETTLES_IN = 7 * _DAY
TOO_OLD = 90 * _DAY
# An account with a cadence of its own looks so many times more rarely at what has arrived.
AFTER_DELIVERY = 180

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = 6 * _HOUR
# Asking again will not help until a person has done something.
HOPELESS_RETRY = _DAY


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a parcel just after it was asked about.

    `last_scan_at` is that of the newest scan, `since` when the parcel was added. `misses` tries in a row brought no
    answer; `error_kind` (`carriers.errors.ERROR_KINDS`) and `retry_after` are those of the last one.
    """

    status: Status
    since: datetime
    last_scan_at: datetime | None = None
    delivered_at: datetime | None = None
    heard: str = ""
    scans_once: bool = False
    misses: int = 0
    error_kind: str = ""
    retry_after: timedelta | None = None
    cadence: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Next:
    """When to look again; None with the reason why nobody will."""

    due_at: datetime | None
    ends: EndReason | None = None


def next_look(situation: Situation, *, now: datetime, dice: float) -> Next:
    """When this parcel is looked at next. `dice` in [0, 1) spreads tries after an error, so that they don't come in a wave."""
    if now - situation.since > TOO_OLD:
        return Next(None, EndReason.TOO_OLD)
    if situation.error_kind:
        return Next(now + _after_error(situation, dice))
    if (
        situation.status == Status.DELIVERED
        and situation.delivered_at is not None
        and now - situation.delivered_at > SETTLES_IN
    ):
        return Next(None, EndReason.SETTLED)
    if situation.cadence is not None:
        delivered = situation.status == Status.DELIVERED
        return Next(now + min(situation.cadence * (AFTER_DELIVERY if delivered else 1), _DAY))
    return Next(now + _interval(situation, now))


def _interval(situation: Situation, now: datetime) -> timedelta:
    if situation.heard == AnswerKind.NOT_ALLOWED:
        return HOPELESS_RETRY
    if situation.status == Status.DELIVERED:
        return _DAY
    if situation.scans_once:
        return ONE_SCAN
    lively = LIVELY.get(situation.status, LIVELY_OTHERWISE)
    silence = now - (situation.last_scan_at or situation.since)
    return max(lively, min(silence * QUIET_SHARE, QUIETEST)) if silence > QUIET_AFTER else lively


def _after_error(situation: Situation, dice: float) -> timedelta:
    if situation.error_kind in {"bad-credentials", "not-entitled"}:
        return _HOUR
    if situation.error_kind == "bad-request":
        return HOPELESS_RETRY
    ceiling = (
        min(FIRST_RETRY * 2 ** min(situation.misses - 1, 10), LONGEST_RETRY)
        if situation.misses > 0
        else FIRST_RETRY
    )
    if situation.cadence is not None:
        ceiling = min(ceiling, 4 * situation.cadence)
    wait = max(dice * ceiling, timedelta(seconds=5))
    if situation.retry_after is None:
        return wait
    # Never sooner than asked, each parcel a little later than the next; a carrier that says "0" is not hammered.
    return max(situation.retry_after + dice * FIRST_RETRY, wait)
