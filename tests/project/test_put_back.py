"""What tests with transactions of their own leave to the next one."""

import pytest
from django.contrib.auth.models import Permission
from django.db import DatabaseError, connection, transaction

from shipments.models import AuditEntry, Carrier, ErasureKey, Merchant, RetentionRule, Shipment
from tests.factories import a_merchant, a_shipment
from tests.put_back import Seeds


@pytest.mark.django_db(transaction=True)
def test_a_test_finds_what_the_migrations_left_whatever_the_one_before_did():
    seeds = Seeds()
    before = _rows()
    merchant = a_merchant()
    a_shipment(merchant)
    AuditEntry.objects.record("added", merchant, source="command", merchant=merchant)
    Carrier.objects.filter(code="UPS").update(name="Another")
    RetentionRule.objects.all().delete()
    Permission.objects.earliest("pk").delete()

    seeds.put_back()

    assert _rows() == before
    assert (Merchant.objects.count(), Shipment.objects.count(), AuditEntry.objects.count()) == (0, 0, 0)
    assert {rule.kind for rule in RetentionRule.objects.all()} == {
        "personal", "answers", "proofs", "scans", "audit",
    }  # fmt: skip
    with pytest.raises(DatabaseError, match="append-only: TRUNCATE"), transaction.atomic():
        connection.cursor().execute("TRUNCATE shipments_auditentry")


def _rows() -> list[list[tuple[object, ...]]]:
    """Every row that was filled in by a migration or after it."""
    return [
        list(model.objects.order_by("pk").values_list())
        for model in (Carrier, RetentionRule, ErasureKey, Permission)
    ]
