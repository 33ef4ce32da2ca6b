"""The carrier simulator as an ASGI application, and the server that runs it in this process.

Besides the two wires and the pictures of delivery proofs it answers, for tests and demos:
  GET  /simulator/calls    what was asked so far: calls, statuses, faults, and how often each number
  POST /simulator/faults   a SPEC (see `faults.py`) replaces the faults in force; an empty body ends them
  POST /simulator/clock    seconds (perhaps negative) by which the journeys' time is moved
  POST /simulator/reset    counters, revoked tokens and the clock start anew; faults are again those of the start
"""

import asyncio
import contextlib
import signal
import socket
from collections import Counter
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qsl

from granian.constants import Interfaces
from granian.log import LogLevels
from granian.server.embed import Server

from shipments.enums import Gateway
from shipments.simulator import drawings, mischief, tokens, wire_pitney_bowes, wire_usps
from shipments.simulator.exchange import Exchange, Receive, Send
from shipments.simulator.faults import Call, Fault, FaultDeck, FaultSpecError, read_faults
from shipments.simulator.journeys import DEFAULT_SEED, journey_for, scans_until
from shipments.simulator.messages import Reply, Request, json_reply
from shipments.simulator.steps import Step

Scope = MutableMapping[str, Any]

MAX_REQUEST = 1_000_000
_RETRY_AFTER = 30
_DELIVERIES = frozenset({Step.DELIVERED, Step.DELIVERED_SIGNED})


