"""Parcels brought to what their stored answers say today: by today's mappings, tables and ways of reading.

Nobody hears of it: no news is marked, no buyer is told. What a person has put right stays. A parcel whose answers are not
all there any more, or cannot be read again, is brought as far as the words of its scans go: those are kept, and say as much
about statuses as the answers did.
"""

import logging
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from shipments import queueing
from shipments.carriers.base import Snapshot
from shipments.carriers.registry import read_part, status_by_tables
from shipments.enums import AnswerKind, EndReason, Gateway, Status
from shipments.models import (
    Answer,
    Merchant,
    PromisedDay,
    Proof,
    ScanEvent,
    Shipment,
    StatusMapping,
    Watch,
    quick,
)
from shipments.tracking.deriving import SHIPMENT_FACTS, follow_scans
from shipments.tracking.gateway import gateways_for, question_about
from shipments.tracking.replaying import Replayed, answers_of, is_put_right, read_again
from shipments.tracking.taking_in import mapped
from shipments.tracking.unrecognised import Unrecognised

logger = logging.getLogger(__name__)

_SCAN_COLUMNS = tuple(field.attname for field in ScanEvent._meta.concrete_fields if not field.primary_key)
_SHIPMENT_COLUMNS = tuple("answer_id" if name == "answer" else name for name in SHIPMENT_FACTS)


@dataclass(slots=True)
class Retold:
    """What came of it: parcels done and answers read, parcels and scans with another status now, parcels that could only be
    read from their scans, and the ids of those that could not be read and were left as they were."""

    done: int = 0
    answers: int = 0
    changed: int = 0
    scans_changed: int = 0
    by_scans: int = 0
    failed: list[int] = field(default_factory=list)


def retell(keys: Sequence[int], now: datetime) -> Retold:
    """Bring these parcels to what their answers say today, in a constant number of statements. Call it in a transaction.

    Their rows are locked in the order of their ids, as everybody does who writes a parcel's facts.
    """
    if not keys:
        return Retold()
    return _Round(keys, now).run()


