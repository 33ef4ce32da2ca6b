"""Asks USPS Tracking v3r2 about parcels, up to 35 in one call."""

import asyncio
import re
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

import httpx

from shipments.carriers.auth import AccountToken, Token, TokenStore
from shipments.carriers.base import NotAllowed, Outcome, Question, known_to
from shipments.carriers.errors import (
    BadCredentials,
    BadRequest,
    CarrierError,
    NotEntitled,
    OutOfBudget,
    OverQuota,
    TryLater,
    UnreadableAnswer,
)
from shipments.carriers.http import TIMEOUT, WHOLE_ROUND, Reply, address_at, exchange, trusted
from shipments.carriers.metering import Meter, Unmetered
from shipments.carriers.reading import Findings, parse_json
from shipments.carriers.rounds import Round
from shipments.carriers.usps import answers
from shipments.carriers.usps.answers import TRACKING, Sunk, Told
from shipments.carriers.usps.errors import TOKEN, about_the_token, sign_in_without_tracking
from shipments.carriers.usps.matching import Asked
from shipments.carriers.usps.wire import TokenBody
from shipments.enums import Environment, Gateway

HOSTS = {
    Environment.PRODUCTION: "https://apis.usps.com",
    Environment.TEST: "https://apis-tem.usps.com",
}
# USPS Tracking v3r2 3.2.2: 1 to 35 items.
MAX_ITEMS = 35
# Calls under way at a time.
AT_ONCE = 4
# One piece among 35 that sinks its call is found by halving with twice six further calls. A new account has
# 60 calls an hour, so what is not found by then waits for the next round, which is without the pieces found.
FURTHER_CALLS = 12
# A token reply has under 4 kB.
_MAX_TOKEN_BODY = 64 * 1024
# For a reply that does not say how long its token lives; the document says eight hours.
_LIFE_UNSAID = timedelta(hours=1)
# Longer than this is a misreading.
_LONGEST_LIFE = timedelta(days=7)

_POSTPONED = (
    "USPS refused a call because of one of its parcels; this one is asked about again in another call."
)

_NUMBER = re.compile(r"[A-Za-z0-9]{4,34}", re.ASCII)
_POSTAL_CODE = re.compile(r"\d{5}", re.ASCII)


class UspsClient:
    """A `CarrierClient` for one USPS account.

    `base_url` (scheme, host and port) stands in for USPS' own host in every address, that of the token too.
    At most `concurrency` calls are under way at a time; one call of `track` is over after `time_limit`.
    """

    gateway = Gateway.USPS
    max_batch = MAX_ITEMS
    in_one_go = 10 * MAX_ITEMS

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
        self._host = address_at(HOSTS[environment], base_url)
        self._key = key
        self._secret = secret
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
        round_ = _Round(TRACKING, time_limit=self._time_limit, known=known_to(questions))
        told: dict[Asked, Told] = {}
        entries = [_asked(question) for question in questions]
        # Two questions that would be the same entry have the same answer: it is asked for once.
        distinct = list(dict.fromkeys(entry for entry in entries if isinstance(entry, Asked)))
        if distinct:
            try:
                async with round_.time_left():
                    # Once for all: askers that each find the credentials refused would try them once each.
                    await self._token.live()
            except CarrierError as exc:
                round_.end(exc)
        batches = [distinct[at : at + MAX_ITEMS] for at in range(0, len(distinct), MAX_ITEMS)]
        for learned in await asyncio.gather(*(self._ask_batch(batch, round_) for batch in batches)):
            told.update(learned)
        return [
            _outcome(question, told[entry] if isinstance(entry, Asked) else Told(entry, datetime.now(UTC)))
            for question, entry in zip(questions, entries, strict=True)
        ]

    async def check(self) -> None:
        await self._tokens.put(await self._fetch_token())

    async def aclose(self) -> None:
        await self._http.aclose()

    async def _ask_batch(self, batch: list[Asked], round_: "_Round") -> dict[Asked, Told]:
        """What USPS tells about each piece, where a piece that sinks the whole call is looked for.

        USPS refuses a call without saying for which piece. Halving finds a few such pieces cheaply and lets the
        others have their answers. Where both halves are refused and so is the first single piece, most
        are of that kind (an account that may see hardly anything), and halving would cost two calls for each:
        then the pieces are asked one by one. What was not asked alone is never given the refusal of others.
        """
        told: dict[Asked, Told] = {}
        calls_left = 1 + FURTHER_CALLS

        async def settled(group: list[Asked]) -> bool:
            nonlocal calls_left
            calls_left -= 1
            said = await self._in_turn(group, round_)
            if isinstance(said, Sunk):
                return False
            told.update(said)
            return True

        if await settled(batch):
            return told
        sunk = [half for half in _halves(batch) if not await settled(half)]
        waiting = [quarter for half in sunk for quarter in _halves(half)]
        if len(sunk) == 2:
            first, *others = sunk[0]
            await settled([first])
            if isinstance(told[first].result, NotAllowed | BadRequest):
                waiting = [[entry] for entry in (*others, *sunk[1])]
            else:
                waiting = [*_halves(others), *_halves(sunk[1])]
        while waiting and calls_left and round_.ended_by is None:
            group = waiting.pop(0)
            if not await settled(group):
                waiting = [*_halves(group), *waiting]
        rest = Told(round_.ended_by or TryLater(_POSTPONED), datetime.now(UTC))
        return {entry: told.get(entry, rest) for entry in batch}

    async def _in_turn(self, group: list[Asked], round_: "_Round") -> dict[Asked, Told] | Sunk:
        try:
            async with round_.time_left(), self._turns:
                if round_.ended_by is not None:
                    return answers.of_all(round_.ended_by, group, kept=None, at=datetime.now(UTC))
                return await self._ask(group, round_)
        except TryLater as exc:
            return answers.of_all(exc, group, kept=None, at=datetime.now(UTC))

    async def _ask(self, group: list[Asked], round_: "_Round") -> dict[Asked, Told] | Sunk:
        try:
            reply = await exchange(
                self._http,
                "POST",
                f"{self._host}/tracking/v3r2/tracking",
                what=TRACKING,
                token=self._token,
                meter=self._meter,
                headers={"Accept": "application/json"},
                json=[entry.as_wire() for entry in group],
            )
        except CarrierError as exc:
            round_.learn(exc)
            return answers.of_all(exc, group, kept=exc.kept, at=datetime.now(UTC))
        held = self._token.held
        secrets = (self._secret, self._key, held.value) if held else (self._secret, self._key)
        said = answers.read(reply, group, secrets=secrets, known=round_.known)
        if not isinstance(said, CarrierError):
            return said
        round_.learn(said)
        return answers.of_all(
            said, group, kept=reply.kept, at=reply.received_at, body_sha256=reply.body_sha256
        )

    async def _fetch_token(self) -> Token:
        asked_at = datetime.now(UTC)
        try:
            reply = await exchange(
                self._http,
                "POST",
                f"{self._host}/oauth2/v3/token",
                what=TOKEN,
                headers={"Accept": "application/json"},
                json={
                    "grant_type": "client_credentials",
                    "client_id": self._key,
                    "client_secret": self._secret,
                    "scope": "tracking",
                },
                max_body=_MAX_TOKEN_BODY,
            )
        except UnreadableAnswer as exc:
            # Without what it kept: that may be a token.
            raise UnreadableAnswer(str(exc), http_status=exc.http_status) from None
        if not 200 <= reply.status <= 299:
            raise about_the_token(reply)
        return _token(reply, asked_at)


