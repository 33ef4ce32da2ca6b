"""What is due becomes full batches by account; what cannot be asked now is put off with its reason."""

import math
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cryptography.fernet import Fernet
from django.db import connection
from django.test.utils import CaptureQueriesContext

from shipments.models import CallCount, Merchant, Shipment, Watch
from shipments.models.watches import Turn
from shipments.refresh import routing, waiting
from shipments.refresh.budget import take
from shipments.refresh.planner import LEASE, Batch, plan_due, room
from tests.factories import a_budget, a_merchant, a_shipment, an_account, an_impb

pytestmark = pytest.mark.django_db

# 1 a.m. Eastern: inside the hours in which USPS is closed to Pitney Bowes' callers.
NIGHT = datetime(2026, 6, 10, 5, 0, tzinfo=UTC)
DAY = datetime(2026, 6, 10, 15, 0, tzinfo=UTC)
EASTERN = ZoneInfo("America/New_York")


def test_what_is_asked_in_one_go_is_one_batch():
    merchant = a_merchant()
    account = an_account(merchant)
    for _ in range(40):
        a_shipment(merchant, due_at=DAY)
    batches = plan_due(DAY)
    assert [(batch.account_id, len(batch.shipment_ids)) for batch in batches] == [(account.pk, 40)]
    assert set(Watch.objects.values_list("lease", "due_at")) == {(batches[0].lease, DAY + LEASE)}


def test_parcels_are_grouped_by_the_account_that_asks():
    one, other = a_merchant(), a_merchant()
    ones, platforms = an_account(one), an_account(None)
    mine, theirs = a_shipment(one, due_at=DAY), a_shipment(other, due_at=DAY)
    assert {(batch.account_id, batch.shipment_ids) for batch in plan_due(DAY)} == {
        (ones.pk, (mine.pk,)),
        (platforms.pk, (theirs.pk,)),
    }


def test_planning_costs_the_same_for_many_as_for_few():
    merchant = a_merchant()
    an_account(merchant)

    def statements(count: int) -> int:
        for _ in range(count):
            a_shipment(merchant, due_at=DAY)
            a_shipment(merchant, due_at=DAY, carrier="UPS", number=f"1Z5R8939035756{count}{_:02d}")
        with CaptureQueriesContext(connection) as queries:
            plan_due(DAY)
        return len(queries)

    assert statements(3) == statements(20)


def test_a_parcel_nobody_can_ask_about_says_so_and_waits():
    merchant = a_merchant()
    an_account(merchant)
    pinned = a_shipment(merchant, gateway="pitney_bowes", due_at=DAY)
    ups = a_shipment(merchant, carrier="UPS", number="1Z5R89390357567127", due_at=DAY)

    assert plan_due(DAY) == []

    watches = {watch.pk: watch for watch in Watch.objects.all()}
    assert watches[pinned.pk].error_text == (
        "No active pitney_bowes account can ask about this parcel. Add one, or unset the parcel's gateway."
    )
    assert (
        watches[ups.pk].error_text
        == "No active account can ask about carrier UPS. Add one for this merchant."
    )
    assert {(watch.error_kind, watch.due_at, watch.lease) for watch in watches.values()} == {
        ("no-account", DAY + timedelta(hours=1), None)
    }


def test_no_scheduled_question_about_usps_goes_to_pitney_bowes_at_night():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes")
    closed = a_shipment(merchant, due_at=NIGHT)
    fedex = a_shipment(merchant, carrier="FedEx", number="986578788855", due_at=NIGHT)

    assert [batch.shipment_ids for batch in plan_due(NIGHT)] == [(fedex.pk,)]
    opens = datetime(2026, 6, 10, 7, 0, tzinfo=UTC)
    assert opens <= Watch.objects.get(pk=closed.pk).due_at < opens + timedelta(minutes=30)


def test_usps_itself_is_asked_at_night():
    merchant = a_merchant()
    an_account(merchant, "usps")
    shipment = a_shipment(merchant, due_at=NIGHT)
    assert [batch.shipment_ids for batch in plan_due(NIGHT)] == [(shipment.pk,)]


