"""Replays, done by the queue or a command in steps.

A step and its progress are one transaction under the lock of the replay's row, so that a killed worker leaves no half step,
and two workers at once do each parcel once. Parcels are found in the order of their ids, by an index: a step costs the same
at the end as at the beginning, and memory holds no more than one step.
"""

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import DatabaseError, InterfaceError, OperationalError, connection, transaction
from django.db.models import F, Max
from django.utils import timezone
from django.utils.translation import gettext as _

from shipments.enums import WorkState
from shipments.models import AuditEntry, Replay, ScanEvent, Shipment
from shipments.models.work import LEASE
from shipments.tracking.retelling import Retold, retell

logger = logging.getLogger(__name__)

# Parcels of a step: locked for as long as it takes, which is well below a second.
STEP = 100
# Parcels looked at for those of a step, where many carriers share a code.
LOOKED_AT = 5_000
# More than this are not counted before the work begins; how far it has come is then told by the ids.
MOST_COUNTED = 100_000
# Then it goes to the end of the queue: refreshes and mails have their turn.
TURN = timedelta(seconds=20)
# Seconds between two looks at whether transactions that may have read older mappings have ended.
FENCE_LOOKS_APART = 0.2
# A worker that met trouble leaves the replay alone for so long.
PAUSE = timedelta(seconds=20)
# Turns that may fail in a row before it is given up: a step that kills its worker would do so for ever.
MOST_TRIES = 5

# Called in the transaction of a step with its parcels: brings in line with them what lies above this room.
Follow = Callable[[Sequence[int], datetime], object]


def _nothing() -> None:
    return None


def left_undone(now: datetime) -> list[int]:
    """Replays somebody should go on with: nobody has begun them, or who did was killed."""
    return list(Replay.unfinished(now).order_by("pk").values_list("pk", flat=True))


def work(replay_id: int, *, follow: Follow, beat: Callable[[], object] = _nothing) -> bool:
    """Go on with a replay for a turn; whether something is left to do then. Nothing where another worker has it. `beat` is called
    after each step."""
    replay = Replay.objects.filter(pk=replay_id).first()
    if replay is None or not _take(replay, timezone.now()):
        return False
    ends = time.monotonic() + TURN.total_seconds()
    try:
        while not replay.stands_behind_fence(timezone.now()):
            if time.monotonic() >= ends:
                replay.let_go()
                return True
            time.sleep(FENCE_LOOKS_APART)
            beat()
        while step(replay_id, follow=follow):
            beat()
            if time.monotonic() >= ends:
                replay.let_go()
                return True
    except (OperationalError, InterfaceError):
        # The database's trouble, a deadlock included: the step is undone, and the sweep finds the replay again.
        raise
    except DatabaseError as exc:
        # Not its message: it repeats values of rows.
        logger.error("Replay %d: a step failed with %s; it is tried again.", replay_id, type(exc).__name__)
        replay.pause(timezone.now() + PAUSE)
    return False


def _take(replay: Replay, now: datetime) -> bool:
    with transaction.atomic():
        if not replay.take(now):
            return False
        Replay.objects.filter(pk=replay.pk).update(tries=F("tries") + 1)
        replay.refresh_from_db()
        if replay.tries <= MOST_TRIES:
            return True
        logger.error("Replay %d: given up behind parcel %d.", replay.pk, replay.after_id)
        finish(
            replay,
            WorkState.FAILED,
            now,
            _(
                "It stopped and could not go on, though that was tried several times. What was done so far stays done; the "
                "operator's log says more. It can be taken up again from where it stopped."
            ),
        )
        return False


@transaction.atomic
def step(replay_id: int, *, follow: Follow) -> bool:
    """Read the answers of the next parcels again and write down how far it has come; False when it is over."""
    replay = Replay.objects.select_for_update(of=("self",)).get(pk=replay_id)
    now = timezone.now()
    if replay.state != WorkState.RUNNING:
        return False
    if replay.cancel_asked:
        finish(replay, WorkState.CANCELLED, now)
        return False
    if replay.until_id is None:
        # A step of its own: the page shows the figure then.
        replay.until_id = Shipment.objects.aggregate(newest=Max("pk"))["newest"] or 0
        replay.total = counted(replay)
        _note(replay, Retold(), now)
        return True
    keys, after_id = next_parcels(replay)
    retold = retell(keys, now)
    if retold.failed:
        logger.warning("Replay %d: parcels left as they were: %s", replay_id, retold.failed)
    follow(keys, now)
    replay.after_id = replay.until_id if after_id is None else after_id
    _note(replay, retold, now)
    if after_id is None:
        finish(replay, WorkState.DONE, now)
        return False
    return True


