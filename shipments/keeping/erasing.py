"""A buyer's data found and erased because they ask for it, by e-mail address or tracking number, and the receipt.

What is looked for is typed, shown masked, and forgotten when the work is done; what stays of it is a keyed digest. The work
is a row (`Erasure`) and goes on in steps: a killed worker loses a step and nothing else.
"""

import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import OperationalError, connection, transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Lower
from django.utils.translation import gettext as _

from shipments import queueing
from shipments.enums import ErasedBy, Kept, Lifecycle
from shipments.facts import numbers
from shipments.keeping.emptying import empty, forget_requests, forget_subscriptions
from shipments.keeping.imported_files import Sought, forget_in_next_file, forget_refused_rows
from shipments.keeping.mentions import forget_mentions
from shipments.models import (
    Answer,
    Erasure,
    ErasureKey,
    Mail,
    Merchant,
    MerchantExport,
    Note,
    ProofPicture,
    ScanEvent,
    Shipment,
    Statement,
    Subscription,
    SubscriptionRequest,
    User,
)
from shipments.models.notices import masked_address
from shipments.models.subscriptions import LONGEST_ADDRESS

logger = logging.getLogger(__name__)

# Parcels or subscriptions of one step.
STEP = 100
PATIENCE = 60.0
# What is shown before somebody confirms goes no further: a buyer has a few parcels, and a page must not wait.
MOST_FOUND = 500
MOST_SHOWN = 5


class BadTerm(ValueError):
    """What was typed can be no address or number; `str()` is the rule. It is not repeated in the message."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A parcel as far as an operator needs it to tell that it is the right one."""

    merchant: str
    carrier: str
    number: str
    recipient: str
    status: str
    is_on_its_way: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What an erasure would take, with masked samples; counted up to `MOST_FOUND` parcels."""

    parcels: int
    samples: list[Sample]
    on_their_way: int
    addresses: list[str]
    counts: dict[str, int]
    is_member: bool
    # When an erasure of the same was asked for last.
    erased_before: datetime | None

    @property
    def is_anything(self) -> bool:
        return bool(self.parcels or self.addresses)

    @property
    def is_more(self) -> bool:
        """Whether there are more parcels than were looked at."""
        return self.parcels >= MOST_FOUND


def read_term(by: ErasedBy, typed: str) -> str:
    """What to look for, in the form in which all spellings of it are one; BadTerm."""
    if by == ErasedBy.NUMBER:
        try:
            return numbers.lookup_key(numbers.check_number(typed))
        except ValueError as exc:
            raise BadTerm(str(exc)) from None
    term = typed.strip().lower()
    try:
        validate_email(term)
    except ValidationError:
        raise BadTerm(_("An e-mail address has a name, an @ and a host, as in name@example.com.")) from None
    if len(term) > LONGEST_ADDRESS:
        raise BadTerm(_("No e-mail address is as long as that."))
    return term


def look(by: ErasedBy, term: str, merchant: Merchant | None, *, with_parcels: bool = True) -> Found:
    """What is known of that address or number, with one merchant or all of them."""
    subscriptions = _subscriptions(by, term, merchant)
    parcels = _parcels(by, term, merchant) if with_parcels else Shipment.objects.none()
    rows = list(parcels.select_related("merchant", "carrier").order_by("-pk")[:MOST_FOUND])
    ids = [row.pk for row in rows]
    addressed = subscriptions if by == ErasedBy.EMAIL else Subscription.objects.filter(shipment__in=ids)
    emails = addressed.filter(email__isnull=False).values_list("email", flat=True)
    asking = _requests(by, term, merchant).values_list("email", flat=True)
    return Found(
        parcels=len(rows),
        samples=[_sample(row) for row in rows[:MOST_SHOWN]],
        on_their_way=sum(row.lifecycle == Lifecycle.ACTIVE for row in rows),
        addresses=sorted({masked_address(one or "") for one in [*emails[:MOST_FOUND], *asking[:MOST_FOUND]]}),
        counts=_counts(ids, addressed),
        is_member=by == ErasedBy.EMAIL and User.objects.filter(email__iexact=term).exists(),
        erased_before=Erasure.objects.of_term(by, term).values_list("asked_at", flat=True).first(),
    )


def begin(
    by: ErasedBy,
    term: str,
    merchant: Merchant | None,
    *,
    with_parcels: bool = True,
    asked_by: User | None,
    now: datetime,
) -> Erasure:
    """The erasure, to be done by the queue in a moment. Of what there is now: what is added later is another matter."""
    with transaction.atomic():
        erasure = Erasure.objects.create(
            by=by,
            term=term,
            term_digest=ErasureKey.objects.digest(by, term),
            merchant=merchant,
            with_parcels=with_parcels or by == ErasedBy.NUMBER,
            asked_at=now,
            asked_by=asked_by,
        )
        queueing.enqueue(queueing.ERASE_BUYERS)
    return erasure


def work(now: datetime, *, patience: float = PATIENCE) -> bool:
    """Go on with what was asked for; False where `patience` ended before the work. What somebody holds this moment is tried
    again when the schedule comes round."""
    enough = time.monotonic() + patience
    for pk in Erasure.objects.unfinished().values_list("pk", flat=True):
        try:
            while step(pk, now):
                if time.monotonic() >= enough:
                    return False
        except OperationalError as exc:
            logger.warning("Erasure %s goes on later: %s", pk, type(exc).__name__)
    return True


def step(pk: int, now: datetime) -> bool:
    """Erase the next few of this erasure; False when that was the last of it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL lock_timeout = '2s'")
        erasure = Erasure.objects.select_for_update(of=("self",)).select_related("merchant").get(pk=pk)
        if erasure.is_done:
            return False
        by, term = ErasedBy(erasure.by), erasure.term or ""
        if erasure.after_import is not None and (in_file := _step_in_files(erasure, by, term)) is not None:
            erasure.note(in_file)
            return True
        if by == ErasedBy.EMAIL:
            more, counts = _step_by_email(erasure, term, now)
        else:
            more, counts = _step_by_number(erasure, term, now)
        if not more:
            counts += forget_requests(Q(pk__in=_requests(by, term, erasure.merchant).values("pk")))
            if by == ErasedBy.EMAIL:
                counts += forget_mentions(term, erasure.merchant)
            counts["exports"] += _forget_exports(erasure.merchants)
        erasure.note(counts)
        if not more:
            erasure.finish(now)
    return more


