import asyncio
import contextlib
import gzip
import json
import logging
import traceback
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from time import monotonic
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.carriers.auth import MayFetch, MemoryTokenStore, Token, TokenStore
from shipments.carriers.base import CarrierClient, NotKnown, Outcome, Question, Snapshot
from shipments.carriers.errors import (
    BadCredentials,
    BadRequest,
    CarrierError,
    NotEntitled,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.carriers.pitney_bowes.client import PitneyBowesClient
from shipments.carriers.pitney_bowes.wire import TokenWire
from shipments.carriers.reading import Findings
from shipments.enums import CarrierCode, Environment, Gateway, Status

SAMPLES = Path(__file__).parents[1] / "samples" / "pitney_bowes"
# The token is too short and plain to be taken for a secret by its looks: it must be known.
KEY, SECRET, TOKEN = "key-0f-the-account", "s3cret-0f-the-account", "plain-token"
NUMBER = "9405509898641500000146"

Respond = Callable[[httpx.Request], httpx.Response]


class PitneyBowes:
    """The carrier's side: gives tokens, answers each tracking request by `respond`, remembers what was asked."""

    def __init__(self, respond: Respond | None = None) -> None:
        self.respond = respond or (lambda request: httpx.Response(200, json=an_answer(number_in(request))))
        self.tokens_given = 0
        self.asked: list[httpx.Request] = []
        self.under_way = self.most_under_way = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            self.tokens_given += 1
            await asyncio.sleep(0.01)
            return httpx.Response(
                200, json={"access_token": f"{TOKEN}-{self.tokens_given}", "expiresIn": "35999"}
            )
        self.asked.append(request)
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0.001)
        self.under_way -= 1
        return self.respond(request)


def number_in(request: httpx.Request) -> str:
    return unquote(request.url.raw_path.decode().partition("?")[0].rpartition("/")[2])


def an_answer(number: str) -> dict[str, Any]:
    scan = {"eventDate": "2024-05-01", "eventTime": "10:00:00", "packageStatus": "InTransit"}
    return {"carrier": "USPS", "trackingNumber": number, "scanDetailsList": [scan]}


@contextlib.asynccontextmanager
async def open_client(
    transport: httpx.AsyncBaseTransport | None,
    *,
    base_url: str | None = None,
    environment: Environment = Environment.PRODUCTION,
    tokens: TokenStore | None = None,
    **options: Any,
) -> AsyncIterator[CarrierClient]:
    client: CarrierClient = PitneyBowesClient(
        base_url=base_url,
        environment=environment,
        key=KEY,
        secret=SECRET,
        tokens=tokens or MemoryTokenStore(),
        transport=transport,
        **options,
    )
    try:
        yield client
    finally:
        await client.aclose()


def track(
    carrier: Callable[[httpx.Request], Any], questions: Sequence[Question], **options: Any
) -> list[Outcome]:
    async def run() -> list[Outcome]:
        async with open_client(httpx.MockTransport(carrier), **options) as client:
            return await client.track(questions)

    return asyncio.run(run())


def ask(response: httpx.Response, *, number: str = NUMBER, **options: Any) -> Outcome:
    """The outcome of one question that gets this reply."""
    (outcome,) = track(PitneyBowes(lambda _: response), [Question(1, number, "USPS")], **options)
    return outcome


def questions(count: int) -> list[Question]:
    return [Question(at, f"94055098986415{at:08d}", "USPS") for at in range(count)]


# ---- What is asked


def test_the_request_is_the_documented_one() -> None:
    carrier = PitneyBowes()

    track(carrier, [Question(1, NUMBER, "USPS")])

    (request,) = carrier.asked
    assert request.method == "GET"
    assert str(request.url) == (
        f"https://api.pitneybowes.com/shippingservices/v1/tracking/{NUMBER}"
        "?packageIdentifierType=TrackingNumber&carrier=USPS"
    )
    assert request.headers["Authorization"] == f"Bearer {TOKEN}-1"
    assert request.headers["X-PB-UnifiedErrorStructure"] == "true"
    assert request.headers["Accept"] == "application/json"


