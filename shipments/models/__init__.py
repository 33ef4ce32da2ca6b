"""The store of facts; every model is imported from here."""

from shipments.models.accounts import AccountToken, CarrierAccount
from shipments.models.alerts import Alert
from shipments.models.answers import Answer
from shipments.models.attention import AttentionItem, AttentionReview
from shipments.models.audit import AuditEntry
from shipments.models.budgets import Budget, CallCount, EngineTotal
from shipments.models.bulk_actions import BulkAction
from shipments.models.carriers import Carrier, StatusMapping, UnrecognisedCode, UnrecognisedWord
from shipments.models.chances import LearnedChances
from shipments.models.figures import Cohort, Reckoning, StaleDay
from shipments.models.imports import BadRow, ColumnMatch, Import, ImportChunk
from shipments.models.invitations import Invitation
from shipments.models.links import PrivateLink
from shipments.models.looks import Look, MerchantHost
from shipments.models.merchants import Membership, Merchant
from shipments.models.notes import Note, PromisedDay
from shipments.models.notices import Mail
from shipments.models.pacing import Heartbeat, MaintenanceWindow, Throttle
from shipments.models.proofs import Proof, ProofPicture
from shipments.models.replays import Replay
from shipments.models.scans import ScanEvent
from shipments.models.shipments import Shipment
from shipments.models.statements import Statement
from shipments.models.subscriptions import Subscription, SubscriptionRequest
from shipments.models.tallies import Tally
from shipments.models.users import User
from shipments.models.views import SavedView, SeenParcel
from shipments.models.watches import Watch

__all__ = [
    "AccountToken",
    "Alert",
    "Answer",
    "AttentionItem",
    "AttentionReview",
    "AuditEntry",
    "BadRow",
    "Budget",
    "BulkAction",
    "CallCount",
    "Carrier",
    "CarrierAccount",
    "Cohort",
    "ColumnMatch",
    "EngineTotal",
    "Heartbeat",
    "Import",
    "ImportChunk",
    "Invitation",
    "LearnedChances",
    "Look",
    "Mail",
    "MaintenanceWindow",
    "Membership",
    "Merchant",
    "MerchantHost",
    "Note",
    "PrivateLink",
    "PromisedDay",
    "Proof",
    "ProofPicture",
    "Reckoning",
    "Replay",
    "SavedView",
    "ScanEvent",
    "SeenParcel",
    "Shipment",
    "StaleDay",
    "Statement",
    "StatusMapping",
    "Subscription",
    "SubscriptionRequest",
    "Tally",
    "Throttle",
    "UnrecognisedCode",
    "UnrecognisedWord",
    "User",
    "Watch",
]
