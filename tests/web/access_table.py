"""Who may open what on the dashboard: a row for every route and method, and what a form of it needs."""

from typing import Any

IN, ON, BAD, NO, NONE, NOT_SO = 200, 302, 400, 403, 404, 405
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
    ("shipment-list-news", "GET"): (SIGN_IN, NONE, BAD, BAD, BAD),
    ("shipment-list-seen", "POST"): (SIGN_IN, NONE, ON, ON, ON),
    ("shipment-list-columns", "POST"): (SIGN_IN, NONE, ON, ON, ON),
    # Views of the list: everybody keeps their own; the one of the test is the owner's, and shared
    ("saved-views", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("saved-view-add", "POST"): (SIGN_IN, NONE, ON, ON, ON),
    ("saved-view-change", "POST"): (SIGN_IN, NONE, NONE, NONE, ON),
    ("saved-view-delete", "POST"): (SIGN_IN, NONE, NONE, NONE, ON),
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
}

# What is sent to a route whose form refuses to be empty.
FORMS: dict[str, dict[str, Any]] = {
    "shipment-list-seen": {"until": "2026-03-06T12:00:00+00:00"},
    "saved-view-add": {"name": "Late ones", "query": "late=1"},
    "saved-view-change": {"name": "Another name"},
    "shipment-add": {"line-number": "9405509898641500000146", "line-carrier": "USPS"},
}
