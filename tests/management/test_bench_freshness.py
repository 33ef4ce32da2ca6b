"""The simulated week: what it counts, and what the command prints."""

import json
from datetime import UTC, datetime
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from shipments.enums import Status
from shipments.management.freshness.made_world import MadeWorld, Slant
from shipments.management.freshness.parcels import BadJourney, Parcel, read_journeys
from shipments.management.freshness.rules import Omniscient, Policy, Spaced
from shipments.management.freshness.week import run

HOUR, DAY = 3600.0, 86400.0
START = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()


def a_parcel(*after: tuple[float, Status], label: float = 0.0) -> Parcel:
    scans = ((START + label * HOUR, Status.MANIFEST), *((START + at * HOUR, status) for at, status in after))
    return Parcel("1", "Priority Mail", scans, zone="America/New_York")


def figures(parcels, rule, **over):
    return run(parcels, rule, **{"calls_an_hour": 60, "numbers_a_call": 35, **over}).figures()


def test_a_scan_is_late_by_the_time_until_the_next_look():
    # Looks are 15, then 30 minutes apart: the reserve of a tenth makes four calls an hour out of 40 in nine.
    parcels = [a_parcel((241.0, Status.IN_TRANSIT), label=240.0), a_parcel((0.5, Status.DELIVERED))]
    told = figures(parcels, Spaced([0.0]), calls_an_hour=4 / 0.9)
    assert (told["scans"], told["mean"]) == (1, 0.0)
    parcels = [a_parcel((241.1, Status.IN_TRANSIT), label=240.0), a_parcel((0.5, Status.DELIVERED))]
    assert figures(parcels, Spaced([0.0]), calls_an_hour=4 / 0.9)["mean"] == 0.15


def test_scans_outside_the_week_do_not_count():
    parcels = [a_parcel((1.0, Status.ACCEPTANCE), (250.0, Status.IN_TRANSIT), (409.0, Status.DELIVERED))]
    assert figures(parcels, Spaced([0.0]))["scans"] == 1


def test_what_is_never_found_counts_until_the_clock_stops():
    silent = Spaced([10_000.0])
    told = figures([a_parcel((300.0, Status.IN_TRANSIT))], silent)
    # Seventeen days and one more are 432 hours.
    assert told["mean"] == pytest.approx(132.0, abs=0.1)


def test_weights_are_what_knowing_is_worth():
    parcels = [
        a_parcel((300.0, Status.IN_TRANSIT), (301.0, Status.OUT_FOR_DELIVERY)),
        a_parcel((0.1, Status.DELIVERED)),
    ]
    told = figures(parcels, Spaced([5.0]))
    lags = [lag for lag, _ in run(parcels, Spaced([5.0]), calls_an_hour=60, numbers_a_call=35).pairs]
    assert told["weighted_mean"] == pytest.approx((lags[0] + 4 * lags[1]) / 5, abs=0.001)


def test_the_ladder_climbs_without_news_and_comes_down_with_it():
    ladder = Spaced([3.0, 6.0, 12.0, 24.0])
    ladder.add(0, START)
    at, scans = START, [(START, Status.MANIFEST)]
    gaps = []
    for news in (False, False, False, False, True, False):
        before = at
        while not ladder.choose(1, at):
            at += HOUR
        gaps.append(round((at - before) / HOUR))
        scans = [*scans, (at, Status.IN_TRANSIT)] if news else scans
        ladder.seen(0, at, scans)
    assert gaps == [0, 6, 12, 24, 24, 3]


def test_a_made_world_is_the_same_for_the_same_seed_and_has_all_it_needs():
    world, again = MadeWorld(400, 17, seed=3), MadeWorld(400, 17, seed=3)
    assert world.parcels == again.parcels
    assert world.parcels != MadeWorld(400, 17, seed=4).parcels
    for parcel in world.parcels:
        times = [at for at, _ in parcel.scans]
        assert times == sorted(set(times))
        assert parcel.scans[0][1] == Status.MANIFEST
    found = {status for parcel in world.parcels for _, status in parcel.scans}
    assert {Status.OUT_FOR_DELIVERY, Status.DELIVERED, Status.EXCEPTION, Status.IN_TRANSIT} <= found
    assert any(parcel.scans_once for parcel in world.parcels)


def test_a_world_that_tells_nothing_tells_no_promise_and_no_zone():
    parcels = MadeWorld(50, 17, seed=3, slant=Slant(tells_promise=False, tells_zone=False)).parcels
    assert {(parcel.zone, parcel.promised_on) for parcel in parcels} == {(None, None)}


