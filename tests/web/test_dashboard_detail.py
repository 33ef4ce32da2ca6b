"""One parcel, as the merchant's people see it, and what they may do with it."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from shipments.carriers.base import NotKnown
from shipments.carriers.errors import TryLater
from shipments.enums import EndReason, Gateway, Lifecycle, Status
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate
from shipments.models import (
    Answer,
    AuditEntry,
    CallCount,
    Carrier,
    Merchant,
    Note,
    PrivateLink,
    Shipment,
    User,
    Watch,
)
from shipments.refresh import routing
from shipments.web.parcel_page import MOST_ASKED
from tests.factories import (
    DELIVERED,
    LABEL,
    OLNEY,
    a_budget,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    ingested,
)

pytestmark = pytest.mark.django_db

Commits = Callable[..., Any]


@pytest.fixture
def parcel(merchant: Merchant) -> Shipment:
    """Delivered, with everything a carrier may tell."""
    shipment = a_shipment(
        merchant, order_number="A-77", recipient_name="Rosa Invented", destination_postal_code="20832"
    )
    ingested(
        shipment,
        a_snapshot(
            a_scan(*DELIVERED, place=OLNEY),
            a_scan(),
            a_scan(*LABEL),
            status_text="Your item was delivered at the front door or porch.",
            service_name="Priority Mail",
            weight_value=2.5,
            weight_unit="LB",
            reference_number="REF-9",
            second_number="92001901234567890123456789",
            delivery_description="Delivered, Front Door/Porch",
            signed_by="R INVENTED",
            delivery_proof_url="https://carrier.example/proof/1",
        ),
    )
    shipment.refresh_from_db()
    return shipment


def url(shipment: Shipment, more: str = "") -> str:
    return f"/app/alpine/shipments/{shipment.public_id}/{more}"


def page_of(client: Client, shipment: Shipment) -> str:
    return client.get(url(shipment)).content.decode()


def fragment_of(client: Client, shipment: Shipment, seen: str = "") -> str:
    return client.get(url(shipment), {"seen": seen}, headers={"HX-Request": "true"}).content.decode()


@pytest.mark.parametrize(
    "fact",
    [
        "A-77",
        "Rosa Invented",
        "Priority Mail",
        "2.5 LB",
        "REF-9",
        "92001901234567890123456789",
        "Olney, MD 20832",
        "R INVENTED",
        "Delivered, Front Door/Porch",
        "Your item was delivered at the front door or porch.",
        "time zone of the place",
        '<span class="mono">01</span>',
    ],
)
def test_staff_see_everything_the_carrier_told(viewer: Client, parcel: Shipment, fact: str) -> None:
    assert fact in page_of(viewer, parcel)


def test_the_carriers_proof_opens_without_telling_it_where_from(viewer: Client, parcel: Shipment) -> None:
    (link,) = re.findall(r'<a [^>]*href="https://carrier.example/proof/1"[^>]*>', page_of(viewer, parcel))

    assert 'rel="noreferrer' in link


def test_exactly_one_step_is_the_current_one(viewer: Client, parcel: Shipment) -> None:
    assert page_of(viewer, parcel).count('aria-current="step"') == 1


def test_scans_taken_back_and_of_an_earlier_parcel_stand_apart_with_the_reason(
    viewer: Client, merchant: Merchant
) -> None:
    shipment = a_shipment(merchant)
    old = a_scan("2025-09-01 10:00", "03", "Picked up long ago", Status.PICKED_UP)
    ingested(shipment, a_snapshot(a_scan(*LABEL, offset="-07:00"), old))
    Shipment.objects.filter(pk=shipment.pk).update(mailing_date="2026-03-02")
    ingested(shipment, a_snapshot(a_scan(), old), minute=5)

    page = page_of(viewer, shipment)

    folded = page[page.index('<details id="set-aside" class="no-print">') :]
    assert "2 scans set aside" in folded
    assert "Taken back by the carrier" in folded
    assert "Of an earlier parcel with this number" in folded
    assert "Picked up long ago" not in page[: page.index('<details id="set-aside" class="no-print">')]


def a_life(shipment: Shipment, mary: User, *, scans: int, answers: int, deeds: int) -> None:
    """Fill a parcel's page: so many scans, answers and deeds, and a few of everything else."""
    an_account(shipment.merchant)
    first = datetime(2026, 1, 1, tzinfo=UTC)
    for minute in range(answers):
        moments = [first + timedelta(minutes=n) for n in range(scans * (minute + 1) // answers)][-99:]
        told = [a_scan(f"{at:%Y-%m-%d %H:%M}", text=f"Scan of {at:%H:%M}") for at in reversed(moments)]
        day = DeliveryEstimate(date(2026, 3, 9) + timedelta(days=minute % 3))
        ingested(shipment, a_snapshot(*told, estimate=day, truncated=True), minute=minute)
    AuditEntry.objects.bulk_create(
        AuditEntry(
            verb="tagged",
            source="page",
            model="shipments.Shipment",
            row=str(shipment.pk),
            person=mary.pk,
            after={"tag": f"tag {n}"},
        )
        for n in range(deeds)
    )
    Note.objects.create(shipment=shipment, merchant=shipment.merchant, author=mary, text="Called.")
    PrivateLink.objects.make(shipment, by=mary)


def test_the_page_takes_seven_statements_whatever_there_is(
    manager: Client, mary: User, merchant: Merchant, django_assert_num_queries: Any
) -> None:
    empty, full = a_shipment(merchant), a_shipment(merchant)
    a_life(full, mary, scans=300, answers=40, deeds=200)
    a_shipment(merchant, number=full.number, instance=2)
    manager.get(url(full))

    for shipment in (empty, full):
        # Session, person, memberships; the parcel with what is small, its scans, who asks, the audit. The eighth is
        # for what is written down about who has seen it.
        with django_assert_num_queries(7):
            manager.get(url(shipment))
        with django_assert_num_queries(7):
            fragment_of(manager, shipment)


def test_a_long_life_is_shown_in_part_and_as_a_whole_on_demand(
    viewer: Client, mary: User, merchant: Merchant
) -> None:
    shipment = a_shipment(merchant)
    a_life(shipment, mary, scans=120, answers=15, deeds=40)

    page = page_of(viewer, shipment)
    whole = viewer.get(url(shipment) + "?all=scans&all=answers&all=history").content.decode()

    assert (page.count('class="scan is-'), whole.count('class="scan is-')) == (60, 120)
    assert (page.count('class="history__one"'), whole.count('class="history__one"')) == (15, 40)
    assert (page.count('class="digest"'), whole.count('class="digest"')) == (10, 15)
    assert "15 raw answers kept" in page
    assert [name for name in ("all-scans", "all-answers", "all-history") if f'id="{name}"' in page] == [
        "all-scans",
        "all-answers",
        "all-history",
    ]
    assert not re.findall(r'id="all-\w+"', whole)
    # What was asked for whole stays so when the page asks for news.
    assert "all=answers&amp;all=history&amp;all=scans&amp;seen=" in whole


# ---- Fragments


def test_the_fragment_brings_the_facts_only_when_they_have_changed(
    viewer: Client, merchant: Merchant
) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(a_scan(*LABEL)))
    (seen,) = re.findall(r"seen=([0-9a-f-]{77})", page_of(viewer, shipment))
    assert 'id="shipment-facts"' not in fragment_of(viewer, shipment, seen)

    ingested(shipment, a_snapshot(a_scan(), a_scan(*LABEL)), minute=5)

    fragment = fragment_of(viewer, shipment, seen)
    assert '<div id="shipment-facts">' in fragment
    assert "USPS in possession of item" in fragment
    assert "<html" not in fragment


def test_the_fragment_polls_with_the_mark_of_what_it_has_brought(viewer: Client, parcel: Shipment) -> None:
    (seen,) = re.findall(r"seen=([0-9a-f-]{77})", fragment_of(viewer, parcel))

    assert 'id="shipment-facts"' not in fragment_of(viewer, parcel, seen)


def test_polls_are_quiet_and_quicker_while_an_answer_is_awaited(viewer: Client, parcel: Shipment) -> None:
    Watch.objects.update(due_at=timezone.now() + timedelta(hours=1), by_hand=False, lease=None)
    assert 'hx-trigger="every 20s"' in fragment_of(viewer, parcel)

    Watch.objects.update(due_at=timezone.now(), by_hand=True)
    assert 'hx-trigger="every 3s"' in fragment_of(viewer, parcel)

    Watch.objects.update(due_at=timezone.now() + timedelta(minutes=1), by_hand=False, lease=uuid4())
    assert 'hx-trigger="every 3s"' in fragment_of(viewer, parcel)


def test_a_wish_no_queue_takes_is_told_and_no_longer_polled_for_in_a_hurry(
    viewer: Client, parcel: Shipment
) -> None:
    Watch.objects.update(due_at=timezone.now() - timedelta(minutes=3), by_hand=True)

    fragment = fragment_of(viewer, parcel)

    assert 'hx-trigger="every 20s"' in fragment
    assert "no queue has taken it yet" in fragment


# ---- Refresh now


def test_refresh_now_makes_the_parcel_due_nudges_the_queue_and_is_written_down(
    manager: Client, mary: User, parcel: Shipment, django_capture_on_commit_callbacks: Commits
) -> None:
    Watch.objects.update(due_at=timezone.now() + timedelta(days=1))

    with django_capture_on_commit_callbacks() as nudges:
        response = manager.post(url(parcel, "refresh/"))

    watch = Watch.objects.get()
    assert (response.status_code, response.headers["Location"]) == (302, url(parcel))
    assert watch.by_hand is True
    assert watch.due_at is not None
    assert timezone.now() - watch.due_at < timedelta(seconds=30)
    assert len(nudges) == 1
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.row, entry.person) == ("asked now", str(parcel.pk), mary.pk)


