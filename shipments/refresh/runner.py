"""Ask about a batch, ingest what came, say when to look again."""

import asyncio
import logging
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from shipments.carriers.base import CarrierClient, Outcome, Question
from shipments.carriers.errors import BadCredentials, CarrierError, NotEntitled, OverQuota, UnreadableAnswer
from shipments.enums import EndReason, Lifecycle, Status
from shipments.fields import WrongKeyRing
from shipments.models import CarrierAccount, Heartbeat, Shipment, Watch
from shipments.refresh.planner import LEASE, by_account, plan_due
from shipments.refresh.policy import Situation, next_look
from shipments.tracking.gateway import open_client, question_about, to_ask_about
from shipments.tracking.ingest import Ingested, Observation, ingest

logger = logging.getLogger(__name__)

# A 429 without Retry-After: USPS' quota is by the hour, so a few minutes cost little and a wave of refusals more.
UNSAID_PAUSE = timedelta(minutes=5)
# A refused key stays refused until a person mends it; asking on would look like an attack.
REFUSED_PAUSE = timedelta(minutes=15)
BEAT_EVERY = timedelta(seconds=10)


def refresh_leased(account_id: int, lease: UUID, shipment_ids: Sequence[int]) -> list[Ingested]:
    """Ask about those of the batch that are still leased under `lease`, and let go of the lease."""
    now = timezone.now()
    held = Watch.objects.hold(shipment_ids, lease, until=now + LEASE)
    account = CarrierAccount.objects.defer("key", "secret").filter(pk=account_id, is_active=True).first()
    shipments = list(to_ask_about(held).filter(lifecycle=Lifecycle.ACTIVE))
    ended = set(held) - {shipment.pk for shipment in shipments}
    Watch.objects.reschedule(dict.fromkeys(ended), lease=lease)
    if account is None or account.is_paused(now):
        # Refused or switched off since the batch was planned: the next sweep plans anew.
        Watch.objects.reschedule({shipment.pk: now for shipment in shipments}, lease=lease, keep_by_hand=True)
        return []
    ingested = _ask_and_ingest(account, shipments)
    _reschedule(ingested, account, lease)
    return ingested


def ask_now(shipments: Sequence[Shipment]) -> tuple[list[Ingested], list[Shipment]]:
    """Ask about these at once, whatever hour it is, because a person waits; also those no account can ask about."""
    groups, accountless = by_account(shipments)
    done: list[Ingested] = []
    for account, members in groups:
        ingested = _ask_and_ingest(account, members)
        _reschedule(ingested, account, None)
        done += ingested
    return done, accountless


def work_off() -> int:
    """Ask, in this process, about everything that is due; how many parcels that were."""
    asked = 0
    while batches := plan_due(timezone.now()):
        for batch in batches:
            asked += len(refresh_leased(batch.account_id, batch.lease, batch.shipment_ids))
    return asked


def test_account(account: CarrierAccount) -> str:
    """Try the account's credentials; a sentence with what came of it."""
    try:
        async_to_sync(_check)(open_client(account))
    except WrongKeyRing as exc:
        return str(exc)
    except CarrierError as exc:
        return f"{exc} {exc.advice}".strip()
    return "The gateway accepted the key and the secret and gave a token."


async def _check(client: CarrierClient) -> None:
    try:
        await client.check()
    finally:
        await client.aclose()


def _ask_and_ingest(account: CarrierAccount, shipments: Sequence[Shipment]) -> list[Ingested]:
    if not shipments:
        return []
    questions = [question_about(shipment) for shipment in shipments]
    try:
        client = open_client(CarrierAccount.objects.get(pk=account.pk))
    except WrongKeyRing:
        refused = BadCredentials("The key ring cannot read this account's credentials, so nobody was asked.")
        outcomes = [Outcome(question, refused, timezone.now()) for question in questions]
    else:
        outcomes = async_to_sync(_ask)(client, questions)
    _note_on_account(account, outcomes)
    return _ingest([Observation(outcome, account) for outcome in outcomes])


