"""What people do with one parcel from its page, and that it is written down."""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from shipments.analytics import attention
from shipments.enums import EndReason, Lifecycle, Reason, Resolution, Status
from shipments.models import (
    Alert,
    AttentionItem,
    AuditEntry,
    Merchant,
    Note,
    PrivateLink,
    PromisedDay,
    Shipment,
    User,
    Watch,
)
from shipments.models.audit import MASK
from shipments.web.forms_attention import Seen
from shipments.web.forms_parcel import CorrectionForm
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
)

pytestmark = pytest.mark.django_db

Commits = Callable[..., Any]
NUMBER = "9405509898641500000146"


@pytest.fixture
def manager(mary: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(mary)


@pytest.fixture
def viewer(bob: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(bob)


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    shipment = a_shipment(merchant, number=NUMBER, order_number="A-77", recipient_name="Rosa Invented")
    ingested(shipment, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED), a_scan(*LABEL)))
    shipment.refresh_from_db()
    return shipment


def url(shipment: Shipment, more: str = "") -> str:
    return f"/app/alpine/shipments/{shipment.public_id}/{more}"


def page_of(client: Client, shipment: Shipment, query: str = "") -> str:
    return client.get(url(shipment, query)).content.decode().replace("&#x27;", "'")


def deeds() -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    return list(AuditEntry.objects.order_by("id").values_list("verb", "before", "after"))


# ---- Notes


def test_a_note_is_kept_shown_and_its_text_stays_out_of_the_audit(
    manager: Client, viewer: Client, mary: User, parcel: Shipment
) -> None:
    response = manager.post(url(parcel, "notes/"), {"text": " Buyer called.\nWill wait <b>. "})

    assert response.headers["Location"] == url(parcel) + "#notes"
    note = Note.objects.get()
    assert (note.shipment, note.merchant, note.author, note.text) == (
        parcel,
        parcel.merchant,
        mary,
        "Buyer called.\nWill wait <b>.",
    )
    assert deeds() == [("wrote a note", {}, {})]
    page = page_of(viewer, parcel)
    assert "Buyer called.\nWill wait &lt;b&gt;." in page
    assert "mary@example.com" in page
    assert "mary@example.com wrote a note" in page


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("  ", "A note has at least one word."),
        ("x" * 2001, "Ensure this value has at most 2000 characters (it has 2001)."),
    ],
)
def test_a_note_that_is_refused_is_not_lost(manager: Client, parcel: Shipment, text: str, rule: str) -> None:
    response = manager.post(url(parcel, "notes/"), {"text": text})

    page = response.content.decode()
    assert (response.status_code, Note.objects.count()) == (400, 0)
    assert rule in page
    assert f">\n{text.strip() or text}</textarea>" in page


def test_a_note_is_deleted_by_its_author_alone(
    manager: Client, alice: User, signed_in: Callable[[User], Client], parcel: Shipment
) -> None:
    manager.post(url(parcel, "notes/"), {"text": "Buyer called."})
    note, others = Note.objects.get(), a_shipment(parcel.merchant)
    owner = signed_in(alice)
    assert 'form="note-delete"' in page_of(manager, parcel)
    assert 'form="note-delete"' not in page_of(owner, parcel)

    refusal = owner.post(url(parcel, "notes/delete/"), {"note": note.pk}, follow=True)
    manager.post(url(others, "notes/delete/"), {"note": note.pk})
    manager.post(url(parcel, "notes/delete/"), {"note": "1; drop"})
    assert "Only who wrote a note may delete it. Nothing was changed." in refusal.content.decode()
    assert Note.objects.count() == 1

    manager.post(url(parcel, "notes/delete/"), {"note": note.pk})

    assert Note.objects.count() == 0
    assert [verb for verb, _before, _after in deeds()] == ["wrote a note", "deleted a note"]