@pytest.mark.parametrize(
    ("environment", "base_url", "host"),
    [
        (Environment.TEST, None, "https://api-sandbox.pitneybowes.com"),
        (Environment.PRODUCTION, None, "https://api.pitneybowes.com"),
        (Environment.PRODUCTION, "http://127.0.0.1:8901", "http://127.0.0.1:8901"),
    ],
)
def test_the_environment_or_the_base_url_says_where(
    environment: Environment, base_url: str | None, host: str
) -> None:
    carrier = PitneyBowes()

    track(carrier, [Question(1, NUMBER, "USPS")], environment=environment, base_url=base_url)

    assert str(carrier.asked[0].url).startswith(f"{host}/shippingservices/v1/tracking/{NUMBER}?")


@pytest.mark.parametrize("code", list(CarrierCode))
def test_every_carrier_is_sent_case_exact(code: CarrierCode) -> None:
    carrier = PitneyBowes()

    track(carrier, [Question(1, NUMBER, code)])

    assert (
        carrier.asked[0].url.params["carrier"]
        == {
            "USPS": "USPS",
            "IMB": "IMB",
            "FDR": "FDR",
            "NEWGISTICS": "NEWGISTICS",
            "PBCS": "PBCS",
            "PBI": "PBI",
            "FEDEX": "FedEx",
            "UPS": "UPS",
        }[code.name]
    )


def test_an_imb_is_asked_about_by_its_first_twenty_digits() -> None:
    carrier = PitneyBowes()
    whole = "0004290252994200071698133931119"

    outcomes = track(carrier, [Question(1, whole, "IMB"), Question(2, whole, "USPS")])

    assert [number_in(request) for request in carrier.asked] == [whole[:20]] * 2
    assert [isinstance(outcome.result, Snapshot) for outcome in outcomes] == [True, True]


@pytest.mark.parametrize("number", ["../../oauth", "..", "a/b?c#d", "a b", "ünï", "%2e%2e", "a;b=c"])
def test_no_number_can_leave_its_place_in_the_address(number: str) -> None:
    carrier = PitneyBowes()

    track(carrier, [Question(1, number, "USPS")])

    raw = carrier.asked[0].url.raw_path.decode()
    assert raw.startswith("/shippingservices/v1/tracking/")
    assert raw.count("/") == 4
    assert raw.endswith("?packageIdentifierType=TrackingNumber&carrier=USPS")
    assert number_in(carrier.asked[0]) == number


# ---- What comes back


@pytest.mark.parametrize(
    ("name", "number", "carrier"),
    [
        ("usps", NUMBER, "USPS"),
        ("pb_standard", "42020832926188270533936567018", "NEWGISTICS"),
        ("cbds", "PBXCB000000003456789", "PBI"),
        ("fedex", "771234567890", "FedEx"),
        ("ups", "1Z0927XA0340576884", "UPS"),
        ("coming_soon", "92023903406069000000000285", "PBCS"),
    ],
)
def test_an_answer_is_read_and_kept_whole(name: str, number: str, carrier: str) -> None:
    body = (SAMPLES / f"{name}.json").read_bytes()
    question = Question(7, number, carrier)

    (outcome,) = track(PitneyBowes(lambda _: httpx.Response(200, content=body)), [question])

    assert outcome.question is question
    assert isinstance(outcome.result, Snapshot)
    assert outcome.result.number == json.loads(body)["trackingNumber"]
    assert outcome.part == body
    assert outcome.body_sha256 == sha256(body).hexdigest()


def test_an_unknown_number_is_an_answer() -> None:
    outcome = ask(httpx.Response(404, json={"errors": [{"errorCode": "PB-TRKPKG-ERR-7600"}]}))

    assert outcome.result == NotKnown(
        "Pitney Bowes has no tracking information on this number yet. For a new label that is normal.",
        code="PB-TRKPKG-ERR-7600",
    )
    assert outcome.part == b'{"errors":[{"errorCode":"PB-TRKPKG-ERR-7600"}]}'


