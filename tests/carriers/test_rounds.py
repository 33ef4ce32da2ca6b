import asyncio
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest
from django.conf import settings

from shipments.carriers.errors import (
    ERROR_KINDS,
    BadCredentials,
    CarrierError,
    OverQuota,
    TryLater,
)
from shipments.carriers.http import WHOLE_EXCHANGE, WHOLE_ROUND
from shipments.carriers.rounds import SILENCES, Round


def in_a_round(act: Callable[[Round], None]) -> Round:
    async def run() -> Round:
        round_ = Round("Carrier", time_limit=timedelta(seconds=10))
        act(round_)
        return round_

    return asyncio.run(run())


def test_a_round_ends_long_enough_before_the_queue_ends_its_task() -> None:
    task_timeout: Any = settings.Q_CLUSTER["timeout"]

    assert timedelta(seconds=task_timeout) - WHOLE_ROUND >= timedelta(seconds=30)
    assert WHOLE_ROUND > 2 * WHOLE_EXCHANGE


@pytest.mark.parametrize("kind", ERROR_KINDS)
def test_who_was_not_asked_hears_why_but_gets_nobodys_reply(kind: type[CarrierError]) -> None:
    error = kind(
        "No.", code="E1", http_status=429, retry_after=timedelta(seconds=7), kept=b"another parcel's reply"
    )

    heard = in_a_round(lambda round_: round_.end(error)).ended_by

    assert type(heard) is kind
    assert (str(heard), heard.code, heard.http_status) == ("No.", "E1", 429)
    assert heard.retry_after == timedelta(seconds=7)
    assert heard.kept is None
    assert error.kept == b"another parcel's reply"


def test_the_first_reason_to_stop_stands() -> None:
    def act(round_: Round) -> None:
        round_.end(OverQuota("Wait."))
        round_.end(BadCredentials("Refused."))

    assert str(in_a_round(act).ended_by) == "Wait."


def test_so_many_silences_end_a_round_and_one_fewer_does_not() -> None:
    def act(round_: Round) -> None:
        for _ in range(SILENCES - 1):
            round_.hear_silence(TryLater("Silent."))
        assert round_.ended_by is None
        round_.hear_silence(TryLater("Silent again."))

    assert str(in_a_round(act).ended_by) == "Silent again."


def test_what_is_under_way_when_time_is_up_is_given_up() -> None:
    async def run() -> Round:
        round_ = Round("Carrier", time_limit=timedelta(seconds=0.05))
        with pytest.raises(
            TryLater,
            match=r"^Carrier: no answer within the 0\.05 seconds that one round of questions may take\.$",
        ):
            async with round_.time_left():
                await asyncio.sleep(30)
        return round_

    begun = monotonic()
    round_ = asyncio.run(run())

    assert monotonic() - begun < 25
    assert type(round_.ended_by) is TryLater


def test_the_time_limit_does_not_hide_an_earlier_reason() -> None:
    async def run() -> Round:
        round_ = Round("Carrier", time_limit=timedelta(0))
        round_.end(OverQuota("Wait."))
        with pytest.raises(TryLater, match="no answer within"):
            async with round_.time_left():
                await asyncio.sleep(30)
        return round_

    assert str(asyncio.run(run()).ended_by) == "Wait."


def test_what_ends_in_time_is_left_alone() -> None:
    async def run() -> tuple[int, Round]:
        round_ = Round("Carrier", time_limit=timedelta(seconds=30))
        async with round_.time_left():
            answer = await asyncio.sleep(0, 7)
        return answer, round_

    answer, round_ = asyncio.run(run())

    assert (answer, round_.ended_by) == (7, None)


def test_whoever_cancels_a_round_from_outside_is_obeyed() -> None:
    async def run() -> None:
        async def ask() -> None:
            async with Round("Carrier", time_limit=timedelta(seconds=30)).time_left():
                await asyncio.sleep(30)

        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(run())
