"""A ZIP archive written from beginning to end, one file after the other, by whoever comes: nothing has to be gone back to.

Python's own writer needs its whole directory in memory until the end, and cannot go on where another process has stopped.
Here a file's head, content and sizes are put out one after the other (sizes behind the content, as in archives that are
streamed), and what the directory needs of it is handed back to be kept anywhere. Sizes and places are written with 64 bits
throughout (APPNOTE 4.5.3), so that no archive is too large. Read by every program of the last twenty years.
"""

import struct
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

_VERSION = 45  # with 64-bit sizes
_STREAMED_UTF8 = 0x0808  # sizes follow the content; names are UTF-8
_DEFLATED = 8
_SEE_64 = 0xFFFFFFFF
_SEE_64_SHORT = 0xFFFF
_ORDINARY_FILE = 0o100644 << 16

Put = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Entry:
    """A file of the archive, as the directory names it. `offset` is the byte at which it begins."""

    name: str
    offset: int
    size: int
    packed_size: int
    crc: int
    sha256: str

    @property
    def end(self) -> int:
        """The byte behind it."""
        return (
            self.offset
            + _HEAD.size
            + len(self.name.encode())
            + _EXTRA_OF_HEAD
            + self.packed_size
            + _SIZES.size
        )


_HEAD = struct.Struct("<4s5H3L2H")
_SIZES = struct.Struct("<4sLQQ")
_IN_DIRECTORY = struct.Struct("<4s6H3L5H2L")
_EXTRA_OF_HEAD = 20


def write_file(put: Put, name: str, content: Iterable[bytes], *, offset: int, at: datetime) -> Entry:
    """Put out one file; its entry. `offset` is how many bytes were put out before."""
    encoded = name.encode()
    day, clock = _dos_time(at)
    extra = struct.pack("<HHQQ", 1, 16, 0, 0)
    put(
        _HEAD.pack(
            b"PK\x03\x04", _VERSION, _STREAMED_UTF8, _DEFLATED, clock, day, 0, _SEE_64, _SEE_64, len(encoded), len(extra)
        )
        + encoded
        + extra
    )  # fmt: skip
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    digest, crc, size, packed_size = sha256(), 0, 0, 0
    for piece in content:
        digest.update(piece)
        crc, size = zlib.crc32(piece, crc), size + len(piece)
        if packed := packer.compress(piece):
            packed_size += len(packed)
            put(packed)
    packed = packer.flush()
    packed_size += len(packed)
    put(packed + _SIZES.pack(b"PK\x07\x08", crc, packed_size, size))
    return Entry(name, offset, size, packed_size, crc, digest.hexdigest())


def write_directory(put: Put, entries: Iterable[Entry], *, offset: int, at: datetime) -> int:
    """Put out the end of the archive: its files by name and place. How many bytes that were."""
    day, clock = _dos_time(at)
    files = size = 0
    for entry in entries:
        encoded = entry.name.encode()
        extra = struct.pack("<HHQQQ", 1, 24, entry.size, entry.packed_size, entry.offset)
        line = (
            _IN_DIRECTORY.pack(
                b"PK\x01\x02", 3 << 8 | _VERSION, _VERSION, _STREAMED_UTF8, _DEFLATED, clock, day, entry.crc, _SEE_64, _SEE_64,
                len(encoded), len(extra), 0, 0, 0, _ORDINARY_FILE, _SEE_64,
            )
            + encoded
            + extra
        )  # fmt: skip
        put(line)
        files, size = files + 1, size + len(line)
    end = struct.pack(
        "<4sQ2H2L4Q", b"PK\x06\x06", 44, _VERSION, _VERSION, 0, 0, files, files, size, offset
    ) + struct.pack("<4sLQL", b"PK\x06\x07", 0, offset + size, 1)
    few = min(files, _SEE_64_SHORT)
    end += struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, few, few, min(size, _SEE_64), min(offset, _SEE_64), 0)
    put(end)
    return size + len(end)


def _dos_time(at: datetime) -> tuple[int, int]:
    """Day and time as archives have them: from 1980 on, two seconds apart."""
    day = (max(at.year, 1980) - 1980) << 9 | at.month << 5 | at.day
    return day, at.hour << 11 | at.minute << 5 | at.second // 2
