"""A caller who speaks to the simulator's wires by hand: none of the product's own clients is used here."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from tests.factories import Simulator

UNIFIED = {"X-PB-UnifiedErrorStructure": "true"}


class Caller:
    """Both carriers' calls, with tokens fetched once and kept."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self._tokens: dict[str, str] = {}

    def pitney_bowes_token(self) -> httpx.Response:
        return self.http.post(
            "/oauth/token", auth=("any-key", "any-secret"), data={"grant_type": "client_credentials"}
        )

    def usps_token(self, **over: Any) -> httpx.Response:
        wanted = {"client_id": "any-id", "client_secret": "any-secret", "grant_type": "client_credentials"}
        return self.http.post("/oauth2/v3/token", json={**wanted, **over})

    def bearer(self, wire: str) -> dict[str, str]:
        if wire not in self._tokens:
            reply = self.usps_token() if wire == "usps" else self.pitney_bowes_token()
            self._tokens[wire] = reply.raise_for_status().json()["access_token"]
        return {"Authorization": f"Bearer {self._tokens[wire]}"}

    def pitney_bowes(
        self,
        number: str,
        carrier: str | None,
        *,
        identifier_type: str = "TrackingNumber",
        headers: Mapping[str, str] = UNIFIED,
    ) -> httpx.Response:
        params = {"packageIdentifierType": identifier_type} | ({"carrier": carrier} if carrier else {})
        url = f"/shippingservices/v1/tracking/{number}"
        return self.http.get(url, params=params, headers={**self.bearer("pitney_bowes"), **headers})

    def usps(self, *items: str | Mapping[str, Any]) -> httpx.Response:
        content = [{"trackingNumber": item} if isinstance(item, str) else item for item in items]
        return self.http.post("/tracking/v3r2/tracking", json=content, headers=self.bearer("usps"))

    def let_it_be(self, moment: datetime) -> None:
        """Tell the journeys as of this moment, from now on with the clock."""
        seconds = (moment - datetime.now(UTC)).total_seconds()
        self.http.post("/simulator/clock", content=str(round(seconds))).raise_for_status()


@pytest.fixture
def caller(calm: Simulator) -> Iterator[Caller]:
    with httpx.Client(base_url=calm.url, timeout=10) as http:
        yield Caller(http)


@pytest.fixture
def events_of() -> Callable[[Mapping[str, Any]], list[dict[str, Any]]]:
    """USPS' events as a list, also where one alone came without its array."""

    def read(item: Mapping[str, Any]) -> list[dict[str, Any]]:
        events = item["trackingEvents"]
        return [events] if isinstance(events, dict) else list(events)

    return read
