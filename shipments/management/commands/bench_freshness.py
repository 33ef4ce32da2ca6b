"""`manage.py bench_freshness`: how late scans are found in a simulated week, beside the rules of the field."""

import json
import multiprocessing
import os
import time
from argparse import ArgumentParser
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from shipments.management.freshness.made_world import MadeWorld, Slant
from shipments.management.freshness.parcels import BadJourney, Parcel, read_journeys
from shipments.management.freshness.rules import Omniscient, Policy, Rule, Spaced
from shipments.management.freshness.week import RESERVE, run

PARCELS, DAYS = 10_000, 17
NUMBERS_A_CALL = 35
CALLS_AN_HOUR = (60, 20, 10)
# Worlds in which the policy's tables are wrong in different ways.
WORLDS: dict[str, Slant] = {
    "usual": Slant(),
    "slow": Slant(pace=0.5, stuck=2.0),
    "fast": Slant(pace=2.0, round_pace=1.5),
    "late-hours": Slant(later_by=2.5),
    "untold": Slant(tells_promise=False, tells_zone=False),
}


@dataclass(frozen=True, slots=True)
class Contest:
    """What the rules are measured on. `world` where its rates are known."""

    parcels: list[Parcel]
    world: MadeWorld | None
    numbers_a_call: int
    with_tables_alone: bool = False

    def rules(self) -> dict[str, Callable[[float], Rule]]:
        """Each competing rule by its name, made for so many looks an hour."""
        rules: dict[str, Callable[[float], Rule]] = {
            "policy": lambda looks: Policy(self.parcels, looks),
            "round robin": lambda looks: Spaced([0.0]),
            "fixed 2 h": lambda looks: Spaced([2.0]),
            "ladder 3-6-12-24 h": lambda looks: Spaced([3.0, 6.0, 12.0, 24.0]),
        }
        if self.with_tables_alone:
            rules["policy, tables alone"] = lambda looks: Policy(self.parcels, looks, learns=False)
        world = self.world
        if world is not None:
            rules["true rates, cost of waiting"] = lambda looks: Omniscient(world, by_cost=True)
            rules["true rates, chance"] = lambda looks: Omniscient(world, by_cost=False)
        return rules


# Set before the workers are forked: a world is larger than what one wants to send to them.
_contests: list[Contest] = []


class Command(BaseCommand):
    """Needs no database and no carrier. Asserts nothing: it prints one JSON object a line."""

    help = (
        "Simulates a week of looks after ten days of running in, with the policy and with rival rules under the same "
        "quota, and prints how many hours after a scan it was found."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--journeys",
            type=Path,
            help="A file of parcels, one JSON object a line, in place of a made world.",
        )
        parser.add_argument("--world", choices=WORLDS, default="usual", help="Which made world.")
        parser.add_argument("--seed", type=int, default=1, help="Of the made world.")
        parser.add_argument("--calls", type=int, nargs="+", default=CALLS_AN_HOUR, help="Calls an hour.")
        parser.add_argument(
            "--scale",
            type=int,
            default=1,
            choices=(1, 5, 7, 35),
            help="So many times fewer parcels, and numbers a call: quicker, and rougher.",
        )
        parser.add_argument(
            "--tables-alone", action="store_true", help="Measures the policy that learns nothing as well."
        )
        parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)

    def handle(self, **options: Any) -> None:
        contest = _contest(options)
        _contests[:] = [contest]
        began = time.monotonic()
        jobs = [(calls, name) for calls in options["calls"] for name in contest.rules()]
        with ProcessPoolExecutor(
            options["processes"], mp_context=multiprocessing.get_context("fork")
        ) as workers:
            figures = dict(zip(jobs, workers.map(_measured, jobs), strict=True))
        lines: list[dict[str, Any]] = [
            {"calls_an_hour": calls, "rule": name, **figures[calls, name]} for calls, name in jobs
        ]
        lines += [
            _ratios(calls, {name: figures[calls, name] for name in contest.rules()})
            for calls in options["calls"]
        ]
        what = "journeys" if contest.world is None else options["world"]
        for line in lines:
            self.stdout.write(
                json.dumps(
                    {"bench": "bench_freshness", "world": what, "parcels": len(contest.parcels), **line}
                )
            )
        self.stderr.write(f"Simulated in {time.monotonic() - began:.0f} s.")


def _contest(options: dict[str, Any]) -> Contest:
    scale = options["scale"]
    path: Path | None = options["journeys"]
    if path is None:
        world = MadeWorld(PARCELS // scale, DAYS, seed=options["seed"], slant=WORLDS[options["world"]])
        return Contest(world.parcels, world, NUMBERS_A_CALL // scale, options["tables_alone"])
    try:
        with path.open(encoding="utf-8") as lines:
            parcels = read_journeys(lines)
    except (OSError, UnicodeDecodeError) as exc:
        raise CommandError(f"The journeys cannot be read: {exc}") from exc
    except BadJourney as exc:
        raise CommandError(f"{path}: {exc}") from exc
    if not parcels:
        raise CommandError(f"{path} has no journeys.")
    return Contest(parcels[::scale], None, NUMBERS_A_CALL // scale, options["tables_alone"])


def _measured(job: tuple[int, str]) -> dict[str, float]:
    """The figures of one rule at one load; runs in a process of its own."""
    calls, name = job
    (contest,) = _contests
    looks = calls * (1 - RESERVE) * contest.numbers_a_call
    rule = contest.rules()[name](looks)
    return run(contest.parcels, rule, calls_an_hour=calls, numbers_a_call=contest.numbers_a_call).figures()


def _ratios(calls: int, figures: dict[str, dict[str, float]]) -> dict[str, Any]:
    """The policy's weighted mean lag as a share of each rival's."""
    ours = figures["policy"]["weighted_mean"]
    shares = {name: _share(ours, told["weighted_mean"]) for name, told in figures.items() if name != "policy"}
    knowing = [told["weighted_mean"] for name, told in figures.items() if name.startswith("true rates")]
    if knowing:
        shares["true rates, the better"] = _share(ours, min(knowing))
    return {"calls_an_hour": calls, "policy_as_a_share_of": shares}


def _share(ours: float, theirs: float) -> float | None:
    return round(ours / theirs, 3) if theirs else None
