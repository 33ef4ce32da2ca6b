"""Erasures done again after a backup brought their data back.

They are known by digests alone, so that the list kept beside the backups names nobody; whom they were about is found by
comparing the digests of all numbers and addresses there are.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import QuerySet
from django.db.models.functions import Lower

from shipments import queueing
from shipments.enums import ErasedBy
from shipments.models import Erasure, ErasureKey, Merchant, Shipment, Subscription, SubscriptionRequest


@dataclass(frozen=True, slots=True)
class Record:
    """An erasure as it is kept beside the backups: by a digest, so that the list names nobody."""

    public_id: str
    by: str
    term_digest: str
    merchant: str | None
    with_parcels: bool
    asked_at: str


def records() -> Iterator[Record]:
    """All erasures, the oldest first."""
    for one in Erasure.objects.select_related("merchant").order_by("asked_at", "pk").iterator():
        yield Record(
            public_id=str(one.public_id),
            by=one.by,
            term_digest=one.term_digest,
            merchant=one.merchant.slug if one.merchant else None,
            with_parcels=one.with_parcels,
            asked_at=one.asked_at.isoformat(),
        )


def begin_again(kept: Iterable[Record], now: datetime) -> tuple[int, int]:
    """Have these erasures done again after data came back with a backup: how many there is something to erase for, and how
    many not. Whom they were about is found by comparing the digests of all numbers and addresses there are."""
    wanted = {(one.by, one.term_digest): one for one in kept}
    begun = 0
    for by, terms in (
        (ErasedBy.NUMBER, Shipment.objects.order_by().values_list("lookup_key", flat=True).distinct()),
        (ErasedBy.EMAIL, _all_addresses()),
    ):
        if not any(asked == by for asked, _digest in wanted):
            continue
        for chunk in _in_chunks(terms, 2_000):
            for term, digest in zip(chunk, ErasureKey.objects.digests(by, chunk), strict=True):
                one = wanted.get((by, digest))
                if one is not None:
                    begun += _open_again(one, term)
    if begun:
        queueing.enqueue(queueing.ERASE_BUYERS)
    return begun, len(wanted) - begun


def _open_again(one: Record, term: str) -> bool:
    merchant = Merchant.objects.filter(slug=one.merchant).first() if one.merchant else None
    if one.merchant and merchant is None:
        return False
    Erasure.objects.update_or_create(
        public_id=one.public_id,
        defaults={
            "by": one.by,
            "term": term,
            "term_digest": one.term_digest,
            "merchant": merchant,
            "with_parcels": one.with_parcels,
            "asked_at": datetime.fromisoformat(one.asked_at),
            "done_at": None,
            "after_import": 0,
            "after_parcel": 0,
            "after_subscription": 0,
        },
    )
    return True


def _all_addresses() -> Iterator[str]:
    seen: QuerySet[Subscription, str] = (
        Subscription.objects.filter(email__isnull=False)
        .order_by()
        .annotate(folded=Lower("email"))
        .values_list("folded", flat=True)
        .distinct()
    )
    yield from seen.iterator()
    asking = SubscriptionRequest.objects.annotate(folded=Lower("email")).values_list("folded", flat=True)
    yield from asking.distinct().iterator()


def _in_chunks(terms: Iterable[str] | QuerySet[Shipment, str], size: int) -> Iterator[list[str]]:
    chunk: list[str] = []
    for term in terms.iterator() if isinstance(terms, QuerySet) else terms:
        chunk.append(term)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