def test_one_person_asks_thirty_times_an_hour_and_no_more(manager: Client, parcel: Shipment) -> None:
    """The calls that are kept for people are everybody's."""
    for _ in range(MOST_ASKED):
        manager.post(url(parcel, "refresh/"))
    Watch.objects.update(by_hand=False)

    response = manager.post(url(parcel, "refresh/"), follow=True)

    assert "You have asked 30 times within an hour" in response.content.decode()
    assert (
        manager.post(url(parcel, "refresh/"), headers={"HX-Request": "true"}).headers["HX-Refresh"] == "true"
    )
    assert Watch.objects.get().by_hand is False
    assert AuditEntry.objects.filter(verb="asked now").count() == MOST_ASKED


def test_refresh_now_by_htmx_answers_with_the_fragment(manager: Client, parcel: Shipment) -> None:
    response = manager.post(url(parcel, "refresh/"), headers={"HX-Request": "true"})

    assert response.status_code == 200
    assert '<div id="shipment-freshness"' in response.content.decode()
    assert 'hx-trigger="every 3s"' in response.content.decode()


def test_refresh_now_by_htmx_keeps_what_the_page_was_asked_for(manager: Client, parcel: Shipment) -> None:
    an_account(parcel.merchant)
    page = manager.get(url(parcel) + "?all=answers&reply=es").content.decode().replace("&amp;", "&")
    (address,) = re.findall(r'hx-post="([^"]+)"', page)
    assert address.startswith(url(parcel, "refresh/") + "?all=answers&reply=es&seen=")

    fragment = manager.post(address, headers={"HX-Request": "true"}).content.decode().replace("&amp;", "&")

    assert f'hx-get="{url(parcel)}?all=answers&reply=es&seen=' in fragment
    # What has not changed is not drawn anew: the deed is all that has.
    assert re.findall(r'<div id="([\w-]+)" hx-swap-oob="innerHTML">', fragment) == ["history"]