def test_of_many_notes_the_newest_are_shown_and_all_on_demand(viewer: Client, parcel: Shipment) -> None:
    Note.objects.bulk_create(
        Note(
            shipment=parcel, merchant=parcel.merchant, text=f"note {n}", made_at=timezone.now() + timedelta(n)
        )
        for n in range(25)
    )

    assert page_of(viewer, parcel).count('class="parcel-notes__one"') == 20
    assert page_of(viewer, parcel, "?all=notes").count('class="parcel-notes__one"') == 25


# ---- Tags


def test_a_tag_is_put_on_and_taken_off(manager: Client, viewer: Client, parcel: Shipment) -> None:
    manager.post(url(parcel, "tags/"), {"tag": "  Spring   sale "})
    parcel.refresh_from_db()
    assert parcel.tags == ["Spring sale"]
    assert 'name="tag" value="Spring sale"' in page_of(manager, parcel)
    assert 'name="tag" value="Spring sale"' not in page_of(viewer, parcel)

    manager.post(url(parcel, "tags/remove/"), {"tag": "Spring sale"})
    manager.post(url(parcel, "tags/remove/"), {"tag": "Spring sale"})

    parcel.refresh_from_db()
    assert parcel.tags == []
    assert deeds() == [("tagged", {}, {"tag": MASK}), ("untagged", {"tag": MASK}, {})]


@pytest.mark.parametrize(
    ("tag", "rule"),
    [
        ("VIP", "The parcel has this tag already: vip."),
        ("x" * 41, "A tag has at most 40 characters; this one has 41."),
        (" ", "Type a tag."),
    ],
)
def test_a_tag_that_is_refused_names_the_rule_at_its_field(
    manager: Client, parcel: Shipment, tag: str, rule: str
) -> None:
    Shipment.objects.filter(pk=parcel.pk).tag("vip")

    response = manager.post(url(parcel, "tags/"), {"tag": tag})

    page = response.content.decode()
    assert response.status_code == 400
    assert f'<ul class="errorlist" id="tag-tag_error"><li>{rule}</li></ul>' in page
    assert f'name="tag" value="{tag}"' in page
    parcel.refresh_from_db()
    assert (parcel.tags, deeds()) == (["vip"], [])


# ---- Resolution and lifecycle


def test_a_resolution_stands_beside_the_carriers_facts_until_it_is_taken_back(
    manager: Client, mary: User, viewer: Client, parcel: Shipment
) -> None:
    manager.post(url(parcel, "resolve/"), {"resolution": "refunded"})
    manager.post(url(parcel, "resolve/"), {"resolution": "refunded"})

    parcel.refresh_from_db()
    assert (parcel.resolution, parcel.resolved_by, parcel.status) == (
        Resolution.REFUNDED,
        mary,
        Status.DELIVERED,
    )
    page = page_of(viewer, parcel)
    assert "Resolved by a person" in page
    assert "mary@example.com marked it as refunded" in page

    manager.post(url(parcel, "unresolve/"))

    parcel.refresh_from_db()
    assert (parcel.resolution, parcel.resolved_by, parcel.resolved_at) == ("", None, None)
    assert deeds() == [
        ("resolved", {}, {"resolution": "refunded"}),
        ("unresolved", {"resolution": "refunded"}, {}),
    ]


def test_a_resolution_there_is_not_changes_nothing(manager: Client, parcel: Shipment) -> None:
    response = manager.post(url(parcel, "resolve/"), {"resolution": "eaten"}, follow=True)

    assert "A parcel is lost, refunded or returned. Nothing was changed." in response.content.decode()
    assert deeds() == []


def test_a_parcel_is_closed_reopened_archived_and_taken_out_again(
    manager: Client, parcel: Shipment, django_capture_on_commit_callbacks: Commits
) -> None:
    def state(deed: str) -> tuple[str, str, bool]:
        manager.post(url(parcel, f"{deed}/"))
        row = Shipment.objects.get(pk=parcel.pk)
        return row.lifecycle, row.end_reason, Watch.objects.get(shipment=parcel).due_at is not None

    assert state("close") == (Lifecycle.ENDED, EndReason.BY_HAND, False)
    assert "Reopen: ask again" in page_of(manager, parcel)
    with django_capture_on_commit_callbacks() as nudges:
        assert state("reopen") == (Lifecycle.ACTIVE, "", True)
    # The carrier is asked, and attention reviewed.
    assert len(nudges) == 2
    assert state("archive") == (Lifecycle.ARCHIVED, EndReason.ARCHIVED, False)
    assert Client().get(f"/track/{NUMBER}").status_code == 410
    assert state("reopen") == (Lifecycle.ARCHIVED, EndReason.ARCHIVED, False)
    assert state("restore") == (Lifecycle.ACTIVE, "", True)
    assert [verb for verb, _before, _after in deeds()] == ["closed", "reopened", "archived", "restored"]


