"""Every fault the simulator knows, at a third of the calls and at all of them, through the real runner and both gateways."""

import time
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from shipments.carriers.http import MAX_BODY, MAX_KEPT
from shipments.enums import Gateway
from shipments.models import CredentialToken, ScanEvent, Shipment, Watch
from shipments.refresh import runner
from shipments.simulator.faults import KINDS, TOKEN_KINDS
from shipments.simulator.journeys import make_number
from shipments.simulator.numbers import Scenario
from shipments.tracking.deriving import SHIPMENT_FACTS
from tests.factories import Simulator, a_merchant, a_person, a_shipment, an_account

pytestmark = pytest.mark.django_db(transaction=True)

CARRIER = {Gateway.USPS: "USPS", Gateway.PITNEY_BOWES: "UPS"}
# How long a call hangs or trickles, and how much comes: the same trouble in less time.
DETAIL = {"timeout": ":1", "slow": ":1", "huge": ":50"}
# What every parcel is told when every call goes wrong: the kind of error, or of answer.
TOLD = {
    "400": {"bad-request"},
    "401": {"bad-credentials"},
    "403": {"not-allowed", "not-entitled"},
    "404": {"not-known"},
    "429": {"over-quota"},
    "500": {"try-later"},
    "503": {"try-later"},
    "timeout": {"try-later"},
    "reset": {"try-later"},
    "slow": {"snapshot"},
    "html": {"unreadable"},
    "empty": {"unreadable"},
    "cut": {"unreadable"},
    "wrongtypes": {"snapshot", "unreadable"},
    "huge": {"unreadable"},
    "endless": {"unreadable"},
    "deep": {"unreadable"},
    # The new token is refused, too.
    "noproduct": {"not-entitled"},
    "foreign": {"bad-credentials"},
    # Pitney Bowes names no scope.
    "token-scope": {"not-entitled", "snapshot"},
    "token-timeout": {"try-later"},
    "revoked": {"bad-credentials"},
    "token-refused": {"bad-credentials"},
    "token-429": {"over-quota"},
    "token-500": {"try-later"},
    "token-html": {"try-later", "unreadable", "bad-credentials"},
}


def facts_of(shipments: list[Shipment]) -> list[Any]:
    """What a reader knows of the parcels."""
    told = [name for name in SHIPMENT_FACTS if name not in OF_THE_ANSWER]
    return [
        *Shipment.objects.filter(pk__in=[one.pk for one in shipments]).order_by("pk").values(*told),
        *ScanEvent.objects.order_by("shipment", "fingerprint").values(
            "fingerprint", "withdrawn_at", "status"
        ),
    ]


def differences(now: list[Any], before: list[Any]) -> list[Any]:
    """Name, value and value before of everything that is not as it was."""
    return [
        (name, row[name], was[name])
        for row, was in zip(now, before, strict=True)
        for name in row
        if row[name] != was[name]
    ]


# These tell of the newest answer, and not of the parcel.
# In `details` a text stands as it was sent, also where a list is usual.
OF_THE_ANSWER = frozenset(
    {"answer", "facts_fetched_at", "covered_from", "unreadable_scans", "changed_at", "details"}
)


@pytest.mark.parametrize("gateway", list(Gateway))
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "missing"])
def test_a_fault_costs_no_facts_and_says_why(kind: str, gateway: Gateway, calm: Simulator) -> None:
    account = an_account(a_merchant(), gateway, base_url=calm.url)
    start = datetime.now(UTC) - timedelta(days=7)
    shipments = [
        a_shipment(
            account.merchant,
            carrier=CARRIER[gateway],
            number=make_number(CARRIER[gateway], Scenario.ON_TIME, start, variant=n),
        )
        for n in range(4)
    ]
    runner.ask_now(shipments)
    kept = facts_of(shipments)
    assert {one["status"] for one in kept[:4]} == {"Delivered"}

    for rate in ("0.3", "1"):
        calm.faults(f"{kind}:{rate}{DETAIL.get(kind, '')}")
        if kind in TOKEN_KINDS:
            CredentialToken.objects.all().delete()
        asked_at = timezone.now()
        runner.ask_now(list(Shipment.objects.order_by("pk")))

        assert differences(facts_of(shipments), kept) == []
        told = set()
        for watch in Watch.objects.all():
            assert watch.lease is None
            if watch.error_kind:
                assert watch.error_text
                told.add(watch.error_kind)
            else:
                assert watch.checked_at is not None
                assert watch.checked_at >= asked_at
                told.add(watch.heard)
        if rate == "1":
            assert told <= TOLD[kind]
        else:
            assert told <= TOLD[kind] | {"snapshot"}


@pytest.mark.parametrize("gateway", list(Gateway))
@pytest.mark.parametrize("fault", ["huge:1:50", "endless:1", "deep:1"])
def test_a_body_without_measure_takes_bounded_time_and_memory(
    fault: str, gateway: Gateway, calm: Simulator
) -> None:
    account = an_account(a_merchant(), gateway, base_url=calm.url)
    number = make_number(CARRIER[gateway], Scenario.ON_TIME, datetime.now(UTC) - timedelta(days=7))
    shipment = a_shipment(account.merchant, carrier=CARRIER[gateway], number=number)
    calm.faults(fault)
    tracemalloc.start()
    burnt = time.process_time()
    try:
        runner.ask_now([shipment])
        _now, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # The pieces of 8 MB, and those pieces put together.
    assert peak < 4 * MAX_BODY
    assert time.process_time() - burnt < 10
    watch = Watch.objects.get()
    assert watch.error_kind == "unreadable"
    assert "longer than 8,388,608 bytes" in watch.error_text or "nested too deeply" in watch.error_text
    if watch.error_answer is not None:
        assert watch.error_answer.size <= MAX_KEPT


def test_an_item_left_out_is_that_parcels_trouble(calm: Simulator, client: Any) -> None:
    account = an_account(a_merchant(), base_url=calm.url)
    start = datetime.now(UTC) - timedelta(days=7)
    shipments = [
        a_shipment(account.merchant, number=make_number("USPS", Scenario.ON_TIME, start, variant=n))
        for n in range(3)
    ]
    runner.ask_now(shipments)
    kept = facts_of(shipments)
    calm.faults(f"missing:{shipments[1].number}")

    runner.ask_now(shipments)

    assert facts_of(shipments) == kept
    assert [watch.error_kind for watch in Watch.objects.order_by("pk")] == ["", "unreadable", ""]
    client.force_login(a_person("operator@example.com", is_staff=True, is_superuser=True))
    page = client.get(reverse("admin:shipments_shipment_change", args=[shipments[1].pk]))
    assert "the answer left this number out" in page.content.decode()
