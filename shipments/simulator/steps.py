"""What happens to a parcel, step by step: the order of the steps for each scenario, and when each may happen.

A step here is carrier-neutral; `wording.py` has each carrier's code and text for it.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, StrEnum, auto

from shipments.enums import CarrierCode
from shipments.simulator.numbers import Label, Scenario


class Step(StrEnum):
    """One kind of event in the life of a parcel."""

    LABEL = auto()
    PARTNER_PICKED_UP = auto()
    PARTNER_ARRIVED = auto()
    PARTNER_DEPARTED = auto()
    ACCEPTED = auto()
    ARRIVED_ORIGIN = auto()
    PROCESSED = auto()
    DEPARTED = auto()
    IN_TRANSIT = auto()
    ARRIVED_HUB = auto()
    RUNNING_LATE = auto()
    WEATHER = auto()
    DAMAGED = auto()
    REPACKED = auto()
    ODD = auto()
    EXPORTED = auto()
    ABROAD = auto()
    CUSTOMS_IN = auto()
    CUSTOMS_HELD = auto()
    CUSTOMS_CLEARED = auto()
    HANDED_OVER = auto()
    ARRIVED_DESTINATION = auto()
    LETTER_PROCESSED = auto()
    MISSENT = auto()
    FORWARDED = auto()
    UNIT = auto()
    SORTED = auto()
    OUT = auto()
    DELIVERED = auto()
    DELIVERED_SIGNED = auto()
    DELIVERED_BY_MISTAKE = auto()
    ATTEMPT = auto()
    READY = auto()
    COLLECTED = auto()
    PICKUP_MISSED = auto()
    REFUSED = auto()
    NO_SUCH_NUMBER = auto()
    UNDELIVERABLE = auto()
    RETURNING = auto()
    BACK_AT_HUB = auto()
    BACK_AT_SENDER = auto()


class Where(Enum):
    """A place named by its role; the route says which town it is."""

    ORIGIN = auto()
    ORIGIN_HUB = auto()
    MIDDLE = auto()
    EXPORT_HUB = auto()
    EXPORT_AIRPORT = auto()
    CUSTOMS = auto()
    WRONG_TOWN = auto()
    DESTINATION_HUB = auto()
    DESTINATION = auto()


@dataclass(frozen=True, slots=True)
class Beat:
    """A step of a script: what, where, and how much later than usual."""

    step: Step
    where: Where
    later: timedelta = timedelta(0)
    date_only: bool = False


@dataclass(frozen=True, slots=True)
class Habit:
    """When a step happens: not before `after`, within `spread` of its first chance, between two local hours.

    Hours above 24 belong to the next morning. `workdays` leaves Sundays out.
    """

    after: timedelta
    spread: timedelta
    hours: tuple[float, float]
    workdays: bool = False


def _habit(
    after_hours: float, spread_hours: float, hours: tuple[float, float], *, workdays: bool = False
) -> Habit:
    return Habit(timedelta(hours=after_hours), timedelta(hours=spread_hours), hours, workdays)


ALL_DAY = (0.0, 24.0)
_COUNTER = (9.0, 18.0)
_ROUND = (9.0, 19.0)

HABITS: dict[Step, Habit] = {
    Step.LABEL: _habit(0, 0, ALL_DAY),
    Step.PARTNER_PICKED_UP: _habit(2, 4, _COUNTER, workdays=True),
    Step.PARTNER_ARRIVED: _habit(2, 3, (16, 24)),
    Step.PARTNER_DEPARTED: _habit(3, 3, (18, 30)),
    Step.ACCEPTED: _habit(2, 6, _COUNTER, workdays=True),
    Step.ARRIVED_ORIGIN: _habit(2, 3, (17, 26)),
    Step.PROCESSED: _habit(1, 2, (18, 29)),
    Step.DEPARTED: _habit(1.5, 3, (19, 31)),
    Step.IN_TRANSIT: _habit(3, 4, ALL_DAY),
    Step.ARRIVED_HUB: _habit(1, 3, ALL_DAY),
    Step.RUNNING_LATE: _habit(20, 6, ALL_DAY),
    Step.WEATHER: _habit(2, 3, ALL_DAY),
    Step.DAMAGED: _habit(1, 4, (18, 30)),
    Step.REPACKED: _habit(9, 6, (7, 20)),
    Step.ODD: _habit(2, 3, ALL_DAY),
    Step.EXPORTED: _habit(5, 6, ALL_DAY),
    Step.ABROAD: _habit(3, 5, ALL_DAY),
    Step.CUSTOMS_IN: _habit(1, 3, ALL_DAY),
    Step.CUSTOMS_HELD: _habit(3, 5, (8, 18), workdays=True),
    Step.CUSTOMS_CLEARED: _habit(4, 8, (7, 20), workdays=True),
    Step.HANDED_OVER: _habit(2, 5, (8, 22)),
    Step.ARRIVED_DESTINATION: _habit(2, 5, ALL_DAY),
    Step.LETTER_PROCESSED: _habit(14, 8, (18, 30)),
    Step.MISSENT: _habit(4, 3, (4, 9)),
    Step.FORWARDED: _habit(2, 4, (10, 20)),
    Step.UNIT: _habit(1, 2.5, (4, 7), workdays=True),
    Step.SORTED: _habit(0.25, 1, (5, 8.25), workdays=True),
    Step.OUT: _habit(0.25, 1, (7, 9.5), workdays=True),
    Step.DELIVERED: _habit(0.75, 9, _ROUND, workdays=True),
    Step.DELIVERED_SIGNED: _habit(0.75, 9, _ROUND, workdays=True),
    Step.DELIVERED_BY_MISTAKE: _habit(0.75, 6, _ROUND, workdays=True),
    Step.ATTEMPT: _habit(0.75, 9, _ROUND, workdays=True),
    Step.READY: _habit(3, 3, (9, 17), workdays=True),
    Step.COLLECTED: _habit(20, 8, _COUNTER, workdays=True),
    Step.PICKUP_MISSED: _habit(15 * 24, 6, (8, 17), workdays=True),
    Step.REFUSED: _habit(0.75, 9, _ROUND, workdays=True),
    Step.NO_SUCH_NUMBER: _habit(0.75, 9, _ROUND, workdays=True),
    Step.UNDELIVERABLE: _habit(0.75, 9, _ROUND, workdays=True),
    Step.RETURNING: _habit(1, 6, (9, 20), workdays=True),
    Step.BACK_AT_HUB: _habit(14, 8, ALL_DAY),
    Step.BACK_AT_SENDER: _habit(6, 9, _ROUND, workdays=True),
}

# The live journeys, for the demo: everything within one city and within 25 minutes, at any hour.
LIVE = frozenset({Scenario.LIVE, Scenario.LIVE_PICKUP})

_DELIVERED = (Beat(Step.OUT, Where.DESTINATION), Beat(Step.DELIVERED, Where.DESTINATION))
_SIGNED = (Beat(Step.OUT, Where.DESTINATION), Beat(Step.DELIVERED_SIGNED, Where.DESTINATION))
_ATTEMPTED = (Beat(Step.OUT, Where.DESTINATION), Beat(Step.ATTEMPT, Where.DESTINATION))
_HELD = (*_ATTEMPTED, Beat(Step.READY, Where.DESTINATION))
_UNIT = (Beat(Step.ARRIVED_DESTINATION, Where.DESTINATION_HUB), Beat(Step.UNIT, Where.DESTINATION))
_SENT_BACK = (
    Beat(Step.RETURNING, Where.DESTINATION),
    Beat(Step.BACK_AT_HUB, Where.ORIGIN_HUB),
    Beat(Step.BACK_AT_SENDER, Where.ORIGIN),
)

_ENDINGS: dict[Scenario, tuple[Beat, ...]] = {
    Scenario.ATTEMPT: (*_ATTEMPTED, *_DELIVERED),
    Scenario.PICKUP: (*_HELD, Beat(Step.COLLECTED, Where.DESTINATION)),
    Scenario.PICKUP_MISSED: (*_HELD, Beat(Step.PICKUP_MISSED, Where.DESTINATION), *_SENT_BACK),
    Scenario.REFUSED: (_DELIVERED[0], Beat(Step.REFUSED, Where.DESTINATION), *_SENT_BACK),
    Scenario.NO_SUCH_NUMBER: (_DELIVERED[0], Beat(Step.NO_SUCH_NUMBER, Where.DESTINATION), *_SENT_BACK),
    Scenario.TO_ORIGINAL_SENDER: (_DELIVERED[0], Beat(Step.UNDELIVERABLE, Where.DESTINATION), *_SENT_BACK),
    Scenario.SIGNATURE: _SIGNED,
    Scenario.WITHDRAWN: (_DELIVERED[0], Beat(Step.DELIVERED_BY_MISTAKE, Where.DESTINATION), *_DELIVERED),
}


def script(label: Label, *, far: bool) -> tuple[Beat, ...]:
    """The steps of this label's journey in their order. `far` journeys pass a hub on the way."""
    scenario = label.scenario
    if scenario in LIVE:
        return _live(scenario)
    if scenario is Scenario.LETTER:
        return _letter(label.variant)
    if scenario is Scenario.LABEL_ONLY:
        return (Beat(Step.LABEL, Where.ORIGIN),)
    if scenario is Scenario.PRESORT:
        # Pitney Bowes sees Presort parcels only while they are in the USPS mailstream (Track a Package, 5).
        return (
            Beat(Step.ARRIVED_DESTINATION, Where.DESTINATION_HUB, timedelta(hours=18)),
            _UNIT[1],
            *_DELIVERED,
        )
    start = _first_mile(label)
    if scenario is Scenario.LOST:
        return start
    if scenario is Scenario.BUSY:
        return (*start, *(Beat(Step.IN_TRANSIT, Where.ORIGIN_HUB) for _ in range(120)))
    return (*start, *_on_the_way(label, far=far), *_ENDINGS.get(scenario, _DELIVERED))


