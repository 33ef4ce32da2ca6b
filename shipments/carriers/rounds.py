"""One call of a client's `track`: how long it may go on, and what ends it before everybody was asked about."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from shipments.carriers.errors import CarrierError, TryLater

# So many exchanges without any reply, and the carrier is taken to be out of reach: the rest is not asked now.
SILENCES = 3


class Round:
    """Begins now, and is over after `time_limit`. Made in a running event loop.

    `what` names the exchanges in messages ("USPS tracking"). `ended_by` is what those are told who are not asked
    about any more; it never holds a reply, because that is another parcel's.
    """

    def __init__(self, what: str, *, time_limit: timedelta) -> None:
        self.ended_by: CarrierError | None = None
        self._what = what
        self._time_limit = time_limit
        self._ends_at = asyncio.get_running_loop().time() + time_limit.total_seconds()
        self._silences = 0

    def end(self, error: CarrierError) -> None:
        """Ask about nobody any more, for this reason; the first one stands."""
        if self.ended_by is None:
            self.ended_by = error.without_reply()

    def hear_silence(self, error: TryLater) -> None:
        """One exchange more brought no reply."""
        self._silences += 1
        if self._silences >= SILENCES:
            self.end(error)

    @asynccontextmanager
    async def time_left(self) -> AsyncIterator[None]:
        """Gives up what is inside when the round is over, and raises TryLater."""
        try:
            async with asyncio.timeout_at(self._ends_at):
                yield
        except TimeoutError as exc:
            seconds = self._time_limit.total_seconds()
            error = TryLater(
                f"{self._what}: no answer within the {seconds:g} seconds that one round of questions may take."
            )
            self.end(error)
            raise error from exc
