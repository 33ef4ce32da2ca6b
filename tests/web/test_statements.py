"""No page of the dashboard asks the database more than eight times, whatever there is to show."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shipments.analytics import attention, cohorts
from shipments.bulk import importing
from shipments.enums import Deed, Status
from shipments.models import AttentionItem, Merchant, Note, PrivateLink, SavedView, Shipment, User
from tests.factories import (
    ACCEPTED,
    DENVER,
    LABEL,
    a_bulk_action,
    a_draft,
    a_kept_picture,
    a_person,
    a_scan,
    a_shipment,
    a_snapshot,
    an_impb,
    an_invitation,
    ingested,
)
from tests.web.access_table import TABLE
from tests.web.test_access import address

pytestmark = pytest.mark.django_db

MOST = 8
PAGES = sorted(route for route, method in TABLE if method == "GET" and TABLE[route, method][-1] == 200)
# What a page may be asked for beside itself.
ASKED: dict[str, list[dict[str, Any]]] = {
    "attention": [{"view": "done"}, {"reason": "exception", "owner": "me"}],
    "shipment-list": [
        {"q": "in"},
        {"tag": "vip", "sort": "-order"},
        {"attention": "mine", "columns": "owner,recipient,tags,resolution,service,place"},
        {"late": "1", "news": "1"},
        {"status": "nonsense"},
    ],
    "shipment-detail": [{"all": ["scans", "answers", "notes", "history"], "reply": "es"}],
    "figures": [{"by": by, "days": "calendar"} for by in ("carrier", "service", "lane", "week")],
}


@pytest.fixture
def parcel(merchant: Merchant, alice: User, mary: User) -> Shipment:
    """One of many parcels in trouble, with all that people and carriers have said of it."""
    now = timezone.now()
    for n in range(60):
        # More than a page of everything.
        shipment = a_shipment(
            merchant,
            status=Status.EXCEPTION,
            changed_at=now,
            mailing_date=now.date() - timedelta(days=20 + n % 10),
            service_name=f"Service {n % 7}",
            order_number=f"A-{n}",
            recipient_name=f"Ines {n}",
            tags=["vip", f"tag {n}"],
        )
    for n in range(5):
        ingested(
            shipment,
            a_snapshot(a_scan(*LABEL), a_scan(*ACCEPTED, place=DENVER), status_text=f"text {n}"),
            minute=n + 1,
        )
        Note.objects.create(shipment=shipment, merchant=merchant, author=mary, text=f"Note {n}")
        a_shipment(merchant, number=shipment.number, instance=n + 2)
    PrivateLink.objects.make(shipment, by=mary)
    a_kept_picture(shipment)
    attention.review(now)
    items = list(AttentionItem.objects.order_by("pk").values_list("pk", flat=True))
    done = list(AttentionItem.objects.filter(pk__in=items[:30]).select_related("shipment"))
    AttentionItem.objects.mark_done(done, mary, now)
    AttentionItem.objects.filter(pk__in=items[30:]).give_to(alice.pk)
    cohorts.tally(now)
    return shipment


def much_else(merchant: Merchant, by: User) -> None:
    """More than a page of what else a merchant has."""
    for n in range(35):
        a_person(f"colleague-{n}@example.com", merchant)
        an_invitation(merchant, f"new-{n}@example.com")
        SavedView.objects.create(merchant=merchant, owner=by, name=f"View {n}", is_shared=True)
        a_bulk_action(merchant, by=by, deed=Deed.ASSIGN, argument={"owner": by.pk}, total=60, done=n)
        a_draft("Tracking number\n9405509898641500000146\n", merchant, by=by)


@pytest.mark.parametrize("route", PAGES)
def test_a_page_takes_at_most_eight_statements(
    route: str, parcel: Shipment, alice: User, mary: User, signed_in: Callable[[User], Client]
) -> None:
    a_bulk_action(parcel.merchant, by=mary, deed=Deed.ASSIGN, argument={"owner": mary.pk}, total=60, done=30)
    a_draft("Number\n" + "".join(f"{an_impb()}\n" for _n in range(50)), parcel.merchant, by=mary)
    client, where = signed_in(alice), address(route, parcel)
    much_else(parcel.merchant, mary)
    # The first page of a session notes which merchant it is about.
    client.get("/app/alpine/bulk/")

    for asked in [{}, *ASKED.get(route, [])]:
        with CaptureQueriesContext(connection) as statements:
            response: Any = client.get(where, asked)
            assert b"".join(response.streaming_content if response.streaming else [response.content])

        assert response.status_code in {200, 400}
        assert len(statements) <= MOST, [one["sql"][:200] for one in statements]


def test_the_page_of_an_import_that_is_over_takes_no_more(
    merchant: Merchant, mary: User, signed_in: Callable[[User], Client]
) -> None:
    bad = "".join(f"nonsense {n}\n" for n in range(40))
    job = a_draft(f"Number\n{an_impb()}\n{bad}", merchant, by=mary, columns=["number"])
    job.start(timezone.now())
    importing.work_on(job.pk)
    client, where = signed_in(mary), f"/app/{merchant.slug}/imports/{job.public_id}/"
    client.get(where)

    with CaptureQueriesContext(connection) as statements:
        response = client.get(where)

    assert response.context["job"].bad == 40
    assert len(statements) <= MOST
