import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.base import NotKnown
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
from shipments.carriers.pitney_bowes.errors import Complaint, complaints, refusal_of, token_refusal
from shipments.enums import Environment

SAMPLES = Path(__file__).parents[1] / "samples" / "pitney_bowes"
NOW = datetime(2024, 11, 21, 12, 0, tzinfo=UTC)
NOT_KNOWN = "Pitney Bowes has no tracking information on this number yet. For a new label that is normal."


def sample(name: str) -> bytes:
    return (SAMPLES / f"{name}.json").read_bytes()


def a_reply(status: int, body: bytes | Any = b"", **headers: str) -> Reply:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Reply(status, httpx.Headers(headers), raw, NOW)


def refusal(
    status: int, body: bytes | Any = b"", *, secrets: tuple[str, ...] = (), pause: str = ""
) -> NotKnown | CarrierError | None:
    reply = a_reply(status, body, **{"Retry-After": pause})
    return refusal_of(reply, environment=Environment.PRODUCTION, secrets=secrets)


def unified(code: str, text: str = "Words of theirs") -> dict[str, Any]:
    return {"errors": [{"errorCode": code, "errorDescription": text}]}


def legacy_1(code: str, text: str = "Words of theirs") -> list[dict[str, Any]]:
    return [{"errorCode": code, "message": text, "additionalInfo": "", "parameters": []}]


def legacy_2(code: str, text: str = "Words of theirs") -> dict[str, Any]:
    return {"status": "ERROR", "errors": [{"errorCode": code, "errorDescription": "", "userMessage": text}]}


def legacy_3(code: str, text: str = "Words of theirs") -> list[dict[str, Any]]:
    return [{"key": code, "message": text}]


# ---- Formats


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("error_unified", Complaint("1000001", "Invalid carrier carrier")),
        ("error_legacy_1", Complaint("1000001", "Invalid carrier carrier")),
        ("error_legacy_2", Complaint("PB-TRKPKG-ERR-7600", "A status update is not yet available.")),
        ("error_legacy_3", Complaint("carrier.not.supported", "The carrier is not supported")),
        ("error_legacy_4", Complaint("", "The carrier is not supported")),
    ],
)
def test_every_error_format_is_read(name: str, said: Complaint) -> None:
    assert complaints(json.loads(sample(name))) == (said,)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"errors": {"errorCode": 1000001, "errorDescription": "x"}}, (Complaint("1000001", "x"),)),
        ({"errorCode": "1000001", "errorDescription": "x"}, (Complaint("1000001", "x"),)),
        (
            {"error": "invalid_client", "error_description": "Bad <b>key</b>"},
            (Complaint("invalid_client", "Bad key"),),
        ),
        ({"errors": [{"errorCode": "1"}, {"errorCode": "2"}]}, (Complaint("1", ""), Complaint("2", ""))),
        ({"errors": [{"message": "m", "additionalInfo": "more"}]}, (Complaint("", "m more"),)),
        ({"errors": []}, ()),
        ({"errors": None}, ()),
        ({"errors": [None, 7, {}]}, ()),
        ({"trackingNumber": "9405509898641500000146"}, ()),
        ([], ()),
        ("errors", ()),
        (None, ()),
    ],
)
def test_odd_error_bodies_are_read_as_far_as_they_go(body: Any, said: tuple[Complaint, ...]) -> None:
    assert complaints(body) == said


# ---- Not known


@pytest.mark.parametrize("status", [200, 400, 404, 500])
@pytest.mark.parametrize("shape", [unified, legacy_1, legacy_2, legacy_3])
def test_no_tracking_information_is_an_answer_under_any_status_and_format(status: int, shape: Any) -> None:
    assert refusal(status, shape("PB-TRKPKG-ERR-7600")) == NotKnown(NOT_KNOWN, code="PB-TRKPKG-ERR-7600")


def test_no_tracking_data_for_the_number_is_an_answer() -> None:
    body = unified("1000002", "No Tracking data available for the referenceNumber")

    assert refusal(400, body) == NotKnown(NOT_KNOWN, code="1000002")