def _note(replay: Replay, retold: Retold, now: datetime) -> None:
    replay.done += retold.done
    replay.answers += retold.answers
    replay.changed += retold.changed
    replay.scans_changed += retold.scans_changed
    replay.by_scans += retold.by_scans
    replay.failed += len(retold.failed)
    replay.tries, replay.leased_until = 0, now + LEASE
    replay.save(
        update_fields=[
            "until_id", "total", "after_id", "done", "answers", "changed", "scans_changed", "by_scans", "failed", "tries",
            "leased_until",
        ]
    )  # fmt: skip


def finish(replay: Replay, state: WorkState, now: datetime, error: str = "") -> None:
    """The end, and one entry of the audit for all of it."""
    replay.finish(state, now, error)
    AuditEntry.objects.record(
        {WorkState.DONE: "finished", WorkState.CANCELLED: "cancelled"}.get(state, "failed"),
        replay,
        by=replay.by,
        source="queue",
        after={
            "about": replay.about,
            "parcels": replay.done,
            "answers": replay.answers,
            "changed": replay.changed,
            "scans_changed": replay.scans_changed,
            "failed": replay.failed,
        },
    )


# ---- Which parcels


def _spoken_of(replay: Replay) -> tuple[str, tuple[Any, ...]]:
    """SQL for the ids of parcels behind `after_id` up to `until_id` that may be concerned, in their order, each once."""
    bounds = {"shipment__gt": replay.after_id, "shipment__lte": replay.until_id}
    if replay.words:
        found = ScanEvent.objects.with_words(replay.code, replay.text, replay.word).filter(**bounds)
        return found.order_by("shipment").values("shipment").distinct().query.sql_with_params()
    ids = Shipment.objects.filter(pk__gt=replay.after_id, pk__lte=replay.until_id).order_by("pk").values("pk")
    return ids.query.sql_with_params()


_OF_CARRIER = "EXISTS (SELECT FROM shipments_shipment WHERE id = looked.id AND carrier_id = %s)"


def next_parcels(replay: Replay) -> tuple[list[int], int | None]:
    """The parcels of the next step, and behind which the one after it begins; None when this is the last."""
    found, arguments = _spoken_of(replay)
    is_ours = _OF_CARRIER if replay.carrier_id else "true"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH looked (id) AS MATERIALIZED ({found} LIMIT %s)
            SELECT id, {is_ours} FROM looked ORDER BY id
            """,  # noqa: S608  (our own names)
            [
                *arguments,
                LOOKED_AT if replay.carrier_id else STEP,
                *([replay.carrier_id] if replay.carrier_id else []),
            ],
        )
        looked = cursor.fetchall()
    ours = [pk for pk, mine in looked if mine][:STEP]
    if len(ours) == STEP:
        return ours, ours[-1]
    is_last = len(looked) < (LOOKED_AT if replay.carrier_id else STEP)
    return ours, None if is_last else looked[-1][0]


def counted(replay: Replay) -> int | None:
    """How many parcels there are to do; None where they are too many to count."""
    found, arguments = _spoken_of(replay)
    is_ours = f"WHERE {_OF_CARRIER}" if replay.carrier_id else ""
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            WITH looked (id) AS MATERIALIZED ({found} LIMIT %s)
            SELECT (SELECT count(*) FROM looked), (SELECT count(*) FROM looked {is_ours})
            """,  # noqa: S608  (the same)
            [*arguments, MOST_COUNTED, *([replay.carrier_id] if replay.carrier_id else [])],
        )
        looked, ours = cursor.fetchone()
    return int(ours) if looked < MOST_COUNTED else None