def test_a_person_may_ask_at_night():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes")
    shipment = a_shipment(merchant, due_at=NIGHT + timedelta(days=1))
    Watch.objects.ask_now([shipment.pk], NIGHT)
    assert [batch.shipment_ids for batch in plan_due(NIGHT)] == [(shipment.pk,)]


def test_a_simulators_account_keeps_no_hours():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes", cadence_seconds=20)
    shipment = a_shipment(merchant, due_at=NIGHT)
    assert [batch.shipment_ids for batch in plan_due(NIGHT)] == [(shipment.pk,)]


def test_parcels_of_a_paused_account_wait_for_its_end_and_keep_a_persons_wish():
    merchant = a_merchant()
    account = an_account(merchant)
    shipment = a_shipment(merchant, due_at=DAY)
    Watch.objects.ask_now([shipment.pk], DAY)
    a_budget(account, paused_until=DAY + timedelta(minutes=10))

    assert plan_due(DAY) == []

    watch = Watch.objects.get()
    assert (watch.due_at, watch.by_hand, watch.lease) == (DAY, True, None)
    assert [batch.shipment_ids for batch in plan_due(DAY + timedelta(minutes=10))] == [(shipment.pk,)]


def test_a_parcel_that_ended_since_it_became_due_is_asked_no_more():
    merchant = a_merchant()
    shipment = a_shipment(merchant, due_at=DAY, lifecycle="ended", end_reason="by-hand")
    assert plan_due(DAY) == []
    watch = Watch.objects.get(pk=shipment.pk)
    assert (watch.due_at, watch.lease, watch.error_kind) == (None, None, "")


def test_an_account_no_key_of_the_ring_reads_does_not_stop_the_planning(settings):
    merchant = a_merchant()
    account = an_account(merchant)
    shipment = a_shipment(merchant, due_at=DAY)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    assert [(batch.account_id, batch.shipment_ids) for batch in plan_due(DAY)] == [
        (account.pk, (shipment.pk,))
    ]


# ---- Calls and places -----------------------------------------------------------------------------------------


def asked(batches: list[Batch]) -> list[int]:
    return [pk for batch in batches for pk in batch.shipment_ids]


def many(merchant: Merchant, count: int, *, due_at: datetime = DAY, **over: Any) -> list[int]:
    """So many parcels, made in two statements."""
    carrier = over.pop("carrier", "USPS")
    rows = Shipment.objects.bulk_create(
        Shipment(
            merchant=merchant,
            carrier_id=carrier,
            number=number,
            number_as_typed=number,
            lookup_key=number,
            created_at=due_at - timedelta(days=2),
            **over,
        )
        for number in (an_impb() for _ in range(count))
    )
    Watch.objects.bulk_create(
        Watch(shipment=row, merchant=merchant, due_at=due_at, wanted_by=due_at) for row in rows
    )
    return [row.pk for row in rows]


def test_no_more_is_planned_than_the_account_has_calls_for():
    merchant = a_merchant()
    account = an_account(merchant, calls_per_hour=60)
    many(merchant, 500)
    # A burst of three calls.
    assert [len(batch.shipment_ids) for batch in plan_due(DAY)] == [105]
    # What was planned and not asked yet counts.
    assert plan_due(DAY + timedelta(seconds=30)) == []
    Watch.objects.exclude(lease=None).update(lease=None, due_at=None)
    take(account, 3, by_hand=False, now=DAY)
    assert plan_due(DAY + timedelta(seconds=30)) == []
    assert [len(batch.shipment_ids) for batch in plan_due(DAY + timedelta(seconds=67))] == [35]


def test_nothing_is_planned_from_the_reserve_and_people_may_have_it():
    merchant = a_merchant()
    account = an_account(merchant, calls_per_hour=60)
    many(merchant, 50)
    CallCount.objects.create(account=account, minute=DAY - timedelta(minutes=30), calls=54)
    assert plan_due(DAY) == []
    wanted = a_shipment(merchant, due_at=DAY + timedelta(days=1))
    Watch.objects.ask_now([wanted.pk], DAY)

    (batch,) = plan_due(DAY)

    # The rest of the call costs nothing.
    assert batch.shipment_ids[0] == wanted.pk
    assert len(batch.shipment_ids) == 35


