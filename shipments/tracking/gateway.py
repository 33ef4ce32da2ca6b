"""Which account asks about a parcel, and a client that asks with it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Self
from urllib.parse import urlsplit

import httpx
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from shipments.carriers import registry
from shipments.carriers.auth import MayFetch, Token, TokenStore
from shipments.carriers.base import CarrierClient, Question
from shipments.carriers.errors import BadCredentials, TryLater
from shipments.carriers.http import WHOLE_ROUND, trusted
from shipments.carriers.metering import Meter
from shipments.enums import Environment, Gateway, Unreached
from shipments.fields import Hidden, WrongKeyRing
from shipments.models import CarrierAccount, Credential, CredentialToken, Shipment
from shipments.models.accounts import is_listed
from shipments.outbound.net import CheckedTransport
from shipments.tracking.catalogue import Routes

# Longer than a token exchange may take (carriers.http.WHOLE_EXCHANGE), so that its lease outlives it.
FETCH_LEASE = timedelta(seconds=35)
# Of one client; more than a client has calls under way.
CONNECTIONS = httpx.Limits(max_connections=10, max_keepalive_connections=10)


@dataclass(frozen=True, slots=True)
class Kind:
    """All of a parcel that decides which account asks: its merchant, its carrier and the gateway pinned on it, if any."""

    merchant_id: int
    carrier: str
    gateway: str

    @classmethod
    def of(cls, shipment: Shipment) -> Self:
        return cls(shipment.merchant_id, shipment.carrier_id, shipment.gateway)


def choose_account(
    shipment: Shipment, accounts: Iterable[CarrierAccount], routes: Routes
) -> CarrierAccount | None:
    """The account that asks about this parcel; None where nobody can."""
    return choose_for(Kind.of(shipment), accounts, routes)


def choose_for(kind: Kind, accounts: Iterable[CarrierAccount], routes: Routes) -> CarrierAccount | None:
    """The account that asks about parcels of this kind; None where nobody can.

    The gateway pinned on the shipment decides; else the merchant's own accounts come before the platform's,
    then the carrier's better gateway, production before test, and the older account before the newer.
    """
    able = routes.gateways(kind.carrier)
    wanted = (Gateway(kind.gateway),) if kind.gateway else able
    ranked = [
        (
            (
                account.merchant_id is None,
                able.index(gateway),
                account.environment != Environment.PRODUCTION,
                account.pk,
            ),
            account,
        )
        for account in accounts
        if account.is_active
        and account.merchant_id in (kind.merchant_id, None)
        and (gateway := Gateway(account.gateway)) in wanted
        and gateway in able
    ]
    return min(ranked, key=lambda row: row[0])[1] if ranked else None


def to_ask_about(shipment_ids: Iterable[int]) -> QuerySet[Shipment]:
    """These parcels in the order of their ids, with the columns that choosing an account and asking need, and no others."""
    return (
        Shipment.objects.filter(pk__in=list(shipment_ids))
        .select_related("answer")
        .only(
            "merchant_id",
            "number",
            "carrier_id",
            "gateway",
            "destination_postal_code",
            "mailing_date",
            "answer__sha256",
        )
        .order_by("pk")
    )


def question_about(shipment: Shipment, wire_value: str = "") -> Question:
    """What to ask a gateway about this parcel, whose carrier it calls `wire_value`; without it, to read a kept answer by."""
    five = shipment.destination_postal_code[:5]
    # What is not at hand is not looked up: an answer that was read before is read once more.
    known = shipment._state.fields_cache.get("answer")
    return Question(
        key=shipment.pk,
        number=shipment.number,
        carrier=shipment.carrier_id,
        wire_value=wire_value,
        postal_code=five if len(five) == 5 and five.isdigit() else None,
        mailing_date=shipment.mailing_date,
        known=known.sha256 if known is not None else None,
    )


def open_client(
    account: CarrierAccount,
    credential: Credential,
    *,
    meter: Meter | None = None,
    time_limit: timedelta = WHOLE_ROUND,
    transport: httpx.AsyncBaseTransport | None = None,
) -> CarrierClient:
    """A client that asks with this key of the account and shares its token with every other worker; `aclose()` it.

    Without a meter its calls are neither limited nor counted. TryLater where keys may not be sent to the account's address.
    """
    if credential.key is None or credential.secret is None:
        raise BadCredentials("This key is retired.")
    return registry.open_client(
        Gateway(account.gateway),
        environment=Environment(account.environment),
        base_url=account.base_url or None,
        key=credential.key,
        secret=credential.secret,
        tokens=SharedTokenStore(credential),
        meter=meter,
        time_limit=time_limit,
        transport=transport or _way_to(account),
    )


def _way_to(account: CarrierAccount) -> httpx.AsyncBaseTransport | None:
    """The way to an address that a person has given; None for the carrier's own, which is in the code.

    The list is looked at again, because it may have become shorter; and what the name stands for is, at each connection.
    """
    if not account.base_url:
        return None
    parts = urlsplit(account.base_url)
    host, private_allowed = parts.hostname or "", settings.ALLOW_PRIVATE_HOSTS
    if not is_listed(host, settings.CARRIER_HOSTS, private_allowed=private_allowed):
        raise TryLater(
            f"Keys may not be sent to {host}: it is not in TRACKINGSITE_CARRIER_HOSTS.",
            unreached=Unreached.UNLISTED,
        )
    if private_allowed:
        return None
    if parts.scheme != "https":
        # Given while simulators were allowed.
        raise TryLater(
            f"Keys may not be sent to {host} in clear: its address must start with https://.",
            unreached=Unreached.UNLISTED,
        )
    # One client speaks to one host, so its connections may be kept.
    return CheckedTransport(
        private_allowed=False,
        inner=httpx.AsyncHTTPTransport(verify=trusted(), trust_env=False, limits=CONNECTIONS),
    )


class SharedTokenStore(TokenStore):
    """A key's token in the database: one worker fetches, all use."""

    def __init__(self, credential: Credential) -> None:
        self._credential_id = credential.pk
        # Where the key was read with its token, that is what is looked at first.
        self._at_hand: CredentialToken | None = credential._state.fields_cache.get("token")

    async def take(self, *, rejected: str | None) -> Token | MayFetch | None:
        return await sync_to_async(self._take)(rejected)

    async def put(self, token: Token) -> None:
        await sync_to_async(self._put)(token)

    async def give_up(self) -> None:
        await sync_to_async(self._rows().update)(fetching_until=None)

    def _rows(self) -> QuerySet[CredentialToken]:
        return CredentialToken.objects.filter(credential_id=self._credential_id)

    def _take(self, rejected: str | None) -> Token | MayFetch | None:
        row, self._at_hand = self._at_hand or self._row(), None
        if row is None:
            CredentialToken.objects.bulk_create(
                [CredentialToken(credential_id=self._credential_id)], ignore_conflicts=True
            )
            row = self._rows().get()
        if token := _live(row, rejected):
            return token
        now = timezone.now()
        # One statement decides who fetches. It asks for the token just looked at, because another worker may have
        # fetched a new one since then.
        won = (
            self._rows()
            .filter(Q(fetching_until=None) | Q(fetching_until__lte=now), expires_at=row.expires_at)
            .update(fetching_until=now + FETCH_LEASE)
        )
        return MayFetch() if won else None

    def _row(self) -> CredentialToken | None:
        try:
            return self._rows().first()
        except WrongKeyRing:
            # Kept under a key that has left the ring. Tokens can be had anew.
            self._rows().update(value=None, expires_at=None)
            return self._rows().first()

    def _put(self, token: Token) -> None:
        try:
            with transaction.atomic():
                CredentialToken.objects.update_or_create(
                    credential_id=self._credential_id,
                    defaults={
                        "value": Hidden(token.value),
                        "expires_at": token.expires_at,
                        "fetching_until": None,
                    },
                )
        except IntegrityError:
            # The key was deleted while its token was fetched: this round may still use it.
            return


def _live(row: CredentialToken | None, rejected: str | None) -> Token | None:
    if row is None or row.value is None or row.expires_at is None or row.value == rejected:
        return None
    token = Token(row.value, row.expires_at)
    return token if token.is_live(timezone.now()) else None
