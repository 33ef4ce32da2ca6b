"""Archives that are written from beginning to end are read by others."""

import io
import shutil
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from shipments.keeping.zipping import Entry, write_directory, write_file

AT = datetime(2026, 3, 6, 12, 30, 8, tzinfo=UTC)


def an_archive(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    entries: list[Entry] = []
    offset = 0
    for name, content in files.items():
        pieces = [content[at : at + 1000] for at in range(0, len(content), 1000)]
        entries.append(write_file(out.write, name, pieces, offset=offset, at=AT))
        offset = entries[-1].end
        assert out.tell() == offset
    assert out.tell() + write_directory(out.write, entries, offset=offset, at=AT) == len(out.getvalue())
    return out.getvalue()


def test_python_reads_it() -> None:
    files = {"README.txt": b"hello", "scans/00001.jsonl": b'{"a":1}\n' * 5000, "leer/ä.txt": b""}

    archive = zipfile.ZipFile(io.BytesIO(an_archive(files)))

    assert archive.testzip() is None
    assert {name: archive.read(name) for name in archive.namelist()} == files
    assert archive.getinfo("README.txt").date_time == (2026, 3, 6, 12, 30, 8)


def test_more_files_than_sixteen_bits_count() -> None:
    files = {f"{number}.txt": b"x" for number in range(66_000)}

    archive = zipfile.ZipFile(io.BytesIO(an_archive(files)))

    assert len(archive.namelist()) == 66_000
    assert archive.read("65999.txt") == b"x"


def test_places_beyond_thirty_two_bits() -> None:
    # As if five gigabytes stood before: a reader that was given them would find the file there.
    far = 5 * 2**30
    out = io.BytesIO()
    entry = write_file(out.write, "far.txt", [b"far away"], offset=far, at=AT)
    directory = io.BytesIO()
    write_directory(directory.write, [entry], offset=entry.end, at=AT)

    end = directory.getvalue()
    assert end.count(far.to_bytes(8, "little")) == 1
    assert end.count(entry.end.to_bytes(8, "little")) == 1
    assert b"PK\x06\x06" in end


@pytest.mark.skipif(shutil.which("unzip") is None, reason="unzip is not installed")
def test_unzip_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(an_archive({"README.txt": b"hello", "scans/00001.jsonl": b'{"a":1}\n' * 5000}))

    done = subprocess.run(["unzip", "-t", str(path)], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout + done.stderr
