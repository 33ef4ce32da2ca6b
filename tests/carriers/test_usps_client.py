"""The USPS client over a pretended wire: batches, splitting, outcomes, nothing secret let out."""

import asyncio
import gzip
import json
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.carriers.auth import MemoryTokenStore, Token
from shipments.carriers.base import CarrierClient, NotAllowed, NotKnown, Question, Snapshot
from shipments.carriers.errors import (
    BadRequest,
    CarrierError,
    NotEntitled,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.carriers.reading import Findings
from shipments.carriers.usps.wire import TokenBody
from shipments.enums import Environment, Gateway, Status
from tests.carriers.usps_calls import (
    KEY,
    NUMBER,
    SAMPLES,
    SECRET,
    TOKEN,
    Wire,
    a_client,
    found,
    numbers,
    questions,
    refused,
    results,
    track,
)

# ---- What is asked


def test_it_is_a_carrier_client_for_35_parcels_a_call() -> None:
    client: CarrierClient = a_client(Wire())
    assert client.gateway is Gateway.USPS
    assert client.max_batch == 35
    asyncio.run(client.aclose())


@pytest.mark.parametrize(
    ("environment", "base_url", "host"),
    [
        (Environment.PRODUCTION, None, "https://apis.usps.com"),
        (Environment.TEST, None, "https://apis-tem.usps.com"),
        (Environment.PRODUCTION, "http://127.0.0.1:8123/", "http://127.0.0.1:8123"),
        (Environment.TEST, "https://usps.example:8443", "https://usps.example:8443"),
    ],
)
def test_every_address_is_at_the_host_of_the_environment_or_at_the_base_url(
    environment: Environment, base_url: str | None, host: str
) -> None:
    wire = Wire()
    track(wire, questions(NUMBER), environment=environment, base_url=base_url)
    assert [(request.method, str(request.url)) for request in wire.requests] == [
        ("POST", f"{host}/oauth2/v3/token"),
        ("POST", f"{host}/tracking/v3r2/tracking"),
    ]


def test_a_call_carries_the_token_and_json() -> None:
    wire = Wire()
    track(wire, questions(NUMBER))
    headers = wire.requests[1].headers
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["Content-Type"] == "application/json"
    assert headers["Accept"] == "application/json"


def test_postal_code_and_mailing_date_are_sent_only_when_known() -> None:
    wire = Wire()
    track(
        wire,
        [
            Question(1, NUMBER, "USPS"),
            Question(2, "9205590982952107001084", "USPS", postal_code="02139"),
            Question(3, "9241999996333426012948", "USPS", mailing_date=date(2024, 11, 18)),
        ],
    )
    assert wire.calls == [
        [
            {"trackingNumber": NUMBER},
            {"trackingNumber": "9205590982952107001084", "destinationZIPCode": "02139"},
            {"trackingNumber": "9241999996333426012948", "mailingDate": "2024-11-18"},
        ]
    ]


@pytest.mark.parametrize(
    ("asked", "calls"), [(1, [1]), (35, [35]), (36, [35, 1]), (70, [35, 35]), (71, [35, 35, 1])]
)
def test_more_than_35_parcels_are_split_into_several_calls(asked: int, calls: list[int]) -> None:
    wire = Wire()
    outcomes = track(wire, questions(*numbers(asked)))
    assert [len(call) for call in wire.calls] == calls
    assert [outcome.question.number for outcome in outcomes] == numbers(asked)
    assert results(outcomes) == [Snapshot] * asked
    assert wire.sign_ins == 1


def test_no_more_calls_are_under_way_than_allowed() -> None:
    under_way: list[int] = []
    now = 0

    async def slowly(entries: list[dict[str, str]]) -> httpx.Response:
        nonlocal now
        now += 1
        under_way.append(now)
        await asyncio.sleep(0.01)
        now -= 1
        return found(entries)

    track(Wire(slowly), questions(*numbers(35 * 5)), concurrency=2)
    assert max(under_way) == 2


def test_nothing_to_ask_asks_nothing() -> None:
    wire = Wire()
    assert track(wire, []) == []
    assert wire.requests == []


@pytest.mark.parametrize(
    "number", ["", "123", "9" * 35, "9400-1091", "9400 1091", "９４００１０９１", "9400\n"]
)
def test_a_number_usps_would_refuse_is_not_sent_and_sinks_nobody(number: str) -> None:
    wire = Wire()
    outcomes = track(wire, questions(number, NUMBER))
    assert results(outcomes) == [BadRequest, Snapshot]
    assert str(outcomes[0].result) == "USPS takes numbers of 4 to 34 letters and digits."
    assert wire.calls == [[{"trackingNumber": NUMBER}]]


@pytest.mark.parametrize("postal_code", ["", "1234", "12345-6789", "ABCDE"])
def test_a_postal_code_usps_would_refuse_is_not_sent(postal_code: str) -> None:
    wire = Wire()
    (outcome,) = track(wire, questions(NUMBER, postal_code=postal_code))
    assert type(outcome.result) is BadRequest
    assert wire.requests == []


def test_the_same_question_twice_is_asked_once_and_answered_twice() -> None:
    wire = Wire()
    outcomes = track(wire, questions(NUMBER, NUMBER))
    assert wire.calls == [[{"trackingNumber": NUMBER}]]
    assert results(outcomes) == [Snapshot, Snapshot]
    assert [outcome.question.key for outcome in outcomes] == [0, 1]


# ---- What comes back


def test_an_outcome_holds_the_parcels_own_part_of_the_answer() -> None:
    body = (SAMPLES / "mixed.json").read_bytes()
    before = datetime.now(UTC)
    outcomes = track(
        Wire(lambda _: httpx.Response(207, content=body)),
        questions(NUMBER, "9205590982952107001084", "9241999996333426012948"),
    )
    assert results(outcomes) == [Snapshot, NotAllowed, NotKnown]
    items = {item["trackingNumber"]: item for item in json.loads(body)}
    for outcome in outcomes:
        assert json.loads(outcome.part or b"") == items[outcome.question.number]
        assert (outcome.part or b"") in body
        assert before <= outcome.fetched_at <= datetime.now(UTC)
    assert len({outcome.body_sha256 for outcome in outcomes}) == 1


def test_an_item_that_cannot_be_read_is_its_own_trouble_only() -> None:
    def answer(entries: list[dict[str, str]]) -> httpx.Response:
        return httpx.Response(
            200,
            json=[None, {"trackingNumber": [NUMBER]}, {"trackingNumber": entries[1]["trackingNumber"]}],
        )

    first, second = numbers(2)
    outcomes = track(Wire(answer), questions(first, second))
    assert results(outcomes) == [UnreadableAnswer, Snapshot]
    assert str(outcomes[0].result) == "USPS tracking: the answer left this number out."
    assert outcomes[0].part is None
    assert outcomes[0].body_sha256 == outcomes[1].body_sha256


def test_one_object_instead_of_the_array_is_read_where_one_parcel_was_asked_for() -> None:
    wire = Wire(lambda entries: httpx.Response(200, json={"trackingNumber": entries[0]["trackingNumber"]}))
    assert results(track(wire, questions(NUMBER))) == [Snapshot]
    assert results(track(wire, questions(*numbers(2)))) == [UnreadableAnswer] * 2


def test_one_number_asked_twice_gives_each_its_own_parcel() -> None:
    body = (SAMPLES / "one_number_twice.json").read_bytes()
    wire = Wire(lambda _: httpx.Response(200, content=body))
    outcomes = track(
        wire,
        [Question(1, NUMBER, "USPS", postal_code="02139"), Question(2, NUMBER, "USPS", postal_code="34442")],
    )
    assert len(wire.calls[0]) == 2
    assert [outcome.result.status for outcome in outcomes if isinstance(outcome.result, Snapshot)] == [
        Status.DELIVERY_ATTEMPT,
        Status.DELIVERED,
    ]


def test_parcels_of_one_number_that_cannot_be_told_apart_are_not_guessed() -> None:
    body = (SAMPLES / "one_number_twice.json").read_bytes()
    (outcome,) = track(Wire(lambda _: httpx.Response(200, content=body)), questions(NUMBER))
    assert str(outcome.result) == (
        "USPS tracking: several parcels have this number; a postal code or mailing date tells them apart."
    )
    assert outcome.part is None


def test_the_answer_may_carry_the_routing_prefix() -> None:
    body = (SAMPLES / "older_spellings.json").read_bytes()
    (outcome,) = track(Wire(lambda _: httpx.Response(200, content=body)), questions("9400111206206406260787"))
    assert isinstance(outcome.result, Snapshot)
    assert outcome.result.number == "420787459400111206206406260787"


def test_a_404_for_the_call_says_that_none_is_known() -> None:
    body = (SAMPLES / "none_known.json").read_bytes()
    outcomes = track(Wire(lambda _: httpx.Response(404, content=body)), questions(*numbers(3)))
    assert results(outcomes) == [NotKnown] * 3
    assert [outcome.part for outcome in outcomes] == [body] * 3


def test_an_unreadable_body_is_kept_only_where_it_cannot_be_about_another_parcel() -> None:
    first, second = numbers(2)

    def cut(entries: list[dict[str, str]]) -> httpx.Response:
        return httpx.Response(
            200, text=f'[{{"destinationCity":"TROY","trackingNumber":"{entries[0]["trackingNumber"]}"'
        )

    def wrapped(entries: list[dict[str, str]]) -> httpx.Response:
        return httpx.Response(200, json={"trackingResults": entries})

    alone = track(Wire(cut), questions(first))
    together = track(Wire(cut), questions(first, second))
    begun = track(
        Wire(lambda _: httpx.Response(200, text='[{"destinationCity":"TROY"')), questions(first, second)
    )
    boxed = track(Wire(wrapped), questions(first, second))
    page = track(Wire(lambda _: httpx.Response(200, text="<html></html>")), questions(first, second))
    assert results([*alone, *together, *begun, *boxed, *page]) == [UnreadableAnswer] * 9
    assert [outcome.part for outcome in (*together, *begun, *boxed)] == [None] * 6
    assert [outcome.part for outcome in page] == [b"<html></html>"] * 2
    for outcome in (*alone, *together, *begun, *boxed, *page):
        assert isinstance(outcome.result, CarrierError)
        assert outcome.result.kept == outcome.part
    assert alone[0].part is not None
    assert first.encode() in alone[0].part


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "[null]",
        '[{"trackingNumber":["9400109104250532908587"]}]',
        '[{"trackingNumber":"9400000000000"}]',
    ],
)
def test_a_reply_that_leaves_out_the_only_parcel_asked_for_is_kept(body: str) -> None:
    (outcome,) = track(Wire(lambda _: httpx.Response(200, text=body)), questions(NUMBER))
    assert isinstance(outcome.result, UnreadableAnswer)
    assert str(outcome.result) == "USPS tracking: the answer left this number out."
    assert outcome.part == outcome.result.kept == body.encode()


