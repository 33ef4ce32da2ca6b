"""Every fault as a caller meets it, on both wires."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

import httpx
import pytest

from shipments.simulator.journeys import make_number
from tests.simulator.conftest import Caller

LONG_AGO = datetime(2025, 3, 3, 15, 20, tzinfo=UTC)
UPS = make_number("UPS", "ON_TIME", LONG_AGO)
ONE, OTHER = (make_number("USPS", "ON_TIME", LONG_AGO, variant=variant) for variant in (0, 1))


def trouble(caller: Caller, spec: str) -> None:
    caller.http.post("/simulator/faults", content=spec).raise_for_status()


@pytest.mark.parametrize(
    ("status", "pitney_bowes", "usps"),
    [
        (400, "1000045", "400"),
        (401, "PB-APIM-ERR-1002", "401"),
        (403, "1000033", "403"),
        (404, "PB-TRKPKG-ERR-7600", "404"),
        (429, "PB-APIM-ERR-1006", "429"),
        (500, "1000005", "500"),
        (503, "1000500", "503"),
    ],
)
def test_a_status_comes_with_the_carriers_own_error_body(
    caller: Caller, status: int, pitney_bowes: str, usps: str
) -> None:
    trouble(caller, f"{status}:1")
    replies = caller.pitney_bowes(UPS, "UPS"), caller.usps(ONE)
    assert [reply.status_code for reply in replies] == [status, status]
    assert replies[0].json()["errors"][0]["errorCode"] == pitney_bowes
    assert replies[1].json()["error"]["code"] == usps
    assert ("www-authenticate" in replies[1].headers) == (status == 401)


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_seconds_a_date_or_absent(caller: Caller, status: int) -> None:
    told = []
    for detail in ("", ":7", ":none", ":date"):
        trouble(caller, f"{status}:1{detail}")
        told.append(caller.usps(ONE).headers.get("Retry-After"))
    assert told[:3] == ["30", "7", None]
    assert abs(parsedate_to_datetime(told[3] or "") - datetime.now(UTC) - timedelta(seconds=30)) < timedelta(
        seconds=5
    )


def test_a_hanging_call_ends_without_an_answer(caller: Caller) -> None:
    trouble(caller, "timeout:1:1")
    with pytest.raises(httpx.RemoteProtocolError):
        caller.pitney_bowes(UPS, "UPS")
    trouble(caller, "timeout:1")
    with pytest.raises(httpx.ReadTimeout):
        caller.http.get("/shippingservices/v1/tracking/1234", timeout=0.3)


def test_a_reset_call_breaks_in_the_middle(caller: Caller) -> None:
    trouble(caller, "reset:1")
    for call in (lambda: caller.usps(ONE), lambda: caller.pitney_bowes(UPS, "UPS")):
        with pytest.raises(httpx.RemoteProtocolError, match=r"incomplete|without sending complete"):
            call()


def test_a_slow_answer_trickles_to_its_end(caller: Caller) -> None:
    plain = caller.usps(ONE).json()
    trouble(caller, "slow:1:1")
    before = time.monotonic()
    assert caller.usps(ONE).json() == plain
    assert time.monotonic() - before > 0.9


def test_html_stands_where_json_should(caller: Caller) -> None:
    caller.bearer("usps")
    for spec, status in (("html:1", 200), ("html:1:502", 502)):
        trouble(caller, spec)
        reply = caller.usps(ONE)
        assert (reply.status_code, reply.headers["content-type"]) == (status, "text/html")
        assert reply.text.startswith("<!DOCTYPE html>")


def test_an_empty_answer_is_empty(caller: Caller) -> None:
    trouble(caller, "empty:1")
    reply = caller.pitney_bowes(UPS, "UPS")
    assert (reply.status_code, reply.content) == (200, b"")


def test_a_cut_answer_is_the_first_half_of_the_right_one(caller: Caller) -> None:
    whole = caller.pitney_bowes(UPS, "UPS").content
    trouble(caller, "cut:1")
    assert caller.pitney_bowes(UPS, "UPS").content == whole[: len(whole) // 2]


def test_wrong_types_keep_the_members_and_the_number(caller: Caller) -> None:
    right = caller.pitney_bowes(UPS, "UPS").json()
    trouble(caller, "wrongtypes:1")
    wrong = caller.pitney_bowes(UPS, "UPS").json()
    assert list(wrong) == list(right)
    assert (wrong["trackingNumber"], wrong["scanDetailsList"], wrong["packageCount"]) == (
        UPS,
        "none",
        "about 1",
    )
    assert all(type(wrong[name]) is not type(right[name]) for name in right if name != "trackingNumber")


def test_a_huge_answer_has_its_megabytes(caller: Caller) -> None:
    trouble(caller, "huge:1:3")
    reply = caller.pitney_bowes(UPS, "UPS")
    assert len(reply.content) > 3_000_000
    assert len(reply.json()) == 47


def test_an_endless_answer_goes_on_until_the_caller_hangs_up(caller: Caller) -> None:
    trouble(caller, "endless:1")
    size = 0
    with caller.http.stream("GET", "/shippingservices/v1/tracking/1234") as reply:
        for chunk in reply.iter_raw():
            size += len(chunk)
            if size > 20_000_000:
                break
    trouble(caller, "")
    assert caller.usps(ONE).status_code == 200


def test_deep_arrays_are_a_hundred_thousand_deep(caller: Caller) -> None:
    trouble(caller, "deep:1")
    assert caller.usps(ONE).content == b"[" * 100_000 + b"]" * 100_000


def test_a_revoked_token_stays_refused_and_a_new_one_is_taken(caller: Caller) -> None:
    trouble(caller, "revoked:x1")
    assert [caller.usps(ONE).status_code for _ in range(3)] == [401, 401, 401]
    fresh = caller.usps_token().json()["access_token"]
    headers = {"Authorization": f"Bearer {fresh}"}
    reply = caller.http.post("/tracking/v3r2/tracking", json=[{"trackingNumber": ONE}], headers=headers)
    assert reply.status_code == 200
    caller.http.post("/simulator/reset")
    assert caller.usps(ONE).status_code == 200


@pytest.mark.parametrize(
    ("kind", "status", "usps", "pitney_bowes"),
    [
        ("token-refused", 401, "invalid_client", "PB-APIM-ERR-0401"),
        ("token-429", 429, "invalid_request", "PB-APIM-ERR-1006"),
        ("token-500", 500, "invalid_request", "1000005"),
    ],
)
def test_tokens_can_be_refused(caller: Caller, kind: str, status: int, usps: str, pitney_bowes: str) -> None:
    trouble(caller, f"{kind}:1")
    replies = caller.usps_token(), caller.pitney_bowes_token()
    assert [reply.status_code for reply in replies] == [status, status]
    assert replies[0].json()["error"] == usps
    assert replies[1].json()[0]["errorCode"] == pitney_bowes
    assert {reply.headers.get("retry-after") for reply in replies} == {"30" if status == 429 else None}


def test_a_token_call_may_be_answered_by_a_page(caller: Caller) -> None:
    trouble(caller, "token-html:1")
    reply = caller.usps_token()
    assert (reply.status_code, reply.headers["content-type"]) == (401, "text/html")


def test_one_item_of_a_batch_can_be_unknown_missing_or_wrong(caller: Caller) -> None:
    trouble(caller, f"404:{ONE}")
    assert {item["trackingNumber"][-22:]: item["statusCode"] for item in caller.usps(ONE, OTHER).json()} == {
        ONE: "404",
        OTHER: "200",
    }
    trouble(caller, f"missing:{ONE}")
    assert [item["trackingNumber"][-22:] for item in caller.usps(ONE, OTHER).json()] == [OTHER]
    trouble(caller, f"wrongtypes:{ONE}")
    kinds = {
        item["trackingNumber"][-22:]: type(item["trackingEvents"]) for item in caller.usps(ONE, OTHER).json()
    }
    assert kinds == {ONE: str, OTHER: list}


def test_a_number_can_have_its_whole_call_refused(caller: Caller) -> None:
    trouble(caller, f"403:{ONE}")
    assert [caller.usps(ONE, OTHER).status_code, caller.usps(OTHER).status_code] == [403, 200]


def test_pitney_bowes_items_can_be_unknown_or_wrong_by_number(caller: Caller) -> None:
    trouble(caller, f"404:{UPS}")
    assert caller.pitney_bowes(UPS, "UPS").status_code == 404
    trouble(caller, f"wrongtypes:{UPS}")
    assert caller.pitney_bowes(UPS, "UPS").json()["scanDetailsList"] == "none"


def test_latency_holds_every_answer_back(caller: Caller) -> None:
    trouble(caller, "latency:300")
    before = time.monotonic()
    assert caller.usps_token().status_code == 200
    assert time.monotonic() - before >= 0.3


def test_a_spec_that_cannot_be_read_changes_nothing(caller: Caller) -> None:
    trouble(caller, "500:1")
    reply = caller.http.post("/simulator/faults", content="500:often")
    assert reply.status_code == 400
    assert reply.json()["error"].startswith("Fault '500:often': after the kind comes a share")
    assert caller.usps(ONE).status_code == 500


def test_the_counters_tell_what_was_asked_how_often_and_how_it_went(caller: Caller) -> None:
    caller.usps(ONE, OTHER)
    caller.usps(ONE)
    trouble(caller, "500:1")
    caller.pitney_bowes(UPS, "UPS")
    assert caller.http.get("/simulator/calls").json() == {
        "calls": {"usps.token": 1, "usps.tracking": 2, "pitney_bowes.token": 1, "pitney_bowes.tracking": 1},
        "statuses": {
            "usps.token 200": 1,
            "usps.tracking 200": 2,
            "pitney_bowes.token 200": 1,
            "pitney_bowes.tracking 500": 1,
        },
        "faults": {"500": 1},
        "numbers": {ONE: 2, OTHER: 1, UPS: 1},
        "mostAtOnce": {
            "usps.token": 1,
            "usps.tracking": 1,
            "pitney_bowes.token": 1,
            "pitney_bowes.tracking": 1,
        },
    }


def test_a_reset_ends_faults_counters_and_a_moved_clock(caller: Caller) -> None:
    caller.let_it_be(LONG_AGO - timedelta(days=1))
    trouble(caller, "500:1")
    assert caller.usps(ONE).status_code == 500
    counted = caller.http.post("/simulator/reset").json()
    assert counted == {"calls": {}, "statuses": {}, "faults": {}, "numbers": {}, "mostAtOnce": {}}
    assert caller.usps(ONE).status_code == 200


def test_a_reset_in_the_middle_of_a_call_miscounts_nothing(caller: Caller) -> None:
    caller.bearer("usps")
    trouble(caller, "slow:x1:1")
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(caller.usps, ONE)
        time.sleep(0.3)
        caller.http.post("/simulator/reset").raise_for_status()
        assert slow.result().status_code == 200
    caller.usps(ONE)
    assert caller.http.get("/simulator/calls").json()["mostAtOnce"] == {"usps.tracking": 1}


@pytest.mark.parametrize("body", ["", "soon", "1e9", "99999999999999999999"])
def test_a_clock_that_cannot_be_set_is_left_alone(caller: Caller, body: str) -> None:
    assert caller.http.post("/simulator/clock", content=body).status_code == 400
    assert caller.usps(ONE).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/oauth/token", 405),
        ("GET", "/tracking/v3r2/tracking", 405),
        ("POST", "/simulator/calls", 405),
        ("GET", "/", 404),
        ("POST", "/shippingservices/v1/tracking/1234", 404),
    ],
)
def test_other_addresses_and_methods_are_refused(caller: Caller, method: str, path: str, status: int) -> None:
    assert caller.http.request(method, path).status_code == status


def test_a_request_without_measure_is_refused(caller: Caller) -> None:
    assert caller.http.post("/oauth/token", content=b"x" * 1_000_001).status_code == 413
