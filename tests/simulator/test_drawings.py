import struct
import zlib
from collections.abc import Callable

import pytest

from shipments.simulator.drawings import photo, signature


def size_of(picture: bytes) -> tuple[int, int]:
    """Width and height, after every part of the PNG has been checked against its sum."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    names, place = [], 8
    while place < len(picture):
        (length,) = struct.unpack(">I", picture[place : place + 4])
        part = picture[place + 4 : place + 8 + length]
        assert struct.unpack(">I", picture[place + 8 + length : place + 12 + length]) == (zlib.crc32(part),)
        names.append(part[:4])
        place += 12 + length
    assert names == [b"IHDR", b"IDAT", b"IEND"]
    width, height = struct.unpack(">II", picture[16:24])
    return width, height


@pytest.mark.parametrize(("draw", "size"), [(signature, (360, 120)), (photo, (320, 240))])
def test_a_picture_is_a_small_valid_png(draw: Callable[[str, int], bytes], size: tuple[int, int]) -> None:
    picture = draw("1Z5TW81M0306RYUB25", 1)
    assert size_of(picture) == size
    assert len(picture) < 150_000


def test_the_same_number_gives_the_same_picture_and_another_number_another() -> None:
    first = photo("A", 1)
    photo.cache_clear()
    assert photo("A", 1) == first
    assert photo("B", 1) != first
    assert signature("A", 1) != signature("B", 1)


def test_a_signature_has_ink_on_its_paper() -> None:
    picture = signature("A", 1)
    (length,) = struct.unpack(">I", picture[33:37])
    pixels = zlib.decompress(picture[41 : 41 + length])
    assert min(pixels[1:361]) == 250
    assert 500 < sum(1 for pixel in pixels if 0 < pixel < 100) < 10_000
