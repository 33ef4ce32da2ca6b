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
    "Erasure": frozenset({"add"}),
    "Heartbeat": frozenset(),
    "Look": frozenset(),
    "Mail": frozenset(),
    # The one of the test has parcels, and would take them along.
    "Merchant": frozenset({"add", "change"}),
    "MerchantDeletion": frozenset(),
    "MerchantHost": frozenset({"add", "delete"}),
    "PrivateLink": frozenset(),
    "Proof": frozenset(),
    "Replay": frozenset({"add"}),
    # The one of the test is the platform's, which is emptied instead.
    "RetentionRule": frozenset({"add", "change"}),
    "Shipment": frozenset(),
    "Statement": frozenset(),
    "StatusMapping": frozenset({"add", "change", "delete"}),
    "Subscription": frozenset(),
    "UnrecognisedCode": frozenset(),
    "UnrecognisedWord": frozenset(),
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
    ("health", "GET"): (LOOKING, {}),
    ("health-tasks", "GET"): ((ON, ON, NOT_SO, NOT_SO, NOT_SO, NOT_SO), {}),
    ("health-tasks", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
    ("health-mails", "GET"): ((ON, ON, NOT_SO, NOT_SO, NOT_SO, NOT_SO), {}),
    ("health-mails", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
    ("shipments_carrier_try", "GET"): (LOOKING, {"number": "1Z999AA10123456784"}),
    ("shipments_carrieraccount_connection", "GET"): (LOOKING, {}),
    ("shipments_erasure_receipt", "GET"): (LOOKING, {}),
    ("shipments_replay_progress", "GET"): (LOOKING, {}),
    ("shipments_replay_cancel", "GET"): ((ON, ON, NOT_SO, NOT_SO, NOT_SO, NOT_SO), {}),
    ("shipments_replay_cancel", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
    ("shipments_replay_resume", "GET"): ((ON, ON, NOT_SO, NOT_SO, NOT_SO, NOT_SO), {}),
    ("shipments_replay_resume", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
    ("shipments_merchant_suspend", "GET"): (DOING, {}),
    ("shipments_merchant_suspend", "POST"): ((ON, ON, NO, NO, ON, ON), {"because": "Unpaid"}),
    ("shipments_merchant_lift", "GET"): (NOBODY, {}),
    ("shipments_merchant_lift", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
    ("shipments_merchant_invite", "GET"): (DOING, {}),
    ("shipments_merchant_invite", "POST"): ((ON, ON, NO, NO, ON, ON), {"email": "new@example.com"}),
    ("shipments_merchant_invite_again", "GET"): (NOBODY, {}),
    ("shipments_merchant_invite_again", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
    ("shipments_merchant_export", "GET"): (DOING, {}),
    ("shipments_merchant_export", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
    ("shipments_merchant_fetch", "GET"): ((ON, ON, NO, NO, NONE, NONE), {}),
    ("shipments_merchant_delete_for_good", "GET"): (DOING, {}),
    ("shipments_merchant_delete_for_good", "POST"): (
        (ON, ON, NO, NO, ON, ON),
        {"days": "30", "slug": "alpine"},
    ),
    ("shipments_merchant_keep", "GET"): (NOBODY, {}),
    ("shipments_merchant_keep", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
    ("shipments_carrieraccount_retire", "GET"): ((ON, ON, NOT_SO, NOT_SO, NOT_SO, NOT_SO), {}),
    ("shipments_carrieraccount_retire", "POST"): ((ON, ON, NO, NO, ON, ON), {}),
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
    ("shipments_replay_cancel", "POST"): "cancelled",
    ("shipments_merchant_suspend", "POST"): "suspended",
    ("shipments_merchant_invite", "POST"): "invited",
    ("shipments_merchant_invite_again", "POST"): "invited",
    ("shipments_merchant_export", "POST"): "asked for all data",
    ("shipments_merchant_delete_for_good", "POST"): "deletion asked for",
    ("shipments_carrieraccount_retire", "POST"): "key retired",
}

# (model, action) → what the audit says of it. Operators and superusers may take it, nobody else.
ACTIONS: dict[tuple[str, str], str] = {
    ("CarrierAccount", "delete_selected"): "deleted",
    ("CarrierAccount", "test_connections"): "tested",
    ("Mail", "send_again"): "sent again",
    ("MerchantHost", "delete_selected"): "deleted",
    ("PrivateLink", "revoke"): "revoked",
    ("StatusMapping", "apply"): "started",
    ("Subscription", "stop"): "ended",
    ("User", "take_second_factor_away"): "second factor taken away",
}
