"""USPS pretended, and what its client makes of it."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from shipments.carriers.auth import MemoryTokenStore
from shipments.carriers.base import Outcome, Question
from shipments.carriers.usps.client import UspsClient
from shipments.enums import Environment

SAMPLES = Path(__file__).parents[1] / "samples" / "usps"
NUMBER = "9400109104250532908587"
KEY, SECRET, TOKEN = "consumer-key-7d1", "consumer-secret-9f3", "token-2b8"


Answering = Callable[[list[dict[str, str]]], httpx.Response | Awaitable[httpx.Response]]


def numbers(count: int) -> list[str]:
    return [f"94001091042505329{at:05d}" for at in range(count)]


def questions(*asked: str, **more: Any) -> list[Question]:
    return [Question(at, number, "USPS", **more) for at, number in enumerate(asked)]


def found(entries: Sequence[dict[str, str]]) -> httpx.Response:
    return httpx.Response(200, json=[{"trackingNumber": entry["trackingNumber"]} for entry in entries])


def refused(status: int, message: str = "Refused.") -> httpx.Response:
    return httpx.Response(status, json={"error": {"code": str(status), "message": message, "errors": []}})


class Wire:
    """Pretends to be USPS: signs in, records every tracking call and answers it with `answer`."""

    def __init__(self, answer: Answering = found) -> None:
        self.calls: list[list[dict[str, str]]] = []
        self.requests: list[httpx.Request] = []
        self.sign_ins = 0
        self._answer = answer

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if request.url.path == "/oauth2/v3/token":
            self.sign_ins += 1
            return httpx.Response(200, json={"access_token": TOKEN, "expires_in": 28799})
        entries = json.loads(request.content)
        self.calls.append(entries)
        answer = self._answer(entries)
        return answer if isinstance(answer, httpx.Response) else await answer


def a_client(wire: Wire, **more: Any) -> UspsClient:
    options: dict[str, Any] = {
        "base_url": None,
        "environment": Environment.PRODUCTION,
        "key": KEY,
        "secret": SECRET,
        "tokens": MemoryTokenStore(),
    }
    return UspsClient(**(options | more), transport=httpx.MockTransport(wire))


def track(wire: Wire, asked: Sequence[Question], **more: Any) -> list[Outcome]:
    async def run() -> list[Outcome]:
        client = a_client(wire, **more)
        try:
            return await client.track(asked)
        finally:
            await client.aclose()

    return asyncio.run(run())


def results(outcomes: Sequence[Outcome]) -> list[type]:
    return [type(outcome.result) for outcome in outcomes]
