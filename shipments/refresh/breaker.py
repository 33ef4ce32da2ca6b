"""Whether an account is asked with at all, after what came of its last rounds. Pure: the time and the dice are arguments.

Closed, it is. Open, it is not: after failures in a row, or at once where the carrier refused the credentials. At `probes_at` one
parcel is asked about (half-open): an answer closes the breaker, another failure opens it for longer.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from shipments.carriers.base import Outcome
from shipments.carriers.errors import (
    ERROR_KINDS,
    BadCredentials,
    BadRequest,
    CarrierError,
    NotEntitled,
    OutOfBudget,
    OverQuota,
)
from shipments.enums import BreakerState

# One round that fails may be the network; so many in a row are the carrier.
OPENS_AFTER = 5
# A carrier in trouble is often back in a minute, and never worth more than a look an hour while it is not.
FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=1)
# A refused key stays refused until a person mends it; asking on would look like an attack.
REFUSED_WAIT, LONGEST_REFUSED_WAIT = timedelta(minutes=15), timedelta(hours=6)
# Waits are longer by up to this share, so that accounts that failed together do not come back together.
SPREAD = 0.25


class Verdict(StrEnum):
    """What a round says of the account it was asked with."""

    ANSWERED = "answered"
    FAILED = "failed"
    REFUSED = "refused"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Breaker:
    """The state of a breaker, as it stands in a `Budget`."""

    state: BreakerState = BreakerState.CLOSED
    failures: int = 0
    opened_at: datetime | None = None
    opened_for: str = ""
    opened_because: str = ""
    probes_at: datetime | None = None

    @property
    def is_refused(self) -> bool:
        """Whether it is open because a person must look at the account."""
        return self.opened_for in REFUSALS


REFUSALS = frozenset({ERROR_KINDS[BadCredentials], ERROR_KINDS[NotEntitled]})


@dataclass(frozen=True, slots=True)
class Said:
    """The verdict of a round; where it is a bad one also the kind of the error and its words."""

    verdict: Verdict
    kind: str = ""
    words: str = ""


def heard(outcomes: Sequence[Outcome]) -> Said:
    """What a round says of its account.

    An answer about one parcel is a sign of life, and so is "not known", "not allowed" or "malformed": those are about the piece.
    A quota, the carrier's or our own count, says nothing of whether the carrier works.
    """
    errors = [outcome.result for outcome in outcomes if isinstance(outcome.result, CarrierError)]
    if len(errors) < len(outcomes) or any(isinstance(error, BadRequest) for error in errors):
        return Said(Verdict.ANSWERED)
    bad = [error for error in errors if not isinstance(error, OverQuota | OutOfBudget)]
    if not bad:
        return Said(Verdict.NOTHING)
    worst = max(bad, key=lambda error: isinstance(error, BadCredentials | NotEntitled))
    refused = all(isinstance(error, BadCredentials | NotEntitled) for error in bad)
    return Said(
        Verdict.REFUSED if refused else Verdict.FAILED,
        ERROR_KINDS[type(worst)],
        f"{worst} {worst.advice}".strip(),
    )


def after(breaker: Breaker, said: Said, *, is_probe: bool, now: datetime, dice: float) -> Breaker:
    """The breaker after a round. `dice` in [0, 1) spreads the probes of many accounts.

    While it is open, rounds that had begun before and failed change nothing: the probe's word counts.
    """
    is_closed = breaker.state == BreakerState.CLOSED
    match said.verdict:
        case Verdict.ANSWERED:
            return Breaker()
        case Verdict.NOTHING:
            # A probe that told nothing is repeated soon.
            return (
                replace(breaker, state=BreakerState.OPEN, probes_at=now + FIRST_WAIT) if is_probe else breaker
            )
        case Verdict.REFUSED if is_closed or is_probe or not breaker.is_refused:
            # Counted from where the breaker opens: the longer wait is for what is refused again.
            failures = breaker.failures + 1 if breaker.is_refused else OPENS_AFTER
            return _opened(breaker, said, failures, now, dice)
        case Verdict.FAILED if is_closed or is_probe:
            failures = breaker.failures + 1
            if is_closed and failures < OPENS_AFTER:
                return replace(breaker, failures=failures)
            return _opened(breaker, said, failures, now, dice)
    return breaker


def _opened(breaker: Breaker, said: Said, failures: int, now: datetime, dice: float) -> Breaker:
    refused = said.verdict == Verdict.REFUSED
    first, longest = (REFUSED_WAIT, LONGEST_REFUSED_WAIT) if refused else (FIRST_WAIT, LONGEST_WAIT)
    wait = min(first * 2 ** min(max(failures - OPENS_AFTER, 0), 20), longest)
    return Breaker(
        state=BreakerState.OPEN,
        failures=failures,
        opened_at=breaker.opened_at or now,
        opened_for=said.kind,
        opened_because=said.words[:500],
        probes_at=now + wait * (1 + SPREAD * dice),
    )
