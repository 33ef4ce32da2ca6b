"""What the words and codes of USPS mean in ours.

USPS names no closed list. The codes were gathered from Publication 97 Appendix I, Publication 199
Appendix G and from answers of the service; a code or a text that is not here has no status and stays raw.
A text is compared by its leading words, never by a part of it: "Undeliverable as Addressed", "Out for
Delivery" and "Delivery Attempted" all speak of delivery, and none of them is one.
"""

import re
from collections.abc import Mapping
from functools import lru_cache

from shipments.enums import Status

STATUS_BY_CODE: Mapping[str, Status] = {
    "01": Status.DELIVERED,  # except "To Original Sender", see status_of_event
    "02": Status.DELIVERY_ATTEMPT,  # notice left
    # Possession, by acceptance or by pickup; Pitney Bowes shows the same scan as Acceptance.
    "03": Status.ACCEPTANCE,
    # A refused piece goes back, as those of 21 to 31 do; Exception would hide that from the merchant.
    "04": Status.RETURN_TO_SENDER,
    # May still be forwarded or returned: the scan after it says which.
    "05": Status.EXCEPTION,
    "06": Status.IN_TRANSIT,  # forwarded: USPS' category is Alert, but the piece is on its way
    "07": Status.IN_TRANSIT,  # arrived at the post office
    "08": Status.EXCEPTION,  # missent
    "09": Status.RETURN_TO_SENDER,
    "10": Status.IN_TRANSIT,
    "11": Status.EXCEPTION,  # mail recovery center
    "14": Status.READY_FOR_PICKUP,
    "15": Status.EXCEPTION,  # mis-shipped
    "16": Status.READY_FOR_PICKUP,  # for the agent of a returns service
    # Picked up by an agent, outbound or in a returns service. The code alone does not tell which, and a
    # delivery must not be claimed on a guess; the returns text is looked at before the code.
    "17": Status.PICKED_UP,
    "19": Status.IN_TRANSIT,
    "21": Status.RETURN_TO_SENDER,  # no such number
    "22": Status.RETURN_TO_SENDER,  # insufficient address
    "23": Status.RETURN_TO_SENDER,  # moved, left no address
    "24": Status.RETURN_TO_SENDER,  # forward expired
    "25": Status.RETURN_TO_SENDER,  # addressee unknown
    "26": Status.RETURN_TO_SENDER,  # vacant
    "27": Status.RETURN_TO_SENDER,  # unclaimed
    "28": Status.RETURN_TO_SENDER,  # deceased
    "29": Status.RETURN_TO_SENDER,  # other reason
    "30": Status.DELIVERY_ATTEMPT,  # no access to the delivery location
    "31": Status.RETURN_TO_SENDER,  # not picked up
    "41": Status.IN_TRANSIT,  # received at the opening unit
    "42": Status.IN_TRANSIT,  # handed to a shipping partner
    "43": Status.PICKED_UP,
    "44": Status.EXCEPTION,  # recalled by the sender
    "51": Status.DELIVERY_ATTEMPT,  # business closed
    "52": Status.DELIVERY_ATTEMPT,
    "53": Status.DELIVERY_ATTEMPT,  # receptacle blocked
    "54": Status.DELIVERY_ATTEMPT,  # receptacle full, or the item too large for it
    "55": Status.DELIVERY_ATTEMPT,  # no secure location
    "56": Status.DELIVERY_ATTEMPT,  # nobody authorized to take it
    # The carrier stood at the door or would have, and comes again: what the buyer sees is an attempt.
    "71": Status.DELIVERY_ATTEMPT,
    # 80 to 82: a partner has the piece, USPS does not. USPS calls all three pre-shipment; who asks where
    # the parcel is wants to hear that it moves.
    "80": Status.PICKED_UP,
    "81": Status.IN_TRANSIT,
    "82": Status.IN_TRANSIT,
    "83": Status.ACCEPTANCE,  # tendered to the Postal Service
    "89": Status.MANIFEST,
    "A1": Status.IN_TRANSIT,
    "AD": Status.ACCEPTANCE,
    # No scan on a day that began with "Out for Delivery": staff should hear of it before the buyer asks.
    "DX": Status.EXCEPTION,
    "EF": Status.IN_TRANSIT,
    "GC": Status.MANIFEST,
    "GX": Status.MANIFEST,
    "H0": Status.DELIVERY_ATTEMPT,  # met as an attempt in one client's list; no official text seen
    "L1": Status.IN_TRANSIT,  # met among transit codes; no official text seen
    "MA": Status.MANIFEST,
    "MR": Status.PICKED_UP,  # picked up and processed by an agent; in no official list
    "NT": Status.IN_TRANSIT,  # filler while no scan comes: no place, no news
    "OA": Status.ACCEPTANCE,
    "OF": Status.OUT_FOR_DELIVERY,
    "PA": Status.ACCEPTANCE,  # passive acceptance; no official text seen
    "PC": Status.IN_TRANSIT,
    "SF": Status.IN_TRANSIT,
    "T1": Status.IN_TRANSIT,
    "TL": Status.IN_TRANSIT,
    "TM": Status.ACCEPTANCE,
    "UA": Status.ACCEPTANCE,
}
# 33 and GA appear in lists without a text anywhere: they are left out, so that the scan stays Unknown and is
# counted, and an operator can give it a meaning.

