"""The trial of `bench_crash`: work that goes on for minutes while what does it is killed under it, and what is left of it."""

import json
import logging
import os
import random
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

import httpx
from django.conf import settings
from django.core.management import call_command
from django.db import InterfaceError, OperationalError, connections
from django.db.models import Max, Q
from django.utils import timezone

from shipments import queueing
from shipments.enums import AnswerKind, BreakerState, Gateway, Lifecycle, Reason, Role, Sight, Wants
from shipments.management.benchmarks.havoc import Service, Target, kill_database
from shipments.management.benchmarks.mail_sink import MailSink
from shipments.management.benchmarks.scripted import ScriptedParcel, Verdict, judge, scripted_parcels
from shipments.management.commands.worker import manage_py
from shipments.models import (
    CarrierAccount,
    MaintenanceWindow,
    Membership,
    Merchant,
    Shipment,
    Subscription,
    User,
    Watch,
)
from shipments.simulator import faults
from shipments.tracking.accounts import take_effect
from shipments.tracking.adding import Wanted, add_parcels, parcel_form
from shipments.tracking.catalogue import Catalogue
from trackingsite.embedded_postgres import Embedded

MERCHANTS = 10
# Short, so that parcels are due all the time.
CADENCE = 30
# Far more than can be asked: what is tried here is what survives, not what a quota allows.
QUOTA = 1_000_000_000
# Every so many-th parcel has a buyer who wishes to hear of it.
SUBSCRIBED = 10
# The labels are made one a minute; the trial's time begins when all are, and leaves the last scans to come.
BEGAN = timedelta(days=6, hours=12)
# Share of calls that fail.
FAILING = 0.1
# Long ones are made shorter, so that the trial is not spent waiting; all other details are those of the simulator.
_DETAILS = {"timeout": ":8", "slow": ":6", "huge": ":12", "429": ":5", "503": ":5", "token-429": ":5"}
# Numbers each of which always has trouble of its own, until the last round.
_OWN_TROUBLE = 10
LOOK_EVERY = 0.5
TEND_EVERY = 2.0
# Time enough for the one parcel with which a mended account is tried.
MEND_EVERY = 5.0
# By then a lease of four minutes has ended, and what it held was asked about again.
SETTLE_PATIENCE = 480.0


