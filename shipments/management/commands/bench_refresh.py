"""`manage.py bench_refresh`: what a worker costs beside a bare loop that makes the same calls and stores nothing."""

import asyncio
import gc
import json
import subprocess
import sys
import time
from argparse import SUPPRESS, ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.utils import timezone

from shipments import tasks
from shipments.carriers.pitney_bowes import client as pitney_bowes
from shipments.carriers.registry import max_per_call
from shipments.carriers.usps import client as usps
from shipments.enums import Gateway
from shipments.facts.numbers import lookup_key
from shipments.management.benchmarks import canned
from shipments.management.benchmarks.gauges import counted_statements, peak_rss_mb, rss_mb
from shipments.management.benchmarks.scratch import scratch_database, use_database
from shipments.models import CarrierAccount, Merchant, ScanEvent, Shipment, Watch
from shipments.refresh import planner
from shipments.simulator.journeys import Journey
from shipments.tracking.accounts import NewKey, give_key

# Calls under way at a time, as the two clients make them.
AT_ONCE = {Gateway.USPS: usps.AT_ONCE, Gateway.PITNEY_BOWES: pitney_bowes.AT_ONCE}
# Parcels whose answers are not counted: a worker has been running for a while.
WARMING = 100
PASSES = ("first answer", "no news", "one new scan")


