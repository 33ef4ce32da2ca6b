"""What people do with one parcel from its page, and that it is written down."""

import re
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
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
from tests.factories import (
    ACCEPTED,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    ingested,
)
from tests.web.parcel_page import NUMBER, a_named_parcel, deeds, page_of, url

pytestmark = pytest.mark.django_db


Commits = Callable[..., Any]


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    return a_named_parcel(merchant)


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