def test_the_same_code_about_the_language_is_not() -> None:
    assert type(refusal(400, unified("1000002", "Invalid Accept-Language"))) is BadRequest


@pytest.mark.parametrize("body", [b"", unified("1"), b'{"errors": [', [], {}])
def test_404_is_an_answer(body: Any) -> None:
    answer = refusal(404, body)

    assert isinstance(answer, NotKnown)
    assert answer.reason == NOT_KNOWN


def test_a_web_page_with_404_is_not_the_api_speaking() -> None:
    error = refusal(404, b"<html>Not Found</html>")

    assert type(error) is UnreadableAnswer
    assert str(error) == "Pitney Bowes tracking: a web page answers at this address."


def test_a_sandbox_account_is_told_that_only_production_labels_are_tracked() -> None:
    answer = refusal_of(a_reply(404), environment=Environment.TEST, secrets=())

    assert answer == NotKnown(
        f"{NOT_KNOWN} This is a sandbox account, and only production labels are tracked, from the sandbox too."
    )


# ---- Codes and statuses


@pytest.mark.parametrize("shape", [unified, legacy_1, legacy_2, legacy_3])
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (400, "PB-TRKPKG-ERR-7601", BadRequest),
        (400, "1000001", BadRequest),
        (400, "1000011", BadRequest),
        (400, "1000003", BadRequest),
        (400, "1000045", BadRequest),
        (200, "1000001", BadRequest),
        (200, "PB-TRKPKG-ERR-9999", BadRequest),
        (400, "1000032", BadCredentials),
        (400, "PB-APIM-ERR-1002", BadCredentials),
        (400, "PB-APIM-ERR-1003", BadCredentials),
        (400, "pb-apim-err-0401", BadCredentials),
        (200, "PB-APIM-ERR-1002", BadCredentials),
        (400, "1000033", NotEntitled),
        (400, "PB-APIM-ERR-1006", OverQuota),
        (200, "PB-APIM-ERR-1006", OverQuota),
        (400, "1000005", TryLater),
        (400, "1000500", TryLater),
        (400, "PB-APIM-ERR-1000", TryLater),
        (200, "1000005", TryLater),
        (200, "who.knows", UnreadableAnswer),
    ],
)
def test_the_code_says_what_to_do(shape: Any, status: int, code: str, kind: type[CarrierError]) -> None:
    error = refusal(status, shape(code))

    assert type(error) is kind
    assert isinstance(error, CarrierError)
    assert (error.code, error.http_status) == (code, status)
    assert str(error).endswith(f"({code}: Words of theirs).")


@pytest.mark.parametrize("body", [b"", b"<html>Sorry</html>", b'{"errors": [{"errorCo', unified("9999"), []])
@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, UnreadableAnswer),
        (400, BadRequest),
        (401, BadCredentials),
        (403, NotEntitled),
        (405, BadRequest),
        (408, TryLater),
        (429, OverQuota),
        (500, TryLater),
        (502, TryLater),
        (503, TryLater),
        (504, TryLater),
    ],
)
def test_the_status_says_what_to_do_where_no_code_does(
    body: Any, status: int, kind: type[CarrierError]
) -> None:
    error = refusal(status, body)

    assert type(error) is kind
    assert isinstance(error, CarrierError)
    assert error.http_status == status
    assert error.kept == a_reply(status, body).body


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", "the answer is empty"),
        (b"<html>Sorry</html>", "the answer is a web page or XML instead of JSON"),
        (b'{"trackingNumber": "94', "the answer is not complete JSON (it breaks at character 19)"),
    ],
)
def test_a_good_status_with_an_unreadable_body_is_unreadable_and_kept(body: bytes, why: str) -> None:
    error = refusal(200, body)

    assert type(error) is UnreadableAnswer
    assert str(error) == f"Pitney Bowes tracking: {why}."
    assert (error.kept, error.http_status) == (body, 200)


def test_a_good_status_with_an_answer_is_left_to_be_read() -> None:
    assert refusal(200, sample("usps")) is None
    assert refusal(200, {"trackingNumber": "1", "errors": []}) is None


