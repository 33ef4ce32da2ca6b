"""Colours of merchants: what can be read of them, on light and on dark."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.facts import colours
from shipments.facts.colours import DARK, LEAST_CONTRAST, LIGHT, Colour, ColourError, Grounds

SITE_CSS = (Path(__file__).parents[2] / "static/css/site.css").read_text()
channels = st.integers(0, 255)
any_colour = st.builds(Colour, channels, channels, channels)
schemes = pytest.mark.parametrize("grounds", [LIGHT, DARK], ids=["light", "dark"])


def tokens(scheme: str) -> dict[str, str]:
    """The custom properties of site.css in one scheme."""
    light, dark = re.findall(r":root \{(.*?)\n\s*\}", SITE_CSS, re.DOTALL)[:2]
    return dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", light if scheme == "light" else dark))


@pytest.mark.parametrize(
    ("typed", "kept"),
    [("#0B5C6B", "#0b5c6b"), (" ffd400 ", "#ffd400"), ("#fd0", "#ffdd00"), ("000", "#000000")],
)
def test_a_colour_is_kept_in_one_form(typed: str, kept: str) -> None:
    assert str(colours.read_colour(typed)) == kept


@pytest.mark.parametrize(
    "typed",
    ["", "#", "red", "#12", "#1234", "#12345", "#1234567", "rgb(1,2,3)", "#0b5c6g", "#0b5c6b;}", "٠٠٠"],
)
def test_what_is_no_colour_is_refused_in_words(typed: str) -> None:
    with pytest.raises(ColourError, match=r"such as #0b5c6b"):
        colours.read_colour(typed)


@pytest.mark.parametrize(
    ("one", "other", "ratio"),
    [
        # The first two are of the definition; the greys are the well-known edge of 4.5 on white.
        ("#000000", "#ffffff", 21.0),
        ("#123456", "#123456", 1.0),
        ("#767676", "#ffffff", 4.54),
        ("#777777", "#ffffff", 4.48),
        ("#ff0000", "#ffffff", 4.0),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_contrast_is_that_of_wcag(one: str, other: str, ratio: float) -> None:
    a, b = colours.read_colour(one), colours.read_colour(other)
    assert round(colours.contrast(a, b), 2) == round(colours.contrast(b, a), 2) == ratio


@given(any_colour)
def test_every_colour_reads_as_it_is_written(colour: Colour) -> None:
    assert colours.read_colour(str(colour)) == colour


@schemes
@given(colour=any_colour)
def test_the_shade_of_any_colour_can_be_read_and_written_on(grounds: Grounds, colour: Colour) -> None:
    shade = colours.readable_shade(colour, grounds)

    assert all(colours.contrast(shade, ground) >= LEAST_CONTRAST for ground in grounds.all)
    assert colours.contrast(shade, grounds.accent_ink) >= LEAST_CONTRAST
    tint = colours.mixed(shade, grounds.sheet, grounds.tint_share)
    assert colours.contrast(tint, grounds.ink) >= LEAST_CONTRAST


@schemes
@given(colour=any_colour)
def test_a_colour_that_can_be_read_is_left_alone_and_no_other_is_moved_further_than_needed(
    grounds: Grounds, colour: Colour
) -> None:
    shade = colours.readable_shade(colour, grounds)

    if colours.is_readable(colour, grounds):
        assert shade == colour
        return
    # Every colour on the way to the shade that is not the shade cannot be read.
    on_the_way = {colours.mixed(colour, grounds.extreme, share / 512) for share in range(513)}
    nearer = {
        each
        for each in on_the_way
        if sum(abs(a - b) for a, b in zip(each, colour, strict=True))
        < sum(abs(a - b) for a, b in zip(shade, colour, strict=True))
    }
    assert not any(colours.is_readable(each, grounds) for each in nearer)


@pytest.mark.parametrize(("scheme", "grounds"), [("light", LIGHT), ("dark", DARK)])
def test_the_grounds_are_those_of_the_pages(scheme: str, grounds: Grounds) -> None:
    named = tokens(scheme)

    assert {
        name: str(colour)
        for name, colour in {
            "--paper": grounds.paper,
            "--sheet": grounds.sheet,
            "--ink": grounds.ink,
            "--ink-quiet": grounds.ink_quiet,
            "--rule": grounds.rule,
        }.items()
    } == {name: named[name] for name in ("--paper", "--sheet", "--ink", "--ink-quiet", "--rule")}
    tints = {value for name, value in named.items() if name.endswith("-tint") and name != "--accent-tint"}
    assert {str(tint) for tint in grounds.tints} == tints


def test_yellow_is_darkened_on_light_and_kept_on_dark() -> None:
    shades = colours.palette("#ffd400")

    assert (str(shades.brand), str(shades.dark)) == ("#ffd400", "#ffd400")
    red, green, blue = shades.light
    # Still yellow: as much green to its red, and no blue.
    assert blue == 0
    assert round(green / red, 2) == round(0xD4 / 0xFF, 2)
    assert LEAST_CONTRAST <= colours.least_contrast(shades.light, LIGHT) < LEAST_CONTRAST + 0.1


def test_the_style_sheet_sets_the_colour_and_changes_its_mark_with_it() -> None:
    sheet = colours.stylesheet("#0b5c6b")

    assert sheet.text.startswith(
        ":root{--brand:#0b5c6b;--accent:#0b5c6b;--accent-ink:#ffffff;--accent-tint:#"
    )
    assert "@media screen and (prefers-color-scheme:dark){:root{--accent:#" in sheet.text
    assert re.fullmatch(r"[0-9a-f]{16}", sheet.digest)
    assert sheet.digest != colours.stylesheet("#0b5c6c").digest