STATUS_BY_CATEGORY: Mapping[str, Status] = {
    "pre shipment": Status.MANIFEST,
    "on its way to usps": Status.MANIFEST,
    "accepted": Status.ACCEPTANCE,
    "moving through network": Status.IN_TRANSIT,
    "in transit": Status.IN_TRANSIT,
    "preparing for delivery": Status.IN_TRANSIT,
    "out for delivery": Status.OUT_FOR_DELIVERY,
    "delivery attempt": Status.DELIVERY_ATTEMPT,
    "delivery attempt action needed": Status.DELIVERY_ATTEMPT,
    "available for pickup": Status.READY_FOR_PICKUP,
    "available for agent pickup": Status.READY_FOR_PICKUP,
    "hold at post office": Status.READY_FOR_PICKUP,  # met only in an invented answer
    "delivered": Status.DELIVERED,
    "delivered to agent": Status.DELIVERED,  # the last leg is the agent's, outside USPS
    "alert": Status.EXCEPTION,  # or what the newest scan says, see headline
    "return to sender": Status.RETURN_TO_SENDER,
}
# "n/a" means that the category of the scan before still holds: no headline.

_EXACT: Mapping[str, Status] = {
    "acceptance": Status.ACCEPTANCE,
    "alert": Status.EXCEPTION,
    "awaiting delivery scan": Status.EXCEPTION,
    "forwarded": Status.IN_TRANSIT,
    "label cancelled": Status.MANIFEST,
    "redelivery scheduled": Status.IN_TRANSIT,
}
_PREFIXES: Mapping[str, Status] = {
    "merchant order receipt notification": Status.MANIFEST,
    "pre shipment": Status.MANIFEST,
    "shipping label created": Status.MANIFEST,
    "usps expects item for mailing": Status.MANIFEST,
    "accepted at usps": Status.ACCEPTANCE,
    "shipment received package acceptance pending": Status.ACCEPTANCE,
    "usps in possession of item": Status.ACCEPTANCE,
    "usps picked up item": Status.ACCEPTANCE,
    "picked up by shipping agent": Status.PICKED_UP,
    "picked up by shipping partner": Status.PICKED_UP,
    "arrived": Status.IN_TRANSIT,
    "customs clearance": Status.IN_TRANSIT,
    "departed": Status.IN_TRANSIT,
    "dispatched from usps international service center": Status.IN_TRANSIT,
    "in transit": Status.IN_TRANSIT,
    "inbound into customs": Status.IN_TRANSIT,
    "inbound out of customs": Status.IN_TRANSIT,
    "processed": Status.IN_TRANSIT,
    "held in customs": Status.EXCEPTION,
    "out for delivery": Status.OUT_FOR_DELIVERY,
    "available for pickup": Status.READY_FOR_PICKUP,
    "available for redelivery or pickup": Status.READY_FOR_PICKUP,
    "collect for pick up": Status.READY_FOR_PICKUP,
    "held at post office at customer request": Status.READY_FOR_PICKUP,
    "attempted delivery abroad": Status.DELIVERY_ATTEMPT,
    "delivery attempted": Status.DELIVERY_ATTEMPT,
    "notice left": Status.DELIVERY_ATTEMPT,
    "rescheduled to next delivery day": Status.DELIVERY_ATTEMPT,
    "delivered": Status.DELIVERED,
    "delivered to original sender": Status.RETURN_TO_SENDER,
    "return to sender": Status.RETURN_TO_SENDER,
    "tendered to returns agent": Status.RETURN_TO_SENDER,
    "unclaimed being returned to sender": Status.RETURN_TO_SENDER,
    "missent": Status.EXCEPTION,
    "processing exception": Status.EXCEPTION,
    "sent to mail recovery center": Status.EXCEPTION,
    "undeliverable": Status.EXCEPTION,
}
# "Delivered, To Original Sender" is more than "Delivered": the longer beginning is looked at first.
_LONGEST_FIRST = tuple(sorted(_PREFIXES.items(), key=lambda row: -len(row[0])))
# Texts that decide before their code: 01 with the first is a return, 17 with the second too.
_BEFORE_THE_CODE = ("delivered to original sender", "tendered to returns agent")
_NOT_A_WORD = re.compile(r"[\W_]+")


