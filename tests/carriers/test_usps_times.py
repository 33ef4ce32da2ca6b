"""One moment in three fields that do not always agree."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.usps.times import moment, read_clock, read_gmt, read_local, window
from shipments.facts.times import DeliveryEstimate, Posted

DAY = date(2024, 11, 22)
EST = timedelta(hours=-5)


def test_a_z_behind_a_local_time_is_not_an_offset() -> None:
    assert read_local("2024-11-22T13:58:00Z") == Posted(DAY, time(13, 58))


def test_a_real_offset_behind_a_local_time_is_the_carriers_own() -> None:
    assert read_local("2024-11-22T13:58:00-05:00") == Posted(DAY, time(13, 58), EST)


@pytest.mark.parametrize("text", ["", "Z", "22.11.2024", "2024-13-01", "2024-11-22T25:00:00", "tomorrow"])
def test_what_is_no_time_stamp_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_local(text)


@pytest.mark.parametrize(
    "text", ["2024-11-22T18:58:40.041Z", "2024-11-22T18:58:40", "2024-11-22T13:58:40-05:00"]
)
def test_a_gmt_stamp_is_read_in_utc(text: str) -> None:
    assert read_gmt(text) == datetime(2024, 11, 22, 18, 58, 40, tzinfo=UTC)


def test_a_gmt_stamp_without_a_time_is_no_moment() -> None:
    with pytest.raises(ValueError, match="a date without a time"):
        read_gmt("2024-11-22")


LOCAL = Posted(DAY, time(13, 58))
GMT = datetime(2024, 11, 22, 18, 58, 40, tzinfo=UTC)


@pytest.mark.parametrize(
    ("local", "gmt", "offset", "expected"),
    [
        pytest.param(LOCAL, GMT, EST, Posted(DAY, time(13, 58), EST, GMT), id="all three agree"),
        pytest.param(LOCAL, None, EST, Posted(DAY, time(13, 58), EST), id="no GMT stamp"),
        pytest.param(
            Posted(date(2024, 11, 21), time(23, 28)),
            datetime(2024, 11, 21, 5, 28, 33, tzinfo=UTC),
            timedelta(hours=-6),
            Posted(date(2024, 11, 21), time(23, 28), timedelta(hours=-6)),
            id="GMT date not moved past midnight",
        ),
        pytest.param(
            Posted(date(2024, 4, 4), time(14, 3, 12), timedelta(hours=-7)),
            datetime(2024, 4, 4, 14, 3, 12, tzinfo=UTC),
            timedelta(hours=-7),
            Posted(date(2024, 4, 4), time(14, 3, 12), timedelta(hours=-7)),
            id="GMT repeats the local clock, as in the document's example",
        ),
        pytest.param(
            LOCAL,
            GMT + timedelta(seconds=20),
            EST,
            Posted(DAY, time(13, 58), EST),
            id="a whole minute apart is not the same moment",
        ),
        pytest.param(
            Posted(DAY, time(13, 58), EST),
            None,
            None,
            Posted(DAY, time(13, 58), EST),
            id="offset in the stamp",
        ),
        pytest.param(
            Posted(DAY, time(13, 58), EST),
            GMT,
            timedelta(hours=-6),
            Posted(DAY, time(13, 58), EST, GMT),
            id="two offsets: the one that GMT confirms",
        ),
        pytest.param(
            Posted(DAY, time(13, 58), EST),
            None,
            timedelta(hours=-6),
            Posted(DAY, time(13, 58), timedelta(hours=-6)),
            id="two offsets and nothing to decide: GMTOffset",
        ),
        pytest.param(
            LOCAL, GMT, None, Posted(DAY, time(13, 58), EST, GMT), id="offset told by the two clocks"
        ),
        pytest.param(
            Posted(date(2024, 11, 21), time(23, 28)),
            datetime(2024, 11, 21, 5, 28, 33, tzinfo=UTC),
            None,
            Posted(date(2024, 11, 21), time(23, 28)),
            id="two clocks that no offset explains",
        ),
        pytest.param(
            Posted(DAY, time(15, 0)),
            datetime(2024, 11, 22, 1, 0, tzinfo=UTC),
            None,
            Posted(DAY, time(15, 0)),
            id="Hawaii with the GMT date not moved is not fourteen hours ahead",
        ),
        pytest.param(
            Posted(DAY, time(13, 58)),
            datetime(2024, 11, 22, 18, 50, tzinfo=UTC),
            None,
            Posted(DAY, time(13, 58)),
            id="two clocks eight minutes off any offset",
        ),
        pytest.param(LOCAL, None, None, LOCAL, id="local clock alone"),
        pytest.param(
            None, GMT, None, Posted(DAY, time(18, 58, 40), timedelta(0)), id="GMT alone is on the UTC clock"
        ),
        pytest.param(None, GMT, EST, Posted(DAY, time(13, 58, 40), EST), id="GMT with an offset"),
        pytest.param(Posted(DAY), GMT, EST, Posted(DAY), id="a date stays a date"),
        pytest.param(None, None, EST, None, id="an offset alone is no moment"),
    ],
)
def test_the_local_clock_leads_and_gmt_confirms(
    local: Posted | None, gmt: datetime | None, offset: timedelta | None, expected: Posted | None
) -> None:
    assert moment(local, gmt, offset) == expected


@given(
    st.none() | st.builds(Posted, st.dates(date(1970, 1, 1), date(2199, 12, 31)), st.none() | st.times()),
    st.none()
    | st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 30)).map(lambda naive: naive.replace(tzinfo=UTC)),
    st.none() | st.integers(-14 * 60, 14 * 60).map(lambda minutes: timedelta(minutes=minutes)),
)
def test_whatever_the_fields_say_the_moment_keeps_the_local_clock_and_never_contradicts_itself(
    local: Posted | None, gmt: datetime | None, offset: timedelta | None
) -> None:
    posted = moment(local, gmt, offset)
    if posted is None:
        assert local is None
        assert gmt is None
        return
    if local is not None:
        assert (posted.on, posted.at) == (local.on, local.at)
    if posted.instant is not None:
        assert posted.at is not None
        assert posted.offset is not None
        clock = datetime.combine(posted.on, posted.at, UTC) - posted.offset
        assert abs(clock - posted.instant) < timedelta(minutes=1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("12:15pm", time(12, 15)),
        ("12:15 AM", time(0, 15)),
        ("4:15 PM", time(16, 15)),
        ("by 5:00 pm", time(17, 0)),
        ("By 9:00pm", time(21, 0)),
        ("5 p.m.", time(17, 0)),
        ("11:59:59 pm", time(23, 59)),
        ("18:00:00", time(18, 0)),
        ("by 18:00", time(18, 0)),
        ("noon", time(12, 0)),
        ("by Noon", time(12, 0)),
    ],
)
def test_a_time_in_words_is_read(text: str, expected: time) -> None:
    assert read_clock(text) == expected


@pytest.mark.parametrize("text", ["", "end of day", "13:00pm", "0:30 am", "12:75pm", "25:00", "5"])
def test_words_without_a_time_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_clock(text)


@pytest.mark.parametrize(
    ("start", "end", "end_of_day", "expected"),
    [
        (time(12, 15), time(16, 15), time(21), DeliveryEstimate(DAY, time(12, 15), time(16, 15))),
        (None, None, time(21), DeliveryEstimate(DAY, end=time(21))),
        (time(12), None, time(21), DeliveryEstimate(DAY, time(12), time(21))),
        (None, None, None, DeliveryEstimate(DAY)),
        (time(12), None, None, DeliveryEstimate(DAY)),
        (None, time(0), None, DeliveryEstimate(DAY)),
        (time(0), time(18), None, DeliveryEstimate(DAY, end=time(18))),
        (time(18), time(12), None, DeliveryEstimate(DAY)),
    ],
)
def test_a_window_has_an_end_or_is_none(
    start: time | None, end: time | None, end_of_day: time | None, expected: DeliveryEstimate
) -> None:
    assert window(Posted(DAY), start, end, end_of_day=end_of_day) == expected
