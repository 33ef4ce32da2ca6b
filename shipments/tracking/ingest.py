"""Carriers' answers into rows: many parcels at once, in a constant number of statements, safe to repeat.

The way of one answer: keep its bytes (`Answer`), read every scan's place in time again with the new ones
(`facts.timeline`), store the scans we did not have, mark those the carrier took back, derive the shipment.
An answer with the content of the last one only moves `Watch.checked_at`.
"""

import hashlib
import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from shipments import queueing
from shipments.carriers.base import NotAllowed, NotKnown, Outcome, Scan, Snapshot
from shipments.carriers.errors import ERROR_KINDS, CarrierError
from shipments.enums import AnswerKind, Status
from shipments.facts.timeline import fingerprint
from shipments.models import (
    Answer,
    CarrierAccount,
    PromisedDay,
    Proof,
    ScanEvent,
    Shipment,
    StatusMapping,
    Subscription,
    UnrecognisedCode,
    Watch,
)
from shipments.models.carriers import KEPT_TEXT
from shipments.models.subscriptions import BuyerNews, news_of
from shipments.tracking.deriving import SCAN_FACTS, SCAN_TEXTS, SHIPMENT_FACTS, cut_to_fit, derive, settle


@dataclass(frozen=True, slots=True)
class Observation:
    """What came of asking about one parcel with one account; the question's `key` is the shipment's id."""

    outcome: Outcome
    account: CarrierAccount


@dataclass(frozen=True, slots=True)
class Ingested:
    """What an observation changed."""

    shipment: Shipment
    watch: Watch
    status_before: Status
    new_scans: int
    is_news: bool
    error: CarrierError | None


def ingest(observations: Sequence[Observation], *, now: datetime) -> list[Ingested]:
    """Store what was observed; one entry per parcel that still exists under the number and carrier that were asked for.
    Of two about one parcel the later counts last.

    Any number of processes may do this at once, with the same answers or others: rows of shipments are locked in
    the order of their ids before anything is compared.
    """
    newest = {
        seen.outcome.question.key: seen
        for seen in sorted(observations, key=lambda seen: seen.outcome.fetched_at)
    }
    if len(newest) < len(observations):
        # Rare (a push and a poll in one batch): the earlier ones first, each parcel once per round.
        earlier = [seen for seen in observations if newest[seen.outcome.question.key] is not seen]
        ingest(earlier, now=now)
    with transaction.atomic():
        return _Round(newest, now).run()