def test_a_sandbox_account_is_told_that_only_production_labels_are_tracked() -> None:
    outcome = ask(httpx.Response(404), environment=Environment.TEST)

    assert isinstance(outcome.result, NotKnown)
    assert "only production labels are tracked" in outcome.result.reason


@pytest.mark.parametrize(
    ("response", "kind"),
    [
        (httpx.Response(200, content=b'{"trackingNumber": "9405'), UnreadableAnswer),
        (httpx.Response(200, html="<h1>Maintenance</h1>"), UnreadableAnswer),
        (httpx.Response(200, content=b""), UnreadableAnswer),
        (httpx.Response(200, json=[]), UnreadableAnswer),
        (httpx.Response(200, json={}), UnreadableAnswer),
        (httpx.Response(204), UnreadableAnswer),
        (httpx.Response(302, headers={"Location": "https://elsewhere.example/"}), UnreadableAnswer),
        (httpx.Response(400, json={"errors": [{"errorCode": "1000001"}]}), BadRequest),
        (httpx.Response(403), NotEntitled),
        (httpx.Response(429), OverQuota),
        (httpx.Response(500), TryLater),
        (httpx.Response(503, html="<h1>Maintenance</h1>"), TryLater),
    ],
)
def test_trouble_with_a_reply_is_an_error_that_keeps_it(
    response: httpx.Response, kind: type[CarrierError]
) -> None:
    outcome = ask(response)

    assert type(outcome.result) is kind
    assert outcome.result.http_status == response.status_code
    assert outcome.part == outcome.result.kept == response.content
    assert outcome.body_sha256 == sha256(response.content).hexdigest()


@pytest.mark.parametrize(
    "failure", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.RemoteProtocolError("x")]
)
def test_no_reply_is_tried_later_and_has_nothing_to_keep(failure: httpx.TransportError) -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise failure

    (outcome,) = track(PitneyBowes(fail), [Question(1, NUMBER, "USPS")])

    assert type(outcome.result) is TryLater
    assert (outcome.part, outcome.body_sha256) == (None, None)


def test_an_endless_reply_is_unreadable_and_kept_only_in_part() -> None:
    outcome = ask(httpx.Response(200, content=b"[" * (8 * 1024 * 1024 + 1)))

    assert type(outcome.result) is UnreadableAnswer
    assert outcome.part == outcome.result.kept == b"[" * 64 * 1024


def test_what_could_be_unpacked_of_a_reply_with_broken_compression_is_kept() -> None:
    async def packed() -> AsyncIterator[bytes]:
        yield gzip.compress(b"[" * 1000, compresslevel=0)[:-8]
        yield bytes(8)

    outcome = ask(httpx.Response(200, content=packed(), headers={"Content-Encoding": "gzip"}))

    assert type(outcome.result) is UnreadableAnswer
    assert outcome.part == outcome.result.kept == b"[" * 1000


# ---- Many at once


def test_outcomes_come_in_the_order_of_their_questions() -> None:
    asked = questions(25)

    outcomes = track(PitneyBowes(), asked)

    assert [outcome.question for outcome in outcomes] == asked
    assert [outcome.result.number for outcome in outcomes if isinstance(outcome.result, Snapshot)] == [
        question.number for question in asked
    ]


def test_no_question_costs_nothing() -> None:
    carrier = PitneyBowes()

    assert track(carrier, []) == []
    assert carrier.tokens_given == 0


