"""Which moment a posted time is, and what a timeline amounts to."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.enums import Status, ZoneKnownBy
from shipments.facts.places import Place, zone_of
from shipments.facts.timeline import (
    STEPS,
    Moment,
    Stop,
    fingerprint,
    is_of_earlier_parcel,
    moments,
    status_of,
    step_of,
)
from shipments.facts.times import Posted, offset_text, read_offset

NIAGARA = Place("NIAGARA FALLS", "NY", "14304")
DENVER = Place("DENVER", "CO", "80202")
PHOENIX = Place("PHOENIX", "AZ", "85003")
NOWHERE = Place()


def stop(text: str, place: Place = NOWHERE, offset: str | None = None) -> Stop:
    day, _, at = text.partition(" ")
    posted = Posted(
        date.fromisoformat(day),
        time.fromisoformat(at) if at else None,
        read_offset(offset) if offset else None,
    )
    return Stop(posted, place)


def settled(*stops: Stop, fallback: str = "America/Chicago") -> list[Moment]:
    return moments(stops, zone_of=zone_of, fallback_zone=fallback)


def test_the_zone_of_the_place_tells_the_instant():
    (moment,) = settled(stop("2019-10-08 08:26", NIAGARA))
    assert moment.at == datetime(2019, 10, 8, 12, 26, tzinfo=UTC)
    assert (moment.offset, moment.zone, moment.known_by) == (
        timedelta(hours=-4),
        "America/New_York",
        ZoneKnownBy.PLACE,
    )


def test_the_carriers_offset_wins_over_the_place():
    (moment,) = settled(stop("2024-11-22 13:58", NIAGARA, "-06:00"))
    assert moment.at == datetime(2024, 11, 22, 19, 58, tzinfo=UTC)
    assert (moment.offset, moment.known_by) == (timedelta(hours=-6), ZoneKnownBy.CARRIER)


def test_the_carriers_own_instant_brings_the_seconds():
    posted = Posted(
        date(2024, 11, 22), time(13, 58), timedelta(hours=-5), datetime(2024, 11, 22, 18, 58, 40, tzinfo=UTC)
    )
    (moment,) = settled(Stop(posted, NIAGARA))
    assert moment.at == datetime(2024, 11, 22, 18, 58, 40, tzinfo=UTC)


def test_a_date_without_a_time_stays_a_date_and_counts_as_the_end_of_its_day():
    day, evening = settled(stop("2026-03-02", DENVER), stop("2026-03-02 22:00", DENVER))
    assert (day.at, day.offset, day.known_by) == (None, None, ZoneKnownBy.PLACE)
    assert evening.ordered_at < day.ordered_at < datetime(2026, 3, 3, 7, 0, tzinfo=UTC)


def test_a_date_with_an_offset_is_still_only_a_date():
    (moment,) = settled(stop("2026-03-02", NOWHERE, "-07:00"))
    assert (moment.at, moment.offset, moment.known_by) == (None, None, ZoneKnownBy.CARRIER)
    assert moment.ordered_at == datetime(2026, 3, 3, 6, 59, 59, 999_999, tzinfo=UTC)


def test_an_unknown_place_takes_the_clock_of_the_nearest_known_scan():
    known_early, unknown, known_late = settled(
        stop("2026-03-02 08:00", NIAGARA), stop("2026-03-04 09:00"), stop("2026-03-04 12:00", DENVER)
    )
    assert (unknown.zone, unknown.known_by) == ("America/Denver", ZoneKnownBy.ASSUMED)
    assert unknown.at == datetime(2026, 3, 4, 16, 0, tzinfo=UTC)
    assert (known_early.known_by, known_late.known_by) == (ZoneKnownBy.PLACE, ZoneKnownBy.PLACE)


def test_without_any_known_scan_the_merchants_clock_is_assumed():
    (moment,) = settled(stop("2026-07-04 09:00"))
    assert (moment.zone, moment.known_by, moment.offset) == (
        "America/Chicago",
        ZoneKnownBy.ASSUMED,
        timedelta(hours=-5),
    )


def test_a_bare_offset_is_lent_to_its_neighbour_too():
    _, unknown = settled(stop("2026-03-04 08:00", NOWHERE, "+01:00"), stop("2026-03-04 09:00"))
    assert (unknown.at, unknown.zone, unknown.known_by) == (
        datetime(2026, 3, 4, 8, 0, tzinfo=UTC),
        "",
        ZoneKnownBy.ASSUMED,
    )


@pytest.mark.parametrize(
    ("local", "instant"),
    [
        ("2026-11-01 01:30", datetime(2026, 11, 1, 5, 30, tzinfo=UTC)),  # doubled: still daylight time, -4
        ("2026-03-08 02:30", datetime(2026, 3, 8, 7, 30, tzinfo=UTC)),  # skipped: still standard time, -5
    ],
)
def test_a_time_that_a_clock_change_doubles_or_skips_is_assumed_with_the_earlier_offset(local, instant):
    (moment,) = settled(stop(local, NIAGARA))
    assert (moment.at, moment.known_by) == (instant, ZoneKnownBy.ASSUMED)


@pytest.mark.parametrize(
    "local", ["2026-11-01 00:59", "2026-11-01 02:00", "2026-03-08 01:59", "2026-03-08 03:00"]
)
def test_the_hours_beside_a_clock_change_are_known(local):
    assert settled(stop(local, NIAGARA))[0].known_by == ZoneKnownBy.PLACE


def test_a_place_without_clock_changes_has_no_doubled_hour():
    assert settled(stop("2026-11-01 01:30", PHOENIX))[0].known_by == ZoneKnownBy.PLACE


_STOPS = st.lists(
    st.builds(
        stop,
        st.datetimes(datetime(2026, 1, 1), datetime(2026, 12, 31)).map(lambda at: f"{at:%Y-%m-%d %H:%M}"),
        st.sampled_from([NIAGARA, DENVER, PHOENIX, NOWHERE]),
        st.sampled_from([None, None, "-05:00", "+01:00"]),
    ),
    min_size=1,
    max_size=8,
)


@given(_STOPS, st.randoms(use_true_random=False))
def test_moments_do_not_depend_on_the_order_of_arrival(stops, random):
    shuffled = list(stops)
    random.shuffle(shuffled)
    by_stop = dict(zip(shuffled, settled(*shuffled), strict=True))
    assert settled(*stops) == [by_stop[each] for each in stops]


def test_a_fingerprint_ignores_blanks_case_and_the_offset():
    plain = fingerprint(
        Posted(date(2026, 3, 2), time(9)), code="03", place=DENVER, text="USPS in possession of item"
    )
    same = fingerprint(
        Posted(date(2026, 3, 2), time(9), timedelta(hours=-7)),
        code=" 03", place=Place("Denver ", "co", "80202"), text="usps  in POSSESSION of item ",
    )  # fmt: skip
    assert plain == same
    assert len(plain) == 32


@pytest.mark.parametrize(
    "over",
    [
        {"posted": Posted(date(2026, 3, 2))},
        {"posted": Posted(date(2026, 3, 3), time(9))},
        {"code": "07"},
        {"place": NIAGARA},
        {"text": "Something else"},
    ],
)
def test_a_fingerprint_tells_scans_apart(over):
    base = {"posted": Posted(date(2026, 3, 2), time(9)), "code": "03", "place": DENVER, "text": "Scanned"}
    assert fingerprint(**base) != fingerprint(**{**base, **over})


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        ([], Status.UNKNOWN),
        ([Status.UNKNOWN], Status.UNKNOWN),
        ([Status.UNKNOWN, Status.OUT_FOR_DELIVERY, Status.ACCEPTANCE], Status.OUT_FOR_DELIVERY),
        ([Status.IN_TRANSIT, Status.DELIVERED], Status.IN_TRANSIT),
    ],
)
def test_the_newest_recognised_scan_is_the_status(statuses, expected):
    assert status_of(statuses) == expected


@pytest.mark.parametrize(
    ("local", "shipped", "earlier"),
    [
        (date(2026, 3, 1), date(2026, 3, 15), False),
        (date(2026, 2, 28), date(2026, 3, 15), True),
        (date(2020, 1, 1), None, False),
    ],
)
def test_scans_two_weeks_before_the_ship_date_belong_to_an_earlier_parcel(local, shipped, earlier):
    assert is_of_earlier_parcel(local, shipped) is earlier


def test_every_status_but_unknown_has_one_step():
    steps = [status for _, statuses in STEPS for status in statuses]
    assert sorted(steps) == sorted(set(Status) - {Status.UNKNOWN})
    assert step_of(Status.UNKNOWN) is None
    assert step_of(Status.DELIVERED) == 4


@pytest.mark.parametrize(
    ("text", "span"),
    [("-05:00", -300), ("-7:00", -420), ("+0530", 330), ("Z", 0), ("5:45", 345), (" +14:00 ", 840)],
)
def test_offsets_are_read_in_every_spelling(text, span):
    assert read_offset(text) == timedelta(minutes=span)


@pytest.mark.parametrize("text", ["", "EST", "-25:00", "-05:75", "+14:30", "--5:00", "05"])
def test_what_is_no_offset_is_refused(text):
    with pytest.raises(ValueError, match="offset"):
        read_offset(text)


@given(st.integers(-14 * 60, 14 * 60))
def test_an_offset_survives_being_written(minutes):
    span = timedelta(minutes=minutes)
    assert read_offset(offset_text(span)) == span
