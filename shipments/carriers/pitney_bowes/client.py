"""Asks the Pitney Bowes Shipping API about parcels, one call each, several at a time."""

import asyncio
from base64 import b64encode
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from urllib.parse import quote

import httpx

from shipments.carriers.auth import AccountToken, Token, TokenStore
from shipments.carriers.base import Answer, Outcome, Question, Unchanged, digest_of
from shipments.carriers.errors import (
    BadCredentials,
    CarrierError,
    OutOfBudget,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.carriers.http import TIMEOUT, WHOLE_ROUND, Reply, address_at, exchange, trusted
from shipments.carriers.metering import Meter, Unmetered
from shipments.carriers.pitney_bowes.errors import TOKEN, TRACKING, refusal_of, token_refusal
from shipments.carriers.pitney_bowes.parse import AboutAnotherParcel, identifier, snapshot
from shipments.carriers.pitney_bowes.wire import TokenWire
from shipments.carriers.reading import Findings, parse_json
from shipments.carriers.rounds import Round
from shipments.enums import Environment, Gateway

HOSTS = {
    Environment.TEST: "https://api-sandbox.pitneybowes.com",
    Environment.PRODUCTION: "https://api.pitneybowes.com",
}
# Calls under way at a time.
AT_ONCE = 10
# A token reply has under 1 kB.
_MAX_TOKEN_BODY = 64 * 1024
# For a reply that does not say how long its token lives; one that ends sooner costs one call more, not an answer.
_LIFE_UNSAID = timedelta(hours=1)
# Pitney Bowes gives ten hours; longer than this is a misreading.
_LONGEST_LIFE = timedelta(days=7)


class PitneyBowesClient:
    """A `CarrierClient` for one Pitney Bowes account.

    `base_url` (scheme, host and port) stands in for Pitney Bowes' own host in every address, that of the token
    too. At most `concurrency` calls are under way at a time; one call of `track` is over after `time_limit`.
    """

    gateway = Gateway.PITNEY_BOWES
    # One call carries one parcel.
    max_batch = 25
    in_one_go = 350

    def __init__(
        self,
        *,
        base_url: str | None,
        environment: Environment,
        key: str,
        secret: str,
        tokens: TokenStore,
        meter: Meter | None = None,
        transport: httpx.AsyncBaseTransport | None = None,
        concurrency: int = AT_ONCE,
        time_limit: timedelta = WHOLE_ROUND,
    ) -> None:
        self._environment = environment
        self._host = address_at(HOSTS[environment], base_url)
        basic = b64encode(f"{key}:{secret}".encode()).decode("ascii")
        self._authorization = f"Basic {basic}"
        self._secrets = (basic, secret, key)
        self._tokens = tokens
        self._meter = meter or Unmetered()
        self._token = AccountToken(tokens, self._fetch_token)
        self._http = httpx.AsyncClient(
            verify=trusted(),
            timeout=TIMEOUT,
            transport=transport,
            limits=httpx.Limits(max_connections=concurrency),
        )
        self._turns = asyncio.Semaphore(concurrency)
        self._time_limit = time_limit

    async def track(self, questions: Sequence[Question]) -> list[Outcome]:
        if not questions:
            return []
        round_ = _Round(TRACKING, time_limit=self._time_limit)
        try:
            async with round_.time_left():
                # Once for all: askers that each find the credentials refused would try them once each.
                await self._token.live()
        except CarrierError as exc:
            round_.end(exc)
        return list(await asyncio.gather(*(self._in_turn(question, round_) for question in questions)))

    async def check(self) -> None:
        await self._tokens.put(await self._fetch_token())

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _in_turn(self, question: Question, round_: "_Round") -> Outcome:
        try:
            async with round_.time_left(), self._turns:
                if round_.ended_by is not None:
                    return Outcome(question, round_.ended_by, datetime.now(UTC))
                outcome = await self._ask(question)
                round_.learn(outcome)
                return outcome
        except TryLater as exc:
            return Outcome(question, exc, datetime.now(UTC))

    async def _ask(self, question: Question) -> Outcome:
        number = identifier(question.carrier, question.number)
        # A dot is legal in an address, but two of them climb out of it.
        path = quote(number, safe="").replace(".", "%2E")
        try:
            reply = await exchange(
                self._http,
                "GET",
                f"{self._host}/shippingservices/v1/tracking/{path}",
                what=TRACKING,
                token=self._token,
                meter=self._meter,
                headers={"Accept": "application/json", "X-PB-UnifiedErrorStructure": "true"},
                params={"packageIdentifierType": "TrackingNumber", "carrier": question.asked_as},
            )
        except CarrierError as exc:
            return Outcome(question, exc, datetime.now(UTC), part=exc.kept)
        if question.known is not None and 200 <= reply.status <= 299:
            sha256 = digest_of(reply.body)
            if sha256 == question.known:
                again = Unchanged(partial(self._read, reply, question))
                return Outcome(question, again, reply.received_at, part=reply.body, body_sha256=sha256)
        result = self._read(reply, question)
        part = result.kept if isinstance(result, CarrierError) else reply.body
        return Outcome(question, result, reply.received_at, part=part, body_sha256=reply.body_sha256)

    def _read(self, reply: Reply, question: Question) -> Answer | CarrierError:
        held = self._token.held
        secrets = (*self._secrets, held.value) if held else self._secrets
        refusal = refusal_of(reply, environment=self._environment, secrets=secrets)
        if refusal is not None:
            return refusal
        try:
            return snapshot(parse_json(reply.body, TRACKING), question)
        except AboutAnotherParcel as exc:
            # Not kept: it may be another merchant's.
            return UnreadableAnswer(str(exc), http_status=reply.status)
        except UnreadableAnswer as exc:
            return UnreadableAnswer(str(exc), http_status=reply.status, kept=reply.kept)

    async def _fetch_token(self) -> Token:
        asked_at = datetime.now(UTC)
        try:
            reply = await exchange(
                self._http,
                "POST",
                f"{self._host}/oauth/token",
                what=TOKEN,
                headers={"Authorization": self._authorization, "Accept": "application/json"},
                data={"grant_type": "client_credentials"},
                max_body=_MAX_TOKEN_BODY,
            )
        except UnreadableAnswer as exc:
            # Without what it kept: that may be a token.
            raise UnreadableAnswer(str(exc), http_status=exc.http_status) from None
        refusal = token_refusal(reply, secrets=self._secrets)
        if refusal is not None:
            raise refusal
        return _token(reply, asked_at)


class _Round(Round):
    """Learns from the outcomes when to stop asking for now."""

    def learn(self, outcome: Outcome) -> None:
        match outcome.result:
            case BadCredentials() | OverQuota() | OutOfBudget() as error:
                # True of the account, not of the parcel.
                self.end(error)
            case TryLater(http_status=None) as error:
                self.hear_silence(error)


def _token(reply: Reply, asked_at: datetime) -> Token:
    """The token of a reply; UnreadableAnswer, without the reply, when there is none."""
    try:
        wire = TokenWire.read(parse_json(reply.body, TOKEN), Findings())
    except (UnreadableAnswer, ValueError):
        raise UnreadableAnswer(f"{TOKEN}: the answer holds no token.", http_status=reply.status) from None
    seconds = wire.seconds if wire.seconds is not None else wire.seconds_snake
    life = _LIFE_UNSAID if seconds is None else timedelta(seconds=seconds)
    return Token(wire.access_token, asked_at + min(life, _LONGEST_LIFE))
