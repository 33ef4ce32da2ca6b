"""Carriers' answers into rows: many parcels at once, in a constant number of statements, safe to repeat.

The way of one answer: keep its bytes (`Answer`), read every scan's place in time again with the new ones
(`facts.timeline`), store the scans we did not have, mark those the carrier took back, derive the shipment.
An answer with the content of the last one only moves `Watch.checked_at`.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from shipments import queueing
from shipments.carriers.base import NotAllowed, NotKnown, Outcome, Scan, Snapshot, Unchanged, digest_of
from shipments.carriers.errors import ERROR_KINDS, CarrierError
from shipments.enums import AnswerKind, Status
from shipments.facts.timeline import fingerprint
from shipments.models import (
    Answer,
    Carrier,
    CarrierAccount,
    Merchant,
    PromisedDay,
    Proof,
    ScanEvent,
    Shipment,
    StatusMapping,
    Subscription,
    UnrecognisedCode,
    Watch,
    quick,
)
from shipments.models.carriers import KEPT_TEXT
from shipments.models.subscriptions import BuyerNews, news_of
from shipments.tracking.deriving import SCAN_FACTS, SCAN_TEXTS, SHIPMENT_FACTS, cut_to_fit, derive, settle

# Every writer of a parcel takes this lock first, in this order.
_LOCK = """
SELECT shipment.id, answer.sha256 FROM shipments_shipment AS shipment
LEFT JOIN shipments_answer AS answer ON answer.id = shipment.answer_id
WHERE shipment.id = ANY(%s) ORDER BY shipment.id FOR UPDATE OF shipment
"""
# What `refresh` looks at to say when to ask again about a parcel without news; another column would cost a statement each.
_TO_LOOK_AGAIN = (
    "id", "number", "merchant", "carrier", "answer", "gateway", "lifecycle", "status", "status_group", "created_at",
    "last_scan_at", "first_scan_at", "labelled_at", "delivered_on", "delivered_at", "delivered_offset", "estimated_on",
    "estimated_to", "estimated_offset", "mailing_date", "service_name", "last_location", "destination_postal_code",
    "facts_fetched_at", "changed_at", "status_since", "resolution",
)  # fmt: skip
_WHOLE_SCAN = tuple(field.attname for field in ScanEvent._meta.concrete_fields if not field.primary_key)
_SHIPMENT_COLUMNS = tuple("answer_id" if name == "answer" else name for name in SHIPMENT_FACTS)
_HEARD = (
    "account_id", "checked_at", "heard", "heard_text", "misses", "error_kind", "error_text", "error_at",
    "error_answer_id",
)  # fmt: skip


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
        self._lock_and_load()
        self.watches = {
            watch.shipment_id: watch for watch in quick.read(Watch, "shipment_id", list(self.shipments))
        }
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
            and self.shipments[pk].answer_id != answers[pk]
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

    def _lock_and_load(self) -> None:
        """The parcels as they are now, locked; of those about which nothing new was said only the columns that say
        so and when to look again."""
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [list(self.seen)])
            self.known = dict(cursor.fetchall())
        for pk, sha256 in self.known.items():
            question = self.seen[pk].outcome.question
            if isinstance(self.seen[pk].outcome.result, Unchanged) and question.known != sha256:
                # Something else was heard between the question and its answer.
                self.seen[pk] = replace(self.seen[pk], outcome=self.seen[pk].outcome.read())
        unchanged = [pk for pk in self.known if isinstance(self.seen[pk].outcome.result, Unchanged)]
        others = [pk for pk in self.known if not isinstance(self.seen[pk].outcome.result, Unchanged)]
        loaded = [
            *(quick.read(Shipment, "id", unchanged, _TO_LOOK_AGAIN) if unchanged else ()),
            *(quick.read(Shipment, "id", others) if others else ()),
        ]
        # A few rows that thousands of parcels share.
        merchants = Merchant.objects.in_bulk({shipment.merchant_id for shipment in loaded})
        carriers = Carrier.objects.in_bulk({shipment.carrier_id for shipment in loaded})
        for shipment in loaded:
            shipment._state.fields_cache["merchant"] = merchants[shipment.merchant_id]
            shipment._state.fields_cache["carrier"] = carriers[shipment.carrier_id]
        self.shipments = {shipment.pk: shipment for shipment in sorted(loaded, key=lambda one: one.pk)}

    def _digest(self, pk: int, part: bytes) -> str:
        outcome = self.seen[pk].outcome
        known = outcome.question.known
        return known if known is not None and isinstance(outcome.result, Unchanged) else digest_of(part)

    def _is_about(self, shipment: Shipment) -> bool:
        question = self.seen[shipment.pk].outcome.question
        return (question.number, question.carrier) == (shipment.number, shipment.carrier_id)

    def _error(self, pk: int) -> CarrierError | None:
        result = self.seen[pk].outcome.result
        return result if isinstance(result, CarrierError) else None

    # ---- Answers -----------------------------------------------------------------------------------------------

    def _keep_answers(self) -> dict[int, int]:
        """The key of each parcel's part of an answer: known by its digest, or stored now."""
        parts = {
            pk: part for pk in self.shipments if (part := _kept_bytes(self.seen[pk].outcome)) is not None
        }
        if not parts:
            return {}
        digests = {pk: self._digest(pk, part) for pk, part in parts.items()}
        known: dict[int, int] = {
            pk: answer_id
            for pk, digest in digests.items()
            if (answer_id := self.shipments[pk].answer_id) is not None and self.known[pk] == digest
        }
        missing = [pk for pk in parts if pk not in known]
        if missing:
            quick.insert(Answer, [self._answer(pk, parts[pk], digests[pk]) for pk in missing], or_leave=True)
            # Read back instead of trusting the insert: content may come again after other content.
            rows = Answer.objects.filter(
                shipment__in=missing, sha256__in={digests[pk] for pk in missing}
            ).values_list("shipment", "pk", "sha256")
            known.update((pk, answer_id) for pk, answer_id, sha256 in rows if sha256 == digests[pk])
        return known

    def _answer(self, pk: int, part: bytes, digest: str) -> dict[str, Any]:
        shipment, seen = self.shipments[pk], self.seen[pk]
        result = seen.outcome.result
        unreadable = result.unreadable if isinstance(result, Snapshot) else ()
        return {
            "shipment_id": pk,
            "merchant_id": shipment.merchant_id,
            "account_id": seen.account.pk,
            "gateway": seen.account.gateway,
            "kind": _kind(result),
            "body": f"\\x{zlib.compress(part).hex()}",
            "size": len(part),
            "sha256": digest,
            "body_sha256": seen.outcome.body_sha256 or digest,
            "fetched_at": seen.outcome.fetched_at,
            "unreadable": [{"where": bad.where, "reason": bad.reason} for bad in unreadable],
        }

    # ---- Scans and shipments -----------------------------------------------------------------------------------

    def _store_scans(self, fresh: dict[int, tuple[Outcome, int]]) -> tuple[dict[int, int], set[int]]:
        """Bring scans and shipments up to the answers with new content; count new scans, name the changed parcels."""
        if not fresh:
            return {}, set()
        stored: dict[int, list[ScanEvent]] = {pk: [] for pk in fresh}
        for row in quick.read(ScanEvent, "shipment_id", list(fresh)):
            stored[row.shipment_id].append(row)
        mappings: dict[str, list[StatusMapping]] = {}
        for mapping in StatusMapping.objects.order_by("-code", "-text"):
            mappings.setdefault(mapping.carrier_id, []).append(mapping)

        inserts: list[ScanEvent] = []
        updates: list[ScanEvent] = []
        unrecognised: list[ScanEvent] = []
        new_counts: dict[int, int] = {}
        changed: list[Shipment] = []
        was = {pk: dict(self.shipments[pk].__dict__) for pk in fresh}
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
            updates += [scan for scan in stored[pk] if scan.id in touched]
            inserts += added
            unrecognised += [
                event for event in added if event.status == Status.UNKNOWN and event.status_by == ""
            ]
            new_counts[pk] = len(added)
            was_known = shipment.facts_fetched_at is not None
            status_before = shipment.status
            if is_newest:
                shipment.answer_id, shipment.answered_by = answer, self.seen[pk].account.gateway
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

        for scan_id, event in zip(quick.insert(ScanEvent, _new_rows(inserts)), inserts, strict=True):
            event.id = scan_id
        quick.overwrite(ScanEvent, _rows(updates, SCAN_FACTS))
        told_anew = [
            name
            for name in _SHIPMENT_COLUMNS
            if any(shipment.__dict__[name] != was[shipment.pk][name] for shipment in changed)
        ]
        quick.overwrite(Shipment, _rows(changed, told_anew))
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

    def _touch_watches(self, answers: dict[int, int]) -> None:
        before = {pk: dict(watch.__dict__) for pk, watch in self.watches.items()}
        for pk, watch in self.watches.items():
            outcome, account = self.seen[pk].outcome, self.seen[pk].account
            result = outcome.result
            watch.account_id = account.pk
            overtaken = watch.checked_at is not None and outcome.fetched_at < watch.checked_at
            if isinstance(result, CarrierError) and overtaken:
                continue
            if isinstance(result, CarrierError):
                watch.misses = min(watch.misses + 1, 32_000)
                watch.error_kind = ERROR_KINDS[type(result)]
                watch.error_at = outcome.fetched_at
                watch.error_answer_id = answers.get(pk)
                kept = "The raw answer was kept. " if watch.error_answer_id is not None else ""
                watch.error_text = f"{result} {kept}{result.advice}".strip()[:500]
                continue
            watch.misses, watch.error_kind, watch.error_text, watch.error_at, watch.error_answer_id = (
                0,
                "",
                "",
                None,
                None,
            )
            if not overtaken:
                watch.checked_at = outcome.fetched_at
                watch.heard = _kind(result)
                watch.heard_text = "" if isinstance(result, Snapshot | Unchanged) else result.reason[:500]
        told_anew = [
            name
            for name in _HEARD
            if any(watch.__dict__[name] != before[pk][name] for pk, watch in self.watches.items())
        ]
        quick.overwrite(Watch, _rows([self.watches[pk] for pk in sorted(self.watches)], told_anew))


