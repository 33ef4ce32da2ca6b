"""Every way in which USPS refuses, for a whole call and for one piece of it."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shipments.carriers.base import NotAllowed, NotKnown
from shipments.carriers.errors import (
    BadCredentials,
    BadRequest,
    CarrierError,
    NotEntitled,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.carriers.http import Reply
from shipments.carriers.usps.answers import Sunk, Told, read
from shipments.carriers.usps.errors import about_the_token, refusal_in
from shipments.carriers.usps.matching import Asked

SAMPLES = Path(__file__).parents[1] / "samples" / "usps"
NOW = datetime(2024, 11, 22, 19, 0, tzinfo=UTC)
ONE = Asked("9400109104250532908587", None, None)
OTHER = Asked("9205590982952107001084", None, None)
THIRD = Asked("9241999996333426012948", None, None)


def a_reply(status: int, body: Any = b"", **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, httpx.Headers(headers), raw, NOW)


def an_envelope(code: Any, message: str = "", *errors: Any) -> dict[str, Any]:
    return {
        "apiVersion": "/tracking/v3r2",
        "error": {"code": code, "message": message, "errors": list(errors)},
    }


def said_of(reply: Reply, *asked: Asked) -> dict[Asked, Told]:
    told = read(reply, asked or (ONE,), secrets=())
    assert isinstance(told, dict)
    return told


def trouble(reply: Reply, *asked: Asked) -> CarrierError:
    error = read(reply, asked or (ONE,), secrets=())
    assert isinstance(error, CarrierError)
    return error


# ---- Refusals of one piece


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("150001", "no status for this number yet"),
        ("150002", "does not know this number"),
        ("150003", "no update for this number yet"),
        ("150004", "does not show the status"),
        ("150005", "no status for this number yet"),
        ("150006", "delivery notice for more parcels"),
        ("150007", "bulk delivery"),
        ("150008", "does not track this product"),
        ("150009", "no status for this number yet"),
        ("150010", "another carrier"),
        ("150011", "pickup at the sender's"),
        ("150012", "does not show the status"),
        ("150013", "order information"),
    ],
)
@pytest.mark.parametrize("status", [400, 404])
def test_a_tracking_code_is_an_answer_about_the_number(code: str, words: str, status: int) -> None:
    body = an_envelope(str(status), "", {"code": code, "title": "some words"})
    result = said_of(a_reply(status, body))[ONE].result
    assert isinstance(result, NotKnown)
    assert result.code == code
    assert words in result.reason


def test_the_code_may_stand_on_top_of_the_error() -> None:
    assert isinstance(said_of(a_reply(400, an_envelope(150001)))[ONE].result, NotKnown)


def test_a_number_not_yet_known_is_the_same_in_the_shape_of_v3() -> None:
    told = said_of(a_reply(400, (SAMPLES / "not_yet.json").read_bytes()))[ONE]
    assert isinstance(told.result, NotKnown)
    assert told.result.code == "150001"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("400", BadRequest),
        (400, BadRequest),
        ("422", BadRequest),
        ("401", NotAllowed),
        ("403", NotAllowed),
        (403, NotAllowed),
        ("404", NotKnown),
        ("429", OverQuota),
        ("500", TryLater),
        ("503", TryLater),
        ("408", TryLater),
        ("405", UnreadableAnswer),
    ],
)
@pytest.mark.parametrize("with_error", [True, False])
def test_a_failed_item_is_sorted_by_its_status_and_leaves_the_others_alone(
    status: str | int, kind: type, with_error: bool
) -> None:
    failed: dict[str, Any] = {"statusCode": status, "trackingNumber": ONE.number}
    if with_error:
        failed |= an_envelope(status, "Something about it.")
    told = said_of(a_reply(207, [failed, {"trackingNumber": OTHER.number}]), ONE, OTHER)
    assert type(told[ONE].result) is kind
    assert json.loads(told[ONE].part or b"") == failed
    assert told[OTHER].part == b'{"trackingNumber": "9205590982952107001084"}'


@pytest.mark.parametrize(
    ("item", "kind"),
    [
        (an_envelope("403"), NotAllowed),
        (an_envelope(""), NotKnown),
        ({"error": "not found"}, NotKnown),
        ({"error": []}, NotKnown),
        ({"statusCode": "200", **an_envelope("404")}, NotKnown),
        ({"statusCode": "200", **an_envelope("403")}, NotAllowed),
        ({"statusCode": True, **an_envelope("403")}, NotAllowed),
        ({"statusCode": "many", **an_envelope("404")}, NotKnown),
    ],
)
def test_an_error_makes_an_item_failed_whatever_its_status_says(item: dict[str, Any], kind: type) -> None:
    told = said_of(a_reply(207, [{"trackingNumber": ONE.number, **item}]))
    assert type(told[ONE].result) is kind


def test_a_piece_of_another_mailer_comes_with_what_to_do() -> None:
    told = said_of(a_reply(403, an_envelope("403", "No access to this item.")))
    assert told[ONE].result == NotAllowed(
        "USPS shows this piece only to its mailer. Ask the sender to authorize this account with USPS,"
        " or use the account of the mailer whose label it is.",
        "403",
    )


# ---- Refusals of a whole call


def test_a_404_for_a_call_says_that_none_is_known() -> None:
    told = said_of(a_reply(404, (SAMPLES / "none_known.json").read_bytes()), ONE, OTHER)
    assert [type(told[entry].result) for entry in (ONE, OTHER)] == [NotKnown, NotKnown]


def test_the_code_of_a_404_for_several_is_not_taken_for_the_reason_of_each() -> None:
    body = an_envelope("404", "", {"code": "150011", "title": "Pickup"})
    assert "pickup" not in str(said_of(a_reply(404, body), ONE, OTHER)[ONE].result)


@pytest.mark.parametrize("status", [400, 403, 422])
def test_a_refusal_of_several_pieces_does_not_say_whose_it_is(status: int) -> None:
    assert isinstance(read(a_reply(status, an_envelope(status)), (ONE, OTHER), secrets=()), Sunk)


@pytest.mark.parametrize("asked", [(ONE,), (ONE, OTHER)])
@pytest.mark.parametrize(
    "message",
    [
        "Insufficient OAuth scope.",
        "The client application identifier is invalid.",
        "The requested contract information is not authorized to access, /tracking/v3r2.",
        "Invalid API Product.",
    ],
)
def test_a_403_that_speaks_of_the_account_is_not_about_a_piece(
    message: str, asked: tuple[Asked, ...]
) -> None:
    assert type(trouble(a_reply(403, an_envelope("403", message)), *asked)) is NotEntitled


@pytest.mark.parametrize("sample", ["without_scope.json", "without_product.json"])
def test_a_401_for_a_missing_scope_or_product_is_not_the_keys_fault(sample: str) -> None:
    error = trouble(a_reply(401, (SAMPLES / sample).read_bytes()))
    assert type(error) is NotEntitled
    assert error.http_status == 401


def test_a_401_that_says_nothing_comes_from_a_missing_product() -> None:
    assert type(trouble(a_reply(401, an_envelope("401")))) is NotEntitled


@pytest.mark.parametrize(
    "body", [an_envelope("401", "Invalid token signature."), b"<html>Unauthorized</html>", b"", [], {}]
)
def test_any_other_401_is_about_the_credentials(body: Any) -> None:
    assert type(trouble(a_reply(401, body))) is BadCredentials


@pytest.mark.parametrize(
    ("status", "kind", "wait"),
    [
        (429, OverQuota, timedelta(seconds=30)),
        (503, TryLater, timedelta(seconds=30)),
        (500, TryLater, timedelta(seconds=30)),
    ],
)
def test_the_pause_usps_asks_for_is_passed_on(status: int, kind: type, wait: timedelta) -> None:
    error = trouble(a_reply(status, (SAMPLES / "over_quota.json").read_bytes(), **{"Retry-After": "30"}))
    assert type(error) is kind
    assert error.retry_after == wait


def test_a_pause_may_be_a_date() -> None:
    error = trouble(a_reply(429, b"", **{"Retry-After": "Fri, 22 Nov 2024 19:02:00 GMT"}))
    assert error.retry_after == timedelta(minutes=2)


def test_a_refusal_without_a_pause_has_none() -> None:
    assert trouble(a_reply(503, b"")).retry_after is None


@pytest.mark.parametrize("body", [b"<html>busy</html>", b"", b'{"error": {"code"', [], {"error": 7}])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (429, OverQuota),
        (500, TryLater),
        (502, TryLater),
        (503, TryLater),
        (504, TryLater),
        (408, TryLater),
        (400, UnreadableAnswer),
        (403, UnreadableAnswer),
        (404, UnreadableAnswer),
        (405, UnreadableAnswer),
        (301, UnreadableAnswer),
    ],
)
def test_a_body_without_an_error_object_leaves_only_the_status(status: int, kind: type, body: Any) -> None:
    assert type(trouble(a_reply(status, body), ONE, OTHER)) is kind


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (an_envelope("429", "Too many."), OverQuota),
        (an_envelope("503"), TryLater),
        (an_envelope("401", "Insufficient OAuth scope."), NotEntitled),
    ],
)
def test_an_error_sent_with_200_is_still_an_error(body: Any, kind: type) -> None:
    assert type(trouble(a_reply(200, body), ONE, OTHER)) is kind


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<!DOCTYPE html><html></html>",
        b'[{"trackingNumber": "94001',
        b"\xff\xfe",
        b"[NaN]",
        b"[" * 100_000,
        {},
        {"trackingResults": [{"trackingNumber": ONE.number}]},
        "text",
        None,
        7,
    ],
)
@pytest.mark.parametrize("status", [200, 207])
def test_a_body_that_is_no_list_of_parcels_is_unreadable(status: int, body: Any) -> None:
    assert type(trouble(a_reply(status, body))) is UnreadableAnswer


# ---- What a message may say


def test_the_words_of_usps_are_bounded_and_hold_nothing_opaque() -> None:
    echoed = "Token eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ9 refused for " + "a very long story " * 40
    error = trouble(a_reply(503, an_envelope("503", echoed)))
    assert str(error).startswith("USPS is not available (status 503). USPS says: Token … refused for a very")
    assert len(str(error)) < 300


def test_a_secret_in_the_words_of_usps_is_cut_out() -> None:
    body = an_envelope("hush", "Key hush is unknown.", {"code": "hush", "title": "hush", "detail": "hush"})
    refusal = refusal_in(body, status=400, secrets=("hush", ""))
    assert refusal is not None
    assert "hush" not in repr(refusal)


def test_a_secret_of_a_few_characters_does_not_riddle_what_usps_says() -> None:
    refusal = refusal_in(
        an_envelope("150001", "A status is not yet available."), status=400, secrets=("1", "a")
    )
    assert refusal is not None
    assert (refusal.code, refusal.said) == ("150001", "A status is not yet available.")


@pytest.mark.parametrize(
    "errors", [None, "Access Token", 7, ["x", {"source": "Access Token"}], {"title": "Alone"}]
)
def test_errors_of_any_shape_are_read(errors: Any) -> None:
    body = {"error": {"code": 404, "message": None, "errors": errors}}
    assert isinstance(said_of(a_reply(404, body))[ONE].result, NotKnown)


def test_html_in_an_error_is_not_shown() -> None:
    error = trouble(a_reply(503, an_envelope("503", "<b>Down</b> for&nbsp;maintenance")))
    assert str(error) == "USPS is not available (status 503). USPS says: Down for maintenance"


# ---- What is kept


def test_a_refusal_that_names_a_number_is_kept_for_nobody_but_a_lone_asker() -> None:
    body = an_envelope("404", "", {"code": "150002", "source": {"example": THIRD.number}})
    reply = a_reply(404, body)
    assert said_of(reply, ONE, THIRD)[ONE].part is None
    assert said_of(reply, ONE, OTHER)[ONE].part == reply.body
    assert said_of(reply, THIRD)[THIRD].part == reply.body


def test_an_items_part_is_its_own_json_byte_for_byte() -> None:
    body = '[{"b": "é", "trackingNumber": "9400109104250532908587", "a": [1, 2.50]}, {"trackingNumber": "x"}]'
    reply = a_reply(200, body.encode())
    told = said_of(reply)[ONE]
    assert told.part == '{"b": "é", "trackingNumber": "9400109104250532908587", "a": [1, 2.50]}'.encode()
    assert told.body_sha256 == reply.body_sha256
    assert told.at == NOW


def test_half_of_a_surrogate_pair_does_not_cost_the_item() -> None:
    told = said_of(a_reply(200, b'[{"trackingNumber":"9400109104250532908587","status":"\\ud800"}]'))[ONE]
    assert told.part == b'{"trackingNumber":"9400109104250532908587","status":"\\ud800"}'


# ---- Signing in


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_client"}, BadCredentials),
        (
            401,
            {"error": "invalid_client", "error_description": "Client authentication failed."},
            BadCredentials,
        ),
        (400, {"error": "invalid_grant"}, BadCredentials),
        (400, {"error": "invalid_request"}, BadCredentials),
        (400, {"error": "unsupported_grant_type"}, BadCredentials),
        (400, {"error": "invalid_scope"}, NotEntitled),
        (401, {"error": "unauthorized_client"}, NotEntitled),
        (401, b"<html>Unauthorized</html>", BadCredentials),
        (401, b"", BadCredentials),
        (429, {"error": "invalid_client"}, OverQuota),
        (500, {"error": "invalid_client"}, TryLater),
        (503, b"", TryLater),
        (400, b"", UnreadableAnswer),
        (403, b"<html>Access denied</html>", UnreadableAnswer),
        (404, {}, UnreadableAnswer),
        (302, b"", UnreadableAnswer),
    ],
)
def test_a_refused_sign_in_says_whose_turn_it_is(status: int, body: Any, kind: type) -> None:
    error = about_the_token(a_reply(status, body, **{"Retry-After": "30"}))
    assert type(error) is kind
    assert error.http_status == status
    assert error.kept is None
    assert error.retry_after == (timedelta(seconds=30) if isinstance(error, TryLater) else None)


def test_the_description_of_a_refused_sign_in_is_not_repeated() -> None:
    body = {"error": "invalid_client", "error_description": "Client s3cret is unknown."}
    assert str(about_the_token(a_reply(401, body))) == (
        "USPS sign-in: the key or the secret was refused (invalid_client)."
    )