def test_a_parcel_being_asked_this_moment_is_left_alone(
    manager: Client, parcel: Shipment, django_capture_on_commit_callbacks: Commits
) -> None:
    lease = uuid4()
    Watch.objects.update(due_at=timezone.now() + timedelta(minutes=1), lease=lease)

    with django_capture_on_commit_callbacks() as nudges:
        response = manager.post(url(parcel, "refresh/"), follow=True)

    assert Watch.objects.get().lease == lease
    assert "The carrier is being asked this very moment." in response.content.decode()
    assert (AuditEntry.objects.count(), nudges) == (0, [])


def test_nobody_asks_about_a_parcel_that_has_ended(manager: Client, parcel: Shipment) -> None:
    Shipment.objects.update(lifecycle=Lifecycle.ENDED, end_reason=EndReason.SETTLED)
    Watch.objects.update(due_at=None)

    response = manager.post(url(parcel, "refresh/"), follow=True)

    assert Watch.objects.get().due_at is None
    page = response.content.decode()
    assert "Nobody asks about this parcel any more." in page
    assert "Refresh now" not in page


def test_only_who_may_change_is_offered_to(manager: Client, viewer: Client, parcel: Shipment) -> None:
    offers = ["Refresh now", "Make a private link", "Add numbers"]

    assert [offer in page_of(manager, parcel) for offer in offers] == [True, True, True]
    assert [offer in page_of(viewer, parcel) for offer in offers] == [False, False, False]


