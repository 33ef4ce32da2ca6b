"""The objects of the USPS wire, field for field: USPS Tracking v3r2 3.2.2, and the v3 names still met.

USPS declares no field of an answer as required and allows unknown ones. Values that v3 is known to write
otherwise than documented are read too: booleans as text, one service instead of a list of them.
"""

from datetime import time
from typing import Annotated, Any

from pydantic import AliasChoices, Field, PlainValidator

from shipments.carriers.reading import Wire
from shipments.carriers.usps import times
from shipments.carriers.values import (
    BearerToken,
    Count,
    Flag,
    PostalCode,
    Text,
    WireDate,
    Word,
    plain_value,
)


def _text_of(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("not text")
    return value


def _clock(value: Any) -> time:
    return times.read_clock(_text_of(value))


def _services(value: Any) -> tuple[str, ...]:
    listed = value if isinstance(value, list) else [value]
    texts: list[str] = plain_value([_text_of(one) for one in listed if one is not None])
    return tuple(text for text in texts if text)


Clock = Annotated[time, PlainValidator(_clock)]
Services = Annotated[tuple[str, ...], PlainValidator(_services)]


def _also(name: str, *older: str) -> Any:
    """A text field under its v3r2 name, read under the names of v3 too."""
    return Field("", alias=name, validation_alias=AliasChoices(name, *older))


class TrackingEvent(Wire):
    """One scan, but for when it was: `parse` reads those three members on their own."""

    event_type: Text = ""
    event_code: Word = ""
    action_code: Word = ""
    reason_code: Word = ""
    # A distribution center has its name here and nothing in the other three.
    event_city: Text = ""
    event_state: Word = ""
    event_country: Word = ""
    event_zip_code: PostalCode = _also("eventZIPCode", "eventZIP")
    event_partner: Text = ""
    firm: Text = ""
    recipient_name: Text = _also("recipientName", "name")
    cod_amount_due: Word = Field("", alias="CODAmountDue")
    veri_point: Flag | None = None
    authorized_agent: Flag | None = None


class DeliveryDateExpectation(Wire):
    """What USPS promises or predicts."""

    expected_delivery_date: WireDate | None = None
    predicted_delivery_date: WireDate | None = None
    # A date, a date with a time, or a text such as "3 Business Days".
    guaranteed_delivery_date: Text = ""
    predicted_delivery_window_start_time: Clock | None = None
    predicted_delivery_window_end_time: Clock | None = None
    end_of_day: Clock | None = None


class ServicesEligibility(Wire):
    """Which further requests USPS would take for the piece."""

    proof_of_delivery_enabled: Flag | None = None
    return_receipt_enabled: Flag | None = Field(None, alias="RREEnabled")
    tracking_proof_of_delivery_enabled: Flag | None = None
    delivery_instructions_enabled: Flag | None = None


class TrackingDetail(Wire):
    """What USPS says about one piece, apart from its scans."""

    tracking_number: Word
    associated_tracking_number: Word = ""
    destination_city: Text = ""
    destination_country: Word = _also("destinationCountry", "destinationCountryCode")
    destination_state: Word = ""
    destination_zip_code: PostalCode = _also("destinationZIPCode", "destinationZIP")
    kahala_indicator: Flag | None = None
    mail_class: Text = ""
    mail_class_code: Word = ""
    mailing_date: WireDate | None = None
    mail_type: Text = ""
    origin_city: Text = ""
    origin_country: Word = _also("originCountry", "originCountryCode")
    origin_state: Word = ""
    origin_zip_code: PostalCode = _also("originZIPCode", "originZIP")
    services: Services = ()
    service_type_code: Word = ""
    status: Text = ""
    status_category: Text = ""
    status_summary: Text = ""
    unique_tracking_id: Word = _also("uniqueTrackingID", "uniqueTrackingId", "uniqueMailPieceID")
    delivery_date_expectation: DeliveryDateExpectation | None = None
    services_eligibility: ServicesEligibility | None = None
    access_control: Word = ""


class ErrorDetail(Wire):
    """One entry of an error's `errors`."""

    code: Word = ""
    title: Text = ""
    detail: Text = ""


class ErrorBody(Wire):
    """The `error` member of an error answer. `errors` beside these is read one by one as `ErrorDetail`."""

    code: Word = ""
    message: Text = ""


class TokenBody(Wire):
    """The reply of the token address (USPS OAuth 3.0.6); `expires_in` comes as a number or as a text."""

    access_token: BearerToken = Field(alias="access_token", repr=False)
    expires_in: Count | None = Field(None, alias="expires_in")
