"""Who may open what on the dashboard: a row for every route and method, and what a form of it needs."""

from typing import Any

IN, ON, NO, NONE, NOT_SO = 200, 302, 403, 404, 405
# Strangers are sent to the sign-in page; a merchant of others is not found, whether it exists or not.
SIGN_IN = 302

# (route, method) → stranger, member of another merchant, viewer, manager, owner
TABLE: dict[tuple[str, str], tuple[int, int, int, int, int]] = {
    # Where it begins
    ("dashboard", "GET"): (SIGN_IN, ON, ON, ON, ON),
    ("merchant-home", "GET"): (SIGN_IN, NONE, ON, ON, ON),
    # Shipments
    ("shipment-list", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("shipment-list", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    # Adding
    ("shipment-add", "GET"): (SIGN_IN, NONE, NO, IN, IN),
    ("shipment-add", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    # One shipment
    ("shipment-detail", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("shipment-refresh", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("shipment-refresh", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("private-link-make", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("private-link-revoke", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-answer", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("note-add", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("note-add", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("note-delete", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("tag-add", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("tag-remove", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-resolve", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-unresolve", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-close", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("shipment-close", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-reopen", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-archive", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-restore", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-correct", "GET"): (SIGN_IN, NONE, NO, IN, IN),
    ("shipment-correct", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-start-again", "GET"): (SIGN_IN, NONE, NO, IN, IN),
    ("shipment-start-again", "POST"): (SIGN_IN, NONE, NO, ON, ON),
}

# What is sent to a route whose form refuses to be empty.
FORMS: dict[str, dict[str, Any]] = {
    "shipment-add": {"line-number": "9405509898641500000146", "carrier-1": "USPS"},
    "note-add": {"text": "The buyer has called."},
    "tag-add": {"tag": "vip"},
    "shipment-resolve": {"resolution": "lost"},
    "shipment-correct": {"carrier": "NEWGISTICS"},
    "shipment-start-again": {"mailing_date": "2026-06-01"},
}
