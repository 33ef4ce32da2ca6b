"""Stored answers read again: what a mapping changes, what stays, what nobody hears."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shipments.analytics import attention
from shipments.enums import EndReason, Lifecycle, Reason, Status, StatusGroup
from shipments.models import (
    Alert,
    Answer,
    AttentionItem,
    Mail,
    Merchant,
    Proof,
    ScanEvent,
    Shipment,
    StatusMapping,
    Tally,
    UnrecognisedCode,
    UnrecognisedWord,
    Watch,
)
from shipments.tracking import correcting, retelling
from shipments.tracking.replaying import read_again
from shipments.tracking.retelling import Retold, retell
from tests.factories import a_merchant, a_shipment
from tests.real_answers import ARRIVED, LABEL, NOON, WEIGHED, pitney_bowes, told, usps
from tests.tracking.test_any_order import rows_of

pytestmark = pytest.mark.django_db


def retold(*shipments: Shipment) -> Retold:
    with transaction.atomic():
        what = retell([one.pk for one in shipments], timezone.now())
    for shipment in shipments:
        shipment.refresh_from_db()
    return what


def a_mapping(carrier: str = "USPS", status: str = "Exception", **words: str) -> StatusMapping:
    return StatusMapping.objects.create(carrier_id=carrier, status=status, **(words or {"code": "ZZ"}))


def statuses(shipment: Shipment) -> list[tuple[str, str, str]]:
    scans = ScanEvent.objects.filter(shipment=shipment).newest_first()
    return list(scans.values_list("code", "status", "status_by"))


def test_a_mapping_changes_scans_and_the_parcel() -> None:
    shipment = a_shipment()
    told(shipment, usps(shipment, LABEL, ARRIVED, WEIGHED))
    assert (shipment.status, statuses(shipment)[0]) == ("InTransit", ("ZZ", "Unknown", ""))
    a_mapping()

    what = retold(shipment)

    assert what == Retold(done=1, answers=1, changed=1, scans_changed=1)
    assert shipment.status == "Exception"
    assert shipment.had_exception is True
    assert statuses(shipment) == [
        ("ZZ", "Exception", "mapping"),
        ("10", "InTransit", "code"),
        ("GX", "Manifest", "code"),
    ]


def test_nothing_is_written_where_nothing_changes() -> None:
    shipment = a_shipment()
    told(shipment, usps(shipment, LABEL, deliveryDateExpectation={"expectedDeliveryDate": "2026-03-06"}))
    told(shipment, usps(shipment, LABEL, ARRIVED, WEIGHED), minute=10)
    told(shipment, usps(shipment, LABEL, ARRIVED, WEIGHED), minute=20)
    before = rows_of(shipment) | {"keys": list(ScanEvent.objects.order_by("pk").values_list("pk", flat=True))}

    with CaptureQueriesContext(
        connection,
    ) as statements:
        what = retold(shipment)

    after = rows_of(shipment) | {"keys": list(ScanEvent.objects.order_by("pk").values_list("pk", flat=True))}
    assert what == Retold(done=1, answers=2)
    assert after == before
    assert [
        one["sql"] for one in statements if one["sql"].lstrip().startswith(("UPDATE", "INSERT", "DELETE"))
    ] == []


def test_a_deleted_mapping_leaves_what_the_tables_say() -> None:
    shipment = a_shipment()
    mapping = a_mapping(code="10", status="Delivered")
    told(shipment, usps(shipment, LABEL, ARRIVED))
    assert (shipment.status, shipment.delivered_on) == ("Delivered", date(2026, 3, 3))
    mapping.delete()

    retold(shipment)

    assert (shipment.status, shipment.delivered_on, shipment.delivery_location) == ("InTransit", None, "")
    assert statuses(shipment) == [("10", "InTransit", "code"), ("GX", "Manifest", "code")]


def test_the_result_is_that_of_answers_that_came_under_the_mapping() -> None:
    """Whatever order: the mapping first and the answers then, or the answers and then the mapping."""
    rows: list[dict[str, Any]] = []
    for mapped_first in (True, False):
        with transaction.atomic():
            shipment = a_shipment(a_merchant(slug="same"), number="9400100000000000000017")
            if mapped_first:
                a_mapping(status="Delivered")
            told(shipment, usps(shipment, LABEL, WEIGHED))
            told(shipment, usps(shipment, LABEL, ARRIVED), minute=10)
            told(shipment, usps(shipment, LABEL, ARRIVED, WEIGHED), minute=20)
            if not mapped_first:
                a_mapping(status="Delivered")
                assert retold(shipment).changed == 1
            rows.append(rows_of(shipment))
            transaction.set_rollback(True)
        for row in (rows[-1]["facts"], *rows[-1]["scans"]):
            row.pop("merchant", None)
            row.pop("shipment", None)
    assert rows[0] == rows[1]


def test_the_carriers_own_word_stands_above_a_mapping() -> None:
    shipment = a_shipment(carrier="UPS", number="1Z999AA10123456784")
    told(
        shipment,
        pitney_bowes(shipment, {"at": "2026-03-05T06:00:00", "scanType": "QQ", "packageStatus": "InTransit"}),
    )
    a_mapping("UPS", code="QQ")

    what = retold(shipment)

    assert what == Retold(done=1, answers=1)
    assert statuses(shipment) == [("QQ", "InTransit", "carrier")]


def test_a_status_word_nobody_knows_can_be_mapped() -> None:
    shipment = a_shipment(carrier="UPS", number="1Z999AA10123456784")
    scan = {"at": "2026-03-05T06:00:00", "scanType": "QQ", "packageStatus": "OnHold"}
    told(shipment, pitney_bowes(shipment, scan))
    assert (UnrecognisedWord.objects.get().word, UnrecognisedWord.objects.get().scans) == ("OnHold", 1)
    assert UnrecognisedCode.objects.get().code == "QQ"
    a_mapping("UPS", word="OnHold")

    what = retold(shipment)

    assert what.scans_changed == 1
    assert shipment.status == "Exception"
    assert UnrecognisedWord.objects.exists() is False
    assert UnrecognisedCode.objects.exists() is False


def test_an_unknown_word_beside_a_known_code_is_counted_and_changes_nothing() -> None:
    shipment = a_shipment(carrier="UPS", number="1Z999AA10123456784")
    scan = {"at": "2026-03-05T06:00:00", "scanType": "D", "packageStatus": "On Hold"}

    told(shipment, pitney_bowes(shipment, scan))

    assert shipment.status == "Delivered"
    assert UnrecognisedWord.objects.get().word == "On Hold"
    assert UnrecognisedCode.objects.exists() is False


def test_counts_of_unrecognised_codes_shrink_with_what_is_mapped_and_grow_again() -> None:
    parcels = [a_shipment(a_merchant()) for _ in range(3)]
    for shipment in parcels:
        told(shipment, usps(shipment, WEIGHED, ("2026-03-05T07:00:00", "ZY", "Weighed twice")))
    assert sorted(UnrecognisedCode.objects.values_list("code", "scans")) == [("ZY", 3), ("ZZ", 3)]
    mapping = a_mapping()

    retold(*parcels[:2])
    assert sorted(UnrecognisedCode.objects.values_list("code", "scans")) == [("ZY", 3), ("ZZ", 1)]
    retold(*parcels)
    assert sorted(UnrecognisedCode.objects.values_list("code", "scans")) == [("ZY", 3)]
    mapping.delete()
    retold(*parcels)
    assert sorted(UnrecognisedCode.objects.values_list("code", "scans")) == [("ZY", 3), ("ZZ", 3)]


def test_an_answer_that_shows_a_scan_again_under_a_mapping_takes_it_off_the_count() -> None:
    shipment = a_shipment()
    told(shipment, usps(shipment, WEIGHED))
    a_mapping()

    told(shipment, usps(shipment, WEIGHED, ARRIVED), minute=10)

    assert shipment.status == "Exception"
    assert UnrecognisedCode.objects.exists() is False


def test_nobody_hears_of_it(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    told(shipment, usps(shipment, LABEL, WEIGHED))
    before = (shipment.changed_at, Watch.objects.get(pk=shipment.pk).due_at)
    a_mapping()

    retold(shipment)
    attention.follow_quietly([shipment.pk], timezone.now())

    assert AttentionItem.objects.get().reasons[0] == Reason.EXCEPTION
    assert (shipment.changed_at, Watch.objects.get(pk=shipment.pk).due_at) == before
    assert attention.review(timezone.now()) == []
    assert Alert.objects.exists() is False
    assert Mail.objects.exists() is False


def test_a_reason_that_is_gone_closes_its_item_and_moves_the_counts(merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    mapping = a_mapping()
    told(shipment, usps(shipment, LABEL, ARRIVED, WEIGHED))
    now = NOON + timedelta(hours=1)
    attention.review(now, [shipment.pk])
    assert AttentionItem.objects.get().reasons == [Reason.EXCEPTION]
    mapping.delete()

    retold(shipment)
    attention.follow_quietly([shipment.pk], now)

    assert AttentionItem.objects.exists() is False
    assert Tally.objects.counts(merchant) == {(Lifecycle.ACTIVE, StatusGroup.MOVING): 1}
    assert list(Shipment.objects.in_group(StatusGroup.MOVING)) == [shipment]


def test_what_a_person_corrected_stays_and_its_scans_are_mapped() -> None:
    shipment = a_shipment()
    told(shipment, usps(shipment, LABEL, ARRIVED, WEIGHED))
    correcting.start_again(shipment, mailing_date=date(2026, 3, 4), now=NOON)
    shipment.refresh_from_db()
    line, kept = shipment.number_until, [("10", False), ("GX", False), ("ZZ", True)]
    a_mapping()

    what = retold(shipment)

    scans = ScanEvent.objects.filter(shipment=shipment).order_by("code")
    assert what == Retold(done=1, answers=1, scans_changed=1, by_scans=1)
    assert (shipment.number_until, shipment.status, shipment.lifecycle) == (line, "InTransit", "ended")
    assert [(scan.code, scan.withdrawn_at is not None) for scan in scans] == kept
    assert scans.get(code="ZZ").status == "Exception"


def test_scans_of_a_carrier_that_never_had_the_parcel_are_left_alone() -> None:
    shipment = a_shipment(number="1Z999AA10123456784", carrier="FedEx")
    told(shipment, pitney_bowes(shipment, {"at": "2026-03-05T06:00:00", "scanType": "ZZ"}))
    said = correcting.particulars_of(shipment)
    correcting.correct(
        shipment,
        type(said)(**{**{name: getattr(said, name) for name in said.__dataclass_fields__}, "carrier": "UPS"}),
        now=NOON,
    )
    a_mapping("UPS")

    what = retold(shipment)

    assert what == Retold(done=1, by_scans=1)
    assert statuses(shipment) == [("ZZ", "Unknown", "")]


@pytest.mark.parametrize("gone", ["the first", "all"])
def test_parcels_whose_answers_are_gone_are_read_from_their_scans(gone: str) -> None:
    shipment = a_shipment()
    told(shipment, usps(shipment, WEIGHED, deliveryDateExpectation={"expectedDeliveryDate": "2026-03-05"}))
    told(shipment, usps(shipment, WEIGHED, ARRIVED), minute=10)
    answers = Answer.objects.order_by("pk")
    Answer.objects.filter(
        pk__in=[answers[0].pk] if gone == "the first" else [one.pk for one in answers]
    ).delete()
    a_mapping(status="Delivered")

    what = retold(shipment)

    assert what == Retold(
        done=1, answers=1 if gone == "the first" else 0, changed=1, scans_changed=1, by_scans=1
    )
    assert (shipment.status, shipment.delivered_on) == ("Delivered", date(2026, 3, 5))
    assert shipment.first_promised_on == date(2026, 3, 5)
    StatusMapping.objects.all().delete()
    retold(shipment)
    assert (shipment.status, shipment.delivered_on) == ("InTransit", None)


def test_a_parcel_that_cannot_be_read_is_left_as_it_was_and_the_others_are_done(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broken, whole = a_shipment(), a_shipment()
    for shipment in (broken, whole):
        told(shipment, usps(shipment, LABEL, WEIGHED))

    def fails(shipment: Shipment, *rest: Any) -> Any:
        if shipment.pk == broken.pk:
            raise ZeroDivisionError("1600 Sample Street")
        return read_again(shipment, *rest)

    monkeypatch.setattr(retelling, "read_again", fails)
    a_mapping()

    what = retold(broken, whole)

    assert (what.done, what.changed, what.failed) == (2, 1, [broken.pk])
    assert (broken.status, whole.status) == ("Manifest", "Exception")
    assert UnrecognisedCode.objects.get().scans == 1
    assert f"Parcel {broken.pk} could not be read again: ZeroDivisionError" in caplog.text
    assert "Sample Street" not in caplog.text


def test_a_parcel_that_had_not_arrived_after_all_is_asked_about_again() -> None:
    mapping = a_mapping(status="Delivered")
    shipment, by_hand = a_shipment(), a_shipment()
    for one in (shipment, by_hand):
        told(one, usps(one, ARRIVED, WEIGHED))
    Shipment.objects.update(lifecycle=Lifecycle.ENDED, end_reason=EndReason.SETTLED)
    Shipment.objects.filter(pk=by_hand.pk).update(end_reason=EndReason.BY_HAND)
    Watch.objects.update(due_at=None)
    mapping.delete()

    retold(shipment, by_hand)

    assert (shipment.lifecycle, shipment.end_reason) == (Lifecycle.ACTIVE, "")
    assert Watch.objects.get(pk=shipment.pk).due_at is not None
    assert (by_hand.lifecycle, by_hand.end_reason) == (Lifecycle.ENDED, EndReason.BY_HAND)


def test_a_delivery_that_is_known_now_has_its_picture_fetched() -> None:
    shipment = a_shipment(carrier="UPS", number="1Z999AA10123456784")
    scan = {"at": "2026-03-05T06:00:00", "scanType": "QQ"}
    told(shipment, pitney_bowes(shipment, scan, deliveryProofUrl="https://carrier.example/proof"))
    assert Proof.objects.exists() is False
    a_mapping("UPS", code="QQ", status="Delivered")

    retold(shipment)

    assert Proof.objects.get().shipment_id == shipment.pk


def test_many_parcels_take_as_many_statements_as_one() -> None:
    parcels = [a_shipment(merchant := a_merchant()) if n == 0 else a_shipment(merchant) for n in range(12)]
    for shipment in parcels:
        told(shipment, usps(shipment, LABEL, WEIGHED))
    a_mapping()
    counts = []
    for some in (parcels[:1], parcels[1:]):
        with CaptureQueriesContext(connection) as statements, transaction.atomic():
            retell([one.pk for one in some], timezone.now())
        counts.append(len(statements))
    assert counts[0] == counts[1]
    assert Shipment.objects.filter(status=Status.EXCEPTION).count() == 12
