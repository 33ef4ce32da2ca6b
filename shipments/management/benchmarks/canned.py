"""A carrier whose answers were rendered beforehand, served from a process of its own.

Neither the worker that is measured nor its yardstick pays for making an answer, and both get the same bytes.
"""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count, islice
from typing import Any
from urllib.parse import unquote

import httpx

from shipments.enums import CarrierCode, Gateway
from shipments.simulator import tokens, wire_pitney_bowes
from shipments.simulator.faults import Strike
from shipments.simulator.journeys import DEFAULT_SEED, Journey, journey_for, make_number
from shipments.simulator.messages import Request
from shipments.simulator.numbers import Scenario
from shipments.simulator.usps_pieces import piece

# What a parcel has been through in the first answer, and one more in the third.
SCANS = 10
# A journey of eleven scans and more at every carrier.
_SCENARIO = Scenario.ATTEMPT
# Every journey is over by then, however long ago this was written.
_STARTED = datetime(2026, 1, 5, 12, 0, tzinfo=UTC)
_CARRIERS: dict[Gateway, tuple[CarrierCode, ...]] = {
    Gateway.USPS: (CarrierCode.USPS,),
    Gateway.PITNEY_BOWES: (CarrierCode.UPS, CarrierCode.FEDEX),
}
_TURN = "/canned/turn"
_TOKEN = b'{"access_token":"canned-canned-canned-canned","expires_in":28799,"expiresIn":"28799","scope":"tracking"}'


def journeys(gateway: Gateway, parcels: int) -> list[Journey]:
    """So many different parcels of the gateway's carriers, each with more than `SCANS` scans; the same at every call."""
    carriers = _CARRIERS[gateway]

    def every() -> Iterator[Journey]:
        for n in count():
            start = _STARTED + timedelta(minutes=n // 10)
            number = make_number(carriers[n % len(carriers)], _SCENARIO, start, variant=n % 10)
            journey = journey_for(number)
            assert journey is not None
            if len(journey.scans) > SCANS:
                yield journey

    return list(islice(every(), parcels))


def rendered(gateway: Gateway, journey: Journey, scans: int) -> bytes:
    """The carrier's JSON about one parcel that has been through so many scans."""
    if gateway is Gateway.USPS:
        content = piece(journey, journey.scans[:scans], DEFAULT_SEED, asked=journey.number)
        return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    now = journey.scans[scans - 1].at
    bearer = tokens.mint(DEFAULT_SEED, Gateway.PITNEY_BOWES, scope="", life=60, clock=now)
    request = Request(
        method="GET",
        path=f"{wire_pitney_bowes.TRACKING_PATH}{journey.number}",
        query={"packageIdentifierType": "TrackingNumber", "carrier": journey.carrier},
        headers={"authorization": f"Bearer {bearer}"},
        body=b"",
        now=now,
        clock=now,
    )
    reply = wire_pitney_bowes.tracking(request, seed=DEFAULT_SEED, strike=Strike())
    assert reply.status == httpx.codes.OK
    return reply.body


# ---- The process


async def respond(gateway: Gateway, parcels: int) -> None:
    """Answer on a free port of the loopback address until standard input ends; the first line printed is the port."""
    told = {
        journey.number: (rendered(gateway, journey, SCANS), rendered(gateway, journey, SCANS + 1))
        for journey in journeys(gateway, parcels)
    }
    carrier = _Carrier(told)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Connection(carrier), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    # Ends with its parent, however that ends.
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


class _Carrier:
    """What is answered now, and how late."""

    def __init__(self, told: Mapping[str, tuple[bytes, bytes]]) -> None:
        self._told = told
        self._turn = 0
        self.latency = 0.0

    def answer(self, path: str, body: bytes) -> bytes:
        path = unquote(path.partition("?")[0])
        if path == _TURN:
            wanted = json.loads(body)
            self._turn, self.latency = wanted["turn"], wanted["latency"]
            return b"{}"
        if path.startswith("/oauth"):
            return _TOKEN
        if path.startswith(wire_pitney_bowes.TRACKING_PATH):
            return self._told[path.rpartition("/")[2]][self._turn]
        asked = [entry["trackingNumber"] for entry in json.loads(body)]
        return b"[" + b",".join(self._told[number][self._turn] for number in asked) + b"]"


class _Connection(asyncio.Protocol):
    """HTTP/1.1 as far as the two clients here speak it."""

    def __init__(self, carrier: _Carrier) -> None:
        self._carrier = carrier
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._read += data
        while b"\r\n\r\n" in self._read:
            head, _, rest = self._read.partition(b"\r\n\r\n")
            first, *lines = head.decode("latin-1").split("\r\n")
            headers = {
                name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
            }
            length = int(headers.get("content-length", "0"))
            if len(rest) < length:
                return
            self._read = rest[length:]
            content = self._carrier.answer(first.split(" ")[1], rest[:length])
            told = (
                b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % len(content)
            ) + content
            if self._carrier.latency:
                asyncio.get_running_loop().call_later(self._carrier.latency, self._transport.write, told)
            else:
                self._transport.write(told)


# ---- Its parent


@contextmanager
def responder(gateway: Gateway, parcels: int) -> Iterator[str]:
    """The address of a responder that runs while this is open."""
    command = [sys.executable, sys.argv[0], "bench_refresh", "--respond", gateway, "--parcels", str(parcels)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603  (this very command)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(process.stdout.readline())}"
    finally:
        process.stdin.close()
        process.wait(timeout=10)
        process.stdout.close()


def turn(url: str, *, news: bool, latency: float) -> None:
    """From now on tell of one scan more, or not, each answer so many seconds late."""
    wanted: dict[str, Any] = {"turn": int(news), "latency": latency}
    httpx.post(url + _TURN, json=wanted).raise_for_status()
