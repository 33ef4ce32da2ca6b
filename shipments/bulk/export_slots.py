"""How many exports are made at once: an export holds a thread of the web server for as long as its reader takes.

A slot is a lock of a database session that does nothing else. It holds whichever process or host makes the export, and ends
with that session: when the export does, when its reader goes away, and when the process is killed. A lease would have to be
renewed, which nobody does while the reader takes its time.
"""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import psycopg
from django.db import connection

# Below the threads of one process of the web server, because all exports may have met there: one is always left for pages.
MOST_AT_ONCE = 3
# So that nobody takes all of them alone.
MOST_OF_A_PERSON = 2

_LOCK = "SELECT pg_try_advisory_lock(hashtext(%s), %s)"


class NoSlot(Exception):
    """There is no slot at the moment; `is_own_doing` where this person has all that one may have."""

    def __init__(self, *, is_own_doing: bool) -> None:
        super().__init__()
        self.is_own_doing = is_own_doing


class Slot:
    """A slot that is held until it is closed."""

    def __init__(self, user_id: int) -> None:
        """Take a slot for this person; NoSlot."""
        # Not the connection of this thread: a pool would hand it on, with the lock, to whoever comes next.
        self._session = psycopg.connect(**connection.get_connection_params(), autocommit=True)
        try:
            if not self._lock("shipments.exports of a person", MOST_OF_A_PERSON, user_id * MOST_OF_A_PERSON):
                raise NoSlot(is_own_doing=True)
            if not self._lock("shipments.exports", MOST_AT_ONCE):
                raise NoSlot(is_own_doing=False)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Give it back. May be done twice, and from any thread."""
        with suppress(psycopg.Error):
            # The session's end does it, too, but a moment after it was asked for.
            self._session.execute("SELECT pg_advisory_unlock_all()")
        self._session.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _lock(self, name: str, many: int, first: int = 0) -> bool:
        """Whether one of so many locks was free, and is now ours."""
        for place in range(first, first + many):
            # The second half of such a lock's key has 31 bits; two people a billion apart would share theirs.
            row: Any = self._session.execute(_LOCK, [name, place % 2**31]).fetchone()
            if row[0]:
                return True
        return False


class Held(Iterator[bytes]):
    """The pieces of a file, whose slot is given back when they end, fail, or are closed before."""

    def __init__(self, pieces: Iterable[bytes], slot: Slot) -> None:
        self._pieces, self._slot = iter(pieces), slot

    def __next__(self) -> bytes:
        try:
            return next(self._pieces)
        except BaseException:
            self._slot.close()
            raise

    def close(self) -> None:
        """Called by whoever sends the file, also when nobody wants it any more."""
        self._slot.close()
        getattr(self._pieces, "close", lambda: None)()
