"""Where personal data lives: every column that can hold words or bytes, and what becomes of it.

A test walks through all models and fails on a column that is in neither table, so that a new one cannot be forgotten. What
is emptied is written in `models.emptied`. docs/retention.md tells the same to people.
"""

from shipments.models.emptied import (
    EMPTY_ANSWER,
    EMPTY_MAIL,
    EMPTY_PICTURE,
    EMPTY_SCAN,
    EMPTY_SHIPMENT,
    EMPTY_SUBSCRIPTION,
)

_EMPTIED = "emptied"
# What a buyer's wish takes from a parcel at once, and its age in time: model → column → how.
PERSONAL: dict[str, dict[str, str]] = {
    "shipments.Shipment": {
        **dict.fromkeys(EMPTY_SHIPMENT, _EMPTIED),
        "recipient_words": "follows the recipient's name",
        "number_as_typed": "made the number itself, without the ZIP Code of a scanned barcode",
        "last_location": "made the town of the newest scan",
    },
    "shipments.ScanEvent": dict.fromkeys(EMPTY_SCAN, _EMPTIED),
    "shipments.Answer": dict.fromkeys(EMPTY_ANSWER, "emptied; digests stay"),
    "shipments.ProofPicture": dict.fromkeys(EMPTY_PICTURE, "emptied; digests stay"),
    "shipments.Statement": {"document": "emptied; digests stay"},
    "shipments.Note": {"text": "the note is deleted"},
    "shipments.Subscription": dict.fromkeys(EMPTY_SUBSCRIPTION.keys() - {"due_at"}, _EMPTIED),
    "shipments.SubscriptionRequest": {"email": "the request is deleted; in any case after two days"},
    "shipments.Mail": dict.fromkeys(
        EMPTY_MAIL, "emptied, unsent ones deleted; in any case deleted after 90 days"
    ),
    "shipments.BadRow": {
        "cells": "rows that name a buyer who asks are deleted; in any case after 30 days",
        "reason": "goes with its row",
    },
    "shipments.ExportChunk": {
        "content": "the whole file is dropped when one of the merchant's buyers is erased; in any case after seven days"
    },
    "shipments.ImportChunk": {
        "content": "rows that name a buyer who asks are written over; deleted two days after the import, drafts after seven"
    },
    "shipments.UnrecognisedCode": {"text": "deleted where only the parcel's own scans had it"},
    "shipments.Erasure": {"term": "emptied when the erasure is done; encrypted until then"},
    "shipments.AuditEntry": {
        "before": "masked when written; goes with its month",
        "after": "masked when written; goes with its month",
        "address": "of the merchant's people and operators; goes with its month",
    },
}

# No buyer's data; model → the columns. Data of the merchant's own people and operators are among them: they are managed on
# their own pages, and are not found by a buyer's address.
NOT_PERSONAL: dict[str, frozenset[str]] = {
    model: frozenset(columns.split())
    for model, columns in {
        # What identifies the parcel, and what a tracking number alone opens.
        "shipments.Shipment": "number lookup_key gateway lifecycle end_reason resolution status status_group service_code service_name "
        "weight_value weight_unit dimension origin_city destination_city origin_region origin_country destination_region "
        "destination_country erasures answered_by",
        "shipments.ScanEvent": "fingerprint zone known_by status status_by code city region country leg",
        "shipments.Answer": "gateway kind sha256 body_sha256",
        "shipments.ProofPicture": "media_type sha256 original_sha256",
        "shipments.Proof": "address_sha256 trouble trouble_detail",
        "shipments.Statement": "number digest facts_sha256 carrier number_ending status answers",
        "shipments.Subscription": "wants language told",
        "shipments.SubscriptionRequest": "wants language token_sha256",
        # `sender_name` is the merchant's.
        "shipments.Mail": "kind key sender_name",
        "shipments.BadRow": "field",
        "shipments.UnrecognisedCode": "code",
        "shipments.Erasure": "by term_digest counts merchants",
        "shipments.AuditEntry": "source verb model row run_by",
        # Sentences of ours about why a carrier gave no answer.
        "shipments.Watch": "heard heard_text error_kind error_text",
        # Opens a parcel that shows nothing of people any more.
        "shipments.PrivateLink": "token token_sha256",
        "shipments.Alert": "reason told_to",
        "shipments.AttentionItem": "reasons reason done_reasons",
        "shipments.Tally": "lifecycle status_group",
        "shipments.Cohort": "cut span lane carrier service",
        "shipments.Reckoning": "time_zone expected",
        # The merchant's own settings and people. A search that is kept, or was acted on, is in the words of who searched.
        "shipments.Merchant": "slug name time_zone language suspended_because",
        "shipments.Membership": "role columns alert_reasons",
        "shipments.Look": "shown_name colour support_url logo logo_type logo_sha256",
        "shipments.MerchantHost": "host",
        "shipments.SavedView": "name query",
        "shipments.BulkAction": "state error deed argument picked query",
        "shipments.Import": "state error file_name sha256 encoding separator header language columns default_carrier date_order tag",
        "shipments.MerchantExport": "state error",
        "shipments.ExportPart": "parcels",
        "shipments.ExportedFile": "name section sha256",
        "shipments.ColumnMatch": "digest columns default_carrier date_order",
        "shipments.Invitation": "email role token_sha256",
        "shipments.User": "password email name",
        # The installation's.
        "shipments.CarrierAccount": "gateway environment base_url last_error test_result test_words",
        "shipments.Credential": "key secret ending refusal",
        "shipments.CredentialToken": "value",
        "shipments.KeyRingCanary": "value",
        "shipments.Budget": "breaker opened_for opened_because",
        "shipments.EngineTotal": "name",
        "shipments.LearnedChances": "factors",
        "shipments.Carrier": "code name tracking_url",
        "shipments.StatusMapping": "code text word status",
        "shipments.UnrecognisedWord": "word",
        "shipments.CarrierRoute": "gateway wire_value",
        "shipments.NumberPattern": "name pattern sure note",
        "shipments.ServicePromise": "service counted note",
        "shipments.Replay": "code text word state error fence",
        "shipments.TableSize": "name",
        "shipments.Backup": "name",
        "shipments.MerchantDeletion": "slug name counts",
        "shipments.MaintenanceWindow": "gateway zone reason",
        "shipments.Heartbeat": "name",
        # A digest with the hour in it, of the windows of a day.
        "shipments.Throttle": "key",
        "shipments.RetentionRule": "kind",
        "shipments.ErasureKey": "value",
    }.items()
}
# Tables of other packages: people who sign in, and the queue, whose tasks have ids for arguments.
NOT_OURS = frozenset(
    {"account", "admin", "auth", "contenttypes", "django_q", "mfa", "sessions", "usersessions"}
)
