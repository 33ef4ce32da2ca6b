"""Files from addresses that others have given us: bounded in time and size, and never from our own network.

Whoever names an address could name one of ours (the database, the cloud's metadata, the router). So the name is
resolved here, what it resolves to is checked, and the connection is made to just that: a name service that answers
otherwise the next moment changes nothing. Redirects take the same way.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache

import httpx

from shipments.enums import FetchTrouble
from shipments.facts.hosts import PrivateAddress, is_public

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

TIMEOUT = httpx.Timeout(10.0, connect=5.0)
# A reply that trickles resets the read time-out for ever; this bounds the whole way, redirects included.
WHOLE_WAY = timedelta(seconds=20)
MOST_REDIRECTS = 4
# Of a name with more addresses these are tried.
_MOST_ADDRESSES = 4
_WEB_PORTS = {"https": 443, "http": 80}


class Unfetched(Exception):
    """A file that could not be fetched. Neither the address nor anything of it is in here: it may open something."""

    def __init__(self, trouble: FetchTrouble, detail: str = "") -> None:
        super().__init__(f"{trouble.value} {detail}".strip())
        self.trouble = trouble
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Fetched:
    """A whole file. `media_type` is what its host says of it, for people only."""

    data: bytes
    media_type: str


async def fetch(
    address: str,
    *,
    accept: str,
    most_bytes: int,
    private_allowed: bool,
    within: timedelta = WHOLE_WAY,
    transport: httpx.AsyncBaseTransport | None = None,
) -> Fetched:
    """The file at this address, or Unfetched saying why not."""
    transport = transport or CheckedTransport(private_allowed=private_allowed)
    try:
        # trust_env: a proxy would resolve names by itself, and nobody could check what it finds.
        async with (
            asyncio.timeout(within.total_seconds()),
            httpx.AsyncClient(transport=transport, timeout=TIMEOUT, trust_env=False) as http,
        ):
            return await _follow(http, address, accept, most_bytes, private_allowed=private_allowed)
    except (TimeoutError, httpx.TimeoutException):
        raise Unfetched(FetchTrouble.TOO_SLOW) from None
    except (httpx.InvalidURL, httpx.UnsupportedProtocol, UnicodeError):
        raise Unfetched(FetchTrouble.BAD_ADDRESS) from None
    except httpx.HTTPError as exc:
        # The cause is dropped on purpose: it holds the request, and that the address.
        if isinstance(exc.__cause__, PrivateAddress):
            raise Unfetched(FetchTrouble.PRIVATE_HOST) from None
        raise Unfetched(FetchTrouble.UNREACHABLE, type(exc).__name__) from None


async def _follow(
    http: httpx.AsyncClient, address: str, accept: str, most_bytes: int, *, private_allowed: bool
) -> Fetched:
    # Encoded bodies could unpack to any size.
    headers = {"Accept": accept, "Accept-Encoding": "identity"}
    request = http.build_request("GET", address, headers=headers)
    for _turn in range(MOST_REDIRECTS + 1):
        _check(request.url, private_allowed=private_allowed)
        response = await http.send(request, stream=True, follow_redirects=False)
        try:
            following = response.next_request
            if following is None:
                return await _read(response, most_bytes)
            request = following
        finally:
            await response.aclose()
    raise Unfetched(FetchTrouble.TOO_MANY_REDIRECTS)


def _check(url: httpx.URL, *, private_allowed: bool) -> None:
    schemes = {"https", "http"} if private_allowed else {"https"}
    if url.scheme not in schemes or not url.host or url.userinfo:
        raise Unfetched(FetchTrouble.BAD_ADDRESS)


async def _read(response: httpx.Response, most_bytes: int) -> Fetched:
    if response.status_code != httpx.codes.OK:
        raise Unfetched(FetchTrouble.REFUSED, f"HTTP {response.status_code}")
    if response.headers.get("Content-Encoding", "identity").strip().lower() not in {"", "identity"}:
        raise Unfetched(FetchTrouble.NO_PICTURE, "Content-Encoding")
    body = bytearray()
    async for part in response.aiter_raw():
        body += part
        if len(body) > most_bytes:
            raise Unfetched(FetchTrouble.TOO_LARGE)
    media_type = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    return Fetched(bytes(body), media_type[:60])


class CheckedTransport(httpx.AsyncBaseTransport):
    """Connects to the very addresses it has checked, and still asks for the host by name.

    Unless `inner` says otherwise, a connection serves one request: a second host at the same address must show a certificate of
    its own.
    """

    def __init__(
        self,
        *,
        private_allowed: bool,
        resolve: Resolve | None = None,
        inner: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._private_allowed = private_allowed
        self._resolve = resolve or _resolve
        self._inner = inner or httpx.AsyncHTTPTransport(
            verify=_trust(), trust_env=False, limits=httpx.Limits(max_keepalive_connections=0)
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host, port = request.url.host, request.url.port or _WEB_PORTS[request.url.scheme]
        addresses = await self._resolve(host, port)
        if not self._private_allowed and not all(map(_is_public, addresses)):
            raise httpx.ConnectError("The name leads into a private network.") from PrivateAddress()
        trouble: httpx.TransportError = httpx.ConnectError("The name has no address.")
        for address in addresses[:_MOST_ADDRESSES]:
            pinned = httpx.Request(
                request.method,
                request.url.copy_with(host=address),
                # The host's name among them.
                headers=request.headers,
                stream=request.stream,
                extensions={**request.extensions, "sni_hostname": host},
            )
            try:
                return await self._inner.handle_async_request(pinned)
            except (httpx.ConnectError, httpx.ConnectTimeout) as exc:
                trouble = exc
        raise trouble

    async def aclose(self) -> None:
        await self._inner.aclose()


def _is_public(address: str) -> bool:
    return is_public(ipaddress.ip_address(address.partition("%")[0]))


async def _resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a host, in the order of the system's preference: each once, numbers in any spelling made plain."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError as exc:
        raise httpx.ConnectError("The name could not be resolved.") from exc
    return list(dict.fromkeys(str(address[0]) for *_kind, address in found))


@cache
def _trust() -> ssl.SSLContext:
    """Reading the list of trusted authorities takes longer than many a fetch."""
    return httpx.create_ssl_context(trust_env=False)
