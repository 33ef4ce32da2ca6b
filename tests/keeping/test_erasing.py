"""A buyer is found and forgotten; nothing that is heard later brings them back."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from shipments.bulk import importing
from shipments.carriers.base import Snapshot
from shipments.enums import ErasedBy, Kept, Lifecycle, Status
from shipments.keeping import erasing, erasing_again
from shipments.keeping.emptying import empty
from shipments.models import (
    Answer,
    Erasure,
    ErasureKey,
    Import,
    Mail,
    Merchant,
    Proof,
    ProofPicture,
    ScanEvent,
    Shipment,
    Statement,
    Subscription,
    SubscriptionRequest,
)
from shipments.tracking.adding import BadParcel, add_parcel, read_parcel
from shipments.tracking.correcting import correct, particulars_of, read_particulars
from tests.factories import (
    ACCEPTED,
    DENVER,
    a_draft,
    a_merchant,
    a_scan,
    a_shipment,
    a_snapshot,
    an_impb,
    ingested,
)
from tests.keeping.people import EMAIL, MARK, a_known_parcel, what_the_carrier_says

pytestmark = pytest.mark.django_db


def _erase(shipment: Shipment) -> Erasure:
    return _done(erasing.begin(ErasedBy.NUMBER, shipment.lookup_key, None, asked_by=None, now=timezone.now()))


def _done(erasure: Erasure) -> Erasure:
    assert erasing.work(timezone.now()) is True
    erasure.refresh_from_db()
    return erasure


def _a_longer_story() -> Snapshot:
    """What the carrier says a day later, with a scan more."""
    told = what_the_carrier_says()
    more = a_scan("2026-03-06 08:00", "21", f"Taken back from {MARK}", Status.EXCEPTION, place=DENVER)
    return a_snapshot(
        more,
        *told.scans,
        **{
            name: getattr(told, name)
            for name in (
                "status_text",
                "signed_by",
                "delivery_location",
                "details",
                "delivery_proof_url",
                "second_number",
                "last_location",
                "delivered",
                "destination",
            )
        },
    )


@pytest.mark.parametrize(
    ("by", "typed", "term"),
    [
        (ErasedBy.EMAIL, "  Buyer@Example.COM ", "buyer@example.com"),
        (ErasedBy.NUMBER, "9400 1000 0000 0000 0000 00", "9400100000000000000000"),
        (ErasedBy.NUMBER, "420208329400100000000000000000", "9400100000000000000000"),
    ],
)
def test_all_spellings_of_what_is_looked_for_are_one(by: ErasedBy, typed: str, term: str) -> None:
    assert erasing.read_term(by, typed) == term


@pytest.mark.parametrize(
    ("by", "typed"),
    [
        (ErasedBy.EMAIL, "buyer"),
        (ErasedBy.EMAIL, f"{'b' * 60}@{'e' * 200}.com"),
        (ErasedBy.NUMBER, "?"),
        (ErasedBy.NUMBER, "Ada Lovelace!"),
    ],
)
def test_what_can_be_no_address_or_number_is_refused_and_not_repeated(by: ErasedBy, typed: str) -> None:
    with pytest.raises(erasing.BadTerm) as refusal:
        erasing.read_term(by, typed)
    assert typed not in str(refusal.value)


def test_what_would_be_erased_is_shown_masked() -> None:
    shipment = a_known_parcel(a_merchant(name="Alpine"))
    found = erasing.look(ErasedBy.NUMBER, shipment.lookup_key, None)
    assert found.addresses == ["Q•••@example.com"]
    assert (found.parcels, found.on_their_way, found.is_more) == (1, 1, False)
    (sample,) = found.samples
    assert (sample.merchant, sample.recipient, sample.number) == (
        "Alpine",
        "A••• Q•••",
        f"…{shipment.number[-4:]}",
    )
    assert found.counts == {"scans": 3, "answers": 1, "pictures": 1, "statements": 1, "notes": 1, "mails": 2}
    assert MARK not in repr(found)


def test_by_number_the_parcels_of_all_merchants_are_erased_or_of_one() -> None:
    one, other = a_merchant(), a_merchant()
    mine = a_known_parcel(one)
    theirs = a_known_parcel(other, number=mine.number)
    _done(erasing.begin(ErasedBy.NUMBER, mine.lookup_key, one, asked_by=None, now=timezone.now()))
    assert Shipment.objects.get(pk=mine.pk).has_lost(Kept.PERSONAL)
    assert Shipment.objects.get(pk=theirs.pk).recipient_name == f"Ada {MARK}"
    _erase(theirs)
    assert Shipment.objects.get(pk=theirs.pk).has_lost(Kept.PERSONAL)


def test_the_receipt_says_how_much_and_not_whom() -> None:
    shipment = a_known_parcel()
    erasure = _erase(shipment)
    assert erasure.counts == {
        "parcels": 1, "scans": 3, "answers": 1, "pictures": 1, "statements": 1, "addresses": 2, "mails": 3,
        "notes": 1, "rows": 1,
    }  # fmt: skip
    assert (erasure.term, erasure.is_done) == (None, True)
    assert erasure.term_digest == ErasureKey.objects.digest(ErasedBy.NUMBER, shipment.lookup_key)
    assert shipment.number not in repr(vars(erasure))


def test_while_it_waits_whom_it_is_about_is_encrypted() -> None:
    from django.db import connection

    erasing.begin(ErasedBy.EMAIL, "ada@example.com", None, asked_by=None, now=timezone.now())
    with connection.cursor() as cursor:
        cursor.execute("SELECT term FROM shipments_erasure")
        assert "ada" not in cursor.fetchone()[0]
    with pytest.raises(IntegrityError), transaction.atomic():
        Erasure.objects.update(done_at=timezone.now())


def test_by_address_the_parcels_go_along_or_stay() -> None:
    shipment = a_known_parcel()
    other = Subscription.objects.create(
        merchant=shipment.merchant, shipment=shipment, email="other@example.com", wants="both", language="en",
        sight=1, confirmed_at=timezone.now(), news_after=timezone.now(),
    )  # fmt: skip
    _done(
        erasing.begin(
            ErasedBy.EMAIL, EMAIL.lower(), None, with_parcels=False, asked_by=None, now=timezone.now()
        )
    )
    assert Shipment.objects.get().recipient_name == f"Ada {MARK}"
    assert list(Subscription.objects.exclude(email=None)) == [other]
    assert not SubscriptionRequest.objects.exists()
    assert list(Mail.objects.values_list("to", "subject", "error")) == [("", "", "")]


def test_many_parcels_are_erased_in_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(erasing, "STEP", 2)
    merchant = a_merchant()
    now = timezone.now()
    for _ in range(5):
        shipment = a_shipment(merchant, recipient_name="Ada", created_at=now - timedelta(days=1))
        Subscription.objects.create(
            merchant=merchant, shipment=shipment, email="ada@example.com", wants="both", language="en", sight=2,
            confirmed_at=now - timedelta(days=1), news_after=now,
        )  # fmt: skip
    erasure = erasing.begin(ErasedBy.EMAIL, "ada@example.com", None, asked_by=None, now=now)
    assert erasing.work(now, patience=0) is False
    # A worker that was killed here has lost nothing: whoever goes on begins where the row says.
    assert Shipment.objects.filter(recipient_name="Ada").count() == 3
    assert _done(erasure).counts == {"parcels": 5, "addresses": 5}
    assert not Shipment.objects.filter(recipient_name="Ada").exists()


def test_what_is_added_after_the_wish_is_another_matter() -> None:
    now = timezone.now()
    shipment = a_shipment(recipient_name="Ada", created_at=now + timedelta(minutes=1))
    erasing.begin(ErasedBy.NUMBER, shipment.lookup_key, None, asked_by=None, now=now)
    erasing.work(now)
    assert Shipment.objects.get().recipient_name == "Ada"


# ---- Nothing comes back ----------------------------------------------------------------------------------------------


def test_a_parcel_on_its_way_is_followed_without_names() -> None:
    shipment = a_known_parcel()
    assert shipment.lifecycle == Lifecycle.ACTIVE
    _erase(shipment)
    entry = ingested(shipment, _a_longer_story(), minute=60)

    after = Shipment.objects.get()
    assert (after.status, entry.new_scans) == (Status.EXCEPTION, 1)
    assert after.last_location == "DENVER, CO"
    named = [
        name
        for name in (
            "status_text",
            "signed_by",
            "delivery_location",
            "details",
            "proof_url",
            "second_number",
            "destination_postal_code",
        )
        if getattr(after, name)
    ]
    assert named == []
    assert list(
        after.scans.newest_first().values_list(
            "status", "text", "text_for_buyers", "signed_by", "postal_code"
        )
    ) == [
        ("Exception", "", "", "", ""),
        ("Delivered", "", "", "", ""),
        ("Unknown", "", "", "", ""),
        ("Acceptance", "", "", "", ""),
    ]
    newest = Answer.objects.latest("pk")
    assert (newest.body, newest.unreadable, len(newest.sha256), newest.pk) == (None, [], 64, after.answer_id)
    assert not Proof.objects.filter(due_at__isnull=False).exists()


def test_the_same_answer_again_is_known_by_its_digest() -> None:
    shipment = a_known_parcel()
    _erase(shipment)
    before = Shipment.objects.get()
    entry = ingested(shipment, what_the_carrier_says(), minute=60)
    assert (entry.new_scans, entry.is_news) == (0, False)
    after = Shipment.objects.get()
    assert (after.changed_at, after.signed_by, after.answer_id) == (before.changed_at, "", before.answer_id)
    assert Answer.objects.get().body is None


def test_erased_scans_keep_their_place_on_the_clock() -> None:
    """Their postal codes told the zone; these are gone."""
    shipment = a_known_parcel()
    moments = list(ScanEvent.objects.order_by("pk").values_list("at", "zone", "known_by"))
    _erase(shipment)
    ingested(shipment, _a_longer_story(), minute=60)
    assert list(ScanEvent.objects.order_by("pk").values_list("at", "zone", "known_by"))[:3] == moments


def test_an_answer_that_comes_late_brings_nothing_back() -> None:
    shipment = a_known_parcel()
    _erase(shipment)
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED, text_for_buyers=MARK), signed_by=MARK), minute=-60)
    assert not ScanEvent.objects.filter(text__gt="").exists()
    assert not Answer.objects.exclude(body=None).exists()
    assert Shipment.objects.get().signed_by == ""


def test_scans_past_their_age_are_not_stored_again() -> None:
    shipment = a_known_parcel()
    empty([shipment.pk], Kept.SCANS, timezone.now(), days=365)
    ingested(shipment, _a_longer_story(), minute=60)
    ingested(shipment, what_the_carrier_says(), minute=30)
    assert not ScanEvent.objects.exists()
    assert Shipment.objects.get().status == Status.EXCEPTION


def test_a_picture_that_was_being_fetched_is_not_kept() -> None:
    from shipments.tracking import proof

    shipment = a_shipment(proof_url="https://carrier.example/proof/1", status=Status.DELIVERED)
    now = timezone.now()
    Proof.objects.begin([shipment], now)
    until = now + timedelta(minutes=3)
    ((leased),) = proof._lease(now, until)
    _erase(Shipment.objects.get())
    from shipments.facts.pictures import draw_anew
    from tests.factories import a_drawing

    kept = proof._Kept(draw_anew(a_drawing()), "0" * 64, 1)
    assert proof._settle(leased.pk, until, kept, now) is False
    assert not ProofPicture.objects.exists()


def test_adding_or_correcting_the_parcel_again_names_nobody() -> None:
    shipment = a_known_parcel(a_merchant())
    _erase(shipment)
    add_parcel(
        shipment.merchant,
        read_parcel(f"42020832{shipment.number}", carrier="USPS", postal_code="20832"),
        recipient_name="Ada",
    )
    after = Shipment.objects.get()
    assert (after.destination_postal_code, after.recipient_name) == ("", "")
    with pytest.raises(BadParcel) as refusal:
        read_particulars(
            after, carrier="USPS", gateway="", mailing_date="", postal_code="", order_number="", recipient_name="Ada",
            proof_due=False,
        )  # fmt: skip
    assert refusal.value.field == "recipient name"


def test_a_corrected_mailing_date_leaves_the_summary_of_erased_scans() -> None:
    shipment = a_known_parcel()
    empty([shipment.pk], Kept.SCANS, timezone.now(), days=365)
    stands = particulars_of(shipment)
    from dataclasses import replace

    correct(
        shipment,
        replace(stands, mailing_date=(timezone.now() - timedelta(days=400)).date()),
        now=timezone.now(),
    )
    after = Shipment.objects.get()
    assert (after.status, after.last_scan_at) == (Status.DELIVERED, shipment.last_scan_at)


def _imported(rows: str, merchant: Merchant) -> Import:
    job = a_draft(f"Tracking number,Email,Consent,Recipient,Order,ZIP\n{rows}", merchant)
    assert job.start(timezone.now())
    importing.work_on(job.pk)
    job.refresh_from_db()
    return job


def test_the_same_file_imported_again_completes_no_erased_parcel() -> None:
    merchant = a_merchant()
    row = f"9400100000000000000017,{EMAIL},checkout,Ada {MARK},{MARK}-7,20832\n"
    assert (_imported(row, merchant).good, Subscription.objects.get().email) == (1, EMAIL)
    _erase(Shipment.objects.get())
    job = _imported(row, merchant)
    assert (job.good, job.double, job.learnt, job.subscribed) == (0, 1, 0, 0)
    after = Shipment.objects.get()
    assert (after.recipient_name, after.order_number, after.destination_postal_code) == ("", "", "")
    assert Subscription.objects.get().email is None


def test_an_erased_address_is_subscribed_by_no_list_to_parcels_there_were_then() -> None:
    merchant, other = a_merchant(), a_merchant()
    shipment = a_shipment(merchant, created_at=timezone.now() - timedelta(days=3))
    theirs = a_shipment(other, created_at=timezone.now() - timedelta(days=3))
    erasing.begin(ErasedBy.EMAIL, "ada@example.com", merchant, asked_by=None, now=timezone.now())
    erasing.work(timezone.now())
    assert _imported(f"{shipment.number},Ada@Example.com,yes,,,\n", merchant).subscribed == 0
    # Another merchant was not asked to forget; and who orders again agrees again.
    assert _imported(f"{theirs.number},ada@example.com,yes,,,\n", other).subscribed == 1
    assert _imported(f"{an_impb()},ada@example.com,yes,,,\n", merchant).subscribed == 1


# ---- After a restore -------------------------------------------------------------------------------------------------


def test_after_a_restore_erasures_are_done_again_by_their_digests() -> None:
    shipment = a_known_parcel()
    _done(erasing.begin(ErasedBy.EMAIL, EMAIL.lower(), None, asked_by=None, now=timezone.now()))
    gone = erasing.begin(ErasedBy.NUMBER, "9400100000000000000099", None, asked_by=None, now=timezone.now())
    _done(gone)
    kept = list(erasing_again.records())
    assert MARK.lower() not in repr(kept).lower()
    # The backup is from before both: the parcel is back, and the receipts are gone.
    Erasure.objects.all().delete()
    Shipment.objects.filter(pk=shipment.pk).update(recipient_name="Ada", erased_parts=0)
    Subscription.objects.update(email=EMAIL)

    assert erasing_again.begin_again(kept, timezone.now()) == (1, 1)
    assert erasing.work(timezone.now()) is True
    assert Shipment.objects.get().recipient_name == ""
    assert Subscription.objects.get().email is None
    again = Erasure.objects.get()
    assert (again.is_done, again.by, str(again.public_id)) == (True, "email", kept[0].public_id)
    assert Statement.objects.get().document is None
