"""Pictures of others: what is kept of them, and what is refused."""

import io
import random
import struct
import zlib

import pytest
from PIL import Image, ImageDraw
from PIL.PngImagePlugin import PngInfo

from shipments.facts.pictures import Bounds, PictureRefused, Refusal, draw_anew

PAPER, INK = (250, 250, 250), (20, 30, 120)


def a_drawing(mode: str = "RGB", size: tuple[int, int] = (120, 60)) -> Image.Image:
    picture = Image.new("RGB", size, PAPER)
    ImageDraw.Draw(picture).line([(0, 0), (size[0] // 2, size[1] - 1)], fill=INK, width=3)
    return picture.convert(mode)


def encoded(picture: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    picture.save(out, kind, **options)
    return out.getvalue()


def read(data: bytes) -> Image.Image:
    picture = Image.open(io.BytesIO(data))
    picture.load()
    return picture


def refusal_of(data: bytes, **how: object) -> Refusal:
    with pytest.raises(PictureRefused) as refused:
        draw_anew(data, **how)  # type: ignore[arg-type]
    assert str(refused.value.words)
    return refused.value.reason


@pytest.mark.parametrize(
    ("kind", "kept_as"),
    [
        ("JPEG", "image/jpeg"),
        ("PNG", "image/png"),
        ("GIF", "image/png"),
        ("WEBP", "image/webp"),
        ("TIFF", "image/png"),
    ],
)
def test_each_format_is_kept_as_one_that_browsers_show(kind: str, kept_as: str) -> None:
    kept = draw_anew(encoded(a_drawing(), kind))

    assert (kept.media_type, kept.width, kept.height) == (kept_as, 120, 60)
    again = read(kept.data)
    assert (Image.MIME[str(again.format)], again.size) == (kept_as, (120, 60))
    red, green, blue = again.convert("RGB").getpixel((110, 10))  # type: ignore[misc]
    assert all(abs(seen - drawn) < 8 for seen, drawn in zip((red, green, blue), PAPER, strict=True))


def test_lines_are_kept_to_the_pixel() -> None:
    drawing = a_drawing()
    assert read(draw_anew(encoded(drawing, "PNG")).data).convert("RGB").tobytes() == drawing.tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_every_kind_of_pixel_of_a_png_is_drawn(mode: str) -> None:
    kept = draw_anew(encoded(a_drawing(mode), "PNG"))
    assert (kept.media_type, kept.width) == ("image/png", 120)


def test_what_is_seen_through_stays_so() -> None:
    picture = Image.new("RGBA", (20, 20), (255, 0, 0, 0))
    assert read(draw_anew(encoded(picture, "PNG")).data).getpixel((5, 5)) == (255, 0, 0, 0)


def test_sixteen_bits_of_grey_become_eight() -> None:
    picture = Image.new("I;16", (20, 20), 40_000)
    assert read(draw_anew(encoded(picture, "PNG")).data).getpixel((5, 5)) == 40_000 // 256


def test_a_printers_colours_become_a_screens() -> None:
    assert read(draw_anew(encoded(a_drawing("CMYK"), "JPEG")).data).mode == "RGB"


def test_a_photo_lies_the_right_way_up_and_forgets_where_it_was_taken() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter to the right when shown
    exif[0x010F] = "A maker of cameras"
    exif.get_ifd(0x8825)[1] = "N"
    kept = draw_anew(encoded(a_drawing(), "JPEG", exif=exif, comment=b"Jane Doe, 12 Elm Street"))

    assert (kept.width, kept.height) == (60, 120)
    assert dict(read(kept.data).getexif()) == {}
    assert b"camera" not in kept.data
    assert b"Jane" not in kept.data


@pytest.mark.parametrize(
    "exif", [b"Exif\x00\x00nonsense", b"Exif\x00\x00MM\x00*\xff\xff\xff\xff", b"Exif\x00\x00"]
)
@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_broken_metadata_do_not_cost_a_photo(exif: bytes) -> None:
    kept = draw_anew(encoded(a_drawing(), "JPEG", exif=exif))
    assert (kept.width, kept.height) == (120, 60)


def test_text_and_profiles_of_a_png_are_left_behind() -> None:
    said = PngInfo()
    said.add_text("Author", "Jane Doe")
    kept = draw_anew(encoded(a_drawing(), "PNG", pnginfo=said, icc_profile=b"a profile"))
    assert set(read(kept.data).info) == set()


def test_what_hangs_behind_a_picture_is_left_behind() -> None:
    kept = draw_anew(encoded(a_drawing(), "PNG") + b"<script>alert(1)</script>")
    assert b"script" not in kept.data


def test_a_large_picture_is_made_smaller_in_its_own_shape() -> None:
    kept = draw_anew(encoded(a_drawing(size=(3000, 1500)), "JPEG"), bounds=Bounds(kept_side=600))
    assert (kept.width, kept.height) == (600, 300)


@pytest.mark.parametrize(("mode", "kept_as"), [("RGB", "image/jpeg"), ("RGBA", "image/webp")])
def test_a_photo_sent_without_loss_is_kept_small(mode: str, kept_as: str) -> None:
    noise = Image.frombytes(mode, (900, 900), random.Random(1).randbytes(900 * 900 * len(mode)))
    kept = draw_anew(encoded(noise, "PNG"))
    assert kept.media_type == kept_as
    assert len(kept.data) < 2_000_000


def test_the_preview_behind_a_phones_photo_costs_it_nothing() -> None:
    data = encoded(a_drawing(), "MPO", save_all=True, append_images=[a_drawing(size=(30, 15))])
    kept = draw_anew(data)
    assert (kept.media_type, kept.width) == ("image/jpeg", 120)


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "TIFF"])
def test_what_moves_or_has_pages_is_refused(kind: str) -> None:
    data = encoded(a_drawing(), kind, save_all=True, append_images=[Image.new("RGB", (120, 60))])
    assert refusal_of(data) == Refusal.SEVERAL


@pytest.mark.parametrize(
    "data",
    [
        b"<!doctype html><title>Sign in</title>",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b"%PDF-1.7\n1 0 obj",
        b"%!PS-Adobe-3.0 EPSF-3.0\n",
        b"BM" + bytes(60),
        b"\x00",
        b"{}",
    ],
)
def test_what_is_no_picture_is_refused(data: bytes) -> None:
    assert refusal_of(data) == Refusal.NO_PICTURE


def test_a_format_that_is_not_welcome_is_refused() -> None:
    assert refusal_of(encoded(a_drawing(), "TIFF"), formats=("PNG", "JPEG")) == Refusal.NO_PICTURE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_a_file_cut_short_is_refused(kind: str, share: float) -> None:
    noise = Image.frombytes("RGB", (200, 200), random.Random(2).randbytes(120_000))
    data = encoded(noise, kind)
    assert refusal_of(data[: int(len(data) * share)]) in {Refusal.BROKEN, Refusal.NO_PICTURE}


def test_a_wrong_sum_is_damage() -> None:
    data = bytearray(encoded(a_drawing(), "PNG"))
    at = data.index(b"IDAT") + 10
    data[at] ^= 0xFF
    assert refusal_of(bytes(data)) == Refusal.BROKEN


def a_bomb(width: int, height: int) -> bytes:
    """A small PNG that says it is large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1_000_000))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("width", "height"),
    [(5_000, 5_000), (8_000, 8_000), (11_000, 9_000), (60_000, 60_000), (40_000, 10), (2**31 - 1, 2**31 - 1)],
)
def test_a_bomb_is_refused_before_it_is_unpacked(width: int, height: int) -> None:
    assert refusal_of(a_bomb(width, height)) == Refusal.TOO_MANY_PIXELS


def test_a_large_photo_is_unpacked_at_the_size_it_is_kept_at() -> None:
    kept = draw_anew(encoded(Image.new("RGB", (6_000, 5_000), PAPER), "JPEG"))
    assert (kept.width, kept.height) == (2000, 1667)


def test_a_jpeg_of_endless_scans_is_refused_before_it_is_unpacked() -> None:
    data = encoded(a_drawing(), "JPEG", progressive=True)
    begin = data.index(b"\xff\xda")
    end = data.index(b"\xff\xc4", begin)
    assert refusal_of(data[:end] + data[begin:end] * 100 + data[end:]) == Refusal.BROKEN


def test_a_file_beyond_the_bound_is_refused_unread() -> None:
    assert refusal_of(bytes(101), bounds=Bounds(most_bytes=100)) == Refusal.TOO_LARGE


def test_an_empty_file_is_refused() -> None:
    assert refusal_of(b"") == Refusal.EMPTY


def test_a_single_pixel_shows_nothing() -> None:
    assert refusal_of(encoded(Image.new("RGB", (1, 1)), "PNG"), bounds=Bounds(shortest_side=8)) == (
        Refusal.TOO_SMALL
    )
