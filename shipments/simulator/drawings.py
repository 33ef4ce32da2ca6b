"""Pictures drawn from a number: a signature, and a doorstep with a parcel on it. PNG, with the standard library.

The same seed and number give the same picture, byte for byte.
"""

import math
import random
import struct
import zlib
from collections.abc import Iterable, Sequence
from functools import lru_cache

from shipments.simulator.journeys import dice

_SIGNATURE = (360, 120)
_PHOTO = (320, 240)
Point = tuple[float, float]
Colour = tuple[int, int, int]


@lru_cache(maxsize=32)
def signature(number: str, seed: int) -> bytes:
    """A pen's strokes on paper, as a PNG of a few kilobytes."""
    width, height = _SIGNATURE
    chance = dice(seed, "signature", number)
    paper = [bytearray([250]) * width for _ in range(height)]
    pen = 24.0
    for _ in range(chance.randrange(5, 8)):
        start = (pen, chance.uniform(50, 80))
        reach = chance.uniform(35, 60)
        bends = (
            (pen + chance.uniform(0, reach), chance.uniform(5, 40)),
            (pen + chance.uniform(0, reach), chance.uniform(75, 115)),
        )
        end = (pen + reach, chance.uniform(45, 85))
        _stroke(paper, (start, *bends, end), thickness=chance.uniform(1.2, 2.2))
        pen += reach * 0.8
    underline = ((24.0, 96.0), (120.0, 112.0), (220.0, 84.0), (pen, 98.0))
    _stroke(paper, underline, thickness=1.2)
    return _png(width, height, paper, colours=1)


def _stroke(
    paper: Sequence[bytearray], bends: tuple[Point, Point, Point, Point], *, thickness: float
) -> None:
    height, width = len(paper), len(paper[0])
    reach = math.ceil(thickness) + 1
    for step in range(161):
        x, y = _bezier(bends, step / 160)
        for row in range(max(0, int(y) - reach), min(height, int(y) + reach + 1)):
            for column in range(max(0, int(x) - reach), min(width, int(x) + reach + 1)):
                ink = 1 - (math.hypot(column - x, row - y) - thickness)
                if ink > 0:
                    paper[row][column] = min(paper[row][column], int(250 - 220 * min(ink, 1.0)))


def _bezier(bends: tuple[Point, Point, Point, Point], t: float) -> Point:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    return (
        sum(weight * x for weight, (x, _) in zip(weights, bends, strict=True)),
        sum(weight * y for weight, (_, y) in zip(weights, bends, strict=True)),
    )


@lru_cache(maxsize=32)
def photo(number: str, seed: int) -> bytes:
    """A front door with a parcel before it, in evening light and with a sensor's noise, as a PNG under 150 kB."""
    width, height = _PHOTO
    chance = dice(seed, "photo", number)
    wall = _colour(chance, 150, 205)
    door = _colour(chance, 40, 140)
    floor = (120, 112, 104)
    left, top = chance.randrange(60, 150), 24
    box_left, box_top = chance.randrange(70, 180), chance.randrange(150, 172)
    box_wide, box_high = chance.randrange(60, 95), chance.randrange(40, 60)
    rows: list[bytearray] = []
    for y in range(height):
        light = 1.08 - 0.35 * y / height
        row = bytearray()
        for x in range(width):
            if box_left <= x < box_left + box_wide and box_top <= y < box_top + box_high:
                taped = abs(x - box_left - box_wide // 2) < 5
                colour: Colour = (214, 190, 150) if taped else (176, 130, 80)
            elif y >= 190:
                colour = floor
            elif left <= x < left + 96 and y >= top:
                panel = 14 < x - left < 82 and (y - top) % 80 > 14
                colour = door if panel else (door[0] + 18, door[1] + 18, door[2] + 18)
            else:
                colour = wall if y % 16 else (wall[0] - 14, wall[1] - 14, wall[2] - 14)
            shade = light - 0.12 * abs(x - width / 2) / width
            row += bytes(min(255, max(0, int(part * shade))) for part in colour)
        rows.append(row)
    _add_noise(rows, chance)
    return _png(width, height, rows, colours=3)


def _colour(chance: random.Random, low: int, high: int) -> Colour:
    return chance.randrange(low, high), chance.randrange(low, high), chance.randrange(low, high)


def _add_noise(rows: Iterable[bytearray], chance: random.Random) -> None:
    # One speck in eight keeps the file small and still looks like a telephone's camera.
    for row in rows:
        for place in chance.sample(range(len(row)), len(row) // 8):
            row[place] = min(255, row[place] + chance.randrange(12))


def _png(width: int, height: int, rows: Iterable[bytearray], *, colours: int) -> bytes:
    kind = {1: 0, 3: 2}[colours]
    header = struct.pack(">IIBBBBB", width, height, 8, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\x00" + bytes(row) for row in rows), 6)
    parts = (_chunk(b"IHDR", header), _chunk(b"IDAT", pixels), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
