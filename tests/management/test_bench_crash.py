"""The judge of `bench_crash` finds what is wrong, so that its silence means something."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from smtplib import SMTP

import pytest

from shipments.enums import Gateway, Status, ZoneKnownBy
from shipments.management.benchmarks.mail_sink import MailSink
from shipments.management.benchmarks.scripted import ScriptedParcel, Verdict, judge, scripted_parcels
from shipments.models import ScanEvent
from shipments.simulator.journeys import ScriptedScan, scans_until
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db

FIRST_LABEL = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LATER = FIRST_LABEL + timedelta(days=3)


def stored(shipment_id: int, merchant_id: int, scan: ScriptedScan) -> ScanEvent:
    local = scan.local
    return ScanEvent.objects.create(
        shipment_id=shipment_id,
        merchant_id=merchant_id,
        fingerprint=sha256(f"{scan}{ScanEvent.objects.count()}".encode()).hexdigest()[:32],
        local_date=local.date(),
        local_time=None if scan.date_only else local.time().replace(microsecond=0),
        at=None if scan.date_only else scan.at,
        ordered_at=scan.at,
        known_by=ZoneKnownBy.PLACE,
        status=Status.IN_TRANSIT,
        code=scan.words.code,
    )


@pytest.fixture
def parcels() -> list[ScriptedParcel]:
    """Ten parcels of both gateways, each with all its scans until `LATER`."""
    made = scripted_parcels(10, FIRST_LABEL)
    merchant = a_merchant()
    for parcel in made:
        shipment = a_shipment(merchant, carrier=str(parcel.carrier), number=parcel.number)
        for scan in scans_until(parcel.journey, LATER):
            stored(shipment.pk, merchant.pk, scan)
    return made


def verdict(parcels: list[ScriptedParcel]) -> Verdict:
    return judge(parcels, seen_all_until=LATER, nothing_after=LATER + timedelta(minutes=5))


def wrongs(found: Verdict) -> tuple[int, int, int, int]:
    return found.lost, found.doubled, found.invented, found.withdrawn


def test_parcels_are_different_and_of_both_gateways() -> None:
    many = scripted_parcels(2_000, FIRST_LABEL)
    assert len({parcel.number for parcel in many}) == 2_000
    assert sum(parcel.gateway is Gateway.USPS for parcel in many) == 1_200


def test_what_is_as_scripted_is_clean(parcels: list[ScriptedParcel]) -> None:
    found = verdict(parcels)
    assert wrongs(found) == (0, 0, 0, 0)
    assert found.is_clean
    assert found.stored == found.scripted > 50


def test_a_scan_that_is_missing_is_lost(parcels: list[ScriptedParcel]) -> None:
    ScanEvent.objects.order_by("pk")[3].delete()
    assert wrongs(verdict(parcels)) == (1, 0, 0, 0)


def test_a_scan_that_is_there_twice_is_doubled(parcels: list[ScriptedParcel]) -> None:
    scan = ScanEvent.objects.order_by("pk")[3]
    scan.pk, scan.fingerprint = None, "another"
    scan.save(force_insert=True)
    assert wrongs(verdict(parcels)) == (0, 1, 0, 0)


def test_a_scan_that_stands_otherwise_is_lost_and_invented(parcels: list[ScriptedParcel]) -> None:
    ScanEvent.objects.filter(pk=ScanEvent.objects.order_by("pk")[3].pk).update(code="??")
    assert wrongs(verdict(parcels)) == (1, 0, 1, 0)


def test_scans_of_parcels_nobody_added_are_invented(parcels: list[ScriptedParcel]) -> None:
    stray = a_shipment(number="9400100000000000000000")
    stored(stray.pk, stray.merchant_id, parcels[0].journey.scans[0])
    assert wrongs(verdict(parcels)) == (0, 0, 1, 0)


def test_a_scan_marked_as_taken_back_is_no_longer_told(parcels: list[ScriptedParcel]) -> None:
    ScanEvent.objects.filter(pk=ScanEvent.objects.order_by("pk")[3].pk).update(withdrawn_at=LATER)
    found = verdict(parcels)
    assert wrongs(found) == (0, 0, 0, 1)
    assert not found.is_clean


def test_a_scan_of_the_last_minutes_may_be_there_or_not(parcels: list[ScriptedParcel]) -> None:
    newest = ScanEvent.objects.order_by("-ordered_at")[0]
    found = judge(parcels, seen_all_until=newest.ordered_at - timedelta(seconds=1), nothing_after=LATER)
    assert found.is_clean
    newest.delete()
    assert judge(
        parcels, seen_all_until=newest.ordered_at - timedelta(seconds=1), nothing_after=LATER
    ).is_clean


def test_the_sink_tells_a_mail_sent_again_from_news_told_twice() -> None:
    def mail(identity: str) -> str:
        return f"Subject: Out for delivery\r\nMessage-ID: <{identity}@example.com>\r\n\r\nToday.\r\n"

    with MailSink() as sink:
        for identity in ("1", "1", "2"):
            with SMTP("127.0.0.1", sink.port) as smtp:
                smtp.sendmail("tracking@example.com", ["buyer@example.com"], mail(identity))
    assert (sink.taken.total(), sink.sent_again, sink.told_twice) == (3, 1, 1)
