"""Who may open what in the back-office. A page, an address or an action that is not in here fails the tests by its name.

Of a new page: register it in MODELS by what may be done on it, and see that `tests/admin/world.py` makes a row for it. Of an
extra address of `get_urls`: EXTRA. Of an action: ACTIONS, with the verb it writes into the audit.
"""

from typing import Any

IN, ON, NO, NONE, NOT_SO = 200, 302, 403, 404, 405

# In this order everywhere.
PEOPLE = ("stranger", "owner", "staff", "auditor", "operator", "superuser")
# Strangers and people who are no staff are sent to the sign-in page, which refuses the latter.
Statuses = tuple[int, int, int, int, int, int]
EVERYBODY_OF_STAFF: Statuses = (ON, ON, IN, IN, IN, IN)
LOOKING: Statuses = (ON, ON, NO, IN, IN, IN)
DOING: Statuses = (ON, ON, NO, NO, IN, IN)
NOBODY: Statuses = (ON, ON, NO, NO, NO, NO)

# What of adding, changing and deleting there is on a page; everybody with the right to may look at all of them.
MODELS: dict[str, frozenset[str]] = {
    "Answer": frozenset(),
    "AuditEntry": frozenset(),
    "Carrier": frozenset({"add", "change"}),
    "CarrierAccount": frozenset({"add", "change", "delete"}),
    "Heartbeat": frozenset(),
    "Look": frozenset(),
    "Mail": frozenset(),
    # The one of the test has parcels, and would take them along.
    "Merchant": frozenset({"add", "change"}),
    "MerchantHost": frozenset({"add", "delete"}),
    "PrivateLink": frozenset(),
    "Proof": frozenset(),
    "Shipment": frozenset(),
    "Statement": frozenset(),
    "StatusMapping": frozenset({"add", "change", "delete"}),
    "Subscription": frozenset(),
    "UnrecognisedCode": frozenset(),
    "User": frozenset({"add", "change"}),
}

# (name of the address, method) → statuses, what is sent. `{Model}` in a name's argument is the row of the test.
EXTRA: dict[tuple[str, str], tuple[Statuses, dict[str, Any]]] = {
    ("index", "GET"): (EVERYBODY_OF_STAFF, {}),
    ("app_list", "GET"): ((ON, ON, NONE, IN, IN, IN), {}),
    # One door for everybody: those inside are sent on.
    ("login", "GET"): ((ON, NO, ON, ON, ON, ON), {}),
    ("logout", "POST"): ((ON, ON, ON, ON, ON, ON), {}),
    ("password_change", "GET"): ((ON, ON, ON, ON, ON, ON), {}),
    ("password_change_done", "GET"): (EVERYBODY_OF_STAFF, {}),
    ("jsi18n", "GET"): (EVERYBODY_OF_STAFF, {}),
    # Nothing here has a page on the site.
    ("view_on_site", "GET"): ((ON, ON, NONE, NONE, NONE, NONE), {}),
    # Of merchants, as the page of an account asks for them.
    ("autocomplete", "GET"): (
        (ON, ON, NO, IN, IN, IN),
        {"app_label": "shipments", "model_name": "carrieraccount", "field_name": "merchant", "term": ""},
    ),
    ("auth_user_password_change", "GET"): (DOING, {}),
    ("shipments_carrieraccount_test", "GET"): ((ON, ON, NOT_SO, NOT_SO, NOT_SO, NOT_SO), {}),
    ("shipments_carrieraccount_test", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
    ("shipments_auditentry_export", "GET"): ((ON, ON, NOT_SO, NOT_SO, NOT_SO, NOT_SO), {}),
    ("shipments_auditentry_export", "POST"): ((ON, ON, NO, IN, IN, IN), {"format": "csv"}),
}

# Which of them change something, and what the audit says of it.
VERBS_OF_EXTRA = {
    ("logout", "POST"): "signed out",
    ("shipments_carrieraccount_test", "POST"): "tested",
    ("shipments_auditentry_export", "POST"): "exported",
}

# (model, action) → what the audit says of it. Operators and superusers may take it, nobody else.
ACTIONS: dict[tuple[str, str], str] = {
    ("CarrierAccount", "delete_selected"): "deleted",
    ("CarrierAccount", "test_connections"): "tested",
    ("Mail", "send_again"): "sent again",
    ("MerchantHost", "delete_selected"): "deleted",
    ("PrivateLink", "revoke"): "revoked",
    ("StatusMapping", "delete_selected"): "deleted",
    ("Subscription", "stop"): "ended",
    ("User", "take_second_factor_away"): "second factor taken away",
}
