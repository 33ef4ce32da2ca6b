"""Pitney Bowes' objects as they stand on the wire (Track a Package, Response Elements).

The fields marked "Coming Soon" in that document are read like the others; answers of 2024 have most of them.
"""

from pydantic import Field

from shipments.carriers.reading import Wire
from shipments.carriers.values import (
    BearerToken,
    Count,
    Latitude,
    Longitude,
    NumberAsSent,
    Offset,
    Plain,
    PostalCode,
    Text,
    Url,
    WireDate,
    WireTime,
    Word,
)


class TokenWire(Wire):
    """The reply to a token request; `expiresIn` is a text of seconds (Pitney Bowes, Generate an OAuth Token)."""

    access_token: BearerToken = Field(alias="access_token", repr=False)
    seconds: Count | None = Field(default=None, alias="expiresIn")
    # How the rest of the world spells it.
    seconds_snake: Count | None = Field(default=None, alias="expires_in")


class AddressWire(Wire):
    """Documented as unused and null; the town was filled in answers of 2018. Name and street are not read."""

    city: Text = ""
    state_or_province: Text = ""
    postal_code: PostalCode = ""
    country: Word = ""


class DimensionWire(Wire):
    length: Word = ""
    width: Word = ""
    height: Word = ""
    unit_of_measurement: Word = ""


class WhenWire(Wire):
    """When a scan was."""

    event_date: WireDate
    event_time: WireTime | None = None
    event_time_offset: Offset | None = None


class ScanWire(Wire):
    """A scan, but for when it was."""

    event_city: Text = ""
    event_state_or_province: Text = ""
    postal_code: PostalCode = ""
    country: Word = ""
    scan_type: Word = ""
    scan_description: Text = ""
    package_status: Word = ""
    standardized_event_code: Word = ""
    standardized_event_description: Text = ""
    l1_code: Word = Field(default="", alias="l1Code")
    l1_description: Text = Field(default="", alias="l1Description")
    l2_description: Text = Field(default="", alias="l2Description")
    authorized_agent: Plain = None
    tracking_url: Url = ""
    latitude: Latitude | None = None
    longitude: Longitude | None = None
    location_unit: Word = ""
    event_leg: Word = ""
    event_type: Word = ""


class TrackingWire(Wire):
    """Everything but the scans: `scanDetailsList` and `currentStatus` are read one by one."""

    package_count: Count | None = None
    carrier: Word = ""
    tracking_number: Word = ""
    requested_identifier: Word = ""
    client_id: Word = ""
    reference_number: Word = ""
    smart_label_barcode: Word = ""
    service_code: Word = ""
    service_name: Text = ""
    status: Word = ""
    updated_date: WireDate | None = None
    updated_time: WireTime | None = None
    last_package_status_location: Text = ""
    ship_date: WireDate | None = None
    ship_time: WireTime | None = None
    ship_time_offset: Offset | None = None
    estimated_delivery_date: WireDate | None = None
    estimated_delivery_time: WireTime | None = None
    estimated_delivery_time_offset: Offset | None = None
    delivery_date: WireDate | None = None
    delivery_time: WireTime | None = None
    delivery_time_offset: Offset | None = None
    delivery_location: Text = ""
    delivery_location_description: Text = ""
    delivery_proof_url: Url = ""
    signed_by: Text = ""
    reattempt_date: WireDate | None = None
    reattempt_time: WireTime | None = None
    weight: NumberAsSent | None = None
    weight_uom: Word = Field(default="", alias="weightUOM")
    # The spelling of older software kits and of an answer of 2018.
    weight_oum: Word = Field(default="", alias="weightOUM")
    dimension: DimensionWire | None = None
    destination_address: AddressWire | None = None
    sender_address: AddressWire | None = None
