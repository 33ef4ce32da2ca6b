"""Which client speaks for which gateway."""

from collections.abc import Mapping
from typing import Any, Protocol

import httpx

from shipments.carriers.auth import TokenStore
from shipments.carriers.base import Answer, CarrierClient, Question
from shipments.carriers.errors import CarrierError
from shipments.carriers.metering import Meter, Unmetered
from shipments.carriers.pitney_bowes import parse as pitney_bowes
from shipments.carriers.pitney_bowes.client import PitneyBowesClient
from shipments.carriers.pitney_bowes.codes import status_of_scan, status_of_word
from shipments.carriers.usps import answers
from shipments.carriers.usps.client import UspsClient
from shipments.carriers.usps.codes import status_of_event
from shipments.enums import Environment, Gateway, Status


class _Makes(Protocol):
    def __call__(
        self,
        *,
        base_url: str | None,
        environment: Environment,
        key: str,
        secret: str,
        tokens: TokenStore,
        meter: Meter,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> CarrierClient: ...


_CLIENTS: dict[Gateway, _Makes] = {
    Gateway.PITNEY_BOWES: PitneyBowesClient,
    Gateway.USPS: UspsClient,
}


def open_client(
    gateway: Gateway,
    *,
    environment: Environment,
    base_url: str | None,
    key: str,
    secret: str,
    tokens: TokenStore,
    meter: Meter | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
) -> CarrierClient:
    """A client that asks this gateway with these credentials, each call taken from `meter`; `aclose()` it when done.

    `base_url` (scheme, host and port, nothing else: ValueError) replaces the gateway's own host in every
    address. `transport` replaces the network, for tests.
    """
    return _CLIENTS[gateway](
        base_url=base_url,
        environment=environment,
        key=key,
        secret=secret,
        tokens=tokens,
        meter=meter or Unmetered(),
        transport=transport,
    )


def read_part(gateway: Gateway, part: bytes, question: Question) -> Answer | CarrierError:
    """What the kept part of an answer says, as the client of this gateway would have read it."""
    return {Gateway.PITNEY_BOWES: pitney_bowes.read_part, Gateway.USPS: answers.read_part}[gateway](
        part, question
    )


def status_by_tables(
    gateway: Gateway, carrier: str, *, code: str, text: str, details: Mapping[str, Any]
) -> tuple[Status | None, str]:
    """What our tables make of a kept scan whose status the carrier's own word did not decide, and what told it: `code`,
    `text` or `""`. The same that reading its answer would give."""
    if gateway is Gateway.USPS:
        return status_of_event(code, text)
    return status_of_scan(
        carrier,
        word=str(details.get("packageStatus", "")),
        standardized=(str(details.get("standardizedEventCode", "")), str(details.get("l1Code", ""))),
        code=code,
        text=text,
    )


def unknown_word(details: Mapping[str, Any]) -> str:
    """The status word among a kept scan's details where it is none we know; else `""`."""
    word = str(details.get("packageStatus", ""))
    return word if word and status_of_word(word) is None else ""


def in_one_go(gateway: Gateway) -> int:
    """How many parcels a worker best asks this gateway about before it stores the answers."""
    return {Gateway.PITNEY_BOWES: PitneyBowesClient.in_one_go, Gateway.USPS: UspsClient.in_one_go}[gateway]


def max_batch(gateway: Gateway) -> int:
    """How many parcels a worker asks this gateway about at a time for people who wait."""
    return {Gateway.PITNEY_BOWES: PitneyBowesClient.max_batch, Gateway.USPS: UspsClient.max_batch}[gateway]


def max_per_call(gateway: Gateway) -> int:
    """How many parcels one call carries, as the carrier counts its calls."""
    return {Gateway.PITNEY_BOWES: 1, Gateway.USPS: UspsClient.max_batch}[gateway]