def test_what_people_ask_for_waits_where_the_hour_is_spent():
    merchant = a_merchant()
    account = an_account(merchant, calls_per_hour=60)
    shipment = a_shipment(merchant, due_at=DAY)
    Watch.objects.ask_now([shipment.pk], DAY)
    CallCount.objects.create(account=account, minute=DAY, calls=60)
    assert plan_due(DAY) == []
    assert Watch.objects.get().by_hand
    assert asked(plan_due(DAY + timedelta(minutes=62))) == [shipment.pk]


def test_what_people_ask_for_is_planned_before_everything_else_and_with_a_full_queue():
    merchant = a_merchant()
    an_account(merchant, cadence_seconds=20)
    many(merchant, 100)
    wanted = a_shipment(merchant, due_at=DAY + timedelta(days=1))
    Watch.objects.ask_now([wanted.pk], DAY)
    assert room(7) == 1_400
    assert room(8) == 0
    batches = plan_due(DAY, limit=room(8))
    assert batches[0].shipment_ids[0] == wanted.pk
    assert len(batches) == 1
    assert len(asked(plan_due(DAY))) == 100 + 1 - len(batches[0].shipment_ids)


def test_pitney_bowes_calls_are_counted_by_the_parcel():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes", calls_per_hour=100)
    many(merchant, 50, carrier="UPS")
    # Ninety an hour, forty seconds apart: a burst of four calls.
    assert [len(batch.shipment_ids) for batch in plan_due(DAY)] == [4]


def test_a_sweep_shares_its_places_among_accounts():
    merchants = [a_merchant() for _ in range(3)]
    accounts = [an_account(merchant, cadence_seconds=20) for merchant in merchants]
    many(merchants[0], 300)
    many(merchants[1], 300)
    small = many(merchants[2], 10)
    batches = plan_due(DAY, limit=150)
    by_account = {
        account.pk: sum(len(b.shipment_ids) for b in batches if b.account_id == account.pk)
        for account in accounts
    }
    assert by_account == {accounts[0].pk: 70, accounts[1].pk: 70, accounts[2].pk: 10}
    assert set(small) < set(asked(batches))


# ---- Fairness -------------------------------------------------------------------------------------------------


def test_a_merchant_with_very_many_parcels_does_not_starve_one_with_ten():
    """On one account of the platform, through the real planner, minute by minute."""
    large, small = a_merchant(), a_merchant()
    account = an_account(None, calls_per_hour=60)
    many(large, 5_000, due_at=DAY - timedelta(hours=20), status="InTransit")
    tens = set(many(small, 10, due_at=DAY, status="InTransit"))
    seen: set[int] = set()
    for minute in range(0, 60, 2):
        now = DAY + timedelta(minutes=minute)
        batches = plan_due(now)
        for batch in batches:
            take(account, math.ceil(len(batch.shipment_ids) / 35), by_hand=False, now=now)
            seen |= set(batch.shipment_ids)
            Watch.objects.reschedule(
                dict.fromkeys(batch.shipment_ids, Turn(now + timedelta(hours=2), now + timedelta(hours=2))),
                lease=batch.lease,
            )
        if tens <= seen:
            break
    assert tens <= seen
    assert minute <= 30
    assert len(seen) > 35


# ---- Windows --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("night", "opens"),
    [
        # Clocks go forward at 2: from midnight to 3 are two hours.
        (datetime(2026, 3, 8, tzinfo=EASTERN), datetime(2026, 3, 8, 7, 0, tzinfo=UTC)),
        # Clocks go back at 2: from midnight to 3 are four hours.
        (datetime(2026, 11, 1, tzinfo=EASTERN), datetime(2026, 11, 1, 8, 0, tzinfo=UTC)),
    ],
)
def test_on_the_nights_of_a_clock_change_no_scheduled_question_is_asked_inside_the_window(night, opens):
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes")
    begins = night.astimezone(UTC)
    shipment = a_shipment(merchant, due_at=begins - timedelta(minutes=1))
    Watch.objects.update(due_at=begins)
    now, asked_at = begins, None
    while asked_at is None and now < begins + timedelta(hours=6):
        if plan_due(now):
            asked_at = now
        now += timedelta(minutes=5)
    assert asked_at is not None
    assert opens <= asked_at <= opens + timedelta(minutes=35)
    assert Watch.objects.get(pk=shipment.pk).lease is not None


