"""The open connection of one call: answers it, or spoils the answer on the way as a fault demands."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

from shipments.simulator import mischief
from shipments.simulator.faults import Fault
from shipments.simulator.messages import Reply, json_reply

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

# What a fault without a detail means, in seconds and megabytes.
_HANG = 120
_TRICKLE = 60
_HUGE = 50


class Exchange:
    """The open connection of one call: answers it, or spoils the answer on the way."""

    def __init__(self, receive: Receive, send: Send, closing: asyncio.Event) -> None:
        self._receive = receive
        self._send = send
        self._closing = closing

    async def gone_within(self, seconds: float) -> bool:
        """Wait; True as soon as the caller hangs up or the simulator is to stop."""
        waits = [asyncio.ensure_future(self._hung_up()), asyncio.ensure_future(self._closing.wait())]
        done, pending = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for wait in pending:
            wait.cancel()
        return bool(done)

    async def _hung_up(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def answer(self, reply: Reply) -> None:
        await self._begin(reply.status, reply.headers.items(), length=len(reply.body))
        await self._send({"type": "http.response.body", "body": reply.body})

    async def _begin(self, status: int, headers: Iterable[tuple[str, str]], *, length: int | None) -> None:
        encoded = [(name.encode(), value.encode()) for name, value in headers]
        if length is not None:
            encoded.append((b"content-length", str(length).encode()))
        await self._send({"type": "http.response.start", "status": status, "headers": encoded})

    async def spoil(self, reply: Reply, fault: Fault) -> None:
        """Send what the fault makes of the reply; one that is a refusal already goes out as it is."""
        detail = int(fault.detail) if fault.detail and fault.detail.isdigit() else None
        json_type = {"content-type": "application/json"}
        match fault.kind:
            case "timeout" | "token-timeout":
                if not await self.gone_within(_HANG if detail is None else detail):
                    await self._cut(reply, b"")
            case "reset":
                await self._cut(reply, reply.body[: len(reply.body) // 2])
            case "slow":
                await self._trickle(reply, _TRICKLE if detail is None else detail)
            case "html":
                await self.answer(Reply(detail or 200, mischief.HTML_PAGE, {"content-type": "text/html"}))
            case "empty":
                await self.answer(Reply(200, b"", json_type))
            case "cut":
                await self.answer(Reply(reply.status, reply.body[: len(reply.body) // 2], reply.headers))
            case "wrongtypes":
                content = mischief.wrong_types(json.loads(reply.body))
                await self.answer(json_reply(reply.status, content))
            case "deep":
                await self.answer(Reply(200, mischief.DEEP, json_type))
            case "huge":
                await self._flood(_HUGE if detail is None else detail)
            case "endless":
                await self._flood(None)
            case _:
                await self.answer(reply)

    async def _cut(self, reply: Reply, part: bytes) -> None:
        # Ending with bytes still promised makes the server close the connection.
        await self._begin(reply.status, reply.headers.items(), length=len(reply.body) + 1)
        await self._send({"type": "http.response.body", "body": part, "more_body": True})

    async def _trickle(self, reply: Reply, seconds: int) -> None:
        await self._begin(reply.status, reply.headers.items(), length=len(reply.body))
        steps = max(1, min(seconds * 4, len(reply.body)))
        size = -(-len(reply.body) // steps)
        for place in range(0, len(reply.body), size):
            if await self.gone_within(seconds / steps):
                return
            more = place + size < len(reply.body)
            part = reply.body[place : place + size]
            await self._send({"type": "http.response.body", "body": part, "more_body": more})

    async def _flood(self, megabytes: int | None) -> None:
        """A JSON text of so many megabytes, or one that never ends."""
        await self._begin(200, [("content-type", "application/json")], length=None)
        hung_up = asyncio.ensure_future(self._hung_up())
        block = b'"' + b"x" * 65_532 + b'",'
        sent = 0
        await self._send({"type": "http.response.body", "body": b"[", "more_body": True})
        while not hung_up.done() and not self._closing.is_set():
            if megabytes is not None and sent >= megabytes * mischief.MEGABYTE:
                await self._send({"type": "http.response.body", "body": b'""]'})
                break
            await self._send({"type": "http.response.body", "body": block, "more_body": True})
            sent += len(block)
            # `send` may return at once, and hanging up must be noticed.
            await asyncio.sleep(0)
        hung_up.cancel()