# ---- Who did what


def test_deeds_are_told_in_words_with_the_peoples_names(
    manager: Client, viewer: Client, mary: User, alice: User, parcel: Shipment
) -> None:
    User.objects.filter(pk=mary.pk).update(name="Mary Moss")
    link = PrivateLink.objects.make(parcel)
    gone = a_person("gone@example.com")

    def write(verb: str, row: Any = parcel, **more: Any) -> None:
        AuditEntry.objects.record(verb, row, **{"source": "page", "merchant": parcel.merchant, **more})

    write("added", by=mary)
    write("changed", by=alice, before={"carrier": "USPS"}, after={"carrier": "UPS"})
    write(
        "changed",
        by=mary,
        before={"order_number": "", "recipient_name": "Rosa", "proof_due": False, "gateway": "usps"},
        after={"order_number": "A-77", "recipient_name": "Ana", "proof_due": True, "gateway": ""},
    )
    write("made", link, by=mary)
    write("revoked", link, by=alice, source="admin")
    write("asked now", by=gone)
    write("added", source="command")
    write("polished", by=mary)
    gone.delete()
    write("tagged", a_shipment(parcel.merchant), by=mary, after={"tag": "another parcel's"})

    page = page_of(viewer, parcel)
    history = page[page.index('id="history-title"') : page.index("</ol>", page.index('id="history-title"'))]

    told = [
        "Mary Moss: polished",
        "A command of the operator added this parcel",
        "Somebody who is no longer here had the carrier asked",
        "alice@example.com (in the back-office) revoked the private link",
        "Mary Moss made a private link",
        "Mary Moss changed it:<ul><li>removed the gateway, which was USPS</li><li>set the order</li>"
        "<li>changed the recipient</li><li>changed the proof due from no to yes</li></ul>",
        "alice@example.com changed the carrier from USPS to UPS",
        "Mary Moss added this parcel",
    ]
    assert [history.count(sentence) for sentence in told] == [1] * len(told)
    assert sorted(told, key=history.index) == told
    assert history.count('class="history__one"') == len(told)


def told_on(page: str) -> list[str]:
    start = page.index('id="history-title"')
    return re.findall(r"<div>([^<]+)", page[start : page.index("</ol>", start)])


def test_who_was_told_what_stands_between_the_deeds(
    viewer: Client, mary: User, alice: User, parcel: Shipment
) -> None:
    User.objects.filter(pk=mary.pk).update(name="Mary Moss")
    gone = a_person("gone@example.com")
    now = timezone.now()

    def alert(reason: Reason, minutes: int, *people: User, **over: Any) -> None:
        at = now - timedelta(minutes=minutes)
        Alert.objects.create(
            **{
                "shipment": parcel,
                "merchant": parcel.merchant,
                "reason": reason,
                "news_at": at,
                "found_at": at,
                "told_at": at,
                "told_to": [person.pk for person in people],
                **over,
            }
        )

    alert(Reason.EXCEPTION, 30, mary, alice)
    alert(Reason.LATE, 30, alice, mary)
    alert(Reason.SILENT, 10, mary, gone)
    alert(Reason.RETURNING, 5, gone)
    # Nobody wished for it; not yet told; another parcel's.
    alert(Reason.NO_PROOF, 3)
    alert(Reason.NOT_KNOWN, 2, told_at=None)
    alert(Reason.ATTEMPTED, 1, mary, shipment=a_shipment(parcel.merchant))
    AuditEntry.objects.record("archived", parcel, by=mary, source="page", merchant=parcel.merchant)
    gone.delete()

    page = page_of(viewer, parcel)

    assert told_on(page) == [
        "Mary Moss archived it",
        "somebody who is no longer here heard by e-mail: Coming back",
        "Mary Moss and somebody who is no longer here heard by e-mail: Gone quiet",
        "alice@example.com and Mary Moss heard by e-mail: Problem reported, Late",
    ]


