"""How far long work is, said now and then."""

import time
from collections.abc import Callable

_EVERY = 5.0


class Progress:
    """Says how many rows of `what` were read, every five seconds; nothing of what is quick."""

    def __init__(
        self,
        say: Callable[[str], object],
        what: str,
        about: int = 0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._say, self._what, self._about, self._clock = say, what, about, clock
        self._said_at = clock()

    def told(self, rows: int) -> None:
        """So many rows are done."""
        now = self._clock()
        if now - self._said_at < _EVERY:
            return
        self._said_at = now
        of = f" of about {self._about:,}" if self._about else ""
        self._say(f"{self._what}: {rows:,}{of} rows")
