"""Pictures of deliveries: fetched from the carriers before their addresses end, drawn anew, kept.

The row is leased, the carrier is waited for with no transaction open, and what came is written only by who still
holds the lease. A try is counted when it begins: a file that ends its worker ends its own tries, too.
"""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from urllib.parse import urlsplit

from django.conf import settings
from django.db import transaction
from django.db.models import Count, F

from shipments import queueing
from shipments.enums import FetchTrouble
from shipments.facts.pictures import Bounds, Picture, PictureRefused, Refusal, draw_anew
from shipments.models import Proof, ProofPicture
from shipments.models.proofs import MOST_TRIES, digest_of
from shipments.outbound import net
from shipments.outbound.net import Fetched, Unfetched

logger = logging.getLogger(__name__)

# Asked for at once; as many files are in memory.
BATCH = 4
# A batch takes WHOLE_WAY and the drawing of its pictures, at the most; who takes longer was killed.
LEASE = timedelta(minutes=3)
# The queue ends a task after 150 seconds: a run stops before, and another one goes on.
LONGEST_RUN = timedelta(seconds=60)
# A host that did not answer so often in a row is not waited for again in the same run: others are behind.
MOST_SILENCES = 3
# A parcel has a picture or two. Somebody who shows another one with every answer fills no disk of ours.
MOST_PICTURES = 8
BOUNDS = Bounds(shortest_side=8)
ACCEPT = "image/jpeg, image/png, image/webp, image/gif, image/tiff"

_SILENCE = frozenset({FetchTrouble.UNREACHABLE, FetchTrouble.TOO_SLOW})
# Trying again would bring the same.
_FINAL = frozenset({FetchTrouble.BAD_ADDRESS, FetchTrouble.PRIVATE_HOST})


@dataclass(frozen=True, slots=True)
class _Leased:
    """A proof that is ours to fetch until a moment, and the address as it stood then."""

    pk: int
    address: str


@dataclass(frozen=True, slots=True)
class _Kept:
    """What came of a fetch: the picture, and the file it was drawn from."""

    picture: Picture
    original_sha256: str
    original_size: int


def fetch_due(now: datetime) -> int:
    """Fetch what is due; how many pictures were kept. Any number of workers may do this at once."""
    begun, kept = time.monotonic(), 0
    silent: Counter[str] = Counter()
    while True:
        clock = now + timedelta(seconds=time.monotonic() - begun)
        until = clock + LEASE
        batch = _lease(clock, until)
        if not batch:
            return kept
        for leased, outcome in zip(batch, asyncio.run(_fetch_all(batch, silent)), strict=True):
            at = now + timedelta(seconds=time.monotonic() - begun)
            kept += _settle(leased.pk, until, _drawn(outcome), at)
        if time.monotonic() - begun > LONGEST_RUN.total_seconds():
            queueing.enqueue(queueing.FETCH_PROOFS)
            return kept


def _lease(now: datetime, until: datetime) -> list[_Leased]:
    """The next few that are due and nobody fetches. Those that need no fetching any more are ended on the way."""
    leased: list[_Leased] = []
    while not leased:
        with transaction.atomic():
            due = list(
                Proof.objects.due(now)
                .select_related("shipment")
                .only("address_sha256", "tries", "trouble", "due_at", "shipment__proof_url")
                # What is new comes first: its address may end, while old ones mostly have.
                .order_by("tries", "due_at")
                .select_for_update(skip_locked=True, of=("self",))[:BATCH]
            )
            if not due:
                break
            pictures = _counts([proof.shipment_id for proof in due])
            for proof in due:
                address = proof.shipment.proof_url
                if ended := _why_ended(proof, address, pictures.get(proof.shipment_id, 0)):
                    proof.note_trouble(ended, "", now, is_final=True)
                else:
                    leased.append(_Leased(proof.pk, address))
            Proof.objects.filter(pk__in=[one.pk for one in leased]).update(due_at=until, tries=F("tries") + 1)
    return leased


def _counts(shipment_ids: Sequence[int]) -> dict[int, int]:
    counted = ProofPicture.objects.filter(shipment__in=shipment_ids).values_list("shipment")
    return dict(counted.annotate(Count("pk")))


