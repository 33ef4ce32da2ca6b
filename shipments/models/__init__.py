"""The store of facts; every model is imported from here."""

from shipments.models.accounts import CarrierAccount
from shipments.models.alerts import Alert
from shipments.models.answers import Answer
from shipments.models.attention import AttentionItem, AttentionReview
from shipments.models.audit import AuditEntry
from shipments.models.backups import Backup
from shipments.models.budgets import Budget, CallCount, EngineTotal
from shipments.models.bulk_actions import BulkAction
from shipments.models.canary import KeyRingCanary
from shipments.models.carrier_rules import CarrierRoute, NumberPattern, ServicePromise
from shipments.models.carriers import Carrier, StatusMapping, UnrecognisedCode, UnrecognisedWord
from shipments.models.chances import LearnedChances
from shipments.models.credentials import Credential, CredentialToken
from shipments.models.exports import ExportChunk, ExportedFile, ExportPart, MerchantExport
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
from shipments.models.retention import Erasure, ErasureKey, RetentionRule
from shipments.models.scans import ScanEvent
from shipments.models.shipments import Shipment
from shipments.models.sizes import TableSize
from shipments.models.standing import MerchantDeletion, WatchMove
from shipments.models.statements import Statement
from shipments.models.subscriptions import Subscription, SubscriptionRequest
from shipments.models.tallies import Tally
from shipments.models.users import User
from shipments.models.views import SavedView, SeenParcel
from shipments.models.watches import Watch

__all__ = [
    "Alert",
    "Answer",
    "AttentionItem",
    "AttentionReview",
    "AuditEntry",
    "Backup",
    "BadRow",
    "Budget",
    "BulkAction",
    "CallCount",
    "Carrier",
    "CarrierAccount",
    "CarrierRoute",
    "Cohort",
    "ColumnMatch",
    "Credential",
    "CredentialToken",
    "EngineTotal",
    "Erasure",
    "ErasureKey",
    "ExportChunk",
    "ExportPart",
    "ExportedFile",
    "Heartbeat",
    "Import",
    "ImportChunk",
    "Invitation",
    "KeyRingCanary",
    "LearnedChances",
    "Look",
    "Mail",
    "MaintenanceWindow",
    "Membership",
    "Merchant",
    "MerchantDeletion",
    "MerchantExport",
    "MerchantHost",
    "Note",
    "NumberPattern",
    "PrivateLink",
    "PromisedDay",
    "Proof",
    "ProofPicture",
    "Reckoning",
    "Replay",
    "RetentionRule",
    "SavedView",
    "ScanEvent",
    "SeenParcel",
    "ServicePromise",
    "Shipment",
    "StaleDay",
    "Statement",
    "StatusMapping",
    "Subscription",
    "SubscriptionRequest",
    "TableSize",
    "Tally",
    "Throttle",
    "UnrecognisedCode",
    "UnrecognisedWord",
    "User",
    "Watch",
    "WatchMove",
]
