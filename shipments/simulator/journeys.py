"""Scripted parcels: from a tracking number, every scan the parcel ever gets, with its instant and its place.

A journey is a pure function of the simulator's seed and the number. `scans_until` cuts it at a moment, so
nothing is ever told that has not happened yet.
"""

import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

from shipments.enums import CarrierCode
from shipments.simulator import network
from shipments.simulator.network import Metro, Stop, travel_time
from shipments.simulator.numbers import ONTRAC, SCENARIOS, Label, Scenario, read_label, write_label
from shipments.simulator.steps import ALL_DAY, HABITS, LIVE, Beat, Habit, Step, Where, script
from shipments.simulator.wording import VOCABULARY, Words

__all__ = [
    "SCENARIOS",
    "Journey",
    "Scenario",
    "ScriptedScan",
    "journey_for",
    "journeys_for",
    "make_number",
    "scans_until",
]

DEFAULT_SEED = 1

# Farther than this, a parcel passes a hub on the way.
_FAR_KM = 1200.0
# A carrier without a delivery day in sight promises one this many days after the label.
_USUAL_DAYS = 4
# How long a label of the scenario KNOWN_LATE stays unknown to its carrier.
UNKNOWN_FOR = timedelta(minutes=90)
# The earlier parcel of a recycled number was shipped this long before.
RECYCLED_AFTER = timedelta(days=150)
# Shorter than a minute would give two scans of one minute, whose order USPS' local time stamps cannot tell.
_LIVE_PAUSE = (70.0, 115.0)

# Invented, and readable as invented.
_SIGNERS = ("P SAMPLE", "R EXAMPLE", "A TESTER", "K PLACEHOLDER", "J DEMO")
_SERVICES: dict[str, tuple[tuple[str | None, str | None], ...]] = {
    CarrierCode.USPS: (("055", "Priority Mail"), ("001", "USPS Ground Advantage")),
    CarrierCode.IMB: (("040", "First-Class Mail"),),
    CarrierCode.FDR: ((None, None),),
    CarrierCode.NEWGISTICS: ((None, None),),
    CarrierCode.PBCS: (("PBSTD", "PB Standard"),),
    CarrierCode.PBI: ((None, "Pitney Bowes Expedited Parcel Service"),),
    CarrierCode.FEDEX: ((None, "FedEx 2Day"), (None, "FedEx Ground")),
    CarrierCode.UPS: (("03", "UPS Ground"),),
    ONTRAC: ((None, "OnTrac Ground"),),
}
# How many days after its promise a parcel comes out for delivery.
_DAYS_LATE = {
    Scenario.LATE: 3,
    Scenario.WEATHER: 1,
    Scenario.MISSENT: 2,
    Scenario.DAMAGED: 1,
    Scenario.FAST: -1,
}
_PROOFS = {Scenario.SIGNATURE: "signature", Scenario.PHOTO: "photo"}


@dataclass(frozen=True, slots=True)
class ScriptedScan:
    """One scan: the instant (UTC, whole seconds), the place, and the carrier's words for it.

    `withdrawn_at` is when the carrier takes it back; `date_only` when it never tells the time of day.
    """

    at: datetime
    stop: Stop
    step: Step
    words: Words
    withdrawn_at: datetime | None = None
    date_only: bool = False
    signed_by: str = ""

    @property
    def local(self) -> datetime:
        """The clock of the place at that instant."""
        return self.at.astimezone(ZoneInfo(self.stop.zone))


@dataclass(frozen=True, slots=True)
class Journey:
    """Everything that will ever happen to one parcel. `number` is without a routing prefix.

    The carrier knows nothing of the number before `known_from`. `proof` is `signature`, `photo` or None.
    """

    number: str
    carrier: str
    scenario: Scenario
    start: datetime
    known_from: datetime
    origin: Stop
    destination: Stop
    promised_on: date
    service_code: str | None
    service_name: str | None
    weight_lbs: float
    proof: str | None
    scans: tuple[ScriptedScan, ...]

    @property
    def routed_number(self) -> str:
        """The number as the barcode has it: a parcel with a USPS last mile carries 420 and the destination's ZIP Code."""
        if self.carrier in {CarrierCode.FDR, CarrierCode.NEWGISTICS, CarrierCode.PBCS}:
            return f"420{self.destination.postal_code}{self.number}"
        return self.number

    @property
    def mailed_on(self) -> date:
        """The local day on which the label was made."""
        return self.start.astimezone(ZoneInfo(self.origin.zone)).date()


