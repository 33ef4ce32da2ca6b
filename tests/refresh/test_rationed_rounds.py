"""Rounds of questions with an account that has only so many calls, or is in trouble: against the simulator, over real HTTP."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from shipments import tasks
from shipments.carriers.registry import in_one_go
from shipments.enums import Gateway
from shipments.management.benchmarks.gauges import counted_statements
from shipments.models import (
    Budget,
    CallCount,
    CarrierAccount,
    EngineTotal,
    Mail,
    Shipment,
    Watch,
)
from shipments.refresh import runner
from shipments.refresh.planner import plan_due
from shipments.simulator.journeys import make_number
from shipments.simulator.numbers import Scenario
from shipments.tracking.accounts import take_effect
from tests.factories import Simulator, a_budget, a_merchant, a_person, a_shipment, an_account

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def account(calm: Simulator) -> CarrierAccount:
    return an_account(a_merchant(slug="simulated", name="Simulated"), base_url=calm.url, calls_per_hour=60)


def parcels(account: CarrierAccount, count: int, carrier: str = "USPS") -> list[Shipment]:
    start = datetime.now(UTC) - timedelta(days=7)
    return [
        a_shipment(
            account.merchant,
            carrier=carrier,
            number=make_number(carrier, Scenario.ON_TIME, start - timedelta(minutes=n // 10), variant=n % 10),
            due_at=timezone.now() - timedelta(minutes=1),
        )
        for n in range(count)
    ]


def refresh_all() -> int:
    return sum(
        len(runner.refresh_leased(b.account_id, b.lease, b.shipment_ids)) for b in plan_due(timezone.now())
    )


def counted() -> int:
    return sum(CallCount.objects.values_list("calls", flat=True))


def tracking_calls(calm: Simulator) -> int:
    return sum(count for name, count in calm.calls()["calls"].items() if "token" not in name)


def make_due() -> None:
    Watch.objects.update(due_at=timezone.now() - timedelta(minutes=1), lease=None)


def test_each_call_of_a_batch_is_in_the_ledger(account, calm):
    parcels(account, 40)
    assert refresh_all() == 40
    assert counted() == tracking_calls(calm) == 2
    totals = dict(EngineTotal.objects.values_list("name", "total"))
    assert totals["calls_answered"] == 2
    assert totals["parcels_asked"] == totals["parcels_news"] == 40
    assert totals["scans_stored"] > 40
    assert set(EngineTotal.objects.values_list("account", flat=True)) == {account.pk}


def test_the_second_try_after_a_refused_token_counts_too(account, calm):
    parcels(account, 1)
    calm.faults("revoked:x1")
    assert refresh_all() == 1
    assert counted() == tracking_calls(calm) == 2


def test_the_search_for_a_piece_that_sinks_its_call_counts_too(account, calm):
    shipments = parcels(account, 8)
    calm.faults(f"403:{shipments[3].number}")
    refresh_all()
    assert tracking_calls(calm) > 5
    assert counted() == tracking_calls(calm)


def test_a_round_that_runs_out_of_calls_puts_the_rest_back_without_a_word(account, calm):
    """The search for a bad piece has used up the hour: the others are neither missed nor blamed."""
    CarrierAccount.objects.update(calls_per_hour=4)
    shipments = parcels(account, 8)
    calm.faults(f"403:{shipments[6].number}")
    refresh_all()
    assert counted() == tracking_calls(calm) == 4
    waiting = Watch.objects.filter(checked_at=None, error_kind="")
    assert waiting.count() > 0
    for watch in waiting:
        assert (watch.misses, watch.lease) == (0, None)
        assert watch.due_at is not None
        assert watch.due_at <= timezone.now()


def test_pitney_bowes_asks_about_as_many_as_there_are_calls(calm):
    account = an_account(a_merchant(), "pitney_bowes", base_url=calm.url, calls_per_hour=6)
    parcels(account, 10, "UPS")
    done, _accountless = runner.ask_now(list(Shipment.objects.all()))
    assert len(done) == 6
    assert counted() == tracking_calls(calm) == 6
    left = Watch.objects.filter(checked_at=None)
    # The queue asks about them, before others, when there is a call.
    assert [(watch.by_hand, watch.misses, watch.error_kind) for watch in left] == [(True, 0, "")] * 4


def test_calls_that_were_not_needed_are_given_back(calm):
    account = an_account(a_merchant(), "pitney_bowes", base_url=calm.url, calls_per_hour=100)
    parcels(account, 12, "UPS")
    calm.faults("token-refused:1")
    runner.ask_now(list(Shipment.objects.all()))
    assert counted() == tracking_calls(calm) == 0
    assert dict(EngineTotal.objects.values_list("name", "total"))["calls_refused"] == 1


# ---- Pauses ---------------------------------------------------------------------------------------------------


def test_a_refusal_within_the_quota_pauses_the_account_and_lowers_its_quota(account, calm):
    parcels(account, 2)
    CallCount.objects.create(account=account, minute=timezone.now() - timedelta(minutes=20), calls=39)
    calm.faults("429:1:600")
    refresh_all()
    budget = Budget.objects.get()
    assert budget.paused_until is not None
    assert budget.paused_until > timezone.now() + timedelta(minutes=9)
    assert budget.lowered_to == 40
    assert budget.breaker == "closed"
    make_due()
    assert plan_due(timezone.now()) == []


def test_a_carrier_out_of_order_that_says_for_how_long_is_left_alone_so_long(account, calm):
    parcels(account, 2)
    calm.faults("503:1:300")
    refresh_all()
    budget = Budget.objects.get()
    assert budget.paused_until is not None
    assert budget.paused_until > timezone.now() + timedelta(minutes=4)
    assert (budget.lowered_to, budget.failures) == (None, 1)


# ---- The breaker ----------------------------------------------------------------------------------------------


def fail(times: int) -> None:
    for _ in range(times):
        make_due()
        refresh_all()


def test_failures_in_a_row_open_the_breaker_and_an_answer_to_the_probe_closes_it(account, calm):
    a_person("olive@example.com", account.merchant, "owner")
    CarrierAccount.objects.update(cadence_seconds=20, calls_per_hour=None)
    parcels(account, 3)
    calm.faults("500:1")
    fail(4)
    assert Budget.objects.get().breaker == "closed"
    fail(1)
    assert (Budget.objects.get().breaker, Budget.objects.get().failures) == ("open", 5)
    calls = tracking_calls(calm)
    misses = sorted(Watch.objects.values_list("misses", flat=True))

    fail(1)

    assert tracking_calls(calm) == calls
    assert sorted(Watch.objects.values_list("misses", flat=True)) == misses
    # The first probe fails, too: only now somebody is told.
    assert Mail.objects.count() == 0
    Budget.objects.update(probes_at=timezone.now())
    fail(1)
    assert tracking_calls(calm) == calls + 1
    budget = Budget.objects.get()
    assert (budget.breaker, budget.failures, budget.probe) == ("open", 6, None)
    assert list(Mail.objects.values_list("kind", flat=True)) == ["account-broken"]

    calm.faults("")
    Budget.objects.update(probes_at=timezone.now())
    fail(1)
    budget = Budget.objects.get()
    assert (budget.breaker, budget.failures, budget.opened_at, budget.told_at) == ("closed", 0, None, None)
    assert list(Mail.objects.order_by("pk").values_list("kind", "to")) == [
        ("account-broken", "olive@example.com"),
        ("account-mended", "olive@example.com"),
    ]
    make_due()
    assert refresh_all() == 3


def test_a_refused_key_is_told_to_the_owners_once_in_their_language(account, calm):
    account.merchant.language = "es"
    account.merchant.save()
    a_person("olive@example.com", account.merchant, "owner")
    a_person("oscar@example.com", account.merchant, "owner")
    a_person("mary@example.com", account.merchant, "manager")
    parcels(account, 2)
    calm.faults("token-refused:1")
    fail(1)
    Budget.objects.update(probes_at=timezone.now())
    fail(1)
    mails = list(Mail.objects.order_by("to"))
    assert [mail.to for mail in mails] == ["olive@example.com", "oscar@example.com"]
    assert {mail.merchant_id for mail in mails} == {account.merchant_id}
    for mail in mails:
        assert 'lang="es"' in mail.html
        assert "test-secret" not in mail.text + mail.html
        assert "test-key" not in mail.text + mail.html


def test_the_operators_hear_of_the_platforms_account(calm):
    an_account(None, base_url=calm.url)
    a_person("operator@example.com", is_staff=True, is_superuser=True)
    merchant = a_merchant()
    a_person("olive@example.com", merchant, "owner")
    a_shipment(merchant)
    calm.faults("token-refused:1")
    fail(1)
    mail = Mail.objects.get()
    assert (mail.to, mail.merchant) == ("operator@example.com", None)
    assert "/admin/" in mail.text


def test_new_credentials_are_tried_at_once(account, calm):
    parcels(account, 3)
    calm.faults("token-refused:1")
    fail(1)
    calm.faults("")
    assert plan_due(timezone.now()) == []

    assert take_effect(account, timezone.now()) == 3

    assert refresh_all() == 1
    assert Budget.objects.get().breaker == "closed"
    assert refresh_all() == 2


def test_an_account_broken_since_the_batch_was_planned_asks_nobody(account, calm):
    parcels(account, 2)
    (batch,) = plan_due(timezone.now())
    Budget.objects.update(breaker="open", probes_at=timezone.now() + timedelta(hours=1))
    assert runner.refresh_leased(batch.account_id, batch.lease, batch.shipment_ids) == []
    assert set(Watch.objects.values_list("lease", "misses")) == {(None, 0)}
    assert tracking_calls(calm) == 0


def test_parcels_that_another_account_asks_about_by_now_are_let_go(account, calm):
    """Corrected since they were planned, or the account is another merchant's now: its credentials are not used for them."""
    shipments = parcels(account, 2)
    (batch,) = plan_due(timezone.now())
    Shipment.objects.filter(pk=shipments[0].pk).update(gateway="pitney_bowes")
    done = runner.refresh_leased(batch.account_id, batch.lease, batch.shipment_ids)
    assert [entry.shipment.pk for entry in done] == [shipments[1].pk]
    assert Watch.objects.filter(pk=shipments[0].pk).values_list("account", "lease").get() == (None, None)