def _step_in_files(erasure: Erasure, by: ErasedBy, term: str) -> Counter[str] | None:
    """Look through the next imported file, while the parcels it may speak of are found yet; None when that is done."""
    parcels = _parcels(by, term, erasure.merchant).filter(created_at__lte=erasure.asked_at)
    known = parcels if erasure.with_parcels else parcels.none()
    sought = Sought(
        address=term if by == ErasedBy.EMAIL else "",
        keys=frozenset(known.values_list("lookup_key", flat=True))
        | ({term} if by == ErasedBy.NUMBER else set()),
    )
    looked_at, taken = forget_in_next_file(
        sought, merchant=erasure.merchant, after=erasure.after_import or 0, until=erasure.asked_at
    )
    erasure.after_import = looked_at
    if looked_at is not None:
        return Counter(file_rows=taken)
    refused = forget_refused_rows(sought, merchant=erasure.merchant)
    asking = _requests(by, term, erasure.merchant)
    erasure.merchants = sorted(
        {*refused, *parcels.values_list("merchant", flat=True), *asking.values_list("merchant", flat=True)}
    )
    erasure.note(Counter(rows=len(refused)))
    return None


def _forget_exports(merchant_ids: Sequence[int]) -> int:
    """Drop files with all data of these merchants, which knew the buyer; how many. What is being written begins anew."""
    exports = list(
        MerchantExport.objects.that_may_name(merchant_ids).order_by("pk").select_for_update(of=("self",))
    )
    for export in exports:
        export.forget_somebody()
    return len(exports)


