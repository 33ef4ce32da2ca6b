"""Logos: drawn anew, small, and refused in words that say what to send instead."""

import io

import pytest
from PIL import Image

from shipments.facts.logos import MOST_BYTES, MOST_KEPT, LogoRefused, read_logo


def a_file(kind: str = "PNG", size: tuple[int, int] = (900, 300), mode: str = "RGBA") -> bytes:
    picture = Image.new(mode, size, "#0b5c6b")
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "GIF"])
def test_a_plain_logo_is_made_smaller_without_loss(kind: str) -> None:
    logo = read_logo(a_file(kind, mode="RGB"))

    assert (logo.width, logo.height) == (600, 200)
    with Image.open(io.BytesIO(logo.data)) as drawn:
        assert drawn.size == (600, 200)
        red, green, blue = drawn.convert("RGB").getpixel((300, 100))  # type: ignore[misc]
    assert max(abs(red - 0x0B), abs(green - 0x5C), abs(blue - 0x6B)) <= 3


def test_what_is_transparent_stays_so() -> None:
    source = Image.new("RGBA", (300, 100), (0, 0, 0, 0))
    source.paste((255, 0, 0, 255), (100, 20, 200, 80))
    out = io.BytesIO()
    source.save(out, "PNG")

    logo = read_logo(out.getvalue())

    with Image.open(io.BytesIO(logo.data)) as drawn:
        assert drawn.convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]
        assert drawn.convert("RGBA").getpixel((150, 50)) == (255, 0, 0, 255)


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_photograph_becomes_small_enough_for_the_head_of_a_page(kind: str) -> None:
    source = Image.effect_noise((800, 400), 60).convert("RGB")
    out = io.BytesIO()
    source.save(out, kind)

    logo = read_logo(out.getvalue())

    assert len(logo.data) <= MOST_KEPT
    assert logo.width in {200, 300, 400, 600}
    assert logo.height == logo.width // 2


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>', "An SVG is not taken"),
        (b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- x --><SVG></SVG>', "An SVG is not taken"),
        (b"<html><body>a logo</body></html>", "none of PNG, JPEG, WebP and GIF"),
        (b"%PDF-1.7 a logo", "none of PNG, JPEG, WebP and GIF"),
        (b"", "The file is empty"),
        (b"x" * (MOST_BYTES + 1), "more than 2 MB"),
        (a_file(size=(600, 4)), "too small"),
        (a_file()[:200], "damaged or cut short"),
    ],
)
def test_what_cannot_be_a_logo_is_refused_in_words(data: bytes, words: str) -> None:
    with pytest.raises(LogoRefused, match=words):
        read_logo(data)


def test_a_program_behind_the_picture_is_not_kept() -> None:
    logo = read_logo(a_file() + b"<script>alert(1)</script>")

    assert b"script" not in logo.data
