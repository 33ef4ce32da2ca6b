"""A piece that sinks its call at USPS, and what is left of a round whose time is up."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.carriers.base import NotAllowed, NotKnown, Snapshot
from shipments.carriers.errors import (
    BadRequest,
    NotEntitled,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.carriers.usps.client import FURTHER_CALLS
from tests.carriers.usps_calls import (
    SAMPLES,
    Wire,
    found,
    numbers,
    questions,
    refused,
    results,
    track,
)

# ---- A piece that sinks its call


class Sinking:
    """Refuses a call in which one of `culprits` is, and answers all others."""

    def __init__(self, status: int, culprits: Sequence[str]) -> None:
        self._status = status
        self._culprits = set(culprits)

    def __call__(self, entries: list[dict[str, str]]) -> httpx.Response:
        if self._culprits & {entry["trackingNumber"] for entry in entries}:
            return refused(self._status)
        return found(entries)


@pytest.mark.parametrize(("status", "kind"), [(403, NotAllowed), (400, BadRequest)])
@pytest.mark.parametrize("position", range(35))
def test_one_piece_that_sinks_its_call_is_found_and_the_others_are_answered(
    status: int, kind: type, position: int
) -> None:
    asked = numbers(35)
    wire = Wire(Sinking(status, [asked[position]]))
    outcomes = track(wire, questions(*asked))
    assert results(outcomes) == [kind if at == position else Snapshot for at in range(35)]
    assert len(wire.calls) <= 1 + FURTHER_CALLS


@pytest.mark.parametrize("count", range(1, 11))
def test_in_a_small_call_every_piece_that_sinks_it_is_found(count: int) -> None:
    asked = numbers(count)
    wire = Wire(Sinking(403, asked))
    assert results(track(wire, questions(*asked))) == [NotAllowed] * count
    assert len(wire.calls) <= 1 + FURTHER_CALLS


def test_an_account_refused_every_piece_gets_a_bounded_number_of_calls_and_no_answer_it_was_not_given() -> (
    None
):
    asked = numbers(35)
    wire = Wire(Sinking(403, asked))
    outcomes = track(wire, questions(*asked))
    assert len(wire.calls) == 1 + FURTHER_CALLS
    assert [len(call) for call in wire.calls] == [35, 18, 17, *[1] * 10]
    alone = {call[0]["trackingNumber"] for call in wire.calls if len(call) == 1}
    for outcome in outcomes:
        assert type(outcome.result) is (NotAllowed if outcome.question.number in alone else TryLater)
    postponed = next(outcome for outcome in outcomes if isinstance(outcome.result, TryLater))
    assert postponed.part is None
    assert str(postponed.result) == (
        "USPS refused a call because of one of its parcels; this one is asked about again in another call."
    )


@given(st.sets(st.integers(0, 34)))
@settings(max_examples=40, deadline=None)
def test_whoever_sinks_the_call_nobody_else_is_blamed_and_each_round_gets_on(culprits: set[int]) -> None:
    asked = numbers(35)
    wire = Wire(Sinking(403, [asked[at] for at in culprits]))
    kinds = results(track(wire, questions(*asked)))
    assert len(wire.calls) <= 1 + FURTHER_CALLS
    assert {at for at, kind in enumerate(kinds) if kind is NotAllowed} <= culprits
    assert {at for at, kind in enumerate(kinds) if kind is Snapshot}.isdisjoint(culprits)
    assert set(kinds) <= {NotAllowed, Snapshot, TryLater}
    assert not culprits or NotAllowed in kinds


@pytest.mark.parametrize("status", [400, 403])
def test_a_number_not_yet_known_among_others_is_told_apart_from_a_malformed_one(status: int) -> None:
    asked = numbers(4)
    not_yet = httpx.Response(status, content=(SAMPLES / "not_yet.json").read_bytes())

    def answer(entries: list[dict[str, str]]) -> httpx.Response:
        return not_yet if any(entry["trackingNumber"] == asked[2] for entry in entries) else found(entries)

    assert results(track(Wire(answer), questions(*asked))) == [Snapshot, Snapshot, NotKnown, Snapshot]


def test_a_refusal_of_the_account_is_not_searched_for_a_culprit() -> None:
    wire = Wire(lambda _: refused(403, "Insufficient OAuth scope."))
    assert results(track(wire, questions(*numbers(35)))) == [NotEntitled] * 35
    assert len(wire.calls) == 1


def test_a_web_page_in_front_of_usps_is_not_searched_for_a_culprit() -> None:
    wire = Wire(lambda _: httpx.Response(403, text="<html>Access denied</html>"))
    assert results(track(wire, questions(*numbers(35)))) == [UnreadableAnswer] * 35
    assert len(wire.calls) == 1


def test_a_search_ends_when_usps_wants_fewer_calls() -> None:
    def answer(entries: list[dict[str, str]]) -> httpx.Response:
        if len(entries) == 35:
            return refused(403)
        return httpx.Response(429, headers={"Retry-After": "60"})

    wire = Wire(answer)
    outcomes = track(wire, questions(*numbers(35)))
    assert len(wire.calls) == 2
    assert results(outcomes) == [OverQuota] * 35
    assert {outcome.result.retry_after for outcome in outcomes if isinstance(outcome.result, OverQuota)} == {
        timedelta(seconds=60)
    }


def test_a_search_cut_short_at_its_last_call_says_so_to_everybody_it_did_not_reach() -> None:
    def answer(entries: list[dict[str, str]]) -> httpx.Response:
        return httpx.Response(429) if len(wire.calls) == 1 + FURTHER_CALLS else refused(403)

    wire = Wire(answer)
    outcomes = track(wire, questions(*numbers(35)))
    assert len(wire.calls) == 1 + FURTHER_CALLS
    assert results(outcomes) == [NotAllowed] * 9 + [OverQuota] * 26


def test_the_reply_to_a_parcel_asked_alone_stays_with_it() -> None:
    asked = numbers(35)

    def answer(entries: list[dict[str, str]]) -> httpx.Response:
        return httpx.Response(429, text=f"Not {asked[0]}.") if len(entries) == 1 else refused(403)

    outcomes = track(Wire(answer), questions(*asked))
    assert results(outcomes) == [OverQuota] * 35
    assert [outcome.part for outcome in outcomes] == [f"Not {asked[0]}.".encode(), *[None] * 34]
    for outcome in outcomes:
        assert isinstance(outcome.result, OverQuota)
        assert outcome.result.kept == outcome.part


# ---- The time one call of track may take


TOO_LATE = "USPS tracking: no answer within the 1 seconds that one round of questions may take."
A_SECOND = timedelta(seconds=1)


def test_when_time_is_up_a_search_keeps_its_answers_and_the_rest_is_tried_later() -> None:
    given_up: list[int] = []

    async def answer(entries: list[dict[str, str]]) -> httpx.Response:
        # The first six calls: all, both halves, then one by one. The sixth does not come back.
        if len(wire.calls) == 6:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                given_up.append(len(entries))
                raise
        return refused(403)

    wire = Wire(answer)
    begun = monotonic()
    outcomes = track(wire, questions(*numbers(35)), time_limit=A_SECOND)
    assert monotonic() - begun < 25
    assert [len(call) for call in wire.calls] == [35, 18, 17, 1, 1, 1]
    assert given_up == [1]
    assert results(outcomes) == [NotAllowed] * 2 + [TryLater] * 33
    assert {str(outcome.result) for outcome in outcomes[2:]} == {TOO_LATE}


def test_when_time_is_up_the_calls_that_were_answered_stay_so() -> None:
    asked = numbers(35 * 5)

    async def answer(entries: list[dict[str, str]]) -> httpx.Response:
        if entries[0]["trackingNumber"] != asked[0]:
            await asyncio.sleep(30)
        return found(entries)

    wire = Wire(answer)
    begun = monotonic()
    outcomes = track(wire, questions(*asked), concurrency=2, time_limit=A_SECOND)
    assert monotonic() - begun < 25
    assert len(wire.calls) == 3
    assert results(outcomes) == [Snapshot] * 35 + [TryLater] * 35 * 4
    assert {str(outcome.result) for outcome in outcomes[35:]} == {TOO_LATE}
    assert {(outcome.part, outcome.body_sha256) for outcome in outcomes[35:]} == {(None, None)}


def test_a_slow_sign_in_is_given_up_in_time_too() -> None:
    class Sleepy(Wire):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            self.requests.append(request)
            await asyncio.sleep(30)
            return httpx.Response(500)

    wire = Sleepy()
    begun = monotonic()
    outcomes = track(wire, questions(*numbers(3)), time_limit=A_SECOND)
    assert monotonic() - begun < 25
    assert [str(outcome.result) for outcome in outcomes] == [TOO_LATE] * 3
    assert len(wire.requests) == 1