def test_what_was_told_is_counted_among_the_newest(viewer: Client, mary: User, parcel: Shipment) -> None:
    now = timezone.now()
    for n in range(20):
        Alert.objects.create(
            shipment=parcel,
            merchant=parcel.merchant,
            reason=Reason.LATE,
            news_at=now - timedelta(hours=n),
            found_at=now,
            told_at=now - timedelta(hours=n),
            told_to=[mary.pk],
        )

    assert len(told_on(page_of(viewer, parcel))) == 15
    whole = viewer.get(url(parcel), {"all": "history"}).content.decode()
    assert len(told_on(whole)) == 20


# ---- How the promised day moved


def test_the_way_of_the_promised_day_is_told_with_the_first_promise_marked(
    viewer: Client, parcel: Shipment
) -> None:
    started = timezone.now() - timedelta(days=3)
    for hours, on in enumerate(
        [date(2026, 3, 9), date(2026, 3, 9), None, date(2026, 3, 11), date(2026, 3, 10)]
    ):
        PromisedDay.objects.create(
            shipment=parcel, merchant=parcel.merchant, on=on, told_at=started + timedelta(hours=hours)
        )

    page = page_of(viewer, parcel)
    told = page[page.index('id="promises-title"') : page.index("</ol>", page.index('id="promises-title"'))]

    assert told.count('class="promises__one"') == 5
    moves = ["1 day earlier", "2 days later", "taken back", "same day", "first promise"]
    assert sorted(moves, key=told.index) == moves
    assert told.count("first promise") == 1


def test_promises_of_a_carrier_it_was_given_to_by_mistake_are_not_told(
    viewer: Client, parcel: Shipment
) -> None:
    PromisedDay.objects.create(
        shipment=parcel, merchant=parcel.merchant, on=date(2026, 3, 9), told_at=timezone.now()
    )
    Shipment.objects.update(carrier_corrected_at=timezone.now())

    assert "promises-title" not in page_of(viewer, parcel)


# ---- Raw answers


def test_a_scan_leads_to_the_place_in_the_answer_that_first_showed_it(
    viewer: Client, merchant: Merchant
) -> None:
    shipment = a_shipment(merchant)
    told = {"eventType": ACCEPTED[2], "at": "2026-03-02T17:40:00"}
    part = (
        f'{{"number": "9400", "events": [{{"eventType": "<other>"}}, {str(told).replace(chr(39), chr(34))}]}}'
    )
    ingested(shipment, a_snapshot(a_scan(*ACCEPTED)), part=part.encode())
    scan = shipment.scans.get()
    address = f"{url(shipment)}answers/{scan.answer.sha256}/?scan={scan.fingerprint}"  # type: ignore[union-attr]

    assert f'href="{address}#scan"' in page_of(viewer, shipment)
    page = viewer.get(address).content.decode().replace("&quot;", '"')

    assert f'<mark id="scan">{str(told).replace(chr(39), chr(34))}</mark>]}}</pre>' in page
    assert "&lt;other&gt;" in page


def test_without_a_sure_place_the_answer_is_shown_without_a_mark(viewer: Client, parcel: Shipment) -> None:
    answer = parcel.answers.get()

    for query in ("", "?scan=nonsense", f"?scan={parcel.scans.first().fingerprint}"):  # type: ignore[union-attr]
        response = viewer.get(f"{url(parcel)}answers/{answer.sha256}/{query}")
        assert response.status_code == 200
        assert "<mark" not in response.content.decode()


# ---- The ready reply


