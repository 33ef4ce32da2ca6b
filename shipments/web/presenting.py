"""A parcel's rows into what a page may show of it.

Templates get these plain objects and never a model, so that a page cannot show what its reader may not see:
`Sight` decides, and whatever it does not allow is not in the object.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import date, datetime
from functools import lru_cache

from django.utils.translation import gettext as _

from shipments.enums import GROUP_OF, EndReason, Kept, Lifecycle, Status, StatusGroup
from shipments.facts import spelling, wording
from shipments.facts.timeline import STEPS, step_of
from shipments.models import ScanEvent, Shipment
from shipments.tracking.telling_scans import days_of, scan_view, scan_views
from shipments.tracking.telling_words import town_of, words_of
from shipments.web import proof_parts
from shipments.web.erased_words import erased_notes, erased_on
from shipments.web.freshness import freshness
from shipments.web.parcel_view import ParcelView, ProofView, ScanView, Sight, StepView
from shipments.web.proof_parts import ProofAddresses, ProofRow
from shipments.web.route_view import route_of

__all__ = ["Sight", "present", "words_of"]

# The newest scans of a parcel are open, the rest behind "Show all".
OPEN_SCANS = 3


def present(
    shipment: Shipment,
    *,
    sight: Sight,
    now: datetime,
    scans: Sequence[ScanEvent] | None = None,
    most: int | None = None,
    answer_of: Callable[[ScanEvent], str] | None = None,
    proof_at: ProofAddresses | None = None,
    proofs: Sequence[ProofRow] | None = None,
) -> ParcelView:
    """The parcel for a reader with this sight. `scans`, where already loaded, are all of its scans, newest first.

    Of those in a timeline and of those set aside up to `most` are in the view. `answer_of` gives the address of the
    answer that first showed a scan, for who may open it. `proof_at` is where a reader who may see the pictures of the
    delivery finds them; `proofs`, where already loaded, are their rows.
    """
    scans = list(shipment.scans.newest_first()) if scans is None else scans
    shown = [scan for scan in scans if scan.withdrawn_at is None and not scan.earlier_parcel]
    words = words_of(shipment, shown, sight=sight)
    today = spelling.today_at(now, words.zone)
    views = scan_views(shown, sight, most, answer_of)
    status = Status(shipment.status)
    proof = _proof(shipment, shown, words, sight, today) if status == Status.DELIVERED else None
    if proof is not None and proof_at is not None and sight >= Sight.PRIVATE_LINK:
        proof = _with_pictures(proof, shipment, proof_at, proofs, sight, words.zone, today)
    names, knows_destination = sight >= Sight.PRIVATE_LINK, sight >= Sight.POSTAL_CODE
    number = shipment.number if knows_destination else shipment.open_number
    return ParcelView(
        sight=sight,
        number=number,
        carrier=shipment.carrier.name,
        carrier_url=shipment.carrier.page_of(number),
        status=status,
        group=shipment.group,
        status_label=wording.status_label(status),
        sentence=wording.sentence(words, now=now),
        is_late=wording.is_late(words, now=now),
        action=_given_up(shipment) or wording.action(words) or "",
        step_text=_step_text(status),
        steps=_steps(status, spelling.locale()),
        days=days_of(views[:OPEN_SCANS], today),
        older_days=days_of(views[OPEN_SCANS:], today),
        older_count=max(len(shown) - OPEN_SCANS, 0),
        freshness=freshness(shipment, shown, sight=sight, now=now),
        is_over=status == Status.DELIVERED or shipment.lifecycle != Lifecycle.ACTIVE,
        expected="" if words.estimate is None else spelling.window(words.estimate, today),
        proof=proof,
        route=route_of(shipment, shown, label_of=town_of, knows_destination=knows_destination, today=today),
        service=shipment.service_name if knows_destination else "",
        second_number=shipment.second_number if knows_destination else "",
        sender=shipment.merchant.name if names else "",
        order=shipment.order_number if names and shipment.merchant.order_on_links else "",
        set_aside=_set_aside(shipment, scans, most, answer_of) if sight == Sight.STAFF else (),
        set_aside_count=len(scans) - len(shown) if sight == Sight.STAFF else 0,
        erased=erased_notes(shipment, sight, today) if shipment.erased_parts else (),
        has_scans_erased=shipment.has_lost(Kept.SCANS),
        has_people_erased=shipment.has_lost(Kept.PERSONAL),
    )


# ---- Steps ---------------------------------------------------------------------------------------------------------


# The same for every parcel in this status.
@lru_cache
def _steps(status: Status, language: str) -> tuple[StepView, ...]:
    """The five steps in the active language, which is `language`."""
    reached = step_of(status)
    if reached is None:
        return ()
    return tuple(
        StepView(
            # Trouble takes the place of the step it happened in.
            label=wording.status_label(status)
            if index == reached and GROUP_OF[status] in {StatusGroup.TROUBLE, StatusGroup.NEEDS_YOU}
            else wording.step_label(key),
            is_past=index < reached,
            is_current=index == reached,
            group=GROUP_OF[status] if index == reached else "",
        )
        for index, (key, _statuses) in enumerate(STEPS)
    )


def _given_up(shipment: Shipment) -> str:
    """What is left to do about a parcel that never arrived and is asked about no more; `""` for any other."""
    if shipment.end_reason not in {EndReason.LOST, EndReason.TOO_OLD} or GROUP_OF[
        Status(shipment.status)
    ] in {StatusGroup.DONE, StatusGroup.NEEDS_YOU, StatusGroup.TROUBLE}:
        return ""
    return _(
        "It has not arrived for so long that we no longer ask %(carrier)s about it. Ask the sender what became of it."
    ) % {"carrier": shipment.carrier.name}


def _step_text(status: Status) -> str:
    reached = step_of(status)
    if reached is None:
        return ""
    return _("Step %(step)d of %(steps)d") % {"step": reached + 1, "steps": len(STEPS)}


def _set_aside(
    shipment: Shipment,
    scans: Sequence[ScanEvent],
    most: int | None,
    answer_of: Callable[[ScanEvent], str] | None,
) -> tuple[ScanView, ...]:
    """The scans a timeline leaves out, each with the reason."""
    aside = [scan for scan in scans if scan.earlier_parcel or scan.withdrawn_at is not None]
    return tuple(
        replace(
            scan_view(
                scan, spelling.zone_label(scan.zone, scan.offset, scan.known_by), Sight.STAFF, answer_of
            ),
            set_aside=_why_aside(shipment, scan),
        )
        for scan in aside[:most]
    )


def _why_aside(shipment: Shipment, scan: ScanEvent) -> str:
    corrected_at = shipment.carrier_corrected_at
    if scan.withdrawn_at is not None and corrected_at is not None and scan.withdrawn_at <= corrected_at:
        return _("Of the carrier that this parcel was given to before")
    if scan.earlier_parcel:
        return _("Of an earlier parcel with this number")
    if shipment.number_until is not None and scan.local_date >= shipment.number_until:
        return _("Of a later parcel with this number")
    return _("Taken back by the carrier")


# ---- Proof of delivery ---------------------------------------------------------------------------------------------


def _proof(
    shipment: Shipment,
    shown: Sequence[ScanEvent],
    words: wording.ParcelWords,
    sight: Sight,
    today: date,
) -> ProofView:
    scan = next((scan for scan in shown if scan.status == Status.DELIVERED), None)
    view = ProofView(
        when="" if words.delivered is None else spelling.moment(words.delivered, today),
        zone=spelling.zone_label(scan.zone, scan.offset, scan.known_by)
        if scan is not None and scan.local_time is not None
        else "",
        place=town_of(scan) if scan is not None else "",
    )
    if sight < Sight.POSTAL_CODE:
        return view
    view = replace(view, spot=words.spot, words=shipment.delivery_description)
    if sight < Sight.PRIVATE_LINK:
        return view
    return replace(view, signed_by=shipment.signed_by, url=shipment.proof_url)


def _with_pictures(
    proof: ProofView,
    shipment: Shipment,
    at: ProofAddresses,
    rows: Sequence[ProofRow] | None,
    sight: Sight,
    zone: str,
    today: date,
) -> ProofView:
    if shipment.has_lost(Kept.PROOFS):
        gone = proof_parts.pictures_gone(rows or (), on=erased_on(shipment, Kept.PROOFS, today))
        return replace(proof, kept=gone, statements_url=at.statements)
    return replace(
        proof,
        kept=proof_parts.pictures_of(
            proof_parts.load(shipment) if rows is None else rows,
            at,
            for_staff=sight == Sight.STAFF,
            today=today,
            day_of=lambda moment: spelling.today_at(moment, zone),
        ),
        statements_url=at.statements,
    )