def test_one_bad_item_does_not_sink_its_batch() -> None:
    replies = {
        3: httpx.Response(500),
        5: httpx.Response(200, content=b"nonsense"),
        7: httpx.Response(403),
        9: httpx.Response(400),
        11: httpx.Response(404),
    }

    def respond(request: httpx.Request) -> httpx.Response:
        number = number_in(request)
        return replies.get(int(number[-8:])) or httpx.Response(200, json=an_answer(number))

    outcomes = track(PitneyBowes(respond), questions(20))

    kinds = {at: type(outcome.result) for at, outcome in enumerate(outcomes)}
    expected = {3: TryLater, 5: UnreadableAnswer, 7: NotEntitled, 9: BadRequest, 11: NotKnown}
    assert kinds == dict.fromkeys(range(20), Snapshot) | expected


def test_twenty_questions_at_once_fetch_one_token() -> None:
    carrier = PitneyBowes()

    track(carrier, questions(20))

    assert (carrier.tokens_given, len(carrier.asked)) == (1, 20)


def test_two_batches_of_one_account_fetch_one_token() -> None:
    carrier = PitneyBowes()

    async def run() -> None:
        store = MemoryTokenStore()
        transport = httpx.MockTransport(carrier)
        async with open_client(transport, tokens=store) as one, open_client(transport, tokens=store) as other:
            await asyncio.gather(one.track(questions(5)), other.track(questions(5)))

    asyncio.run(run())

    assert carrier.tokens_given == 1


def test_calls_under_way_are_bounded() -> None:
    carrier = PitneyBowes()

    track(carrier, questions(25), concurrency=3)

    assert carrier.most_under_way == 3


def test_a_token_that_was_revoked_is_replaced_once_for_all() -> None:
    def respond(request: httpx.Request) -> httpx.Response:
        if request.headers["Authorization"] == f"Bearer {TOKEN}-1":
            return httpx.Response(401, json={"errors": [{"errorCode": "PB-APIM-ERR-1002"}]})
        return httpx.Response(200, json=an_answer(number_in(request)))

    carrier = PitneyBowes(respond)

    outcomes = track(carrier, questions(8))

    assert [type(outcome.result) for outcome in outcomes] == [Snapshot] * 8
    assert carrier.tokens_given == 2


def test_a_token_refused_twice_is_bad_credentials() -> None:
    carrier = PitneyBowes(lambda _: httpx.Response(401))

    (outcome,) = track(carrier, [Question(1, NUMBER, "USPS")])

    assert type(outcome.result) is BadCredentials
    assert (carrier.tokens_given, len(carrier.asked)) == (2, 2)


def test_refused_credentials_are_tried_once_for_the_whole_batch() -> None:
    calls: list[str] = []

    async def refuse(request: httpx.Request) -> httpx.Response:
        calls.append(request.url.path)
        return httpx.Response(401)

    outcomes = track(refuse, questions(20))

    assert calls == ["/oauth/token"]
    assert [type(outcome.result) for outcome in outcomes] == [BadCredentials] * 20
    assert [outcome.question.key for outcome in outcomes] == list(range(20))


@pytest.mark.parametrize(
    ("response", "kind"), [(httpx.Response(429), OverQuota), (httpx.Response(401), BadCredentials)]
)
def test_trouble_with_the_account_ends_the_batch(response: httpx.Response, kind: type[CarrierError]) -> None:
    carrier = PitneyBowes(lambda _: response)

    outcomes = track(carrier, questions(20), concurrency=1)

    assert [type(outcome.result) for outcome in outcomes] == [kind] * 20
    assert len({request.url.raw_path for request in carrier.asked}) == 1


def test_a_parcel_that_was_not_asked_about_gets_nobody_elses_reply() -> None:
    body = b'{"errors":[{"errorCode":"PB-APIM-ERR-1006","errorDescription":"Too many."}]}'
    carrier = PitneyBowes(
        lambda _: httpx.Response(429, content=body, headers={"Retry-After": "60"}),
    )

    first, *others = track(carrier, questions(20), concurrency=1)

    assert len(carrier.asked) == 1
    assert isinstance(first.result, OverQuota)
    assert first.part == first.result.kept == body
    assert len(others) == 19
    for outcome in others:
        assert type(outcome.result) is OverQuota
        assert (outcome.result.kept, outcome.part, outcome.body_sha256) == (None, None, None)
        assert str(outcome.result) == str(first.result)
        assert (outcome.result.code, outcome.result.http_status) == ("PB-APIM-ERR-1006", 429)
        assert outcome.result.retry_after == timedelta(seconds=60)


