"""When an account is asked with no more, and when again: the rules, without a database."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.base import NotAllowed, NotKnown, Outcome, Question
from shipments.carriers.errors import (
    BadCredentials,
    BadRequest,
    NotEntitled,
    OutOfBudget,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.enums import BreakerState
from shipments.refresh.breaker import (
    LONGEST_REFUSED_WAIT,
    LONGEST_WAIT,
    OPENS_AFTER,
    Breaker,
    Said,
    Verdict,
    after,
    heard,
)
from tests.factories import a_snapshot

NOW = datetime(2026, 6, 10, 15, 0, tzinfo=UTC)
FAILED = Said(Verdict.FAILED, "try-later", "out of order")
REFUSED = Said(Verdict.REFUSED, "bad-credentials", "refused")
ANSWERED = Said(Verdict.ANSWERED)


def said(*results: Any) -> Verdict:
    question = Question(1, "9400", "USPS")
    return heard([Outcome(question, result, NOW) for result in results]).verdict


@pytest.mark.parametrize(
    ("results", "verdict"),
    [
        ([a_snapshot(), TryLater("x")], Verdict.ANSWERED),
        ([NotKnown("no")], Verdict.ANSWERED),
        ([NotAllowed("no")], Verdict.ANSWERED),
        ([BadRequest("no"), TryLater("x")], Verdict.ANSWERED),
        ([NotEntitled("x"), a_snapshot()], Verdict.ANSWERED),
        ([TryLater("x"), UnreadableAnswer("y")], Verdict.FAILED),
        ([TryLater("x"), BadCredentials("y")], Verdict.FAILED),
        ([BadCredentials("x"), NotEntitled("y")], Verdict.REFUSED),
        ([OverQuota("x"), OutOfBudget("y")], Verdict.NOTHING),
        ([OutOfBudget("x"), BadCredentials("y")], Verdict.REFUSED),
    ],
)
def test_what_a_round_says_of_its_account(results, verdict):
    assert said(*results) == verdict


def failed(times: int, breaker: Breaker | None = None, **how: Any) -> Breaker:
    breaker = breaker or Breaker()
    for _ in range(times):
        breaker = after(breaker, FAILED, **{"is_probe": False, "now": NOW, "dice": 0.0, **how})
    return breaker


def test_failures_in_a_row_open_it():
    closed = failed(OPENS_AFTER - 1)
    assert (closed.state, closed.failures) == (BreakerState.CLOSED, 4)
    opened = failed(1, closed)
    assert opened == Breaker(
        BreakerState.OPEN, 5, NOW, "try-later", "out of order", NOW + timedelta(minutes=1)
    )


def test_an_answer_between_failures_keeps_it_closed():
    breaker = after(failed(OPENS_AFTER - 1), ANSWERED, is_probe=False, now=NOW, dice=0.0)
    assert failed(OPENS_AFTER - 1, breaker).state == BreakerState.CLOSED


def test_refused_credentials_open_it_at_once():
    opened = after(Breaker(), REFUSED, is_probe=False, now=NOW, dice=0.0)
    assert (opened.state, opened.probes_at) == (BreakerState.OPEN, NOW + timedelta(minutes=15))
    assert opened.is_refused


def test_a_quota_neither_opens_nor_closes_it():
    counted = failed(3)
    assert after(counted, Said(Verdict.NOTHING), is_probe=False, now=NOW, dice=0.0) == counted


def test_a_probe_that_fails_opens_it_for_longer_and_one_that_is_answered_closes_it():
    waits, breaker = [], failed(OPENS_AFTER)
    for _ in range(8):
        breaker = failed(1, breaker, is_probe=True)
        assert breaker.probes_at is not None
        waits.append(int((breaker.probes_at - NOW) / timedelta(minutes=1)))
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    assert breaker.opened_at == NOW
    assert after(breaker, ANSWERED, is_probe=True, now=NOW, dice=0.0) == Breaker()


def test_refused_probes_wait_up_to_six_hours():
    waits, breaker = [], after(Breaker(), REFUSED, is_probe=False, now=NOW, dice=0.0)
    for _ in range(6):
        breaker = after(breaker, REFUSED, is_probe=True, now=NOW, dice=0.0)
        assert breaker.probes_at is not None
        waits.append((breaker.probes_at - NOW) / timedelta(hours=1))
    assert waits == [0.5, 1, 2, 4, 6, 6]


def test_rounds_that_had_begun_before_it_opened_change_nothing_by_failing():
    opened = failed(OPENS_AFTER)
    assert failed(3, opened) == opened
    refused = after(Breaker(), REFUSED, is_probe=False, now=NOW, dice=0.0)
    assert after(refused, REFUSED, is_probe=False, now=NOW, dice=0.0) == refused
    assert after(refused, FAILED, is_probe=False, now=NOW, dice=0.0) == refused


def test_a_probe_that_told_nothing_is_repeated_soon():
    opened = failed(OPENS_AFTER)
    again = after(opened, Said(Verdict.NOTHING), is_probe=True, now=NOW + timedelta(hours=1), dice=0.0)
    assert (again.state, again.probes_at) == (BreakerState.OPEN, NOW + timedelta(hours=1, minutes=1))


@given(
    st.lists(st.tuples(st.sampled_from([FAILED, REFUSED]), st.booleans()), min_size=1, max_size=60),
    st.floats(0, 1, exclude_max=True),
)
def test_whatever_happens_the_next_probe_is_never_far(rounds, dice):
    breaker, now = Breaker(), NOW
    for what, is_probe in rounds:
        breaker = after(breaker, what, is_probe=is_probe, now=now, dice=dice)
        if breaker.state == BreakerState.CLOSED:
            continue
        assert breaker.probes_at is not None
        longest = LONGEST_REFUSED_WAIT if breaker.is_refused else LONGEST_WAIT
        assert breaker.probes_at - now <= longest * 1.25
