"""Trying an account's connection: a token, then one harmless question. Says exactly what failed."""

from dataclasses import dataclass
from datetime import datetime

from asgiref.sync import async_to_sync

from shipments.carriers import registry
from shipments.carriers.auth import MemoryTokenStore
from shipments.carriers.base import PROBE, CarrierClient
from shipments.carriers.errors import (
    BadCredentials,
    BadRequest,
    CarrierError,
    NotEntitled,
    OutOfBudget,
    OverQuota,
    TryLater,
)
from shipments.enums import BreakerState, Connection, Environment, Gateway, Unreached
from shipments.fields import WrongKeyRing
from shipments.models import Budget, CarrierAccount, Credential
from shipments.refresh.asking import note_refused, note_worked
from shipments.refresh.budget import AccountMeter, settle
from shipments.tracking.gateway import open_client

_REFUSED = frozenset(
    {
        Connection.REFUSED_KEY,
        Connection.OTHER_ENVIRONMENT,
        Connection.REFUSED_TOKEN,
        Connection.MISSING_SCOPE,
        Connection.NO_TRACKING,
    }
)
_UNREACHED = {
    Unreached.NAME: Connection.NO_SUCH_NAME,
    Unreached.CONNECTION: Connection.NO_CONNECTION,
    Unreached.TLS: Connection.TLS,
    Unreached.TIME_OUT: Connection.TIME_OUT,
    Unreached.PRIVATE: Connection.PRIVATE_HOST,
    Unreached.UNLISTED: Connection.UNLISTED_HOST,
}


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it; `words` are the error's own, without anything secret."""

    result: Connection
    words: str = ""


def try_connection(account: CarrierAccount, now: datetime) -> Tried:
    """Try the newest key of the account, and note on the key, the account and its breaker what came of it."""
    keys = list(account.credentials.live().newest_first())
    if not keys:
        tried = Tried(Connection.NO_KEY)
    else:
        tried = _try_key(account, keys[0])
        if tried.result in _REFUSED:
            note_refused(account, keys[0], tried.words, now)
        elif tried.result == Connection.WORKS:
            note_worked(account, keys[0], keys, now)
            if Budget.objects.filter(account=account).exclude(breaker=BreakerState.CLOSED).exists():
                # What it was opened for is over: one parcel is tried at once.
                Budget.objects.begin_anew(account.pk, now)
    account.record_test(tried.result, tried.words, now)
    return tried


def _try_key(account: CarrierAccount, key: Credential) -> Tried:
    meter = AccountMeter(account, expects=1, by_hand=True, insists=True)
    try:
        credential = Credential.objects.live().with_secrets().get(pk=key.pk)
        client = open_client(account, credential, meter=meter)
    except WrongKeyRing as exc:
        return Tried(Connection.LOCKED_KEY, str(exc))
    except CarrierError as exc:
        return _told(exc, has_token=False)
    try:
        tried = async_to_sync(_try)(client)
    finally:
        settle(account.pk, meter.came_to())
    if tried.result == Connection.REFUSED_KEY and not account.base_url:
        # Only the carrier's own hosts are known for both environments.
        other = Environment.TEST if account.environment == Environment.PRODUCTION else Environment.PRODUCTION
        if async_to_sync(_is_good_at)(account, credential, other):
            return Tried(Connection.OTHER_ENVIRONMENT, tried.words)
    return tried


async def _try(client: CarrierClient) -> Tried:
    try:
        try:
            await client.check()
        except CarrierError as exc:
            return _told(exc, has_token=False)
        (outcome,) = await client.track([PROBE])
    finally:
        await client.aclose()
    error = outcome.result
    if not isinstance(error, CarrierError) or isinstance(error, BadRequest):
        # Whatever it says of the piece, it said it to this key.
        return Tried(Connection.WORKS)
    return _told(error, has_token=True)


async def _is_good_at(account: CarrierAccount, credential: Credential, environment: Environment) -> bool:
    """Whether the carrier's other environment gives a token for this key. The token is not kept."""
    assert credential.key is not None
    assert credential.secret is not None
    client = registry.open_client(
        Gateway(account.gateway),
        environment=environment,
        base_url=None,
        key=credential.key,
        secret=credential.secret,
        tokens=MemoryTokenStore(),
    )
    try:
        await client.check()
    except CarrierError:
        return False
    finally:
        await client.aclose()
    return True


def _told(error: CarrierError, *, has_token: bool) -> Tried:
    return Tried(_result(error, has_token=has_token), str(error))


def _result(error: CarrierError, *, has_token: bool) -> Connection:
    match error:
        case BadCredentials():
            return Connection.REFUSED_TOKEN if has_token else Connection.REFUSED_KEY
        case NotEntitled():
            is_scope = not has_token or "scope" in str(error).casefold()
            return Connection.MISSING_SCOPE if is_scope else Connection.NO_TRACKING
        case OverQuota() | OutOfBudget():
            return Connection.OVER_QUOTA
        case TryLater(unreached=Unreached() as why):
            return _UNREACHED[why]
        case TryLater():
            return Connection.CARRIERS_FAULT
    return Connection.UNREADABLE
