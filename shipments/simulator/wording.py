"""Each carrier's code and text for a step, and the status word Pitney Bowes puts beside them.

Codes and texts are those the carriers use: USPS event codes (Tracking v3r2), Pitney Bowes' standardized codes
and its `PTS` codes for PB Standard, FedEx scan codes, UPS status types. A step may have several wordings;
the parcel chooses one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from shipments.enums import CarrierCode, Status
from shipments.simulator.numbers import ONTRAC
from shipments.simulator.steps import Step


@dataclass(frozen=True, slots=True)
class Words:
    """What a carrier calls a step. `status` is None where Pitney Bowes would have no word for it either."""

    code: str
    text: str
    status: Status | None


Vocabulary = Mapping[Step, tuple[Words, ...]]

# A code that stands in no carrier's list: what a product sees on the day a carrier adds one.
_ODD = (Words("ZQ", "Item event recorded", None),)

_USPS: Vocabulary = {
    Step.LABEL: (
        Words("GX", "Shipping Label Created, USPS Awaiting Item", Status.MANIFEST),
        Words("MA", "Pre-Shipment Info Sent to USPS, USPS Awaiting Item", Status.MANIFEST),
    ),
    Step.PARTNER_PICKED_UP: (
        Words("80", "Picked Up by Shipping Partner, USPS Awaiting Item", Status.PICKED_UP),
    ),
    Step.PARTNER_ARRIVED: (
        Words("81", "Arrived Shipping Partner Facility, USPS Awaiting Item", Status.IN_TRANSIT),
    ),
    Step.PARTNER_DEPARTED: (
        Words("82", "Departed Shipping Partner Facility, USPS Awaiting Item", Status.IN_TRANSIT),
    ),
    Step.ACCEPTED: (
        Words("03", "USPS in possession of item", Status.ACCEPTANCE),
        Words("OA", "Accepted at USPS Origin Facility", Status.ACCEPTANCE),
    ),
    Step.ARRIVED_ORIGIN: (Words("10", "Arrived at USPS Regional Origin Facility", Status.IN_TRANSIT),),
    Step.PROCESSED: (Words("PC", "Processed Through Facility", Status.IN_TRANSIT),),
    Step.DEPARTED: (Words("T1", "Departed USPS Regional Facility", Status.IN_TRANSIT),),
    Step.IN_TRANSIT: (Words("NT", "In Transit to Next Facility", Status.IN_TRANSIT),),
    Step.ARRIVED_HUB: (Words("A1", "Arrived at USPS Facility", Status.IN_TRANSIT),),
    Step.RUNNING_LATE: (Words("NT", "In Transit to Next Facility, Arriving Late", Status.IN_TRANSIT),),
    # The code for a processing exception stands in no public list; the text does.
    Step.WEATHER: (Words("PE", "Processing Exception, Weather Delay", Status.EXCEPTION),),
    Step.DAMAGED: (Words("PE", "Processing Exception, Other Delay", Status.EXCEPTION),),
    Step.REPACKED: (Words("10", "Processed Through Facility", Status.IN_TRANSIT),),
    Step.ODD: _ODD,
    Step.ARRIVED_DESTINATION: (
        Words("A1", "Arrived at USPS Regional Facility", Status.IN_TRANSIT),
        Words("AD", "Accepted at USPS Regional Destination Facility", Status.ACCEPTANCE),
    ),
    Step.LETTER_PROCESSED: (Words("10", "Processed Through Facility", Status.IN_TRANSIT),),
    Step.MISSENT: (
        Words("08", "Missent", Status.EXCEPTION),
        Words("15", "Mis-shipped", Status.EXCEPTION),
    ),
    Step.FORWARDED: (Words("06", "Forwarded", Status.IN_TRANSIT),),
    Step.UNIT: (Words("07", "Arrived at Post Office", Status.IN_TRANSIT),),
    Step.SORTED: (Words("PC", "Sorting Complete", Status.IN_TRANSIT),),
    Step.OUT: (Words("OF", "Out for Delivery", Status.OUT_FOR_DELIVERY),),
    Step.DELIVERED: (
        Words("01", "Delivered, Front Door/Porch", Status.DELIVERED),
        Words("01", "Delivered, In/At Mailbox", Status.DELIVERED),
        Words("01", "Delivered, Parcel Locker", Status.DELIVERED),
        Words("01", "Delivered, Front Desk/Reception/Mail Room", Status.DELIVERED),
    ),
    Step.DELIVERED_SIGNED: (Words("01", "Delivered, Left with Individual", Status.DELIVERED),),
    Step.DELIVERED_BY_MISTAKE: (Words("01", "Delivered, In/At Mailbox", Status.DELIVERED),),
    Step.ATTEMPT: (
        Words("55", "Notice Left (No Secure Location Available)", Status.DELIVERY_ATTEMPT),
        Words("56", "Notice Left (No Authorized Recipient Available)", Status.DELIVERY_ATTEMPT),
        Words("30", "Delivery Attempted - No Access to Delivery Location", Status.DELIVERY_ATTEMPT),
        Words("51", "Notice Left (Business Closed)", Status.DELIVERY_ATTEMPT),
    ),
    Step.READY: (Words("14", "Available for Pickup", Status.READY_FOR_PICKUP),),
    Step.COLLECTED: (Words("01", "Delivered, Individual Picked Up at Post Office", Status.DELIVERED),),
    Step.PICKUP_MISSED: (Words("27", "Unclaimed/Being Returned to Sender", Status.PICKUP_MISSED),),
    Step.REFUSED: (Words("04", "Refused", Status.RETURN_TO_SENDER),),
    Step.NO_SUCH_NUMBER: (Words("21", "No Such Number", Status.RETURN_TO_SENDER),),
    Step.UNDELIVERABLE: (Words("05", "Undeliverable as Addressed", Status.EXCEPTION),),
    Step.RETURNING: (Words("29", "Return to Sender Processed", Status.RETURN_TO_SENDER),),
    Step.BACK_AT_HUB: (Words("10", "Processed Through Facility", Status.IN_TRANSIT),),
    Step.BACK_AT_SENDER: (Words("01", "Delivered, To Original Sender", Status.RETURN_TO_SENDER),),
}

_PB_STANDARD: Vocabulary = {
    Step.LABEL: (Words("LC", "Label created", Status.MANIFEST),),
    Step.ACCEPTED: (Words("SS", "Picked up by Pitney Bowes", Status.PICKED_UP),),
    Step.ARRIVED_ORIGIN: (Words("IPS", "Arrived at Pitney Bowes facility", Status.IN_TRANSIT),),
    Step.PROCESSED: (Words("UPROC", "Processed at Pitney Bowes facility", Status.IN_TRANSIT),),
    Step.DEPARTED: (Words("TRD", "Departed Pitney Bowes facility", Status.IN_TRANSIT),),
    Step.IN_TRANSIT: (Words("TRD", "In transit", Status.IN_TRANSIT),),
    Step.ARRIVED_HUB: (Words("IPS", "Arrived at Pitney Bowes sort center", Status.IN_TRANSIT),),
    Step.RUNNING_LATE: (Words("INF", "Running later than expected", Status.IN_TRANSIT),),
    Step.WEATHER: (Words("DYU", "Delayed by weather", Status.EXCEPTION),),
    Step.DAMAGED: (Words("DYU", "Package damaged", Status.EXCEPTION),),
    Step.REPACKED: (Words("UPROC", "Repackaged and processed", Status.IN_TRANSIT),),
    Step.ODD: _ODD,
    Step.ARRIVED_DESTINATION: (Words("ADU", "Tendered to USPS", Status.IN_TRANSIT),),
    Step.MISSENT: (Words("PTS08", "Missent", Status.EXCEPTION),),
    Step.FORWARDED: (Words("PTS06", "Forwarded", Status.IN_TRANSIT),),
    Step.UNIT: (Words("PTS07", "Arrived at Post Office", Status.IN_TRANSIT),),
    Step.SORTED: (Words("PC", "Sorting Complete", Status.IN_TRANSIT),),
    Step.OUT: (Words("PTSOF", "Out for Delivery", Status.OUT_FOR_DELIVERY),),
    Step.DELIVERED: (
        Words("DEL", "Delivered", Status.DELIVERED),
        Words("PTS01", "Delivered, Front Door/Porch", Status.DELIVERED),
    ),
    Step.DELIVERED_SIGNED: (Words("PTS01", "Delivered, Left with Individual", Status.DELIVERED),),
    Step.DELIVERED_BY_MISTAKE: (Words("DEL", "Delivered", Status.DELIVERED),),
    Step.ATTEMPT: (Words("PTS52", "Notice Left", Status.DELIVERY_ATTEMPT),),
    Step.READY: (Words("PTS14", "Available for Pickup", Status.READY_FOR_PICKUP),),
    Step.COLLECTED: (Words("PTS01", "Delivered, Individual Picked Up at Post Office", Status.DELIVERED),),
    Step.PICKUP_MISSED: (Words("PTS31", "Not Picked Up", Status.PICKUP_MISSED),),
    Step.REFUSED: (Words("PTS04", "Refused", Status.RETURN_TO_SENDER),),
    Step.NO_SUCH_NUMBER: (Words("PTS21", "No Such Number", Status.RETURN_TO_SENDER),),
    Step.UNDELIVERABLE: (Words("PTS05", "Undeliverable as Addressed", Status.EXCEPTION),),
    Step.RETURNING: (Words("PTS09", "Return to Sender", Status.RETURN_TO_SENDER),),
    Step.BACK_AT_HUB: (Words("IPS", "Return arrived at Pitney Bowes facility", Status.RETURN_TO_SENDER),),
    Step.BACK_AT_SENDER: (Words("PTS01", "Delivered, To Original Sender", Status.RETURN_TO_SENDER),),
}

_PB_STANDARDIZED: Vocabulary = {
    Step.LABEL: (
        Words("LC", "Label created", Status.MANIFEST),
        Words("PSR", "Tracking details uploaded", Status.MANIFEST),
    ),
    Step.ACCEPTED: (Words("TRD", "Picked up", Status.PICKED_UP),),
    Step.ARRIVED_ORIGIN: (Words("TRD", "Arrived at facility", Status.ACCEPTANCE),),
    Step.PROCESSED: (Words("TRD", "Processed at facility", Status.IN_TRANSIT),),
    Step.DEPARTED: (Words("TRD", "Departed facility", Status.IN_TRANSIT),),
    Step.IN_TRANSIT: (Words("TRD", "In transit", Status.IN_TRANSIT),),
    Step.ARRIVED_HUB: (Words("TRD", "Arrived at sort center", Status.IN_TRANSIT),),
    Step.RUNNING_LATE: (Words("INF", "Running later than expected", Status.IN_TRANSIT),),
    Step.WEATHER: (Words("DYU", "Delayed by weather", Status.EXCEPTION),),
    Step.DAMAGED: (Words("DYU", "Package damaged", Status.EXCEPTION),),
    Step.REPACKED: (Words("TRD", "Repackaged and processed", Status.IN_TRANSIT),),
    Step.ODD: _ODD,
    Step.EXPORTED: (Words("SPH", "Shipped to international destination", Status.IN_TRANSIT),),
    Step.ABROAD: (Words("TRD", "Arrived in destination country", Status.IN_TRANSIT),),
    Step.CUSTOMS_IN: (Words("TRD", "Inbound into customs", Status.IN_TRANSIT),),
    Step.CUSTOMS_HELD: (Words("DYU", "Held in customs", Status.EXCEPTION),),
    Step.CUSTOMS_CLEARED: (Words("CUC", "Customs cleared", Status.IN_TRANSIT),),
    Step.HANDED_OVER: (Words("TRD", "Handed over to delivery carrier", Status.IN_TRANSIT),),
    Step.ARRIVED_DESTINATION: (Words("TRD", "Arrived at destination sort center", Status.IN_TRANSIT),),
    Step.MISSENT: (Words("DYU", "Sent to the wrong facility", Status.EXCEPTION),),
    Step.FORWARDED: (Words("TRD", "Forwarded", Status.IN_TRANSIT),),
    Step.UNIT: (Words("TRD", "Arrived at local delivery depot", Status.IN_TRANSIT),),
    Step.SORTED: (Words("TRD", "Sorted for delivery", Status.IN_TRANSIT),),
    Step.OUT: (Words("OFD", "Out for delivery", Status.OUT_FOR_DELIVERY),),
    Step.DELIVERED: (
        Words("DLD", "Delivered - FRONT PORCH", Status.DELIVERED),
        Words("DLD", "Delivered - MAILBOX", Status.DELIVERED),
    ),
    Step.DELIVERED_SIGNED: (Words("DLD", "Delivered - SIGNED FOR", Status.DELIVERED),),
    Step.DELIVERED_BY_MISTAKE: (Words("DLD", "Delivered", Status.DELIVERED),),
    Step.ATTEMPT: (Words("DAT", "Delivery attempt - NOBODY HOME", Status.DELIVERY_ATTEMPT),),
    Step.READY: (Words("AWP", "Awaiting pickup", Status.READY_FOR_PICKUP),),
    Step.COLLECTED: (Words("DLD", "Delivered - COLLECTED", Status.DELIVERED),),
    Step.PICKUP_MISSED: (Words("UDL", "Not collected", Status.PICKUP_MISSED),),
    Step.REFUSED: (Words("RTS", "Refused by addressee", Status.RETURN_TO_SENDER),),
    Step.NO_SUCH_NUMBER: (Words("RTS", "No such number", Status.RETURN_TO_SENDER),),
    Step.UNDELIVERABLE: (Words("UDL", "Unable to deliver", Status.EXCEPTION),),
    Step.RETURNING: (Words("RTS", "Return shipped to retailer", Status.RETURN_TO_SENDER),),
    Step.BACK_AT_HUB: (Words("RTS", "Return arrived at facility", Status.RETURN_TO_SENDER),),
    Step.BACK_AT_SENDER: (Words("RTS", "Return delivered to retailer", Status.RETURN_TO_SENDER),),
}

_FEDEX: Vocabulary = {
    Step.LABEL: (Words("OC", "Shipment information sent to FedEx", Status.MANIFEST),),
    Step.ACCEPTED: (Words("PU", "Picked up", Status.PICKED_UP),),
    Step.ARRIVED_ORIGIN: (Words("AR", "Arrived at FedEx location", Status.IN_TRANSIT),),
    Step.PROCESSED: (Words("AF", "At local FedEx facility", Status.IN_TRANSIT),),
    Step.DEPARTED: (
        Words("DP", "Left FedEx origin facility", Status.IN_TRANSIT),
        Words("DP", "Departed FedEx location", Status.IN_TRANSIT),
    ),
    Step.IN_TRANSIT: (Words("IT", "In transit", Status.IN_TRANSIT),),
    Step.ARRIVED_HUB: (Words("AR", "Arrived at FedEx hub", Status.IN_TRANSIT),),
    Step.RUNNING_LATE: (Words("IX", "In transit - Package running late", Status.IN_TRANSIT),),
    Step.WEATHER: (Words("DY", "Delay - Local weather", Status.EXCEPTION),),
    Step.DAMAGED: (
        Words("SE", "Shipment exception - Damaged, handling per shipper instructions", Status.EXCEPTION),
    ),
    Step.REPACKED: (Words("SF", "At FedEx sort facility", Status.IN_TRANSIT),),
    Step.ODD: _ODD,
    Step.ARRIVED_DESTINATION: (Words("AR", "At destination sort facility", Status.IN_TRANSIT),),
    Step.MISSENT: (Words("SE", "Shipment exception - Package misrouted", Status.EXCEPTION),),
    Step.FORWARDED: (Words("TR", "Transferred", Status.IN_TRANSIT),),
    Step.UNIT: (Words("AD", "At local FedEx facility", Status.IN_TRANSIT),),
    Step.SORTED: (Words("AF", "At local FedEx facility", Status.IN_TRANSIT),),
    Step.OUT: (Words("OD", "On FedEx vehicle for delivery", Status.OUT_FOR_DELIVERY),),
    Step.DELIVERED: (
        Words("DL", "Delivered - Left at front door. Signature not required", Status.DELIVERED),
        Words("DL", "Delivered - Left at side door. Signature not required", Status.DELIVERED),
    ),
    Step.DELIVERED_SIGNED: (Words("DL", "Delivered", Status.DELIVERED),),
    Step.DELIVERED_BY_MISTAKE: (Words("DL", "Delivered", Status.DELIVERED),),
    Step.ATTEMPT: (
        Words(
            "DE", "Delivery exception - Customer not available or business closed", Status.DELIVERY_ATTEMPT
        ),
    ),
    Step.READY: (Words("HL", "Ready for recipient pickup", Status.READY_FOR_PICKUP),),
    Step.COLLECTED: (Words("DL", "Delivered - Picked up by recipient", Status.DELIVERED),),
    Step.PICKUP_MISSED: (Words("SE", "Hold time expired, package not picked up", Status.PICKUP_MISSED),),
    Step.REFUSED: (Words("DE", "Delivery exception - Refused by recipient", Status.EXCEPTION),),
    Step.NO_SUCH_NUMBER: (Words("DE", "Delivery exception - Incorrect address", Status.EXCEPTION),),
    Step.UNDELIVERABLE: (Words("DE", "Delivery exception - Unable to deliver", Status.EXCEPTION),),
    Step.RETURNING: (Words("RS", "Returning package to shipper", Status.RETURN_TO_SENDER),),
    Step.BACK_AT_HUB: (Words("AR", "Arrived at FedEx location", Status.RETURN_TO_SENDER),),
    Step.BACK_AT_SENDER: (Words("RS", "Returned to shipper", Status.RETURN_TO_SENDER),),
}

_UPS: Vocabulary = {
    Step.LABEL: (Words("M", "Order Processed: Ready for UPS", Status.MANIFEST),),
    Step.ACCEPTED: (Words("P", "Pickup Scan", Status.PICKED_UP),),
    Step.ARRIVED_ORIGIN: (Words("I", "Origin Scan", Status.IN_TRANSIT),),
    Step.PROCESSED: (Words("I", "Processing at UPS Facility", Status.IN_TRANSIT),),
    Step.DEPARTED: (Words("I", "Departed from Facility", Status.IN_TRANSIT),),
    Step.IN_TRANSIT: (Words("I", "In Transit", Status.IN_TRANSIT),),
    Step.ARRIVED_HUB: (Words("I", "Arrived at Facility", Status.IN_TRANSIT),),
    Step.RUNNING_LATE: (Words("I", "Your package is delayed", Status.IN_TRANSIT),),
    Step.WEATHER: (Words("X", "Severe weather conditions have delayed delivery.", Status.EXCEPTION),),
    Step.DAMAGED: (Words("X", "Merchandise is damaged; the sender has been notified.", Status.EXCEPTION),),
    Step.REPACKED: (Words("I", "Warehouse Scan", Status.IN_TRANSIT),),
    Step.ODD: _ODD,
    Step.ARRIVED_DESTINATION: (Words("I", "Destination Scan", Status.IN_TRANSIT),),
    Step.MISSENT: (Words("X", "The package was sorted to the wrong facility.", Status.EXCEPTION),),
    Step.FORWARDED: (Words("I", "Departed from Facility", Status.IN_TRANSIT),),
    Step.UNIT: (Words("I", "Loaded on Delivery Vehicle", Status.IN_TRANSIT),),
    Step.SORTED: (Words("I", "Processing at UPS Facility", Status.IN_TRANSIT),),
    Step.OUT: (Words("O", "Out For Delivery Today", Status.OUT_FOR_DELIVERY),),
    Step.DELIVERED: (Words("D", "Delivered", Status.DELIVERED),),
    Step.DELIVERED_SIGNED: (Words("D", "Delivered", Status.DELIVERED),),
    Step.DELIVERED_BY_MISTAKE: (Words("D", "Delivered", Status.DELIVERED),),
    Step.ATTEMPT: (
        Words("X", "The receiver was not available; a second attempt will be made.", Status.DELIVERY_ATTEMPT),
    ),
    Step.READY: (Words("I", "Ready for Pickup at UPS Access Point", Status.READY_FOR_PICKUP),),
    Step.COLLECTED: (Words("D", "Delivered to UPS Access Point customer", Status.DELIVERED),),
    Step.PICKUP_MISSED: (Words("X", "The package was not picked up in time.", Status.PICKUP_MISSED),),
    Step.REFUSED: (Words("X", "The receiver refused the delivery.", Status.EXCEPTION),),
    Step.NO_SUCH_NUMBER: (Words("X", "The street number is incorrect.", Status.EXCEPTION),),
    Step.UNDELIVERABLE: (
        Words("X", "The address is incomplete; delivery is not possible.", Status.EXCEPTION),
    ),
    Step.RETURNING: (Words("RS", "Returning to Sender", Status.RETURN_TO_SENDER),),
    Step.BACK_AT_HUB: (Words("RS", "Return: Arrived at Facility", Status.RETURN_TO_SENDER),),
    Step.BACK_AT_SENDER: (Words("RS", "Returned to Sender", Status.RETURN_TO_SENDER),),
}

VOCABULARY: Mapping[str, Vocabulary] = {
    CarrierCode.USPS: _USPS,
    CarrierCode.IMB: _USPS,
    CarrierCode.FDR: _PB_STANDARD,
    CarrierCode.NEWGISTICS: _PB_STANDARD,
    CarrierCode.PBCS: _PB_STANDARDIZED,
    CarrierCode.PBI: _PB_STANDARDIZED,
    CarrierCode.FEDEX: _FEDEX,
    CarrierCode.UPS: _UPS,
    ONTRAC: _PB_STANDARDIZED,
}