class _Round:
    """One transaction over distinct parcels."""

    def __init__(self, seen_by_id: dict[int, Observation], now: datetime) -> None:
        self.now = now
        self.seen = seen_by_id
        self.shipments: dict[int, Shipment] = {}
        self.watches: dict[int, Watch] = {}

    def run(self) -> list[Ingested]:
        locked = (
            Shipment.objects.select_for_update(of=("self",))
            .select_related("merchant", "carrier", "answer")
            .defer("answer__body")
            .filter(pk__in=list(self.seen))
            .order_by("pk")
        )
        self.shipments = {shipment.pk: shipment for shipment in locked}
        self.watches = {watch.pk: watch for watch in Watch.objects.filter(pk__in=list(self.shipments))}
        # Asked before a person corrected the carrier: the answer is kept, and nothing follows from it.
        misdirected = {pk for pk, shipment in self.shipments.items() if not self._is_about(shipment)}
        for pk in misdirected:
            self.watches.pop(pk, None)
        before = {pk: Status(shipment.status) for pk, shipment in self.shipments.items()}
        answers = self._keep_answers()
        fresh = {
            pk: (outcome, answers[pk])
            for pk in self.shipments
            if isinstance((outcome := self.seen[pk].outcome).result, Snapshot)
            and pk in answers
            and pk not in misdirected
            and self.shipments[pk].answer_id != answers[pk].pk
        }
        new_scans, changed = self._store_scans(fresh)
        self._touch_watches(answers)
        return [
            Ingested(
                shipment, self.watches[pk], before[pk], new_scans.get(pk, 0), pk in changed, self._error(pk)
            )
            for pk, shipment in self.shipments.items()
            if pk in self.watches
        ]

    def _is_about(self, shipment: Shipment) -> bool:
        question = self.seen[shipment.pk].outcome.question
        return (question.number, question.carrier) == (shipment.number, shipment.carrier_id)

    def _error(self, pk: int) -> CarrierError | None:
        result = self.seen[pk].outcome.result
        return result if isinstance(result, CarrierError) else None

    # ---- Answers -----------------------------------------------------------------------------------------------

    def _keep_answers(self) -> dict[int, Answer]:
        """The row of each parcel's part of an answer: known by its digest, or stored now."""
        parts = {
            pk: part for pk in self.shipments if (part := _kept_bytes(self.seen[pk].outcome)) is not None
        }
        if not parts:
            return {}
        digests = {pk: hashlib.sha256(part).hexdigest() for pk, part in parts.items()}
        known: dict[int, Answer] = {
            pk: answer
            for pk, digest in digests.items()
            if (answer := self.shipments[pk].answer) is not None and answer.sha256 == digest
        }
        missing = [pk for pk in parts if pk not in known]
        if missing:
            Answer.objects.bulk_create(
                [self._answer(pk, parts[pk], digests[pk]) for pk in missing], ignore_conflicts=True
            )
            # Read back instead of trusting the insert: content may come again after other content.
            rows = Answer.objects.filter(
                shipment__in=missing, sha256__in={digests[pk] for pk in missing}
            ).defer("body")
            known.update((row.shipment_id, row) for row in rows if row.sha256 == digests[row.shipment_id])
        return known

    def _answer(self, pk: int, part: bytes, digest: str) -> Answer:
        shipment, seen = self.shipments[pk], self.seen[pk]
        result = seen.outcome.result
        unreadable = result.unreadable if isinstance(result, Snapshot) else ()
        return Answer(
            shipment=shipment,
            merchant_id=shipment.merchant_id,
            account=seen.account,
            gateway=seen.account.gateway,
            kind=_kind(result),
            body=zlib.compress(part),
            size=len(part),
            sha256=digest,
            body_sha256=seen.outcome.body_sha256 or digest,
            fetched_at=seen.outcome.fetched_at,
            unreadable=[{"where": bad.where, "reason": bad.reason} for bad in unreadable],
        )

    # ---- Scans and shipments -----------------------------------------------------------------------------------

    def _store_scans(self, fresh: dict[int, tuple[Outcome, Answer]]) -> tuple[dict[int, int], set[int]]:
        """Bring scans and shipments up to the answers with new content; count new scans, name the changed parcels."""
        if not fresh:
            return {}, set()
        stored: dict[int, list[ScanEvent]] = {pk: [] for pk in fresh}
        for row in ScanEvent.objects.filter(shipment__in=list(fresh)).order_by("pk"):
            stored[row.shipment_id].append(row)
        mappings: dict[str, list[StatusMapping]] = {}
        for mapping in StatusMapping.objects.order_by("-code", "-text"):
            mappings.setdefault(mapping.carrier_id, []).append(mapping)

        inserts: list[ScanEvent] = []
        updates: list[ScanEvent] = []
        unrecognised: list[ScanEvent] = []
        new_counts: dict[int, int] = {}
        changed: list[Shipment] = []
        promises: list[PromisedDay] = []
        told: list[BuyerNews] = []
        for pk, (outcome, answer) in fresh.items():
            shipment, snapshot = self.shipments[pk], outcome.result
            assert isinstance(snapshot, Snapshot)
            known = {scan.fingerprint: scan for scan in stored[pk]}
            shown: dict[str, ScanEvent] = {}
            for position, scan in enumerate(_oldest_first(snapshot.scans)):
                event = _event(shipment, answer, scan, position, mappings.get(shipment.carrier_id, ()))
                # Some answers list a scan twice; the one they put on top is taken.
                shown[event.fingerprint] = event
            added = [event for key, event in shown.items() if key not in known]
            is_newest = all(outcome.fetched_at >= known_at for known_at in self._known_at(shipment))
            scans = [*stored[pk], *added]
            touched, is_news = settle(
                shipment, scans, shown, snapshot, is_newest=is_newest, fetched_at=outcome.fetched_at
            )
            updates += [scan for scan in stored[pk] if scan.pk in touched]
            inserts += added
            unrecognised += [
                event for event in added if event.status == Status.UNKNOWN and event.status_by == ""
            ]
            new_counts[pk] = len(added)
            was_known = shipment.facts_fetched_at is not None
            status_before = shipment.status
            if is_newest:
                shipment.answer, shipment.answered_by = answer, self.seen[pk].account.gateway
                shipment.facts_fetched_at = outcome.fetched_at
            promised = _promise(shipment)
            is_news |= derive(shipment, scans, snapshot if is_newest else None)
            if _promise(shipment) != promised:
                promises.append(_promised_day(shipment, outcome.fetched_at))
            if added or is_news:
                shipment.changed_at = self.now
            if shipment.status != status_before and (news := self._news(shipment, was_known)):
                told.append(news)
            changed.append(shipment)

        ScanEvent.objects.bulk_create(inserts, batch_size=2000)
        _overwrite(updates, SCAN_FACTS)
        _overwrite(changed, SHIPMENT_FACTS)
        PromisedDay.objects.bulk_create(promises, ignore_conflicts=True)
        # Such addresses end: their pictures are fetched at once.
        delivered = [shipment for shipment in changed if shipment.status == Status.DELIVERED]
        if Proof.objects.begin(delivered, self.now):
            queueing.enqueue(queueing.FETCH_PROOFS)
        self._count_unrecognised(unrecognised)
        if told and Subscription.objects.mark_due(told, self.now):
            queueing.enqueue(queueing.TELL_BUYERS)
        return new_counts, {shipment.pk for shipment in changed if shipment.changed_at == self.now}

    def _news(self, shipment: Shipment, was_known: bool) -> BuyerNews | None:
        """What buyers may be told of the parcel's new status, and since when it holds: as its scans tell, else from now
        on, except for the first answer about a parcel, which tells what was before we knew it."""
        milestone = news_of(shipment)
        since = shipment.status_since or shipment.delivered_at or (self.now if was_known else None)
        return None if milestone is None or since is None else BuyerNews(shipment.pk, milestone, since)

    def _known_at(self, shipment: Shipment) -> list[datetime]:
        """When the facts were fetched, and last confirmed by an answer with the same content."""
        watch = self.watches.get(shipment.pk)
        confirmed = watch.checked_at if watch is not None and watch.heard == AnswerKind.SNAPSHOT else None
        return [at for at in (shipment.facts_fetched_at, confirmed) if at is not None]

    def _count_unrecognised(self, scans: Iterable[ScanEvent]) -> None:
        counts: dict[tuple[str, str, str], int] = {}
        for event in scans:
            key = (self.shipments[event.shipment_id].carrier_id, event.code, event.text[:KEPT_TEXT])
            counts[key] = counts.get(key, 0) + 1
        if not counts:
            return
        rows = sorted(counts.items())
        with connection.cursor() as cursor:
            cursor.execute(
                f"""
                INSERT INTO {UnrecognisedCode._meta.db_table} AS known (carrier_id, code, text, scans, first_seen_at, last_seen_at)
                SELECT *, %s::timestamptz, %s::timestamptz FROM unnest(%s::text[], %s::text[], %s::text[], %s::int[])
                ON CONFLICT (carrier_id, code, text) DO UPDATE
                SET scans = known.scans + excluded.scans, last_seen_at = excluded.last_seen_at
                """,  # noqa: S608  (the only inserted text is our own table's name)
                [
                    self.now,
                    self.now,
                    *(list(column) for column in zip(*(key for key, _ in rows), strict=True)),
                    [n for _, n in rows],
                ],
            )

    # ---- Watches -----------------------------------------------------------------------------------------------

    def _touch_watches(self, answers: dict[int, Answer]) -> None:
        for pk, watch in self.watches.items():
            outcome, account = self.seen[pk].outcome, self.seen[pk].account
            result = outcome.result
            watch.account = account
            overtaken = watch.checked_at is not None and outcome.fetched_at < watch.checked_at
            if isinstance(result, CarrierError) and overtaken:
                continue
            if isinstance(result, CarrierError):
                watch.misses = min(watch.misses + 1, 32_000)
                watch.error_kind = ERROR_KINDS[type(result)]
                watch.error_at = outcome.fetched_at
                watch.error_answer = answers.get(pk)
                kept = "The raw answer was kept. " if watch.error_answer is not None else ""
                watch.error_text = f"{result} {kept}{result.advice}".strip()[:500]
                continue
            watch.misses, watch.error_kind, watch.error_text, watch.error_at, watch.error_answer = (
                0,
                "",
                "",
                None,
                None,
            )
            if not overtaken:
                watch.checked_at = outcome.fetched_at
                watch.heard = _kind(result)
                watch.heard_text = "" if isinstance(result, Snapshot) else result.reason[:500]
        _overwrite(
            [self.watches[pk] for pk in sorted(self.watches)],
            (
                "account",
                "checked_at",
                "heard",
                "heard_text",
                "misses",
                "error_kind",
                "error_text",
                "error_at",
                "error_answer",
            ),
        )