def _first_mile(label: Label) -> tuple[Beat, ...]:
    if label.scenario is Scenario.FAST:
        return (
            Beat(Step.LABEL, Where.ORIGIN),
            Beat(Step.ACCEPTED, Where.ORIGIN),
            Beat(Step.DEPARTED, Where.ORIGIN_HUB),
        )
    handed_in: tuple[Beat, ...] = (Beat(Step.ACCEPTED, Where.ORIGIN),)
    if label.carrier is CarrierCode.USPS and label.variant % 4 == 3:
        handed_in = (
            Beat(Step.PARTNER_PICKED_UP, Where.ORIGIN),
            Beat(Step.PARTNER_ARRIVED, Where.ORIGIN),
            Beat(Step.PARTNER_DEPARTED, Where.ORIGIN),
        )
    hub = Where.EXPORT_HUB if label.carrier is CarrierCode.PBI else Where.ORIGIN_HUB
    return (
        Beat(Step.LABEL, Where.ORIGIN),
        *handed_in,
        Beat(Step.ARRIVED_ORIGIN, hub),
        Beat(Step.PROCESSED, hub),
        Beat(Step.DEPARTED, hub),
    )


def _on_the_way(label: Label, *, far: bool) -> tuple[Beat, ...]:
    scenario = label.scenario
    beats: list[Beat] = []
    if label.carrier is CarrierCode.PBI:
        beats += _across_the_border(scenario)
    elif far and scenario is not Scenario.FAST:
        beats.append(Beat(Step.ARRIVED_HUB, Where.MIDDLE))
    last = beats[-1].where if beats else Where.ORIGIN_HUB
    match scenario:
        case Scenario.LATE:
            beats += [
                Beat(Step.IN_TRANSIT, last),
                Beat(Step.RUNNING_LATE, last),
                Beat(Step.RUNNING_LATE, last),
            ]
        case Scenario.WEATHER:
            beats.append(Beat(Step.WEATHER, last))
        case Scenario.UNKNOWN_CODE:
            beats.append(Beat(Step.ODD, last))
        case Scenario.DATE_ONLY:
            beats.append(Beat(Step.IN_TRANSIT, last, date_only=True))
        case Scenario.MISSENT:
            beats += [Beat(Step.MISSENT, Where.WRONG_TOWN), Beat(Step.FORWARDED, Where.WRONG_TOWN)]
    arrived, unit = _UNIT
    beats.append(
        Beat(arrived.step, arrived.where, timedelta(hours=14)) if scenario is Scenario.WEATHER else arrived
    )
    if scenario is Scenario.DAMAGED:
        beats += [Beat(Step.DAMAGED, Where.DESTINATION_HUB), Beat(Step.REPACKED, Where.DESTINATION_HUB)]
    return (*beats, unit)


