import asyncio
import json
from base64 import b64decode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shipments.carriers.auth import MemoryTokenStore, Token
from shipments.carriers.errors import (
    BadCredentials,
    CarrierError,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.carriers.pitney_bowes.client import PitneyBowesClient
from shipments.enums import Environment

TOKEN = json.loads((Path(__file__).parents[1] / "samples" / "pitney_bowes" / "token.json").read_bytes())


class Store(MemoryTokenStore):
    """Remembers what was put."""

    def __init__(self) -> None:
        super().__init__()
        self.kept: list[Token] = []

    async def put(self, token: Token) -> None:
        self.kept.append(token)
        await super().put(token)


def sign_in(
    response: httpx.Response,
    *,
    environment: Environment = Environment.PRODUCTION,
    base_url: str | None = None,
    secret: str = "s3cret",
) -> tuple[list[httpx.Request], list[Token]]:
    """The requests of one `check`, and the tokens it kept."""
    seen: list[httpx.Request] = []
    store = Store()

    async def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return response

    async def run() -> None:
        client = PitneyBowesClient(
            base_url=base_url,
            environment=environment,
            key="key-1",
            secret=secret,
            tokens=store,
            transport=httpx.MockTransport(answer),
        )
        try:
            await client.check()
        finally:
            await client.aclose()

    asyncio.run(run())
    return seen, store.kept


def refused(response: httpx.Response) -> CarrierError:
    with pytest.raises(CarrierError) as caught:
        sign_in(response)
    return caught.value


def life_of(token: Token) -> timedelta:
    """How long the token lives from now, to the nearest ten seconds."""
    seconds = (token.expires_at - datetime.now(UTC)).total_seconds()
    return timedelta(seconds=round(seconds, -1))


def test_a_token_is_asked_for_with_basic_credentials_and_a_form() -> None:
    (request,), _ = sign_in(httpx.Response(200, json=TOKEN))

    scheme, _, credentials = request.headers["Authorization"].partition(" ")
    assert (request.method, str(request.url)) == ("POST", "https://api.pitneybowes.com/oauth/token")
    assert (scheme, b64decode(credentials)) == ("Basic", b"key-1:s3cret")
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.content == b"grant_type=client_credentials"


@pytest.mark.parametrize(
    ("environment", "base_url", "address"),
    [
        (Environment.TEST, None, "https://api-sandbox.pitneybowes.com/oauth/token"),
        (Environment.TEST, "http://127.0.0.1:8901", "http://127.0.0.1:8901/oauth/token"),
        (Environment.PRODUCTION, "http://127.0.0.1:8901/", "http://127.0.0.1:8901/oauth/token"),
    ],
)
def test_the_environment_or_the_base_url_says_where(
    environment: Environment, base_url: str | None, address: str
) -> None:
    (request,), _ = sign_in(httpx.Response(200, json=TOKEN), environment=environment, base_url=base_url)

    assert str(request.url) == address


def test_credentials_beyond_ascii_are_sent_as_utf_8() -> None:
    (request,), _ = sign_in(httpx.Response(200, json=TOKEN), secret="gehëim")

    assert b64decode(request.headers["Authorization"].split()[1]) == "key-1:gehëim".encode()


def test_the_token_is_kept_for_the_life_the_reply_gives_as_text() -> None:
    _, (token,) = sign_in(httpx.Response(200, json=TOKEN))

    assert token.value == TOKEN["access_token"]
    assert life_of(token) == timedelta(seconds=36000)


@pytest.mark.parametrize(
    ("told", "life"),
    [
        ({"expiresIn": 7200}, timedelta(hours=2)),
        ({"expires_in": "7200", "token_type": "Bearer"}, timedelta(hours=2)),
        ({"expires_in": 7200}, timedelta(hours=2)),
        ({"expiresIn": None, "expires_in": 7200}, timedelta(hours=2)),
        ({}, timedelta(hours=1)),
        ({"expiresIn": "soon"}, timedelta(hours=1)),
        ({"expiresIn": -5}, timedelta(hours=1)),
        ({"expiresIn": "2000000000"}, timedelta(days=7)),
    ],
)
def test_other_spellings_of_the_life_are_understood(told: dict[str, Any], life: timedelta) -> None:
    _, (token,) = sign_in(httpx.Response(200, json={"access_token": "t"} | told))

    assert life_of(token) == life


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, json={}),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"access_token": None}),
        httpx.Response(200, json={"access_token": ""}),
        httpx.Response(200, json={"access_token": "two words"}),
        httpx.Response(200, json={"access_token": "line\r\nbreak"}),
        httpx.Response(200, json={"access_token": 7}),
        httpx.Response(200, content=b""),
        httpx.Response(200, content=b"<html>welcome</html>"),
        httpx.Response(200, content=b'{"access_token": "abc'),
    ],
)
def test_a_reply_without_a_token_is_unreadable_and_not_kept(response: httpx.Response) -> None:
    error = refused(response)

    assert type(error) is UnreadableAnswer
    assert str(error) == "Pitney Bowes sign-in: the answer holds no token."
    assert error.kept is None


def test_an_endless_reply_is_unreadable_and_not_kept() -> None:
    error = refused(httpx.Response(200, content=b'{"access_token": "' + b"x" * 70_000))

    assert str(error) == "Pitney Bowes sign-in: the answer is longer than 65,536 bytes."
    assert error.kept is None


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx.Response(401, json={"errors": [{"errorCode": "PB-APIM-ERR-0401"}]}), BadCredentials),
        (httpx.Response(401, html="<h1>Unauthorized</h1>"), BadCredentials),
        (httpx.Response(400, json={"error": "invalid_client"}), BadCredentials),
        (httpx.Response(429, headers={"Retry-After": "9"}), OverQuota),
        (httpx.Response(503, headers={"Retry-After": "9"}), TryLater),
    ],
)
def test_a_refused_sign_in_says_what_to_do(response: httpx.Response, kind: type[CarrierError]) -> None:
    error = refused(response)

    assert type(error) is kind
    assert error.retry_after == (timedelta(seconds=9) if kind is not BadCredentials else None)


def test_a_failed_sign_in_keeps_no_token() -> None:
    store = Store()

    async def run() -> None:
        client = PitneyBowesClient(
            base_url=None,
            environment=Environment.PRODUCTION,
            key="k",
            secret="s",
            tokens=store,
            transport=httpx.MockTransport(lambda _: httpx.Response(401)),
        )
        await client.check()

    with pytest.raises(BadCredentials):
        asyncio.run(run())
    assert store.kept == []
