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

    Left out, and left alone, are those that cannot be (see `read_again`).
    """
    answers = answers_of([shipment.pk for shipment in shipments if not is_put_right(shipment)])
    done: dict[int, Replayed] = {}
    for shipment in shipments:
        replayed = read_again(shipment, answers.get(shipment.pk, ()), confirmed_at.get(shipment.pk), mappings)
        if replayed is not None:
            done[shipment.pk] = replayed
    return done


def answers_of(keys: Sequence[int]) -> dict[int, list[Answer]]:
    """The kept answers of these parcels that told of scans, by the parcel."""
    answers: dict[int, list[Answer]] = {pk: [] for pk in keys}
    if answers:
        for answer in Answer.objects.filter(shipment__in=list(answers), kind=AnswerKind.SNAPSHOT):
            answers[answer.shipment_id].append(answer)
    return answers


def read_again(
    shipment: Shipment, answers: Sequence[Answer], confirmed_at: datetime | None, mappings: Mappings
) -> Replayed | None:
    """The parcel, which is changed in memory, as these answers tell it in their order; None where it cannot be so told.

    That is where a person has put it right, because answers of before count otherwise there, and where one of the answers
    cannot be read any more; it is left alone then. Content told more than twice is taken in when it was told first and
    last: in between it can have changed only when exactly a scan was taken back.
    """
    tellings = () if is_put_right(shipment) else _tellings(shipment, answers, confirmed_at)
    return _replayed(shipment, tellings, mappings) if tellings else None


def is_put_right(shipment: Shipment) -> bool:
    """Whether a person has said that some of what was told is another parcel's, or another carrier's."""
    said = (shipment.carrier_corrected_at, shipment.number_from, shipment.number_until)
    return any(one is not None for one in said)


def _tellings(
    shipment: Shipment, answers: Sequence[Answer], confirmed_at: datetime | None
) -> list[tuple[Source, Snapshot]]:
    """Every answer as often as it matters, in their order; none where one of them cannot be read."""
    question = question_about(shipment)
    tellings: list[tuple[datetime, str, Source, Snapshot]] = []
    for answer in answers:
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
