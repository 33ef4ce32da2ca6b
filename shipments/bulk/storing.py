"""Rows of an import into the store: what is new, what is there, and what that learns; set by set, never row by row."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection, models
from django.utils.translation import gettext as _

from shipments.bulk.judging import GoodRow, RefusedRow
from shipments.enums import Kept
from shipments.facts import numbers
from shipments.models import BadRow, Import, Shipment, Subscription, Watch
from shipments.models.shipments import PART
from shipments.models.subscriptions import Consent
from shipments.tracking.adding import instance_meant, is_another_parcel, next_instance
from shipments.tracking.limits import Room, take_room, take_turns

# New parcels are first asked about at this rate, over an hour at most: 200,000 due at once would keep all others waiting.
FIRST_ASKS_A_SECOND = 50
LONGEST_SPREAD = timedelta(hours=1)

# Between the tags of a row on their way into the database; no tag has one.
_UNIT = "\x1f"


@dataclass(slots=True)
class _Parcel:
    """A parcel of the store or one on its way there (`pk` None), as far as an import knows and completes it."""

    carrier: str
    number: str
    instance: int
    gateway: str
    destination_postal_code: str
    mailing_date: date | None
    order_number: str
    recipient_name: str
    tags: list[str]
    proof_due: bool
    shipped_on: date | None = None
    delivered_on: date | None = None
    pk: int | None = None
    # What it said of people was erased, and is not told again.
    is_erased: bool = False
    typed: str = ""
    has_learnt: bool = False
    has_learnt_its_day: bool = False

    def learn(self, row: GoodRow) -> bool:
        """Take from the row what is not known yet; False where that is nothing."""
        known = (
            self.gateway, self.destination_postal_code, self.mailing_date, self.order_number, self.recipient_name, self.tags,
            self.proof_due,
        )  # fmt: skip
        parcel = row.parcel
        if self.is_erased:
            return False
        if self.mailing_date is None and parcel.mailing_date is not None:
            self.mailing_date, self.has_learnt_its_day = parcel.mailing_date, True
        self.gateway = self.gateway or str(parcel.gateway or "")
        self.destination_postal_code = self.destination_postal_code or parcel.postal_code
        self.order_number = self.order_number or row.order_number
        self.recipient_name = self.recipient_name or row.recipient_name
        self.tags = self.tags or row.tags
        self.proof_due = self.proof_due or row.proof_due
        learnt = known != (
            self.gateway, self.destination_postal_code, self.mailing_date, self.order_number, self.recipient_name, self.tags,
            self.proof_due,
        )  # fmt: skip
        self.has_learnt |= learnt
        return learnt


@dataclass(slots=True)
class Stored:
    """How many parcels were new, how many of the other rows completed one, how many buyers get mails from now on, and the
    rows for which the merchant has no room."""

    new: int = 0
    learnt: int = 0
    subscribed: int = 0
    refused: list[RefusedRow] = field(default_factory=list)


@dataclass(slots=True)
class _Plan:
    """What the rows with one number come to."""

    new: list[_Parcel] = field(default_factory=list)
    known: list[_Parcel] = field(default_factory=list)
    learnt: int = 0
    consents: list[tuple[_Parcel, GoodRow]] = field(default_factory=list)
    refused: list[GoodRow] = field(default_factory=list)


class _Places:
    """The places that are left for new parcels."""

    def __init__(self, room: Room) -> None:
        self.left = room.left

    def take(self) -> bool:
        """Take one; False where there is none."""
        if self.left is None:
            return True
        self.left -= 1
        return self.left >= 0

    def give_back(self, many: int) -> None:
        if self.left is not None:
            self.left = max(0, self.left) + many


_Key = tuple[str, str]


def store_rows(job: Import, good: Sequence[GoodRow], now: datetime) -> Stored:
    """Make new parcels of these rows and complete those that are there; in the caller's transaction."""
    rows_of: dict[_Key, list[GoodRow]] = defaultdict(list)
    for row in good:
        rows_of[row.parcel.carrier, row.parcel.number].append(row)
    # On the day on which all parcels of the import count as added.
    room = take_room(job.merchant_id, job.started_at or now)
    places = _Places(room)
    take_turns(job.merchant_id)
    plans: dict[_Key, _Plan] = {}
    open_keys = list(rows_of)
    while open_keys:
        known = _known(job.merchant_id, open_keys)
        plans |= {key: _plan(rows_of[key], known[key], places) for key in open_keys}
        new = [parcel for key in open_keys for parcel in plans[key].new]
        inserted = _insert(job, new, now)
        for parcel in new:
            parcel.pk = inserted.get((parcel.carrier, parcel.number, parcel.instance))
        # Somebody added the number by hand in this very moment: its rows are looked at anew, beside the new parcel.
        open_keys = sorted(
            {
                (parcel.carrier, parcel.number)
                for parcel in new
                if (parcel.carrier, parcel.number, parcel.instance) not in inserted
            }
        )
        places.give_back(sum(len(plans[key].new) for key in open_keys))
    _complete([parcel for plan in plans.values() for parcel in plan.known if parcel.has_learnt])
    return Stored(
        new=sum(len(plan.new) for plan in plans.values()),
        learnt=sum(plan.learnt for plan in plans.values()),
        subscribed=_subscribe(job, [told for plan in plans.values() for told in plan.consents], now),
        refused=[
            RefusedRow(row.number, row.cells, "number", room.refusal)
            for row in sorted(
                (row for plan in plans.values() for row in plan.refused), key=lambda row: row.number
            )
        ],
    )


