"""Carriers' answers into rows: many parcels at once, in a constant number of statements, safe to repeat.

The way of one answer: keep its bytes (`Answer`), read every scan's place in time again with the new ones
(`facts.timeline`), store the scans we did not have, mark those the carrier took back, derive the shipment.
An answer with the content of the last one only moves `Watch.checked_at`.
"""

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Model

from shipments import queueing
from shipments.carriers.base import NotAllowed, NotKnown, Outcome, Snapshot, Unchanged, digest_of
from shipments.carriers.errors import ERROR_KINDS, CarrierError
from shipments.enums import AnswerKind, Kept, Status
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
    Watch,
    quick,
)
from shipments.models.subscriptions import BuyerNews, news_of
from shipments.tracking import replaying
from shipments.tracking.deriving import NEWSWORTHY, SCAN_FACTS, SHIPMENT_FACTS
from shipments.tracking.taking_in import Source, take_in
from shipments.tracking.unrecognised import Unrecognised

# Every writer of a parcel takes this lock first, in this order.
_LOCK = """
SELECT shipment.id, answer.sha256, shipment.facts_fetched_at FROM shipments_shipment AS shipment
LEFT JOIN shipments_answer AS answer ON answer.id = shipment.answer_id
WHERE shipment.id = ANY(%s) ORDER BY shipment.id FOR UPDATE OF shipment
"""
# What `refresh` looks at to say when to ask again about a parcel without news; another column would cost a statement each.
_TO_LOOK_AGAIN = (
    "id", "number", "merchant", "carrier", "answer", "gateway", "lifecycle", "status", "status_group", "created_at",
    "last_scan_at", "first_scan_at", "labelled_at", "delivered_on", "delivered_at", "delivered_offset", "estimated_on",
    "estimated_to", "estimated_offset", "mailing_date", "service_name", "last_location", "destination_postal_code",
    "facts_fetched_at", "changed_at", "status_since", "resolution", "erased_parts",
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
        # The digest of each parcel's answer so far.
        self.known: dict[int, str | None] = {}
        # Answers told before or after what was known of them, and those that stop being the newest.
        self.spans: list[dict[str, Any]] = []
        self.ended: list[dict[str, Any]] = []

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
            and self._is_new(self.shipments[pk], answers[pk], outcome.fetched_at)
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

    def _is_new(self, shipment: Shipment, answer_id: int, fetched_at: datetime) -> bool:
        """Whether the content is another one than the parcel's, or its facts turn out to be older than they seemed."""
        told_at = shipment.facts_fetched_at
        return shipment.answer_id != answer_id or (told_at is not None and fetched_at < told_at)

    def _lock_and_load(self) -> None:
        """The parcels as they are now, locked; of those about which nothing new was said only the columns that say
        so and when to look again."""
        with connection.cursor() as cursor:
            cursor.execute(_LOCK, [list(self.seen)])
            told = cursor.fetchall()
        self.known = {pk: sha256 for pk, sha256, _told_at in told}
        for pk, sha256, told_at in told:
            outcome = self.seen[pk].outcome
            if isinstance(outcome.result, Unchanged) and (
                outcome.question.known != sha256 or outcome.fetched_at < told_at
            ):
                # Something else was heard between the question and its answer, or this answer comes late.
                self.seen[pk] = replace(self.seen[pk], outcome=outcome.read())
        unchanged = [pk for pk in self.known if isinstance(self.seen[pk].outcome.result, Unchanged)]
        others = [pk for pk in self.known if not isinstance(self.seen[pk].outcome.result, Unchanged)]
        loaded = [
            *(quick.read(Shipment, "id", unchanged, _TO_LOOK_AGAIN) if unchanged else ()),
            *(quick.read(Shipment, "id", others) if others else ()),
        ]
        # A few rows that thousands of parcels share; mostly there is one, whose account it is.
        merchants = {
            merchant.pk: merchant
            for seen in self.seen.values()
            if (merchant := seen.account._state.fields_cache.get("merchant")) is not None
        }
        merchants |= Merchant.objects.in_bulk({shipment.merchant_id for shipment in loaded} - set(merchants))
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
            if (answer_id := self.shipments[pk].answer_id) is not None
            and self.known[pk] == digest
            and not self._is_new(self.shipments[pk], answer_id, self.seen[pk].outcome.fetched_at)
        }
        missing = [pk for pk in parts if pk not in known]
        if missing:
            stored = quick.insert(
                Answer, [self._answer(pk, parts[pk], digests[pk]) for pk in missing], or_leave=True
            )
            if len(stored) == len(missing):
                return known | dict(zip(missing, stored, strict=True))
            # Content may come again after other content.
            rows = Answer.objects.filter(
                shipment__in=missing, sha256__in={digests[pk] for pk in missing}
            ).values_list("shipment", "pk", "sha256", "fetched_at", "last_fetched_at")
            for pk, answer_id, sha256, first_at, last_at in rows:
                if sha256 == digests[pk]:
                    known[pk] = answer_id
                    self._note_span(pk, answer_id, first_at, last_at or first_at)
        return known

    def _note_span(self, pk: int, answer_id: int, first_at: datetime, last_at: datetime) -> None:
        """Remember that content which was told before has been told at another time, too."""
        at = self.seen[pk].outcome.fetched_at
        if at < first_at:
            self.spans.append({"pk": answer_id, "fetched_at": at, "last_fetched_at": last_at})
        elif at > last_at:
            self.spans.append({"pk": answer_id, "fetched_at": first_at, "last_fetched_at": at})

    def _answer(self, pk: int, part: bytes, digest: str) -> dict[str, Any]:
        shipment, seen = self.shipments[pk], self.seen[pk]
        result = seen.outcome.result
        unreadable = result.unreadable if isinstance(result, Snapshot) else ()
        # Once a parcel's answers were erased, later ones are kept by their digests alone.
        keeps_words = not shipment.has_lost(Kept.ANSWERS)
        return {
            "shipment_id": pk,
            "merchant_id": shipment.merchant_id,
            "account_id": seen.account.pk,
            "gateway": seen.account.gateway,
            "kind": _kind(result),
            "body": f"\\x{zlib.compress(part).hex()}" if keeps_words else None,
            "size": len(part),
            "sha256": digest,
            "body_sha256": seen.outcome.body_sha256 or digest,
            "fetched_at": seen.outcome.fetched_at,
            "unreadable": [{"where": bad.where, "reason": bad.reason} for bad in unreadable if keeps_words],
        }

    # ---- Scans and shipments -----------------------------------------------------------------------------------

    def _store_scans(self, fresh: dict[int, tuple[Outcome, int]]) -> tuple[dict[int, int], set[int]]:
        """Bring scans and shipments up to the answers with new content; count new scans, name the changed parcels."""
        if not fresh:
            return {}, set()
        stored: dict[int, list[ScanEvent]] = {pk: [] for pk in fresh}
        for row in quick.read(ScanEvent, "shipment_id", list(fresh)):
            stored[row.shipment_id].append(row)
        mappings = StatusMapping.objects.by_carrier()

        inserts: list[ScanEvent] = []
        updates: list[ScanEvent] = []
        unrecognised = Unrecognised()
        new_counts: dict[int, int] = {}
        changed: list[Shipment] = []
        was = {pk: dict(self.shipments[pk].__dict__) for pk in fresh}
        promises: list[PromisedDay] = []
        told: list[BuyerNews] = []
        late = [pk for pk, (outcome, _answer_id) in fresh.items() if not self._is_newest(pk, outcome)]
        # What was told since, and by which answers, was read without this one.
        quick.overwrite(Answer, self.spans)
        replayed = replaying.replay(
            [self.shipments[pk] for pk in late], {pk: self._confirmed_at(pk) for pk in late}, mappings
        )
        for pk, (outcome, answer_id) in fresh.items():
            shipment, snapshot = self.shipments[pk], outcome.result
            assert isinstance(snapshot, Snapshot)
            was_known = was[pk]["facts_fetched_at"] is not None
            unrecognised.take(shipment.carrier_id, stored[pk])
            if pk in replayed:
                known = {scan.fingerprint for scan in stored[pk]}
                added = [scan for scan in replayed[pk].scans if scan.fingerprint not in known]
                inserts += replayed[pk].scans
                promises += replayed[pk].promises
                unrecognised.add(shipment.carrier_id, replayed[pk].scans)
                is_news = any(shipment.__dict__[name] != was[pk][name] for name in NEWSWORTHY)
            else:
                is_newest = pk not in late
                if is_newest:
                    self._end_run(pk)
                step = take_in(
                    shipment,
                    stored[pk],
                    snapshot,
                    Source(answer_id, self.seen[pk].account.gateway, outcome.fetched_at),
                    mappings,
                    is_newest=is_newest,
                )
                added, is_news = step.added, step.is_news
                if shipment.has_lost(Kept.SCANS):
                    # They have had their say in the parcel's own columns.
                    added = []
                else:
                    updates += [scan for scan in stored[pk] if scan.id in step.touched]
                    inserts += added
                    promises += step.promises
                unrecognised.add(shipment.carrier_id, [*stored[pk], *added])
            new_counts[pk] = len(added)
            if added or is_news:
                shipment.changed_at = self.now
            if shipment.status != was[pk]["status"] and (news := self._news(shipment, was_known)):
                told.append(news)
            changed.append(shipment)

        if replayed:
            ScanEvent.objects.filter(shipment__in=list(replayed)).delete()
            PromisedDay.objects.filter(shipment__in=list(replayed)).delete()
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
        unrecognised.store(self.now)
        if told and Subscription.objects.mark_due(told, self.now):
            queueing.enqueue(queueing.TELL_BUYERS)
        return new_counts, {shipment.pk for shipment in changed if shipment.changed_at == self.now}

    def _news(self, shipment: Shipment, was_known: bool) -> BuyerNews | None:
        """What buyers may be told of the parcel's new status, and since when it holds: as its scans tell, else from now
        on, except for the first answer about a parcel, which tells what was before we knew it."""
        milestone = news_of(shipment)
        since = shipment.status_since or shipment.delivered_at or (self.now if was_known else None)
        return None if milestone is None or since is None else BuyerNews(shipment.pk, milestone, since)

    def _is_newest(self, pk: int, outcome: Outcome) -> bool:
        """Whether the answer was fetched after all that the facts rest on; of two at one time the digests decide."""
        told_at = [
            at for at in (self.shipments[pk].facts_fetched_at, self._confirmed_at(pk)) if at is not None
        ]
        if not told_at or outcome.fetched_at > max(told_at):
            return True
        return outcome.fetched_at == max(told_at) and self._digest(pk, outcome.part or b"") > (
            self.known[pk] or ""
        )

    def _confirmed_at(self, pk: int) -> datetime | None:
        """When the facts were last told with the same content, where that was the last thing heard."""
        watch = self.watches.get(pk)
        return watch.checked_at if watch is not None and watch.heard == AnswerKind.SNAPSHOT else None

    def _end_run(self, pk: int) -> None:
        """Keep with the parcel's answer until when it was told: something else is heard now."""
        shipment, confirmed_at = self.shipments[pk], self._confirmed_at(pk)
        told_at = shipment.facts_fetched_at
        if shipment.answer_id is not None and confirmed_at and told_at and confirmed_at > told_at:
            self.ended.append({"pk": shipment.answer_id, "last_fetched_at": confirmed_at})

    # ---- Watches -----------------------------------------------------------------------------------------------

    def _touch_watches(self, answers: dict[int, int]) -> None:
        before = {pk: dict(watch.__dict__) for pk, watch in self.watches.items()}
        for pk, watch in self.watches.items():
            outcome, account = self.seen[pk].outcome, self.seen[pk].account
            result = outcome.result
            at = outcome.fetched_at
            overtaken = watch.checked_at is not None and at < watch.checked_at
            if not overtaken:
                watch.account_id = account.pk
            if isinstance(result, CarrierError):
                # Of errors, too, the newest counts, and once.
                if not overtaken and (watch.error_at is None or at > watch.error_at):
                    watch.misses = min(watch.misses + 1, 32_000)
                    watch.error_kind = ERROR_KINDS[type(result)]
                    watch.error_at = at
                    watch.error_answer_id = answers.get(pk)
                    kept = "The raw answer was kept. " if watch.error_answer_id is not None else ""
                    watch.error_text = f"{result} {kept}{result.advice}".strip()[:500]
                continue
            if watch.error_at is None or at >= watch.error_at:
                watch.misses, watch.error_kind, watch.error_text = 0, "", ""
                watch.error_at = watch.error_answer_id = None
            if not overtaken:
                if not isinstance(result, Snapshot | Unchanged):
                    self._end_run(pk)
                watch.checked_at = at
                watch.heard = _kind(result)
                watch.heard_text = "" if isinstance(result, Snapshot | Unchanged) else result.reason[:500]
        quick.overwrite(Answer, self.ended)
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


def _new_rows(events: Iterable[ScanEvent]) -> list[dict[str, Any]]:
    """The columns of scans that are not stored yet."""
    return [{name: event.__dict__[name] for name in _WHOLE_SCAN} for event in events]


def _rows(rows: Iterable[Model], names: Sequence[str]) -> list[dict[str, Any]]:
    """These columns of stored rows."""
    return [{"pk": row.pk, **{name: row.__dict__[name] for name in names}} for row in rows]
