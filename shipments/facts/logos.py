"""Logos: small enough for the head of a page on a bad line, whatever was sent."""

import io

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from PIL import Image

from shipments.facts.pictures import Bounds, Picture, PictureRefused, Refusal, draw_anew

FORMATS = ("PNG", "JPEG", "WEBP", "GIF")
MOST_BYTES = 2 * 1024 * 1024
# A public page has 45 KB for everything.
MOST_KEPT = 10_000
# A head shows at most 200 by 40 pixels; screens of phones have up to three times as many.
_SIDES = (600, 400, 300, 200)
_SHORTEST_SIDE = 8
_LOSSY_QUALITY = 82


class LogoRefused(ValueError):
    """A file that cannot be the logo; `words` say why, and what to send instead."""

    def __init__(self, words: Promise) -> None:
        super().__init__(str(words))
        self.words = words


TOO_LARGE = _("The file has more than 2 MB. Save the logo smaller: 600 pixels wide is plenty.")
_SVG = _(
    "An SVG is not taken, because it can carry programs. Save the logo as a PNG, 600 pixels wide, and send that."
)
_OTHER = _("The file is none of PNG, JPEG, WebP and GIF. Save the logo as a PNG and send that.")
_TOO_DETAILED = _("The picture does not become small enough for a logo. Send a simpler or a smaller one.")


def read_logo(data: bytes) -> Picture:
    """The logo in these bytes, drawn anew and small; `LogoRefused` where there is none."""
    if _looks_like_svg(data):
        raise LogoRefused(_SVG)
    for side in _SIDES:
        try:
            exact = draw_anew(
                data,
                formats=FORMATS,
                bounds=Bounds(most_bytes=MOST_BYTES, shortest_side=_SHORTEST_SIDE, kept_side=side),
            )
        except PictureRefused as refusal:
            raise LogoRefused(_words(refusal)) from refusal
        small = next((each for each in (exact, _lossy(exact)) if len(each.data) <= MOST_KEPT), None)
        if small is not None:
            return small
    raise LogoRefused(_TOO_DETAILED)


def _words(refusal: PictureRefused) -> Promise:
    return {Refusal.NO_PICTURE: _OTHER, Refusal.TOO_LARGE: TOO_LARGE}.get(refusal.reason, refusal.words)


def _looks_like_svg(data: bytes) -> bool:
    head = data[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith(b"<") and b"<svg" in head


def _lossy(picture: Picture) -> Picture:
    """A picture of ours with a little less in it: gradients and photographs shrink to a tenth."""
    out = io.BytesIO()
    with Image.open(io.BytesIO(picture.data)) as drawn:
        drawn.save(out, "WEBP", quality=_LOSSY_QUALITY)
    return Picture(out.getvalue(), "image/webp", picture.width, picture.height)