@pytest.mark.parametrize(
    "night", [datetime(2026, 3, 8, tzinfo=EASTERN), datetime(2026, 11, 1, tzinfo=EASTERN)]
)
def test_on_the_nights_of_a_clock_change_the_minute_before_the_window_is_open(night):
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes")
    before = night.astimezone(UTC) - timedelta(minutes=1)
    shipment = a_shipment(merchant, due_at=before)
    assert asked(plan_due(before)) == [shipment.pk]


def test_after_the_window_work_resumes_spread_out():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes")
    many(merchant, 3_000, due_at=NIGHT)
    assert plan_due(NIGHT) == []
    opens = datetime(2026, 6, 10, 7, 0, tzinfo=UTC)
    by_minute = []
    for minute in range(31):
        batches = plan_due(opens + timedelta(minutes=minute))
        by_minute.append(len(asked(batches)))
        Watch.objects.exclude(lease=None).update(lease=None, due_at=None)
    assert sum(by_minute) == 3_000
    # A hundred a minute, give or take chance; never the thousands that waited.
    assert by_minute[0] < 20
    assert max(by_minute) < 160


def test_what_is_closed_does_not_keep_back_what_is_open():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes")
    many(merchant, 1_200, due_at=NIGHT - timedelta(hours=1))
    fedex = a_shipment(merchant, carrier="FedEx", number="986578788855", due_at=NIGHT)
    assert asked(plan_due(NIGHT)) == [fedex.pk]


# ---- Who asks -------------------------------------------------------------------------------------------------


def test_who_asks_is_written_on_the_watch():
    merchant = a_merchant()
    account = an_account(merchant)
    shipment = a_shipment(merchant, due_at=DAY)
    plan_due(DAY)
    assert Watch.objects.get(pk=shipment.pk).account_id == account.pk


def test_parcels_of_an_account_that_is_switched_off_go_to_another():
    merchant = a_merchant()
    first, second = an_account(merchant), an_account(None)
    shipment = a_shipment(merchant, due_at=DAY)
    Watch.objects.update(account=first)
    first.is_active = False
    first.save()
    plan_due(DAY)
    assert asked(plan_due(DAY + timedelta(minutes=1))) == [shipment.pk]
    assert Watch.objects.get().account_id == second.pk


def test_parcels_of_a_broken_account_go_to_another_that_would_be_chosen_now():
    merchant = a_merchant()
    platform = an_account(None)
    a_budget(platform, breaker="open", probes_at=DAY + timedelta(hours=1))
    shipment = a_shipment(merchant, due_at=DAY)
    Watch.objects.update(account=platform)
    own = an_account(merchant)
    plan_due(DAY)
    assert asked(plan_due(DAY + timedelta(minutes=1))) == [shipment.pk]
    assert Watch.objects.get().account_id == own.pk


def test_a_lease_of_a_killed_worker_ends_and_the_parcel_is_planned_again():
    merchant = a_merchant()
    an_account(merchant)
    shipment = a_shipment(merchant, due_at=DAY)
    (first,) = plan_due(DAY)
    assert plan_due(DAY + LEASE - timedelta(seconds=1)) == []
    (second,) = plan_due(DAY + LEASE)
    assert (second.shipment_ids, second.lease != first.lease) == ((shipment.pk,), True)


# ---- The breaker ----------------------------------------------------------------------------------------------


def test_a_broken_account_is_tried_with_one_parcel_when_it_is_time():
    merchant = a_merchant()
    account = an_account(merchant)
    budget = a_budget(account, breaker="open", failures=5, probes_at=DAY)
    many(merchant, 40)
    assert plan_due(DAY - timedelta(seconds=1)) == []

    (batch,) = plan_due(DAY)

    assert len(batch.shipment_ids) == 1
    budget.refresh_from_db()
    assert (budget.breaker, budget.probe, budget.probe_until) == ("half-open", batch.lease, DAY + LEASE)
    # Nobody else tries while it is under way; when its worker was killed, somebody does.
    assert plan_due(DAY + timedelta(minutes=1)) == []
    assert len(asked(plan_due(DAY + LEASE))) == 1