def _step_by_number(erasure: Erasure, term: str, now: datetime) -> tuple[bool, Counter[str]]:
    ids = list(
        _parcels(ErasedBy.NUMBER, term, erasure.merchant)
        .filter(pk__gt=erasure.after_parcel, created_at__lte=erasure.asked_at)
        .order_by("pk")
        .select_for_update(of=("self",))
        .values_list("pk", flat=True)[:STEP]
    )
    if ids:
        erasure.after_parcel = ids[-1]
    counts = empty(ids, Kept.PERSONAL, now, days=None) if ids else Counter()
    return len(ids) == STEP, counts


def _step_by_email(erasure: Erasure, term: str, now: datetime) -> tuple[bool, Counter[str]]:
    rows = list(
        _subscriptions(ErasedBy.EMAIL, term, erasure.merchant)
        .filter(pk__gt=erasure.after_subscription, confirmed_at__lte=erasure.asked_at)
        .order_by("pk")
        .values_list("pk", "shipment")[:STEP]
    )
    if not rows:
        return False, Counter()
    erasure.after_subscription = rows[-1][0]
    counts: Counter[str] = Counter()
    if erasure.with_parcels:
        # First the parcels' rows, in the order of their ids, as every writer of them does.
        of_them = Shipment.objects.filter(pk__in={shipment for _pk, shipment in rows}).order_by("pk")
        ids = list(of_them.select_for_update(of=("self",)).values_list("pk", flat=True))
        counts = empty(ids, Kept.PERSONAL, now, days=None)
    counts += forget_subscriptions(Q(pk__in=[pk for pk, _shipment in rows]))
    return len(rows) == STEP, counts


def _subscriptions(by: ErasedBy, term: str, merchant: Merchant | None) -> QuerySet[Subscription]:
    if by != ErasedBy.EMAIL:
        return Subscription.objects.none()
    # In the words of the index.
    found = Subscription.objects.alias(folded=Lower("email")).filter(folded=term, email__isnull=False)
    return found if merchant is None else found.filter(merchant=merchant)


def _requests(by: ErasedBy, term: str, merchant: Merchant | None) -> QuerySet[SubscriptionRequest]:
    if by != ErasedBy.EMAIL:
        return SubscriptionRequest.objects.none()
    found = SubscriptionRequest.objects.filter(email__iexact=term)
    return found if merchant is None else found.filter(merchant=merchant)


def _parcels(by: ErasedBy, term: str, merchant: Merchant | None) -> QuerySet[Shipment]:
    if by == ErasedBy.EMAIL:
        return Shipment.objects.filter(pk__in=_subscriptions(by, term, merchant).values("shipment"))
    found = Shipment.objects.filter(lookup_key=term)
    return found if merchant is None else found.filter(merchant=merchant)


def _counts(ids: Sequence[int], subscriptions: QuerySet[Subscription]) -> dict[str, int]:
    of_these = {"shipment__in": list(ids)}
    counts = {
        "scans": ScanEvent.objects.filter(**of_these).count(),
        "answers": Answer.objects.filter(**of_these).exclude(body=None).count(),
        "pictures": ProofPicture.objects.filter(**of_these).exclude(data=None).count(),
        "statements": Statement.objects.filter(**of_these).exclude(document=None).count(),
        "notes": Note.objects.filter(**of_these).count(),
        "mails": Mail.objects.filter(subscription__in=subscriptions.values("pk")[:MOST_FOUND])
        .exclude(to="")
        .count(),
    }
    return {name: many for name, many in counts.items() if many}


def _sample(row: Shipment) -> Sample:
    return Sample(
        merchant=row.merchant.name,
        carrier=row.carrier.name,
        number=f"…{row.number[-4:]}",
        recipient=masked_name(row.recipient_name),
        status=row.status,
        is_on_its_way=row.lifecycle == Lifecycle.ACTIVE,
    )


def masked_name(name: str) -> str:
    """A name by its first letters: enough to tell two apart."""
    return " ".join(f"{word[:1]}•••" for word in name.split()[:4])