def test_the_policy_finds_news_sooner_than_round_robin_and_no_sooner_than_nearly_one_who_knows():
    world = MadeWorld(600, 17, seed=5)
    quota = {"calls_an_hour": 20, "numbers_a_call": 6}
    ours = figures(world.parcels, Policy(world.parcels, 20 * 0.9 * 6), **quota)["weighted_mean"]
    assert ours < figures(world.parcels, Spaced([0.0]), **quota)["weighted_mean"]
    assert ours > 0.8 * figures(world.parcels, Omniscient(world, by_cost=True), **quota)["weighted_mean"]


def test_journeys_are_read_line_by_line():
    line = {
        "number": "9400",
        "service": "PRIORITY_MAIL",
        "ship_date": "2026-03-02",
        "scans": [
            {"at": "2026-03-02T10:00:00-05:00", "status": "Manifest"},
            {"at": "2026-03-04T08:00:00-06:00", "status": "OUT_FOR_DELIVERY"},
        ],
    }
    (parcel,) = read_journeys([json.dumps(line), "\n"])
    assert parcel == Parcel(
        "9400",
        "PRIORITY_MAIL",
        (
            (datetime(2026, 3, 2, 15, tzinfo=UTC).timestamp(), Status.MANIFEST),
            (datetime(2026, 3, 4, 14, tzinfo=UTC).timestamp(), Status.OUT_FOR_DELIVERY),
        ),
        zone="Etc/GMT+6",
    )


@pytest.mark.parametrize(
    ("service", "once"),
    [("First-Class Mail letter", True), ("IMb", True), ("Priority Mail", False), ("", False)],
)
def test_letters_are_known_by_the_name_of_their_service(service, once):
    scans = [{"at": "2026-03-02T10:00:00Z", "status": "Manifest"}]
    (parcel,) = read_journeys([json.dumps({"number": "1", "service": service, "scans": scans})])
    assert parcel.scans_once is once


def test_without_any_clock_deliveries_tell_it():
    scans = [
        {"at": "2026-03-02T10:00:00Z", "status": "Manifest"},
        {"at": "2026-03-04T20:10:00Z", "status": "Delivered"},
    ]
    (parcel,) = read_journeys([json.dumps({"number": "1", "service": "", "scans": scans})])
    assert parcel.zone == "Etc/GMT+6"


@pytest.mark.parametrize(
    "line",
    [
        "{",
        "[]",
        "3",
        "{}",
        '{"number": "1", "scans": []}',
        '{"number": "1", "scans": [{"at": "soon", "status": "Manifest"}]}',
        '{"number": "1", "scans": [{"at": "2026-03-02T10:00:00Z", "status": "Teleported"}]}',
    ],
)
def test_a_line_that_is_no_journey_is_named(line):
    with pytest.raises(BadJourney, match="Line 2 is no journey"):
        read_journeys(["", line])


def test_the_command_prints_every_rule_and_the_ratios(tmp_path):
    path = tmp_path / "journeys.jsonl"
    lines = []
    for number, parcel in enumerate(MadeWorld(150, 17, seed=2).parcels):
        scans = [
            {"at": datetime.fromtimestamp(at, UTC).isoformat(), "status": status}
            for at, status in parcel.scans
        ]
        lines.append(
            json.dumps({"number": str(number), "service": parcel.service, "ship_date": "", "scans": scans})
        )
    path.write_text("\n".join(lines))
    out = StringIO()
    call_command("bench_freshness", journeys=path, calls=[6], processes=1, stdout=out, stderr=StringIO())
    *rules, ratios = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["rule"] for line in rules] == ["policy", "round robin", "fixed 2 h", "ladder 3-6-12-24 h"]
    assert {line["scans"] for line in rules} == {rules[0]["scans"]}
    by_rule = {line["rule"]: line["weighted_mean"] for line in rules}
    assert ratios["policy_as_a_share_of"]["round robin"] == round(
        by_rule["policy"] / by_rule["round robin"], 3
    )


def test_a_file_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(CommandError, match="cannot be read"):
        call_command("bench_freshness", journeys=tmp_path / "none")
    (tmp_path / "empty").write_text("")
    with pytest.raises(CommandError, match="has no journeys"):
        call_command("bench_freshness", journeys=tmp_path / "empty")