def test_the_reply_greets_the_buyer_and_has_the_public_link_until_a_private_one_is_made(
    manager: Client, parcel: Shipment
) -> None:
    page = page_of(manager, parcel)
    text = page[page.index('id="reply-text"') : page.index("</textarea>", page.index('id="reply-text"'))]
    assert "Hello Rosa Invented,\n\nThis is about your order A-77, sent with USPS under the number" in text
    assert "Delivered Thursday, 5 March, 2:05 pm, front door or porch." in text.replace(", 2026", "")
    assert f"You can follow it here: http://testserver/m/alpine/track/{NUMBER}" in text
    assert text.endswith("Kind regards,\nAlpine Outfitters")

    response = manager.post(url(parcel, "private-link/?reply=en"))

    assert response.headers["Location"] == url(parcel) + "?reply=en#reply"
    link = PrivateLink.objects.get()
    assert f"You can follow it here: http://testserver/t/{link.token}" in page_of(manager, parcel)


def test_the_reply_is_in_the_merchants_language_or_in_the_one_asked_for(
    viewer: Client, parcel: Shipment
) -> None:
    def language(query: str = "") -> str:
        page = page_of(viewer, parcel, query)
        (tag,) = [line for line in page.splitlines() if 'id="reply-text"' in line]
        return tag[tag.index("lang=") + 6 :][:2]

    assert language() == "en"
    assert language("?reply=es") == "es"
    assert language("?reply=tlh") == "en"
    Merchant.objects.update(language="es")
    assert language() == "es"
    # What is asked for stays so when the page asks for news.
    assert "?reply=en&amp;seen=" in page_of(viewer, parcel, "?reply=en")


def test_the_reply_is_in_one_language_whatever_the_page_is_in(viewer: Client, parcel: Shipment) -> None:
    Shipment.objects.filter(pk=parcel.pk).update(
        status=Status.DELIVERED,
        delivered_on=date(2026, 3, 5),
        delivery_description="Delivered, Front Desk/Reception/Mail Room",
    )
    viewer.cookies["django_language"] = "es"

    page = page_of(viewer, parcel)

    reply = page[page.index('id="reply-text"') :].partition("</textarea>")[0]
    assert "front desk, reception or mail room.\n" in reply
    assert "mostrador" not in reply
    assert "mostrador, recepción o sala de correo" in page


# ---- Correcting


def corrected(shipment: Shipment, **said: str) -> dict[str, str]:
    """What the form sends that is made from the parcel as it is; `proof_due` is not ticked."""
    values = CorrectionForm.values_of(Shipment.objects.get(pk=shipment.pk))
    del values["proof_due"]
    return {**values, **said}


def test_the_form_shows_what_is_known(manager: Client, parcel: Shipment) -> None:
    page = page_of(manager, parcel, "correct/")

    assert '<option value="USPS" selected>' in page
    assert 'name="recipient_name" value="Rosa Invented"' in page


def test_a_correction_is_kept_written_down_and_the_carrier_asked(
    manager: Client, mary: User, parcel: Shipment, django_capture_on_commit_callbacks: Commits
) -> None:
    with django_capture_on_commit_callbacks() as nudges:
        response = manager.post(
            url(parcel, "correct/"), corrected(parcel, carrier="NEWGISTICS", recipient_name="Ana Invented")
        )

    assert response.headers["Location"] == url(parcel)
    parcel.refresh_from_db()
    assert (parcel.carrier_id, parcel.status, parcel.recipient_name) == (
        "NEWGISTICS",
        Status.UNKNOWN,
        "Ana Invented",
    )
    # The carrier is asked, and attention reviewed.
    assert len(nudges) == 2
    assert deeds() == [
        (
            "changed",
            {"carrier": "USPS", "recipient_name": "•••"},
            {"carrier": "NEWGISTICS", "recipient_name": "•••"},
        )
    ]
    page = page_of(manager, parcel)
    assert "3 scans set aside" in page
    assert page.count("Of the carrier that this parcel was given to before") == 3


