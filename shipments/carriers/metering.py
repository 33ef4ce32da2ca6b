"""Who may call a carrier now: a client asks its meter before each call of the tracking address."""

from typing import Protocol


class Meter(Protocol):
    """The calls one account has left, wherever they are counted."""

    async def take(self) -> None:
        """Return when one call may be made, which then counts as made; raise `OutOfBudget` where none is left."""
        ...


class Unmetered:
    """No limit: for a single question from a terminal, and for tests of clients."""

    async def take(self) -> None:
        return