def test_a_carrier_out_of_reach_is_not_asked_for_every_parcel() -> None:
    def fail(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectTimeout("x")

    carrier = PitneyBowes(fail)

    outcomes = track(carrier, questions(20), concurrency=1)

    assert [type(outcome.result) for outcome in outcomes] == [TryLater] * 20
    assert len(carrier.asked) == 3


# ---- The time one call of track may take

TOO_LATE = "Pitney Bowes tracking: no answer within the 1 seconds that one round of questions may take."


def test_when_time_is_up_answers_are_kept_and_the_rest_is_tried_later() -> None:
    asked: list[int] = []
    given_up: list[int] = []

    async def slow_from_the_third_on(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": TOKEN, "expiresIn": "35999"})
        number = number_in(request)
        asked.append(int(number[-8:]))
        if asked[-1] >= 2:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                given_up.append(int(number[-8:]))
                raise
        return httpx.Response(200, json=an_answer(number))

    begun = monotonic()
    outcomes = track(slow_from_the_third_on, questions(10), concurrency=2, time_limit=timedelta(seconds=1))

    assert monotonic() - begun < 25
    assert [type(outcome.result) for outcome in outcomes] == [Snapshot] * 2 + [TryLater] * 8
    assert {str(outcome.result) for outcome in outcomes[2:]} == {TOO_LATE}
    assert all(outcome.part for outcome in outcomes[:2])
    assert {(outcome.part, outcome.body_sha256) for outcome in outcomes[2:]} == {(None, None)}
    assert (asked, given_up) == ([0, 1, 2, 3], [2, 3])


def test_a_slow_sign_in_is_given_up_in_time_too() -> None:
    paths: list[str] = []

    async def sleepy(request: httpx.Request) -> httpx.Response:
        paths.append(request.url.path)
        await asyncio.sleep(30)
        return httpx.Response(500)

    begun = monotonic()
    outcomes = track(sleepy, questions(3), time_limit=timedelta(seconds=1))

    assert monotonic() - begun < 25
    assert [str(outcome.result) for outcome in outcomes] == [TOO_LATE] * 3
    assert paths == ["/oauth/token"]


def test_waiting_for_another_workers_token_ends_in_time_too() -> None:
    class Busy(MemoryTokenStore):
        async def take(self, *, rejected: str | None) -> Token | MayFetch | None:
            return None

    carrier = PitneyBowes()

    outcomes = track(carrier, questions(3), tokens=Busy(), time_limit=timedelta(seconds=1))

    assert [str(outcome.result) for outcome in outcomes] == [TOO_LATE] * 3
    assert carrier.asked == []


def test_the_client_says_what_it_is() -> None:
    assert (PitneyBowesClient.gateway, PitneyBowesClient.max_batch) == (Gateway.PITNEY_BOWES, 25)


# ---- Secrets


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(200, content=b"nonsense"),
        httpx.Response(
            400, json={"errors": [{"errorCode": SECRET, "errorDescription": f"Bad {KEY} {TOKEN}-1"}]}
        ),
        httpx.Response(401, text=f"Authorization: Bearer {TOKEN}-1"),
        httpx.Response(401, json=[{"key": "x", "message": f"Bearer {TOKEN}-2 of {KEY}:{SECRET}"}]),
        httpx.Response(403, json={"response": {"errors": [{"message": SECRET}]}}),
        httpx.Response(429),
        httpx.Response(500, text=SECRET),
    ],
)
def test_no_secret_reaches_a_log_or_an_error(
    response: httpx.Response, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    outcome = ask(response)

    assert isinstance(outcome.result, CarrierError)
    told = [str(outcome.result), repr(outcome.result), str(outcome.result.code)]
    told += traceback.format_exception(outcome.result)
    told += [record.getMessage() for record in caplog.records]
    for secret in (KEY, SECRET, TOKEN):
        assert secret not in "\n".join(told)


def test_no_secret_reaches_a_log_when_the_sign_in_fails(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)

    outcomes = track(lambda request: httpx.Response(401, text=request.headers["Authorization"]), questions(1))

    error = outcomes[0].result
    assert isinstance(error, BadCredentials)
    told = [repr(outcomes), *traceback.format_exception(error)]
    told += [record.getMessage() for record in caplog.records]
    for secret in (KEY, SECRET, "a2V5LTBmLXRoZS1hY2NvdW50"):
        assert secret not in "\n".join(told)


@pytest.mark.parametrize("shown", [repr, str])
def test_no_secret_is_shown_of_a_client_or_a_token_reply(shown: Callable[[object], str]) -> None:
    async def run() -> list[str]:
        store = MemoryTokenStore()
        async with open_client(httpx.MockTransport(PitneyBowes()), tokens=store) as client:
            await client.track(questions(1))
            assert isinstance(client, PitneyBowesClient)
            held = client._token.held
            assert held is not None
            assert held.value == f"{TOKEN}-1"
            return [shown(one) for one in (client, client._token, held, store)]

    told = asyncio.run(run())
    reply = TokenWire.read({"access_token": TOKEN, "expiresIn": "35999"}, Findings())
    assert reply.access_token == TOKEN
    told += [shown(reply), shown(Token(TOKEN, datetime.now(UTC)))]

    for secret in (KEY, SECRET, TOKEN, "a2V5LTBmLXRoZS1hY2NvdW50"):
        assert secret not in "\n".join(told)


# ---- Real sockets


def test_the_whole_path_over_real_http(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    heads: list[str] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                heads.append(head)
                if head.startswith("POST /oauth/token "):
                    await reader.readexactly(len("grant_type=client_credentials"))
                    body = json.dumps({"access_token": TOKEN, "expiresIn": "35999"}).encode()
                else:
                    body = (SAMPLES / "usps.json").read_bytes()
                writer.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
                await writer.drain()
        writer.close()
        await writer.wait_closed()
        ended.set()

    async def run() -> list[Outcome]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            async with open_client(None, base_url=f"http://127.0.0.1:{port}") as client:
                outcomes = await client.track([Question(1, NUMBER, "USPS")])
            await ended.wait()
        return outcomes

    (outcome,) = asyncio.run(run())

    assert isinstance(outcome.result, Snapshot)
    assert outcome.result.status is Status.ACCEPTANCE
    assert [head.split("\r\n")[0] for head in heads] == [
        "POST /oauth/token HTTP/1.1",
        f"GET /shippingservices/v1/tracking/{NUMBER}?packageIdentifierType=TrackingNumber&carrier=USPS HTTP/1.1",
    ]
    logged = "\n".join(record.getMessage() for record in caplog.records)
    assert logged
    for secret in (KEY, SECRET, TOKEN):
        assert secret not in logged


# ---- Anything at all


@settings(deadline=None)
@given(
    st.integers(200, 599), st.binary(max_size=60) | st.sampled_from([b"[" * 5000, b"{}", b"null", b"[{}]"])
)
def test_no_reply_makes_track_raise(status: int, body: bytes) -> None:
    outcome = ask(httpx.Response(status, content=body))

    assert isinstance(outcome.result, NotKnown | CarrierError)


def test_an_answer_about_another_parcel_is_not_kept() -> None:
    outcome = ask(httpx.Response(200, json=an_answer("9400111899223456789012")))

    assert isinstance(outcome.result, UnreadableAnswer)
    assert outcome.part is None
    assert outcome.result.kept is None