def status_of_text(text: str) -> Status | None:
    """The status a scan's text stands for: the whole text where we know it, else its first words; None otherwise."""
    words = _words(text)
    exact = _EXACT.get(words)
    if exact is not None:
        return exact
    for prefix, status in _LONGEST_FIRST:
        if _begins(words, prefix):
            return status
    return None


@lru_cache(maxsize=8_192)
def status_of_event(code: str, text: str) -> tuple[Status | None, str]:
    """The status of a scan and what told it: `code`, `text`, or `""` where neither is known."""
    words = _words(text)
    if any(_begins(words, telling) for telling in _BEFORE_THE_CODE):
        return status_of_text(text), "text"
    by_code = STATUS_BY_CODE.get(canonical_code(code))
    if by_code is not None:
        return by_code, "code"
    by_text = status_of_text(text)
    return by_text, "text" if by_text is not None else ""


def headline(category: str, text: str, newest: Status | None) -> Status | None:
    """The status USPS' own category stands for; None where it has none we know.

    `text` is the newest scan's text beside it and `newest` that scan's status. "Delivered" is a return when the
    text says that the sender got it back; "Alert" is the return or the attempt the newest scan tells of.
    """
    words = _words(category)
    status = STATUS_BY_CATEGORY.get(words)
    if status is Status.DELIVERED and status_of_text(text) is Status.RETURN_TO_SENDER:
        return Status.RETURN_TO_SENDER
    if words == "alert" and newest in {Status.RETURN_TO_SENDER, Status.DELIVERY_ATTEMPT}:
        return newest
    return status


def canonical_code(code: str) -> str:
    """The code in capitals, a number with two digits: `1`, sent as a number, is `01`."""
    cleaned = code.strip().upper()
    return cleaned.zfill(2) if cleaned.isdigit() else cleaned


def _words(text: str) -> str:
    """The text as lower-case words, so that commas, dashes and slashes do not decide."""
    return _NOT_A_WORD.sub(" ", text).strip().casefold()


def _begins(words: str, prefix: str) -> bool:
    return words == prefix or words.startswith(prefix + " ")
