"""The ready reply: what it says in every state of a parcel, and to whom."""

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation

from shipments.enums import AnswerKind, Status
from shipments.facts import spelling, wording
from shipments.facts.replies import ReplyWords, reply
from shipments.facts.times import DeliveryEstimate, Posted
from shipments.facts.wording import ParcelWords, Sighting

NOW = datetime(2025, 6, 11, 15, 0, tzinfo=UTC)  # a Wednesday, 11 am in New York
SEEN = Sighting(date(2025, 6, 10), time(14, 5), "Olney, MD")
FRIDAY = DeliveryEstimate(date(2025, 6, 13))
TUESDAY = DeliveryEstimate(date(2025, 6, 10))
LINK = "https://parcels.example/t/abc"
FOLLOW = f"You can follow it here: {LINK}"
ABOUT = "This is about your parcel, sent with USPS under the number 9400."


def words(status: Status, **over: object) -> ParcelWords:
    return ParcelWords(**{"status": status, "carrier": "USPS", "zone": "America/New_York", **over})  # type: ignore[arg-type]


def written(parcel: ParcelWords, language: str = "en", **over: str) -> list[str]:
    """The paragraphs of the reply."""
    asked = ReplyWords(**{"parcel": parcel, "number": "9400", "link": LINK, "sender": "Alpine", **over})  # type: ignore[arg-type]
    return reply(asked, language=language, now=NOW).split("\n\n")


@pytest.mark.parametrize(
    ("parcel", "news", "to_do"),
    [
        (
            words(Status.MANIFEST, label_on=date(2025, 6, 9), estimate=FRIDAY),
            "Waiting for the carrier's first scan: the label was made on 9 June. The carrier expects to deliver it Friday, 13 June.",
            None,
        ),
        (words(Status.ACCEPTANCE, decisive=SEEN, estimate=FRIDAY), "Arriving Friday, 13 June.", None),
        (
            words(Status.IN_TRANSIT, decisive=SEEN),
            "On the way: last scanned on Tuesday, 10 June, 2:05 pm, in Olney, MD.",
            None,
        ),
        (
            words(Status.IN_TRANSIT, decisive=SEEN, estimate=TUESDAY),
            "Later than expected: it was due Tuesday, 10 June.",
            "We are sorry that it takes longer than promised. We are keeping an eye on it.",
        ),
        (
            words(Status.OUT_FOR_DELIVERY, estimate=DeliveryEstimate(date(2025, 6, 11), None, time(20))),
            "Out for delivery: arriving Wednesday, 11 June, by 8 pm.",
            None,
        ),
        (
            words(Status.DELIVERY_ATTEMPT, decisive=SEEN, estimate=FRIDAY),
            "The carrier tried to deliver on Tuesday, 10 June, 2:05 pm, in Olney, MD, and could not. The carrier expects to deliver it Friday, 13 June.",
            "Look for a notice at the door, or ask USPS when it will come again.",
        ),
        (
            words(Status.READY_FOR_PICKUP),
            "Ready for pickup.",
            "Collect it where the notice of USPS says, and bring proof of identity. What is not collected in time goes back to the sender.",
        ),
        (
            words(Status.EXCEPTION, estimate=FRIDAY, decisive=SEEN),
            "The carrier reported a problem on Tuesday, 10 June, 2:05 pm, in Olney, MD. The carrier expects to deliver it Friday, 13 June.",
            "If your address may be wrong or incomplete, answer this message, and we will pass it on.",
        ),
        (
            words(Status.RETURN_TO_SENDER, estimate=FRIDAY),
            None,
            "It is coming back to us. Tell us whether we should send it again or give you your money back.",
        ),
        (
            words(Status.DELIVERED, delivered=Posted(date(2025, 6, 10), time(14, 5)), spot="front porch", estimate=FRIDAY),
            "Delivered Tuesday, 10 June, 2:05 pm, front porch.",
            "If you cannot find it, please look around the place where it was left and ask your neighbors; then tell us.",
        ),
        (
            words(Status.UNKNOWN, heard=AnswerKind.NOT_KNOWN),
            "USPS does not know this number yet: a new one often appears with its first scan.",
            "If nothing has changed in three days, answer this message, and we will look into it.",
        ),
        (
            words(Status.UNKNOWN, heard=AnswerKind.NOT_ALLOWED),
            "USPS does not tell us about this parcel.",
            "If nothing has changed in three days, answer this message, and we will look into it.",
        ),
        (
            words(Status.UNKNOWN),
            "Nothing is known of this parcel yet: USPS has not answered.",
            None,
        ),
    ],
)  # fmt: skip
def test_every_state_of_a_parcel_has_a_reply(
    parcel: ParcelWords, news: str | None, to_do: str | None
) -> None:
    if news is None:
        with translation.override("en"):
            news = f"{wording.sentence(parcel, now=NOW)}."

    assert written(parcel) == [
        "Hello,",
        f"{ABOUT} {news}",
        *([to_do] if to_do else []),
        FOLLOW,
        "Kind regards,\nAlpine",
    ]


def test_a_buyer_is_greeted_by_name_and_reminded_of_the_order() -> None:
    paragraphs = written(words(Status.READY_FOR_PICKUP), recipient="Rosa Invented", order="A-77")

    assert paragraphs[0] == "Hello Rosa Invented,"
    assert paragraphs[1].startswith(
        "This is about your order A-77, sent with USPS under the number 9400. Ready"
    )


@pytest.mark.parametrize("status", list(Status))
def test_the_reply_is_in_the_language_of_the_buyer_whatever_is_active(status: Status) -> None:
    parcel = words(status, decisive=SEEN, latest=SEEN, estimate=FRIDAY)
    with translation.override("es"):
        sentence = wording.sentence(parcel, now=NOW)
        day = spelling.window(FRIDAY, NOW.astimezone(ZoneInfo("America/New_York")).date())

    with translation.override("en"):
        text = "\n\n".join(written(parcel, "es"))
        assert translation.get_language() == "en"

    assert f"{sentence}." in text
    if status not in {Status.DELIVERED, Status.RETURN_TO_SENDER}:
        assert day in text


def test_a_percent_sign_in_a_name_is_a_percent_sign() -> None:
    paragraphs = written(words(Status.DELIVERED), recipient="100 % Wool", sender="50 %(off)s")

    assert (paragraphs[0], paragraphs[-1]) == ("Hello 100 % Wool,", "Kind regards,\n50 %(off)s")