def test_a_correction_of_nothing_is_no_deed(manager: Client, parcel: Shipment) -> None:
    assert manager.post(url(parcel, "correct/"), corrected(parcel)).status_code == 302
    assert deeds() == []


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({"carrier": "UPS", "gateway": "usps"}, "Carrier UPS is not asked about through usps"),
        ({"postal_code": "8020"}, "A ZIP Code is five digits"),
        ({"mailing_date": "yesterday"}, "A mailing date is a day written as 2026-01-31."),
        ({"carrier": "DHL"}, "Select a valid choice."),
    ],
)
def test_a_correction_that_is_refused_is_marked_at_its_field_and_loses_nothing(
    manager: Client, parcel: Shipment, said: dict[str, str], rule: str
) -> None:
    response = manager.post(url(parcel, "correct/"), corrected(parcel, **said, order_number="B-88"))

    page = response.content.decode()
    assert response.status_code == 400
    assert rule in page
    assert 'aria-invalid="true"' in page
    assert 'name="order_number" value="B-88"' in page
    parcel.refresh_from_db()
    assert (parcel.order_number, deeds()) == ("A-77", [])


def test_a_double_is_pointed_at(manager: Client, parcel: Shipment) -> None:
    there = a_shipment(parcel.merchant, number=NUMBER, carrier="NEWGISTICS")

    response = manager.post(url(parcel, "correct/"), corrected(parcel, carrier="NEWGISTICS"))

    page = response.content.decode()
    assert response.status_code == 400
    assert "You have a parcel of this carrier with this number already." in page
    assert f'<a href="{url(there)}">Open that parcel</a>' in page


# ---- Two people correct one parcel


def errors_of(response: Any) -> list[str]:
    return list(response.context["form"].non_field_errors())


def test_who_comes_second_is_told_what_the_first_changed_and_loses_nothing_typed(
    manager: Client, alice: User, signed_in: Callable[[User], Client], parcel: Shipment
) -> None:
    User.objects.filter(pk=alice.pk).update(name="Alice Alpine")
    mine = corrected(parcel, order_number="B-88", recipient_name="Ana Invented")
    signed_in(alice).post(
        url(parcel, "correct/"),
        corrected(parcel, order_number="<b>C-99", proof_due="on", postal_code="80202"),
    )
    alices = deeds()

    response = manager.post(url(parcel, "correct/"), mine)

    assert response.status_code == 409
    assert errors_of(response) == [
        "Alice Alpine set the destination postal code to 80202.",
        "Alice Alpine changed the order from A-77 to <b>C-99.",
        "Alice Alpine changed the proof due from no to yes.",
        "What you typed stands below. Look at both, and keep your changes again to have them so.",
    ]
    page = response.content.decode()
    assert "from A-77 to &lt;b&gt;C-99." in page
    parcel.refresh_from_db()
    assert (parcel.order_number, parcel.recipient_name) == ("<b>C-99", "Rosa Invented")
    assert deeds() == alices
    # What was typed stays; what was left alone follows Alice, so that sending it again undoes nothing of hers unseen.
    again = response.context["form"]
    shown = {name: again[name].value() for name in again.fields if name != "made_from"}
    assert shown == {
        "carrier": "USPS",
        "gateway": "",
        "mailing_date": "",
        "postal_code": "80202",
        "order_number": "B-88",
        "recipient_name": "Ana Invented",
        "proof_due": True,
    }

    sent = {name: value for name, value in shown.items() if name != "proof_due"}
    made_from = again["made_from"].value()
    response = manager.post(url(parcel, "correct/"), {**sent, "proof_due": "on", "made_from": made_from})

    assert response.headers["Location"] == url(parcel)
    parcel.refresh_from_db()
    assert (parcel.order_number, parcel.recipient_name, parcel.proof_due) == ("B-88", "Ana Invented", True)
    assert parcel.destination_postal_code == "80202"