class Command(BaseCommand):
    """Uses a database of its own. Asserts nothing about time: it prints one JSON object a line."""

    help = (
        "Measure a worker that refreshes parcels of ten scans, beside a loop that only makes the same calls."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--parcels", type=int, default=10_000, help="parcels of each gateway")
        parser.add_argument("--gateway", choices=list(Gateway), help="only this one")
        parser.add_argument(
            "--latency", type=int, help="only with answers so many ms late, instead of 0 and 50"
        )
        # How this command calls itself, so that worker, yardstick and carrier have a process each.
        for name in ("--respond", "--work", "--bare", "--url", "--database"):
            parser.add_argument(name, help=SUPPRESS)
        parser.add_argument("--profile", help="write a profile of the worker's passes to files that begin so")

    def handle(self, **options: Any) -> None:
        parcels: int = options["parcels"]
        if options["respond"]:
            asyncio.run(canned.respond(Gateway(options["respond"]), parcels))
            return
        latencies = (0, 50) if options["latency"] is None else (options["latency"],)
        if options["bare"]:
            self._lines(_bare(Gateway(options["bare"]), options["url"], parcels, latencies[0]))
            return
        if options["work"]:
            use_database(options["database"])
            self._lines(
                _work(Gateway(options["work"]), options["url"], parcels, latencies[0], options["profile"])
            )
            return
        if settings.DEBUG:
            raise CommandError("DEBUG remembers every statement: unset it to measure.", returncode=2)
        for gateway in [Gateway(options["gateway"])] if options["gateway"] else list(Gateway):
            with canned.responder(gateway, parcels + WARMING) as url:
                for latency in latencies:
                    with scratch_database("refresh") as database:
                        _fill(gateway, parcels, url)
                        run = partial(
                            _in_a_process, gateway=gateway, url=url, parcels=parcels, latency=latency
                        )
                        bare = run("--bare")
                        work = run("--work", database=database, profile=options["profile"] or "")
                    self._lines(_beside(gateway, latency, bare, work))

    def _lines(self, figures: Sequence[dict[str, Any]]) -> None:
        for line in figures:
            self.stdout.write(json.dumps(line))


def _in_a_process(
    role: str,
    *,
    gateway: Gateway,
    url: str,
    parcels: int,
    latency: int,
    database: str = "",
    profile: str = "",
) -> list[dict[str, Any]]:
    """What this command prints in that role."""
    command = [sys.executable, sys.argv[0], "bench_refresh", role, gateway, "--url", url]
    command += ["--parcels", str(parcels), "--latency", str(latency)]
    command += [*(["--database", database] if database else []), *(["--profile", profile] if profile else [])]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  (this very command)
    return [json.loads(line) for line in done.stdout.splitlines()]


def _beside(
    gateway: Gateway, latency: int, bare: list[dict[str, Any]], work: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    of_run = {"bench": "bench_refresh", "gateway": gateway, "latency_ms": latency}
    lines = []
    for loop, worker in zip(bare, work, strict=True):
        lines.append(
            {
                **of_run,
                **worker,
                "bare_cpu_seconds_per_1000": loop["cpu_seconds_per_1000"],
                "bare_shipments_per_second": loop["shipments_per_second"],
                "times_bare": round(worker["cpu_seconds_per_1000"] / loop["cpu_seconds_per_1000"], 2),
            }
        )
    return lines


# ---- The world


def _fill(gateway: Gateway, parcels: int, url: str) -> None:
    """A merchant with parcels nobody has asked about yet, and an account that may ask as much as it likes."""
    merchant = Merchant.objects.create(slug="benchmark", name="Benchmark")
    account = CarrierAccount.objects.create(
        merchant=merchant,
        gateway=gateway,
        base_url=url,
        cadence_seconds=int(timedelta(days=1).total_seconds()),
    )
    # It opens nothing: the simulator takes any.
    give_key(account, NewKey("benchmark-key", "benchmark-secret"), by=None, now=timezone.now())
    shipments = Shipment.objects.bulk_create(
        [
            Shipment(
                merchant=merchant,
                carrier_id=journey.carrier,
                number=journey.number,
                number_as_typed=journey.number,
                lookup_key=lookup_key(journey.number),
                destination_postal_code=journey.destination.postal_code,
            )
            for journey in canned.journeys(gateway, parcels + WARMING)
        ],
        batch_size=500,
    )
    Watch.objects.bulk_create(
        [Watch(shipment=shipment, merchant=merchant) for shipment in shipments], batch_size=5000
    )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


# ---- The worker


def _work(
    gateway: Gateway, url: str, parcels: int, latency: int, profile: str | None
) -> list[dict[str, Any]]:
    """The passes of a worker over all parcels, each told of afterwards."""
    every = list(Shipment.objects.order_by("pk").values_list("pk", flat=True))
    counted, warming = every[:parcels], every[parcels:]
    lines = []
    for number, name in enumerate(PASSES):
        canned.turn(url, news=number == 2, latency=0)
        _make_due(warming)
        _work_off()
        canned.turn(url, news=number == 2, latency=latency / 1000)
        _make_due(counted)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
        before = rss_mb()
        with counted_statements() as statements, _profiled(profile and f"{profile}.{gateway}.{number}"):
            cost = _measured(_work_off, parcels)
        lines.append(
            {
                "pass": name,
                "parcels": parcels,
                **cost,
                "statements_per_shipment": round(statements.count / parcels, 3),
                "rss_before_mb": before,
                "rss_after_mb": rss_mb(),
                "rss_peak_mb": peak_rss_mb(),
            }
        )
        _check(counted, canned.SCANS + (number == 2))
    return lines


def _work_off() -> None:
    """What the queue's workers do, one task after the other: take what is due, ask, store, review."""
    while batches := planner.plan_due(timezone.now()):
        for batch in batches:
            tasks.refresh_leased(batch.account_id, str(batch.lease), *batch.shipment_ids)


def _make_due(pks: Sequence[int]) -> None:
    Watch.objects.update(due_at=None, lease=None)
    Watch.objects.filter(pk__in=pks).update(due_at=timezone.now() - timedelta(seconds=1))


def _check(pks: Sequence[int], scans: int) -> None:
    """A worker that is quick because it stored nothing is not to be measured."""
    stored = ScanEvent.objects.filter(shipment__in=pks, withdrawn_at=None).count()
    unheard = Watch.objects.filter(pk__in=pks).exclude(heard="snapshot", error_kind="").count()
    if stored != scans * len(pks) or unheard:
        raise CommandError(
            f"{stored} scans of {scans * len(pks)} are stored, {unheard} parcels were not heard of."
        )


@contextmanager
def _profiled(path: str | None) -> Iterator[None]:
    if not path:
        yield
        return
    import cProfile

    with cProfile.Profile() as profile:
        yield
    profile.dump_stats(path)


# ---- The yardstick


def _bare(gateway: Gateway, url: str, parcels: int, latency: int) -> list[dict[str, Any]]:
    """The same calls from a loop that decodes each answer and forgets it."""
    journeys = canned.journeys(gateway, parcels + WARMING)
    counted, warming = journeys[:parcels], journeys[parcels:]
    lines = []
    for number, _name in enumerate(PASSES):
        canned.turn(url, news=number == 2, latency=0)
        asyncio.run(_loop(gateway, url, warming))
        canned.turn(url, news=number == 2, latency=latency / 1000)
        lines.append(_measured(lambda: asyncio.run(_loop(gateway, url, counted)), parcels))
    return lines


async def _loop(gateway: Gateway, url: str, journeys: Sequence[Journey]) -> None:
    turns = asyncio.Semaphore(AT_ONCE[gateway])
    headers = {"Authorization": "Bearer canned-canned-canned-canned", "Accept": "application/json"}
    limits = httpx.Limits(max_connections=AT_ONCE[gateway])
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits) as http:

        async def ask(request: httpx.Request) -> None:
            async with turns:
                response = await http.send(request)
                response.raise_for_status()
                json.loads(response.content)

        await asyncio.gather(*(ask(request) for request in _requests(gateway, http, journeys)))


def _requests(
    gateway: Gateway, http: httpx.AsyncClient, journeys: Sequence[Journey]
) -> Iterator[httpx.Request]:
    if gateway is Gateway.PITNEY_BOWES:
        for journey in journeys:
            asked = {"packageIdentifierType": "TrackingNumber", "carrier": journey.carrier}
            yield http.build_request("GET", f"/shippingservices/v1/tracking/{journey.number}", params=asked)
        return
    size = max_per_call(gateway)
    for start in range(0, len(journeys), size):
        entries = [
            {"trackingNumber": one.number, "destinationZIPCode": one.destination.postal_code}
            for one in journeys[start : start + size]
        ]
        yield http.build_request("POST", "/tracking/v3r2/tracking", json=entries)


# ---- Figures


def _measured(work: Callable[[], object], parcels: int) -> dict[str, float]:
    gc.collect()
    began, burnt = time.perf_counter(), time.process_time()
    work()
    seconds, cpu = time.perf_counter() - began, time.process_time() - burnt
    return {
        "cpu_seconds_per_1000": round(cpu * 1000 / parcels, 4),
        "shipments_per_second": round(parcels / seconds),
    }
