"""Ask about a batch, ingest what came, say when to look again."""

import asyncio
import logging
import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from asgiref.sync import async_to_sync, sync_to_async
from django.db import DatabaseError, connection
from django.utils import timezone

from shipments.carriers.base import CarrierClient, Outcome, Question
from shipments.carriers.errors import BadCredentials, CarrierError, OutOfBudget, UnreadableAnswer
from shipments.carriers.registry import max_per_call
from shipments.enums import Gateway, Lifecycle
from shipments.fields import WrongKeyRing
from shipments.models import CarrierAccount, Heartbeat, Shipment, Watch
from shipments.models.watches import Turn
from shipments.refresh.askers import Askers
from shipments.refresh.budget import AccountMeter, settle
from shipments.refresh.noting import calls_by_outcome, note
from shipments.refresh.planner import LEASE, plan_due
from shipments.refresh.rescheduling import reschedule
from shipments.tracking.gateway import open_client, question_about, to_ask_about
from shipments.tracking.ingest import Ingested, Observation, ingest

logger = logging.getLogger(__name__)

BEAT_EVERY = timedelta(seconds=10)


def refresh_leased(account_id: int, lease: UUID, shipment_ids: Sequence[int]) -> list[Ingested]:
    """Ask about those of the batch that are still leased under `lease`, and let go of the lease.

    What the account may not ask about any more, or has no call left for, waits on as if nobody had taken it.
    """
    now = timezone.now()
    held = Watch.objects.hold(shipment_ids, lease, until=now + LEASE)
    if not held:
        return []
    ids = [one.shipment_id for one in held]
    shipments = list(to_ask_about(ids).filter(lifecycle=Lifecycle.ACTIVE))
    askers = Askers(shipments)
    account = askers.account(account_id)
    mine = [] if account is None else [one for one in shipments if askers.choice(one) == account_id]
    if ended := set(ids) - {shipment.pk for shipment in shipments}:
        Watch.objects.reschedule(dict.fromkeys(ended, Turn(None)), lease=lease)
    if len(mine) < len(shipments):
        # Another account asks about these now, or none.
        others = {shipment.pk for shipment in shipments} - {shipment.pk for shipment in mine}
        Watch.objects.put_back(others, lease=lease, now=now, unroute=True)
    if account is None or not mine:
        return []
    if not _may_ask(account, lease, now):
        # Paused or broken since the batch was planned: the next sweep plans anew.
        Watch.objects.put_back([shipment.pk for shipment in mine], lease=lease, now=now)
        return []
    return _Turn(account, mine, askers, lease, by_hand=any(one.by_hand for one in held)).run()


def ask_now(shipments: Sequence[Shipment]) -> tuple[list[Ingested], list[Shipment]]:
    """Ask about these at once, whatever hour it is, because a person waits; also those no account can ask about.

    Those the account has no call left for are in neither: they are asked about by the queue, before others, when there is one.
    """
    askers = Askers(shipments)
    groups, accountless = askers.groups(shipments)
    done: list[Ingested] = []
    for account, members in groups:
        done += _Turn(account, members, askers, None, by_hand=True).run()
    return done, accountless


def _may_ask(account: CarrierAccount, lease: UUID, now: datetime) -> bool:
    budget = account.budget
    return not budget.is_paused(now) and (not budget.is_open or budget.probe == lease)


def work_off() -> int:
    """Ask, in this process, about everything that is due; how many parcels that were."""
    asked = 0
    while batches := plan_due(timezone.now()):
        answered = sum(len(refresh_leased(one.account_id, one.lease, one.shipment_ids)) for one in batches)
        if answered == 0:
            # Planned, and nobody could be asked: more of that would not end.
            break
        asked += answered
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


class _Turn:
    """One round of questions with one account: asked, stored, said when to look again."""

    def __init__(
        self,
        account: CarrierAccount,
        shipments: Sequence[Shipment],
        askers: Askers,
        lease: UUID | None,
        *,
        by_hand: bool,
    ) -> None:
        self.account = account
        self.shipments = shipments
        self.askers = askers
        self.lease = lease
        self.meter = AccountMeter(
            account,
            expects=math.ceil(len(shipments) / max_per_call(Gateway(account.gateway))),
            by_hand=by_hand,
            # A person in front of a terminal asks whatever the carrier has said.
            insists=lease is None,
        )

    def run(self) -> list[Ingested]:
        outcomes = self._outcomes()
        note(self.account, outcomes, lease=self.lease, now=timezone.now())
        asked = [outcome for outcome in outcomes if not isinstance(outcome.result, OutOfBudget)]
        self._put_back([o.question.key for o in outcomes if isinstance(o.result, OutOfBudget)])
        ingested = _ingest([Observation(outcome, self.account) for outcome in asked]) if asked else []
        calls = calls_by_outcome(outcomes, self.meter.made)
        totals = {
            **calls,
            "parcels_asked": len(asked),
            "parcels_news": sum(entry.is_news for entry in ingested),
            "scans_stored": sum(entry.new_scans for entry in ingested),
        }
        settle(self.account.pk, self.meter.came_to(min(calls["calls_failed"], self.meter.made), totals))
        reschedule(ingested, self.account, self.askers, self.lease)
        return ingested

    def _outcomes(self) -> list[Outcome]:
        routes, gateway = self.askers.routes, self.account.gateway
        questions = [
            question_about(shipment, routes.wire_value(shipment.carrier_id, gateway))
            for shipment in self.shipments
        ]
        try:
            client = open_client(CarrierAccount.objects.get(pk=self.account.pk), meter=self.meter)
        except WrongKeyRing:
            refused = BadCredentials(
                "The key ring cannot read this account's credentials, so nobody was asked."
            )
            return [Outcome(question, refused, timezone.now()) for question in questions]
        return async_to_sync(_ask)(client, questions)

    def _put_back(self, ids: Sequence[int]) -> None:
        """Have these wait on; what a person asked for at a terminal is asked about by the queue."""
        if not ids:
            return
        logger.info("Account %s: no call left for %d parcels, which wait.", self.account.pk, len(ids))
        if self.lease is None:
            Watch.objects.ask_now(ids, timezone.now())
        else:
            Watch.objects.put_back(ids, lease=self.lease, now=timezone.now())


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