class CarrierSimulator:
    """The ASGI application. Its answers follow from seed, number and time; only faults and counters remember."""

    def __init__(
        self,
        *,
        seed: int = DEFAULT_SEED,
        faults: str = "",
        latency_ms: int = 0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.seed = seed
        self._clock = clock
        self._latency_ms = latency_ms
        self._faults_at_start = faults
        self._closing = asyncio.Event()
        # Not reset with the other counters: calls under way will still be taken off it.
        self._at_once: Counter[str] = Counter()
        self._reset()

    def _reset(self) -> None:
        self._deck = FaultDeck(read_faults(self._faults_at_start), self.seed)
        self._calls: Counter[str] = Counter()
        self._statuses: Counter[str] = Counter()
        self._faults_dealt: Counter[str] = Counter()
        self._numbers: Counter[str] = Counter()
        self._most_at_once: Counter[str] = Counter()
        self._revoked: set[str] = set()
        self._moved = timedelta(0)

    def close(self) -> None:
        """End every call that hangs or trickles, so that the server can stop."""
        self._closing.set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = await self._read(scope, receive)
        exchange = Exchange(receive, send, self._closing)
        if request is None:
            await exchange.answer(json_reply(413, {"error": "The request is too long."}))
            return
        wired = _wire_of(request)
        if wired is None:
            await exchange.answer(await self._other(request))
            return
        wire, call = wired
        name = f"{wire}.{call}"
        self._calls[name] += 1
        self._at_once[name] += 1
        self._most_at_once[name] = max(self._most_at_once[name], self._at_once[name])
        try:
            latency = self._deck.plan.latency_ms
            pause = self._latency_ms if latency is None else latency
            if pause and await exchange.gone_within(pause / 1000):
                return
            await self._answer(exchange, request, wire, call)
        finally:
            self._at_once[name] -= 1

    async def _read(self, scope: Scope, receive: Receive) -> Request | None:
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if len(body) > MAX_REQUEST:
                return None
            if not message.get("more_body"):
                break
        clock = self._clock()
        return Request(
            method=scope["method"],
            path=scope["path"],
            query=dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)),
            headers={
                name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
            },
            body=body,
            now=clock + self._moved,
            clock=clock,
        )

    async def _answer(self, exchange: Exchange, request: Request, wire: Gateway, call: Call) -> None:
        numbers = _numbers_asked(request, wire) if call == "tracking" else []
        self._numbers.update(numbers)
        strike = self._deck.strike(call, wire, numbers, _key_of(request, wire) if call == "token" else "")
        fault = strike.fault
        if fault is not None:
            self._faults_dealt[fault.kind] += 1
        reply = self._refused(request, wire, fault)
        if reply is None:
            life = self._deck.plan.token_life
            if wire is Gateway.USPS:
                reply = (
                    wire_usps.token(
                        request,
                        seed=self.seed,
                        life=life,
                        has_scope=fault is None or fault.kind != "token-scope",
                    )
                    if call == "token"
                    else wire_usps.tracking(request, seed=self.seed, strike=strike)
                )
            else:
                reply = (
                    wire_pitney_bowes.token(request, seed=self.seed, life=life)
                    if call == "token"
                    else wire_pitney_bowes.tracking(request, seed=self.seed, strike=strike)
                )
        self._statuses[f"{wire}.{call} {reply.status}"] += 1
        if fault is None:
            await exchange.answer(reply)
        else:
            await exchange.spoil(reply, fault)

    def _refused(self, request: Request, wire: Gateway, fault: Fault | None) -> Reply | None:
        """The refusal a fault or an earlier revocation makes of this call; None when it is to be answered."""
        kind = fault.kind if fault else ""
        if kind == "revoked" and request.bearer:
            self._revoked.add(request.bearer)
        if request.bearer in self._revoked:
            return _trouble(request, wire, 401, {})
        if fault is None:
            return None
        if kind in {"token-scope", "token-timeout"}:
            return None
        if kind.startswith("token-"):
            return _token_trouble(request, wire, fault)
        if kind in {"noproduct", "foreign"}:
            return _account_trouble(request, wire, kind)
        if kind.isdigit():
            retry = _retry_after(fault, request.clock) if kind in {"429", "503"} else {}
            return _trouble(request, wire, int(kind), retry)
        return None

    async def _other(self, request: Request) -> Reply:
        match request.method, request.path:
            case "GET", "/simulator/calls":
                return json_reply(200, self._counted())
            case "POST", "/simulator/faults":
                return self._change_faults(request)
            case "POST", "/simulator/clock":
                return self._move_clock(request)
            case "POST", "/simulator/reset":
                self._reset()
                return json_reply(200, self._counted())
            case "GET", path if path.startswith("/proof/"):
                self._calls["proof"] += 1
                return await self._proof(request)
            case _, path if path in _PATHS:
                return json_reply(405, {"error": "Method not allowed."})
        return json_reply(404, {"error": "Nothing here."})

    def _counted(self) -> dict[str, Any]:
        return {
            "calls": dict(self._calls),
            "statuses": dict(self._statuses),
            "faults": dict(self._faults_dealt),
            "numbers": dict(self._numbers),
            "mostAtOnce": dict(self._most_at_once),
        }

    def _change_faults(self, request: Request) -> Reply:
        spec = request.body.decode("utf-8", "replace").strip()
        try:
            self._deck = FaultDeck(read_faults(spec), self.seed)
        except FaultSpecError as exc:
            return json_reply(400, {"error": str(exc)})
        return json_reply(200, {"faults": spec})

    def _move_clock(self, request: Request) -> Reply:
        try:
            moved = timedelta(seconds=int(request.body))
            now = self._clock() + moved
        except (ValueError, OverflowError):
            return json_reply(400, {"error": "Seconds, as a whole number, are needed here."})
        self._moved = moved
        return json_reply(200, {"now": now.isoformat()})

    async def _proof(self, request: Request) -> Reply:
        word = request.path.removeprefix("/proof/").removesuffix(".png")
        kind, _, number = (tokens.unseal(self.seed, word) or "").partition("|")
        journey = journey_for(number, self.seed)
        if journey is None or journey.proof != kind:
            return json_reply(404, {"error": "No such picture."})
        if not any(scan.step in _DELIVERIES for scan in scans_until(journey, request.now)):
            return json_reply(404, {"error": "Not delivered yet."})
        draw = drawings.signature if kind == "signature" else drawings.photo
        # Drawing takes a good part of a second; other calls need not wait for it.
        picture = await asyncio.to_thread(draw, number, self.seed)
        return Reply(200, picture, {"content-type": "image/png"})


_PATHS = frozenset(
    {
        wire_usps.TOKEN_PATH,
        wire_usps.TRACKING_PATH,
        wire_pitney_bowes.TOKEN_PATH,
        "/simulator/calls",
        "/simulator/faults",
        "/simulator/clock",
        "/simulator/reset",
    }
)