def test_a_person_has_the_probe_sooner_but_not_with_refused_credentials():
    merchant = a_merchant()
    account = an_account(merchant)
    budget = a_budget(account, breaker="open", opened_for="try-later", probes_at=DAY + timedelta(hours=1))
    other, wanted = a_shipment(merchant, due_at=DAY), a_shipment(merchant, due_at=DAY)
    Watch.objects.update(account=account)
    Watch.objects.ask_now([wanted.pk], DAY)
    assert asked(plan_due(DAY)) == [wanted.pk]

    Watch.objects.update(lease=None, due_at=DAY)
    for name, value in {"breaker": "open", "opened_for": "bad-credentials", "probe": None}.items():
        setattr(budget, name, value)
    budget.save()
    assert plan_due(DAY) == []
    assert Watch.objects.get(pk=other.pk).lease is None


# ---- Many planners --------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_planners_of_many_hosts_never_plan_a_parcel_twice_or_more_than_there_are_calls():
    merchant = a_merchant()
    an_account(merchant, calls_per_hour=60)
    many(merchant, 300)
    start, made = threading.Barrier(4), []

    def plan() -> None:
        start.wait(10)
        made.extend(asked(plan_due(DAY)))
        connection.close()

    threads = [threading.Thread(target=plan) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == len(set(made)) == 105


def test_of_very_many_merchants_each_has_its_turn(monkeypatch):
    monkeypatch.setattr(waiting, "MERCHANTS_A_MINUTE", 2)
    account = an_account(None, calls_per_hour=60)
    parcels = [a_shipment(a_merchant(), due_at=DAY).pk for _ in range(7)]
    Watch.objects.update(account=account)
    turns = [
        {one.shipment_id for one in waiting.first_of({account.pk: 500}, DAY + timedelta(minutes=minute))}
        for minute in range(200)
    ]
    # Two merchants with three sorts each: six groups a minute.
    assert max(len(turn) for turn in turns) == 6
    assert set.union(*turns) == set(parcels)


def test_a_plan_costs_as_many_statements_for_many_accounts_as_for_few():
    def statements(count: int) -> int:
        for _ in range(count):
            merchant = a_merchant()
            an_account(merchant, calls_per_hour=60)
            a_shipment(merchant, due_at=DAY)
        with CaptureQueriesContext(connection) as queries:
            plan_due(DAY)
        return len(queries)

    assert statements(2) == statements(9)


def test_what_a_planner_reads_of_many_watches_it_finds_by_an_index():
    merchant = a_merchant()
    account = an_account(merchant, calls_per_hour=60)
    many(merchant, 3_000)
    Watch.objects.update(account=account)
    pks = Watch.objects.order_by("pk").values_list("pk", flat=True)
    Watch.objects.filter(pk__in=list(pks[:20])).update(by_hand=True)
    Watch.objects.filter(pk__in=list(pks[20:40])).update(account=None)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE shipments_watch")
        # Of so few rows a scan of all may be cheaper: what counts is whether there is an index that serves.
        cursor.execute("SET LOCAL enable_seqscan = off")
        with CaptureQueriesContext(connection) as queries:
            waiting.first_of({account.pk: 500}, DAY)
            waiting.by_hand({account.pk: 500}, DAY)
            waiting.loads({account.pk: 100}, DAY)
            routing.route(DAY)
        plans = {}
        for query in queries:
            if "shipments_watch" in query["sql"] and query["sql"].lstrip().startswith(("SELECT", "WITH")):
                cursor.execute(f"EXPLAIN {query['sql']}")
                plans[query["sql"]] = "\n".join(row[0] for row in cursor.fetchall())
    assert len(plans) >= 5
    assert [sql for sql, plan in plans.items() if "Seq Scan on shipments_watch" in plan] == []
    used = "\n".join(plans.values())
    for index in ("watch_rank_idx", "watch_due_idx", "watch_by_hand_idx"):
        assert index in used
