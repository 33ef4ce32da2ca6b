"""A parcel's rows into what a page may show of it.

Templates get these plain objects and never a model, so that a page cannot show what its reader may not see:
`Sight` decides, and whatever it does not allow is not in the object.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from django.utils.translation import gettext as _

from shipments.enums import GROUP_OF, Lifecycle, Status, StatusGroup, ZoneKnownBy
from shipments.facts import spelling, wording
from shipments.facts.timeline import STEPS, step_of
from shipments.facts.times import DeliveryEstimate, Posted
from shipments.models import ScanEvent, Shipment
from shipments.web import proof_parts
from shipments.web.freshness import freshness
from shipments.web.parcel_view import DayView, ParcelView, ProofView, ScanView, Sight, StepView
from shipments.web.proof_parts import ProofAddresses, ProofRow

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
    views = _scan_views(shown, sight, most, answer_of)
    status = Status(shipment.status)
    proof = _proof(shipment, shown, words, sight, today) if status == Status.DELIVERED else None
    if proof is not None and proof_at is not None and sight >= Sight.PRIVATE_LINK:
        proof = _with_pictures(proof, shipment, proof_at, proofs, sight, words.zone, today)
    names, knows_destination = sight >= Sight.PRIVATE_LINK, sight >= Sight.POSTAL_CODE
    return ParcelView(
        sight=sight,
        number=shipment.number,
        carrier=shipment.carrier.name,
        carrier_url=shipment.carrier.page_of(shipment.number),
        status=status,
        group=shipment.group,
        status_label=wording.status_label(status),
        sentence=wording.sentence(words, now=now),
        is_late=wording.is_late(words, now=now),
        action=wording.action(words) or "",
        step_text=_step_text(status),
        steps=_steps(status),
        days=_days(views[:OPEN_SCANS], today),
        older_days=_days(views[OPEN_SCANS:], today),
        older_count=max(len(shown) - OPEN_SCANS, 0),
        freshness=freshness(shipment, shown, sight=sight, now=now),
        is_final=(status == Status.DELIVERED or shipment.lifecycle != Lifecycle.ACTIVE)
        and not (proof is not None and proof.kept.is_coming),
        expected="" if words.estimate is None else spelling.window(words.estimate, today),
        proof=proof,
        service=shipment.service_name if knows_destination else "",
        second_number=shipment.second_number if knows_destination else "",
        sender=shipment.merchant.name if names else "",
        set_aside=_set_aside(shipment, scans, most, answer_of) if sight == Sight.STAFF else (),
        set_aside_count=len(scans) - len(shown) if sight == Sight.STAFF else 0,
    )


def words_of(
    shipment: Shipment, shown: Sequence[ScanEvent], *, sight: Sight = Sight.NUMBER
) -> wording.ParcelWords:
    """What a sentence may say of the parcel to a reader with this sight; `shown` are its scans, newest first, as far as known."""
    latest = shown[0] if shown else None
    decisive = next((scan for scan in shown if scan.status == shipment.status), None)
    label = next((scan for scan in reversed(shown) if scan.status == Status.MANIFEST), None)
    watch = getattr(shipment, "watch", None)
    offset = shipment.estimated_offset
    return wording.ParcelWords(
        status=Status(shipment.status),
        carrier=shipment.carrier.name,
        heard=watch.heard if watch else "",
        zone=next((scan.zone for scan in shown if scan.zone), shipment.merchant.time_zone),
        label_on=label.local_date if label else None,
        latest=_sighting(latest),
        decisive=_sighting(decisive),
        estimate=None
        if shipment.estimated_on is None
        else DeliveryEstimate(
            shipment.estimated_on,
            shipment.estimated_from,
            shipment.estimated_to,
            None if offset is None else timedelta(minutes=offset),
        ),
        delivered=None
        if shipment.delivered_on is None
        else Posted(shipment.delivered_on, shipment.delivered_time),
        spot=wording.spot_in(shipment.delivery_description) if sight >= Sight.POSTAL_CODE else "",
        reattempt=None
        if shipment.reattempt_on is None
        else Posted(shipment.reattempt_on, shipment.reattempt_time),
    )


def _sighting(scan: ScanEvent | None) -> wording.Sighting | None:
    if scan is None:
        return None
    return wording.Sighting(scan.local_date, scan.local_time, _town_of(scan))


def _town_of(scan: ScanEvent) -> str:
    """The place to the level of its town: whatever a carrier wrote into these fields, nothing with a digit in it."""
    return spelling.place(
        *(" ".join(word for word in text.split() if not any(sign.isdigit() for sign in word))
          for text in (scan.city, scan.region, scan.country))
    )  # fmt: skip


# ---- Steps ---------------------------------------------------------------------------------------------------------


def _steps(status: Status) -> tuple[StepView, ...]:
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


def _step_text(status: Status) -> str:
    reached = step_of(status)
    if reached is None:
        return ""
    return _("Step %(step)d of %(steps)d") % {"step": reached + 1, "steps": len(STEPS)}


# ---- Scans ---------------------------------------------------------------------------------------------------------


def _scan_views(
    scans: Sequence[ScanEvent],
    sight: Sight,
    most: int | None,
    answer_of: Callable[[ScanEvent], str] | None,
) -> list[ScanView]:
    # One more than is shown: whether a zone is worth naming depends on the scan before.
    near = scans if most is None else scans[: most + 1]
    zones = _zones_worth_naming(near)
    return [
        _scan_view(scan, zone, sight, answer_of) for scan, zone in list(zip(near, zones, strict=True))[:most]
    ]


def _zones_worth_naming(scans: Sequence[ScanEvent]) -> list[str]:
    """The zone of each scan where it differs from that of the scan before it in time, or is no more than assumed; else `""`."""
    names: list[str] = []
    before = ""
    for scan in reversed(scans):
        if scan.local_time is None:
            names.append("")
            continue
        name = spelling.zone_label(scan.zone, scan.offset, scan.known_by)
        names.append(name if name != before or scan.known_by == ZoneKnownBy.ASSUMED else "")
        before = name
    return names[::-1]


def _scan_view(
    scan: ScanEvent, zone: str, sight: Sight, answer_of: Callable[[ScanEvent], str] | None
) -> ScanView:
    status = Status(scan.status)
    view = ScanView(
        day=scan.local_date,
        time="" if scan.local_time is None else spelling.clock(scan.local_time),
        machine_time=scan.local_date.isoformat() if scan.at is None else _machine(scan.at),
        zone=zone,
        group=GROUP_OF[status],
        label=wording.scan_label(status),
        place=_town_of(scan),
    )
    if sight < Sight.POSTAL_CODE:
        return view
    view = replace(
        view,
        place=spelling.place(scan.city, scan.region, scan.country, scan.postal_code),
        words=scan.text_for_buyers or scan.text,
    )
    if sight < Sight.STAFF:
        return view
    return replace(
        view,
        words=scan.text,
        words_for_sellers=scan.text_for_sellers,
        code=scan.code,
        leg=scan.leg,
        known_by=known_by(scan),
        answer_url=answer_of(scan) if answer_of else "",
    )


def _machine(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def known_by(scan: ScanEvent) -> str:
    """How the time of a scan is known."""
    if scan.local_time is None:
        return _("no time given")
    return {
        ZoneKnownBy.CARRIER: _("time zone told by the carrier"),
        ZoneKnownBy.PLACE: _("time zone of the place"),
        ZoneKnownBy.ASSUMED: _("time zone assumed"),
    }[ZoneKnownBy(scan.known_by)]


def _days(views: Sequence[ScanView], today: date) -> tuple[DayView, ...]:
    days: dict[date, list[ScanView]] = {}
    for view in views:
        days.setdefault(view.day, []).append(view)
    return tuple(
        DayView(spelling.long_day(day, today), day.isoformat(), tuple(scans)) for day, scans in days.items()
    )


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
            _scan_view(
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
        place=_town_of(scan) if scan is not None else "",
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
