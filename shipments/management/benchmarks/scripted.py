"""Parcels whose every scan is scripted, and whether the store has each of those scans exactly once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shipments.enums import CarrierCode, Gateway
from shipments.models import ScanEvent
from shipments.simulator.journeys import Journey, journey_for, make_number, scans_until
from shipments.simulator.numbers import SCENARIOS, Scenario

# What is not among them cannot be judged by "each scan once": scans that are taken back before anybody may have looked,
# two parcels of one number, pieces nobody may see, and a script of more scans than USPS tells.
_JUDGED = (
    Scenario.ON_TIME,
    Scenario.FAST,
    Scenario.LATE,
    Scenario.ATTEMPT,
    Scenario.PICKUP,
    Scenario.REFUSED,
    Scenario.MISSENT,
    Scenario.WEATHER,
    Scenario.DAMAGED,
    Scenario.SIGNATURE,
    Scenario.UNKNOWN_CODE,
    Scenario.DATE_ONLY,
    Scenario.KNOWN_LATE,
    Scenario.TO_CANADA,
)
_ASKED_THERE = (
    CarrierCode.UPS,
    CarrierCode.FEDEX,
    CarrierCode.PBCS,
    CarrierCode.FDR,
    CarrierCode.NEWGISTICS,
    CarrierCode.PBI,
)
# Of ten parcels so many are asked about through USPS, in batches; the others one by one through Pitney Bowes.
_OF_TEN = 6

# Local day, local minute (none where the carrier tells no time) and the carrier's code.
_Told = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class ScriptedParcel:
    """A parcel of the simulator's, and through which gateway it is asked about."""

    gateway: Gateway
    carrier: CarrierCode
    journey: Journey

    @property
    def number(self) -> str:
        return self.journey.routed_number


@dataclass(frozen=True, slots=True)
class Verdict:
    """How the stored scans differ from the script: scans that are missing, those there twice, those no script knows, and
    those wrongly marked as taken back."""

    scripted: int
    stored: int
    lost: int
    doubled: int
    invented: int
    withdrawn: int

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.invented or self.withdrawn)


def scripted_parcels(count: int, first_label_at: datetime) -> list[ScriptedParcel]:
    """So many different parcels of both gateways, whose labels are made one a minute."""
    parcels = []
    for n in range(count):
        turn = n // 10 * (10 - _OF_TEN) + n % 10 - _OF_TEN
        carrier = CarrierCode.USPS if n % 10 < _OF_TEN else _ASKED_THERE[turn % len(_ASKED_THERE)]
        gateway = Gateway.USPS if carrier is CarrierCode.USPS else Gateway.PITNEY_BOWES
        possible = [scenario for scenario in _JUDGED if scenario in SCENARIOS[carrier]]
        number = make_number(
            carrier, possible[n % len(possible)], first_label_at + timedelta(minutes=n), variant=n % 10
        )
        journey = journey_for(number)
        assert journey is not None
        parcels.append(ScriptedParcel(gateway, carrier, journey))
    return parcels


def judge(parcels: Sequence[ScriptedParcel], *, seen_all_until: datetime, nothing_after: datetime) -> Verdict:
    """Compare the store with the script: every scan up to `seen_all_until` has to be there, once; those between the two
    moments may be."""
    stored: dict[str, Counter[_Told]] = {}
    withdrawn = 0
    for number, day, at, code, taken_back in ScanEvent.objects.values_list(
        "shipment__number_as_typed", "local_date", "local_time", "code", "withdrawn_at"
    ):
        told = (day.isoformat(), "" if at is None else f"{at:%H:%M}", code)
        stored.setdefault(number, Counter())[told] += 1
        withdrawn += taken_back is not None
    lost = doubled = invented = scripted = 0
    for parcel in parcels:
        has = stored.pop(parcel.number, Counter())
        must, may = (_script(parcel.journey, moment) for moment in (seen_all_until, nothing_after))
        scripted += must.total()
        lost += (must - has).total()
        too_many = has - may
        doubled += sum(times for told, times in too_many.items() if told in may)
        invented += sum(times for told, times in too_many.items() if told not in may)
    # Of parcels nobody has added.
    invented += sum(has.total() for has in stored.values())
    return Verdict(scripted, ScanEvent.objects.count(), lost, doubled, invented, withdrawn)


def _script(journey: Journey, moment: datetime) -> Counter[_Told]:
    return Counter(
        (
            scan.local.date().isoformat(),
            "" if scan.date_only else f"{scan.local:%H:%M}",
            scan.words.code,
        )
        for scan in scans_until(journey, moment)
    )
