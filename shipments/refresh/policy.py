"""When a parcel may be looked at again, by when it should be, and when nobody looks any more. Pure: the time and the
dice are arguments. What of all that may be looked at is looked at first, `ranking` decides."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from shipments.enums import AnswerKind, EndReason, Status
from shipments.refresh.ranking import clock, pick
from shipments.refresh.situation import Candidate, Situation

__all__ = ["Candidate", "Next", "Situation", "ending", "next_look", "pick"]

_HOUR = timedelta(hours=1)
_DAY = timedelta(days=1)

# Carriers show a scan minutes after it was made, and nobody's parcel is scanned in every plant twice a minute.
LEAST_APART = timedelta(minutes=10)
# With quota to spare: how stale a parcel may get while it is lively. What its reader waits for decides.
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
# A label alone, or words nobody could read: the first scan is still to come.
_UNSEEN = frozenset({Status.MANIFEST, Status.UNKNOWN})
# Letters get one scan; a label of theirs may never get any.
ONE_SCAN = 7 * _DAY
# Presort and its like: silence tells nothing there, so a look a day is enough.
IN_PART = _DAY
# A look is worth something long before the bound: the quota may be spent from this share of it on.
WORTH_FROM = 1 / 12
# Proof and corrections still come in for a week after delivery, and can wait for the day's look.
SETTLES_IN = 7 * _DAY
# Their day's look is taken when rounds are over, so that it takes no place from what is out for delivery: hours at the place.
EVENING = 20.0
EVENING_LASTS = 8.0
TOO_OLD = 90 * _DAY
# An account with a cadence of its own looks so many times more rarely at what has arrived.
AFTER_DELIVERY = 180

FIRST_RETRY = timedelta(minutes=5)
LONGEST_RETRY = 6 * _HOUR
# Asking again will not help until a person has done something.
HOPELESS_RETRY = _DAY


@dataclass(frozen=True, slots=True)
class Next:
    """From when on a look is worth anything, and by when there should be one with quota to spare; both None when nobody
    looks any more, for the reason `ends`.
    """

    due_at: datetime | None
    wanted_by: datetime | None = None
    ends: EndReason | None = None


def next_look(situation: Situation, *, now: datetime, dice: float) -> Next:
    """When this parcel, asked about right now, is looked at next. `dice` in [0, 1) spreads tries after an error, so that
    they don't come in a wave."""
    reason = ending(situation, now=now)
    if reason is not None:
        return Next(None, ends=reason)
    if situation.error_kind:
        return _at(now + _after_error(situation, dice))
    if situation.cadence is not None:
        delivered = situation.status == Status.DELIVERED
        return _at(now + min(situation.cadence * (AFTER_DELIVERY if delivered else 1), _DAY))
    if situation.heard == AnswerKind.NOT_ALLOWED:
        return _at(now + HOPELESS_RETRY)
    if situation.status == Status.DELIVERED:
        return _at(now + _until_the_evening(situation.zone, now, dice))
    if situation.scans_once and situation.status not in _UNSEEN:
        # It had its scan: nothing is to be expected, and a look is for what the carrier may still correct.
        return _at(now + ONE_SCAN)
    bound = _bound(situation, now)
    return Next(now + max(LEAST_APART, min(bound * WORTH_FROM, _HOUR)), now + bound)


def ending(situation: Situation, *, now: datetime) -> EndReason | None:
    """Why nobody needs to look any more; None while somebody should. Takes no answer of a carrier to know."""
    if now - situation.since > TOO_OLD:
        return EndReason.TOO_OLD
    if (
        situation.status == Status.DELIVERED
        and situation.delivered_at is not None
        and now - situation.delivered_at > SETTLES_IN
        and not situation.error_kind
    ):
        return EndReason.SETTLED
    return None


def _until_the_evening(zone: str | None, now: datetime, dice: float) -> timedelta:
    """How long until the next of the hours in which little else is worth a look; a day at most."""
    hour = clock(zone, now)[0] % 24
    if hour >= EVENING or hour + 24 < EVENING + EVENING_LASTS:
        return _DAY
    return min((EVENING - hour + dice * EVENING_LASTS) * _HOUR, _DAY)


def _at(moment: datetime) -> Next:
    """Not before this moment, and wanted right then."""
    return Next(moment, moment)


def _bound(situation: Situation, now: datetime) -> timedelta:
    """How stale the parcel may get with quota to spare."""
    if situation.scans_once:
        return ONE_SCAN
    lively = LIVELY.get(situation.status, LIVELY_OTHERWISE)
    if situation.scans_in_part:
        return max(lively, IN_PART)
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