def make_number(
    carrier: str,
    scenario: Scenario | str,
    start: datetime,
    *,
    seed: int = DEFAULT_SEED,
    variant: int = 0,
) -> str:
    """A well-formed number whose journey is this scenario, beginning at `start` (aware; seconds are dropped).

    `variant` (0–9) tells parcels apart that would else share a number, and varies service and details. PB
    Standard numbers carry the routing prefix of their destination, which depends on the `seed`. ValueError
    when the carrier has no such journey.
    """
    wanted = scenario if isinstance(scenario, Scenario) else Scenario[scenario]
    label = write_label(_known(carrier), wanted, start, variant)
    if label.carrier in {CarrierCode.FDR, CarrierCode.NEWGISTICS}:
        return _journey(label, seed).routed_number
    return label.number


def _known(carrier: str) -> str:
    """The carrier as the script tells it apart: one that code has rules about as the member of our own list."""
    return CarrierCode(carrier) if carrier in set(CarrierCode) else carrier


def journey_for(number: str, seed: int = DEFAULT_SEED) -> Journey | None:
    """The journey this number stands for, the newest where it was used twice; None when it is not the simulator's."""
    journeys = journeys_for(number, seed)
    return journeys[0] if journeys else None


@lru_cache(maxsize=4096)
def journeys_for(number: str, seed: int = DEFAULT_SEED) -> tuple[Journey, ...]:
    """Every parcel that carries this number, newest first."""
    label = read_label(number)
    if label is None:
        return ()
    newest = _journey(label, seed)
    if label.scenario is not Scenario.RECYCLED:
        return (newest,)
    earlier = Label(label.number, label.carrier, label.scenario, label.start - RECYCLED_AFTER, label.variant)
    return (newest, _journey(earlier, seed, avoid=newest.destination))


def scans_until(journey: Journey, now: datetime) -> tuple[ScriptedScan, ...]:
    """The scans the carrier shows at `now`, oldest first: none later than now, none taken back by then."""
    if now < journey.known_from:
        return ()
    return tuple(
        scan
        for scan in journey.scans
        if scan.at <= now and (scan.withdrawn_at is None or now < scan.withdrawn_at)
    )


def dice(*parts: object) -> random.Random:
    """Chance that falls the same way for the same parts, in every process."""
    digest = hashlib.blake2b("|".join(map(str, parts)).encode(), digest_size=8).digest()
    return random.Random(int.from_bytes(digest))  # noqa: S311 - a script, not a secret


def _journey(label: Label, seed: int, *, avoid: Stop | None = None) -> Journey:
    chance = dice(seed, label.number, label.start)
    places = _route(label, seed, chance, avoid)
    origin, destination = places[Where.ORIGIN], places[Where.DESTINATION]
    far = network.distance_km(origin, destination) > _FAR_KM
    scans = _scans(label, script(label, far=far), places, chance)
    services = _SERVICES[label.carrier]
    service_code, service_name = services[label.variant % len(services)]
    known_from = scans[0].at
    if label.scenario is Scenario.KNOWN_LATE:
        known_from += UNKNOWN_FOR
    return Journey(
        number=label.number,
        carrier=label.carrier,
        scenario=label.scenario,
        start=label.start,
        known_from=known_from,
        origin=origin,
        destination=destination,
        promised_on=_promise(label, scans, origin),
        service_code=service_code,
        service_name=service_name,
        weight_lbs=round(chance.uniform(0.2, 9.0), 2),
        proof=_PROOFS.get(label.scenario),
        scans=scans,
    )


def _route(label: Label, seed: int, chance: random.Random, avoid: Stop | None) -> dict[Where, Stop]:
    metros = network.US_METROS
    # Most parcels of a shop leave from one warehouse; the seed says where it stands.
    home = metros[seed % len(metros)]
    start = home if chance.random() < 0.7 else chance.choice(metros)
    if label.scenario in LIVE:
        end = start = _awake(label.start, chance)
    else:
        end = _destination(label, chance, taken=start, avoid=avoid)
    own_hubs = label.carrier in {CarrierCode.USPS, CarrierCode.IMB}
    wrong = chance.choice([metro for metro in metros if metro.name not in {start.name, end.name}])
    return {
        Where.ORIGIN: start.town(0),
        Where.ORIGIN_HUB: start.distribution_center() if own_hubs else start.hub(),
        Where.MIDDLE: _middle(label.carrier, start, end),
        Where.EXPORT_HUB: network.EXPORT_HUB,
        Where.EXPORT_AIRPORT: network.EXPORT_AIRPORT,
        Where.CUSTOMS: network.BRITISH_CUSTOMS if end.country == "GB" else network.CANADIAN_CUSTOMS,
        Where.WRONG_TOWN: wrong.town(0),
        Where.DESTINATION_HUB: end.distribution_center() if own_hubs else end.hub(),
        Where.DESTINATION: end.town(chance.randrange(len(end.towns))),
    }


