"""Take what is most worth asking about, as much of it as each account has calls for, and fill batches."""

import math
import random
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q

from shipments.carriers.registry import in_one_go, max_batch, max_per_call
from shipments.enums import BreakerState, Gateway, Lifecycle
from shipments.models import Budget, CarrierAccount, MaintenanceWindow, Watch
from shipments.models.watches import Turn
from shipments.refresh import learned, quotas, routing, waiting
from shipments.refresh.breaker import FIRST_WAIT, REFUSALS
from shipments.refresh.budget import quota_of
from shipments.refresh.learning import Sharpened
from shipments.refresh.policy import pick
from shipments.refresh.waiting import Load, Waiting
from shipments.refresh.windows import reopens_at

# How long a batch may wait in the queue and be worked on; what a killed worker held comes back after it.
LEASE = timedelta(minutes=4)
# One sweep takes no more than the workers get through in about a lease.
MOST_PER_SWEEP = 1_400
# With so many tasks in the queue nothing is planned, except what people ask for: that is to be done within seconds.
MOST_WAITING = 8
MOST_BY_HAND = 1_000
# After a closed window the parcels that waited come back spread over this long.
SPREAD_AFTER_WINDOW = timedelta(minutes=30)
# Parcels that are put off for a closed window are replaced by others so often within one sweep.
ROUNDS = 5
# So many parcels for each place are weighed, and never more than these: the rest is wanted later.
WEIGHED_PER_PLACE, MOST_WEIGHED, LEAST_WEIGHED = 8, 2_000, 500
# How far what is due is counted, in hours of an account's looks: beyond, the policy decides the same.
PRESSURE_COUNTED = 24
BETWEEN_SWEEPS = timedelta(minutes=1)


def room(waiting_tasks: int) -> int:
    """How many parcels a sweep may plan when so many tasks wait: what people ask for queues behind what was planned before."""
    return MOST_PER_SWEEP if waiting_tasks < MOST_WAITING else 0


@dataclass(frozen=True, slots=True)
class Batch:
    """Parcels to ask about in one go with one account, leased under `lease`."""

    account_id: int
    lease: UUID
    shipment_ids: tuple[int, ...]


def plan_due(now: datetime, *, limit: int = MOST_PER_SWEEP) -> list[Batch]:
    """Lease what is most worth asking about, up to `limit` parcels besides those that people ask for, in full batches.

    What has no account yet gets one; what is in a closed window is put off. An account that is paused, has no calls left or is
    broken is left alone, and so is what waits for it.
    """
    Watch.objects.take_back(now)
    routing.route(now)
    Budget.objects.complete()
    waits = Watch.objects.waiting(now).filter(account=OuterRef("pk"))
    # Without the secrets: one that no key of the ring reads concerns those who ask with it, not the planning.
    accounts = list(
        CarrierAccount.objects.filter(
            Q(budget__paused_until=None) | Q(budget__paused_until__lte=now),
            Exists(waits),
            budget__isnull=False,
            is_active=True,
        )
        .select_related("budget")
        .order_by("pk")
    )
    if not accounts:
        return []
    with transaction.atomic():
        # One planner at a time: two would each give out the same calls.
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('shipments.refresh.plan'))")
        return _Plan(accounts, now, limit).batches()


@dataclass
class _Share:
    """What one account may be asked in this sweep."""

    account: CarrierAccount
    load: Load
    # Calls that people's questions may have, and planned ones; parcels, where a call carries one.
    by_hand_calls: int
    planned_calls: int
    # Hours that one look at everything that is due would take.
    pressure: float = 0.0
    is_rationed: bool = False
    hand: list[int] = field(default_factory=list)
    places: int = 0
    chosen: list[int] = field(default_factory=list)

    @property
    def per_call(self) -> int:
        return max_per_call(Gateway(self.account.gateway))

    @property
    def weighed(self) -> int:
        """How many parcels are looked at to fill the places."""
        if not self.is_rationed:
            return self.places
        return max(self.places, min(max(WEIGHED_PER_PLACE * self.places, LEAST_WEIGHED), MOST_WEIGHED))