def test_a_corrected_carrier_is_among_what_is_told(
    manager: Client, alice: User, signed_in: Callable[[User], Client], parcel: Shipment
) -> None:
    mine = corrected(parcel, mailing_date="2026-03-01")
    signed_in(alice).post(url(parcel, "correct/"), corrected(parcel, carrier="NEWGISTICS"))

    response = manager.post(url(parcel, "correct/"), mine)

    assert response.status_code == 409
    assert errors_of(response)[0] == "alice@example.com changed the carrier from USPS to NEWGISTICS."
    parcel.refresh_from_db()
    assert (parcel.carrier_id, parcel.mailing_date) == ("NEWGISTICS", None)
    assert response.context["form"]["carrier"].value() == "NEWGISTICS"


def test_what_an_answer_has_filled_in_meanwhile_is_not_emptied(manager: Client, parcel: Shipment) -> None:
    Shipment.objects.update(destination_postal_code="")
    mine = corrected(parcel, order_number="B-88")
    Shipment.objects.update(destination_postal_code="20832")

    response = manager.post(url(parcel, "correct/"), mine)

    assert errors_of(response)[0] == "An answer of the carrier set the destination postal code to 20832."
    assert response.context["form"]["postal_code"].value() == "20832"
    parcel.refresh_from_db()
    assert (parcel.order_number, parcel.destination_postal_code) == ("A-77", "20832")


def test_news_of_the_parcel_are_no_reason_to_refuse(manager: Client, parcel: Shipment) -> None:
    mine = corrected(parcel, order_number="B-88")
    ingested(parcel, a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*LABEL)), minute=9)

    assert manager.post(url(parcel, "correct/"), mine).status_code == 302
    parcel.refresh_from_db()
    assert parcel.order_number == "B-88"


@pytest.mark.parametrize(
    "made_from",
    ["", "{}", "[]", "null", "1", "[" * 3000, '{"carrier": "USPS"}', "9" * 5000, "x"],
)
def test_a_form_that_does_not_say_what_it_was_made_from_changes_nothing(
    manager: Client, parcel: Shipment, made_from: str
) -> None:
    response = manager.post(
        url(parcel, "correct/"), corrected(parcel, order_number="B-88", made_from=made_from)
    )

    assert response.status_code == 400
    page = response.content.decode()
    assert "This page does not say what it was made from." in page
    assert 'name="order_number" value="B-88"' in page
    parcel.refresh_from_db()
    assert parcel.order_number == "A-77"


@pytest.mark.django_db(transaction=True)
def test_of_two_corrections_at_the_same_moment_one_is_kept_and_one_refused(
    merchant: Merchant, mary: User, alice: User
) -> None:
    shipment = a_shipment(merchant, order_number="A-77")
    together = threading.Barrier(2)
    clients = {}
    for person in (mary, alice):
        clients[person.pk] = Client()
        clients[person.pk].force_login(person)
    sent = {
        person.pk: corrected(shipment, **{field: f"of {person.pk}"})
        for person, field in ((mary, "order_number"), (alice, "recipient_name"))
    }

    def post(pk: int) -> int:
        try:
            together.wait(60)
            return int(clients[pk].post(url(shipment, "correct/"), sent[pk]).status_code)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        assert sorted(threads.map(post, clients)) == [302, 409]

    shipment.refresh_from_db()
    kept = {
        ("A-77", f"of {alice.pk}"),
        (f"of {mary.pk}", ""),
    }
    assert (shipment.order_number, shipment.recipient_name) in kept
    assert len(deeds()) == 1


# ---- A number used again


