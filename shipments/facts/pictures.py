"""Pictures from outside, drawn anew: what others send is decoded within bounds, and only what was decoded is kept.

A file that is a picture and something else besides (a page, a script, the place where a photo was taken) comes out as
the picture alone. What cannot be drawn is refused by name.
"""

import io
from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL import Image, ImageOps, UnidentifiedImageError

# What carriers send as proof, scanners' TIFF among it. Formats that draw by program (SVG, PDF, EPS) are on no list.
FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "TIFF")

# A camera's progressive JPEG has about ten scans. Each costs as much as a whole picture, and thousands fit into a file.
_MOST_SCANS = 64
_SCAN_BEGINS = b"\xff\xda"
# From here on a picture without loss is a photograph, and costs more to keep and to send than it shows.
_LARGE_WITHOUT_LOSS = 1_000_000
_LOSSY_QUALITY = 88


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a file may cost to read, and the longest side of what is kept: larger pictures are made smaller."""

    most_bytes: int = 10_000_000
    most_pixels: int = 40_000_000
    # A JPEG can be unpacked at half its size or less, others only whole: this is what memory is needed for.
    most_unpacked_pixels: int = 24_000_000
    longest_side: int = 12_000
    shortest_side: int = 1
    kept_side: int = 2_000


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of our own making, without metadata."""

    data: bytes
    media_type: str
    width: int
    height: int


class Refusal(StrEnum):
    """Why a file is not kept as a picture."""

    EMPTY = "empty"
    TOO_LARGE = "too_large"
    NO_PICTURE = "no_picture"
    TOO_MANY_PIXELS = "too_many_pixels"
    TOO_SMALL = "too_small"
    SEVERAL = "several"
    BROKEN = "broken"


_WORDS: dict[Refusal, Promise] = {
    Refusal.EMPTY: _("The file is empty."),
    Refusal.TOO_LARGE: _("The file is too large."),
    Refusal.NO_PICTURE: _("The file is no picture of a kind that can be shown."),
    Refusal.TOO_MANY_PIXELS: _("The picture has too many pixels."),
    Refusal.TOO_SMALL: _("The picture is too small to show anything."),
    Refusal.SEVERAL: _("The file holds several pictures: it moves, or has pages."),
    Refusal.BROKEN: _("The picture is damaged or cut short."),
}


class PictureRefused(Exception):
    """A file that is not kept as a picture. `reason` is for programs, `words` are for people."""

    def __init__(self, reason: Refusal) -> None:
        super().__init__(reason.value)
        self.reason = reason

    @property
    def words(self) -> Promise:
        return _WORDS[self.reason]


def draw_anew(data: bytes, *, formats: Collection[str] = FORMATS, bounds: Bounds | None = None) -> Picture:
    """The picture in these bytes, upright, without metadata, as PNG, JPEG or WebP; else `PictureRefused`.

    What the file is called or said to be counts for nothing. `formats` are those of `FORMATS` that are welcome.
    """
    bounds = bounds or Bounds()
    if not data:
        raise PictureRefused(Refusal.EMPTY)
    if len(data) > bounds.most_bytes:
        raise PictureRefused(Refusal.TOO_LARGE)
    try:
        source = _open(data, formats)
        _keep_within(source, data, bounds)
        if _has_more_to_show(source):
            raise PictureRefused(Refusal.SEVERAL)
        # Looking for a second picture may have moved on from the first.
        return _encode(_draw(_open(data, formats), bounds), str(source.format))
    except PictureRefused:
        raise
    except Exception as exc:
        # Decoders meet hostile bytes with every kind of error (struct, zlib, index, memory, ...).
        raise PictureRefused(Refusal.BROKEN) from exc


def _open(data: bytes, formats: Collection[str]) -> Image.Image:
    """The picture with its head read and nothing decoded."""
    try:
        return Image.open(io.BytesIO(data), formats=tuple(formats))
    except UnidentifiedImageError as exc:
        raise PictureRefused(Refusal.NO_PICTURE) from exc
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as exc:
        raise PictureRefused(Refusal.TOO_MANY_PIXELS) from exc


def _keep_within(source: Image.Image, data: bytes, bounds: Bounds) -> None:
    width, height = source.size
    if width * height > bounds.most_pixels or max(source.size) > bounds.longest_side:
        raise PictureRefused(Refusal.TOO_MANY_PIXELS)
    source.draft(None, (bounds.kept_side, bounds.kept_side))
    if source.width * source.height > bounds.most_unpacked_pixels:
        raise PictureRefused(Refusal.TOO_MANY_PIXELS)
    if min(source.size) < bounds.shortest_side:
        raise PictureRefused(Refusal.TOO_SMALL)
    # Inside a scan 0xFF is never followed by this mark; in a preview among the metadata it may be, a few times.
    if _is_jpeg(source) and data.count(_SCAN_BEGINS) > _MOST_SCANS:
        raise PictureRefused(Refusal.BROKEN)


def _is_jpeg(source: Image.Image) -> bool:
    # MPO is what phones make: a JPEG with a preview or a depth map behind it.
    return source.format in {"JPEG", "MPO"}


def _has_more_to_show(source: Image.Image) -> bool:
    """Whether there is a second frame or page. Only the second is looked for: a file may hold a million."""
    if _is_jpeg(source):
        return False
    try:
        source.seek(1)
    except EOFError:
        return False
    return True


def _draw(source: Image.Image, bounds: Bounds) -> Image.Image:
    """The pixels alone, on a new canvas."""
    source.draft(None, (bounds.kept_side, bounds.kept_side))
    source.load()
    upright = _upright(source)
    if upright.mode.startswith("I"):
        # Scanners' sixteen bits a pixel, of which screens show eight.
        plain = upright.point(lambda value: value / 256).convert("L")
    elif upright.has_transparency_data:
        plain = upright.convert("RGBA")
    else:
        plain = upright.convert("L" if upright.mode in {"1", "L"} else "RGB")
    plain.thumbnail((bounds.kept_side, bounds.kept_side), Image.Resampling.LANCZOS)
    canvas = Image.new(plain.mode, plain.size)
    canvas.paste(plain)
    return canvas


def _upright(source: Image.Image) -> Image.Image:
    """The picture, whose pixels are read, the way a camera says it is to be held."""
    try:
        source.getexif()
    except Exception:  # noqa: BLE001  (readers of metadata meet it with every kind of error)
        # Cameras write it wrongly, and programs that edit pictures break it: the picture is good all the same.
        return source
    return ImageOps.exif_transpose(source)


def _encode(canvas: Image.Image, source_format: str) -> Picture:
    """Lines and areas without loss, photographs small."""
    has_alpha = canvas.mode == "RGBA"
    if source_format not in {"JPEG", "MPO", "WEBP"}:
        exact = _saved(canvas, "PNG", optimize=True)
        if len(exact.data) <= _LARGE_WITHOUT_LOSS:
            return exact
    if has_alpha or source_format == "WEBP":
        return _saved(canvas, "WEBP", quality=_LOSSY_QUALITY)
    return _saved(canvas, "JPEG", quality=_LOSSY_QUALITY, optimize=True, progressive=True)


def _saved(canvas: Image.Image, kind: str, **options: object) -> Picture:
    out = io.BytesIO()
    canvas.save(out, kind, **options)
    return Picture(out.getvalue(), f"image/{kind.lower()}", canvas.width, canvas.height)