class _Plan:
    """One sweep, under the planners' lock."""

    def __init__(self, accounts: Sequence[CarrierAccount], now: datetime, limit: int) -> None:
        self.now = now
        self.limit = limit
        self.closed = _Closed(now)
        whole = [account for account in accounts if not account.budget.is_open]
        self.broken = [account for account in accounts if account.budget.is_open]
        self.shares = self._shares(whole)

    @cached_property
    def sharpened(self) -> Sharpened:
        """What was learned from scans already found; asked for once a sweep, where anything is ranked."""
        return learned.sharpened()

    def batches(self) -> list[Batch]:
        probes = [batch for account in self.broken if (batch := self._probe(account))]
        self._take_by_hand()
        self._give_places()
        self._take_planned()
        wanted = [pk for share in self.shares.values() for pk in (*share.hand, *share.chosen)]
        if not wanted:
            return probes
        lease, leased = Watch.objects.lease(wanted, self.now, length=LEASE)
        batches: list[Batch] = []
        people = {pk for share in self.shares.values() for pk in share.hand}
        for share in self.shares.values():
            # What is planned fills the calls of people, who do not wait for more than their own.
            members = [pk for pk in (*share.hand, *share.chosen) if pk in leased]
            for_people = math.ceil(len(share.hand) / share.per_call) * share.per_call
            gateway = Gateway(share.account.gateway)
            for some, size in (
                (members[:for_people], max_batch(gateway)),
                (members[for_people:], in_one_go(gateway)),
            ):
                batches += [
                    Batch(share.account.pk, lease, tuple(some[at : at + size]))
                    for at in range(0, len(some), size)
                ]
        # The queue takes them in this order.
        return probes + sorted(batches, key=lambda batch: batch.shipment_ids[0] not in people)

    def _shares(self, accounts: Sequence[CarrierAccount]) -> dict[int, _Share]:
        bounds = {account.pk: self._bound(account) for account in accounts}
        loads = waiting.loads(bounds, self.now)
        return {account.pk: self._share(account, loads[account.pk]) for account in accounts}

    def _bound(self, account: CarrierAccount) -> int:
        quota = quota_of(account)
        if quota.per_hour is None:
            return MOST_PER_SWEEP
        return max(1, quota.per_hour * max_per_call(Gateway(account.gateway)) * PRESSURE_COUNTED)

    def _share(self, account: CarrierAccount, load: Load) -> _Share:
        quota, budget, now = quota_of(account), account.budget, self.now
        per_call = max_per_call(Gateway(account.gateway))
        planned_in_flight = math.ceil(load.planned_in_flight / per_call)
        by_hand_in_flight = math.ceil(load.by_hand_in_flight / per_call)
        most = MOST_PER_SWEEP
        if quota.per_second is not None:
            most = max(
                0,
                quota.per_second * int(BETWEEN_SWEEPS.total_seconds())
                - planned_in_flight
                - by_hand_in_flight,
            )
        if quota.per_hour is None:
            return _Share(account, load, by_hand_calls=most, planned_calls=most)
        per_hour = quotas.in_force(
            quota.per_hour, lowered_to=budget.lowered_to, lowered_until=budget.lowered_until, now=now
        )
        by_hand = quotas.left(per_hour, load.spent, by_hand=True) - planned_in_flight - by_hand_in_flight
        planned = quotas.planned_now(per_hour, load.spent, next_call_at=budget.next_call_at, now=now)
        looks = (per_hour - quotas.reserve(per_hour)) * per_call
        return _Share(
            account,
            load,
            by_hand_calls=max(0, by_hand),
            planned_calls=max(0, min(planned - planned_in_flight, most)),
            pressure=load.due / looks,
            is_rationed=True,
        )

    def _take_by_hand(self) -> None:
        most = {
            pk: min(share.by_hand_calls * share.per_call, MOST_BY_HAND)
            for pk, share in self.shares.items()
            if share.by_hand_calls
        }
        for one in self._still_active(waiting.by_hand(most, self.now)):
            self.shares[one.account_id].hand.append(one.shipment_id)

    def _give_places(self) -> None:
        """Share the sweep's parcels among the accounts, a call of each in turn."""
        left = self.limit
        wanting: dict[int, int] = {}
        for pk, share in self.shares.items():
            # What is left of the last call for people costs nothing.
            share.places = -len(share.hand) % share.per_call
            wanting[pk] = min(share.planned_calls * share.per_call, max(0, share.load.due - len(share.hand)))
        order = list(self.shares)
        # Where there is not enough for all, another one is first in the next minute.
        first = int(self.now.timestamp() // 60) % max(1, len(order))
        order = order[first:] + order[:first]
        while left > 0 and order:
            for pk in order:
                share = self.shares[pk]
                given = min(max_batch(Gateway(share.account.gateway)), left, wanting[pk])
                share.places += given
                wanting[pk] -= given
                left -= given
            order = [pk for pk in order if wanting[pk] > 0]

    def _take_planned(self) -> None:
        """Fill the places with what is most worth a look."""
        for _round in range(ROUNDS):
            open_shares = {pk: share for pk, share in self.shares.items() if share.places > len(share.chosen)}
            found = self._still_active(
                waiting.first_of({pk: share.weighed for pk, share in open_shares.items()}, self.now)
            )
            by_account: dict[int, list[Waiting]] = defaultdict(list)
            closed: dict[int, datetime] = {}
            for one in found:
                until = self.closed.until(open_shares[one.account_id].account, one.carrier)
                if until is None:
                    by_account[one.account_id].append(one)
                else:
                    closed[one.shipment_id] = until
            for pk, ones in by_account.items():
                self._choose(open_shares[pk], ones)
            if not closed:
                return
            self._put_off(closed)

    def _choose(self, share: _Share, ones: Sequence[Waiting]) -> None:
        if share.is_rationed:
            share.chosen = pick(
                [one.candidate for one in ones],
                share.places,
                now=self.now,
                pressure=share.pressure,
                sharpened=self.sharpened,
            )
        else:
            share.chosen = [one.shipment_id for one in ones[: share.places]]

    def _put_off(self, closed: Mapping[int, datetime]) -> None:
        """Have these wait until their window has passed, and come back one by one."""
        turns = {}
        for pk, end in closed.items():
            at = end + random.random() * SPREAD_AFTER_WINDOW  # noqa: S311  (spreads load, guards nothing)
            turns[pk] = Turn(at, at)
        Watch.objects.put_off(turns)

    def _still_active(self, found: Iterable[Waiting]) -> list[Waiting]:
        """Those that are asked about at all; about what has ended since it became due nobody asks any more, and what is a
        suspended merchant's is put away."""
        active: list[Waiting] = []
        ended: list[Waiting] = []
        away: list[Waiting] = []
        for one in found:
            if one.is_suspended:
                away.append(one)
            else:
                (active if one.lifecycle == Lifecycle.ACTIVE else ended).append(one)
        if away:
            Watch.objects.put_away(one.shipment_id for one in away)
        if ended:
            Watch.objects.stop_ended(one.shipment_id for one in ended)
        return active

    def _probe(self, account: CarrierAccount) -> Batch | None:
        """One parcel to try a broken account with, once it is time; a person's first, and for a person sooner."""
        budget = account.budget
        if budget.breaker == BreakerState.HALF_OPEN and budget.probe_until and self.now < budget.probe_until:
            return None
        hand = waiting.by_hand({account.pk: 1}, self.now)
        is_time = budget.probes_at is None or budget.probes_at <= self.now
        if not is_time and not (hand and self._may_be_hurried(account)):
            return None
        ones = self._still_active(hand or waiting.first_of({account.pk: LEAST_WEIGHED}, self.now))
        if not hand:
            ones = [one for one in ones if self.closed.until(account, one.carrier) is None]
        if not ones:
            return None
        lease, leased = Watch.objects.lease([ones[0].shipment_id], self.now, length=LEASE)
        if not leased:
            return None
        took = Budget.objects.filter(pk=account.pk).exclude(breaker=BreakerState.CLOSED)
        took.update(breaker=BreakerState.HALF_OPEN, probe=lease, probe_until=self.now + LEASE)
        return Batch(account.pk, lease, tuple(leased))

    def _may_be_hurried(self, account: CarrierAccount) -> bool:
        """Whether a person who waits may have the probe sooner: not with refused credentials, and not without a pause."""
        last = account.last_error_at
        return account.budget.opened_for not in REFUSALS and (last is None or last + FIRST_WAIT <= self.now)


class _Closed:
    """The windows that hold now."""

    def __init__(self, now: datetime) -> None:
        self._until: dict[tuple[str, str], datetime] = {}
        for window in MaintenanceWindow.objects.order_by("pk"):
            end = reopens_at(starts=window.starts, ends=window.ends, zone=window.zone, now=now)
            key = (window.gateway, window.carrier_id)
            if end is not None:
                self._until[key] = max(end, self._until.get(key, end))

    def until(self, account: CarrierAccount, carrier: str) -> datetime | None:
        """When scheduled questions about this carrier's parcels may be asked with the account again; None where they may now.
        A simulator's account keeps no hours."""
        if account.cadence_seconds is not None:
            return None
        return self._until.get((account.gateway, carrier))
