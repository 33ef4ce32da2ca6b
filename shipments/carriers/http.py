"""One exchange with a carrier: bounded in time and size, errors translated once, nothing secret let out."""

import asyncio
import hashlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpx

from shipments.carriers.auth import AccountToken, Token
from shipments.carriers.errors import TryLater, UnreadableAnswer
from shipments.carriers.metering import Meter
from shipments.enums import Unreached
from shipments.facts.hosts import PrivateAddress

# Connecting is quick or broken; reading may take a carrier a while in its busy hours.
TIMEOUT = httpx.Timeout(20.0, connect=5.0, pool=20.0)
# A reply that trickles resets the read time-out for ever; this bounds the whole exchange.
WHOLE_EXCHANGE = timedelta(seconds=30)
# For all exchanges of one call of a client's `track`, tokens included: searching for the pieces that sink a USPS
# call takes up to 14 in a row. The queue ends a task after 150 seconds, answers and all; the rest of those is
# for storing them.
WHOLE_ROUND = timedelta(seconds=110)
# A parcel with 99 events is under 100 kB; 35 of them under 4 MB.
MAX_BODY = 8 * 1024 * 1024
# How much of an unreadable reply is worth keeping for a person to look at.
MAX_KEPT = 64 * 1024
# Tokens of the carriers have from 28 characters (opaque) to over a thousand (JWT).
_LONG_ENOUGH = 16
# A carrier that asks for a longer pause than this is misunderstood rather than obeyed.
LONGEST_PAUSE = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reply:
    """A carrier's whole reply, read to its end. `body` is decompressed."""

    status: int
    headers: httpx.Headers
    body: bytes
    received_at: datetime

    @property
    def body_sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()

    @property
    def kept(self) -> bytes:
        """The body cut to what is kept of a reply that could not be read."""
        return self.body[:MAX_KEPT]


@cache
def trusted() -> ssl.SSLContext:
    """The certificates that are trusted, read once a process: reading them takes 20 ms, as long as storing 35 answers."""
    return httpx.create_ssl_context()


def address_at(standard: str, base_url: str | None) -> str:
    """The carrier's own host, or scheme, host and port of `base_url` in its place, without a slash at the end.

    ValueError when `base_url` is not just that: a path, a query or credentials in it would be lost or sent
    along silently.
    """
    if base_url is None:
        return standard
    parts = urlsplit(base_url.strip())
    port = f":{parts.port}" if parts.port is not None else ""
    host = f"[{parts.hostname}]" if parts.hostname and ":" in parts.hostname else parts.hostname
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("The base URL is not an http or https address.")
    if parts.path not in {"", "/"} or parts.query or parts.fragment or parts.username or parts.password:
        raise ValueError("The base URL has more than scheme, host and port.")
    return f"{parts.scheme}://{host}{port}"


async def exchange(
    http: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    what: str,
    token: AccountToken | None = None,
    meter: Meter | None = None,
    headers: Mapping[str, str] | None = None,
    json: Any = None,
    data: Mapping[str, str] | None = None,
    params: Mapping[str, str] | None = None,
    max_body: int = MAX_BODY,
) -> Reply:
    """The reply to one request, whatever its status; TryLater when there is none, UnreadableAnswer when it is too long.

    With `token` the request carries it, and a 401 is answered by one new token and one more try. Each try is taken from
    `meter`: OutOfBudget where it has none.
    `what` names the exchange in messages ("USPS tracking"): addresses and headers stay out of them.
    """
    request = http.build_request(method, url, headers=headers, json=json, data=data, params=params)
    if token is None:
        return await _send(http, request, what=what, max_body=max_body)
    # The token first: fetching one may take half a minute, and a call that was granted is to be made at once.
    held = await token.live()
    request.headers["Authorization"] = f"Bearer {held.value}"
    if meter is not None:
        await meter.take()
    reply = await _send(http, request, what=what, max_body=max_body)
    if reply.status != httpx.codes.UNAUTHORIZED:
        return _without(held, reply)
    held = await token.live(rejected=held.value)
    request.headers["Authorization"] = f"Bearer {held.value}"
    if meter is not None:
        await meter.take()
    return _without(held, await _send(http, request, what=what, max_body=max_body))