def _kept_bytes(outcome: Outcome) -> bytes | None:
    return outcome.part or None


def _kind(result: object) -> AnswerKind:
    match result:
        case Snapshot():
            return AnswerKind.SNAPSHOT
        case NotKnown():
            return AnswerKind.NOT_KNOWN
        case NotAllowed():
            return AnswerKind.NOT_ALLOWED
        case _:
            return AnswerKind.UNREADABLE


def _event(
    shipment: Shipment, answer: Answer, scan: Scan, position: int, mappings: Iterable[StatusMapping]
) -> ScanEvent:
    """A scan as a row, its moment still to be settled."""
    status, status_by = scan.status or Status.UNKNOWN, scan.status_by
    if status_by != "carrier":
        # The carrier's own word stands; an operator's mapping stands above our tables.
        mapped = next((mapping for mapping in mappings if mapping.fits(scan.code, scan.text)), None)
        if mapped is not None:
            status, status_by = Status(mapped.status), "mapping"
    event = ScanEvent(
        shipment=shipment,
        merchant_id=shipment.merchant_id,
        answer=answer,
        fingerprint=fingerprint(scan.posted, code=scan.code, place=scan.place, text=scan.text),
        local_date=scan.posted.on,
        local_time=scan.posted.at,
        posted_offset=None if scan.posted.offset is None else round(scan.posted.offset.total_seconds() / 60),
        posted_instant=scan.posted.instant,
        position=position,
        status=status,
        status_by=status_by,
        code=scan.code,
        text=scan.text,
        text_for_buyers=scan.text_for_buyers,
        text_for_sellers=scan.text_for_sellers,
        city=scan.place.city,
        region=scan.place.region,
        postal_code=scan.place.postal_code,
        country=scan.place.country,
        latitude=scan.place.latitude,
        longitude=scan.place.longitude,
        url=scan.url,
        leg=scan.leg,
        signed_by=scan.signed_by,
        details=dict(scan.details),
    )
    cut_to_fit(event, SCAN_TEXTS)
    return event


def _promise(shipment: Shipment) -> tuple[object, ...]:
    return shipment.estimated_on, shipment.estimated_from, shipment.estimated_to


def _promised_day(shipment: Shipment, told_at: datetime) -> PromisedDay:
    return PromisedDay(
        shipment=shipment,
        merchant_id=shipment.merchant_id,
        on=shipment.estimated_on,
        starts=shipment.estimated_from,
        ends=shipment.estimated_to,
        told_at=told_at,
    )


def _oldest_first(scans: Sequence[Scan]) -> Sequence[Scan]:
    """The scans as the carrier ordered them, the oldest first: carriers list the newest first, but none promises it."""
    if not scans:
        return scans
    first, last = scans[0].posted, scans[-1].posted
    return scans if (first.on, first.at or time.max) < (last.on, last.at or time.max) else scans[::-1]


def _overwrite(rows: Sequence[Model], fields: Sequence[str]) -> None:
    """Write these fields of existing rows in one statement; an upsert costs a fraction of Django's `bulk_update`."""
    if rows:
        manager: Any = type(rows[0])._default_manager
        manager.bulk_create(
            rows, update_conflicts=True, unique_fields=["pk"], update_fields=list(fields), batch_size=2000
        )
