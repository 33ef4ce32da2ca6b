"""What of an installation's health needs a person: what happened, what was kept, and what to do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments.facts import spelling
from shipments.monitoring.health import AccountHealth, Health
from shipments.monitoring.readiness import SILENT_AFTER
from shipments.refresh.breaker import OPENS_AFTER

# A queue that is worked on takes up what waits within seconds, behind other work within minutes.
QUEUE_PATIENCE = timedelta(minutes=10)
# Mail servers are away for minutes.
MAIL_PATIENCE = timedelta(minutes=30)
# What waits besides parcels and mails is begun within a minute, and an import of the largest kind is over within ten.
WORK_PATIENCE = timedelta(hours=1)
# Parcels are looked at a little later than wanted whenever a quota is short; after so long people notice.
LATE_PATIENCE = timedelta(hours=6)
# Of this many calls at least half must bring an answer.
LEAST_CALLS, MOST_FAILING = 20, 0.5
# A table is cleaned when a fifth of its rows are dead; half of many says that the cleaning does not come to an end.
LEAST_DEAD, MOST_DEAD = 100_000, 0.5
# PostgreSQL itself begins to warn at 98 in a hundred.
MOST_WRAPAROUND = 0.75


@dataclass(frozen=True, slots=True)
class Need:
    """Something that needs a person. `at` is where to do it, `do` the words of the link to it; both empty where it is not done
    on a page."""

    what: str
    kept: str
    todo: str
    at: str = ""
    do: str = ""


def needs(health: Health) -> tuple[Need, ...]:
    """All that needs a person, what hurts most first; nothing where all is well."""
    return (
        *_of_the_queue(health),
        *_of_accounts(health),
        *_of_mails(health),
        *_of_failures(health),
        *_of_work(health),
        *_of_codes(health),
        *_of_the_database(health),
        *_of_backups(health),
    )


def _of_the_queue(health: Health) -> Iterator[Need]:
    kept = _("Every parcel, mail and import waits as a row of the database: nothing is lost.")
    last = max(health.readings.beats.values(), default=None)
    if last is None or health.at - last > SILENT_AFTER:
        yield Need(
            what=_("No queue worker is alive.")
            if last is None
            else _("No queue worker is alive; the last one was heard %(when)s.")
            % {"when": spelling.age(health.at - last)},
            kept=kept,
            todo=_("Start the worker (manage.py up, or its service) and look at the end of its log."),
        )
        return
    since = health.readings.queue.waits_since
    if since is not None and health.at - since > QUEUE_PATIENCE:
        yield Need(
            what=ngettext(
                "%(count)d task waits, %(span)s.",
                "%(count)d tasks wait, the first of them %(span)s.",
                health.readings.queue.waiting,
            )
            % {
                "count": health.readings.queue.waiting,
                "span": spelling.lasting(health.at - since),
            },
            kept=kept,
            todo=_("Run more workers (QUEUE_WORKERS, or a second host), if this does not pass by itself."),
        )


def _of_accounts(health: Health) -> Iterator[Need]:
    for one in health.accounts:
        need = _of_an_account(one, health)
        if need is not None:
            yield need
    if health.accountless:
        yield Need(
            what=ngettext(
                "%(count)d parcel has no account that could ask about it.",
                "%(count)d parcels have no account that could ask about them.",
                health.accountless,
            )
            % {"count": health.accountless},
            kept=_("They are tried again every hour, and what was known of them stays."),
            todo=_(
                "Add an account for their merchant, or one for all merchants; each parcel's page says which."
            ),
            at=reverse("admin:shipments_carrieraccount_changelist"),
            do=_("Accounts"),
        )


def _of_an_account(one: AccountHealth, health: Health) -> Need | None:
    at, do = reverse("admin:shipments_carrieraccount_change", args=[one.account.pk]), one.name
    kept = (
        ngettext(
            "%(count)d parcel of it waits; what was known of it stays.",
            "%(count)d parcels of it wait; what was known of them stays.",
            one.parcels.due,
        )
        % {"count": one.parcels.due}
        if one.parcels.due
        else _("No parcel waits for it at the moment; what was known of its parcels stays.")
    )
    budget = getattr(one.account, "budget", None)
    if budget is not None and budget.is_open:
        return Need(
            what=_("%(account)s is not asked: %(why)s") % {"account": one.name, "why": budget.opened_because},
            kept=kept,
            todo=_(
                "One parcel is tried %(when)s. If it is the key: enter a new one, and test the connection."
            )
            % {"when": spelling.ahead((budget.probes_at or health.at) - health.at)},
            at=at,
            do=do,
        )
    rate = one.error_rate
    if rate is not None and one.calls >= LEAST_CALLS and rate >= MOST_FAILING:
        return Need(
            what=_("%(share)d of 100 calls of %(account)s brought no answer in the last 24 hours.")
            % {"share": round(rate * 100), "account": one.name},
            kept=kept,
            todo=_(
                "Its last error is on its page. %(most)d rounds in a row without an answer stop the asking by themselves."
            )
            % {"most": OPENS_AFTER},
            at=at,
            do=do,
        )
    late = one.parcels.late_since
    if late is not None and health.at - late > LATE_PATIENCE and not one.closed:
        return Need(
            what=_("Parcels of %(account)s are asked about too late: the latest was wanted %(when)s.")
            % {"account": one.name, "when": spelling.age(health.at - late)},
            kept=_("They wait in the order of what their news is worth; none is forgotten."),
            todo=_(
                "Where the quota is used up, ask the carrier for a higher one, and write it on the account."
            ),
            at=at,
            do=do,
        )
    return None


def _of_mails(health: Health) -> Iterator[Need]:
    sent_later = _("Each is kept and tried again, with growing pauses, for about two days.")
    waiting = [kind for kind in health.mails if kind.since is not None]
    since = min((kind.since for kind in waiting if kind.since is not None), default=None)
    if since is not None and health.at - since > MAIL_PATIENCE:
        count = sum(kind.in_arrears for kind in waiting)
        yield Need(
            what=ngettext(
                "%(count)d mail waits after an error, %(span)s: %(error)s",
                "%(count)d mails wait after an error, the first of them %(span)s: %(error)s",
                count,
            )
            % {"count": count, "span": spelling.lasting(health.at - since), "error": waiting[0].error},
            kept=sent_later,
            todo=_(
                "Look at the mail server, or at the settings EMAIL_HOST and so on; then try again at once, below."
            ),
            at="#mails",
            do=_("Mails"),
        )
    if held := sum(kind.held for kind in health.mails):
        yield Need(
            what=ngettext(
                "%(count)d mail came back with a restored backup and is held.",
                "%(count)d mails came back with a restored backup and are held.",
                held,
            )
            % {"count": held},
            kept=_(
                "It waited when the backup was made, and may have gone out since: nobody is written to twice."
            ),
            todo=_("Send those that nobody can have got, and drop the others, below."),
            at="#mails",
            do=_("Mails"),
        )
    if given_up := sum(kind.given_up for kind in health.mails):
        yield Need(
            what=ngettext(
                "%(count)d mail was given up within a week.",
                "%(count)d mails were given up within a week.",
                given_up,
            )
            % {"count": given_up},
            kept=_("What they say is kept, encrypted, and nobody else reads it."),
            todo=_(
                "Refused addresses are mended where they come from. Once the reason is gone, have them sent again."
            ),
            at=f"{reverse('admin:shipments_mail_changelist')}?{urlencode({'state': 'given-up'})}",
            do=_("Given up"),
        )


def _of_failures(health: Health) -> Iterator[Need]:
    if health.failures_count:
        yield Need(
            what=ngettext(
                "%(count)d task failed within a week.",
                "%(count)d tasks failed within a week.",
                health.failures_count,
            )
            % {"count": health.failures_count},
            kept=_(
                "What they were to do still stands in the database, and most of it is begun again by itself."
            ),
            todo=_("Read why, below. Try again what is mended, and forget what does not matter any more."),
            at="#queue",
            do=_("Failed tasks"),
        )


def _of_work(health: Health) -> Iterator[Need]:
    names = {
        "buyers": _("mails to buyers"),
        "proofs": _("pictures of deliveries"),
        "imports": _("imports"),
        "bulk_actions": _("deeds on many parcels"),
    }
    for kind, name in names.items():
        pending = health.readings.pending[kind]
        if pending.since is not None and health.at - pending.since > WORK_PATIENCE:
            yield Need(
                what=_("Work lies undone (%(name)s): %(count)d, the first %(span)s.")
                % {
                    "name": name,
                    "count": pending.rows,
                    "span": spelling.lasting(health.at - pending.since),
                },
                kept=_("Each is done from where it stopped, once and no more."),
                todo=_("Look for failed tasks below, and at the worker's log."),
                at="#queue",
                do=_("Queue"),
            )


def _of_codes(health: Health) -> Iterator[Need]:
    if not health.carriers:
        return
    codes = sum(len(carrier.codes) + carrier.more for carrier in health.carriers)
    yield Need(
        what=ngettext(
            "%(count)d code or text of a carrier has no meaning yet (%(carriers)s).",
            "%(count)d codes or texts of carriers have no meaning yet (%(carriers)s).",
            codes,
        )
        % {"count": codes, "carriers": ", ".join(carrier.name for carrier in health.carriers)},
        kept=_("Their scans are kept as they came, and move no parcel's status."),
        todo=_("Say what each means; the stored answers can be read again afterwards."),
        at="#codes",
        do=_("Unknown codes"),
    )


def _of_the_database(health: Health) -> Iterator[Need]:
    kept = _("Nothing is lost; pages get slower and the disk fills sooner.")
    for table in health.database.tables:
        if table.dead >= LEAST_DEAD and table.dead > MOST_DEAD * table.rows:
            yield Need(
                what=_("Table %(table)s is full of rows that nobody needs: %(dead)d of them beside %(rows)d.")
                % {"table": table.name, "dead": table.dead, "rows": table.rows},
                kept=kept,
                todo=_(
                    "Look for a transaction that has been open for long (pg_stat_activity), then run VACUUM."
                ),
            )
    if health.database.wraparound >= MOST_WRAPAROUND:
        yield Need(
            what=_("The database is running out of transaction numbers."),
            kept=_("Nothing is lost, but it will stop taking anything in before it has none left."),
            todo=_("Run VACUUM as the database's superuser, at once."),
        )
    for one in health.overdue:
        yield Need(
            what=ngettext(
                "%(count)d row is kept longer than it may be (%(kind)s).",
                "%(count)d rows are kept longer than they may be (%(kind)s).",
                one.rows,
            )
            % {"count": one.rows, "kind": one.kind.words},
            kept=_("Whatever they say is still there, the oldest since %(day)s.")
            % {"day": spelling.short_day(one.since.date(), health.at.date())},
            todo=_("The hourly housekeeping drops them: see whether it fails, below."),
            at="#queue",
            do=_("Failed tasks"),
        )


def _of_backups(health: Health) -> Iterator[Need]:
    """Nothing where none was ever made by our command: others may back the database up."""
    made, last = health.readings.backups, health.readings.last_backup
    if not made:
        return
    kept = _("What has happened since then stands in this one database, and nowhere else.")
    if made[0].faults:
        yield Need(
            what=ngettext(
                "The newest backup is not whole: its rehearsal found %(count)d fault.",
                "The newest backup is not whole: its rehearsal found %(count)d faults.",
                made[0].faults,
            )
            % {"count": made[0].faults},
            kept=kept
            if last is not None
            else _("The database itself is as it was; no whole copy of it is known."),
            todo=_("Read what the rehearsal said (docs/deploy.md, “Rehearsals”), and make another backup."),
            at="#backups",
            do=_("Backups"),
        )
    elif last is not None and health.at - last.made_at > timedelta(hours=settings.BACKUP_HOURS):
        yield Need(
            what=_("The last whole backup was made %(when)s.")
            % {"when": spelling.age(health.at - last.made_at)},
            kept=kept,
            todo=_(
                "Run manage.py backup now, and see why it did not run by itself: its timer, the end of its log, room on the disk."
            ),
            at="#backups",
            do=_("Backups"),
        )
