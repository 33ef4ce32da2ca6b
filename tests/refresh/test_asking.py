"""A newer key beside an older one: no gap, no hammering, and the older goes when the newer has worked. Over real HTTP."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from shipments.fields import key_ring
from shipments.models import AuditEntry, Budget, CarrierAccount, Credential, CredentialToken, Shipment
from shipments.models.credentials import LONGEST_REST, in_order
from shipments.refresh import runner
from shipments.simulator.journeys import make_number
from shipments.simulator.numbers import Scenario
from shipments.tracking.accounts import NewKey, give_key, retire, take_effect
from tests.factories import Simulator, a_key, a_merchant, a_shipment, an_account, keys_of

pytestmark = pytest.mark.django_db(transaction=True)

WRONG = "wrong-key-5555"


@pytest.fixture(params=["usps", "pitney_bowes"])
def account(calm: Simulator, request: pytest.FixtureRequest) -> CarrierAccount:
    return an_account(a_merchant(slug="simulated"), request.param, base_url=calm.url)


@pytest.fixture
def shipment(account: CarrierAccount) -> Shipment:
    shipped = datetime.now(UTC) - timedelta(days=7)
    carrier = "USPS" if account.gateway == "usps" else "UPS"
    number = make_number(carrier, Scenario.ON_TIME, shipped, variant=1)
    return a_shipment(account.merchant, carrier=carrier, number=number, gateway=account.gateway)


def ask(shipment: Shipment) -> str:
    """How the account answered: the kind of error, `""` for none."""
    (done,), _ = runner.ask_now([shipment])
    done.shipment.watch.refresh_from_db()
    return str(done.shipment.watch.error_kind)


def token_calls(calm: Simulator, account: CarrierAccount) -> int:
    return int(calm.calls()["calls"].get(f"{account.gateway}.token", 0))


def test_a_newer_key_that_works_retires_the_older_and_erases_its_secret(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    ask(shipment)
    older = account.credentials.get()
    newer = a_key(account)
    assert len(keys_of(account)) == 2

    assert ask(shipment) == ""

    assert keys_of(account) == [("newer-key-9012", "newer-secret-3456")]
    gone = Credential.objects.get_queryset().with_secrets().get(pk=older.pk)
    assert (gone.key, gone.secret, gone.ending) == (None, None, "1234")
    assert gone.retired_at is not None
    newer.refresh_from_db()
    assert newer.worked_at is not None
    assert CredentialToken.objects.get().credential_id == newer.pk
    entry = AuditEntry.objects.get(verb="key retired")
    assert (entry.source, entry.before, entry.after) == ("queue", {"ending": "1234"}, {"worked": "…9012"})


def test_while_a_newer_key_is_refused_the_older_goes_on_in_the_same_turn(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    newer = a_key(account, WRONG)
    calm.faults(f"token-refused:key={WRONG}")

    assert ask(shipment) == ""

    shipment.refresh_from_db()
    assert shipment.status == "Delivered"
    newer.refresh_from_db()
    assert (newer.is_live, newer.worked_at, newer.refusals) == (True, None, 1)
    assert "refused" in newer.refusal
    older = account.credentials.live().exclude(pk=newer.pk).get()
    assert older.worked_at is not None
    assert Budget.objects.get().breaker == "closed"


def test_a_refused_key_rests_while_the_older_works_and_is_tried_again_later(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    newer = a_key(account, WRONG)
    calm.faults(f"token-refused:key={WRONG}")
    ask(shipment)
    asked = token_calls(calm, account)

    ask(shipment)
    ask(shipment)
    assert token_calls(calm, account) == asked

    # Mended at the carrier's; when its rest is over it is tried, works, and the older goes.
    calm.faults("")
    Credential.objects.filter(pk=newer.pk).update(refused_at=timezone.now() - timedelta(minutes=16))
    assert ask(shipment) == ""
    assert keys_of(account) == [(WRONG, "newer-secret-3456")]


def test_the_breaker_opens_only_when_no_key_works(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    a_key(account, WRONG)
    calm.faults("token-refused:1")

    assert ask(shipment) == "bad-credentials"

    budget = Budget.objects.get()
    assert (budget.breaker, budget.opened_for) == ("open", "bad-credentials")
    assert set(account.credentials.live().values_list("refusals", flat=True)) == {1}


def test_an_older_key_that_is_refused_makes_way_for_the_newer_even_in_its_rest(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    a_key(account, refused_at=timezone.now(), refusals=3)
    calm.faults("token-refused:key=test-key")

    assert ask(shipment) == ""

    assert keys_of(account) == [("newer-key-9012", "newer-secret-3456")]


def test_a_key_without_the_tracking_product_leaves_the_older_in_place(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    a_key(account)
    # With a 401 a second token is tried.
    calm.faults("noproduct@usps:x2,noproduct@pitney_bowes:x1")

    assert ask(shipment) == ""

    assert len(keys_of(account)) == 2


def test_a_carrier_in_trouble_says_nothing_of_the_newer_key(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    newer = a_key(account)
    calm.faults("token-500:1")

    assert ask(shipment) == "try-later"

    newer.refresh_from_db()
    assert (newer.worked_at, newer.refused_at, newer.is_live) == (None, None, True)
    assert len(keys_of(account)) == 2


def test_a_piece_that_is_not_for_this_account_does_not_show_that_the_key_works(calm: Simulator) -> None:
    account = an_account(a_merchant(), base_url=calm.url)
    a_key(account)
    calm.faults("403:1")
    number = make_number("USPS", Scenario.ON_TIME, datetime.now(UTC) - timedelta(days=7))
    runner.ask_now([a_shipment(account.merchant, number=number)])
    assert len(keys_of(account)) == 2


def test_a_newer_key_that_the_ring_does_not_read_leaves_the_asking_to_the_older(
    account: CarrierAccount, shipment: Shipment, settings: Any
) -> None:
    ours = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    newer = a_key(account)
    settings.CREDENTIAL_KEYS = ours

    assert ask(shipment) == ""

    assert Credential.objects.get(pk=newer.pk).refusal.startswith("The key ring cannot read")


def test_an_account_without_a_key_asks_nobody_and_says_so(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    retire(account.credentials.get(), timezone.now())

    assert ask(shipment) == "bad-credentials"

    shipment.watch.refresh_from_db()
    assert shipment.watch.error_text.startswith("No key is stored for this account")
    assert calm.calls()["calls"] == {}


def test_a_third_key_replaces_the_newer_one_which_had_not_worked(account: CarrierAccount) -> None:
    a_key(account, WRONG)

    made, replaced = give_key(account, NewKey("third-key-7777", "third"), by=None, now=timezone.now())

    assert (made.ending, replaced and replaced.ending) == ("7777", "5555")
    assert [key for key, _secret in keys_of(account)] == ["third-key-7777", "test-key-1234"]
    assert account.credentials.count() == 3


def test_the_database_refuses_a_third_live_key_and_a_retired_one_with_a_secret(
    account: CarrierAccount,
) -> None:
    a_key(account)
    for columns in (
        {"slot": 1},
        {"slot": 2},
        {"slot": 3},
        {"slot": 1, "retired_at": timezone.now()},
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            Credential.objects.create(
                account=account, key="k", secret="s", added_at=timezone.now(), **columns
            )


def test_the_tokens_of_two_keys_are_apart(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    ask(shipment)
    kept = CredentialToken.objects.get().value
    newer = a_key(account)
    calm.faults("token-500:1")
    ask(shipment)
    assert CredentialToken.objects.get(credential__ending="1234").value == kept
    assert CredentialToken.objects.get(credential=newer).value is None


def test_what_a_person_changed_is_tried_without_a_rest(account: CarrierAccount) -> None:
    newer = a_key(account, refused_at=timezone.now(), refusals=5, refusal="No.")
    take_effect(account, timezone.now())
    newer.refresh_from_db()
    assert (newer.refused_at, newer.refusals, newer.refusal) == (None, 0, "")


def test_rests_grow_and_end_somewhere() -> None:
    now = timezone.now()
    rested = [
        Credential(pk=refusals, refusals=refusals, refused_at=now - timedelta(minutes=20))
        for refusals in (1, 2, 50)
    ]
    assert [one.rests(now) for one in rested] == [False, True, True]
    assert rested[2].rests(now + LONGEST_REST) is False
    assert [one.pk for one in in_order(rested, now)] == [1, 50, 2]


def test_tokens_are_ciphertext(account: CarrierAccount, shipment: Shipment) -> None:
    ask(shipment)
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM shipments_credentialtoken")
        (stored,) = cursor.fetchone()
    assert key_ring().decrypt(stored.encode()).decode() == CredentialToken.objects.get().value