@pytest.mark.parametrize(("status", "kind"), [(429, OverQuota), (503, TryLater)])
def test_the_carriers_pause_is_honoured(status: int, kind: type[CarrierError]) -> None:
    error = refusal(status, pause="30")

    assert type(error) is kind
    assert isinstance(error, CarrierError)
    assert error.retry_after == timedelta(seconds=30)


def test_the_first_error_that_decides_wins() -> None:
    body = {"errors": [{"errorCode": "who.knows"}, {"errorCode": "1000032"}]}

    assert type(refusal(400, body)) is BadCredentials


# ---- Messages


def test_a_message_says_what_happened_in_bounded_plain_words() -> None:
    error = refusal(400, unified("1000001", "<b>Invalid</b> carrier\x00 " + "and on " * 200))

    assert isinstance(error, BadRequest)
    assert str(error).startswith(
        "Pitney Bowes tracking: the question was refused as malformed (1000001: Invalid carrier and on and on"
    )
    assert len(str(error)) < 300


@pytest.mark.parametrize(
    "words",
    [
        "Key hunter2 is unknown",
        "Header was Authorization: Bearer abc",
        "Header was Basic a2V5OnNlY3JldA==",
        "Token Zx81kk20aPqLm38sJd72KqwErT is invalid",
    ],
)
def test_secrets_in_the_carriers_words_are_cut_out(words: str) -> None:
    for body in (unified("1000032", words), legacy_3("hunter2", words)):
        error = refusal(401, body, secrets=("hunter2", "", "e"))
        for text in (str(error), repr(error), str(getattr(error, "code", ""))):
            for secret in ("hunter2", "abc", "a2V5OnNlY3JldA", "Zx81kk20aPqLm38sJd72KqwErT"):
                assert secret not in text


def test_a_secret_of_one_letter_does_not_riddle_the_words() -> None:
    error = refusal(400, unified("1000001", "Invalid carrier"), secrets=("i",))

    assert str(error).endswith("(1000001: Invalid carrier).")


def test_a_tracking_number_may_stand_in_a_message() -> None:
    error = refusal(400, unified("1000001", "No carrier for 9405509898641500000146"))

    assert "9405509898641500000146" in str(error)


# ---- Sign-in


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": "invalid_client"}, BadCredentials),
        (401, b"<html>no</html>", BadCredentials),
        (401, unified("PB-APIM-ERR-0401"), BadCredentials),
        (403, b"", BadCredentials),
        (200, unified("1000032"), BadCredentials),
        (404, b"", UnreadableAnswer),
        (302, b"", UnreadableAnswer),
        (429, b"", OverQuota),
        (401, unified("PB-APIM-ERR-1006"), OverQuota),
        (500, b"", TryLater),
        (503, b"<html>maintenance</html>", TryLater),
        (400, unified("1000500"), TryLater),
    ],
)
def test_a_refused_sign_in_says_what_to_do_and_keeps_nothing(
    status: int, body: Any, kind: type[CarrierError]
) -> None:
    error = token_refusal(a_reply(status, body, **{"Retry-After": "7"}), secrets=())

    assert type(error) is kind
    assert error.kept is None
    assert error.retry_after == (timedelta(seconds=7) if issubclass(kind, TryLater) else None)


@pytest.mark.parametrize("body", [sample("token"), b"", b"<html>"])
def test_a_good_status_at_sign_in_is_left_to_be_read(body: bytes) -> None:
    assert token_refusal(a_reply(200, body), secrets=()) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["errors", "errorCode", "response", "message", "key", "status", "error", "parameters"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(st.integers(200, 599), JSON | st.binary(max_size=30))
def test_any_reply_is_an_answer_or_an_error(status: int, body: Any) -> None:
    verdict = refusal(status, body)

    assert verdict is None or isinstance(verdict, NotKnown | CarrierError)
    if not 200 <= status < 300:
        assert verdict is not None
        assert token_refusal(a_reply(status, body), secrets=()) is not None