def _across_the_border(scenario: Scenario) -> list[Beat]:
    held = [Beat(Step.CUSTOMS_HELD, Where.CUSTOMS)] if scenario is Scenario.CUSTOMS_HELD else []
    patience = timedelta(days=2) if held else timedelta(0)
    return [
        Beat(Step.EXPORTED, Where.EXPORT_AIRPORT),
        Beat(Step.ABROAD, Where.CUSTOMS),
        Beat(Step.CUSTOMS_IN, Where.CUSTOMS),
        *held,
        Beat(Step.CUSTOMS_CLEARED, Where.CUSTOMS, patience),
        Beat(Step.HANDED_OVER, Where.CUSTOMS),
    ]


def _letter(variant: int) -> tuple[Beat, ...]:
    # Most First-Class letters are scanned once (Pitney Bowes, Track a Package, 3); a few twice.
    first = Beat(Step.LETTER_PROCESSED, Where.ORIGIN_HUB)
    return (first, Beat(Step.LETTER_PROCESSED, Where.DESTINATION_HUB)) if variant % 5 == 4 else (first,)


def _live(scenario: Scenario) -> tuple[Beat, ...]:
    ending = _ENDINGS[Scenario.PICKUP] if scenario is Scenario.LIVE_PICKUP else _DELIVERED
    return (
        Beat(Step.LABEL, Where.ORIGIN),
        Beat(Step.ACCEPTED, Where.ORIGIN),
        Beat(Step.ARRIVED_ORIGIN, Where.ORIGIN_HUB),
        Beat(Step.PROCESSED, Where.ORIGIN_HUB),
        Beat(Step.DEPARTED, Where.ORIGIN_HUB),
        Beat(Step.IN_TRANSIT, Where.ORIGIN_HUB),
        Beat(Step.ARRIVED_DESTINATION, Where.DESTINATION_HUB),
        Beat(Step.UNIT, Where.DESTINATION),
        Beat(Step.SORTED, Where.DESTINATION),
        *ending,
    )
