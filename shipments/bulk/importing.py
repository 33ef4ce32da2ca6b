"""Rows of a file into parcels: in steps, each with its counts and its place in the file in one transaction.

A worker killed at any moment has done whole steps only, and whoever comes next goes on behind the last one. Nobody is
notified of anything an import does.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import DatabaseError, transaction
from django.db.models import F
from django.utils import timezone, translation

from shipments import queueing
from shipments.bulk.judging import GoodRow, Judge, RefusedRow
from shipments.bulk.storing import keep_refused, store_rows
from shipments.enums import WorkState
from shipments.facts.file_rows import Row, Rows
from shipments.models import AuditEntry, Import
from shipments.models.work import LEASE
from shipments.tracking.catalogue import Catalogue

logger = logging.getLogger(__name__)

# Rows of a step: large enough that statements do not count, small enough that a person sees the figures move.
STEP = 2_000
# Seconds after which a worker lets others have a turn; well below the queue's time-out for a task.
TURN = 60.0
# Turns that may fail in a row before the import is given up: a step that kills its worker would do so for ever.
MOST_TRIES = 5
# A worker that met an error of the database leaves the import alone for so long.
PAUSE = timedelta(seconds=20)


# ---- Turns of a worker ---------------------------------------------------------------------------------------------


def work_on(import_id: int, *, beat: Callable[[], object] = lambda: None) -> None:
    """Do steps of the import until it is over or the turn is; safe to call for any import at any time, also twice at
    once. `beat` is called after each step.
    """
    job = Import.objects.filter(pk=import_id).first()
    if job is None or not _take(job, timezone.now()):
        return
    ends = time.monotonic() + TURN
    rows: Rows | None = None
    try:
        with translation.override(job.language):
            while rows := step(import_id, rows, now=timezone.now()):
                beat()
                if time.monotonic() > ends:
                    _let_go(import_id, until=None)
                    queueing.enqueue(queueing.WORK_ON_IMPORT, import_id)
                    return
    except DatabaseError as exc:
        # Not its message: it repeats values of rows.
        logger.error(
            "Import %d: a step failed with %s; it will be tried again.", import_id, type(exc).__name__
        )
        _let_go(import_id, until=timezone.now() + PAUSE)


def resume(now: datetime) -> None:
    """Nudge the queue for every import that nobody works on, such as those of a killed worker."""
    for pk in Import.unfinished(now).order_by("pk").values_list("pk", flat=True):
        queueing.enqueue(queueing.WORK_ON_IMPORT, pk)


def _take(job: Import, now: datetime) -> bool:
    with transaction.atomic():
        if not job.take(now):
            return False
        Import.objects.filter(pk=job.pk).update(tries=F("tries") + 1)
        kept = Import.objects.select_related("merchant", "by").get(pk=job.pk)
        if kept.tries <= MOST_TRIES:
            return True
        logger.error("Import %d: given up after row %d.", job.pk, kept.last_row)
        with translation.override(kept.language):
            _finish(
                kept,
                WorkState.FAILED,
                now,
                translation.gettext(
                    "The import stopped after row %(row)d and could not go on, though it was tried several times. All rows "
                    "up to there are stored. The operator's log says more; the file can be dropped again, nothing is doubled."
                )
                % {"row": kept.last_row},
            )
        return False


def _let_go(import_id: int, *, until: datetime | None) -> None:
    Import.objects.filter(pk=import_id, state=WorkState.RUNNING).update(leased_until=until)


def _finish(job: Import, state: WorkState, now: datetime, error: str = "") -> None:
    """The end, and one entry of the audit for all of it."""
    job.finish(state, now, error)
    AuditEntry.objects.record(
        "imported",
        job,
        by=job.by,
        source="queue",
        merchant=job.merchant,
        after={
            "state": state.value,
            "file_sha256": job.sha256,
            "rows": job.rows_total,
            "good": job.good,
            "double": job.double,
            "bad": job.bad,
            "learnt": job.learnt,
            "subscribed": job.subscribed,
            "unconsented": job.unconsented,
        },
    )


# ---- One step ------------------------------------------------------------------------------------------------------


@transaction.atomic
def step(import_id: int, rows: Rows | None = None, *, now: datetime) -> Rows | None:
    """Store the next rows; None when there is nothing left to do, else the reader to hand to the next step."""
    # Two workers on one import take turns here, and each begins where the other ended.
    job = Import.objects.select_for_update(of=("self",)).select_related("merchant", "by").get(pk=import_id)
    if job.is_over or job.is_draft:
        return None
    if job.cancel_asked:
        _finish(job, WorkState.CANCELLED, now)
        return None
    if job.merchant.is_suspended:
        _finish(
            job,
            WorkState.FAILED,
            now,
            translation.gettext(
                "The merchant was suspended when the import had come to row %(row)d. All rows up to there are stored. "
                "When it is at work again, the file can be dropped again: nothing is doubled."
            )
            % {"row": job.last_row},
        )
        return None
    # What a reader holds already may be older than a row that was taken out for a buyer.
    if rows is None or (rows.position, rows.edition) != (job.position, job.erased_rows):
        rows = open_rows(job)
    taken = take_rows(rows, STEP)
    judge = Judge.of(job, Catalogue.read())
    read = [judge.read(row) for row in taken]
    good = [row for row in read if isinstance(row, GoodRow)]
    bad = [row for row in read if isinstance(row, RefusedRow)]
    stored = store_rows(job, good, now)
    bad += stored.refused
    keep_refused(job, bad)
    beyond = {row.number for row in stored.refused}
    job.good += stored.new
    job.double += len(good) - stored.new - len(beyond)
    job.learnt += stored.learnt
    job.bad += len(bad)
    job.subscribed += stored.subscribed
    job.unconsented += sum(row.lacks_consent for row in good if row.number not in beyond)
    job.position, job.last_row, job.tries = rows.position, rows.number, 0
    job.leased_until = now + LEASE
    job.save(
        update_fields=[
            "good", "double", "learnt", "bad", "subscribed", "unconsented", "position", "last_row", "tries", "leased_until",
        ]
    )  # fmt: skip
    if len(taken) < STEP:
        _finish(job, WorkState.DONE, now)
        return None
    return rows


def open_rows(job: Import) -> Rows:
    """The rows that the import has not done yet."""
    position = job.position or job.begins_at
    rows = Rows(
        job.read_file(position),
        separator=job.separator,
        position=position,
        number=job.last_row,
        edition=job.erased_rows,
    )
    if job.has_header and not job.position:
        take_rows(rows, 1)
    return rows


def take_rows(rows: Rows, most: int) -> list[Row]:
    """The next rows that are not empty."""
    taken: list[Row] = []
    for row in rows:
        if not row.is_empty:
            taken.append(row)
            if len(taken) == most:
                break
    return taken