@pytest.mark.parametrize(("count", "kept"), [(1, b"[" * 1000), (2, None)])
def test_what_could_be_unpacked_of_broken_compression_is_kept_where_one_parcel_was_asked_for(
    count: int, kept: bytes | None
) -> None:
    async def packed() -> AsyncIterator[bytes]:
        yield gzip.compress(b"[" * 1000, compresslevel=0)[:-8]
        yield bytes(8)

    wire = Wire(lambda _: httpx.Response(200, content=packed(), headers={"Content-Encoding": "gzip"}))
    outcomes = track(wire, questions(*numbers(count)))
    assert results(outcomes) == [UnreadableAnswer] * count
    for outcome in outcomes:
        assert isinstance(outcome.result, UnreadableAnswer)
        assert outcome.part == outcome.result.kept == kept


# ---- Trouble of the account, or of USPS


def test_parcels_that_were_not_asked_about_get_nobody_elses_reply() -> None:
    wire = Wire(lambda _: httpx.Response(429, text="Slow down.", headers={"Retry-After": "60"}))
    outcomes = track(wire, questions(*numbers(70)), concurrency=1)
    assert len(wire.calls) == 1
    assert [outcome.part for outcome in outcomes] == [b"Slow down."] * 35 + [None] * 35
    assert [outcome.body_sha256 is None for outcome in outcomes] == [False] * 35 + [True] * 35
    for outcome in outcomes:
        assert isinstance(outcome.result, OverQuota)
        assert outcome.result.kept == outcome.part
        assert (outcome.result.http_status, outcome.result.retry_after) == (429, timedelta(seconds=60))
        assert str(outcome.result) == "USPS wants fewer calls from this account."


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx.Response(429), OverQuota),
        (httpx.Response(503, headers={"Retry-After": "5"}), TryLater),
        (refused(403, "Insufficient OAuth scope."), NotEntitled),
    ],
)
def test_calls_that_would_meet_the_same_trouble_are_not_made(response: httpx.Response, kind: type) -> None:
    wire = Wire(lambda _: response)
    outcomes = track(wire, questions(*numbers(35 * 6)), concurrency=1)
    assert results(outcomes) == [kind] * 35 * 6
    assert len(wire.calls) == 1


