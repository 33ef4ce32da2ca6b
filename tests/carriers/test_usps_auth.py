"""Signing in to USPS: one token for everybody, every refusal sorted."""

import asyncio
import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from shipments.carriers.auth import MemoryTokenStore, Token
from shipments.carriers.base import Outcome, Question, Snapshot
from shipments.carriers.errors import (
    BadCredentials,
    CarrierError,
    NotEntitled,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.carriers.usps.client import UspsClient
from shipments.enums import Environment

NUMBER = "9400109104250532908587"
KEY, SECRET = "consumer-key-7d1", "consumer-secret-9f3"


class Usps:
    """Pretends to be USPS: issues numbered tokens, and takes those that `takes` says."""

    def __init__(
        self,
        sign_in: Callable[[int], httpx.Response] | None = None,
        takes: Callable[[str], bool] = lambda token: True,
    ) -> None:
        self.sign_ins: list[httpx.Request] = []
        self.tokens_shown: list[str] = []
        self._sign_in = sign_in or (lambda at: issued(f"token-{at}"))
        self._takes = takes

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        # Lets every concurrent caller come this far, so that two fetches would be seen.
        await asyncio.sleep(0)
        if request.url.path == "/oauth2/v3/token":
            self.sign_ins.append(request)
            return self._sign_in(len(self.sign_ins))
        token = request.headers["Authorization"].removeprefix("Bearer ")
        self.tokens_shown.append(token)
        if not self._takes(token):
            return httpx.Response(401, json={"error": {"code": "401", "message": "Token expired."}})
        asked = json.loads(request.content)
        return httpx.Response(200, json=[{"trackingNumber": entry["trackingNumber"]} for entry in asked])


def issued(token: Any = "token-1", expires_in: Any = 28799, **more: Any) -> httpx.Response:
    return httpx.Response(
        200, json={"access_token": token, "token_type": "Bearer", "expires_in": expires_in, **more}
    )


def a_client(usps: Usps, tokens: MemoryTokenStore | None = None) -> UspsClient:
    return UspsClient(
        base_url=None,
        environment=Environment.PRODUCTION,
        key=KEY,
        secret=SECRET,
        tokens=tokens or MemoryTokenStore(),
        transport=httpx.MockTransport(usps),
    )


def ask(usps: Usps, tokens: MemoryTokenStore | None = None) -> Outcome:
    async def run() -> Outcome:
        client = a_client(usps, tokens)
        try:
            (outcome,) = await client.track([Question(1, NUMBER, "USPS")])
            return outcome
        finally:
            await client.aclose()

    return asyncio.run(run())


def check(usps: Usps, tokens: MemoryTokenStore | None = None) -> None:
    async def run() -> None:
        client = a_client(usps, tokens)
        try:
            await client.check()
        finally:
            await client.aclose()

    asyncio.run(run())


def test_key_and_secret_are_sent_in_the_body_and_nowhere_else() -> None:
    usps = Usps()
    ask(usps)
    (request,) = usps.sign_ins
    assert (request.method, str(request.url)) == ("POST", "https://apis.usps.com/oauth2/v3/token")
    assert json.loads(request.content) == {
        "grant_type": "client_credentials",
        "client_id": KEY,
        "client_secret": SECRET,
        "scope": "tracking",
    }
    assert request.headers["Content-Type"] == "application/json"
    assert "Authorization" not in request.headers


def test_twenty_first_calls_at_once_fetch_one_token() -> None:
    usps = Usps()

    async def run() -> list[list[Outcome]]:
        client = a_client(usps)
        try:
            return await asyncio.gather(
                *(client.track([Question(at, f"9400{at:04d}", "USPS")]) for at in range(20))
            )
        finally:
            await client.aclose()

    answered = asyncio.run(run())
    assert len(usps.sign_ins) == 1
    assert [type(outcome.result) for (outcome,) in answered] == [Snapshot] * 20
    assert usps.tokens_shown == ["token-1"] * 20


def test_a_token_serves_until_it_ends() -> None:
    usps, tokens = Usps(), MemoryTokenStore()
    ask(usps, tokens)
    ask(usps, tokens)
    assert len(usps.sign_ins) == 1


@pytest.mark.parametrize(
    ("expires_in", "life"),
    [
        (28799, timedelta(seconds=28799)),
        ("28799", timedelta(seconds=28799)),
        (" 14399 ", timedelta(seconds=14399)),
        (28799.0, timedelta(seconds=28799)),
        (None, timedelta(hours=1)),
        ("soon", timedelta(hours=1)),
        (-5, timedelta(hours=1)),
        (10**9, timedelta(days=7)),
        (10**30, timedelta(hours=1)),
    ],
)
def test_the_life_of_a_token_is_read_from_a_number_or_a_text(expires_in: Any, life: timedelta) -> None:
    tokens = MemoryTokenStore()
    before = datetime.now(UTC)
    check(Usps(lambda _: issued(expires_in=expires_in)), tokens)
    taken = asyncio.run(tokens.take(rejected=None))
    assert isinstance(taken, Token)
    assert before + life <= taken.expires_at <= datetime.now(UTC) + life


def test_a_token_about_to_end_is_replaced_first() -> None:
    usps, tokens = Usps(lambda at: issued(f"token-{at}", expires_in=59)), MemoryTokenStore()
    ask(usps, tokens)
    ask(usps, tokens)
    assert usps.tokens_shown[0] != usps.tokens_shown[-1]


def test_a_refused_token_is_replaced_once_and_the_question_asked_again() -> None:
    usps = Usps(takes=lambda token: token == "token-2")
    assert type(ask(usps).result) is Snapshot
    assert usps.tokens_shown == ["token-1", "token-2"]


def test_two_refused_tokens_are_the_credentials_fault() -> None:
    usps = Usps(takes=lambda token: False)
    error = ask(usps).result
    assert type(error) is BadCredentials
    assert usps.tokens_shown == ["token-1", "token-2"]
    assert len(usps.sign_ins) == 2


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx.Response(401, json={"error": "invalid_client"}), BadCredentials),
        (httpx.Response(401, text="<html>Unauthorized</html>"), BadCredentials),
        (httpx.Response(400, json={"error": "invalid_scope"}), NotEntitled),
        (issued(scope=""), NotEntitled),
        (httpx.Response(429, headers={"Retry-After": "30"}), OverQuota),
        (httpx.Response(503), TryLater),
        (httpx.Response(200, text="<html>maintenance</html>"), UnreadableAnswer),
        (httpx.Response(200, json=[]), UnreadableAnswer),
        (httpx.Response(200, json={"expires_in": 28799}), UnreadableAnswer),
        (issued(token=""), UnreadableAnswer),
        (issued(token=["token"]), UnreadableAnswer),
        (issued(token="line\r\nX-Injected: 1"), UnreadableAnswer),
        (issued(token="tök"), UnreadableAnswer),
        (httpx.Response(200, content=b" " * 70_000), UnreadableAnswer),
    ],
)
def test_without_a_token_nobody_is_asked_about_parcels(
    response: httpx.Response, kind: type[CarrierError]
) -> None:
    usps = Usps(lambda _: response)
    outcome = ask(usps)
    assert type(outcome.result) is kind
    assert outcome.part is None
    assert usps.tokens_shown == []
    assert len(usps.sign_ins) == 1
    with pytest.raises(kind):
        check(usps)


