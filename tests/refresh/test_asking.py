"""A newer key beside an older one: no gap, no hammering, and the older goes when the newer has worked. Over real HTTP."""

import threading
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from django.utils.html import escape

from shipments.fields import key_ring
from shipments.models import (
    AuditEntry,
    Budget,
    CarrierAccount,
    Credential,
    CredentialToken,
    Mail,
    Merchant,
    Shipment,
)
from shipments.models.credentials import LONGEST_REST, in_order
from shipments.refresh import runner, telling_owners
from shipments.refresh.asking import note_refused
from shipments.simulator.journeys import make_number
from shipments.simulator.numbers import Scenario
from shipments.tracking.accounts import NewKey, give_key, retire, take_effect
from tests.factories import Simulator, a_key, a_merchant, a_person, a_shipment, an_account, keys_of

pytestmark = pytest.mark.django_db(transaction=True)

WRONG = "wrong-key-5555"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


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


def told() -> list[tuple[str, str]]:
    return list(Mail.objects.order_by("pk").values_list("kind", "to"))


def rested(key: Credential) -> None:
    """Let so much time pass that the key is tried again."""
    Credential.objects.filter(pk=key.pk).update(refused_at=timezone.now() - LONGEST_REST)


def test_the_owners_are_told_once_that_a_newer_key_is_refused(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    a_person("olive@example.com", account.merchant, "owner")
    a_person("mary@example.com", account.merchant, "manager")
    Merchant.objects.update(language="es")
    Credential.objects.update(expires_on=date(2031, 3, 4))
    newer = a_key(account, WRONG)
    calm.faults(f"token-refused:key={WRONG}")

    for _again in range(3):
        assert ask(shipment) == ""
        rested(newer)

    assert told() == [("key-refused", "olive@example.com")]
    newer.refresh_from_db()
    assert newer.refusals == 3
    mail = Mail.objects.get()
    assert mail.merchant == account.merchant
    assert 'lang="es"' in mail.html
    for written in (mail.text, mail.html):
        assert "…5555" in written
        assert "…1234" in written
        assert "2031" in written
        assert f"/app/simulated/settings/accounts/{account.pk}/" in written
        assert escape(newer.refusal) in written or newer.refusal in written
        for secret in (WRONG, "newer-secret-3456", "test-key-1234", "test-secret"):
            assert secret not in written


def test_of_a_newer_key_still_that_is_refused_the_owners_are_told_anew(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    a_person("olive@example.com", account.merchant, "owner")
    calm.faults(f"token-refused:key={WRONG}")
    for _another in range(2):
        a_key(account, WRONG)
        ask(shipment)

    assert told() == [("key-refused", "olive@example.com")] * 2


def test_a_key_that_has_worked_and_is_refused_later_is_told_anew(
    account: CarrierAccount, calm: Simulator
) -> None:
    a_person("olive@example.com", account.merchant, "owner")
    older, newer = account.credentials.get(), a_key(account)
    note_refused(account, newer, "No.", NOW)
    telling_owners.tell_of_refused_keys(account, working=older, keys=[newer, older], now=NOW)
    take_effect(account, NOW)
    newer.refresh_from_db()
    note_refused(account, newer, "No.", NOW)
    telling_owners.tell_of_refused_keys(
        account, working=older, keys=[newer, older], now=NOW + timedelta(hours=1)
    )

    assert told() == [("key-refused", "olive@example.com")] * 2


def test_where_no_key_works_the_breakers_mail_is_the_only_one(
    account: CarrierAccount, shipment: Shipment, calm: Simulator
) -> None:
    a_person("olive@example.com", account.merchant, "owner")
    a_key(account, WRONG)
    calm.faults("token-refused:1")
    ask(shipment)

    assert told() == [("account-broken", "olive@example.com")]


def test_the_operators_hear_that_a_newer_key_of_the_platform_is_refused(calm: Simulator) -> None:
    a_person("operator@example.com", is_staff=True, is_superuser=True)
    merchant = a_merchant()
    a_person("olive@example.com", merchant, "owner")
    account = an_account(None, base_url=calm.url)
    a_key(account, WRONG)
    calm.faults(f"token-refused:key={WRONG}")
    ask(a_shipment(merchant))

    assert told() == [("key-refused", "operator@example.com")]
    assert f"/admin/shipments/carrieraccount/{account.pk}/change/" in Mail.objects.get().text


def test_two_workers_that_see_a_refusal_at_once_tell_of_it_once(account: CarrierAccount) -> None:
    a_person("olive@example.com", account.merchant, "owner")
    older, newer = account.credentials.get(), a_key(account)
    note_refused(account, newer, "No.", NOW)
    both = threading.Barrier(2)

    def tell(after: timedelta) -> None:
        try:
            both.wait(5)
            telling_owners.tell_of_refused_keys(account, working=older, keys=[newer, older], now=NOW + after)
        finally:
            connection.close()

    threads = [threading.Thread(target=tell, args=[timedelta(seconds=n)]) for n in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)

    assert told() == [("key-refused", "olive@example.com")]


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
