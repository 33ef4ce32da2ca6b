"""Takes kinds of data from parcels, set by set: what is left of them is what `models.emptied` says.

Of an answer and a picture the digests stay, so that statements can be checked; of a scan what a tracking number alone
opens. Whoever calls holds the parcels' rows locked, and decides how many at a time.
"""

import json
from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Q

from shipments.enums import Kept
from shipments.models import (
    Answer,
    Mail,
    Note,
    PromisedDay,
    Proof,
    ProofPicture,
    ScanEvent,
    Statement,
    Subscription,
    SubscriptionRequest,
)
from shipments.models.carriers import KEPT_TEXT
from shipments.models.emptied import (
    EMPTY_ANSWER,
    EMPTY_MAIL,
    EMPTY_PICTURE,
    EMPTY_SCAN,
    EMPTY_SHIPMENT,
    EMPTY_SUBSCRIPTION,
)
from shipments.models.shipments import PART

# A carrier's raw words and its pictures name the buyer: neither outlives personal data.
GOES_ALONG = {Kept.PERSONAL: (Kept.PERSONAL, Kept.ANSWERS, Kept.PROOFS)}

# One statement: each row of a parcel is written in some thirty indexes, whatever number of its columns has changed. What is
# there of `erasures` stays: it says when a kind was erased first.
_MARK = """
UPDATE shipments_shipment AS shipment
SET erased_parts = shipment.erased_parts | %(parts)s,
    erasures = (SELECT jsonb_object_agg(kind, %(said)s::jsonb) FROM unnest(%(kinds)s::text[]) AS kind) || shipment.erasures
    {emptied}
WHERE shipment.id = ANY(%(ids)s)
"""
# The town where it was seen last, in place of the carrier's words, which may hold a postal code.
_LAST_TOWN = """
    last_location = COALESCE((
        SELECT left(concat_ws(', ', NULLIF(scan.city, ''), NULLIF(scan.region, '')), 1000)
        FROM shipments_scanevent AS scan
        WHERE scan.shipment_id = shipment.id AND scan.withdrawn_at IS NULL AND NOT scan.earlier_parcel
        ORDER BY scan.ordered_at DESC, scan.position DESC, scan.id DESC LIMIT 1
    ), '')
"""
# Texts nobody could read are counted by code and words over all parcels. Words that only these parcels had go with them.
_FORGET_UNRECOGNISED = f"""
DELETE FROM shipments_unrecognisedcode AS known USING (
    SELECT parcel.carrier_id, scan.code, left(scan.text, {KEPT_TEXT}) AS text, count(*) AS scans
    FROM shipments_scanevent AS scan JOIN shipments_shipment AS parcel ON parcel.id = scan.shipment_id
    WHERE scan.shipment_id = ANY(%s) AND scan.status = 'Unknown' AND scan.status_by = '' AND scan.text <> ''
    GROUP BY 1, 2, 3
) AS theirs
WHERE (known.carrier_id, known.code, known.text) = (theirs.carrier_id, theirs.code, theirs.text)
    AND known.scans <= theirs.scans
"""  # noqa: S608  (a number of ours)


def empty(shipment_ids: Sequence[int], kind: Kept, now: datetime, *, days: int | None) -> Counter[str]:
    """Take this kind of data, and what goes along with it, from these parcels; how much that was, by what it was.

    `days` is the age that was reached; None, where the buyer asked for it. In the caller's transaction.
    """
    kinds = GOES_ALONG.get(kind, (kind,))
    ids = list(shipment_ids)
    counts: Counter[str] = Counter(parcels=len(ids))
    if Kept.PERSONAL in kinds:
        counts += _forget_people(ids)
    if Kept.ANSWERS in kinds:
        counts["answers"] += Answer.objects.filter(shipment__in=ids).exclude(body=None).update(**EMPTY_ANSWER)
    if Kept.PROOFS in kinds:
        counts += _forget_proofs(ids)
    # Before the scans go: the last town is read from them.
    _mark(ids, kinds, now, days)
    if Kept.PERSONAL in kinds:
        with connection.cursor() as cursor:
            cursor.execute(_FORGET_UNRECOGNISED, [ids])
        counts["scans"] += ScanEvent.objects.filter(shipment__in=ids).update(**EMPTY_SCAN)
    if Kept.SCANS in kinds:
        # Nothing refers to a scan: no need to load what is deleted.
        counts["scans"] += ScanEvent.objects.filter(shipment__in=ids)._raw_delete("default")
        PromisedDay.objects.filter(shipment__in=ids)._raw_delete("default")
    return +counts


def forget_subscriptions(of: Q) -> Counter[str]:
    """Erase the addresses of these subscriptions and of their mails; those that wait are never sent."""
    ids = list(Subscription.objects.filter(of).order_by("pk").values_list("pk", flat=True))
    theirs = Mail.objects.filter(subscription__in=ids)
    deleted, _by_model = theirs.filter(due_at__isnull=False).delete()
    mails = deleted + theirs.exclude(to="").update(**EMPTY_MAIL)
    addresses = Subscription.objects.filter(pk__in=ids, email__isnull=False).count()
    Subscription.objects.filter(pk__in=ids).update(**EMPTY_SUBSCRIPTION)
    return Counter(addresses=addresses, mails=mails)


def forget_requests(of: Q) -> Counter[str]:
    """Delete these requests for mails, with the mails that ask to confirm them."""
    _many, by_model = SubscriptionRequest.objects.filter(of).delete()
    return Counter(
        addresses=by_model.get(SubscriptionRequest._meta.label, 0), mails=by_model.get(Mail._meta.label, 0)
    )


def _forget_people(ids: Sequence[int]) -> Counter[str]:
    of_these = Q(shipment__in=ids)
    counts = forget_subscriptions(of_these) + forget_requests(of_these)
    counts["notes"] += Note.objects.filter(of_these).delete()[0]
    return counts


def _forget_proofs(ids: Sequence[int]) -> Counter[str]:
    pictures = ProofPicture.objects.filter(shipment__in=ids).exclude(data=None).update(**EMPTY_PICTURE)
    # Who fetches one this moment loses the lease: what comes back is not kept.
    Proof.objects.filter(shipment__in=ids, due_at__isnull=False).update(due_at=None)
    return Counter(pictures=pictures, statements=Statement.objects.filter(shipment__in=ids).erase())


def _mark(ids: Sequence[int], kinds: Collection[Kept], now: datetime, days: int | None) -> None:
    """Say on the parcels what was erased of them, and empty their own columns of it."""
    values: dict[str, Any] = {}
    further: list[str] = []
    if Kept.PERSONAL in kinds:
        values = {name: value for name, value in EMPTY_SHIPMENT.items() if isinstance(value, str)}
        further = ["number_as_typed = shipment.number", "tags = '{}'", "details = '{}'", _LAST_TOWN]
    elif Kept.PROOFS in kinds:
        values = {"proof_url": ""}
    emptied = [*(f"{name} = %({name})s" for name in values), *further]
    parts = 0
    for kind in kinds:
        parts |= PART[kind]
    with connection.cursor() as cursor:
        cursor.execute(
            _MARK.format(emptied="".join(f", {one}" for one in emptied)),
            {
                **values,
                "parts": parts,
                "kinds": [kind.value for kind in kinds],
                "said": json.dumps({"at": now.isoformat(timespec="seconds"), "days": days}),
                "ids": list(ids),
            },
        )
