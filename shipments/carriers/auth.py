"""Tokens: one per account, kept for its life, fetched by one asker while the others wait for it."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from shipments.carriers.errors import TryLater

# A token that ends while a call is under way costs a second call.
RENEW_EARLY = timedelta(seconds=60)
# Longer than a token exchange may take, so that nobody gives up while the fetcher is still at it.
_PATIENCE = timedelta(seconds=40)
_LOOK_AGAIN = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token and the moment it stops being one. Its value stays out of `repr`."""

    value: str = field(repr=False)
    expires_at: datetime

    def is_live(self, now: datetime) -> bool:
        return now < self.expires_at - RENEW_EARLY


class MayFetch:
    """What a store answers to the one asker that is to fetch a new token."""


class TokenStore(Protocol):
    """Where an account's token is kept, shared by every process that asks with this account."""

    async def take(self, *, rejected: str | None) -> Token | MayFetch | None:
        """The live token unless it is the one `rejected`; else `MayFetch` for the one caller who is to fetch.

        None while another caller is fetching.
        """
        ...

    async def put(self, token: Token) -> None:
        """Keep the token just fetched, and let the waiting have it."""
        ...

    async def give_up(self) -> None:
        """The fetch failed: let another caller try."""
        ...


class MemoryTokenStore:
    """A token for one process only: for a single question from a terminal, and for tests of clients."""

    def __init__(self) -> None:
        self._token: Token | None = None
        self._fetching = False

    async def take(self, *, rejected: str | None) -> Token | MayFetch | None:
        token = self._token
        if token is not None and token.value != rejected and token.is_live(datetime.now(UTC)):
            return token
        if self._fetching:
            return None
        self._fetching = True
        return MayFetch()

    async def put(self, token: Token) -> None:
        self._token, self._fetching = token, False

    async def give_up(self) -> None:
        self._fetching = False


class AccountToken:
    """The token of one account, for `http.exchange` to put on requests.

    `fetch` performs the token exchange and raises a `CarrierError` where it fails; that error reaches the
    caller of the request the token was needed for. Not an `httpx.Auth`: httpx reads the whole body of a
    refused reply before it asks again, without a bound.
    """

    def __init__(self, store: TokenStore, fetch: Callable[[], Awaitable[Token]]) -> None:
        self._store = store
        self._fetch = fetch
        self._held: Token | None = None

    async def live(self, *, rejected: str | None = None) -> Token:
        """A live token other than the one `rejected`; fetched here, or waited for while another asker fetches it."""
        # A batch asks dozens of times; the store is a database.
        if self._held is not None and self._held.value != rejected and self._held.is_live(datetime.now(UTC)):
            return self._held
        waited = timedelta(0)
        while True:
            taken = await self._store.take(rejected=rejected)
            if isinstance(taken, Token):
                self._held = taken
                return taken
            if isinstance(taken, MayFetch):
                self._held = await self._fetched()
                return self._held
            if waited >= _PATIENCE:
                raise TryLater("Another worker has been fetching this account's token for too long.")
            await asyncio.sleep(_LOOK_AGAIN.total_seconds())
            waited += _LOOK_AGAIN

    @property
    def held(self) -> Token | None:
        """The token last handed out, live or not."""
        return self._held

    async def _fetched(self) -> Token:
        try:
            token = await self._fetch()
            await self._store.put(token)
        except BaseException:
            # Also on cancellation: a lease left behind would keep every other asker waiting.
            await self._store.give_up()
            raise
        return token
