import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from shipments.carriers import auth as module
from shipments.carriers.auth import RENEW_EARLY, AccountToken, MayFetch, MemoryTokenStore, Token
from shipments.carriers.errors import BadCredentials, TryLater


def a_token(value: str = "t1", *, life: timedelta = timedelta(hours=10)) -> Token:
    return Token(value, datetime.now(UTC) + life)


class Fetcher:
    """Counts the fetches; each takes a moment, so that others can pile up."""

    def __init__(self, *errors: Exception) -> None:
        self.count = 0
        self._errors = list(errors)

    async def __call__(self) -> Token:
        self.count += 1
        mine = self.count
        await asyncio.sleep(0.01)
        if self._errors:
            raise self._errors.pop(0)
        return a_token(f"t{mine}")


@pytest.mark.parametrize("shown", [repr, str])
def test_a_token_is_not_shown(shown: Callable[[object], str]) -> None:
    async def run() -> AccountToken:
        store = MemoryTokenStore()
        await store.put(a_token("secret-token"))
        account = AccountToken(store, Fetcher())
        assert (await account.live()).value == "secret-token"
        return account

    account = asyncio.run(run())

    for holder in (account.held, account, account._store):
        assert "secret-token" not in shown(holder)


def test_a_token_is_renewed_before_it_ends() -> None:
    now = datetime.now(UTC)
    token = Token("t", now + timedelta(hours=1))

    assert token.is_live(now)
    assert not token.is_live(now + timedelta(hours=1) - RENEW_EARLY)


def test_twenty_askers_share_one_fetch() -> None:
    fetch = Fetcher()

    async def run() -> set[str]:
        account = AccountToken(MemoryTokenStore(), fetch)
        return {token.value for token in await asyncio.gather(*(account.live() for _ in range(20)))}

    assert asyncio.run(run()) == {"t1"}
    assert fetch.count == 1


def test_two_clients_of_one_account_share_the_store() -> None:
    fetch = Fetcher()

    async def run() -> set[str]:
        store = MemoryTokenStore()
        clients = [AccountToken(store, fetch) for _ in range(2)]
        return {token.value for token in await asyncio.gather(*(client.live() for client in clients))}

    assert asyncio.run(run()) == {"t1"}
    assert fetch.count == 1


def test_a_rejected_token_is_replaced_once_for_all_who_had_it() -> None:
    fetch = Fetcher()

    async def run() -> list[str]:
        account = AccountToken(MemoryTokenStore(), fetch)
        first = await account.live()
        again = await asyncio.gather(*(account.live(rejected=first.value) for _ in range(20)))
        return [first.value, *{token.value for token in again}]

    assert asyncio.run(run()) == ["t1", "t2"]
    assert fetch.count == 2


def test_a_token_renewed_by_another_client_is_taken_from_the_store() -> None:
    fetch = Fetcher()

    async def run() -> str:
        store = MemoryTokenStore()
        account = AccountToken(store, fetch)
        first = await account.live()
        await store.put(a_token("theirs"))
        return (await account.live(rejected=first.value)).value

    assert asyncio.run(run()) == "theirs"
    assert fetch.count == 1


def test_the_store_is_not_asked_again_while_the_token_lives() -> None:
    class Counting(MemoryTokenStore):
        taken = 0

        async def take(self, *, rejected: str | None) -> Token | MayFetch | None:
            self.taken += 1
            return await super().take(rejected=rejected)

    async def run() -> int:
        store = Counting()
        account = AccountToken(store, Fetcher())
        for _ in range(5):
            await account.live()
        return store.taken

    assert asyncio.run(run()) == 1


def test_a_token_about_to_end_is_fetched_anew() -> None:
    fetch = Fetcher()

    async def run() -> str:
        store = MemoryTokenStore()
        await store.put(a_token("old", life=timedelta(seconds=30)))
        return (await AccountToken(store, fetch).live()).value

    assert asyncio.run(run()) == "t1"


def test_a_failed_fetch_reaches_its_asker_and_lets_the_next_one_try() -> None:
    fetch = Fetcher(BadCredentials("no"))

    async def run() -> str:
        account = AccountToken(MemoryTokenStore(), fetch)
        with pytest.raises(BadCredentials):
            await account.live()
        return (await account.live()).value

    assert asyncio.run(run()) == "t2"


def test_a_cancelled_fetch_lets_the_next_one_try() -> None:
    fetch = Fetcher()

    async def run() -> str:
        account = AccountToken(MemoryTokenStore(), fetch)
        task = asyncio.create_task(account.live())
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return (await account.live()).value

    assert asyncio.run(run()) == "t2"


def test_a_token_that_could_not_be_stored_lets_the_next_one_try() -> None:
    class Failing(MemoryTokenStore):
        failures = 1

        async def put(self, token: Token) -> None:
            if self.failures:
                self.failures -= 1
                raise ConnectionError("the database is away")
            await super().put(token)

    async def run() -> str:
        account = AccountToken(Failing(), Fetcher())
        with pytest.raises(ConnectionError):
            await account.live()
        return (await account.live()).value

    assert asyncio.run(run()) == "t2"


def test_nobody_waits_for_ever_for_another_workers_fetch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PATIENCE", timedelta(seconds=0.05))
    monkeypatch.setattr(module, "_LOOK_AGAIN", timedelta(seconds=0.01))

    async def run() -> None:
        store = MemoryTokenStore()
        await store.take(rejected=None)
        await AccountToken(store, Fetcher()).live()

    with pytest.raises(TryLater, match="Another worker has been fetching"):
        asyncio.run(run())
