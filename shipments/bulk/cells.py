"""Texts as cells of a CSV file that no spreadsheet takes for a formula, and back.

The rule, for every reader and writer of our files:

* Where a cell begins, and after a sign inside it at which a reader with other settings would begin a cell (semicolon,
  tab, line break, vertical bar), a text that would be read as a formula there gets an apostrophe in front. A formula
  begins with `=`, `+`, `-`, `@` or their full-width forms, also behind blanks, apostrophes or signs without a width;
  a tab or line break at the beginning counts as one.
* In files made for spreadsheets, digits that a spreadsheet would turn into another number (`9.40551E+21`, or a ZIP Code
  without its nought) stand as `="9405…"`: text, to the spreadsheet. Nothing but ASCII digits ever stands in there.
* `plain_cell` takes both off again, and only where we would have put them: `plain_cell(safe_cell(text)) == text`.
"""

import re

# Blanks, apostrophes and what is not seen: a spreadsheet looks past them.
_LEADING = r"[\s'\x00-\x1f\x7f\u00ad\u200b-\u200f\u2028-\u202e\u2060\ufeff]*"
_FORMULA = rf"(?={_LEADING}[=+\-@＝＋－﹣−＠﹦﹢﹫])"
_CELL_INSIDE = r"[;|\t\r\n\v\f\x1c-\x1f\x85\u2028\u2029]"
_BEGINS = re.compile(rf"(^|{_CELL_INSIDE}){_FORMULA}|^(?={_LEADING}[\t\r\n])")
_MARKED = re.compile(rf"(^|{_CELL_INSIDE})'{_FORMULA}|^'(?={_LEADING}[\t\r\n])")

# A spreadsheet keeps 15 digits of a number and shows 11; it drops noughts in front of any.
_KEPT_DIGITS = 11
_DIGITS = re.compile(r"[0-9]+", re.ASCII)
_DIGITS_AS_TEXT = re.compile(r'="([0-9]+)"', re.ASCII)


def safe_cell(text: str) -> str:
    """The text as a cell that nobody's spreadsheet runs."""
    return _BEGINS.sub(lambda found: f"{found[1] or ''}'", text)


def spreadsheet_cell(text: str) -> str:
    """As `safe_cell`, and long or nought-led digits so that a spreadsheet keeps each of them."""
    if _DIGITS.fullmatch(text) and (len(text) > _KEPT_DIGITS or (text[0] == "0" and len(text) > 1)):
        return f'="{text}"'
    return safe_cell(text)


def plain_cell(cell: str) -> str:
    """The text that one of the two above has made into this cell; any other cell is itself."""
    digits = _DIGITS_AS_TEXT.fullmatch(cell)
    return digits[1] if digits else _MARKED.sub(lambda found: found[1] or "", cell)