def test_a_call_that_fails_does_not_cost_the_next_one_its_answers() -> None:
    asked = numbers(70)

    def answer(entries: list[dict[str, str]]) -> httpx.Response:
        return httpx.Response(500) if entries[0]["trackingNumber"] == asked[0] else found(entries)

    assert results(track(Wire(answer), questions(*asked))) == [TryLater] * 35 + [Snapshot] * 35


@pytest.mark.parametrize("error", [httpx.ReadTimeout, httpx.ConnectError, httpx.RemoteProtocolError])
def test_no_reply_means_later_and_after_three_silences_nobody_else_is_asked(error: type[Exception]) -> None:
    def answer(entries: list[dict[str, str]]) -> httpx.Response:
        raise error("no reply")

    wire = Wire(answer)
    outcomes = track(wire, questions(*numbers(35 * 5)), concurrency=1)
    assert results(outcomes) == [TryLater] * 35 * 5
    assert len(wire.calls) == 3
    assert {(outcome.part, outcome.body_sha256) for outcome in outcomes} == {(None, None)}


def test_a_body_without_end_is_given_up() -> None:
    async def endless() -> Any:
        while True:
            yield b" " * 1024 * 1024

    wire = Wire(lambda _: httpx.Response(200, content=endless()))
    (outcome,) = track(wire, questions(NUMBER))
    assert type(outcome.result) is UnreadableAnswer
    assert outcome.part == outcome.result.kept == b" " * 64 * 1024


