"""`manage.py bench_pages`: what a page costs at ten thousand and at a million parcels, beside a bare view."""

import gc
import html
import json
import random
import re
import statistics
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.admin import site
from django.core.management.base import BaseCommand, CommandError
from django.db import connection
from django.test import Client
from django.test.utils import override_settings
from django.urls import reverse
from django.utils import timezone

from shipments.analytics import attention, cohorts
from shipments.enums import Role
from shipments.management.benchmarks import back_office, back_office_world, urls, world
from shipments.management.benchmarks.gauges import counted_statements
from shipments.management.benchmarks.scratch import scratch_database, use_database
from shipments.models import Membership, Merchant, Shipment, User
from trackingsite.heap import keep_what_is_loaded

# A page far down the list, reached by its key as a reader reaches it.
PAGE = 50
# Requests of one world before the other has its turn.
TURN = 20
BARE = "bare"
SLUG = "benchmark"
_OLDER = re.compile(r'id="older" href="[^"?]*(\?[^"]+)"')


@dataclass(frozen=True, slots=True)
class Cost:
    """What one page cost: milliseconds of the whole request inside the server, and statements at most."""

    p50: float
    p95: float
    statements: int


class Command(BaseCommand):
    help = (
        "Measures server time and statements of the main pages in a scratch database, at two sizes in one run, "
        "and prints one JSON object a line. The yardstick, a view with one indexed query, takes turns with each page."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--small", type=int, default=10_000, help="Parcels of the small merchant.")
        parser.add_argument("--large", type=int, default=1_000_000, help="Parcels of the large merchant.")
        parser.add_argument("--requests", type=int, default=200, help="Requests per page and size.")
        parser.add_argument("--admin", action="store_true", help="Every page of the back-office instead.")
        parser.add_argument("--only", default="", help="Pages with this in their name.")

    def handle(
        self, *, small: int, large: int, requests: int, only: str, admin: bool, **options: Any
    ) -> None:
        if settings.DEBUG:
            raise CommandError("DEBUG remembers every statement: unset it to measure.", returncode=2)
        with ExitStack() as stack:
            stack.enter_context(override_settings(ROOT_URLCONF=urls.__name__))
            worlds = {}
            for parcels in (small, large):
                database = stack.enter_context(scratch_database(f"pages_{parcels}"))
                worlds[parcels] = (database, _back_office(parcels) if admin else _pages(parcels))
            # As every web server does when it starts.
            keep_what_is_loaded()
            for page in worlds[large][1]:
                # What is searched for in the back-office is a row of its own in each world.
                if only not in page or page == BARE or page not in worlds[small][1]:
                    continue
                taken = _measure(
                    {
                        (name, size): (database, pages[name])
                        for name in (BARE, page)
                        for size, (database, pages) in worlds.items()
                    },
                    requests,
                )
                for size in (small, large):
                    self._line(parcels=size, page=page, **_rounded(taken[page, size]))
                self._line(
                    page=page,
                    bare_p50_ms=round(taken[BARE, large].p50, 2),
                    growth_p50=round(taken[page, large].p50 / taken[page, small].p50, 2),
                    growth_p95=round(taken[page, large].p95 / taken[page, small].p95, 2),
                    rate_to_bare=round(taken[BARE, large].p50 / taken[page, large].p50, 3),
                )

    def _line(self, **figures: object) -> None:
        self.stdout.write(json.dumps(figures))


def _rounded(cost: Cost) -> dict[str, object]:
    return {"p50_ms": round(cost.p50, 1), "p95_ms": round(cost.p95, 1), "statements": cost.statements}


def _pages(parcels: int) -> dict[str, Callable[[], object]]:
    """A world with so many parcels, and what to call for each page. Every call asks about another parcel where it can."""
    now = timezone.now()
    merchant = Merchant.objects.create(slug=SLUG, name="Benchmark")
    user = User.objects.create_user("reader@benchmark.example", "unused")
    Membership.objects.create(user=user, merchant=merchant, role=Role.OWNER)
    world.fill(merchant, parcels, now)
    attention.review(now)
    while not cohorts.tally(now):
        pass
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    client = Client(SERVER_NAME="localhost")
    client.force_login(user)
    dice = random.Random(4)  # noqa: S311  (the same parcels at every run)
    low, high = _ids()
    some = list(
        Shipment.objects.filter(pk__in=[dice.randint(low, high) for _ in range(400)]).values_list(
            "number", "public_id", "recipient_name"
        )
    )
    listing = reverse("shipment-list", args=[SLUG])
    deep = _deep_page(client, listing)

    def each(build: Callable[[tuple[Any, ...]], str]) -> Callable[[], object]:
        turns = _for_ever(some)
        return lambda: _get(client, build(next(turns)))

    def always(path: str, **asked: object) -> Callable[[], object]:
        url = f"{path}?{urlencode(asked)}" if asked else path
        return lambda: _get(client, url)

    stranger, visit = Client(SERVER_NAME="localhost"), iter(range(1, 2**24))

    def public(number: str) -> object:
        # Each from an address of its own: the throttle of one address is not what is measured.
        visitor = next(visit)
        address = f"10.{visitor >> 16}.{visitor >> 8 & 255}.{visitor & 255}"
        return _get(stranger, reverse("public-parcel", args=[number]), REMOTE_ADDR=address)

    turns, bare_turns = _for_ever(some), _for_ever(some)
    return {
        BARE: lambda: _get(stranger, f"/{urls.BARE}{next(bare_turns)[0]}"),
        "public page": lambda: public(next(turns)[0]),
        "attention": always(reverse("attention", args=[SLUG])),
        "list": always(listing),
        "list: tab": always(listing, tab="trouble"),
        "list: carrier and service": always(listing, carrier="UPS", service="UPS Ground"),
        "list: tag": always(listing, tag="gift"),
        "list: late": always(listing, late="1"),
        "list: number's end": each(lambda row: f"{listing}?q={row[0][-8:]}"),
        "list: recipient": each(lambda row: f"{listing}?{urlencode({'q': row[2]})}"),
        "list: order": each(lambda row: f"{listing}?q=A-100{row[0][-3:]}"),
        f"list: page {PAGE}": lambda: _get(client, deep),
        "detail": each(lambda row: reverse("shipment-detail", args=[SLUG, row[1]])),
        "figures": always(reverse("figures", args=[SLUG])),
    }


def _back_office(parcels: int) -> dict[str, Callable[[], object]]:
    """A whole installation with so many parcels, and what to call for each page of its back-office."""
    now = timezone.now()
    merchant = Merchant.objects.create(slug=SLUG, name="Benchmark")
    person = User.objects.create_superuser("operator@benchmark.example", "unused")
    world.fill(merchant, parcels, now)
    back_office_world.furnish(merchant, parcels, now)
    client = Client(SERVER_NAME="localhost")
    client.force_login(person)
    stranger, (low, _high) = Client(SERVER_NAME="localhost"), _ids()
    number = Shipment.objects.values_list("number", flat=True).get(pk=low)

    def opened(page: back_office.Page) -> object:
        response = page.open(client)
        if response.status_code != 200:
            raise CommandError(f"{page.path} answered {response.status_code}.")
        return response

    return {
        BARE: lambda: _get(stranger, f"/{urls.BARE}{number}"),
        **{page.name: partial(opened, page) for page in back_office.pages(site, person)},
    }


def _ids() -> tuple[int, int]:
    first, last = Shipment.objects.order_by("pk").first(), Shipment.objects.order_by("pk").last()
    assert first is not None
    assert last is not None
    return first.pk, last.pk


def _deep_page(client: Client, listing: str) -> str:
    """The address of page 50 of the list, found by following its links."""
    url = listing
    for _turn in range(PAGE - 1):
        link = _OLDER.search(client.get(url).content.decode())
        if link is None:
            raise CommandError(f"The list ends before page {PAGE}: take more parcels.", returncode=2)
        url = listing + html.unescape(link[1])
    return url


def _for_ever(rows: list[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    while True:
        yield from rows


def _get(client: Client, url: str, **extra: str) -> object:
    response = client.get(url, **extra)  # type: ignore[arg-type]  # the stubs know no META variables
    if response.status_code != 200:
        raise CommandError(f"{url} answered {response.status_code}.")
    return response


def _measure(
    pages: Mapping[tuple[str, int], tuple[str, Callable[[], object]]], requests: int
) -> dict[tuple[str, int], Cost]:
    """What each page costs in the world of its size. They take turns, so that whatever else the machine does hits all alike."""
    taken: dict[tuple[str, int], list[float]] = {which: [] for which in pages}
    statements: dict[tuple[str, int], int] = {}
    for turn in range(-(-requests // TURN)):
        for which, (database, page) in pages.items():
            use_database(database)
            page()
            with counted_statements() as counted:
                page()
            statements[which] = max(counted.count, statements.get(which, 0))
            gc.collect()
            for _request in range(min(TURN, requests - turn * TURN)):
                started = time.perf_counter()
                page()
                taken[which].append((time.perf_counter() - started) * 1000)
    return {
        which: Cost(statistics.median(times), statistics.quantiles(times, n=20)[18], statements[which])
        for which, times in taken.items()
    }
