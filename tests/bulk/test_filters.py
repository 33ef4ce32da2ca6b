"""What a list is asked for: read from an address, written back, applied."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest
from django.db.models import QuerySet
from hypothesis import given
from hypothesis import strategies as st

from shipments.bulk.filters import BadFilter, Days, ListFilter, Owned, Proof
from shipments.enums import Lifecycle, Reason, Resolution, Status, StatusGroup
from shipments.models import AttentionItem, Membership, Merchant, SeenParcel, Shipment, User
from tests.factories import a_shipment

# Nine in the morning of 6 March on the merchant's clock (New York).
NOW = datetime(2026, 3, 6, 14, 0, tzinfo=UTC)
USPS = "9405509898641500000146"


def found(merchant: Merchant, query: str, reader: Membership | None = None) -> list[str]:
    """The orders of the parcels a query finds, in the order they were added."""
    asked = ListFilter.from_query(query)
    parcels: QuerySet[Shipment] = asked.apply(
        Shipment.objects.all(), merchant=merchant, now=NOW, reader=reader
    )
    return list(parcels.order_by("pk").values_list("order_number", flat=True))


# ---- Reading and writing


words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=30).map(str.strip)
days = st.dates(date(2000, 1, 1), date(2100, 12, 31))
ranges = st.one_of(
    st.just(Days()),
    st.builds(Days, days, st.none()),
    st.builds(Days, st.none(), days),
    st.tuples(days, days).map(lambda two: Days(min(two), max(two))),
)
filters = st.builds(
    ListFilter,
    tab=st.none() | st.sampled_from(StatusGroup),
    q=words,
    status=st.none() | st.sampled_from(Status),
    lifecycle=st.none() | st.sampled_from(Lifecycle),
    carrier=st.sampled_from(["", "USPS"]),
    service=words,
    tags=st.lists(words.filter(bool), max_size=3, unique=True).map(tuple),
    place=words,
    added=ranges,
    promised=ranges,
    delivered=ranges,
    late=st.booleans(),
    proof=st.none() | st.sampled_from(Proof),
    resolution=st.none() | st.sampled_from(Resolution),
    attention=st.none() | st.sampled_from(Owned),
    news=st.booleans(),
)


@given(filters)
def test_a_filter_survives_the_address_it_is_written_into(asked: ListFilter) -> None:
    assert ListFilter.from_query(asked.to_query()) == asked
    assert ListFilter.from_query(asked.to_query()).to_query() == asked.to_query()


def test_the_empty_filter_is_an_empty_address() -> None:
    assert ListFilter().to_query() == ""


def test_names_that_are_not_ours_and_empty_fields_of_a_form_are_left_alone() -> None:
    assert ListFilter.from_query("tab=&q=+&sort=news&page=7&added_from=&tag=") == ListFilter()


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("tab=lost", "tab"),
        ("status=Lost", "status"),
        ("lifecycle=dead", "lifecycle"),
        ("carrier=" + "X" * 21, "carrier"),
        ("service=" + "X" * 101, "service"),
        ("place=%00", "place"),
        ("q=" + "9" * 101, "q"),
        ("q=12%00", "q"),
        ("tag=" + "x" * 41, "tag"),
        ("&".join(f"tag={n}" for n in range(11)), "tag"),
        ("added_from=yesterday", "added_from"),
        ("added_to=2026-02-30", "added_to"),
        ("promised_from=0001-01-01", "promised_from"),
        ("delivered_to=9999-12-31", "delivered_to"),
        ("added_from=2026-03-02&added_to=2026-03-01", "added_to"),
        ("late=yes", "late"),
        ("proof=1", "proof"),
        ("resolution=found", "resolution"),
        ("attention=yours", "attention"),
        ("news=0", "news"),
    ],
)
def test_what_does_not_exist_is_refused_by_the_name_of_its_field(query: str, field: str) -> None:
    with pytest.raises(BadFilter) as refusal:
        ListFilter.from_query(query)

    assert refusal.value.field == field
    assert str(refusal.value) != ""


@given(st.text(max_size=60), st.sampled_from(["tab", "q", "tag", "added_from", "late", "place"]))
def test_no_text_in_an_address_breaks_the_reading(text: str, name: str) -> None:
    read = refused = None
    try:
        read = ListFilter.read({name: [text]})
    except BadFilter as refusal:
        refused = refusal.field

    if read is None:
        assert refused == name
    else:
        assert parse_qs(read.to_query(), errors="strict").keys() <= {name}


# ---- Applying


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    # A parcel, a query that finds it, one that does not.
    "tab": ({"status": Status.EXCEPTION}, "tab=trouble", "tab=moving"),
    "status": ({"status": Status.PICKED_UP}, "status=PickedUp", "status=InTransit"),
    "active": ({}, "lifecycle=active", "lifecycle=ended"),
    "ended": ({"lifecycle": "ended", "end_reason": "settled"}, "lifecycle=ended", "lifecycle=active"),
    "archived": ({"lifecycle": "archived", "end_reason": "settled"}, "lifecycle=archived", ""),
    "carrier": ({"carrier": "UPS", "number": "1Z12345E0205271688"}, "carrier=UPS", "carrier=USPS"),
    "service": ({"service_name": "Ground Advantage"}, "service=Ground+Advantage", "service=Ground"),
    "long service": ({"service_name": "x" * 900}, "service=" + "x" * 100, "service=" + "x" * 99),
    "tag": ({"tags": ["Gift", "wholesale"]}, "tag=gift", "tag=gif"),
    "both tags": ({"tags": ["Gift", "wholesale"]}, "tag=WHOLESALE&tag=GIFT", "tag=gift&tag=other"),
    "place": ({"last_location": "DENVER, CO 80202"}, "place=denver", "place=enver"),
    "sign of a pattern": ({"last_location": "100% TOWN"}, "place=100%25", "place=1_0"),
    "promised": ({"estimated_on": date(2026, 3, 9)}, "promised_from=2026-03-09&promised_to=2026-03-09", "promised_from=2026-03-10"),
    "delivered": ({"delivered_on": date(2026, 3, 2)}, "delivered_to=2026-03-02", "delivered_to=2026-03-01"),
    "added": ({"created_at": datetime(2026, 3, 3, 4, 59, tzinfo=UTC)}, "added_from=2026-03-02&added_to=2026-03-02", "added_from=2026-03-03"),
    "late": ({"estimated_on": date(2026, 3, 5), "status": Status.IN_TRANSIT}, "late=1", "late=1&status=Unknown"),
    "proof": ({"status": Status.DELIVERED, "proof_url": "https://proof.example/"}, "proof=yes", "proof=no"),
    "no proof": ({"status": Status.DELIVERED}, "proof=no", "proof=yes"),
    "resolution": ({"resolution": "refunded"}, "resolution=refunded", "resolution=lost"),
    "order": ({"order_number": "Order 77"}, "q=ORDER+7", "q=77"),
    "word of the name": ({"recipient_name": "José O'Neill-Smith"}, "q=smi", "q=mith"),
    "words of the name": ({"recipient_name": "José O'Neill-Smith"}, "q=o%27neill+jos", "q=jos+miller"),
    "tag by text": ({"tags": ["Fragile Goods"]}, "q=fragile+goods", "q=fragile"),
}  # fmt: skip


@pytest.mark.django_db
@pytest.mark.parametrize(("row", "hit", "miss"), CASES.values(), ids=CASES)
def test_each_filter_finds_its_parcel_and_no_other(
    merchant: Merchant, row: dict[str, Any], hit: str, miss: str
) -> None:
    a_shipment(merchant, order_number="other", number=USPS, created_at=datetime(2026, 1, 1, tzinfo=UTC))
    a_shipment(merchant, **{"order_number": "this", **row})
    this = row.get("order_number", "this")

    assert this in found(merchant, hit)
    assert hit in {"lifecycle=active"} or found(merchant, hit) == [this]
    assert this not in found(merchant, miss)


@pytest.mark.django_db
@pytest.mark.parametrize(
    "typed",
    [USPS, "9405 5098 9864 1500 0001 46", "9405-5098-9864-1500-0001-46", f"42020832{USPS}", "9405", "0146"],
)
def test_a_number_is_found_in_any_form_by_its_start_and_by_its_end(merchant: Merchant, typed: str) -> None:
    a_shipment(merchant, number="1Z12345E0205271688", carrier="UPS", order_number="other")
    a_shipment(merchant, number=USPS, order_number="this")

    assert found(merchant, f"q={typed}") == ["this"]


@pytest.mark.django_db
@pytest.mark.parametrize(
    "typed",
    ["146", "---", "%", "_", "'", "':*", "\\", "&", "!", "( )", "a:b & !", "nothing like it"],
)
def test_too_few_signs_and_signs_that_mean_something_to_a_database_find_nothing(
    merchant: Merchant, typed: str
) -> None:
    a_shipment(merchant, number=USPS, recipient_name="Rosa Invented", order_number="B", tags=["gift"])

    found_by = ListFilter(q=typed).apply(Shipment.objects.all(), merchant=merchant, now=NOW, reader=None)

    assert list(found_by) == []


@pytest.mark.django_db
def test_filters_are_joined(merchant: Merchant) -> None:
    a_shipment(merchant, order_number="A", carrier="UPS", number="1Z12345E0205271688", tags=["gift"])
    a_shipment(merchant, order_number="B", tags=["gift"])

    assert found(merchant, "tag=gift&carrier=USPS") == ["B"]
    assert found(merchant, "tag=gift&carrier=FedEx") == []


@pytest.mark.django_db
def test_the_parcels_of_another_merchant_are_never_found(merchant: Merchant, charlie: User) -> None:
    a_shipment(
        charlie.memberships.get().merchant,
        number=USPS,
        order_number="A",
        recipient_name="Rosa",
        tags=["gift"],
    )

    assert [found(merchant, query) for query in ("", f"q={USPS}", "q=rosa", "q=A", "tag=gift")] == [[]] * 5


@pytest.mark.django_db
def test_a_parcel_due_today_delivered_or_on_its_way_back_is_not_late(merchant: Merchant) -> None:
    yesterday, today = date(2026, 3, 5), date(2026, 3, 6)
    a_shipment(merchant, order_number="due today", estimated_on=today, status=Status.IN_TRANSIT)
    a_shipment(merchant, order_number="delivered", estimated_on=yesterday, status=Status.DELIVERED)
    a_shipment(merchant, order_number="delivered somehow", estimated_on=yesterday, delivered_on=yesterday)
    a_shipment(merchant, order_number="returning", estimated_on=yesterday, status=Status.RETURN_TO_SENDER)
    a_shipment(merchant, order_number="late", estimated_on=yesterday, status=Status.EXCEPTION)

    assert found(merchant, "late=1") == ["late"]


@pytest.fixture
def items(merchant: Merchant, alice: User, mary: User) -> None:
    states: dict[str, dict[str, Any]] = {
        "alice's": {"owner": alice},
        "mary's": {"owner": mary},
        "nobody's": {},
        "put off": {"snoozed_until": NOW + timedelta(days=1)},
        "done": {"done_at": NOW},
    }
    for order, over in states.items():
        AttentionItem.objects.create(
            shipment=a_shipment(merchant, order_number=order),
            merchant=merchant,
            reasons=[Reason.LATE],
            reason=Reason.LATE,
            rank=5,
            since=NOW,
            found_at=NOW,
            **over,
        )
    a_shipment(merchant, order_number="without")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("attention=any", ["alice's", "mary's", "nobody's"]),
        ("attention=none", ["nobody's"]),
        ("attention=mine", ["mary's"]),
    ],
)
def test_what_needs_somebody_is_found_by_who_looks_after_it(
    merchant: Merchant, mary: User, items: None, query: str, expected: list[str]
) -> None:
    assert found(merchant, query, mary.memberships.get()) == expected


@pytest.mark.django_db
def test_without_a_reader_nothing_is_theirs_and_nothing_is_news(merchant: Merchant, items: None) -> None:
    Shipment.objects.update(changed_at=NOW)

    assert found(merchant, "attention=mine") == []
    assert found(merchant, "news=1") == []


@pytest.mark.django_db
def test_news_is_what_changed_since_the_reader_looked_and_was_not_opened_since(
    merchant: Merchant, mary: User, bob: User
) -> None:
    reader, other = mary.memberships.get(), bob.memberships.get()
    Membership.objects.update(seen_until=NOW)
    reader.refresh_from_db()
    later = NOW + timedelta(hours=1)
    a_shipment(merchant, order_number="never changed")
    a_shipment(merchant, order_number="changed before", changed_at=NOW)
    a_shipment(merchant, order_number="changed", changed_at=later)
    opened = a_shipment(merchant, order_number="opened", changed_at=later)
    again = a_shipment(merchant, order_number="changed again", changed_at=later)
    SeenParcel.objects.note(reader, opened, later)
    SeenParcel.objects.note(reader, again, later - timedelta(minutes=1))
    of_other = a_shipment(merchant, order_number="opened by another", changed_at=later)
    SeenParcel.objects.note(other, of_other, later)

    expected = ["changed", "changed again", "opened by another"]
    assert found(merchant, "news=1", reader) == expected
    marked = Shipment.objects.marked_for(reader).order_by("pk")
    assert [parcel.order_number for parcel in marked if parcel.is_news] == expected