@dataclass
class Trial:
    """One run, in a database of its own that nobody else uses."""

    shipments: int
    kills: int
    gap: float
    clusters: int
    seed: int
    say: Callable[[str], None]
    parcels: list[ScriptedParcel] = field(default_factory=list)
    services: list[Service] = field(default_factory=list)
    hits: Counter[Target] = field(default_factory=Counter)
    restarts: list[str] = field(default_factory=list)
    recoveries: list[float] = field(default_factory=list)
    longest_lease: float = 0.0
    _unanswered: list[datetime] = field(default_factory=list)
    _leases: dict[int, tuple[object, float]] = field(default_factory=dict)
    _last_look: float = 0.0
    _last_tending: float = 0.0
    _last_mending: float = 0.0
    # From then on every parcel has to be asked once more.
    _last_round_from: datetime | None = None

    def run(self) -> dict[str, Any]:
        """Do it all; the figures."""
        self._dice = random.Random(self.seed)  # noqa: S311  (a script, not a secret)
        self._embedded = Embedded(settings.DATA / "postgres")
        # A line for each nudge would bury the figures.
        logging.getLogger("django-q").setLevel(logging.WARNING)
        with ExitStack() as running:
            sink = running.enter_context(MailSink())
            self._simulator = self._start_simulator(running)
            self._furnish()
            self._start_services(running, sink)
            self._moments()
            began = time.monotonic()
            self._havoc()
            killed_for = time.monotonic() - began
            began = time.monotonic()
            self._settle()
            settled_in = time.monotonic() - began
            clean = [service.stop() for service in self.services]
            # All time that the simulator may have told of has passed.
            verdict = self._judge(timezone.now())
            return self._figures(verdict, sink, killed_for, settled_in, clean)

    # ---- The world ---------------------------------------------------------------------------------------------

    def _start_simulator(self, running: ExitStack) -> str:
        simulator = subprocess.Popen(  # noqa: S603  (our own command)
            manage_py("carrier_simulator", "--port", "0"), stdout=subprocess.PIPE, text=True
        )
        running.callback(simulator.wait, 10)
        running.callback(simulator.terminate)
        assert simulator.stdout is not None
        # "Carrier simulator on http://127.0.0.1:PORT (seed 1)"
        return next(word for word in simulator.stdout.readline().split() if word.startswith("http://"))

    def _furnish(self) -> None:
        call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        # The hours at night in which a carrier is not asked would end the trial.
        MaintenanceWindow.objects.all().delete()
        self._first_label_at = timezone.now().replace(second=0, microsecond=0) - BEGAN
        self.parcels = scripted_parcels(self.shipments, self._first_label_at)
        for n in range(MERCHANTS):
            merchant = Merchant.objects.create(slug=f"crash-{n}", name=f"Crash {n}")
            owner = User.objects.create_user(f"owner-{n}@example.com")
            Membership.objects.create(
                user=owner,
                merchant=merchant,
                role=Role.OWNER,
                alert_reasons=[reason.value for reason in Reason],
            )
            for gateway in Gateway:
                CarrierAccount.objects.create(
                    merchant=merchant,
                    gateway=gateway,
                    base_url=self._simulator,
                    key=f"crash-key-{n}",
                    secret="crash-secret",  # noqa: S106  (the simulator takes any)
                    cadence_seconds=CADENCE,
                    calls_per_hour=QUOTA,
                    calls_per_second=QUOTA,
                )
            # One in ten goes to each merchant, so that all have parcels of both gateways.
            mine = self.parcels[n * len(self.parcels) // MERCHANTS : (n + 1) * len(self.parcels) // MERCHANTS]
            catalogue = Catalogue.read()
            added = add_parcels(
                merchant,
                [
                    Wanted(
                        parcel_form(
                            parcel.number,
                            carrier=str(parcel.carrier),
                            gateway=str(parcel.gateway),
                            catalogue=catalogue,
                        )
                    )
                    for parcel in mine
                ],
            )
            now = timezone.now()
            Subscription.objects.bulk_create(
                Subscription(
                    merchant=merchant,
                    shipment=one.shipment,
                    email=f"buyer-{one.shipment.pk}@example.com",
                    wants=Wants.FROM_NOW,
                    language="en",
                    sight=Sight.NUMBER,
                    confirmed_at=now,
                    news_after=self._first_label_at,
                )
                for one in added[::SUBSCRIBED]
            )

    def _start_services(self, running: ExitStack, sink: MailSink) -> None:
        env = {
            **os.environ,
            "QUEUE_WORKERS": "2",
            "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
            "EMAIL_HOST": "127.0.0.1",
            "EMAIL_PORT": str(sink.port),
            "LOG_LEVEL": "ERROR",
        }
        self.services = [Service(env, settings.DATA / f"worker-{n}.log") for n in range(self.clusters)]
        for service in self.services:
            running.callback(service.stop)
            service.keep_up()

    # ---- The course of it --------------------------------------------------------------------------------------

    def _moments(self) -> None:
        """When the scripted time begins, and where it ends: before now, so that no scan lies ahead of anybody's clock."""
        self._shown_from = self._first_label_at + timedelta(minutes=self.shipments)
        self._shown_until = timezone.now() - timedelta(minutes=30)
        self._post("faults", self._faults(own_trouble=True))
        self._show(0.0)

    def _havoc(self) -> None:
        restart_at = {self.kills // 3: self._kill_database, 2 * self.kills // 3: self._restart_database}
        # Everybody was asked once before the first blow falls.
        give_up_at = time.monotonic() + 120
        while (
            Watch.objects.filter(checked_at=None).count() > self.shipments // 10
            and time.monotonic() < give_up_at
        ):
            self._tick(0.0)
        done = 0
        while done < self.kills:
            wait_until = time.monotonic() + self._dice.uniform(0.1, 2 * self.gap)
            while time.monotonic() < wait_until:
                self._tick(done / self.kills)
            hit = self._dice.choice(self.services).strike(self._dice)
            if hit is None:
                continue
            self._note_blow()
            self.hits[hit] += 1
            done += 1
            if done % 10 == 0:
                self.say(f"{done} of {self.kills} kills; {self._answered()} parcels answered so far.")
            if done in restart_at:
                restart_at[done]()
                self._note_blow()

    def _settle(self) -> None:
        """Let it go on untroubled by us until all was asked once more and nothing is leased; the carriers fail as before."""
        self._post("faults", self._faults(own_trouble=False))
        self._show(1.0)
        self._last_round_from = timezone.now()
        self._patiently(lambda: CarrierAccount.objects.update(cadence_seconds=24 * 3600))
        give_up_at = time.monotonic() + SETTLE_PATIENCE
        while time.monotonic() < give_up_at:
            self._tick(1.0)
            if self._is_settled():
                return

    def _is_settled(self) -> bool:
        def left() -> bool:
            return self._unasked().exists() or Watch.objects.exclude(lease=None).exists()

        return self._patiently(left) is False

    def _unasked(self) -> Any:
        """Those a carrier has not told all of since the last round began: that it knew nothing, and values nobody can read,
        are among its faults."""
        assert self._last_round_from is not None
        told = Q(
            checked_at__gte=self._last_round_from, heard=AnswerKind.SNAPSHOT, shipment__answer__unreadable=[]
        )
        return Watch.objects.filter(due_at__isnull=False, shipment__lifecycle=Lifecycle.ACTIVE).exclude(told)

    def _tick(self, share: float) -> None:
        """A moment of the trial: what runs is kept up, time goes on, people do what they would, and we look."""
        for service in self.services:
            service.keep_up()
        now = time.monotonic()
        if now - self._last_tending >= TEND_EVERY:
            self._last_tending = now
            if self._last_round_from is None:
                self._show(share)
            self._patiently(self._tend)
        if now - self._last_look >= LOOK_EVERY:
            self._last_look = now
            self._patiently(self._look)
        time.sleep(0.1)

    def _tend(self) -> None:
        """What takes hours in life is done at once: somebody enters refused credentials anew, and asks about parcels whose
        next try is far off. Leases are left alone: they are what is on trial."""
        now = timezone.now()
        if time.monotonic() - self._last_mending >= MEND_EVERY:
            self._last_mending = time.monotonic()
            paused = Q(budget__paused_until__gt=now)
            broken = Q(budget__breaker__in=[BreakerState.OPEN, BreakerState.HALF_OPEN])
            for account in CarrierAccount.objects.filter(paused | broken):
                take_effect(account, now)
        if self._last_round_from is None:
            far = Watch.objects.filter(
                lease=None,
                due_at__gt=now + timedelta(seconds=2 * CADENCE),
                shipment__lifecycle=Lifecycle.ACTIVE,
            )
            since = now - timedelta(seconds=CADENCE)
        else:
            far, since = self._unasked().filter(lease=None), now
        ids = list(far.values_list("pk", flat=True))
        if ids:
            Watch.objects.bring_forward(ids, now, unless_checked_since=since)

    def _look(self) -> None:
        now = time.monotonic()
        newest = Watch.objects.aggregate(newest=Max("checked_at"))["newest"]
        for blow in [blow for blow in self._unanswered if newest is not None and newest > blow]:
            self._unanswered.remove(blow)
            self.recoveries.append((newest - blow).total_seconds())
        held = dict(Watch.objects.exclude(lease=None).values_list("pk", "lease"))
        self._leases = {
            pk: known if (known := self._leases.get(pk)) and known[0] == lease else (lease, now)
            for pk, lease in held.items()
        }
        self.longest_lease = max(
            [self.longest_lease, *(now - since for _lease, since in self._leases.values())]
        )

    def _note_blow(self) -> None:
        self._unanswered.append(timezone.now())

    def _kill_database(self) -> None:
        kill_database(self._embedded)
        self.restarts.append("kill -9")

    def _restart_database(self) -> None:
        self._embedded.stop()
        self._embedded.start()
        self.restarts.append("fast stop")

    def _answered(self) -> int:
        return self._patiently(lambda: Watch.objects.exclude(checked_at=None).count()) or 0

    def _patiently(self, ask: Callable[[], Any]) -> Any:
        """What the database says; None while it is away."""
        try:
            return ask()
        except (OperationalError, InterfaceError):
            connections.close_all()
            return None

    # ---- The simulator -----------------------------------------------------------------------------------------

    def _post(self, what: str, content: str) -> None:
        httpx.post(f"{self._simulator}/simulator/{what}", content=content, timeout=30).raise_for_status()

    def _show(self, share: float) -> None:
        """Have the carriers tell what had happened by this share of the scripted time."""
        moment = self._shown_from + (self._shown_until - self._shown_from) * share
        self._post("clock", str(round((moment - timezone.now()).total_seconds())))

    def _faults(self, *, own_trouble: bool) -> str:
        of_calls = [*faults.STATUS_KINDS, *faults.BODY_KINDS, "revoked"]
        entries = [f"{kind}:{FAILING / len(of_calls):.5f}{_DETAILS.get(kind, '')}" for kind in of_calls]
        entries += [
            f"{kind}:{FAILING / len(faults.TOKEN_KINDS):.5f}{_DETAILS.get(kind, '')}"
            for kind in faults.TOKEN_KINDS
        ]
        if own_trouble:
            picked = random.Random(self.seed).sample(self.parcels, min(3 * _OWN_TROUBLE, len(self.parcels)))  # noqa: S311
            entries += [
                f"{kind}:{parcel.journey.number}"
                for place, kind in enumerate(sorted(faults.ITEM_KINDS))
                for parcel in picked[place::3]
            ]
        return ",".join(entries)

    # ---- The end -----------------------------------------------------------------------------------------------

    def _judge(self, now: datetime) -> Verdict:
        return judge(self.parcels, seen_all_until=self._shown_until, nothing_after=now)

    def _figures(
        self, verdict: Verdict, sink: MailSink, killed_for: float, settled_in: float, clean: list[int | None]
    ) -> dict[str, Any]:
        counted = httpx.get(f"{self._simulator}/simulator/calls", timeout=30).json()
        calls = sum(times for name, times in counted["calls"].items() if name.endswith("tracking"))
        unasked = Shipment.objects.filter(
            lifecycle=Lifecycle.ACTIVE, pk__in=self._unasked().values("pk")
        ).count()
        leases = Watch.objects.exclude(lease=None).count()
        ok = verdict.is_clean and not (unasked or leases or sink.told_twice) and set(clean) <= {0}
        return {
            "ok": ok,
            "shipments": self.shipments,
            "clusters": self.clusters,
            "kills": {str(target): self.hits[target] for target in Target},
            "database_restarts": self.restarts,
            "tracking_calls": calls,
            "answers_spoilt": sum(counted["faults"].values()),
            "kinds_of_faults": len(counted["faults"]),
            **asdict(verdict),
            "not_asked": unasked,
            "leases_left": leases,
            "mails": sink.taken.total(),
            "told_twice": sink.told_twice,
            "mails_sent_again": sink.sent_again,
            "tasks_that_failed": queueing.figures(timezone.now()).failed,
            "tasks_left": queueing.waiting(),
            "median_recovery_seconds": round(statistics.median(self.recoveries), 1)
            if self.recoveries
            else None,
            "worst_recovery_seconds": round(max(self.recoveries), 1) if self.recoveries else None,
            "blows_never_recovered_from": len(self._unanswered),
            "longest_lease_seconds": round(self.longest_lease, 1),
            "kills_took_seconds": round(killed_for, 1),
            "settled_in_seconds": round(settled_in, 1),
        }


def line_of(figures: dict[str, Any]) -> str:
    return json.dumps({"bench": "bench_crash", **figures})