class _Round(Round):
    """Learns from trouble when to stop asking for now. `known` are the digests of what the askers have."""

    def __init__(self, what: str, *, time_limit: timedelta, known: Collection[str]) -> None:
        super().__init__(what, time_limit=time_limit)
        self.known = known

    def learn(self, error: CarrierError) -> None:
        match error:
            case BadCredentials() | NotEntitled() | OverQuota() | OutOfBudget():
                # True of the account, not of the call.
                self.end(error)
            case TryLater() if error.retry_after is not None:
                self.end(error)
            case TryLater(http_status=None):
                self.hear_silence(error)


def _asked(question: Question) -> Asked | BadRequest:
    """The entry USPS is asked with; BadRequest where it would sink the call it is in."""
    if not _NUMBER.fullmatch(question.number):
        return BadRequest("USPS takes numbers of 4 to 34 letters and digits.")
    if question.postal_code is not None and not _POSTAL_CODE.fullmatch(question.postal_code):
        return BadRequest("USPS takes a destination ZIP Code of five digits.")
    return Asked(question.number.upper(), question.postal_code, question.mailing_date)


def _outcome(question: Question, told: Told) -> Outcome:
    outcome = Outcome(question, told.result, told.at, part=told.part, body_sha256=told.body_sha256)
    # Two who ask about one piece need not know the same of it.
    return outcome if told.sha256 is not None and told.sha256 == question.known else outcome.read()


def _halves(group: list[Asked]) -> list[list[Asked]]:
    middle = (len(group) + 1) // 2
    return [half for half in (group[:middle], group[middle:]) if half]


def _token(reply: Reply, asked_at: datetime) -> Token:
    """The token of a reply; UnreadableAnswer, without the reply, when there is none in it."""
    try:
        raw = parse_json(reply.body, TOKEN)
        body = TokenBody.read(raw, Findings())
    except (UnreadableAnswer, ValueError):
        raise UnreadableAnswer(f"{TOKEN}: the answer holds no token.", http_status=reply.status) from None
    if raw.get("scope") == "":
        # What an application without the tracking product gets; the tracking address would refuse the token.
        raise sign_in_without_tracking(reply)
    life = _LIFE_UNSAID if body.expires_in is None else timedelta(seconds=body.expires_in)
    return Token(body.access_token, asked_at + min(life, _LONGEST_LIFE))