def test_the_account_that_asks_next_is_chosen_with_each_answer(calm):
    merchant = a_merchant()
    platform = an_account(None, base_url=calm.url)
    shipment = a_shipment(merchant)
    assert refresh_all() == 1
    assert Watch.objects.get().account_id == platform.pk
    own = an_account(merchant, base_url=calm.url)
    make_due()
    # Routed already: it is asked with its own account by the time the batch begins.
    (batch,) = plan_due(timezone.now())
    assert batch.account_id == platform.pk
    assert runner.refresh_leased(batch.account_id, batch.lease, batch.shipment_ids) == []
    assert refresh_all() == 1
    assert Watch.objects.get(pk=shipment.pk).account_id == own.pk


def test_a_batch_costs_few_statements_beside_those_of_its_answers(
    account, calm, django_assert_max_num_queries
):
    CarrierAccount.objects.update(cadence_seconds=20, calls_per_hour=None)
    a_budget(account)
    parcels(account, 35)
    refresh_all()
    make_due()
    (batch,) = plan_due(timezone.now())
    # Without news: held, parcels, accounts, routes, key with its token, six of ingest, ledger and totals, rescheduled.
    with django_assert_max_num_queries(14):
        runner.refresh_leased(batch.account_id, batch.lease, batch.shipment_ids)


@pytest.mark.parametrize(("gateway", "carrier"), [("usps", "USPS"), ("pitney_bowes", "UPS")])
def test_with_news_of_all_its_parcels_a_task_costs_less_than_a_tenth_of_a_statement_a_parcel(
    gateway, carrier, calm
):
    account = an_account(
        a_merchant(), gateway=gateway, base_url=calm.url, cadence_seconds=20, calls_per_hour=None
    )
    a_budget(account)
    first, *_others = parcels(account, 3, carrier)
    # The first one fetches the token.
    Watch.objects.exclude(pk=first.pk).update(due_at=None)
    refresh_all()
    Watch.objects.exclude(pk=first.pk).update(due_at=timezone.now())
    (batch,) = plan_due(timezone.now())
    with counted_statements() as statements:
        tasks.refresh_leased(batch.account_id, str(batch.lease), *batch.shipment_ids)
    assert set(Shipment.objects.values_list("status", flat=True)) == {"Delivered"}
    # A sweep takes fourteen for four such tasks.
    assert statements.count < in_one_go(Gateway(gateway)) / 10 - 3.5
