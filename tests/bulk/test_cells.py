"""Cells of our files: no spreadsheet runs them, and what we read back is what was there."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.bulk.cells import plain_cell, safe_cell, spreadsheet_cell

# Mostly what the rule is about, in every order.
TELLING = st.text(alphabet=st.sampled_from("=+-@＝＋－＠ \t\r\n;|,'\"1a\ufeff\u200b\u00a0\x00"), max_size=12)


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+1 555 0100", "'+1 555 0100"),
        ("-1", "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"),
        ("\rx", "'\rx"),
        ("\n=1", "'\n'=1"),
        ("  =1", "'  =1"),
        ("\u00a0=1", "'\u00a0=1"),
        ("\ufeff=1", "'\ufeff=1"),
        ("\u200b=1", "'\u200b=1"),
        ("\x00=1", "'\x00=1"),
        ("＝1", "'＝1"),
        ("＋1", "'＋1"),
        ("－1", "'－1"),
        ("＠x", "'＠x"),
        ("−1", "'−1"),
        ("'=1", "''=1"),
        ("' =1", "'' =1"),
        # Read with semicolons, tabs or lines for separators, a cell begins in the middle.
        ("x;=1", "x;'=1"),
        ("x; =1", "x;' =1"),
        ("x\t=1", "x\t'=1"),
        ("x\r\n=1", "x\r\n'=1"),
        ("x|@y", "x|'@y"),
        ('=HYPERLINK("http://x","y")', '\'=HYPERLINK("http://x","y")'),
    ],
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(text: str, cell: str) -> None:
    assert safe_cell(text) == cell
    assert plain_cell(cell) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "A-77",
        "9400100000000000000000",
        "O'Hara",
        "'s-Hertogenbosch",
        "a=b",
        "DENVER, CO",
        "x;y",
        "1-2",
        "(+1)",
        "'",
    ],
)
def test_what_nobody_runs_stays_as_it_is(text: str) -> None:
    assert safe_cell(text) == text
    assert plain_cell(text) == text


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("9405509898641500000146", '="9405509898641500000146"'),
        ("771234567890", '="771234567890"'),
        ("02134", '="02134"'),
        ("20832", "20832"),
        ("0", "0"),
        ("12345678901", "12345678901"),
        ("1Z12345E0205271686", "1Z12345E0205271686"),
        ("٠١٢٣٤٥٦٧٨٩٠١٢", "٠١٢٣٤٥٦٧٨٩٠١٢"),
        ('="1"', '\'="1"'),
        ("=1", "'=1"),
    ],
)
def test_a_spreadsheet_keeps_every_digit(text: str, cell: str) -> None:
    assert spreadsheet_cell(text) == cell
    assert plain_cell(cell) == text


@given(st.text() | TELLING)
def test_what_is_written_is_what_is_read_again(text: str) -> None:
    assert plain_cell(safe_cell(text)) == text
    assert plain_cell(spreadsheet_cell(text)) == text


@given(st.text() | TELLING, st.sampled_from([",", ";", "\t", "|"]))
def test_no_reader_finds_a_cell_that_begins_like_a_formula(text: str, separator: str) -> None:
    file = io.StringIO()
    csv.writer(file).writerow(["x", safe_cell(text), "y"])

    # As a reader with another separator would cut it: line by line, blind to our quotes.
    cells = file.getvalue().replace("\r", "\n").replace("\n", separator).split(separator)

    # A comma inside a cell is inside its quotes; whoever reads with commas reads those.
    if separator == ",":
        cells = next(csv.reader(io.StringIO(file.getvalue(), newline="")))
    assert [
        cell for cell in cells if cell.lstrip().startswith(("=", "+", "-", "@", "＝", "＋", "－", "＠"))
    ] == []
