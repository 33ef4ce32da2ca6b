"""Deeds on many parcels, done by the queue in steps.

A step and its progress are one transaction under the lock of the action's row, so that a killed worker leaves no
half step, and two workers at once do each parcel once. The parcels are gone through from the newest to the oldest by
the list's own index: a step costs the same at the end of a million as at its beginning, and what a deed changes
never moves a parcel that is still to come.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from django.db import InterfaceError, OperationalError, transaction
from django.utils import timezone

from shipments import queueing
from shipments.bulk.filters import BadFilter, ListFilter
from shipments.enums import Deed, Lifecycle, Resolution, WorkState
from shipments.models import AttentionItem, AuditEntry, BulkAction, Membership, Merchant, Shipment, Watch
from shipments.models.deeds import Before
from shipments.models.shipments import ShipmentQuerySet
from shipments.models.work import LEASE
from shipments.tracking.limits import take_room

logger = logging.getLogger(__name__)

STEP = 500
# Then it goes to the end of the queue: refreshes, mails and other merchants' deeds have their turn.
TURN = timedelta(seconds=20)
# A refresh of many leaves out what a carrier has answered for just now …
FRESH = timedelta(minutes=15)
# … and its steps become due one after the other, so that scheduled checks find their place between them.
BETWEEN_STEPS = timedelta(minutes=1)

# Who needs a person may be another after these.
_CONCERNS_ATTENTION = frozenset(
    {
        Deed.ARCHIVE,
        Deed.RESTORE,
        Deed.CLOSE,
        Deed.REOPEN,
        Deed.PROOF_DUE,
        Deed.PROOF_NOT_DUE,
        Deed.RESOLVE,
    }
)

# Why an action has failed, as its row has it; pages put it into words.
FILTER_GONE, OWNER_GONE, UNEXPECTED, SUSPENDED = "filter", "owner", "unexpected", "suspended"


class OwnerGone(Exception):
    """Who was to get the parcels does not belong to the merchant any more."""


Values: TypeAlias = Mapping[str, Any]


def _nothing(values: Values) -> Values:
    return {}


def _as_it_was(values: Values) -> Values:
    return values


@dataclass(frozen=True, slots=True)
class Rule:
    """How a deed is done on the parcels of one step, and what the audit says of each changed one, in the words of the
    parcel's own page: `before` from what it was, `after` from what the deed was told. Without a verb it says nothing,
    because nothing about the parcel has changed."""

    perform: Callable[[ShipmentQuerySet, BulkAction, datetime], Before]
    verb: str = ""
    before: Callable[[Values], Values] = _as_it_was
    after: Callable[[Values], Values] = _nothing


def _refresh(parcels: ShipmentQuerySet, action: BulkAction, now: datetime) -> Before:
    ids = list(parcels.values_list("pk", flat=True))
    due_at = now + BETWEEN_STEPS * (action.done // STEP)
    brought = Watch.objects.bring_forward(ids, due_at, unless_checked_since=now - FRESH)
    return {pk: {} for pk in brought}


def _assign(parcels: ShipmentQuerySet, action: BulkAction, now: datetime) -> Before:
    owner_id = action.argument["owner"]
    # Held until the step is over: who leaves meanwhile takes what they were given with them only after it.
    if owner_id is not None and not Membership.objects.held(action.merchant, owner_id):
        raise OwnerGone
    items = AttentionItem.objects.filter(
        shipment__in=list(parcels.values_list("pk", flat=True)), done_at=None
    )
    return dict(items.give_to(owner_id))


def _resolve(parcels: ShipmentQuerySet, action: BulkAction, now: datetime) -> Before:
    named = action.argument["resolution"]
    return parcels.resolve(Resolution(named) if named else None, by_id=action.by_id, now=now)


def _again(parcels: ShipmentQuerySet, action: BulkAction) -> ShipmentQuerySet:
    """Those that can be followed again: as many of the newest as the merchant has room for."""
    room = take_room(action.merchant_id, timezone.now(), are_new=False)
    if room.left is None:
        return parcels
    kept = parcels.exclude(lifecycle=Lifecycle.ACTIVE).newest_first().values_list("pk", flat=True)
    return parcels.filter(pk__in=list(kept[: room.left]))


def _resolution(values: Values) -> Values:
    return {"resolution": values["resolution"]}


def rule_of(deed: Deed, argument: Values) -> Rule:
    """How this deed is done."""
    match deed:
        case Deed.REFRESH:
            return Rule(_refresh)
        case Deed.TAG:
            return Rule(
                lambda parcels, action, now: parcels.tag(argument["tag"]),
                "tagged",
                before=_nothing,
                after=lambda told: {"tag": told["tag"]},
            )
        case Deed.UNTAG:
            return Rule(
                lambda parcels, action, now: parcels.untag(argument["tag"]),
                "untagged",
                before=lambda was: {"tag": argument["tag"]},
            )
        case Deed.ARCHIVE:
            return Rule(lambda parcels, action, now: parcels.archive(), "archived")
        case Deed.RESTORE:
            return Rule(lambda parcels, action, now: _again(parcels, action).restore(now), "restored")
        case Deed.CLOSE:
            return Rule(lambda parcels, action, now: parcels.close(), "closed")
        case Deed.REOPEN:
            return Rule(lambda parcels, action, now: _again(parcels, action).reopen(now), "reopened")
        case Deed.PROOF_DUE | Deed.PROOF_NOT_DUE:
            due = deed == Deed.PROOF_DUE
            return Rule(
                lambda parcels, action, now: parcels.set_proof_due(due),
                "changed",
                after=lambda told: {"proof_due": due},
            )
        case Deed.RESOLVE if argument["resolution"]:
            return Rule(_resolve, "resolved", before=_resolution, after=_resolution)
        case Deed.RESOLVE:
            return Rule(_resolve, "unresolved", before=_resolution)
        case Deed.ASSIGN:
            return Rule(_assign, "attention assigned", after=lambda told: {"owner": told["owner"]})


def start(
    *,
    membership: Membership,
    deed: Deed,
    argument: Mapping[str, Any],
    picked: Sequence[int] | None,
    query: str,
    as_of: datetime,
) -> BulkAction:
    """Write down the deed and nudge the queue; call it in the transaction that audits it.

    `picked` are ids of the merchant's parcels; None means all that match `query` and existed at `as_of`. `membership`
    is whose list it is and who does it.
    """
    action = BulkAction.objects.create(
        merchant=membership.merchant,
        by_id=membership.user_id,
        seen_until=membership.seen_until,
        deed=deed,
        argument=dict(argument),
        picked=None if picked is None else sorted(set(picked)),
        query=query,
        as_of=as_of,
        state=WorkState.WAITING,
    )
    queueing.enqueue(queueing.WORK_ON_BULK, action.pk)
    return action


def selected(
    merchant: Merchant,
    *,
    picked: Sequence[int] | None,
    query: str,
    as_of: datetime,
    reader: Membership | None,
) -> ShipmentQuerySet:
    """The merchant's parcels a selection means, as they are now. BadFilter where the list no longer knows the query."""
    mine = Shipment.objects.for_merchant(merchant).filter(created_at__lte=as_of)
    if picked is not None:
        # Ids of another merchant's parcels among them find nothing.
        return mine.filter(pk__in=picked)
    return ListFilter.from_query(query).apply(mine, merchant=merchant, now=as_of, reader=reader)


