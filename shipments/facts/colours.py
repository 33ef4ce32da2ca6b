"""A merchant's colour, and the shades of it that can be read on our pages in light and in dark.

Contrast is that of WCAG 2.2 (https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio). Text, links and buttons need 4.5 to 1.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from django.utils.translation import gettext as _

LEAST_CONTRAST = 4.5
# How finely a shade is looked for between the colour and black or white: finer than one step of a channel.
_STEPS = 512
_WRITTEN = re.compile(r"#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")


class ColourError(ValueError):
    """What was typed is no colour; the message is a sentence for people that says how to write one."""


class Colour(NamedTuple):
    """A colour of a screen (sRGB): red, green and blue from 0 to 255."""

    red: int
    green: int
    blue: int

    def __str__(self) -> str:
        return f"#{self.red:02x}{self.green:02x}{self.blue:02x}"


BLACK, WHITE = Colour(0, 0, 0), Colour(255, 255, 255)


def read_colour(typed: str) -> Colour:
    """The colour that was typed as `#0b5c6b`, `0B5C6B` or `#05c`; `ColourError` for anything else."""
    written = _WRITTEN.fullmatch(typed.strip())
    if written is None:
        raise ColourError(_("Write a colour as # and six digits or letters from a to f, such as #0b5c6b."))
    digits = written[1] if len(written[1]) == 6 else "".join(sign * 2 for sign in written[1])
    return Colour(*(int(digits[at : at + 2], 16) for at in (0, 2, 4)))


def luminance(colour: Colour) -> float:
    """How bright a colour is to the eye, from 0 for black to 1 for white."""
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in (value / 255 for value in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: Colour, other: Colour) -> float:
    """The contrast of two colours, from 1 for the same to 21 for black and white."""
    brighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)


def mixed(colour: Colour, other: Colour, share: float) -> Colour:
    """The colour with so large a share of the other one, from 0 to 1."""
    return Colour(*(round(a + (b - a) * share) for a, b in zip(colour, other, strict=True)))


@dataclass(frozen=True, slots=True)
class Grounds:
    """What a page is made of in one scheme, as site.css has it. `tints` are what notices stand on."""

    paper: Colour
    sheet: Colour
    ink: Colour
    ink_quiet: Colour
    rule: Colour
    tints: tuple[Colour, ...]
    # Where a colour goes that cannot be read, and what is written on it.
    extreme: Colour
    accent_ink: Colour
    tint_share: float

    @property
    def all(self) -> tuple[Colour, ...]:
        return (self.paper, self.sheet, *self.tints)


def _colours(*written: str) -> tuple[Colour, ...]:
    return tuple(read_colour(each) for each in written)


LIGHT = Grounds(
    paper=read_colour("#f7f6f3"),
    sheet=WHITE,
    ink=read_colour("#1b2227"),
    ink_quiet=read_colour("#535d66"),
    rule=read_colour("#e1e0db"),
    tints=_colours("#edf0f2", "#e4f0f8", "#f0eafb", "#fcf1dc", "#fcebe9", "#e5f4ea", "#efefee"),
    extreme=BLACK,
    accent_ink=WHITE,
    tint_share=0.9,
)
DARK = Grounds(
    paper=read_colour("#121619"),
    sheet=read_colour("#1a2024"),
    ink=read_colour("#e9ebec"),
    ink_quiet=read_colour("#a6b0b7"),
    rule=read_colour("#2d363c"),
    tints=_colours("#283138", "#16303f", "#2d2547", "#392c13", "#41201e", "#173422", "#2d2f31"),
    extreme=WHITE,
    accent_ink=read_colour("#121619"),
    tint_share=0.82,
)


def least_contrast(colour: Colour, grounds: Grounds) -> float:
    """The contrast of a colour where it is hardest to read in this scheme."""
    return min(contrast(colour, ground) for ground in grounds.all)


def is_readable(colour: Colour, grounds: Grounds) -> bool:
    """Whether the colour can be text, a link or a button anywhere on a page in this scheme."""
    return least_contrast(colour, grounds) >= LEAST_CONTRAST


def readable_shade(colour: Colour, grounds: Grounds) -> Colour:
    """The colour itself where it can be read in this scheme, else the nearest shade towards black or white that can."""
    if is_readable(colour, grounds):
        return colour
    # Contrast grows with the share: a page's grounds all lie on the other side of what is looked for.
    too_little, enough = 0, _STEPS
    while enough - too_little > 1:
        between = (too_little + enough) // 2
        if is_readable(mixed(colour, grounds.extreme, between / _STEPS), grounds):
            enough = between
        else:
            too_little = between
    return mixed(colour, grounds.extreme, enough / _STEPS)


@dataclass(frozen=True, slots=True)
class Palette:
    """A colour, and what stands for it on light and on dark pages."""

    brand: Colour
    light: Colour
    dark: Colour


@lru_cache(maxsize=1024)
def palette(written: str) -> Palette:
    """The shades of a colour that was kept as `#rrggbb`."""
    brand = read_colour(written)
    return Palette(brand, readable_shade(brand, LIGHT), readable_shade(brand, DARK))


@dataclass(frozen=True, slots=True)
class Stylesheet:
    """A few lines of CSS, and the mark that changes with them."""

    text: str
    digest: str


@lru_cache(maxsize=1024)
def stylesheet(written: str) -> Stylesheet:
    """What a page loads after site.css to have this colour."""
    shades = palette(written)
    text = (
        f":root{{--brand:{shades.brand};{_accents(shades.light, LIGHT)}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_accents(shades.dark, DARK)}}}}}\n"
    )
    return Stylesheet(text, sha256(text.encode()).hexdigest()[:16])


@lru_cache(maxsize=256)
def preview_stylesheet(written: str) -> str:
    """What shows the colour on light and on dark beside each other, whatever the reader's own scheme is."""
    shades = palette(written)
    return "".join(
        f".look-preview--{name}{{--paper:{grounds.paper};--sheet:{grounds.sheet};--ink:{grounds.ink};"
        f"--ink-quiet:{grounds.ink_quiet};--rule:{grounds.rule};--brand:{shades.brand};{_accents(shade, grounds)}}}\n"
        for name, shade, grounds in (("light", shades.light, LIGHT), ("dark", shades.dark, DARK))
    )


def _accents(shade: Colour, grounds: Grounds) -> str:
    tint = mixed(shade, grounds.sheet, grounds.tint_share)
    return f"--accent:{shade};--accent-ink:{grounds.accent_ink};--accent-tint:{tint};--focus:{shade}"
