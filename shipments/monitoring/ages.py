"""What should have been dropped by now: rows older than the age of their kind, which a housekeeping that works leaves none of."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shipments.keeping import ages
from shipments.keeping.ages import Due
from shipments.models import invitations, notices
from shipments.queueing import FAILURES_KEPT

# Housekeeping runs every hour; what it will drop then is not overdue.
GRACE = timedelta(hours=3)
# Rows of each kind are counted up to this many.
MOST_ROWS = 10_000


@dataclass(frozen=True, slots=True)
class Kind:
    """Where rows of one kind are, which of them an age is meant for, from when on it counts, the age, and what people call them."""

    table: str
    which: str
    since: str
    age: timedelta
    words: Promise


@dataclass(frozen=True, slots=True)
class Overdue:
    """Rows of one kind that are older than their age, and since when the oldest of them is there."""

    kind: Kind
    rows: int
    since: datetime


# Each is found by an index, or is in a table that stays small.
KINDS: Mapping[str, Kind] = {
    "mails": Kind("shipments_mail", "due_at IS NULL", "made_at", notices.KEPT, _("mails that are over")),
    "alerts": Kind("shipments_alert", "true", "found_at", notices.KEPT, _("alerts to staff")),
    "invitations": Kind(
        "shipments_invitation", "true", "expires_at", invitations.KEPT, _("invitations that have ended")
    ),
    "failed_tasks": Kind("django_q_task", "NOT success", "stopped", FAILURES_KEPT, _("failed tasks")),
}


def overdue_and_due(now: datetime) -> tuple[tuple[Overdue, ...], tuple[Due, ...]]:
    """What is overdue of `KINDS`, those of which nothing is left out, and what the retention rules make due; in one
    statement, because the page has few."""
    parts = [
        f"""
        SELECT '{name}', count(*), min(since) FROM (
            SELECT {kind.since} AS since FROM {kind.table} WHERE {kind.which} AND {kind.since} < %({name})s
            ORDER BY {kind.since} LIMIT {MOST_ROWS}
        ) AS counted
        """  # noqa: S608  (the inserted text is above)
        for name, kind in KINDS.items()
    ]
    parts.append(f"SELECT 'due ' || due.kind, due.many, NULL FROM ({ages.ALL_DUE}) AS due (kind, many)")  # noqa: S608
    limits = {name: now - kind.age - GRACE for name, kind in KINDS.items()}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), limits | ages.due_parameters(now))
        found = cursor.fetchall()
    past = tuple(Overdue(KINDS[name], rows, since) for name, rows, since in found if name in KINDS and rows)
    due = {name.removeprefix("due "): rows for name, rows, _since in found if name not in KINDS}
    return past, tuple(ages.in_words(due))