# ---- Who asks, and what went wrong


def test_the_page_says_which_account_asks(viewer: Client, merchant: Merchant) -> None:
    shipment = a_shipment(merchant, number="1Z12345E0205271686", carrier="UPS")
    assert "No active account can ask about carrier UPS. Add one for this merchant." in page_of(
        viewer, shipment
    )

    an_account(None, Gateway.PITNEY_BOWES, environment="test")

    page = page_of(viewer, shipment)
    assert "Pitney Bowes<br>" in page
    assert "with the platform&#x27;s account" in page.replace("platform's", "platform&#x27;s")
    assert "test environment" in page
    assert "No active account can ask" not in page


def test_the_page_says_plainly_that_a_carrier_cannot_be_asked_and_says_it_once(
    viewer: Client, merchant: Merchant
) -> None:
    Carrier.objects.create(code="LONE", name="Lone Courier")
    an_account(merchant, Gateway.PITNEY_BOWES)
    shipment = a_shipment(merchant, number="LC123456789", carrier="LONE")
    told = (
        "Carrier LONE cannot be asked: no gateway is set up for it. An operator adds one in the back-office."
    )

    assert page_of(viewer, shipment).count(told) == 1
    routing.route(timezone.now())
    assert page_of(viewer, shipment).count(told) == 1


def test_an_account_the_carrier_has_slowed_down_is_named(viewer: Client, merchant: Merchant) -> None:
    a_budget(an_account(merchant), paused_until=timezone.now() + timedelta(minutes=20, seconds=30))

    assert "The carrier wants fewer calls: this account asks again in 20 min." in page_of(
        viewer, a_shipment(merchant)
    )


@pytest.mark.parametrize(
    ("columns", "sentence"),
    [
        (
            {"breaker": "open", "opened_for": "bad-credentials"},
            "The carrier refuses this account, so nobody is asked with it; it is tried again in 20 min.",
        ),
        (
            {"breaker": "open", "opened_for": "try-later"},
            "The carrier is in trouble, so nobody is asked; it is tried again in 20 min.",
        ),
    ],
)
def test_a_broken_account_is_named(
    viewer: Client, merchant: Merchant, columns: dict[str, str], sentence: str
) -> None:
    a_budget(an_account(merchant), probes_at=timezone.now() + timedelta(minutes=20, seconds=30), **columns)

    assert sentence in page_of(viewer, a_shipment(merchant))


def test_an_account_without_calls_is_named(viewer: Client, merchant: Merchant) -> None:
    account, shipment = an_account(merchant), a_shipment(merchant)
    sentence = "The 60 calls that the carrier allows this account in an hour are used up"
    count = CallCount.objects.create(account=account, minute=timezone.now(), calls=59)
    assert sentence not in page_of(viewer, shipment)

    count.calls = 60
    count.save()

    assert sentence in page_of(viewer, shipment)


def test_an_error_says_what_happened_what_is_kept_and_what_to_do(viewer: Client, parcel: Shipment) -> None:
    ingested(parcel, TryLater("USPS did not answer within 10 seconds."), minute=9)

    page = page_of(viewer, parcel)

    assert "USPS is not answering at the moment. What you see is kept from" in page
    assert "USPS did not answer within 10 seconds. Asked again automatically." in page
    assert "Olney, MD 20832" in page