# ---- Whatever comes


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=10,
)
ITEM_FIELDS = ["trackingNumber", "statusCode", "error", "trackingEvents", "destinationZIPCode", "mailingDate"]
items = st.dictionaries(
    st.sampled_from(ITEM_FIELDS),
    json_values | st.sampled_from([NUMBER, "404", 403, "200", "02139", "2024-11-18"]),
)
bodies = json_values | st.lists(items, max_size=4) | items | st.fixed_dictionaries({"error": items})


@given(
    st.sampled_from([200, 207, 204, 301, 400, 401, 403, 404, 418, 429, 500, 503]),
    bodies.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=60),
)
@settings(max_examples=150, deadline=None)
def test_whatever_usps_answers_every_question_has_its_outcome(status: int, body: bytes) -> None:
    asked = [
        Question(1, NUMBER, "USPS", postal_code="02139"),
        Question(2, NUMBER, "USPS"),
        Question(3, "9205590982952107001084", "USPS"),
    ]
    outcomes = track(Wire(lambda _: httpx.Response(status, content=body)), asked)
    assert [outcome.question.key for outcome in outcomes] == [1, 2, 3]
    for outcome in outcomes:
        assert isinstance(outcome.result, Snapshot | NotKnown | NotAllowed | CarrierError)


@pytest.mark.parametrize("depth", [100, 400, 700, 900, 960, 990, 5000])
def test_an_item_nested_too_deeply_is_unreadable_and_no_crash(depth: int) -> None:
    body = f'[{{"trackingNumber":"{NUMBER}","deliveryDateExpectation":{{"a":{"[" * depth}{"]" * depth}}}}}]'
    (outcome,) = track(Wire(lambda _: httpx.Response(200, text=body)), questions(NUMBER))
    assert type(outcome.result) in {Snapshot, UnreadableAnswer}


ECHOED = f"{KEY} {SECRET} {TOKEN}"


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, text=ECHOED),
        httpx.Response(
            200, json=[{"trackingNumber": NUMBER, "statusCode": "400", "error": {"message": ECHOED}}]
        ),
        httpx.Response(400, json={"error": {"code": KEY, "message": ECHOED}}),
        httpx.Response(401, json={"error": {"code": SECRET, "message": ECHOED}}),
        httpx.Response(403, json={"error": {"message": f"scope {ECHOED}"}}),
        httpx.Response(429, json={"error": {"message": ECHOED}}),
        httpx.Response(500, text=ECHOED),
    ],
)
def test_no_secret_reaches_a_message_a_log_or_a_repr(
    response: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    (outcome,) = track(Wire(lambda _: response), questions(NUMBER))
    assert isinstance(outcome.result, CarrierError)
    shown = f"{outcome.result} {outcome.result!r} {outcome.result.code} {caplog.text} {a_client(Wire())!r}"
    for secret in (KEY, SECRET, TOKEN):
        assert secret not in shown


@pytest.mark.parametrize("shown", [repr, str])
def test_no_secret_is_shown_of_a_client_or_a_token_reply(shown: Callable[[object], str]) -> None:
    store = MemoryTokenStore()

    async def run() -> list[str]:
        client = a_client(Wire(), tokens=store)
        await client.track(questions(NUMBER))
        held = client._token.held
        assert held is not None
        assert held.value == TOKEN
        await client.aclose()
        return [shown(one) for one in (client, client._token, held, store)]

    told = asyncio.run(run())
    reply = TokenBody.read({"access_token": TOKEN, "expires_in": 28799}, Findings())
    assert reply.access_token == TOKEN
    told += [shown(reply), shown(Token(TOKEN, datetime.now(UTC)))]
    for secret in (KEY, SECRET, TOKEN):
        assert secret not in "\n".join(told)
