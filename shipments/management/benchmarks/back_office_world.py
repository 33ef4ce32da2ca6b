"""What the back-office of a large installation shows beside parcels: mails, links, subscriptions, proofs, the audit, and
merchants with their people and accounts.

One row of each is made as the product makes it, and copied by the database with what tells rows apart: new columns are copied
with the others.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model

from shipments.enums import Gateway, Role, Sight, Wants
from shipments.models import (
    AuditEntry,
    CallCount,
    CarrierAccount,
    Heartbeat,
    Mail,
    Membership,
    Merchant,
    MerchantHost,
    PrivateLink,
    Proof,
    Shipment,
    Statement,
    StatusMapping,
    Subscription,
    UnrecognisedCode,
    User,
)

MERCHANTS = 300
# Of the merchant whose pages are opened.
PEOPLE = 60
ACCOUNTS = 40
CODES = 300
MAPPINGS = 60
# Mails and audit entries are as many as parcels; of the rest there is one for every so many of them.
EVERY: dict[type[Model], int] = {PrivateLink: 5, Subscription: 5, Proof: 5, Statement: 20}

DIGEST = "encode(sha256(n::text::bytea), 'hex')"


def furnish(merchant: Merchant, parcels: int, now: datetime) -> None:
    """Give the installation its merchants, and this one, which has so many parcels, all that belongs to those."""
    owner = User.objects.create_user("owner@benchmark.example", "unused", name="Owner")
    _merchants(merchant, now)
    parcel = Shipment.objects.earliest("pk")
    first = parcel.pk
    moment = f"%(now)s::timestamptz - n * (interval '365 days' / {max(parcels, 1)})"

    post = Mail.objects.create(
        merchant=merchant, kind="alert", to="a@example.com", subject="News", text="", due_at=None
    )
    _copy(
        post,
        parcels,
        now,
        to="'reader-' || n || '@example.com'",
        kind="(ARRAY['alert', 'digest', 'buyer-news', 'invitation'])[1 + n %% 4]",
        made_at=moment,
        sent_at=f"CASE WHEN n %% 200 > 0 AND n > 500 THEN {moment} END",
        due_at="CASE WHEN n <= 500 THEN %(now)s::timestamptz + interval '1 hour' END",
        error="CASE WHEN n <= 500 OR n %% 200 = 0 THEN 'SMTPDataError 451 4.7.1' ELSE '' END",
    )
    entry = AuditEntry.objects.record("changed", merchant, by=owner, source="page", merchant=merchant)
    _copy(
        entry,
        parcels,
        now,
        at=moment,
        verb="(ARRAY['changed', 'added', 'tagged', 'closed', 'signed in'])[1 + n %% 5]",
        source="(ARRAY['page', 'page', 'page', 'admin', 'command'])[1 + n %% 5]",
        model="(ARRAY['shipments.Shipment', 'shipments.Shipment', 'shipments.Merchant', 'shipments.CarrierAccount'])[1 + n %% 4]",
        row=f"({first} + n)::text",
    )
    link = PrivateLink.objects.make(parcel, by=owner)
    _copy_on_parcels(link, parcels, now, token_sha256=DIGEST, made_at=moment)
    subscription = Subscription.objects.create(
        merchant=merchant,
        shipment=parcel,
        email="buyer@example.com",
        wants=Wants.FROM_NOW,
        language="en",
        sight=Sight.NUMBER,
        confirmed_at=now,
        news_after=now,
    )
    _copy_on_parcels(
        subscription,
        parcels,
        now,
        email="'buyer-' || n || '@example.com'",
        unsubscribed_at=f"CASE WHEN n %% 50 = 0 THEN {moment} END",
    )
    proof = Proof.objects.create(
        merchant=merchant, shipment=parcel, address_sha256="0" * 64, begun_at=now, tries=1
    )
    _copy_on_parcels(
        proof, parcels, now, begun_at=moment, trouble="CASE WHEN n %% 5000 = 0 THEN '' ELSE '' END"
    )
    statement = Statement.objects.create(
        number="0",
        shipment=parcel,
        merchant=merchant,
        digest="0" * 64,
        facts_sha256="0" * 64,
        document="",
        made_at=now,
        made_by=owner,
        is_for_buyer=False,
        carrier="USPS",
        number_ending="0000",
        status="Delivered",
        answers=[],
    )
    _copy_on_parcels(
        statement,
        parcels,
        now,
        number="upper(substr(md5(n::text), 1, 16))",
        digest=DIGEST,
        facts_sha256=DIGEST,
    )
    _accounts(now)


def _merchants(merchant: Merchant, now: datetime) -> None:
    Merchant.objects.bulk_create(Merchant(slug=f"shop-{n}", name=f"Shop {n}") for n in range(MERCHANTS))
    people = [User(email=f"person-{n}@benchmark.example", name=f"Person {n}") for n in range(MERCHANTS)]
    User.objects.bulk_create(people)
    shops = list(Merchant.objects.exclude(pk=merchant.pk).order_by("pk"))
    Membership.objects.bulk_create(
        [
            Membership(user=user, merchant=shop, role=Role.OWNER)
            for user, shop in zip(people, shops, strict=True)
        ]
        + [Membership(user=user, merchant=merchant, role=Role.VIEWER) for user in people[:PEOPLE]]
    )
    MerchantHost.objects.bulk_create(
        MerchantHost(host=f"{shop.slug}.example", merchant=shop, made_by=people[0]) for shop in shops
    )
    StatusMapping.objects.bulk_create(
        StatusMapping(carrier_id="USPS", code=f"M{n}", status="InTransit") for n in range(MAPPINGS)
    )
    UnrecognisedCode.objects.bulk_create(
        UnrecognisedCode(
            carrier_id=("USPS", "UPS", "FedEx")[n % 3],
            code=f"Q{n}",
            text=f"Words of code {n}",
            scans=n,
            first_seen_at=now,
            last_seen_at=now,
        )
        for n in range(CODES)
    )
    Heartbeat.objects.bulk_create(Heartbeat(name=f"host-{n}/0000", at=now) for n in range(8))


def _accounts(now: datetime) -> None:
    """Accounts of the first merchants and of the platform, a week of their calls, and the parcels that wait for them."""
    shops = list(Merchant.objects.order_by("pk")[:ACCOUNTS])
    for n, shop in enumerate(shops):
        gateway = Gateway.USPS if n % 2 else Gateway.PITNEY_BOWES
        CarrierAccount.objects.create(merchant=shop if n else None, gateway=gateway, calls_per_hour=600)
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {CallCount._meta.db_table} (account_id, minute, calls, by_hand, failed)
            SELECT account.id, date_trunc('minute', %s::timestamptz) - n * interval '1 minute', 9, n %% 2, (n %% 30 = 0)::int
            FROM shipments_carrieraccount AS account CROSS JOIN generate_series(0, 11519) AS n
            """,  # noqa: S608  (our own table's name)
            [now],
        )
        cursor.execute(
            """
            UPDATE shipments_watch AS watch SET account_id = account.id,
                due_at = %(now)s::timestamptz - (watch.shipment_id %% 600) * interval '1 second',
                wanted_by = %(now)s::timestamptz + (300 - watch.shipment_id %% 900) * interval '1 second'
            FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS place FROM shipments_carrieraccount) AS account
            WHERE watch.due_at IS NOT NULL AND watch.shipment_id %% 40 = account.place
            """,
            {"now": now},
        )
        cursor.execute("VACUUM ANALYZE")