class _Round:
    def __init__(self, keys: Sequence[int], now: datetime) -> None:
        self.now = now
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id FROM shipments_shipment WHERE id = ANY(%s) ORDER BY id FOR UPDATE", [list(keys)]
            )
            self.keys = [pk for (pk,) in cursor.fetchall()]
        # After the lock: who stored an answer meanwhile has ended.
        self.mappings = StatusMapping.objects.by_carrier()
        self.shipments = {shipment.pk: shipment for shipment in quick.read(Shipment, "id", self.keys)}
        merchants = Merchant.objects.in_bulk({shipment.merchant_id for shipment in self.shipments.values()})
        for shipment in self.shipments.values():
            shipment._state.fields_cache["merchant"] = merchants[shipment.merchant_id]
        self.scans: dict[int, list[ScanEvent]] = {pk: [] for pk in self.keys}
        for scan in quick.read(ScanEvent, "shipment_id", self.keys):
            self.scans[scan.shipment_id].append(scan)
        self.promises: dict[int, list[PromisedDay]] = {pk: [] for pk in self.keys}
        for promise in PromisedDay.objects.filter(shipment__in=self.keys).order_by("told_at", "pk"):
            self.promises[promise.shipment_id].append(promise)
        watches = quick.read(Watch, "shipment_id", self.keys, ("shipment", "checked_at", "heard"))
        self.confirmed = {
            watch.shipment_id: watch.checked_at for watch in watches if watch.heard == AnswerKind.SNAPSHOT
        }
        self.answers = answers_of(self.keys)
        self.retold = Retold()
        self.unrecognised = Unrecognised()
        self.written: list[dict[str, Any]] = []
        self.inserted: list[ScanEvent] = []
        self.renewed: list[int] = []
        self.promised_anew: dict[int, list[PromisedDay]] = {}

    def run(self) -> Retold:
        was = {pk: dict(shipment.__dict__) for pk, shipment in self.shipments.items()}
        told: list[Shipment] = []
        for pk in self.keys:
            try:
                self._retell_one(self.shipments[pk])
            except Exception as exc:  # noqa: BLE001  (one parcel that cannot be read must not keep the others)
                # Its class alone: the words may be those of the answer.
                logger.warning("Parcel %d could not be read again: %s", pk, type(exc).__name__)
                self.retold.failed.append(pk)
            else:
                told.append(self.shipments[pk])
        self._write_scans()
        self._write_shipments(told, was)
        self.unrecognised.store(self.now)
        self.retold.done = len(self.keys)
        self.retold.changed = sum(shipment.status != was[shipment.pk]["status"] for shipment in told)
        return self.retold

    # ---- One parcel, in memory

    def _retell_one(self, shipment: Shipment) -> None:
        pk = shipment.pk
        before = {scan.fingerprint: scan.status for scan in self.scans[pk]}
        unrecognised = Unrecognised()
        unrecognised.take(shipment.carrier_id, self.scans[pk])
        replayed = None
        if self._is_whole(shipment):
            replayed = read_again(shipment, self.answers[pk], self.confirmed.get(pk), self.mappings)
        if replayed is not None:
            self._take_over(pk, replayed)
            self.retold.answers += len(self.answers[pk])
            scans: Sequence[ScanEvent] = replayed.scans
        else:
            scans = self._by_scans(shipment)
            self.retold.by_scans += 1
        unrecognised.add(shipment.carrier_id, scans)
        self.unrecognised.include(unrecognised)
        self.retold.scans_changed += sum(
            before.get(scan.fingerprint, Status.UNKNOWN) != scan.status for scan in scans
        )

    def _is_whole(self, shipment: Shipment) -> bool:
        """Whether the parcel's answers, as far as they are there, tell all that is known of it."""
        answers = self.answers[shipment.pk]
        if not answers or is_put_right(shipment):
            return False
        known = {answer.pk for answer in answers}
        first_told = min(answer.fetched_at for answer in answers)
        return all(scan.answer_id in known for scan in self.scans[shipment.pk]) and all(
            promise.told_at >= first_told for promise in self.promises[shipment.pk]
        )

    def _take_over(self, pk: int, replayed: Replayed) -> None:
        """Note which rows of the parcel's scans and promises are to be written: those that are not as they were."""
        by_fingerprint = {scan.fingerprint: scan for scan in self.scans[pk]}
        if by_fingerprint.keys() == {scan.fingerprint for scan in replayed.scans}:
            for scan in replayed.scans:
                kept = by_fingerprint[scan.fingerprint]
                scan.id = kept.id
                self._write_if_other(kept.__dict__, scan)
        else:
            # Of two scans at one time that of the later answer is newer, and keys tell which that is.
            self.renewed.append(pk)
            self.inserted += replayed.scans
        if [_told(one) for one in self.promises[pk]] != [_told(one) for one in replayed.promises]:
            self.promised_anew[pk] = replayed.promises

    def _by_scans(self, shipment: Shipment) -> list[ScanEvent]:
        """The parcel by the words of its scans and, where it is there, its newest answer."""
        gateways = {answer.pk: answer.gateway for answer in self.answers[shipment.pk]}
        mappings = self.mappings.get(shipment.carrier_id, ())
        scans = self.scans[shipment.pk]
        was = [dict(scan.__dict__) for scan in scans]
        for scan in scans:
            if scan.status_by == "carrier" or _is_other_carriers(shipment, scan):
                continue
            gateway = (
                gateways.get(scan.answer_id or 0)
                or shipment.answered_by
                or gateways_for(shipment.carrier_id)[0]
            )
            status, told_by = status_by_tables(
                Gateway(gateway), shipment.carrier_id, code=scan.code, text=scan.text, details=scan.details
            )
            scan.status, scan.status_by = mapped(
                status, told_by, scan.code, scan.text, scan.details, mappings
            )
        newest = next(
            (answer for answer in self.answers[shipment.pk] if answer.pk == shipment.answer_id), None
        )
        follow_scans(shipment, scans, None if newest is None else _read(shipment, newest))
        self.retold.answers += newest is not None
        for before, scan in zip(was, scans, strict=True):
            self._write_if_other(before, scan)
        return scans

    def _write_if_other(self, before: Mapping[str, Any], scan: ScanEvent) -> None:
        if any(scan.__dict__[name] != before[name] for name in _SCAN_COLUMNS):
            self.written.append({"pk": scan.id, **{name: scan.__dict__[name] for name in _SCAN_COLUMNS}})

    # ---- All of them, into the database

    def _write_scans(self) -> None:
        if self.renewed:
            ScanEvent.objects.filter(shipment__in=self.renewed).delete()
            quick.insert(
                ScanEvent,
                [{name: scan.__dict__[name] for name in _SCAN_COLUMNS} for scan in self.inserted],
            )
        quick.overwrite(ScanEvent, self.written)
        if self.promised_anew:
            PromisedDay.objects.filter(shipment__in=list(self.promised_anew)).delete()
            PromisedDay.objects.bulk_create(
                [promise for promises in self.promised_anew.values() for promise in promises],
                ignore_conflicts=True,
            )

    def _write_shipments(self, told: Sequence[Shipment], was: Mapping[int, Mapping[str, Any]]) -> None:
        others = [
            shipment
            for shipment in told
            if any(shipment.__dict__[name] != was[shipment.pk][name] for name in _SHIPMENT_COLUMNS)
        ]
        columns = [
            name
            for name in _SHIPMENT_COLUMNS
            if any(shipment.__dict__[name] != was[shipment.pk][name] for shipment in others)
        ]
        quick.overwrite(
            Shipment,
            [{"pk": one.pk, **{name: one.__dict__[name] for name in columns}} for one in others],
        )
        delivered = [one for one in others if one.status == Status.DELIVERED]
        if Proof.objects.begin(delivered, self.now):
            queueing.enqueue(queueing.FETCH_PROOFS)
        self._reopen(others)

    def _reopen(self, shipments: Iterable[Shipment]) -> None:
        """Ask again about those that had ended because they had arrived, and have not."""
        mistaken = [
            one.pk
            for one in shipments
            if one.end_reason == EndReason.SETTLED and one.status != Status.DELIVERED
        ]
        if mistaken:
            Shipment.objects.filter(pk__in=mistaken).reopen(self.now)


def _read(shipment: Shipment, answer: Answer) -> Snapshot | None:
    told = read_part(Gateway(answer.gateway), zlib.decompress(answer.body), question_about(shipment))
    return told if isinstance(told, Snapshot) else None


def _told(promise: PromisedDay) -> tuple[object, ...]:
    return promise.told_at, promise.on, promise.starts, promise.ends


def _is_other_carriers(shipment: Shipment, scan: ScanEvent) -> bool:
    """Whether it was told by a carrier that never had the parcel; its codes mean something else there."""
    return shipment.carrier_corrected_at is not None and scan.withdrawn_at is not None
