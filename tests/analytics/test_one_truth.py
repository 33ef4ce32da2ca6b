"""Counts, lists, attention and figures tell the same of the same parcels, whatever was done to them: each is compared with
what a slow and plain reading of the rows says."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from random import Random
from zoneinfo import ZoneInfo

import pytest
from django.test import Client

from shipments.analytics import attention, cohorts, figures
from shipments.bulk.filters import ListFilter
from shipments.enums import Lifecycle, Reason, Resolution, Status, StatusGroup
from shipments.models import AttentionItem, Membership, Merchant, SeenParcel, Shipment, Tally, User
from tests.factories import a_merchant, a_shipment

pytestmark = pytest.mark.django_db

ZONE = "America/New_York"
NOW = datetime(2026, 6, 15, 16, 0, tzinfo=UTC)
TODAY = date(2026, 6, 15)
ARRIVED_OR_BACK = {Status.DELIVERED, Status.RETURN_TO_SENDER}


@pytest.fixture(params=range(2))
def parcels(request: pytest.FixtureRequest, merchant: Merchant, mary: User) -> list[Shipment]:
    """Parcels of every kind, after deeds in a random order, some on several at once; among those of another merchant."""
    random = Random(request.param)
    other = a_merchant()
    for _n in range(60):
        status = random.choice(list(Status))
        moment = NOW - timedelta(hours=random.randrange(1, 400))
        promised = random.choice([None, TODAY + timedelta(days=random.randrange(-4, 3))])
        delivered = moment if status == Status.DELIVERED else None
        a_shipment(
            random.choice([merchant, merchant, merchant, other]),
            status=status,
            changed_at=random.choice([None, moment]),
            status_since=moment,
            last_scan_at=moment,
            first_scan_on=moment.date(),
            first_scan_at=moment,
            mailing_date=random.choice([None, TODAY - timedelta(days=random.randrange(40))]),
            estimated_on=promised,
            first_promised_on=promised and promised - timedelta(days=random.randrange(2)),
            delivered_at=delivered,
            delivered_on=delivered.date() if delivered else None,
            proof_url=random.choice(["", "https://carrier.example/proof"]) if delivered else "",
            created_at=NOW - timedelta(days=random.randrange(40)),
        )
    for _n in range(40):
        some = Shipment.objects.filter(
            pk__in=random.sample(list(Shipment.objects.values_list("pk", flat=True)), 3)
        )
        resolution, status = random.choice([None, *Resolution]), random.choice(list(Status))
        match random.randrange(6):
            case 0:
                some.archive()
            case 1:
                some.close()
            case 2:
                some.restore(NOW)
            case 3:
                some.reopen(NOW)
            case 4:
                some.resolve(resolution, by_id=mary.pk, now=NOW)
            case _:
                some.update(status=status)
    return list(Shipment.objects.for_merchant(merchant).select_related("watch"))


def test_the_tallies_are_what_counting_finds(parcels: list[Shipment], merchant: Merchant) -> None:
    counted = Counter((Lifecycle(one.lifecycle), one.group) for one in parcels)

    assert Tally.objects.counts(merchant) == counted
    Tally.objects.compact()
    assert Tally.objects.counts(merchant) == counted


def test_who_is_asked_about_is_who_is_active(parcels: list[Shipment]) -> None:
    assert {one.pk for one in parcels if one.watch.due_at is not None} == {
        one.pk for one in parcels if one.lifecycle == Lifecycle.ACTIVE
    }
    assert {bool(one.end_reason) for one in parcels if one.lifecycle == Lifecycle.ACTIVE} <= {False}


def test_attention_is_what_reading_every_parcel_finds(parcels: list[Shipment], merchant: Merchant) -> None:
    def reasons(one: Shipment) -> set[Reason]:
        """Three of the rules, as `docs/attention.md` has them."""
        if one.resolution or one.lifecycle == Lifecycle.ARCHIVED:
            return set()
        active = one.lifecycle == Lifecycle.ACTIVE
        found = set()
        if one.status == Status.EXCEPTION and (active or one.end_reason == "too-old"):
            found.add(Reason.EXCEPTION)
        if one.status == Status.DELIVERY_ATTEMPT and active:
            found.add(Reason.ATTEMPTED)
        days = [day for day in (one.first_promised_on, one.estimated_on) if day]
        at_the_shop = {Status.READY_FOR_PICKUP, Status.PICKUP_MISSED}
        if active and days and one.status not in ARRIVED_OR_BACK | at_the_shop:
            late_at = datetime.combine(min(days) + timedelta(days=merchant.late_days), time(), ZoneInfo(ZONE))
            if late_at <= NOW:
                found.add(Reason.LATE)
        return found

    attention.review(NOW)

    items = {
        item.shipment_id: set(item.reasons) & {Reason.EXCEPTION, Reason.ATTEMPTED, Reason.LATE}
        for item in AttentionItem.objects.for_merchant(merchant)
    }
    assert {pk: held for pk, held in items.items() if held} == {
        one.pk: reasons(one) for one in parcels if reasons(one)
    }


@pytest.mark.parametrize(
    "query", ["late=1", "proof=yes", "proof=no", "news=1", "attention=any", "tab=trouble"]
)
@pytest.mark.parametrize("lifecycle", ["", "active", "archived"])
def test_a_filter_finds_what_fits_it_one_by_one(
    parcels: list[Shipment], merchant: Merchant, mary: User, query: str, lifecycle: str
) -> None:
    attention.review(NOW)
    reader = mary.memberships.get()
    Membership.objects.filter(pk=reader.pk).update(seen_until=NOW - timedelta(hours=200))
    reader.refresh_from_db()
    opened = parcels[::2]
    for one in opened:
        SeenParcel.objects.note(reader, one, NOW - timedelta(hours=100))
    seen = dict(SeenParcel.objects.values_list("shipment_id", "seen_at"))
    items = set(AttentionItem.objects.values_list("shipment_id", flat=True))
    fits: dict[str, Callable[[Shipment], bool]] = {
        "late=1": lambda one: (
            one.estimated_on is not None
            and one.estimated_on < TODAY
            and one.delivered_on is None
            and one.status not in ARRIVED_OR_BACK
        ),
        "proof=yes": lambda one: bool(one.proof_url),
        "proof=no": lambda one: one.status == Status.DELIVERED and not one.proof_url,
        "news=1": lambda one: (
            one.changed_at is not None
            and one.changed_at > reader.seen_until
            and (one.pk not in seen or seen[one.pk] < one.changed_at)
        ),
        "attention=any": lambda one: one.pk in items,
        "tab=trouble": lambda one: one.group == StatusGroup.TROUBLE,
    }
    looked_at = {
        "": lambda one: one.lifecycle != Lifecycle.ARCHIVED,
        "active": lambda one: one.lifecycle == Lifecycle.ACTIVE,
        "archived": lambda one: one.lifecycle == Lifecycle.ARCHIVED,
    }[lifecycle]

    wanted = ListFilter.from_query(f"{query}&lifecycle={lifecycle}")
    found = wanted.apply(Shipment.objects.all(), merchant=merchant, now=NOW, reader=reader)

    assert {one.pk for one in found} == {one.pk for one in parcels if fits[query](one) and looked_at(one)}


def test_the_counts_on_the_tabs_are_of_what_stands_behind_them(
    parcels: list[Shipment], merchant: Merchant, mary: User, signed_in: Callable[[User], Client]
) -> None:
    client = signed_in(mary)
    for query in ("", "lifecycle=active", "lifecycle=archived", "proof=no", "q=9400"):
        for tab in client.get(f"/app/alpine/shipments/?{query}").context["tabs"]:
            assert tab.count == len(client.get(tab.url).context["rows"])


def test_figures_count_every_parcel_once(parcels: list[Shipment], merchant: Merchant) -> None:
    def shipped_on(one: Shipment) -> date | None:
        return one.mailing_date or one.shipped_on or one.first_scan_on

    while not cohorts.tally(NOW):
        pass
    period = figures.Period(TODAY - timedelta(days=20), TODAY)

    weeks, _before = figures.weeks(merchant, figures.Asked(period))
    total = figures.Figures.total(week.figures for week in weeks)

    mine = [one for one in parcels if (day := shipped_on(one)) and period.start <= day <= period.end]
    back = {
        one.pk
        for one in mine
        if one.status == Status.RETURN_TO_SENDER
        or one.end_reason == "returned"
        or one.resolution == Resolution.RETURNED
    }
    arrived = [
        one for one in mine if one.status == Status.DELIVERED and one.delivered_on and one.pk not in back
    ]
    assert (total.parcels, total.returns, total.delivered) == (len(mine), len(back), len(arrived))
    by_carrier = figures.groups(merchant, figures.Asked(period))
    assert sum(group.figures.parcels for group in by_carrier) == len(mine)