def test_refused_credentials_are_tried_once_for_a_hundred_parcels() -> None:
    usps = Usps(lambda _: httpx.Response(401, json={"error": "invalid_client"}))

    async def run() -> list[Outcome]:
        client = a_client(usps)
        try:
            return await client.track([Question(at, f"9400{at:04d}", "USPS") for at in range(100)])
        finally:
            await client.aclose()

    assert [type(outcome.result) for outcome in asyncio.run(run())] == [BadCredentials] * 100
    assert len(usps.sign_ins) == 1


def test_a_token_for_other_scopes_beside_tracking_is_taken() -> None:
    assert type(ask(Usps(lambda _: issued(scope="addresses tracking"))).result) is Snapshot


def test_a_check_signs_in_anew_though_a_token_lives() -> None:
    usps, tokens = Usps(), MemoryTokenStore()
    ask(usps, tokens)
    check(usps, tokens)
    ask(usps, tokens)
    assert usps.tokens_shown == ["token-1", "token-2"]


ECHOED = f"{KEY} {SECRET} token-1"


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(401, json={"error": "invalid_client", "error_description": ECHOED}),
        httpx.Response(400, json={"error": ECHOED}),
        httpx.Response(401, text=ECHOED),
        httpx.Response(500, text=ECHOED),
        httpx.Response(200, text=ECHOED),
        httpx.Response(200, json={"access_token": f"token-1\n{SECRET}", "expires_in": 1}),
        httpx.Response(200, content=ECHOED.encode() * 5000),
    ],
)
def test_no_secret_reaches_a_message_a_log_or_what_is_kept(
    response: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    outcome = ask(Usps(lambda _: response))
    error = outcome.result
    assert isinstance(error, BadCredentials | TryLater | UnreadableAnswer)
    shown = (
        f"{error} {error!r} {error.code} {error.kept!r} {outcome.part!r} {caplog.text} {error.__cause__!r}"
    )
    for secret in (KEY, SECRET, "token-1"):
        assert secret not in shown