def _why_ended(proof: Proof, address: str, pictures: int) -> FetchTrouble | None:
    if digest_of(address) != proof.address_sha256:
        # The carrier has named another address since, which has a row of its own.
        return FetchTrouble.OVERTAKEN
    if proof.tries >= MOST_TRIES:
        # A try that had an outcome would have ended this: the last one ended with its worker.
        return FetchTrouble.INTERRUPTED
    return FetchTrouble.ENOUGH if pictures >= MOST_PICTURES else None


async def _fetch_all(batch: Sequence[_Leased], silent: Counter[str]) -> list[Fetched | Unfetched]:
    """What came of each; `silent` counts by host how often in a row it did not answer, and is brought up to date."""
    hosts = [_host_of(leased.address) for leased in batch]
    outcomes = await asyncio.gather(
        *(
            _unasked() if silent[host] >= MOST_SILENCES else _fetch(leased.address)
            for leased, host in zip(batch, hosts, strict=True)
        )
    )
    for host, outcome in zip(hosts, outcomes, strict=True):
        is_silent = isinstance(outcome, Unfetched) and outcome.trouble in _SILENCE
        silent[host] = silent[host] + 1 if is_silent else 0
    return list(outcomes)


def _host_of(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


async def _unasked() -> Unfetched:
    """What a try would have come to at a host that was silent a moment ago."""
    return Unfetched(FetchTrouble.UNREACHABLE)


async def _fetch(address: str) -> Fetched | Unfetched:
    try:
        return await net.fetch(
            address,
            accept=ACCEPT,
            most_bytes=BOUNDS.most_bytes,
            private_allowed=settings.ALLOW_PRIVATE_HOSTS,
        )
    except Unfetched as exc:
        return exc
    except Exception as exc:  # noqa: BLE001  (one odd address must not cost the others of its batch their try)
        return Unfetched(FetchTrouble.UNREACHABLE, type(exc).__name__)


def _drawn(outcome: Fetched | Unfetched) -> _Kept | Unfetched:
    """The picture in the file that came, or why there is none."""
    if isinstance(outcome, Unfetched):
        return outcome
    try:
        picture = draw_anew(outcome.data, bounds=BOUNDS)
    except PictureRefused as exc:
        if exc.reason in {Refusal.NO_PICTURE, Refusal.EMPTY}:
            # Said by its host, and no more than a hint: most often a page that asks to sign in.
            return Unfetched(FetchTrouble.NO_PICTURE, outcome.media_type)
        return Unfetched(FetchTrouble.BAD_PICTURE, exc.reason)
    return _Kept(picture, sha256(outcome.data).hexdigest(), len(outcome.data))


def _settle(pk: int, until: datetime, outcome: _Kept | Unfetched, at: datetime) -> bool:
    """Write what came of a fetch, where the lease is still ours; whether a picture is kept now."""
    with transaction.atomic():
        proof = Proof.objects.select_for_update().filter(pk=pk, due_at=until).first()
        if proof is None:
            return False
        if isinstance(outcome, Unfetched):
            logger.warning("Proof %s could not be fetched: %s", pk, outcome)
            proof.note_trouble(outcome.trouble, outcome.detail, at, is_final=outcome.trouble in _FINAL)
            return False
        proof.note_kept(_store(proof, outcome, at), at)
    return True


def _store(proof: Proof, kept: _Kept, at: datetime) -> ProofPicture:
    """The row of the picture: there already, or stored now."""
    picture = kept.picture
    row = ProofPicture(
        shipment_id=proof.shipment_id,
        merchant_id=proof.merchant_id,
        data=picture.data,
        media_type=picture.media_type,
        width=picture.width,
        height=picture.height,
        size=len(picture.data),
        sha256=sha256(picture.data).hexdigest(),
        original_sha256=kept.original_sha256,
        original_size=kept.original_size,
        fetched_at=at,
    )
    ProofPicture.objects.bulk_create([row], ignore_conflicts=True)
    return ProofPicture.objects.defer("data").get(
        shipment=proof.shipment_id, original_sha256=kept.original_sha256
    )
