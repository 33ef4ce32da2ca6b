"""The parcels of the demo shop: all carriers and situations over the past weeks, and some that move while one looks."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import count

from shipments.enums import CarrierCode, Gateway
from shipments.simulator.journeys import DEFAULT_SEED, dice, journey_for, make_number
from shipments.simulator.numbers import EPOCH, Scenario

# Invented, and readable as invented.
_FIRST_NAMES = ("Ada", "Bo", "Cleo", "Dov", "Edda", "Finn", "Gia", "Hal", "Ines", "Jun", "Kit", "Lou")
_LAST_NAMES = ("Sample", "Example", "Placeholder", "Tester", "Demo", "Specimen", "Mockup")

_USPS, _IMB, _FDR, _NEWGISTICS = CarrierCode.USPS, CarrierCode.IMB, CarrierCode.FDR, CarrierCode.NEWGISTICS
_PBCS, _PBI, _FEDEX, _UPS = CarrierCode.PBCS, CarrierCode.PBI, CarrierCode.FEDEX, CarrierCode.UPS

# Who carries it, what happens, and how many days before today it was shipped.
_SHIPPED: tuple[tuple[CarrierCode, Scenario, int], ...] = (
    (_USPS, Scenario.ON_TIME, 1),
    (_USPS, Scenario.ON_TIME, 2),
    (_USPS, Scenario.ON_TIME, 3),
    (_USPS, Scenario.ON_TIME, 9),
    (_USPS, Scenario.FAST, 1),
    (_USPS, Scenario.LATE, 5),
    (_USPS, Scenario.ATTEMPT, 3),
    (_USPS, Scenario.PICKUP_MISSED, 8),
    (_USPS, Scenario.REFUSED, 7),
    (_USPS, Scenario.MISSENT, 4),
    (_USPS, Scenario.LOST, 16),
    (_USPS, Scenario.LABEL_ONLY, 6),
    (_USPS, Scenario.PRESORT, 4),
    (_USPS, Scenario.SIGNATURE, 12),
    (_USPS, Scenario.TO_ORIGINAL_SENDER, 18),
    (_USPS, Scenario.WITHDRAWN, 8),
    (_USPS, Scenario.UNKNOWN_CODE, 2),
    (_USPS, Scenario.DATE_ONLY, 6),
    (_USPS, Scenario.RECYCLED, 5),
    (_USPS, Scenario.OTHER_MAILER, 3),
    (_IMB, Scenario.LETTER, 4),
    (_IMB, Scenario.LETTER, 11),
    (_FDR, Scenario.ON_TIME, 2),
    (_FDR, Scenario.WEATHER, 3),
    (_FDR, Scenario.PHOTO, 10),
    (_NEWGISTICS, Scenario.ON_TIME, 1),
    (_NEWGISTICS, Scenario.NO_SUCH_NUMBER, 9),
    (_NEWGISTICS, Scenario.ON_TIME, 14),
    (_PBCS, Scenario.ON_TIME, 2),
    (_PBCS, Scenario.PHOTO, 7),
    (_PBCS, Scenario.DAMAGED, 4),
    (_PBI, Scenario.TO_CANADA, 3),
    (_PBI, Scenario.TO_BRITAIN, 4),
    (_PBI, Scenario.CUSTOMS_HELD, 3),
    (_PBI, Scenario.TO_CANADA, 15),
    (_PBI, Scenario.SIGNATURE, 17),
    (_FEDEX, Scenario.ON_TIME, 1),
    (_FEDEX, Scenario.FAST, 2),
    (_FEDEX, Scenario.SIGNATURE, 6),
    (_FEDEX, Scenario.WEATHER, 2),
    (_FEDEX, Scenario.PICKUP, 3),
    (_UPS, Scenario.ON_TIME, 1),
    (_UPS, Scenario.ON_TIME, 2),
    (_UPS, Scenario.ATTEMPT, 2),
    (_UPS, Scenario.PHOTO, 5),
    (_UPS, Scenario.LATE, 6),
    (_UPS, Scenario.REFUSED, 10),
    (_UPS, Scenario.LABEL_ONLY, 1),
)

# The weeks before those: mostly what goes well, so that figures have something to compare.
_HISTORY: tuple[tuple[CarrierCode, Scenario, int], ...] = (
    (_USPS, Scenario.ON_TIME, 18),
    (_USPS, Scenario.FAST, 4),
    (_USPS, Scenario.LATE, 3),
    (_USPS, Scenario.ATTEMPT, 3),
    (_USPS, Scenario.SIGNATURE, 2),
    (_USPS, Scenario.MISSENT, 1),
    (_NEWGISTICS, Scenario.ON_TIME, 6),
    (_NEWGISTICS, Scenario.WEATHER, 2),
    (_PBCS, Scenario.ON_TIME, 4),
    (_PBI, Scenario.TO_CANADA, 3),
    (_PBI, Scenario.TO_BRITAIN, 2),
    (_FEDEX, Scenario.ON_TIME, 6),
    (_FEDEX, Scenario.FAST, 3),
    (_FEDEX, Scenario.DAMAGED, 1),
    (_UPS, Scenario.ON_TIME, 8),
    (_UPS, Scenario.PHOTO, 3),
    (_UPS, Scenario.LATE, 2),
    (_UPS, Scenario.ATTEMPT, 2),
    (_UPS, Scenario.REFUSED, 1),
)
_HISTORY_DAYS = range(19, 89)
_HISTORY_A_DAY = 5

# A live parcel starts every few minutes by the clock, so that asking again names the same ones and the next.
_LIVE_EVERY = timedelta(minutes=4)
_LIVE_FOR = timedelta(minutes=24)
_LIVE_CARRIERS = (_USPS, _UPS, _FEDEX, _PBCS, _USPS, _NEWGISTICS)
# The next ones are there before they begin, as labels are before the carrier knows them.
_COMING = 2


@dataclass(frozen=True, slots=True)
class DemoParcel:
    """A parcel as the demo shop would enter it. `postal_code` is the destination's, in its country's form."""

    number: str
    carrier: CarrierCode
    gateway: Gateway
    scenario: Scenario
    postal_code: str
    mailing_date: date
    order_number: str
    recipient_name: str
    recipient_email: str


def demo_parcels(now: datetime, seed: int = DEFAULT_SEED) -> list[DemoParcel]:
    """About sixty parcels: those shipped in the past weeks, then live ones, six on their way and two about to start.

    The same all day (UTC) for one seed, but for the live ones, which the clock brings on and takes off.
    """
    return [*_shipped(now, seed), *_live(now, seed)]


def demo_history(now: datetime, seed: int = DEFAULT_SEED) -> list[DemoParcel]:
    """Some 300 parcels of the ten weeks before `demo_parcels` begins, on working days, all arrived or gone back by now."""
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    kinds = _dealt(seed, today)
    parcels: dict[str, DemoParcel] = {}
    for days in _HISTORY_DAYS:
        day = today - timedelta(days=days)
        for turn in range(_HISTORY_A_DAY if day.weekday() < 5 else 0):
            place = days * _HISTORY_A_DAY + turn
            chance = dice(seed, "demo history", place, day)
            carrier, scenario = next(kinds)
            start = day + timedelta(minutes=chance.randrange(13 * 60, 22 * 60))
            parcel = _parcel(carrier, scenario, start, seed, place, order=30_000 + place)
            parcels.setdefault(parcel.number, parcel)
    return list(parcels.values())


def _dealt(seed: int, today: datetime) -> Iterator[tuple[CarrierCode, Scenario]]:
    """The kinds of the history, without end, like cards from a shuffled pack: thrown with dice, the rarest would be missing on some days."""
    pack = [(carrier, scenario) for carrier, scenario, weight in _HISTORY for _ in range(weight)]
    for turn in count():
        dice(seed, "demo history", "pack", turn, today).shuffle(pack)
        yield from pack


def _shipped(now: datetime, seed: int) -> list[DemoParcel]:
    today = now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    parcels = []
    for place, (carrier, scenario, days) in enumerate(_SHIPPED):
        chance = dice(seed, "demo", place, today)
        # Labels are printed in American working hours.
        start = today - timedelta(days=days) + timedelta(minutes=chance.randrange(13 * 60, 22 * 60))
        parcels.append(_parcel(carrier, scenario, start, seed, place, order=10_400 + place))
    return parcels


def _live(now: datetime, seed: int) -> list[DemoParcel]:
    newest = (now - EPOCH) // _LIVE_EVERY
    turns = range(newest - _LIVE_FOR // _LIVE_EVERY + 1, newest + 1 + _COMING)
    parcels = []
    for turn in turns:
        carrier = _LIVE_CARRIERS[turn % len(_LIVE_CARRIERS)]
        scenario = Scenario.LIVE_PICKUP if turn % 5 == 0 else Scenario.LIVE
        start = EPOCH + turn * _LIVE_EVERY
        parcels.append(_parcel(carrier, scenario, start, seed, turn, order=20_000 + turn % 10_000))
    return parcels


def _parcel(
    carrier: CarrierCode, scenario: Scenario, start: datetime, seed: int, place: int, *, order: int
) -> DemoParcel:
    number = make_number(carrier, scenario, start, seed=seed, variant=place % 10)
    journey = journey_for(number, seed)
    assert journey is not None, "the simulator knows its own numbers"
    by_usps = carrier is _USPS and (place % 2 == 0 or scenario in {Scenario.OTHER_MAILER, Scenario.RECYCLED})
    first, last = _FIRST_NAMES[place % len(_FIRST_NAMES)], _LAST_NAMES[place // 3 % len(_LAST_NAMES)]
    return DemoParcel(
        number=number,
        carrier=carrier,
        gateway=Gateway.USPS if by_usps else Gateway.PITNEY_BOWES,
        scenario=scenario,
        postal_code=journey.destination.postal_code,
        mailing_date=journey.mailed_on,
        order_number=f"DEMO-{order}",
        recipient_name=f"{first} {last}",
        recipient_email=f"{first}.{last}@example.com".lower(),
    )