def test_a_new_parcel_is_started_with_the_same_number_and_both_point_at_each_other(
    manager: Client, parcel: Shipment, django_capture_on_commit_callbacks: Commits
) -> None:
    assert "parcels with this number" not in page_of(manager, parcel)

    with django_capture_on_commit_callbacks() as nudges:
        response = manager.post(
            url(parcel, "new-parcel/"), {"mailing_date": "2026-06-01", "postal_code": "80202-1234"}
        )

    new = Shipment.objects.get(instance=2)
    parcel.refresh_from_db()
    assert response.headers["Location"] == url(new)
    assert (new.number, new.mailing_date, new.destination_postal_code) == (NUMBER, date(2026, 6, 1), "80202")
    assert (parcel.lifecycle, parcel.status) == (Lifecycle.ENDED, Status.DELIVERED)
    # The carrier is asked, and attention reviewed.
    assert len(nudges) == 2
    assert [verb for verb, _before, _after in deeds()] == ["started again", "added"]
    assert "2 parcels with this number:" in page_of(manager, parcel)
    assert f'<a href="{url(new)}">the 2.,' in page_of(manager, parcel)
    assert f'<a href="{url(parcel)}">the 1.,' in page_of(manager, new)


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ({}, "Say when the new parcel was mailed: that tells the two apart."),
        ({"mailing_date": "soon"}, "A mailing date is a day written as 2026-01-31."),
        ({"mailing_date": "2026-03-01"}, "This parcel was mailed on 2026-03-02"),
        ({"mailing_date": "2026-06-01", "postal_code": "8"}, "A ZIP Code is five digits"),
    ],
)
def test_a_new_parcel_that_cannot_be_is_refused_at_its_field(
    manager: Client, parcel: Shipment, said: dict[str, str], rule: str
) -> None:
    Shipment.objects.update(mailing_date=date(2026, 3, 2))

    response = manager.post(url(parcel, "new-parcel/"), {**said, "order_number": "B-88"})

    page = response.content.decode()
    assert response.status_code == 400
    assert rule in page
    assert 'name="order_number" value="B-88"' in page
    assert (Shipment.objects.count(), deeds()) == (1, [])


def test_the_second_click_is_pointed_at_what_the_first_one_made(manager: Client, parcel: Shipment) -> None:
    manager.post(url(parcel, "new-parcel/"), {"mailing_date": "2026-06-01"})

    response = manager.post(url(parcel, "new-parcel/"), {"mailing_date": "2026-06-01"})

    page = response.content.decode()
    assert "There is a parcel with this number and mailing date already." in page
    assert f'<a href="{url(Shipment.objects.get(instance=2))}">Open that parcel</a>' in page
    assert Shipment.objects.count() == 2


# ---- What is new while the page is open


def test_only_the_parts_that_changed_are_drawn_anew(manager: Client, parcel: Shipment) -> None:
    def poll(address: str) -> str:
        return manager.get(address, headers={"HX-Request": "true"}).content.decode().replace("&amp;", "&")

    def next_address(page: str) -> str:
        return page[page.index('hx-get="') + 8 :].split('"', 1)[0]

    first = next_address(page_of(manager, parcel).replace("&amp;", "&"))
    parts = [
        f'<div id="{name}"' for name in ("shipment-facts", "history", "reply", "notes", "tags", "particulars")
    ]
    assert [part in poll(first) for part in parts] == [False] * 6

    manager.post(url(parcel, "notes/"), {"text": "Buyer called."})

    fragment = poll(first)
    assert [part in fragment for part in parts] == [False, True, False, True, False, False]
    assert [part in poll(next_address(fragment)) for part in parts] == [False] * 6
    # A form would have another token each time, and what is being typed in it would be lost.
    assert "csrfmiddlewaretoken" not in fragment
    assert "<textarea" not in fragment


@pytest.mark.parametrize(
    ("do", "sentence"),
    [
        ("done", "mary@example.com was done with what needed somebody"),
        ("undo", "mary@example.com put it back on the list of what needs somebody"),
        ("snooze-tomorrow", "mary@example.com put off what needs somebody"),
        ("wake", "mary@example.com took back that it was put off"),
        ("assign-me", "mary@example.com changed who looks after it"),
        ("note", "mary@example.com wrote a note"),
    ],
)
def test_what_was_done_about_what_needed_somebody_stands_in_the_history(
    manager: Client, merchant: Merchant, do: str, sentence: str
) -> None:
    shipment = a_shipment(merchant, status=Status.EXCEPTION)
    attention.review(timezone.now())

    seen = Seen.of(AttentionItem.objects.select_related("shipment").get())
    manager.post(
        f"/app/alpine/attention/{shipment.public_id}/", {"do": do, "text": "They will call.", "seen": seen}
    )

    assert page_of(manager, shipment).count(sentence) == 1
