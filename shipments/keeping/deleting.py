"""A merchant is deleted for good: asked for, with time to think better of it, then table by table in short steps.

Asking suspends the merchant at once and tells its owners. When the time has come, a worker deletes some hundred parcels with
all that is theirs in one transaction, then the rest some thousand rows at a time, what others point to last, and the
merchant's own row at the end. A step and its counts are one transaction: a killed worker leaves no half parcel, and whoever
comes next goes on with what is left. Rows of no other merchant are touched, and none of theirs waits for longer than a step.

What stays: the entries of the audit, which were masked when they were written, and the deletion itself with its counts.
"""

import logging
import time
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.auth.hashers import make_password
from django.db import DatabaseError, transaction
from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat
from django.template.loader import render_to_string
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from shipments.enums import Role
from shipments.keeping import suspending
from shipments.keeping.belongings import Belonging, belongings, unset_on_deletion
from shipments.models import AuditEntry, Membership, Merchant, MerchantDeletion, Shipment, User
from shipments.outbound import mail

logger = logging.getLogger(__name__)

KIND = "deletion"
# Time to think better of it.
GRACE = timedelta(days=30)
# Parcels of one step, each with its scans, answers and all else.
PARCELS = 300
# Rows of one step of other tables.
ROWS = 2_000
# Seconds after which a worker lets others have a turn.
TURN = 60.0
# The addresses of people who are gone: in a domain that nobody can own (RFC 6761).
GONE = "deleted.invalid"


def ask(
    merchant: Merchant, *, because: str, due_at: datetime, by: User | None, now: datetime
) -> MerchantDeletion:
    """Have the merchant deleted at `due_at`: it is suspended now, and its owners are told. The open deletion where one was
    asked for before."""
    with transaction.atomic():
        Merchant.objects.select_for_update(no_key=True).only("pk").get(pk=merchant.pk)
        known = MerchantDeletion.objects.of(merchant)
        if known is not None:
            return known
        suspends = suspending.suspend(merchant, because, now)
        deletion = MerchantDeletion.ask(merchant, by=by, due_at=due_at, suspends=suspends, now=now)
        _tell_owners(merchant, deletion)
    return deletion


def call_off(deletion: MerchantDeletion, merchant: Merchant, now: datetime) -> bool:
    """Have it not happen, and put the merchant back to work if it was before; False where the deletion has begun."""
    with transaction.atomic():
        if not deletion.call_off(now):
            return False
        if deletion.suspends:
            suspending.lift(merchant)
    return True


def _tell_owners(merchant: Merchant, deletion: MerchantDeletion) -> None:
    owners = Membership.objects.filter(merchant=merchant, role=Role.OWNER, user__is_active=True)
    with translation.override(merchant.language):
        subject = _("%(merchant)s is going to be deleted") % {"merchant": merchant.name}
        context = {
            "subject": subject,
            "language": merchant.language,
            "sender": merchant.name,
            "merchant": merchant,
            "due_at": deletion.due_at,
            "url": mail.site_address("settings-export", merchant.slug),
        }
        text = render_to_string("emails/merchant_deletion.txt", context).strip() + "\n"
        html = render_to_string("emails/merchant_deletion.html", context)
        for address in owners.order_by("pk").values_list("user__email", flat=True):
            mail.post(to=address, kind=KIND, subject=subject, text=text, html=html, merchant=merchant)


# ---- When the time has come ------------------------------------------------------------------------------------------


def delete_due(now: datetime) -> bool:
    """Go on with every deletion whose time has come; False where there was no time for all of it. One worker at a time."""
    ends = time.monotonic() + TURN
    for deletion in MerchantDeletion.objects.due(now).order_by("due_at"):
        try:
            while step(deletion.pk, timezone.now()):
                if time.monotonic() > ends:
                    return False
        except DatabaseError as exc:
            # Somebody wrote while it was deleted, or a table is not known here: tried again, beginning with what is left.
            # The class alone: a statement's words may carry data.
            logger.error("Deletion %d could not go on: %s", deletion.pk, type(exc).__name__)
    return True