def _ingest(observations: Sequence[Observation]) -> list[Ingested]:
    """Store the answers; one that cannot be stored becomes that parcel's error and costs the others nothing."""
    try:
        return ingest(observations, now=timezone.now())
    except (DatabaseError, ValueError, OverflowError):
        if not connection.is_usable():
            raise
        logger.exception("An answer of this batch cannot be stored; each is stored alone.")
    done: list[Ingested] = []
    for seen in observations:
        try:
            done += ingest([seen], now=timezone.now())
        except (DatabaseError, ValueError, OverflowError):
            unstorable = UnreadableAnswer("The carrier's answer could not be stored.")
            outcome = replace(seen.outcome, result=unstorable, part=None)
            done += ingest([Observation(outcome, seen.account)], now=timezone.now())
    return done


async def _ask(client: CarrierClient, questions: list[Question]) -> list[Outcome]:
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


def _note_on_account(account: CarrierAccount, outcomes: Sequence[Outcome]) -> None:
    """Write on the account how it fares; a refusal or a quota pauses it, for everybody who asks with it."""
    now = timezone.now()
    errors = [outcome.result for outcome in outcomes if isinstance(outcome.result, CarrierError)]
    changes: dict[str, object] = {}
    if len(errors) < len(outcomes):
        changes["last_success_at"] = now
    if outcomes and not errors:
        # Somebody asked by hand during a pause, and was answered.
        changes["paused_until"] = None
    if errors:
        worst = max(
            errors,
            key=lambda error: (isinstance(error, BadCredentials | NotEntitled), isinstance(error, OverQuota)),
        )
        changes |= {"last_error": f"{worst} {worst.advice}".strip()[:500], "last_error_at": now}
        # One parcel that is refused among others that are answered says nothing of the account.
        if isinstance(worst, BadCredentials | NotEntitled) and len(errors) == len(outcomes):
            changes["paused_until"] = now + REFUSED_PAUSE
        elif isinstance(worst, OverQuota):
            changes["paused_until"] = now + (worst.retry_after or UNSAID_PAUSE)
        logger.warning(
            "Account %s: %d of %d parcels got no answer: %s", account.pk, len(errors), len(outcomes), worst
        )
    CarrierAccount.objects.filter(pk=account.pk).update(**changes)


def _reschedule(ingested: Sequence[Ingested], account: CarrierAccount, lease: UUID | None) -> None:
    now = timezone.now()
    cadence = None if account.cadence_seconds is None else timedelta(seconds=account.cadence_seconds)
    dues: dict[int, datetime | None] = {}
    ended: dict[EndReason, list[int]] = {}
    for entry in ingested:
        shipment, watch = entry.shipment, entry.watch
        situation = Situation(
            status=Status(shipment.status),
            since=shipment.created_at,
            last_scan_at=shipment.last_scan_at,
            delivered_at=shipment.delivered_at or shipment.last_scan_at,
            heard=watch.heard,
            scans_once=shipment.carrier.scans_once,
            misses=watch.misses,
            error_kind=watch.error_kind,
            retry_after=entry.error.retry_after if entry.error else None,
            cadence=cadence,
        )
        if shipment.lifecycle != Lifecycle.ACTIVE:
            # Asked by hand after its end: the facts are fresh, and the end stays.
            dues[shipment.pk] = None
            continue
        look = next_look(situation, now=now, dice=random.random())  # noqa: S311  (spreads load, guards nothing)
        dues[shipment.pk] = look.due_at
        if look.ends is not None:
            ended.setdefault(look.ends, []).append(shipment.pk)
    with transaction.atomic():
        if ended:
            # Parcels before their watches, in the order of ids, as ingest and the deeds of people lock them: a person
            # may be closing one this moment.
            ending = Shipment.objects.filter(pk__in=[pk for pks in ended.values() for pk in pks])
            list(ending.order_by("pk").select_for_update(of=("self",)).only("pk"))
        done = Watch.objects.reschedule(dues, lease=lease)
        for reason, pks in ended.items():
            Shipment.objects.filter(pk__in=done.intersection(pks), lifecycle=Lifecycle.ACTIVE).update(
                lifecycle=Lifecycle.ENDED, end_reason=reason
            )
