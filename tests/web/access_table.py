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
    # Attention
    ("attention", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("attention", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("attention-act", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("attention-act", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("attention-several", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("attention-several", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    # Shipments
    ("shipment-list", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("shipment-list", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    # Many at once
    ("bulk-start", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("bulk-start", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("bulk-actions", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("bulk-action", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("bulk-action", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("bulk-cancel", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("bulk-cancel", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("shipment-export", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("shipment-export", "POST"): (SIGN_IN, NONE, IN, IN, IN),
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
    # Its proof. A statement changes nothing of the parcel, and buyers make them, too.
    ("shipment-proof", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("shipment-picture", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("shipment-picture", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("shipment-statements", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("shipment-statements", "POST"): (SIGN_IN, NONE, ON, ON, ON),
    ("shipment-statement", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("shipment-statement", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("shipment-statement-file", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    # Settings
    ("settings", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("settings", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("settings-look", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("settings-look", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("settings-look-preview", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("settings-look-preview", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("settings-attention", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("settings-attention", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("settings-alerts", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("settings-alerts", "POST"): (SIGN_IN, NONE, ON, ON, ON),
    ("settings-alerts-test", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("settings-alerts-test", "POST"): (SIGN_IN, NONE, ON, ON, ON),
    # Carrier accounts. Deleting asks for the password first, which a fresh sign-in has given.
    ("accounts", "GET"): (SIGN_IN, NONE, NO, NO, IN),
    ("accounts", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("account-add", "GET"): (SIGN_IN, NONE, NO, NO, IN),
    ("account-add", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("account", "GET"): (SIGN_IN, NONE, NO, NO, IN),
    ("account", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("account-key-add", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("account-key-add", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("account-key-expiry", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("account-key-retire", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("account-key-retire", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("account-test", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("account-test", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("account-switch", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("account-delete", "GET"): (SIGN_IN, NONE, NO, NO, ON),
    ("account-delete", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    # Everything as a file, after the password; there is none yet.
    ("settings-export", "GET"): (SIGN_IN, NONE, NO, NO, ON),
    ("settings-export", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("settings-export-file", "GET"): (SIGN_IN, NONE, NO, NO, ON),
    # People. What needs a fresh password sends even owners to give it first.
    ("people", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("people", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("people-role", "GET"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("people-role", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("people-remove", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("people-leave", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    # Everybody may leave; without saying that they are sure, nobody does.
    ("people-leave", "POST"): (SIGN_IN, NONE, BAD, BAD, BAD),
    ("people-hand-over", "GET"): (SIGN_IN, NONE, NO, NO, ON),
    ("people-hand-over", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("invitation-send", "POST"): (SIGN_IN, NONE, NO, NO, ON),
    ("invitation-revoke", "POST"): (SIGN_IN, NONE, NO, NO, ON),
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
    # Imports
    ("import-list", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("import-new", "GET"): (SIGN_IN, NONE, NO, IN, IN),
    # Without a file, which a table cannot send twice.
    ("import-new", "POST"): (SIGN_IN, NONE, NO, BAD, BAD),
    ("import-detail", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("import-match", "GET"): (SIGN_IN, NONE, NO, IN, IN),
    ("import-match", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("import-preview", "GET"): (SIGN_IN, NONE, NO, IN, IN),
    ("import-start", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("import-cancel", "POST"): (SIGN_IN, NONE, NO, ON, ON),
    ("import-bad-rows", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    # Figures
    ("figures", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("figures", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
    ("figures-csv", "GET"): (SIGN_IN, NONE, IN, IN, IN),
    ("figures-csv", "POST"): (NOT_SO, NOT_SO, NOT_SO, NOT_SO, NOT_SO),
}

# What a viewer may write, because it concerns nobody else, or says no more than they see.
OF_ONESELF = {
    ("settings-alerts", "POST"),
    ("settings-alerts-test", "POST"),
    ("shipment-statements", "POST"),
}

# What is taken along as a file is written down, whoever takes it.
TAKEN_ALONG = {("shipment-export", "GET"), ("shipment-export", "POST")}

# What can be posted and leaves nothing in the audit, and why.
NO_DEEDS = {
    "shipment-list-seen": "What somebody has looked at is theirs, and is told to nobody.",
    "shipment-list-columns": "How somebody likes their list.",
    "saved-view-add": "A view for oneself; a shared one is written down (test_saved_views).",
    "settings-alerts": "What somebody wishes to be told of.",
    "settings-alerts-test": "A mail to oneself; the mail is a row of its own.",
    "import-match": "A draft that nothing was done with yet; beginning it is written down.",
}

# What has to be done first, for there to be something to undo.
FIRST = {
    "private-link-revoke": "private-link-make",
    "note-delete": "note-add",
    "tag-remove": "tag-add",
    "shipment-unresolve": "shipment-resolve",
    "shipment-reopen": "shipment-close",
    "shipment-restore": "shipment-archive",
}

# What is sent to a route whose form refuses to be empty.
FORMS: dict[str, dict[str, Any]] = {
    "attention-act": {"do": "done"},
    "attention-several": {"do": "done", "item": "01234567-89ab-4cde-8f01-23456789abcd"},
    "people": {"email": "new@example.com", "role": "viewer"},
    "bulk-start": {"action": "refresh", "all": "1"},
    "shipment-export": {"all": "1"},
    "import-match": {"column-0": "number"},
    "settings": {
        "name": "Alpine Supplies",
        "time_zone": "America/Denver",
        "language": "es",
        "link_days": "30",
    },
    "settings-look": {"shown_name": "Alpine", "colour": "#ffd400", "support_url": "help@alpine.example"},
    "settings-attention": {
        "first_scan_days": 5,
        "silent_days": 4,
        "silent_days_abroad": 6,
        "pickup_days": 4,
        "late_days": 2,
        "proof_always_due": "on",
    },
    "account-add": {
        "gateway": "usps",
        "environment": "production",
        "key": "key-0123456789",
        "secret": "hunter2-hunter2",
    },
    "account": {"environment": "test"},
    "account-key-add": {"key": "key-9876543210", "secret": "hunter3-hunter3"},
    "account-key-expiry": {"expires_on": "2099-12-31"},
    "account-switch": {"active": "no"},
    "account-delete": {"sure": "yes"},
    "settings-alerts": {"digest": "on", "digest_at": "08:00", "reasons": ["exception"]},
    "shipment-add": {"line-number": "9405509898641500000146", "carrier-1": "USPS"},
    "note-add": {"text": "The buyer has called."},
    "tag-add": {"tag": "vip"},
    "shipment-resolve": {"resolution": "lost"},
    "shipment-correct": {
        "carrier": "NEWGISTICS",
        "made_from": '{"carrier": "USPS", "gateway": "", "mailing_date": "", "postal_code": "", "order_number": "",'
        ' "recipient_name": "", "proof_due": false}',
    },
    "shipment-start-again": {"mailing_date": "2026-06-01"},
    "shipment-list-seen": {"until": "2026-03-06T12:00:00+00:00"},
    "saved-view-add": {"name": "Late ones", "query": "late=1"},
    "saved-view-change": {"name": "Another name"},
}
