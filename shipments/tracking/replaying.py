"""An answer that arrives late: the parcel's kept answers are read again, in the order in which they were fetched.

What an answer adds depends on those before it: what was taken back, what a carrier once told and later left out, which
promise was the first. Taken in in another order, three answers could leave other facts behind than in theirs.
"""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count

from shipments.carriers.base import Snapshot
from shipments.carriers.registry import read_part
from shipments.enums import AnswerKind, Gateway
from shipments.models import Answer, PromisedDay, ScanEvent, Shipment
from shipments.tracking.deriving import forget
from shipments.tracking.gateway import question_about
from shipments.tracking.taking_in import Mappings, Source, take_in


@dataclass(frozen=True, slots=True)
class Replayed:
    """A parcel's scans and promises, as its answers tell them in their order; none of them has a key yet."""

    scans: list[ScanEvent]
    promises: list[PromisedDay]


def replay(
    shipments: Sequence[Shipment], confirmed_at: Mapping[int, datetime | None], mappings: Mappings
) -> dict[int, Replayed]:
    """Derive these parcels anew from all their answers; `confirmed_at` is when the newest content was last told.

    Left out, and left alone, are parcels which people have put right, because answers of before count otherwise there,
    those of which anything was erased, and those with an answer that cannot be read any more. Content told more than twice is taken in when it was told
    first and last: in between it can have changed only when exactly a scan was taken back.
    """
    answers: dict[int, list[Answer]] = {
        shipment.pk: [] for shipment in shipments if not _is_put_right(shipment) and not shipment.erased_parts
    }
    if answers:
        for answer in Answer.objects.filter(shipment__in=list(answers), kind=AnswerKind.SNAPSHOT):
            answers[answer.shipment_id].append(answer)
    done: dict[int, Replayed] = {}
    for shipment in shipments:
        tellings = _tellings(shipment, answers.get(shipment.pk, ()), confirmed_at[shipment.pk])
        if tellings:
            done[shipment.pk] = _replayed(shipment, tellings, mappings)
    return done


def _is_put_right(shipment: Shipment) -> bool:
    said = (shipment.carrier_corrected_at, shipment.number_from, shipment.number_until)
    return any(one is not None for one in said)


def _tellings(
    shipment: Shipment, answers: Sequence[Answer], confirmed_at: datetime | None
) -> list[tuple[Source, Snapshot]]:
    """Every answer as often as it matters, in their order; none where one of them cannot be read."""
    question = question_about(shipment)
    tellings: list[tuple[datetime, str, Source, Snapshot]] = []
    for answer in answers:
        if answer.body is None:
            return []
        snapshot = read_part(Gateway(answer.gateway), zlib.decompress(answer.body), question)
        if not isinstance(snapshot, Snapshot):
            return []
        told_at = {answer.fetched_at, answer.last_fetched_at or answer.fetched_at}
        if answer.pk == shipment.answer_id and confirmed_at is not None:
            told_at.add(confirmed_at)
        tellings += [(at, answer.sha256, Source(answer.pk, answer.gateway, at), snapshot) for at in told_at]
    tellings.sort(key=lambda telling: telling[:2])
    return [(source, snapshot) for _at, _sha256, source, snapshot in tellings]


def _replayed(
    shipment: Shipment, tellings: Sequence[tuple[Source, Snapshot]], mappings: Mappings
) -> Replayed:
    forget(shipment)
    scans: list[ScanEvent] = []
    promises: list[PromisedDay] = []
    # Of two scans at one time that of the later answer is newer: until they are stored they have keys of their own.
    keys = count(1)
    for source, snapshot in tellings:
        if source.answer_id == shipment.answer_id:
            # The same again.
            continue
        step = take_in(shipment, scans, snapshot, source, mappings, is_newest=True)
        for event in step.added:
            event.id = next(keys)
        scans += step.added
        promises += step.promises
    return Replayed(scans, promises)
