"""Asking with an account: with its newest key, and where the carrier refuses that one, in the same turn with the older."""

import asyncio
import logging
import time
from collections.abc import Sequence
from datetime import datetime, timedelta

from asgiref.sync import async_to_sync, sync_to_async
from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone

from shipments.carriers.base import CarrierClient, NotAllowed, Outcome, Question
from shipments.carriers.errors import BadCredentials, CarrierError, NotEntitled
from shipments.carriers.http import WHOLE_ROUND
from shipments.carriers.metering import Meter
from shipments.fields import WrongKeyRing
from shipments.models import AuditEntry, CarrierAccount, Credential, Heartbeat
from shipments.models.credentials import in_order
from shipments.refresh import breaker, telling_owners
from shipments.refresh.breaker import Verdict
from shipments.tracking.gateway import open_client

logger = logging.getLogger(__name__)

BEAT_EVERY = timedelta(seconds=10)
# That a key works is written no more often than this: every batch would rewrite the row.
WORKED_EVERY = timedelta(minutes=1)
# With less of a round left, the older key waits for the next one.
SHORTEST_ROUND = timedelta(seconds=5)

NO_KEY = "No key is stored for this account, so nobody was asked."
LOCKED = "The key ring cannot read this account's credentials, so nobody was asked."


def ask(account: CarrierAccount, questions: Sequence[Question], meter: Meter) -> list[Outcome]:
    """What the carrier says to these, in their order; an older key asks what the newer one was refused.

    What comes of each key is noted on it. A newer one that has worked retires the older.
    """
    began = time.monotonic()
    told: dict[int, Outcome] = {}
    left = list(questions)
    keys = in_order(_keys_of(account), timezone.now())
    for key in keys:
        time_left = WHOLE_ROUND - timedelta(seconds=time.monotonic() - began)
        if told and time_left < SHORTEST_ROUND:
            break
        outcomes = _ask_with(account, key, left, meter, time_left)
        for outcome in outcomes:
            # What the newest was told is what its owner has to hear, where no other does better.
            if outcome.question.key not in told or not _is_refusal(outcome):
                told[outcome.question.key] = outcome
        left = note_key(account, key, keys, outcomes, timezone.now())
        if not left:
            break
    now = timezone.now()
    return [
        told.get(question.key) or Outcome(question, BadCredentials(NO_KEY), now) for question in questions
    ]


def _keys_of(account: CarrierAccount) -> list[Credential]:
    """The live keys with their secrets and tokens, in one statement; where the ring does not read all of them, each is read
    when it is asked with."""
    live = account.credentials.live()
    try:
        return list(live.with_secrets().select_related("token"))
    except WrongKeyRing:
        return list(live)


def _is_refusal(outcome: Outcome) -> bool:
    return isinstance(outcome.result, BadCredentials | NotEntitled)


def _ask_with(
    account: CarrierAccount, key: Credential, questions: list[Question], meter: Meter, time_limit: timedelta
) -> list[Outcome]:
    try:
        client = open_client(account, key, meter=meter, time_limit=time_limit)
    except WrongKeyRing:
        return _for_all(questions, BadCredentials(LOCKED))
    except CarrierError as exc:
        return _for_all(questions, exc)
    return async_to_sync(_tracked)(client, questions)


def _for_all(questions: list[Question], error: CarrierError) -> list[Outcome]:
    return [Outcome(question, error, timezone.now()) for question in questions]


def note_key(
    account: CarrierAccount,
    key: Credential,
    keys: Sequence[Credential],
    outcomes: Sequence[Outcome],
    now: datetime,
) -> list[Question]:
    """Write on the key how it fares; what is left to ask with another one, because this one was refused."""
    said = breaker.heard(outcomes)
    if said.verdict == Verdict.REFUSED:
        note_refused(account, key, said.words, now)
        return [outcome.question for outcome in outcomes if _is_refusal(outcome)]
    if any(not isinstance(outcome.result, CarrierError | NotAllowed) for outcome in outcomes):
        note_worked(account, key, keys, now)
        telling_owners.tell_of_refused_keys(account, working=key, keys=keys, now=now)
    return []


def note_refused(account: CarrierAccount, key: Credential, words: str, now: datetime) -> None:
    """The carrier takes this key no more, or not yet: others are asked with before it for a while."""
    logger.warning("Account %s: its key %s was refused. %s", account.pk, key.pk, words)
    Credential.objects.live().filter(pk=key.pk).update(
        refused_at=now, refusals=F("refusals") + 1, refusal=words[:500]
    )


def note_worked(account: CarrierAccount, key: Credential, keys: Sequence[Credential], now: datetime) -> None:
    """The carrier takes this key; keys older than it are not needed any more, and erased."""
    older = [one for one in keys if one.pk < key.pk]
    if (
        not older
        and key.refused_at is None
        and key.worked_at is not None
        and now - key.worked_at < WORKED_EVERY
    ):
        return
    with transaction.atomic():
        row = Credential.objects.live().filter(pk=key.pk)
        worked = row.update(worked_at=now, refused_at=None, refusals=0, refusal="", refusal_told_at=None)
        if not worked or not older:
            return
        for one in older:
            if Credential.objects.live().filter(pk=one.pk).retire(now):
                AuditEntry.objects.record(
                    "key retired",
                    account,
                    source="queue",
                    merchant=account.merchant,
                    before={"ending": one.ending},
                    after={"worked": str(key)},
                )
    logger.info("Account %s: its newer key has worked, older ones are retired.", account.pk)


async def _tracked(client: CarrierClient, questions: list[Question]) -> list[Outcome]:
    """The carrier's answers. No transaction is open here, and the queue's pulse goes on while the carrier takes its time."""
    pulse = asyncio.create_task(_beat())
    try:
        return await client.track(questions)
    finally:
        pulse.cancel()
        await asyncio.gather(pulse, return_exceptions=True)
        await client.aclose()


async def _beat() -> None:
    while True:
        await asyncio.sleep(BEAT_EVERY.total_seconds())
        try:
            await sync_to_async(Heartbeat.objects.beat)(timezone.now())
        except DatabaseError:
            # The answers that are on their way are worth more than a beat.
            logger.warning("The pulse could not be written.", exc_info=True)
