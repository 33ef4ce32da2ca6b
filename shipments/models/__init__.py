"""The store of facts; every model is imported from here."""

from shipments.models.accounts import AccountToken, CarrierAccount
from shipments.models.answers import Answer
from shipments.models.attention import AttentionItem
from shipments.models.audit import AuditEntry
from shipments.models.carriers import Carrier, StatusMapping, UnrecognisedCode
from shipments.models.figures import Cohort, Reckoning, StaleDay
from shipments.models.links import PrivateLink
from shipments.models.merchants import Membership, Merchant
from shipments.models.notes import Note, PromisedDay
from shipments.models.notices import Mail
from shipments.models.pacing import Heartbeat, MaintenanceWindow, Throttle
from shipments.models.scans import ScanEvent
from shipments.models.shipments import Shipment
from shipments.models.tallies import Tally
from shipments.models.users import User
from shipments.models.watches import Watch

__all__ = [
    "AccountToken",
    "Answer",
    "AttentionItem",
    "AuditEntry",
    "Carrier",
    "CarrierAccount",
    "Cohort",
    "Heartbeat",
    "Mail",
    "MaintenanceWindow",
    "Membership",
    "Merchant",
    "Note",
    "PrivateLink",
    "PromisedDay",
    "Reckoning",
    "ScanEvent",
    "Shipment",
    "StaleDay",
    "StatusMapping",
    "Tally",
    "Throttle",
    "UnrecognisedCode",
    "User",
    "Watch",
]
