"""A merchant that has a row of every model there is for merchants, also of those that nobody had thought of yet."""

import itertools
import zlib
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone

from shipments.keeping.belongings import belongings
from shipments.models import Carrier, Merchant, Shipment, Tally, User
from tests.factories import (
    a_kept_picture,
    a_merchant,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    ingested,
)

_serials = itertools.count(1)

# What the rules of a table want to be said otherwise than made up by the kind of the column.
SAID: dict[str, dict[str, Any]] = {
    "Answer": {"kind": "snapshot", "body": zlib.compress(b'{"said": "so"}'), "gateway": "usps"},
    "ScanEvent": {"status": "InTransit", "known_by": "carrier"},
    "Watch": {"heard": "snapshot"},
    "Cohort": {"cut": "all", "span": "day"},
    "AttentionItem": {"reason": "silent", "reasons": ["silent"]},
    "Alert": {"reason": "silent"},
    "Import": {"state": "draft"},
    "BulkAction": {"deed": "tag", "argument": {"tag": "vip"}},
    "Subscription": {"wants": "news", "sight": 1, "due_at": None, "unsubscribed_at": None},
    "SubscriptionRequest": {"wants": "news", "sight": 1},
    "Invitation": {"role": "owner", "accepted_at": None, "revoked_at": None},
    "Membership": {"role": "viewer"},
    "CarrierAccount": {"gateway": "usps"},
    "Proof": {"trouble": ""},
    "MerchantHost": {"host": None},
    "Look": {"logo": None, "logo_sha256": "", "logo_type": "", "colour": "", "support_url": ""},
    "MerchantExport": {"state": "done"},
    "Erasure": {"by": "email", "term": "somebody@example.com"},
    "RetentionRule": {"kind": "personal", "days": 400},
    "Statement": {"document": '{"said":"of the parcel"}', "answers": []},
    "Tally": {"lifecycle": "active", "status_group": "moving"},
    "Mail": {"due_at": None},
}


def a_furnished_merchant(**over: Any) -> Merchant:
    """A merchant with parcels that carriers have answered for, and at least one row of every model that belongs to merchants."""
    merchant = a_merchant(**over)
    a_person(f"olga@{merchant.slug}.example", merchant, "owner", name="Olga")
    an_account(merchant)
    for _number in range(3):
        shipment = a_shipment(merchant, recipient_name="Rita Buyer", order_number="A-1")
        ingested(shipment, a_snapshot(a_scan()))
    a_kept_picture(shipment)
    made: dict[type[models.Model], models.Model] = {Merchant: merchant, Shipment: shipment}
    for belonging in reversed(belongings()):
        found = belonging.of_merchant(merchant.pk).order_by("pk").first()
        made[belonging.model] = found or a_row(belonging.model, made)
    Tally.objects.compact()
    return merchant


def a_row(model: type[models.Model], made: dict[type[models.Model], models.Model]) -> models.Model:
    """A row of this model that points to rows of the same merchant wherever it can."""
    said = SAID.get(model.__name__, {})
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        if isinstance(field, models.AutoField | models.BigAutoField | models.GeneratedField):
            continue
        if field.name in said and said[field.name] is not None:
            values[field.name] = said[field.name]
        elif isinstance(field, models.ForeignKey):
            values |= _pointing(field, made)
        elif field.name in said and field.null:
            values[field.name] = None
        elif not (field.null or field.has_default()) or (field.name in said and not field.null):
            values[field.name] = _made_up(field)
    return model._default_manager.create(**values)


def _pointing(
    field: "models.ForeignKey[Any, Any]", made: dict[type[models.Model], models.Model]
) -> dict[str, Any]:
    to: Any = field.related_model
    if to in made:
        return {field.name: made[to]}
    if to is User:
        return {field.name: User.objects.filter(memberships__merchant=made[Merchant].pk).first()}
    if to is Carrier:
        return {field.name: Carrier.objects.get(code="USPS")}
    return {}


def _made_up(field: Any) -> Any:
    serial = next(_serials)
    if isinstance(field, ArrayField):
        return []
    if isinstance(field, models.EmailField):
        return f"somebody-{serial}@example.com"
    if isinstance(field, models.CharField | models.TextField):
        text = f"x{serial}" if field.unique or field.name == "host" else "x"
        return text[: field.max_length] if field.max_length else text
    if isinstance(field, models.DateTimeField):
        return timezone.now()
    if isinstance(field, models.DateField):
        return date(2026, 3, 2)
    if isinstance(field, models.TimeField):
        return time(9)
    if isinstance(field, models.DurationField):
        return timedelta()
    if isinstance(field, models.BooleanField):
        return False
    if isinstance(field, models.BinaryField):
        return b"x"
    if isinstance(field, models.JSONField):
        return {}
    return 1


def everything(merchant: Merchant) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of the merchant as the database has them, its own one included."""
    found = {belonging.label: _raw(belonging.of_merchant(merchant.pk)) for belonging in belongings()}
    return {**found, "shipments.Merchant": _raw(Merchant.objects.filter(pk=merchant.pk))}


def _raw(rows: "models.QuerySet[Any]") -> list[tuple[Any, ...]]:
    return sorted(_bytes(rows.values_list()), key=repr)


def _bytes(rows: Any) -> Iterator[tuple[Any, ...]]:
    for row in rows:
        yield tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)


def noon(day: int = 6) -> datetime:
    """Noon in March 2026."""
    return datetime(2026, 3, day, 12, tzinfo=UTC)