def left_undone(now: datetime) -> list[int]:
    """Actions somebody should go on with: nobody has begun them, or who did was killed."""
    return list(BulkAction.unfinished(now).order_by("pk").values_list("pk", flat=True))


def work(action_id: int) -> bool:
    """Go on with an action for a turn; whether something is left to do then. Nothing where another worker has it."""
    action = BulkAction.objects.filter(pk=action_id).first()
    if action is None or not action.take(timezone.now()):
        return False
    ends = time.monotonic() + TURN.total_seconds()
    try:
        while step(action_id):
            if time.monotonic() >= ends:
                action.let_go()
                return True
    except (OperationalError, InterfaceError):
        # The database's trouble, a deadlock included: the step is undone, and the sweep finds the action again.
        raise
    except BadFilter:
        _fail(action_id, FILTER_GONE)
    except OwnerGone:
        _fail(action_id, OWNER_GONE)
    except Exception:
        # Whatever it was, it would be again; the person who waits must hear of it.
        logger.exception("Bulk action %s has failed.", action_id)
        _fail(action_id, UNEXPECTED)
    return False


@transaction.atomic
def step(action_id: int) -> bool:
    """Do the deed on the next parcels and write down how far it has come; False when the action is over."""
    action = (
        BulkAction.objects.select_for_update(of=("self",)).select_related("merchant", "by").get(pk=action_id)
    )
    now = timezone.now()
    if action.state != WorkState.RUNNING:
        return False
    if action.cancel_asked:
        _finish(action, WorkState.CANCELLED, now)
        return False
    if action.merchant.is_suspended:
        _finish(action, WorkState.FAILED, now, SUSPENDED)
        return False
    parcels = selected(
        action.merchant,
        picked=action.picked,
        query=action.query,
        as_of=action.as_of,
        reader=action.reader() if action.picked is None else None,
    )
    if action.total is None:
        # A step of its own: counting takes a while where there are many, and the page shows the figure then.
        action.total = parcels.count()
        action.note_step(seen=0, changed=0, after=None, leased_until=now + LEASE)
        return True
    if action.after_at is not None and action.after_id is not None:
        to_come = parcels.coming_after(action.after_at, action.after_id)
    else:
        to_come = parcels
    marks = list(to_come.newest_first().values_list("created_at", "pk")[:STEP])
    if marks:
        rule = rule_of(Deed(action.deed), action.argument)
        # The filter once more, because a parcel may change between the look and the lock.
        before = rule.perform(parcels.filter(pk__in=[pk for _created, pk in marks]), action, now)
        if rule.verb and before:
            AuditEntry.objects.record_each(
                rule.verb,
                Shipment,
                {pk: rule.before(was) for pk, was in before.items()},
                by=action.by,
                source="bulk",
                merchant=action.merchant,
                after=rule.after(action.argument),
            )
        action.note_step(seen=len(marks), changed=len(before), after=marks[-1], leased_until=now + LEASE)
        if action.deed == Deed.REFRESH and action.done <= STEP:
            queueing.enqueue(queueing.SWEEP)
    if len(marks) < STEP:
        _finish(action, WorkState.DONE, now)
        return False
    return True


@transaction.atomic
def _fail(action_id: int, error: str) -> None:
    action = BulkAction.objects.select_for_update().get(pk=action_id)
    if not action.is_over:
        _finish(action, WorkState.FAILED, timezone.now(), error)


def _finish(action: BulkAction, state: WorkState, now: datetime, error: str = "") -> None:
    action.finish(state, now, error)
    if action.changed and action.deed in _CONCERNS_ATTENTION:
        queueing.enqueue(queueing.REVIEW_ATTENTION)
    AuditEntry.objects.record(
        {WorkState.DONE: "finished", WorkState.CANCELLED: "cancelled"}.get(state, "failed"),
        action,
        by=action.by,
        source="bulk",
        merchant=action.merchant,
        after={"deed": action.deed, "seen": action.done, "changed": action.changed},
    )