def _subscribe(job: Import, consents: Sequence[tuple[_Parcel, GoodRow]], now: datetime) -> int:
    """Subscribe the buyers who have agreed to it. Nothing is mailed now: what comes later is."""
    source = _("%(file)s, row %(row)d")
    noted = [
        Consent(
            parcel.pk or 0,
            row.buyer_email,
            row.consent,
            source % {"file": job.file_name, "row": row.number},
        )
        for parcel, row in consents
    ]
    return (
        Subscription.objects.subscribe_with_consent(job.merchant, noted, by_id=job.by_id, now=now)
        if noted
        else 0
    )


def _plan(rows: Iterable[GoodRow], known: list[_Parcel], places: _Places) -> _Plan:
    """Which parcels the rows with this number are, by the rule for numbers typed by hand; new ones as far as there are
    places."""
    plan = _Plan(known=known)
    parcels = list(known)
    for row in rows:
        parcel = row.parcel
        meant = instance_meant(parcels, parcel) if parcels else None
        if meant is not None and not is_another_parcel(meant, parcel):
            plan.learnt += meant.learn(row)
            if row.subscribes and not meant.is_erased:
                plan.consents.append((meant, row))
            continue
        if not places.take():
            plan.refused.append(row)
            continue
        fresh = _Parcel(
            carrier=parcel.carrier,
            number=parcel.number,
            instance=next_instance(parcels),
            gateway=str(parcel.gateway or ""),
            destination_postal_code=parcel.postal_code,
            mailing_date=parcel.mailing_date,
            order_number=row.order_number,
            recipient_name=row.recipient_name,
            tags=row.tags,
            proof_due=row.proof_due,
            typed=parcel.typed,
        )
        parcels.append(fresh)
        plan.new.append(fresh)
        if row.subscribes:
            plan.consents.append((fresh, row))
    return plan


