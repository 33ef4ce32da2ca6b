"""What a round says of its account, written on the account and its budget, and told to whom it concerns."""

import logging
import random
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from shipments.carriers.base import Outcome
from shipments.carriers.errors import (
    BadCredentials,
    CarrierError,
    NotEntitled,
    OutOfBudget,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.enums import BreakerState
from shipments.models import Budget, CarrierAccount
from shipments.refresh import breaker, quotas, telling_owners
from shipments.refresh.breaker import Breaker, Verdict
from shipments.refresh.budget import quota_of, spent_by

logger = logging.getLogger(__name__)

# A 429 without Retry-After: USPS' quota is by the hour, so a few minutes cost little and a wave of refusals more.
UNSAID_PAUSE = timedelta(minutes=5)
# A success is written on the account no more often than this: every batch would rewrite the row.
SUCCESS_EVERY = timedelta(minutes=1)


def note(account: CarrierAccount, outcomes: Sequence[Outcome], *, lease: UUID | None, now: datetime) -> None:
    """Write on the account how it fares. A quota or a carrier that asks for time pauses it, failures open its breaker: for
    everybody who asks with it."""
    errors = [outcome.result for outcome in outcomes if isinstance(outcome.result, CarrierError)]
    _note_on_account(account, errors, len(outcomes), now)
    said = breaker.heard(outcomes)
    pause = _pause_asked(errors)
    budget = account.budget
    is_probe = lease is not None and budget.probe == lease
    nothing_to_end = budget.breaker == BreakerState.CLOSED and budget.failures == 0 and not is_probe
    ends_pause = said.verdict == Verdict.ANSWERED and not errors and budget.paused_until is not None
    if said.verdict in {Verdict.ANSWERED, Verdict.NOTHING} and nothing_to_end and pause is None:
        if ends_pause:
            # Somebody asked by hand during a pause, and was answered.
            Budget.objects.filter(pk=account.pk).update(paused_until=None)
        return
    with transaction.atomic():
        row = Budget.objects.lock(account.pk)
        before, is_probe = state_of(row), lease is not None and row.probe == lease
        _write(row, breaker.after(before, said, is_probe=is_probe, now=now, dice=_dice()), is_probe=is_probe)
        if pause is not None:
            _pause(
                account, row, pause, refused=any(isinstance(error, OverQuota) for error in errors), now=now
            )
        elif ends_pause:
            row.paused_until = None
        telling_owners.tell(account, row, has_failed_again=is_probe, now=now)
        row.save()


def state_of(row: Budget) -> Breaker:
    """The breaker as it stands in the row."""
    return Breaker(
        BreakerState(row.breaker),
        row.failures,
        row.opened_at,
        row.opened_for,
        row.opened_because,
        row.probes_at,
    )


def _dice() -> float:
    return random.random()  # noqa: S311  (spreads load, guards nothing)


def _write(row: Budget, state: Breaker, *, is_probe: bool) -> None:
    if state.state != row.breaker:
        logger.warning(
            "Account %s: its breaker was %s and is %s now. %s",
            row.account_id, row.breaker, state.state, state.opened_because,
        )  # fmt: skip
    row.breaker, row.failures, row.opened_at = state.state, state.failures, state.opened_at
    row.opened_for, row.opened_because, row.probes_at = (
        state.opened_for,
        state.opened_because,
        state.probes_at,
    )
    if is_probe or state.state == BreakerState.CLOSED:
        row.probe = row.probe_until = None


def _pause_asked(errors: Sequence[CarrierError]) -> timedelta | None:
    """For how long the carrier wants nobody to ask with this account."""
    asked = [
        UNSAID_PAUSE if error.retry_after is None else error.retry_after
        for error in errors
        if isinstance(error, OverQuota)
        or (isinstance(error, TryLater) and not isinstance(error, OutOfBudget) and error.retry_after)
    ]
    return max(asked, default=None)


def _pause(account: CarrierAccount, row: Budget, length: timedelta, *, refused: bool, now: datetime) -> None:
    at, spent = spent_by(account.pk)
    until = at + length
    row.paused_until = until if row.paused_until is None else max(until, row.paused_until)
    quota = quota_of(account)
    if not refused or quota.per_hour is None:
        return
    holds = quotas.in_force(
        quota.per_hour, lowered_to=row.lowered_to, lowered_until=row.lowered_until, now=at
    )
    lowered = quotas.lowered(quota.per_hour, in_force=holds, spent=spent.calls, now=at)
    if lowered is not None:
        row.lowered_to, row.lowered_until = lowered
        logger.warning(
            "Account %s: refused after %d calls in an hour, though %d were allowed; held to %d now.",
            account.pk, spent.calls, holds, row.lowered_to,
        )  # fmt: skip


def _note_on_account(
    account: CarrierAccount, errors: Sequence[CarrierError], asked: int, now: datetime
) -> None:
    changes: dict[str, object] = {}
    if len(errors) < asked and (
        account.last_success_at is None or now - account.last_success_at >= SUCCESS_EVERY
    ):
        changes["last_success_at"] = now
    told = [error for error in errors if not isinstance(error, OutOfBudget)]
    if told:
        worst = max(
            told,
            key=lambda error: (isinstance(error, BadCredentials | NotEntitled), isinstance(error, OverQuota)),
        )
        changes |= {"last_error": f"{worst} {worst.advice}".strip()[:500], "last_error_at": now}
        logger.warning("Account %s: %d of %d parcels got no answer: %s", account.pk, len(told), asked, worst)
    if changes:
        CarrierAccount.objects.filter(pk=account.pk).update(**changes)


def calls_by_outcome(outcomes: Sequence[Outcome], made: int) -> Counter[str]:
    """The calls of a round by what came of them. A call for many parcels is what most of them got of it; a refused sign-in
    without any tracking call counts as one refused call."""
    kinds = Counter(_kind(outcome.result) for outcome in outcomes)
    del kinds[""]
    if not kinds:
        return Counter()
    if made == 0:
        (worst, _count), *_rest = kinds.most_common()
        return Counter({worst: 1}) if worst != "calls_answered" else Counter()
    if made >= len(outcomes):
        return kinds
    (most, _count), *others = kinds.most_common()
    share = {kind: min(1, made - 1) for kind, _count in others[: made - 1]}
    return Counter({most: made - sum(share.values()), **share})


def _kind(result: object) -> str:
    match result:
        case OutOfBudget():
            return ""
        case OverQuota():
            return "calls_over_quota"
        case BadCredentials() | NotEntitled():
            return "calls_refused"
        case TryLater() | UnreadableAnswer():
            return "calls_failed"
    return "calls_answered"
