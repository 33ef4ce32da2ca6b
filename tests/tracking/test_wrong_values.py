"""Anything at all in any member of either wire: bounded time, no exception, and the other parcels of the answer are saved."""

import json
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from django.db import transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shipments.carriers.base import Outcome, Question
from shipments.carriers.http import Reply
from shipments.carriers.pitney_bowes import parse as pitney_bowes
from shipments.carriers.usps import answers
from shipments.carriers.usps.matching import Asked
from shipments.enums import Gateway
from shipments.management.benchmarks import canned
from shipments.models import ScanEvent, Shipment, Watch
from shipments.tracking.ingest import Observation, ingest
from tests.factories import a_merchant, a_shipment, an_account

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=30)
    | st.sampled_from(
        ["", "0000-00-00", "2026-02-30", "9999-12-31T24:00:00", "\x00", "\ud800", "<b>", "x" * 3000, 10**39, -1, 1e300]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip
USPS = canned.journeys(Gateway.USPS, 2)
UPS = canned.journeys(Gateway.PITNEY_BOWES, 1)[0]


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to every member and element of a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [way for key, one in inside for way in ((*path, key), *places(one, (*path, key)))]


def spoiled(draw: st.DrawFn, whole: bytes) -> Any:
    """The answer with other values in up to five places."""
    value = json.loads(whole)
    for way in draw(st.lists(st.sampled_from(places(value)), min_size=1, max_size=5, unique=True)):
        holder = value
        try:
            for key in way[:-1]:
                holder = holder[key]
            holder[way[-1]] = draw(VALUES)
        except (KeyError, IndexError, TypeError):
            # Another place was spoiled above this one.
            continue
    return value


@st.composite
def a_usps_item(draw: st.DrawFn) -> Any:
    return spoiled(draw, canned.rendered(Gateway.USPS, USPS[0], 10))


@st.composite
def a_pitney_bowes_answer(draw: st.DrawFn) -> Any:
    return spoiled(draw, canned.rendered(Gateway.PITNEY_BOWES, UPS, 10))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a_usps_item())
def test_one_spoiled_item_of_usps_costs_the_other_nothing(item: Any) -> None:
    body = json.dumps([item, json.loads(canned.rendered(Gateway.USPS, USPS[1], 10))]).encode()
    asked = [Asked(journey.number, None, None) for journey in USPS]
    begun = time.process_time()
    told = answers.read(Reply(200, httpx.Headers(), body, NOW), asked, secrets=())
    assert isinstance(told, dict)
    with transaction.atomic():
        account = an_account(a_merchant())
        shipments = [a_shipment(account.merchant, number=journey.number) for journey in USPS]
        questions = [Question(one.pk, one.number, "USPS") for one in shipments]
        done = ingest(
            [
                Observation(Outcome(question, told[entry].result, NOW, told[entry].part), account)
                for question, entry in zip(questions, asked, strict=True)
            ],
            now=NOW + timedelta(seconds=1),
        )
        assert len(done) == 2
        assert ScanEvent.objects.filter(shipment=shipments[1]).count() == 10
        assert {watch.heard for watch in Watch.objects.filter(pk=shipments[1].pk)} == {"snapshot"}
        transaction.set_rollback(True)
    assert time.process_time() - begun < 2


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(a_pitney_bowes_answer())
def test_a_spoiled_answer_of_pitney_bowes_is_read_as_far_as_it_goes(answer: Any) -> None:
    begun = time.process_time()
    part = json.dumps(answer).encode()
    with transaction.atomic():
        account = an_account(a_merchant(), Gateway.PITNEY_BOWES)
        shipment = a_shipment(account.merchant, carrier=UPS.carrier, number=UPS.number)
        question = Question(shipment.pk, shipment.number, shipment.carrier_id)
        result = pitney_bowes.read_part(part, question)
        (done,) = ingest(
            [Observation(Outcome(question, result, NOW, part), account)], now=NOW + timedelta(seconds=1)
        )
        told = Shipment.objects.get()
        assert done.new_scans == told.scans.count() <= 11
        assert bool(done.error) == bool(Watch.objects.get().error_text)
        transaction.set_rollback(True)
    assert time.process_time() - begun < 2