def _copy_on_parcels(row: Model, parcels: int, now: datetime, /, **differs: str) -> None:
    """Copy a row that belongs to a parcel, onto every so many-th of the parcels behind its own."""
    every = EVERY[type(row)]
    count = parcels // every - 1
    _copy(row, count, now, shipment_id=f"{row.shipment_id} + n * {every}", **differs)  # type: ignore[attr-defined]


def _copy(row: Model, times: int, now: datetime, /, **differs: str) -> None:
    """Copy a row so many times; the columns that differ are SQL, with `n` from 1 and the moment as `now`."""
    columns: Mapping[str, str] = {
        field.column: differs.get(field.column, f'was."{field.column}"')
        for field in row._meta.concrete_fields
        if not field.primary_key and field.column is not None
    }
    assert set(differs) <= set(columns)
    names = ", ".join(f'"{name}"' for name in columns)
    parameters: dict[str, Any] = {"now": now, "times": times, "pk": row.pk}
    with connection.cursor() as cursor:
        cursor.execute(
            f"""
            INSERT INTO {row._meta.db_table} ({names})
            SELECT {", ".join(columns.values())} FROM {row._meta.db_table} AS was CROSS JOIN generate_series(1, %(times)s) AS n
            WHERE was.id = %(pk)s
            """,  # noqa: S608  (what is inserted stands in this module)
            parameters,
        )