def _wire_of(request: Request) -> tuple[Gateway, Call] | None:
    match request.method, request.path:
        case "POST", wire_usps.TOKEN_PATH:
            return Gateway.USPS, "token"
        case "POST", wire_usps.TRACKING_PATH:
            return Gateway.USPS, "tracking"
        case "POST", wire_pitney_bowes.TOKEN_PATH:
            return Gateway.PITNEY_BOWES, "token"
        case "GET", path if path.startswith(wire_pitney_bowes.TRACKING_PATH):
            return Gateway.PITNEY_BOWES, "tracking"
    return None


def _numbers_asked(request: Request, wire: Gateway) -> list[str]:
    if wire is Gateway.PITNEY_BOWES:
        return [request.path.removeprefix(wire_pitney_bowes.TRACKING_PATH)]
    items = wire_usps.read_items(request)
    return [] if isinstance(items, Reply) else [item.number for item in items]


def _trouble(request: Request, wire: Gateway, status: int, headers: dict[str, str]) -> Reply:
    if wire is Gateway.USPS:
        return wire_usps.trouble(status, headers)
    return wire_pitney_bowes.trouble(request, status, headers)


def _account_trouble(request: Request, wire: Gateway, kind: str) -> Reply:
    if wire is Gateway.USPS:
        return wire_usps.not_enabled() if kind == "noproduct" else wire_usps.trouble(401, {})
    return wire_pitney_bowes.trouble(request, 403 if kind == "noproduct" else 401, {})


def _key_of(request: Request, wire: Gateway) -> str:
    """Whose token is asked for; empty where that cannot be read."""
    return wire_usps.key_of(request) if wire is Gateway.USPS else wire_pitney_bowes.key_of(request)


def _token_trouble(request: Request, wire: Gateway, fault: Fault) -> Reply:
    if fault.kind == "token-html":
        return Reply(401, mischief.HTML_PAGE, {"content-type": "text/html"})
    status = {"token-refused": 401, "token-429": 429, "token-500": 500}[fault.kind]
    headers = _retry_after(fault, request.clock) if status == 429 else {}
    if wire is Gateway.USPS:
        error = "invalid_client" if status == 401 else "invalid_request"
        text = "Client authentication failed." if status == 401 else "The token cannot be issued now."
        return wire_usps.token_refusal(status, error, text, headers)
    if status == 401:
        return wire_pitney_bowes.refusal(request, 401, "PB-APIM-ERR-0401", "Invalid API key or secret")
    return wire_pitney_bowes.trouble(request, status, headers)


def _retry_after(fault: Fault, clock: datetime) -> dict[str, str]:
    match fault.detail:
        case "none":
            return {}
        case "date":
            return {"retry-after": format_datetime(clock + timedelta(seconds=_RETRY_AFTER), usegmt=True)}
        case seconds:
            return {"retry-after": seconds or str(_RETRY_AFTER)}


async def serve(simulator: CarrierSimulator, port: int, *, ready: Callable[[], None]) -> None:
    """Answer on this port of the loopback address until SIGINT or SIGTERM; everything runs in this process.

    `ready` is called once calls are taken.
    """
    server = Server(
        simulator,
        address="127.0.0.1",
        port=port,
        interface=Interfaces.ASGINL,
        websockets=False,
        log_level=LogLevels.error,
    )

    def stop() -> None:
        simulator.close()
        server.stop()  # type: ignore[no-untyped-call]

    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop)
    serving = loop.create_task(server.serve())
    answering = loop.create_task(_answers(port))
    await asyncio.wait({serving, answering}, return_when=asyncio.FIRST_COMPLETED)
    if answering.done():
        ready()
    else:
        answering.cancel()
    await serving


async def _answers(port: int) -> None:
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.close()
            await writer.wait_closed()
            return
        await asyncio.sleep(0.02)


def free_port(wanted: int) -> int:
    """The port, or a free one for 0; OSError when it is taken.

    Asked beforehand, because the server shares a taken port instead of refusing it.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", wanted))
        port: int = probe.getsockname()[1]
        return port
