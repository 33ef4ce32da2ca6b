"""What people paste into the field for numbers: a list, or cells of a spreadsheet."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from shipments.facts.numbers import recognise

_BETWEEN_NUMBERS = re.compile(r"[,;\t]+")
# Number, order, recipient.
_CELLS = 3


@dataclass(frozen=True, slots=True)
class Pasted:
    """One number as it was pasted, with the order and the recipient that stood beside it; `left_out` are further cells."""

    number: str
    order: str = ""
    recipient: str = ""
    left_out: tuple[str, ...] = ()


def read_pasted(text: str) -> list[Pasted]:
    """The numbers of a pasted text, in their order.

    A line is a number, or several with commas or semicolons between them. A line with tabs is a row of a spreadsheet:
    number, order, recipient, unless every cell is a tracking number itself. A first row without any digit in its
    first cell, before other rows, is the headings.
    """
    lines = [line for line in re.split(r"[\r\n]+", text) if line.strip()]
    if len(lines) > 1 and _is_headings(lines[0]):
        lines = lines[1:]
    return [pasted for line in lines for pasted in _read_line(line)]


def _is_headings(line: str) -> bool:
    first, tab, _rest = line.partition("\t")
    return bool(tab and first.strip()) and not any(sign.isdigit() for sign in first)


def _read_line(line: str) -> Iterator[Pasted]:
    cells = [" ".join(cell.split()) for cell in line.split("\t")]
    filled = [cell for cell in cells if cell]
    is_row = "\t" in line.strip() and not all(_is_surely_a_number(cell) for cell in filled)
    if not is_row:
        numbers = (number.strip() for number in _BETWEEN_NUMBERS.split(line))
        yield from (Pasted(number) for number in numbers if number)
        return
    order, recipient = (*cells[1:_CELLS], "", "")[:2]
    yield Pasted(cells[0], order, recipient, tuple(cell for cell in cells[_CELLS:] if cell))


def _is_surely_a_number(cell: str) -> bool:
    """Whether a cell can hardly be an order: most shapes of tracking numbers, but not any ten digits."""
    return any(candidate.sure in {"certain", "likely"} for candidate in recognise(cell)[:1])