@transaction.atomic
def step(deletion_id: int, now: datetime) -> bool:
    """Delete some rows and write down how many; False when it is over, called off, or somebody else is at it."""
    deletion = (
        MerchantDeletion.objects.open().select_for_update(skip_locked=True).filter(pk=deletion_id).first()
    )
    if deletion is None or deletion.due_at > now:
        return False
    if deletion.begun_at is None:
        deletion.begun_at = now
        _write_down("deletion begun", deletion)
    deleted = _delete_some(deletion.merchant)
    for label, rows in deleted.items():
        deletion.counts[label] = deletion.counts.get(label, 0) + rows
    if not deleted:
        deletion.finished_at = now
        _write_down("deleted for good", deletion)
    deletion.save(update_fields=["begun_at", "counts", "finished_at"])
    return bool(deleted)


def _write_down(verb: str, deletion: MerchantDeletion) -> None:
    AuditEntry.objects.record(
        verb,
        deletion,
        source="queue",
        merchant=Merchant(pk=deletion.merchant),
        after={"slug": deletion.slug, **deletion.counts},
    )


def _delete_some(merchant_id: int) -> dict[str, int]:
    """The rows of one step that are gone, by table; none where the merchant has none left."""
    for belonging in belongings():
        if not belonging.is_tied or (belonging.of_parcels and belonging.model is not Shipment):
            continue
        gone = (
            _delete_parcels(merchant_id)
            if belonging.model is Shipment
            else _delete_rows(belonging, merchant_id)
        )
        if gone:
            return gone
    if rows := Merchant.objects.filter(pk=merchant_id)._raw_delete("default"):
        return {Merchant._meta.label: rows}
    # What triggers have written up to now, and what nobody counts any more now that the merchant is gone.
    for belonging in belongings():
        if not belonging.is_tied and (gone := _delete_rows(belonging, merchant_id)):
            return gone
    return {}


def _delete_parcels(merchant_id: int) -> dict[str, int]:
    """Some parcels with everything that is theirs; in which order does not matter, because the database looks at the end."""
    parcels = Shipment.objects.filter(merchant=merchant_id).order_by("pk")
    ids = list(parcels.select_for_update(of=("self",)).values_list("pk", flat=True)[:PARCELS])
    if not ids:
        return {}
    gone = {
        belonging.label: belonging.of_shipments(ids)._raw_delete("default")
        for belonging in belongings()
        if belonging.of_parcels
    }
    return {label: rows for label, rows in gone.items() if rows}


def _delete_rows(belonging: Belonging, merchant_id: int) -> dict[str, int]:
    """Some of the merchant's rows of one table."""
    model = belonging.model
    keys = list(belonging.of_merchant(merchant_id).values_list("pk", flat=True)[:ROWS])
    if not keys:
        return {}
    for key in unset_on_deletion(model):
        pointing = key.model._base_manager.filter(**{f"{key.name}__in": keys})
        pointing.update(**{key.name: None})
    people = (
        list(Membership.objects.filter(pk__in=keys).values_list("user", flat=True))
        if model is Membership
        else []
    )
    rows: Any = model._base_manager.filter(pk__in=keys)
    gone = {belonging.label: rows._raw_delete("default")}
    if people:
        _retire(people)
    return gone


def _retire(people: Iterable[int]) -> None:
    """Switch off those who belong to no merchant any more and are no operators, and forget who they were: their rows stay,
    because the audit speaks of them by number."""
    idle = User.objects.filter(
        pk__in=list(people), memberships=None, is_staff=False, is_superuser=False
    ).select_for_update(of=("self",))
    pks = [user.pk for user in idle]
    EmailAddress.objects.filter(user__in=pks).delete()
    Authenticator.objects.filter(user__in=pks).delete()
    User.objects.filter(pk__in=pks).update(
        is_active=False,
        name="",
        email=Concat(Value("gone-"), Cast("pk", CharField()), Value(f"@{GONE}")),
        password=make_password(None),
    )