def _without(token: Token, reply: Reply) -> Reply:
    """The reply with the token cut out where a gateway echoes it: bodies are kept, and tokens only encrypted."""
    value = token.value.encode()
    # Shorter ones are a simulator's, and may be a word that the answer needs.
    if len(value) < _LONG_ENOUGH or value not in reply.body:
        return reply
    return replace(reply, body=reply.body.replace(value, b"***"))


async def _send(http: httpx.AsyncClient, request: httpx.Request, *, what: str, max_body: int) -> Reply:
    try:
        async with asyncio.timeout(WHOLE_EXCHANGE.total_seconds()):
            response = await http.send(request, stream=True, follow_redirects=False)
            try:
                body = await _read(response, what=what, max_body=max_body)
            finally:
                await response.aclose()
    except TimeoutError as exc:
        raise TryLater(
            f"{what}: no complete answer within {WHOLE_EXCHANGE.seconds} seconds.",
            unreached=Unreached.TIME_OUT,
        ) from exc
    except httpx.TimeoutException as exc:
        raise TryLater(f"{what}: timed out ({type(exc).__name__}).", unreached=Unreached.TIME_OUT) from exc
    except (httpx.TransportError, httpx.StreamError) as exc:
        # The text of these names hosts and sockets, never headers or bodies.
        why = _why_unreached(exc)
        raise TryLater(f"{what}: {_UNREACHED[why]} ({type(exc).__name__}).", unreached=why) from exc
    return Reply(response.status_code, response.headers, body, datetime.now(UTC))


_UNREACHED = {
    Unreached.NAME: "could not be reached, the name of its host was not found",
    Unreached.TLS: "could not be reached, no trustworthy encryption came about",
    Unreached.PRIVATE: "was not asked, the name of its host leads into a private network",
    Unreached.CONNECTION: "could not be reached",
}


def _why_unreached(exc: BaseException) -> Unreached:
    """What lies at the bottom of a transport's error: libraries wrap it several times over."""
    seen: BaseException | None = exc
    while seen is not None:
        match seen:
            case PrivateAddress():
                return Unreached.PRIVATE
            case socket.gaierror():
                return Unreached.NAME
            case ssl.SSLError():
                return Unreached.TLS
        seen = seen.__cause__ or seen.__context__
    return Unreached.CONNECTION


async def _read(response: httpx.Response, *, what: str, max_body: int) -> bytes:
    if "," in response.headers.get("Content-Encoding", ""):
        # Compressed twice over, one packet can unpack to gigabytes before there is anything to count.
        raise UnreadableAnswer(
            f"{what}: the answer is compressed more than once.", http_status=response.status_code
        )
    chunks: list[bytes] = []
    size = 0

    def refused(why: str) -> UnreadableAnswer:
        kept = b"".join(chunks)[:MAX_KEPT]
        return UnreadableAnswer(f"{what}: {why}.", http_status=response.status_code, kept=kept or None)

    try:
        async for chunk in response.aiter_bytes():
            size += len(chunk)
            chunks.append(chunk)
            if size > max_body:
                raise refused(f"the answer is longer than {max_body:,} bytes")
    except httpx.DecodingError as exc:
        raise refused("the answer's compression is broken") from exc
    return b"".join(chunks)


def retry_after(headers: Mapping[str, str], *, now: datetime) -> timedelta | None:
    """How long the carrier asks to wait: its header in seconds or as an HTTP date; None when absent or unreadable."""
    raw = (headers.get("Retry-After") or "").strip()
    if not raw:
        return None
    try:
        span = timedelta(seconds=float(raw))
    except (ValueError, OverflowError):
        try:
            at = parsedate_to_datetime(raw)
        except (ValueError, TypeError):
            return None
        span = (at if at.tzinfo else at.replace(tzinfo=UTC)) - now
    return min(max(span, timedelta(0)), LONGEST_PAUSE)