def _known(merchant_id: int, keys: Sequence[_Key]) -> dict[_Key, list[_Parcel]]:
    """The merchant's parcels with these numbers, locked in the order ingest takes."""
    found: dict[_Key, list[_Parcel]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT shipment.carrier_id, shipment.number, shipment.instance, shipment.gateway,
                shipment.destination_postal_code, shipment.mailing_date, shipment.order_number, shipment.recipient_name,
                shipment.tags, shipment.proof_due, shipment.shipped_on, shipment.delivered_on, shipment.id,
                shipment.erased_parts & {PART[Kept.PERSONAL]} > 0
            FROM {Shipment._meta.db_table} AS shipment
            JOIN unnest(%s::text[], %s::text[]) AS asked (carrier, number)
                ON shipment.merchant_id = %s AND shipment.carrier_id = asked.carrier AND shipment.number = asked.number
            ORDER BY shipment.id FOR UPDATE OF shipment
            """,  # noqa: S608  (the only inserted text is our own table's name)
            [[carrier for carrier, number in keys], [number for carrier, number in keys], merchant_id],
        )
        for values in cursor.fetchall():
            parcel = _Parcel(*values)
            found[parcel.carrier, parcel.number].append(parcel)
    return found


def _insert(job: Import, new: Sequence[_Parcel], now: datetime) -> dict[tuple[str, str, int], int]:
    """Make the parcels and their watches by one statement; numbers and instances of those that were not there, with their
    ids."""
    if not new:
        return {}
    spread = min(LONGEST_SPREAD, timedelta(seconds=job.rows_total / FIRST_ASKS_A_SECOND))
    sql, constants = _insertion()
    tags = [parcel.tags or ([job.tag] if job.tag else []) for parcel in new]
    with connection.cursor() as cursor:
        cursor.execute(
            sql,
            {
                **constants,
                "merchant": job.merchant_id,
                # All parcels of an import are added when it was begun: that moment is how they are found together.
                "created_at": job.started_at,
                "now": now,
                "spread": spread.total_seconds(),
                "carriers": [parcel.carrier for parcel in new],
                "numbers": [parcel.number for parcel in new],
                "typed": [parcel.typed for parcel in new],
                "keys": [numbers.lookup_key(parcel.number) for parcel in new],
                "instances": [parcel.instance for parcel in new],
                "gateways": [parcel.gateway for parcel in new],
                "postal_codes": [parcel.destination_postal_code for parcel in new],
                "mailing_dates": [parcel.mailing_date for parcel in new],
                "orders": [parcel.order_number for parcel in new],
                "recipients": [parcel.recipient_name for parcel in new],
                "tags": [_UNIT.join(one) for one in tags],
                "proofs": [parcel.proof_due for parcel in new],
            },
        )
        return {(carrier, number, instance): pk for carrier, number, instance, pk in cursor.fetchall()}


@cache
def _insertion() -> tuple[str, dict[str, Any]]:
    """The statement that makes parcels and watches, and the constants that stand in all other columns of both."""
    shipment = {
        "merchant_id": "%(merchant)s", "carrier_id": "carrier", "number": "number", "number_as_typed": "typed",
        "lookup_key": "key", "instance": "instance", "gateway": "gateway", "destination_postal_code": "postal_code",
        "mailing_date": "mailing_date", "order_number": "order_number", "recipient_name": "recipient",
        "tags": f"string_to_array(tags, E'\\x{ord(_UNIT):02x}')", "proof_due": "proof_due",
        "created_at": "%(created_at)s::timestamptz", "public_id": "gen_random_uuid()",
    }  # fmt: skip
    watch = {
        "shipment_id": "id",
        "merchant_id": "%(merchant)s",
        "due_at": "%(now)s::timestamptz + random() * %(spread)s * interval '1 second'",
        "wanted_by": "%(now)s::timestamptz + %(spread)s * interval '1 second'",
    }
    constants: dict[str, Any] = {}
    for model, columns in ((Shipment, shipment), (Watch, watch)):
        for name, default, kind in _other_columns(model, set(columns)):
            constants[f"{model.__name__}_{name}"] = default
            columns[name] = f"%({model.__name__}_{name})s::{kind}"
    sql = f"""
        WITH made AS (
            INSERT INTO {Shipment._meta.db_table} ({", ".join(shipment)})
            SELECT {", ".join(shipment.values())}
            FROM unnest(
                %(carriers)s::text[], %(numbers)s::text[], %(typed)s::text[], %(keys)s::text[], %(instances)s::int[],
                %(gateways)s::text[], %(postal_codes)s::text[], %(mailing_dates)s::date[], %(orders)s::text[],
                %(recipients)s::text[], %(tags)s::text[], %(proofs)s::boolean[]
            ) AS new (carrier, number, typed, key, instance, gateway, postal_code, mailing_date, order_number, recipient,
                tags, proof_due)
            ON CONFLICT (merchant_id, carrier_id, number, instance) DO NOTHING
            RETURNING id, carrier_id, number, instance
        ), watched AS (
            INSERT INTO {Watch._meta.db_table} ({", ".join(watch)}) SELECT {", ".join(watch.values())} FROM made
        )
        SELECT carrier_id, number, instance, id FROM made
    """  # noqa: S608  (our own tables' and columns' names)
    return sql, constants


def _other_columns(model: type[models.Model], given: set[str]) -> Iterable[tuple[str, Any, str]]:
    """The columns of a table besides those given that may not be null: name, default and type."""
    for column in model._meta.concrete_fields:
        if (
            column.column in given
            or column.null
            or column.generated
            or column.db_default is not models.NOT_PROVIDED
        ):
            continue
        if isinstance(column, models.AutoField | models.BigAutoField):
            continue
        default = column.get_db_prep_save(column.get_default(), connection)
        yield str(column.column), default, str(column.cast_db_type(connection))


def _complete(parcels: Sequence[_Parcel]) -> None:
    """Write what known parcels have learnt."""
    if not parcels:
        return
    parcels = sorted(parcels, key=lambda parcel: parcel.pk or 0)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            UPDATE {Shipment._meta.db_table} AS shipment
            SET gateway = news.gateway, destination_postal_code = news.postal_code, mailing_date = news.mailing_date,
                order_number = news.order_number, recipient_name = news.recipient, proof_due = news.proof_due,
                tags = string_to_array(news.tags, E'\\x{ord(_UNIT):02x}'),
                -- Which scans are of an earlier parcel has changed: the next answer is read anew, though it may be the same.
                answer_id = CASE WHEN news.its_day THEN NULL ELSE shipment.answer_id END
            FROM unnest(
                %s::bigint[], %s::text[], %s::text[], %s::date[], %s::text[], %s::text[], %s::boolean[], %s::text[],
                %s::boolean[]
            ) AS news (id, gateway, postal_code, mailing_date, order_number, recipient, proof_due, tags, its_day)
            WHERE shipment.id = news.id
            """,  # noqa: S608  (the only inserted text is our own table's name)
            [
                [parcel.pk for parcel in parcels],
                [parcel.gateway for parcel in parcels],
                [parcel.destination_postal_code for parcel in parcels],
                [parcel.mailing_date for parcel in parcels],
                [parcel.order_number for parcel in parcels],
                [parcel.recipient_name for parcel in parcels],
                [parcel.proof_due for parcel in parcels],
                [_UNIT.join(parcel.tags) for parcel in parcels],
                [parcel.has_learnt_its_day for parcel in parcels],
            ],
        )


def keep_refused(job: Import, refused: Sequence[RefusedRow]) -> None:
    """Write down refused rows with their reasons."""
    if not refused:
        return
    with (
        connection.cursor() as cursor,
        cursor.copy(
            f"COPY {BadRow._meta.db_table} (job_id, merchant_id, row, cells, field, reason) FROM STDIN"
        ) as copy,
    ):
        for row in refused:
            copy.write_row((job.pk, job.merchant_id, row.number, row.cells, row.column, row.reason[:500]))
