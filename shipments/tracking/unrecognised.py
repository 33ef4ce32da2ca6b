"""Scans that nobody can read, counted by their words, so that an operator can say what those mean."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime

from shipments.carriers.registry import unknown_word
from shipments.enums import Status
from shipments.models import ScanEvent, UnrecognisedCode, UnrecognisedWord
from shipments.models.carriers import KEPT_TEXT


class Unrecognised:
    """How the counts of unrecognised words change with what is about to be stored.

    Take the scans of a parcel as they were, add them as they are; whatever says the same before and after changes nothing.
    """

    def __init__(self) -> None:
        self._codes: Counter[tuple[str, ...]] = Counter()
        self._words: Counter[tuple[str, ...]] = Counter()

    def take(self, carrier: str, scans: Iterable[ScanEvent]) -> None:
        self._note(carrier, scans, -1)

    def add(self, carrier: str, scans: Iterable[ScanEvent]) -> None:
        self._note(carrier, scans, 1)

    def include(self, other: "Unrecognised") -> None:
        """Change the counts by what another one says, too."""
        self._codes.update(other._codes)
        self._words.update(other._words)

    def store(self, now: datetime) -> None:
        """Write the changes, if there are any."""
        UnrecognisedCode.objects.change_counts(self._codes, now)
        UnrecognisedWord.objects.change_counts(self._words, now)

    def _note(self, carrier: str, scans: Iterable[ScanEvent], n: int) -> None:
        for scan in scans:
            told_by = scan.status_by
            if told_by in ("carrier", "mapping"):
                continue
            if told_by == "" and scan.status == Status.UNKNOWN:
                self._codes[(carrier, scan.code, scan.text[:KEPT_TEXT])] += n
            # Most details have no word in them at all.
            if scan.details and (word := unknown_word(scan.details)):
                self._words[(carrier, word)] += n
