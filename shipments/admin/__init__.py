"""The back-office, one module per models module; Django finds it by this package's name."""

from shipments.admin import (
    accounts,
    answers,
    audit,
    carriers,
    health,
    links,
    looks,
    merchants,
    notices,
    pacing,
    proofs,
    shipments,
    subscriptions,
    users,
)

__all__ = [
    "accounts",
    "answers",
    "audit",
    "carriers",
    "health",
    "links",
    "looks",
    "merchants",
    "notices",
    "pacing",
    "proofs",
    "shipments",
    "subscriptions",
    "users",
]
