"""The exchange over real sockets on loopback; a faked transport only where a socket cannot show it."""

import asyncio
import contextlib
import gzip
import zlib
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import httpx
import pytest

from shipments.carriers import http as module
from shipments.carriers.auth import AccountToken, MemoryTokenStore, Token
from shipments.carriers.errors import CarrierError, TryLater, UnreadableAnswer
from shipments.carriers.http import MAX_KEPT, Reply, address_at, exchange, retry_after

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def says(raw: bytes) -> Serve:
    """A carrier that reads one request and writes these bytes."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        await writer.drain()

    return serve


def http_bytes(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def ask(serve: Serve, *, max_body: int = 1000) -> Reply:
    """The reply to one request to a server on loopback; the server has ended when this returns."""
    ended = asyncio.Event()

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # The other side may have hung up already: that is what some tests are about.
        with contextlib.suppress(ConnectionError):
            await serve(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()
        ended.set()

    async def run() -> Reply:
        server = await asyncio.start_server(once, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            try:
                async with httpx.AsyncClient() as http:
                    address = f"http://127.0.0.1:{port}/x"
                    return await exchange(http, "GET", address, what="Carrier", max_body=max_body)
            finally:
                await ended.wait()

    return asyncio.run(run())


def failure(serve: Serve, *, max_body: int = 1000) -> CarrierError:
    with pytest.raises(CarrierError) as caught:
        ask(serve, max_body=max_body)
    return caught.value


def test_the_reply_is_read_to_its_end_whatever_its_status() -> None:
    reply = ask(says(http_bytes(b"gone", "X-Word: yes", status="410 Gone")))

    assert (reply.status, reply.body, reply.headers["X-Word"]) == (410, b"gone", "yes")
    assert reply.body_sha256 == sha256(b"gone").hexdigest()
    assert datetime.now(UTC) - reply.received_at < timedelta(seconds=10)


def test_a_compressed_reply_is_unpacked() -> None:
    reply = ask(says(http_bytes(gzip.compress(b"{}" * 100), "Content-Encoding: gzip")))

    assert reply.body == b"{}" * 100


def test_a_redirect_is_not_followed() -> None:
    reply = ask(says(http_bytes(b"", "Location: http://127.0.0.1:1/", status="302 Found")))

    assert reply.status == 302


def test_a_reply_that_is_too_long_is_unreadable_and_kept_only_in_part() -> None:
    error = failure(says(http_bytes(b"x" * 1001)))

    assert type(error) is UnreadableAnswer
    assert str(error) == "Carrier: the answer is longer than 1,000 bytes."
    assert error.http_status == 200
    assert error.kept == b"x" * 1001


def test_of_a_reply_that_is_far_too_long_its_beginning_is_kept() -> None:
    error = failure(says(http_bytes(b"x" * 300_000)), max_body=200_000)

    assert error.kept == b"x" * MAX_KEPT


def test_a_reply_that_unpacks_to_too_much_is_unreadable() -> None:
    error = failure(says(http_bytes(gzip.compress(b"x" * 2_000_000), "Content-Encoding: gzip")))

    assert str(error) == "Carrier: the answer is longer than 1,000 bytes."


def test_a_reply_compressed_twice_over_is_not_unpacked() -> None:
    body = gzip.compress(gzip.compress(b"{}"))
    error = failure(says(http_bytes(body, "Content-Encoding: gzip, gzip")))

    assert type(error) is UnreadableAnswer
    assert str(error) == "Carrier: the answer is compressed more than once."


def test_broken_compression_is_unreadable() -> None:
    error = failure(says(http_bytes(zlib.compress(b"{}")[3:], "Content-Encoding: gzip")))

    assert type(error) is UnreadableAnswer
    assert str(error) == "Carrier: the answer's compression is broken."
    assert (error.http_status, error.kept) == (200, None)


def test_what_unpacked_before_the_compression_broke_is_kept() -> None:
    # Stored blocks unpack as they come; the checksum at the end is wrong.
    packed = gzip.compress(b"x" * 300_000, compresslevel=0)[:-8] + bytes(8)
    error = failure(says(http_bytes(packed, "Content-Encoding: gzip")), max_body=1_000_000)

    assert str(error) == "Carrier: the answer's compression is broken."
    assert error.http_status == 200
    assert error.kept == b"x" * MAX_KEPT


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not http at all\r\n\r\n",
        b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"cut":',
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_connection_that_breaks_is_tried_later(raw: bytes) -> None:
    error = failure(says(raw))

    assert type(error) is TryLater
    assert str(error) == "Carrier: could not be reached (RemoteProtocolError)."
    assert error.http_status is None


def test_nobody_listening_is_tried_later() -> None:
    async def run() -> None:
        async with httpx.AsyncClient() as http:
            # Port 1 belongs to a service that nobody runs.
            await exchange(http, "GET", "http://127.0.0.1:1/x?secret=1", what="Carrier")

    with pytest.raises(TryLater, match=r"^Carrier: could not be reached \(ConnectError\)\.$"):
        asyncio.run(run())


def test_a_silent_carrier_times_out() -> None:
    async def silent(_: httpx.Request) -> httpx.Response:
        raise httpx.ReadTimeout("no byte")

    async def run() -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(silent)) as http:
            await exchange(http, "GET", "https://carrier.example/x", what="Carrier")

    with pytest.raises(TryLater, match=r"^Carrier: timed out \(ReadTimeout\)\.$"):
        asyncio.run(run())


def test_a_carrier_that_trickles_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WHOLE_EXCHANGE", timedelta(seconds=0.5))

    async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
        for _ in range(100):
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.02)

    error = failure(trickle)

    assert type(error) is TryLater
    assert str(error).startswith("Carrier: no complete answer within")


def statuses(*codes: int, tokens: AccountToken) -> tuple[Reply, list[str]]:
    """The last reply of an exchange with a token, and the tokens it was tried with."""
    seen: list[str] = []
    left = list(codes)

    async def carrier(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["Authorization"])
        return httpx.Response(left.pop(0))

    async def run() -> Reply:
        async with httpx.AsyncClient(transport=httpx.MockTransport(carrier)) as http:
            return await exchange(http, "GET", "https://carrier.example/x", what="Carrier", token=tokens)

    return asyncio.run(run()), seen


def numbered_tokens() -> AccountToken:
    count = 0

    async def fetch() -> Token:
        nonlocal count
        count += 1
        return Token(f"t{count}", datetime.now(UTC) + timedelta(hours=1))

    return AccountToken(MemoryTokenStore(), fetch)


def test_a_refused_token_is_replaced_once() -> None:
    reply, seen = statuses(401, 200, tokens=numbered_tokens())

    assert (reply.status, seen) == (200, ["Bearer t1", "Bearer t2"])


def test_a_new_token_that_is_refused_too_ends_it() -> None:
    reply, seen = statuses(401, 401, 200, tokens=numbered_tokens())

    assert (reply.status, seen) == (401, ["Bearer t1", "Bearer t2"])


NOW = datetime(2024, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        ("30", timedelta(seconds=30)),
        ("0.5", timedelta(seconds=0.5)),
        ("-5", timedelta(0)),
        ("Thu, 21 Nov 2024 12:02:00 GMT", timedelta(minutes=2)),
        ("Thu, 21 Nov 2024 11:00:00 GMT", timedelta(0)),
        ("9999999", timedelta(days=1)),
        ("1e400", None),
        ("nan", None),
        ("soon", None),
        ("", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(header: str, pause: timedelta | None) -> None:
    assert retry_after({"Retry-After": header}, now=NOW) == pause
    assert retry_after({}, now=NOW) is None


@pytest.mark.parametrize(
    ("base_url", "address"),
    [
        (None, "https://api.example"),
        ("http://127.0.0.1:8901", "http://127.0.0.1:8901"),
        (" https://mock.example/ ", "https://mock.example"),
        ("http://[::1]:8901", "http://[::1]:8901"),
    ],
)
def test_a_base_url_takes_the_place_of_the_carriers_host(base_url: str | None, address: str) -> None:
    assert address_at("https://api.example", base_url) == address


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "mock.example",
        "ftp://mock.example",
        "https://",
        "https://mock.example/path",
        "https://mock.example?x=1",
        "https://user:word@mock.example",
        "https://mock.example:port",
    ],
)
def test_a_base_url_that_is_more_or_less_than_a_host_is_refused(base_url: str) -> None:
    with pytest.raises(ValueError, match=r"base URL|Port could not"):
        address_at("https://api.example", base_url)


@pytest.mark.parametrize(
    ("token", "said"), [("a-token-of-a-carrier", b"you sent ***"), ("short", b"you sent short")]
)
def test_a_token_the_gateway_echoes_is_cut_out_of_the_body(token: str, said: bytes) -> None:
    async def fetch() -> Token:
        return Token(token, datetime.now(UTC) + timedelta(hours=1))

    async def ask_it() -> Reply:
        transport = httpx.MockTransport(lambda request: httpx.Response(500, text=f"you sent {token}"))
        async with httpx.AsyncClient(transport=transport) as http:
            return await exchange(
                http,
                "GET",
                "https://carrier.example",
                what="It",
                token=AccountToken(MemoryTokenStore(), fetch),
            )

    assert asyncio.run(ask_it()).body == said
