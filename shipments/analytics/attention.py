"""Which parcels need a person: the items of `AttentionItem` kept in step with the facts, for any number of parcels.

Only `review` writes what an item says; what people make of it (owner, snooze, done) is theirs, and is taken back here only
by new facts: a done item comes back when the parcel has news or a reason holds that did not hold then, a snoozed one when
another reason appears.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection, transaction

from shipments.analytics import alerts
from shipments.analytics.attention_rules import (
    EVERY_MERCHANT,
    EVERYBODY,
    PROOF_IS_KEPT,
    PROOF_TAKES,
    SOME,
    THEIR_MERCHANTS,
    verdicts,
)
from shipments.enums import Reason
from shipments.facts import business_days
from shipments.models import AttentionReview

# Parcels written in one transaction: they are locked for as long as it takes.
BATCH = 500
# A review's list of news is held in memory. What is beyond, after an import of many bad parcels, has its turn next.
MOST_AT_ONCE = 20_000
# Parcels are followed for 90 days; a year before that is longer than the longest threshold.
_CALENDAR_REACHES = timedelta(days=480)


@dataclass(frozen=True, slots=True)
class Found:
    """A parcel that needs a person for reasons nobody was told of yet.

    `new` are these reasons, the worst first: all of them when the parcel is new here or has come back after it was done, else
    those that came on top. `reasons` are all that hold.
    """

    shipment_id: int
    merchant_id: int
    reasons: tuple[Reason, ...]
    new: tuple[Reason, ...]


def review(now: datetime, shipment_ids: Iterable[int] | None = None, *, quietly: bool = False) -> list[Found]:
    """Bring the items of these parcels, or of everybody's, in step with the facts; what is new, for who tells people.

    `quietly` nobody is told of it: for facts that are old, and only now read aright.

    Safe beside itself, beside `ingest` and beside people's clicks. Of everybody's parcels only those whose item is not as it
    should be are locked and written, the worst first and at most `MOST_AT_ONCE`; the rest has its turn with the next call.
    """
    everybody = shipment_ids is None
    ids = _outdated(now) if shipment_ids is None else sorted(set(shipment_ids))
    found = [
        entry
        for start in range(0, len(ids), BATCH)
        for entry in _write(now, ids[start : start + BATCH], quietly=quietly)
    ]
    if everybody:
        AttentionReview.objects.note(now)
    return found


def follow_quietly(shipment_ids: Sequence[int], now: datetime) -> None:
    """Bring the items of parcels in step whose old answers have been read again; nobody is told."""
    review(now, shipment_ids, quietly=True)


# An item a person has done with that must come back.
_CAME_BACK = """(item.done_at IS NOT NULL AND
    (verdict.changed_at IS DISTINCT FROM item.done_news_at OR NOT verdict.reasons <@ item.done_reasons))"""
_DIFFERS = f"(item.reasons, item.since) IS DISTINCT FROM (verdict.reasons, verdict.since) OR {_CAME_BACK}"

_OUTDATED = f"""
WITH {verdicts(EVERYBODY, EVERY_MERCHANT)}
SELECT shipment_id
FROM verdict FULL JOIN shipments_attentionitem AS item USING (shipment_id)
WHERE verdict.rank IS NULL AND item.merchant_id IN (SELECT id FROM judged) OR item.id IS NULL OR {_DIFFERS}
-- What needs nobody any more goes first: it is quick, and makes room.
ORDER BY verdict.rank NULLS FIRST, shipment_id LIMIT %(most)s
"""  # noqa: S608

_WRITE = f"""
WITH {verdicts(SOME, THEIR_MERCHANTS)},
gone AS (
    DELETE FROM shipments_attentionitem AS item
    WHERE item.shipment_id = ANY(%(ids)s) AND item.merchant_id IN (SELECT id FROM judged)
        AND NOT EXISTS (SELECT FROM verdict WHERE verdict.shipment_id = item.shipment_id)
), added AS (
    INSERT INTO shipments_attentionitem
        (shipment_id, merchant_id, reasons, reason, rank, since, found_at, done_reasons)
    SELECT verdict.shipment_id, verdict.merchant_id, verdict.reasons, verdict.reasons[1], verdict.rank, verdict.since, %(now)s, '{{}}'
    FROM verdict
    WHERE NOT EXISTS (SELECT FROM shipments_attentionitem AS item WHERE item.shipment_id = verdict.shipment_id)
    RETURNING shipment_id, merchant_id, reasons, reasons AS new
), kept AS (
    UPDATE shipments_attentionitem AS item
    SET reasons = verdict.reasons, reason = verdict.reasons[1], rank = verdict.rank, since = verdict.since,
        found_at = CASE WHEN came.back THEN %(now)s ELSE item.found_at END,
        done_at = CASE WHEN came.back THEN NULL ELSE item.done_at END,
        done_by_id = CASE WHEN came.back THEN NULL ELSE item.done_by_id END,
        done_reasons = CASE WHEN came.back THEN '{{}}' ELSE item.done_reasons END,
        done_news_at = CASE WHEN came.back THEN NULL ELSE item.done_news_at END,
        snoozed_until = CASE WHEN verdict.reasons <@ item.reasons THEN item.snoozed_until END
    FROM verdict JOIN shipments_attentionitem AS was USING (shipment_id),
        LATERAL (SELECT {_CAME_BACK.replace("item.", "was.")} AS back) AS came
    WHERE item.shipment_id = verdict.shipment_id AND ({_DIFFERS})
    RETURNING item.shipment_id, item.merchant_id, item.reasons, came.back
)
SELECT shipment_id, merchant_id, reasons, new FROM added
UNION ALL
-- The table is seen here as it was before this statement.
SELECT kept.shipment_id, kept.merchant_id, kept.reasons, fresh.reasons
FROM kept JOIN shipments_attentionitem AS was USING (shipment_id), LATERAL (
    SELECT array_agg(told.reason ORDER BY told.place) AS reasons
    FROM unnest(kept.reasons) WITH ORDINALITY AS told (reason, place)
    WHERE kept.back OR told.reason <> ALL(was.reasons) AND was.done_at IS NULL
) AS fresh
WHERE fresh.reasons IS NOT NULL
ORDER BY shipment_id
"""  # noqa: S608


def _outdated(now: datetime) -> list[int]:
    """Parcels whose item is missing, too much, or not as the facts are. Reads only, and locks nothing."""
    with connection.cursor() as cursor:
        cursor.execute(_OUTDATED, _arguments(cursor, now) | {"most": MOST_AT_ONCE})
        return sorted(row[0] for row in cursor.fetchall())


@transaction.atomic
def _write(now: datetime, ids: Sequence[int], *, quietly: bool) -> list[Found]:
    with connection.cursor() as cursor:
        # Whoever writes a parcel's facts or its item holds its row, in the order of ids: reviews of one parcel go one after
        # the other, each with all that was stored before it, and two of them never wait for each other. People's clicks lock
        # items only, in the same order.
        cursor.execute(
            "SELECT id FROM shipments_shipment WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE", [list(ids)]
        )
        cursor.execute(
            "SELECT id FROM shipments_attentionitem WHERE shipment_id = ANY(%s) ORDER BY shipment_id FOR UPDATE",
            [list(ids)],
        )
        cursor.execute(_WRITE, _arguments(cursor, now, ids) | {"ids": list(ids)})
        found = [
            Found(shipment_id, merchant_id, _reasons(reasons), _reasons(new))
            for shipment_id, merchant_id, reasons, new in cursor.fetchall()
        ]
    if not quietly:
        alerts.tell([(entry.shipment_id, entry.merchant_id, entry.new) for entry in found], now)
    return found


def _reasons(words: Iterable[str]) -> tuple[Reason, ...]:
    return tuple(Reason(word) for word in words)


def _arguments(cursor: Any, now: datetime, ids: Sequence[int] | None = None) -> dict[str, Any]:
    """What the rules compare with: the instants behind the merchants' thresholds, and the calendar.

    There are as many instants as there are different thresholds, however many merchants share them. A merchant whose
    thresholds change just now is left for the next review.
    """
    of_these = EVERY_MERCHANT if ids is None else THEIR_MERCHANTS
    cursor.execute(
        f"""
        SELECT DISTINCT time_zone, unnest(ARRAY[first_scan_days, silent_days, silent_days_abroad])
        FROM shipments_merchant AS m WHERE {of_these}
        """,  # noqa: S608
        {"ids": None if ids is None else list(ids)},
    )
    spans = cursor.fetchall()
    first = (now - _CALENDAR_REACHES).date()
    # The day may have begun already in the far east of us.
    places, days = business_days.calendar(first, now.date() + timedelta(days=7))
    return {
        "now": now,
        "first": first,
        "places": list(places),
        "days": list(days),
        "zones": [zone for zone, _span in spans],
        "spans": [span for _zone, span in spans],
        "befores": [business_days.business_days_before(now, span, zone) for zone, span in spans],
        "proof_from": now - PROOF_IS_KEPT,
        "proof_until": now - PROOF_TAKES,
        "proof_takes": PROOF_TAKES,
    }
