"""What a backup holds, written beside it: enough to tell a whole copy from another, and nobody's name or secret."""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Self

from shipments.backups.contents import Window
from shipments.backups.programs import BackupError

FILE = "manifest.json"
DUMP = "database"
# Another number, another layout: older code refuses what it does not know.
LAYOUT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup, told. `tables` holds the windows of each table, `parts` the schema, `sequences` the last id given,
    `sealed` how many values each key reads by column; keys are named by fingerprint, `ring` are those there were."""

    made_at: datetime
    version: str
    server_major: int
    dump_major: int
    database_bytes: int
    migrations: list[str]
    tables: dict[str, dict[str, Window]]
    parts: dict[str, str]
    sequences: dict[str, int]
    ring: list[str]
    sealed: dict[str, dict[str, int]]
    site_key: str
    files: dict[str, str]

    @property
    def rows(self) -> int:
        return sum(window.rows for windows in self.tables.values() for window in windows.values())

    @property
    def needed_keys(self) -> dict[str, int]:
        """How many values each key reads, by its fingerprint; a key that reads none is not needed."""
        counts: dict[str, int] = {}
        for by_key in self.sealed.values():
            for known_by, values in by_key.items():
                counts[known_by] = counts.get(known_by, 0) + values
        return counts

    def write(self, folder: Path) -> None:
        """Write it into the folder of the backup."""
        content = {"layout": LAYOUT, **asdict(self), "made_at": self.made_at.isoformat()}
        content["sha256"] = _digest(content)
        file = folder / FILE
        file.touch(mode=0o600)
        file.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")

    @classmethod
    def read(cls, backup: Path) -> Self:
        """The manifest of the backup in this folder; BackupError where there is none, or another than was written."""
        file = backup / FILE
        try:
            content: dict[str, Any] = json.loads(file.read_text())
            told, layout = content.pop("sha256"), content["layout"]
        except FileNotFoundError:
            raise BackupError(
                f"{backup} is not a backup: it has no {FILE}. Name the folder that `manage.py backup` printed."
            ) from None
        except (OSError, ValueError, KeyError, AttributeError):
            raise BackupError(
                f"{file} cannot be read. Take another copy of this backup, or another backup."
            ) from None
        if layout != LAYOUT:
            raise BackupError(
                f"{backup} was made by another version, which wrote layout {layout}; this one reads {LAYOUT}."
            )
        if told != _digest(content):
            raise BackupError(
                f"{file} is not as it was written. Take another copy of this backup, or another backup."
            )
        content.pop("layout")
        content["made_at"] = datetime.fromisoformat(content["made_at"])
        content["tables"] = {
            table: {name: Window(**window) for name, window in windows.items()}
            for table, windows in content["tables"].items()
        }
        return cls(**content)

    def damaged_files(self, backup: Path) -> list[str]:
        """The files of the dump that are missing or not as they were written."""
        there = dict(digests_of_files(backup))
        return sorted(name for name, digest in self.files.items() if there.get(name) != digest)


def digests_of_files(backup: Path) -> Iterator[tuple[str, str]]:
    """Every file of the dump with its SHA-256, by its path inside the backup."""
    for file in sorted((backup / DUMP).rglob("*")):
        if file.is_file():
            with file.open("rb") as opened:
                yield str(file.relative_to(backup)), hashlib.file_digest(opened, "sha256").hexdigest()


def _digest(content: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
