"""A buyer whose address stands in every place somebody or something could have put it, and one erasure by it."""

import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django.apps import apps
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Failure, OrmQ, Task

from shipments.bulk import importing
from shipments.enums import ErasedBy, Lifecycle
from shipments.keeping import erasing, exporting_all, receipts
from shipments.models import (
    AuditEntry,
    BadRow,
    BulkAction,
    Erasure,
    Mail,
    MerchantExport,
    Note,
    SavedView,
    Shipment,
    Subscription,
    User,
)
from shipments.models.audit import MASK
from shipments.outbound import mail
from tests.factories import a_draft, a_merchant, a_shipment, an_impb
from tests.keeping.people import EMAIL, MARK, a_known_parcel
from tests.keeping.test_inventory import _places_with

pytestmark = pytest.mark.django_db

SignIn = Callable[[User], Client]
# Another mailbox for all we know, and somebody else's.
TAGGED, OTHER = "quillfeather+shop@example.com", "not.quillfeather@example.com"


def _everything_said() -> Iterator[tuple[str, str]]:
    """Every value of every row, decrypted and unpacked: what whoever has the keys can read."""
    for model in apps.get_models():
        for row in model._default_manager.all():
            for field in model._meta.concrete_fields:
                value: Any = getattr(row, field.attname)
                if isinstance(value, memoryview | bytes):
                    value = _unpacked(bytes(value))
                yield f"{model.__name__}.{field.name}", str(value).lower()


def _unpacked(value: bytes) -> str:
    with suppress(zlib.error):
        value = zlib.decompress(value)
    return value.decode(errors="replace")


def _where(word: str) -> set[str]:
    return {column for column, said in _everything_said() if word.lower() in said}


def _erased(term: str) -> Erasure:
    erasure = erasing.begin(
        ErasedBy.EMAIL, erasing.read_term(ErasedBy.EMAIL, term), None, asked_by=None, now=timezone.now()
    )
    assert erasing.work(timezone.now()) is True
    erasure.refresh_from_db()
    return erasure


def _a_failed_task(told: str) -> Failure:
    """As the queue keeps one: with the whole traceback, and what the database had said in it."""
    Task.objects.create(
        id="f" * 32, name="n", func="shipments.tasks.send_mail", args=(1,), started=timezone.now(),
        stopped=timezone.now(), success=False, result=told,
    )  # fmt: skip
    return Failure.objects.get()