def _destination(label: Label, chance: random.Random, *, taken: Metro, avoid: Stop | None) -> Metro:
    if label.carrier is not CarrierCode.PBI:
        free = [metro for metro in network.US_METROS if metro is not taken]
        if avoid is not None:
            free = [
                metro
                for metro in free
                if all(zip_code != avoid.postal_code for _, _, zip_code in metro.towns)
            ]
        return chance.choice(free)
    match label.scenario:
        case Scenario.TO_BRITAIN:
            abroad = network.BRITISH_METROS
        case Scenario.TO_CANADA:
            abroad = network.CANADIAN_METROS
        case _:
            abroad = (network.CANADIAN_METROS, network.BRITISH_METROS)[label.variant % 2]
    return chance.choice(abroad)


def _awake(start: datetime, chance: random.Random) -> Metro:
    # A live parcel is delivered within the half hour, so it should be day where it is.
    by_day = [m for m in network.US_METROS if 8 <= start.astimezone(ZoneInfo(m.zone)).hour < 17]
    return chance.choice(by_day or list(network.US_METROS))


_USPS_HUBS = frozenset({"CHICAGO", "DALLAS", "ATLANTA", "DENVER", "KANSAS CITY", "COLUMBUS"})


@cache
def _middle(carrier: str, start: Metro, end: Metro) -> Stop:
    match carrier:
        case CarrierCode.FEDEX:
            return network.FEDEX_HUB
        case CarrierCode.UPS:
            return network.UPS_HUB
        case CarrierCode.USPS | CarrierCode.IMB:
            between = [m for m in network.US_METROS if m.name in _USPS_HUBS - {start.name, end.name}]
            ends = start.hub(), end.hub()
            best = min(between, key=lambda m: sum(network.distance_km(m.hub(), place) for place in ends))
            return best.distribution_center()
        case _:
            return network.PITNEY_BOWES_HUB


def _scans(
    label: Label, beats: tuple[Beat, ...], places: dict[Where, Stop], chance: random.Random
) -> tuple[ScriptedScan, ...]:
    scans: list[ScriptedScan] = []
    vocabulary, live = VOCABULARY[label.carrier], label.scenario in LIVE
    at, before = label.start, places[beats[0].where]
    for beat in beats:
        step, stop = beat.step, places[beat.where]
        if live and scans:
            at += timedelta(seconds=round(chance.uniform(*_LIVE_PAUSE)))
        elif not live and step is not Step.LABEL:
            habit = HABITS[step]
            earliest = at + max(habit.after + beat.later, travel_time(before, stop))
            at = _first_chance(habit, earliest, stop.zone, chance)
        before = stop
        words = vocabulary[step]
        mistaken = step is Step.DELIVERED_BY_MISTAKE
        signed = step is Step.DELIVERED_SIGNED or step is Step.COLLECTED
        scans.append(
            ScriptedScan(
                at=at,
                stop=stop,
                step=step,
                words=chance.choice(words) if len(words) > 1 else words[0],
                withdrawn_at=at + timedelta(minutes=chance.randrange(40, 90)) if mistaken else None,
                date_only=beat.date_only,
                signed_by=chance.choice(_SIGNERS) if signed else "",
            )
        )
    return tuple(scans)


def _first_chance(habit: Habit, earliest: datetime, zone: str, chance: random.Random) -> datetime:
    """A moment within the habit's hours, at or after `earliest` and within its spread of the first such moment."""
    if habit.hours == ALL_DAY:
        return (earliest + habit.spread * chance.random()).replace(microsecond=0)
    day = earliest.astimezone(ZoneInfo(zone)).date()
    if habit.hours[1] > 24:
        # The window of the evening before may still be open.
        day -= timedelta(days=1)
    while True:
        begin, end = _window(day, habit.hours, zone)
        room = end - max(begin, earliest)
        sunday = day.weekday() == 6
        if room >= timedelta(minutes=10) and not (habit.workdays and sunday):
            wait = min(room - timedelta(minutes=1), habit.spread) * chance.random()
            return (max(begin, earliest) + wait).replace(microsecond=0)
        day += timedelta(days=1)


@lru_cache(maxsize=8192)
def _window(day: date, hours: tuple[float, float], zone: str) -> tuple[datetime, datetime]:
    midnight = datetime.combine(day, time())
    begin, end = (
        (midnight + timedelta(hours=hour)).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC) for hour in hours
    )
    return begin, end


def _promise(label: Label, scans: tuple[ScriptedScan, ...], origin: Stop) -> date:
    soonest = label.start.astimezone(ZoneInfo(origin.zone)).date()
    if label.scenario in LIVE:
        return soonest
    for scan in scans:
        if scan.step is Step.OUT:
            promised = scan.local.date() - timedelta(days=_DAYS_LATE.get(label.scenario, 0))
            return max(promised, soonest + timedelta(days=1))
    return soonest + timedelta(days=_USUAL_DAYS)
