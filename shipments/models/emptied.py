"""What is left in the columns that name people, once their data was erased: column → value."""

from typing import Any

EMPTY_SHIPMENT: dict[str, Any] = {
    "destination_postal_code": "",
    "order_number": "",
    "recipient_name": "",
    "tags": [],
    "status_text": "",
    "reference_number": "",
    "smart_label_barcode": "",
    "second_number": "",
    "delivery_location": "",
    "delivery_description": "",
    "signed_by": "",
    "proof_url": "",
    "details": {},
}
# The same of a scan: what is left is what a tracking number alone opens.
EMPTY_SCAN: dict[str, Any] = {
    "text": "",
    "text_for_buyers": "",
    "text_for_sellers": "",
    "postal_code": "",
    "latitude": None,
    "longitude": None,
    "url": "",
    "signed_by": "",
    "details": {},
}
EMPTY_ANSWER: dict[str, Any] = {"body": None, "unreadable": []}
EMPTY_PICTURE: dict[str, Any] = {"data": None}
EMPTY_SUBSCRIPTION: dict[str, Any] = {
    "email": None,
    "consent": "",
    "consent_source": "",
    "stop_token": None,
    "stop_sha256": None,
    "due_at": None,
}
EMPTY_MAIL: dict[str, Any] = {
    "to": "",
    "subject": "",
    "text": "",
    "html": "",
    "unsubscribe_url": "",
    "error": "",
}
