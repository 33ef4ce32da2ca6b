"""A request and a reply, as the two sides of the wire see them here: read whole, kept small."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs


@dataclass(frozen=True, slots=True)
class Request:
    """One call. Header names are lower case; of a repeated query parameter the last counts.

    `now` is the moment the journeys are cut at, `clock` the real one, by which tokens live. They differ only
    while a test has moved the simulator's time.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    clock: datetime

    @property
    def media_type(self) -> str:
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    def form(self) -> dict[str, str]:
        """The fields of a form body; empty when it is not text."""
        try:
            return {name: values[-1] for name, values in parse_qs(self.body.decode("utf-8")).items()}
        except ValueError:
            return {}

    @property
    def bearer(self) -> str | None:
        scheme, _, token = self.headers.get("authorization", "").partition(" ")
        return token.strip() if scheme.lower() == "bearer" and token.strip() else None

    @property
    def origin(self) -> str:
        """The address the caller knows this simulator by."""
        return f"http://{self.headers.get('host', '127.0.0.1')}"


@dataclass(frozen=True, slots=True)
class Reply:
    """What is answered."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Reply:
    """The content as compact JSON."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Reply(status, body, {"content-type": "application/json", **(headers or {})})