def _kept_bytes(outcome: Outcome) -> bytes | None:
    return outcome.part or None


def _kind(result: object) -> AnswerKind:
    match result:
        case Snapshot() | Unchanged():
            return AnswerKind.SNAPSHOT
        case NotKnown():
            return AnswerKind.NOT_KNOWN
        case NotAllowed():
            return AnswerKind.NOT_ALLOWED
        case _:
            return AnswerKind.UNREADABLE


def _event(
    shipment: Shipment, answer_id: int, scan: Scan, position: int, mappings: Iterable[StatusMapping]
) -> ScanEvent:
    """A scan as a row, its moment still to be settled."""
    status, status_by = scan.status or Status.UNKNOWN, scan.status_by
    if status_by != "carrier":
        # The carrier's own word stands; an operator's mapping stands above our tables.
        mapped = next((mapping for mapping in mappings if mapping.fits(scan.code, scan.text)), None)
        if mapped is not None:
            status, status_by = Status(mapped.status), "mapping"
    posted, place = scan.posted, scan.place
    event = quick.bare(
        ScanEvent,
        {
            "id": None,
            "shipment_id": shipment.pk,
            "merchant_id": shipment.merchant_id,
            "answer_id": answer_id,
            "fingerprint": fingerprint(posted, code=scan.code, place=place, text=scan.text),
            "local_date": posted.on,
            "local_time": posted.at,
            "posted_offset": None if posted.offset is None else round(posted.offset.total_seconds() / 60),
            "posted_instant": posted.instant,
            "offset": None,
            "zone": "",
            "at": None,
            "known_by": "",
            "ordered_at": None,
            "position": position,
            "status": status,
            "status_by": status_by,
            "code": scan.code,
            "text": scan.text,
            "text_for_buyers": scan.text_for_buyers,
            "text_for_sellers": scan.text_for_sellers,
            "city": place.city,
            "region": place.region,
            "postal_code": place.postal_code,
            "country": place.country,
            "latitude": place.latitude,
            "longitude": place.longitude,
            "url": scan.url,
            "leg": scan.leg,
            "signed_by": scan.signed_by,
            "details": dict(scan.details),
            "withdrawn_at": None,
            "earlier_parcel": False,
        },
    )
    cut_to_fit(event, SCAN_TEXTS)
    return event


def _new_rows(events: Iterable[ScanEvent]) -> list[dict[str, Any]]:
    """The columns of scans that are not stored yet."""
    return [{name: event.__dict__[name] for name in _WHOLE_SCAN} for event in events]


def _rows(rows: Iterable[Model], names: Sequence[str]) -> list[dict[str, Any]]:
    """These columns of stored rows."""
    return [{"pk": row.pk, **{name: row.__dict__[name] for name in names}} for row in rows]


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
