"""Which account asks, and one token for all who ask with it."""

import asyncio
import threading
from datetime import UTC, date, datetime, timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import connection

from shipments.carriers.auth import AccountToken as Asker
from shipments.carriers.auth import MayFetch, Token
from shipments.carriers.errors import BadCredentials
from shipments.models import CarrierAccount, Credential, CredentialToken, Shipment
from shipments.tracking import gateway
from shipments.tracking.catalogue import Routes
from shipments.tracking.gateway import SharedTokenStore, choose_account, question_about
from tests.factories import a_merchant, a_shipment, an_account

pytestmark = pytest.mark.django_db


def a_credential() -> Credential:
    return an_account(None).credentials.get()


def chosen(shipment: Shipment) -> CarrierAccount | None:
    return choose_account(shipment, CarrierAccount.objects.order_by("pk"), Routes.read())


def test_the_merchants_own_account_comes_before_the_platforms():
    merchant = a_merchant()
    an_account(None, "usps")
    own = an_account(merchant, "pitney_bowes")
    assert chosen(a_shipment(merchant)) == own


def test_for_usps_a_usps_account_comes_before_a_pitney_bowes_one():
    merchant = a_merchant()
    an_account(merchant, "pitney_bowes")
    usps = an_account(merchant, "usps")
    assert chosen(a_shipment(merchant)) == usps


def test_the_other_carriers_are_asked_through_pitney_bowes_only():
    merchant = a_merchant()
    an_account(merchant, "usps")
    assert chosen(a_shipment(merchant, carrier="UPS", number="1Z5R89390357567127")) is None
    pitney = an_account(merchant, "pitney_bowes")
    assert chosen(a_shipment(merchant, carrier="FedEx", number="986578788855")) == pitney


def test_the_gateway_pinned_on_the_parcel_decides():
    merchant = a_merchant()
    an_account(merchant, "usps")
    platform = an_account(None, "pitney_bowes")
    assert chosen(a_shipment(merchant, gateway="pitney_bowes")) == platform


def test_production_comes_before_test_and_inactive_accounts_never():
    merchant = a_merchant()
    an_account(merchant, is_active=False)
    test = an_account(merchant, environment="test")
    assert chosen(a_shipment(merchant)) == test
    production = an_account(merchant)
    assert chosen(a_shipment(merchant)) == production


def test_another_merchants_account_is_never_used():
    an_account(a_merchant())
    assert chosen(a_shipment()) is None


def test_a_question_names_only_what_is_known_and_american():
    known = question_about(a_shipment(destination_postal_code="80202-1234", mailing_date=date(2026, 3, 2)))
    assert (known.postal_code, known.mailing_date) == ("80202", date(2026, 3, 2))
    foreign = question_about(a_shipment(destination_postal_code="T6R3H7"))
    assert (foreign.postal_code, foreign.mailing_date) == (None, None)


def in_an_hour() -> datetime:
    return datetime.now(UTC) + timedelta(hours=1)


def test_a_token_is_kept_encrypted_for_its_life():
    credential = a_credential()
    store = SharedTokenStore(credential)
    assert isinstance(async_to_sync(store.take)(rejected=None), MayFetch)
    async_to_sync(store.put)(Token("live-token-1", in_an_hour()))

    assert async_to_sync(store.take)(rejected=None).value == "live-token-1"
    with connection.cursor() as cursor:
        cursor.execute("SELECT token::text FROM shipments_credentialtoken AS token")
        assert "live-token-1" not in cursor.fetchone()[0]


def test_while_one_fetches_the_others_wait_and_a_failure_lets_the_next_try():
    store = SharedTokenStore(a_credential())
    assert isinstance(async_to_sync(store.take)(rejected=None), MayFetch)
    assert async_to_sync(store.take)(rejected=None) is None
    async_to_sync(store.give_up)()
    assert isinstance(async_to_sync(store.take)(rejected=None), MayFetch)


def test_a_fetcher_that_died_is_replaced_when_its_lease_ends():
    credential = a_credential()
    store = SharedTokenStore(credential)
    async_to_sync(store.take)(rejected=None)
    CredentialToken.objects.update(fetching_until=datetime.now(UTC) - timedelta(seconds=1))
    assert isinstance(async_to_sync(store.take)(rejected=None), MayFetch)


def test_a_rejected_token_is_replaced_once():
    store = SharedTokenStore(a_credential())
    async_to_sync(store.take)(rejected=None)
    async_to_sync(store.put)(Token("first", in_an_hour()))
    assert isinstance(async_to_sync(store.take)(rejected="first"), MayFetch)
    async_to_sync(store.put)(Token("second", in_an_hour()))
    # Another asker was refused with the first one as well: it finds the second.
    assert async_to_sync(store.take)(rejected="first").value == "second"


def test_an_ended_token_is_not_handed_out():
    store = SharedTokenStore(a_credential())
    async_to_sync(store.take)(rejected=None)
    async_to_sync(store.put)(Token("nearly over", datetime.now(UTC) + timedelta(seconds=59)))
    assert isinstance(async_to_sync(store.take)(rejected=None), MayFetch)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("kept", [None, "old"])
def test_eight_workers_who_all_saw_no_live_token_fetch_one(kept, monkeypatch):
    credential = a_credential()
    if kept is not None:
        CredentialToken.objects.create(
            credential=credential, value=kept, expires_at=datetime.now(UTC) - timedelta(hours=1)
        )
    fetched: list[int] = []
    got: list[str] = []
    start, looked = threading.Barrier(8), threading.local()
    look = gateway._live

    def looked_at_once(row, rejected):
        token = look(row, rejected)
        if not hasattr(looked, "done"):
            looked.done = True
            start.wait(60)
        return token

    monkeypatch.setattr(gateway, "_live", looked_at_once)

    def work(number: int) -> None:
        async def fetch() -> Token:
            fetched.append(number)
            await asyncio.sleep(0.3)
            return Token(f"token-{number}", in_an_hour())

        token = async_to_sync(Asker(SharedTokenStore(credential), fetch).live)()
        got.append(token.value)
        connection.close()

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(fetched) == 1
    assert got == [f"token-{fetched[0]}"] * 8


def test_a_token_that_came_while_one_looked_is_not_fetched_again(monkeypatch):
    credential = a_credential()
    store = SharedTokenStore(credential)
    CredentialToken.objects.create(credential=credential)
    look = gateway._live

    def overtaken(row, rejected):
        token = look(row, rejected)
        CredentialToken.objects.update(value="just in", expires_at=in_an_hour())
        return token

    monkeypatch.setattr(gateway, "_live", overtaken)
    assert async_to_sync(store.take)(rejected=None) is None
    assert async_to_sync(store.take)(rejected=None).value == "just in"


def test_a_fetch_that_fails_reaches_its_asker_and_leaves_no_lease():
    credential = a_credential()

    async def refused() -> Token:
        raise BadCredentials("The key was refused.")

    with pytest.raises(BadCredentials):
        async_to_sync(Asker(SharedTokenStore(credential), refused).live)()
    assert CredentialToken.objects.get().fetching_until is None