def test_a_number_not_known_yet_carries_the_carriers_reason(viewer: Client, merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, NotKnown("A sandbox account tracks production labels only."))

    assert "A sandbox account tracks production labels only." in page_of(viewer, shipment)


def test_parts_that_could_not_be_read_are_counted(viewer: Client, parcel: Shipment) -> None:
    Shipment.objects.update(unreadable_scans=2)

    assert "2 parts of the carrier&#x27;s newest answer could not be read." in page_of(
        viewer, parcel
    ).replace("carrier's newest", "carrier&#x27;s newest")


# ---- Raw answers


def test_a_raw_answer_is_shown_as_text_and_never_as_markup(viewer: Client, merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    ingested(shipment, a_snapshot(a_scan(text="<script>alert(1)</script>", place=Place(city="</pre><b>X"))))
    answer = Answer.objects.get()

    page = page_of(viewer, shipment)
    assert f'href="{url(shipment, f"answers/{answer.sha256}/")}"' in page
    assert answer.sha256 in page

    raw = viewer.get(url(shipment, f"answers/{answer.sha256}/")).content.decode()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in raw
    assert "<script>alert" not in raw
    assert raw.count("</pre>") == 1


def test_an_answer_about_another_parcel_is_not_found_under_this_one(
    viewer: Client, merchant: Merchant, parcel: Shipment
) -> None:
    other = a_shipment(merchant)

    assert viewer.get(url(other, f"answers/{Answer.objects.get().sha256}/")).status_code == 404


@pytest.mark.parametrize("digest", ["%00", "%00" * 64, "0" * 63, "G" * 64, "0" * 65, "<b>", "0" * 64])
def test_what_is_no_digest_of_an_answer_is_not_found(viewer: Client, parcel: Shipment, digest: str) -> None:
    assert viewer.get(url(parcel, f"answers/{digest}/")).status_code == 404


# ---- Private link


def test_a_private_link_is_made_once_shown_and_works(
    manager: Client, viewer: Client, mary: User, parcel: Shipment
) -> None:
    manager.post(url(parcel, "private-link/"))
    manager.post(url(parcel, "private-link/"))

    link = PrivateLink.objects.get()
    assert link.made_by == mary
    assert f'value="http://testserver/t/{link.token}"' in page_of(manager, parcel)
    assert f'value="http://testserver/t/{link.token}"' in page_of(viewer, parcel)
    assert Client().get(f"/t/{link.token}").status_code == 200
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.model, entry.row) == ("made", "shipments.PrivateLink", str(link.pk))
    assert link.token not in str(entry.after)


def test_a_revoked_link_is_closed_and_a_new_one_is_another(manager: Client, parcel: Shipment) -> None:
    manager.post(url(parcel, "private-link/"))
    old = PrivateLink.objects.get()

    manager.post(url(parcel, "private-link/revoke/"))

    assert Client().get(f"/t/{old.token}").status_code == 404
    assert old.token not in page_of(manager, parcel)
    assert list(AuditEntry.objects.order_by("pk").values_list("verb", flat=True)) == ["made", "revoked"]
    manager.post(url(parcel, "private-link/"))
    assert PrivateLink.objects.get(revoked_at=None).token != old.token


def test_revoking_where_there_is_no_link_is_no_deed(manager: Client, parcel: Shipment) -> None:
    response = manager.post(url(parcel, "private-link/revoke/"))

    assert response.status_code == 302
    assert AuditEntry.objects.count() == 0


def test_a_parcel_nobody_has_asked_about_yet_has_a_page(viewer: Client, merchant: Merchant) -> None:
    page = page_of(viewer, a_shipment(merchant))

    assert "There are no scans yet." in page
    assert "not checked yet" in page


def test_particulars_that_come_with_news_are_part_of_the_fragment(viewer: Client, merchant: Merchant) -> None:
    shipment = a_shipment(merchant)
    (seen,) = re.findall(r"seen=([0-9a-f-]{77})", page_of(viewer, shipment))

    Shipment.objects.update(service_name="Priority Mail")

    fragment = fragment_of(viewer, shipment, seen)
    assert "Priority Mail" in fragment[fragment.index('<div id="particulars" hx-swap-oob="innerHTML">') :]