def test_after_an_erasure_the_address_is_nowhere(alice: User, signed_in: SignIn) -> None:
    merchant = alice.memberships.get().merchant
    job = a_draft(
        f"number,email,consent,recipient\n{an_impb()},{EMAIL.upper()},yes,Ada {MARK}\n{an_impb()},,,Bo\n",
        merchant,
    )
    assert job.start(timezone.now())
    importing.work_on(job.pk)
    shipment = a_known_parcel(merchant)
    elsewhere = a_shipment(merchant, recipient_name="Bo")
    here: dict[str, Any] = {"args": [merchant.slug, shipment.public_id]}
    member = signed_in(alice)
    member.post(reverse("tag-add", **here), {"tag": f"{MARK}s"})
    member.post(reverse("note-add", **here), {"text": f"{EMAIL} rang"})
    member.post(
        reverse("note-add", args=[merchant.slug, elsewhere.public_id]),
        {"text": f"Sent to <{EMAIL.upper()}> by mistake; {TAGGED} and {OTHER} wait."},
    )
    member.post(
        reverse("bulk-start", args=[merchant.slug]),
        {"action": "tag", "tag": f"{MARK}s", "pick": str(shipment.public_id), "query": "tab=unknown"},
    )
    for query in ("q=quillfeather%40example.com&tab=all", f"q={EMAIL}"):
        SavedView.objects.create(merchant=merchant, owner=alice, name=query[:9], query=query)
        BulkAction.objects.create(
            merchant=merchant, by=alice, deed="archive", argument={}, query=query, as_of=timezone.now()
        )
    mail.post(to=EMAIL.upper(), kind="news", subject=MARK, text=MARK, merchant=merchant)
    mail.post(to=EMAIL, kind="news", subject=MARK, text=MARK, merchant=merchant)
    Mail.objects.latest("pk").note_refusal(f"550 <{EMAIL}> unknown")
    BadRow.objects.create(job=job, merchant=merchant, row=8, cells=[f"Ada <{EMAIL}>"], reason=f"{EMAIL}: no")
    _a_failed_task(f"IntegrityError : duplicate key\nDETAIL:  Key (lower(email))=({EMAIL.lower()}) exists.")
    Subscription.objects.create(
        merchant=merchant, shipment=elsewhere, email=TAGGED, wants="both", language="en", sight=1,
        confirmed_at=timezone.now(), news_after=timezone.now(),
    )  # fmt: skip
    Shipment.objects.update(lifecycle=Lifecycle.ENDED, end_reason="settled")
    exporting_all.start(merchant, alice, timezone.now())
    exporting_all.work_on(MerchantExport.objects.get().pk)
    before = _where(EMAIL)
    assert before >= {
        "BadRow.cells", "BulkAction.query", "ImportChunk.content", "Mail.error", "Mail.to", "Note.text", "SavedView.query",
        "Subscription.email", "SubscriptionRequest.email", "Failure.result",
    }  # fmt: skip
    assert {
        column for column, said in _everything_said() if MARK.lower() in said and "Audit" in column
    } == set()

    erasure = _erased(f" {EMAIL.upper()} ")

    assert _where(EMAIL) == {"Note.text"}
    # Of a note about another parcel the words stay, and other people's addresses that end or begin alike.
    note = Note.objects.get(shipment=elsewhere)
    assert note.text == f"Sent to <{MASK}> by mistake; {TAGGED} and {OTHER} wait."
    assert OTHER.endswith(EMAIL.lower())
    assert _where(MARK) == {"BulkAction.argument", "Note.text", "Subscription.email"}
    assert _places_with(MARK) == {"shipments_bulkaction", "shipments_note", "shipments_subscription"}
    assert Subscription.objects.get(email__isnull=False).email == TAGGED
    assert set(SavedView.objects.values_list("query", flat=True)) == {"q=&tab=all", "q="}
    assert "DETAIL:  Key (lower(email))=(•••) exists." in Failure.objects.get().result
    assert not MerchantExport.objects.get().can_be_fetched(timezone.now())
    assert {
        task.task["args"] for task in OrmQ.objects.all() if any(isinstance(a, str) for a in task.task["args"])
    } == set()
    assert (erasure.counts["mentions"], erasure.counts["file_rows"], erasure.counts["exports"]) == (6, 1, 1)
    assert EMAIL.lower() not in receipts.text_of(erasure).lower()


def test_what_members_get_is_not_touched_by_an_erasure_of_their_address(alice: User) -> None:
    mail.post(to=alice.email, kind="digest", subject="Ten parcels", text="x", merchant=a_merchant())

    _erased(alice.email)

    kept = Mail.objects.get()
    assert (kept.to, kept.subject, kept.due_at is not None) == (alice.email, "Ten parcels", True)


def test_an_address_of_one_merchant_is_left_with_the_others() -> None:
    notes = [
        Note.objects.create(shipment=shipment, merchant=shipment.merchant, text=f"{EMAIL} rang")
        for shipment in (a_shipment(a_merchant()), a_shipment(a_merchant()))
    ]
    erasing.begin(ErasedBy.EMAIL, EMAIL.lower(), notes[0].merchant, asked_by=None, now=timezone.now())
    assert erasing.work(timezone.now()) is True
    assert [Note.objects.get(pk=note.pk).text for note in notes] == [f"{MASK} rang", f"{EMAIL} rang"]


def test_the_audit_of_a_deed_on_many_parcels_has_no_tag_in_clear(alice: User, signed_in: SignIn) -> None:
    merchant = alice.memberships.get().merchant
    shipment = a_shipment(merchant)
    signed_in(alice).post(
        reverse("bulk-start", args=[merchant.slug]),
        {"action": "tag", "tag": MARK, "pick": str(shipment.public_id), "query": "tab=unknown"},
    )
    entry = AuditEntry.objects.get(verb="started", model="shipments.BulkAction")
    assert entry.after["tag"] == MASK
