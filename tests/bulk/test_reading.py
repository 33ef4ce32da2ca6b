"""Files as shops, spreadsheets and broken scripts write them."""

import codecs
import csv
import io
import itertools
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shipments.bulk import reading
from shipments.bulk.reading import as_utf8, examine, find_encoding, read_head
from shipments.facts import file_rows
from shipments.facts.file_rows import Row, Rows, Unreadable

ENCODINGS = {"utf-8": "utf-8", "utf-8-sig": "utf-8-sig", "cp1252": "cp1252", "utf-16": "utf-16"}
# What any of the four encodings can write; without NUL, which is dropped on purpose.
SIGNS = st.characters(codec="cp1252", exclude_characters="\x00")
CELLS = st.text(alphabet=SIGNS | st.sampled_from("\"',;|\t\r\n \x0b\u2028é€"), max_size=12)
TABLES = st.lists(st.lists(CELLS, min_size=2, max_size=6), min_size=1, max_size=12)


def written(
    rows: list[list[str]], separator: str = ",", *, end: str = "\r\n", quoting: int = csv.QUOTE_MINIMAL
) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=separator, lineterminator=end, quoting=quoting).writerows(rows)  # type: ignore[arg-type]
    return text.getvalue()


def cut(content: bytes, size: int) -> list[bytes]:
    return [content[start : start + size] for start in range(0, len(content), size)]


def rows_of(text: str | bytes, separator: str = ",", *, size: int = 7) -> list[Row]:
    content = text.encode() if isinstance(text, str) else text
    return list(Rows(cut(content, size), separator=separator))


@settings(deadline=None)
@given(
    table=TABLES,
    separator=st.sampled_from(reading.SEPARATORS),
    end=st.sampled_from(["\r\n", "\n", "\r"]),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    encoding=st.sampled_from(sorted(ENCODINGS)),
    piece=st.integers(1, 64),
)
def test_what_a_writer_writes_is_read_as_it_was(table, separator, end, quoting, encoding, piece):
    table = [
        [cell.encode("cp1252", "ignore").decode("cp1252") if encoding == "cp1252" else cell for cell in row]
        for row in table
    ]
    # Python's writer leaves a lone CR or LF in a cell unquoted where lines end with the other.
    text = written(table, separator, end=end, quoting=quoting if end == "\r\n" else csv.QUOTE_ALL)
    file = io.BytesIO(text.encode(encoding))

    pieces = list(as_utf8(file, encoding, piece=piece))

    assert all(len(one) == piece for one in pieces[:-1])
    rows = list(Rows(pieces, separator=separator))
    assert [row.cells for row in rows] == table
    assert [row.number for row in rows] == list(range(1, len(table) + 1))
    assert not any(row.problem for row in rows)


@settings(deadline=None)
@given(table=TABLES, piece=st.integers(1, 40), data=st.data())
def test_reading_goes_on_at_any_row_as_if_it_had_not_stopped(table, piece, data):
    content = written(table).encode()
    whole = list(Rows([content], separator=","))
    stop = data.draw(st.integers(0, len(table)))
    first = Rows([content], separator=",")
    done = list(itertools.islice(first, stop))

    rest = list(
        Rows(
            cut(content[first.position :], piece), separator=",", position=first.position, number=first.number
        )
    )

    assert done + rest == whole


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail_in_any_way_but_with_words(content):
    file = io.BytesIO(content)
    try:
        encoding = find_encoding(file)
        head = read_head(b"".join(as_utf8(file, encoding, piece=4096)), lambda heading: False, whole=True)
        examine(as_utf8(file, encoding, piece=4096), head.separator, head.begins_at, has_header=False)
    except Unreadable as caught:
        refusal = caught
    else:
        refusal = Unreadable("It can be read.")
    assert str(refusal).endswith(".")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_the_encoding_is_found(encoding):
    text = "Número;Destinatario\n9405509898641500000146;Müller €\n"
    assert find_encoding(io.BytesIO(text.encode(encoding))) == encoding


@pytest.mark.parametrize("mark", [codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE])
def test_utf_16_is_read_in_both_orders(mark):
    order = "utf-16-le" if mark == codecs.BOM_UTF16_LE else "utf-16-be"
    file = io.BytesIO(mark + "Número,€\n".encode(order))
    assert b"".join(as_utf8(file, find_encoding(file), piece=5)).decode() == "Número,€\n"


def test_a_sign_cut_by_the_end_of_a_piece_is_whole():
    assert [row.cells for row in rows_of("é,€\nü,ß\n", size=1)] == [["é", "€"], ["ü", "ß"]]


WORKBOOK = "This is a workbook (or a zip file), not a CSV."
NO_TABLE = "This is not a table of text."


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty."),
        (b" \r\n\t\n", "The file is empty."),
        (b"PK\x03\x04\x14\x00\x06\x00", WORKBOOK),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", WORKBOOK),
        (b"%PDF-1.7 whatever", NO_TABLE),
        (b"\x1f\x8b\x08\x00abc", NO_TABLE),
        (b"\x89PNG\r\n\x1a\n", NO_TABLE),
        (bytes(range(1, 32)) * 20, NO_TABLE),
        (b"<!DOCTYPE html><html>Sign in</html>", "This is a web page, not a CSV"),
        (b"  <html><body>", "This is a web page, not a CSV"),
        ("Tracking number\n123\n".encode("utf-16-le"), "This file is in an encoding we cannot tell."),
        ("Tracking number\n123\n".encode("utf-32"), "This file is in an encoding we cannot tell."),
        (b"a,b\n1,2\n3,\x81\n", "Line 3 has signs that are neither UTF-8 nor Windows-1252."),
        (codecs.BOM_UTF16_LE + "a\nb\n".encode("utf-16-le") + b"\x00\xd8\x00\x00", "Line 3 has signs"),
    ],
)
def test_what_is_no_table_of_text_is_refused_with_what_to_do(content, words):
    with pytest.raises(Unreadable, match="^" + re.escape(words)):
        find_encoding(io.BytesIO(content))


def test_the_line_of_a_wrong_sign_is_told_also_far_behind_the_beginning():
    file = io.BytesIO(b"a,b\n" * 700_000 + b"1,\x90\n")
    with pytest.raises(Unreadable, match=r"^Line 700001 has signs"):
        find_encoding(file)


@pytest.mark.parametrize("separator", reading.SEPARATORS)
@pytest.mark.parametrize("rows", [1, 3, 60])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
def test_the_separator_is_found_though_cells_hold_all_the_others(separator, rows, quoting):
    table = [["Tracking number", "Recipient", "Note"]]
    table += [
        ["9405509898641500000146", f'O\'Neil, Ann; {n}|\t"x"', "line\r\nbreak, 1,50"] for n in range(rows)
    ]
    head = read_head(written(table, separator, quoting=quoting).encode(), lambda _heading: False, whole=True)
    assert (head.separator, head.begins_at) == (separator, 0)
    assert [row.cells for row in head.rows] == table[: reading.SAMPLE]


def test_headings_of_ours_decide_between_two_separators():
    text = b"Tracking number;Order|Note\n1;2|3\n4;5|6\n"
    assert read_head(text, lambda heading: heading == "Tracking number", whole=True).separator == ";"


@pytest.mark.parametrize("line", ["sep=;\r\n", "SEP=;\n"])
def test_excels_own_line_names_the_separator_and_is_no_row(line):
    head = read_head(f"{line}a,b;c,d\n1,2;3,4\n".encode(), lambda _heading: False, whole=True)
    assert (head.separator, head.begins_at) == (";", len(line))
    assert [(row.number, row.cells) for row in head.rows] == [(1, ["a,b", "c,d"]), (2, ["1,2", "3,4"])]


def test_a_beginning_that_is_cut_leaves_its_last_row_out():
    head = read_head("a,b\n1,2\n3,€".encode()[:-1], lambda _heading: False, whole=False)
    assert [row.cells for row in head.rows] == [["a", "b"]]


def test_empty_lines_count_as_rows_as_a_spreadsheet_counts_them():
    rows = rows_of("a,b\n\n , \n1,2\n")
    assert [(row.number, row.is_empty) for row in rows] == [(1, False), (2, True), (3, True), (4, False)]


def test_a_line_break_inside_quotation_marks_belongs_to_the_cell():
    assert [(row.number, row.cells) for row in rows_of('a,"x\r\ny"\nb,c\n')] == [
        (1, ["a", "x\r\ny"]),
        (2, ["b", "c"]),
    ]


def test_nuls_are_dropped():
    assert rows_of(b"a\x00b,\x00\nc,d\n")[0].cells == ["ab", ""]


MISQUOTED = "The quotation marks in this row do not fit: one is not closed, or one inside a cell is not written twice."


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize(
    "text",
    [
        'a,b\n1,"two\n3,4\n5,6\n',
        'a,b\n1,"two\n3,"4"\n5,6\n',
        'a,b\n1,"t"wo\n3,4\n5,6\n',
        'a,b\r1,"two\r3,4\r5,6',
    ],
)
def test_a_quotation_mark_that_does_not_fit_costs_its_own_line_only(text, size):
    rows = rows_of(text, size=size)
    assert [(row.number, bool(row.problem)) for row in rows] == [
        (1, False),
        (2, True),
        (3, False),
        (4, False),
    ]
    assert rows[1].problem == MISQUOTED
    assert [rows[2].cells, rows[3].cells] == [["3", "4"], ["5", "6"]]


def test_the_position_behind_a_misquoted_row_is_that_of_the_next_line():
    content = b'1,"two\n3,4\n5,6\n'
    rows = Rows([content], separator=",")
    next(rows)
    assert content[rows.position :] == b"3,4\n5,6\n"


def test_a_quotation_mark_that_is_never_closed_in_a_long_file_costs_its_own_line_only():
    text = 'a,b\n1,"two\n' + "3,4\n" * 100_000
    rows = rows_of(text, size=1 << 20)
    assert len(rows) == 100_002
    assert [row.number for row in rows if row.problem] == [2]


def test_a_file_in_which_every_line_could_begin_a_row_without_end_is_given_up():
    # Outside of quotation marks this line opens one; inside it closes one and opens another.
    with pytest.raises(Unreadable, match=r"^The quotation marks of this file do not fit in too many rows"):
        rows_of('x""","\n' * 200_000, size=1 << 20)


def test_a_cell_longer_than_its_bound_is_told():
    (row,) = rows_of(f"1,{'x' * (file_rows.LONGEST_CELL + 1)}\n", size=1 << 20)
    assert row.problem == "A cell of this row is longer than 32 KB."
    assert rows_of(f"1,{'x' * file_rows.LONGEST_CELL}\n", size=1 << 20)[0].problem == ""


def test_a_line_longer_than_any_row_ends_the_reading():
    with pytest.raises(
        Unreadable, match=r"^Line 2 is longer than 256 KB\. This is not a table of parcels\.$"
    ):
        rows_of("a,b\n" + "1," * file_rows.LONGEST_ROW, size=1 << 16)


def told(content: bytes, *, has_header: bool = True) -> int:
    return examine([content], ",", 0, has_header=has_header)


def test_rows_are_counted_without_heading_and_empty_ones():
    assert told(b"a,b\n\n1,2\n,\n3,4") == 2
    assert told(b"1,2\n\n3,4\n", has_header=False) == 2


def test_a_heading_alone_is_refused():
    with pytest.raises(Unreadable, match=r"^The file has a heading and no rows below it\.$"):
        told(b"a,b\n\n")


def test_too_many_columns_are_refused_and_the_most_are_not():
    assert told(b"," * (reading.MOST_COLUMNS - 1) + b"x\n", has_header=False) == 1
    with pytest.raises(Unreadable, match=r"^Row 1 has 201 columns; at most 200 are read\.$"):
        told(b"," * reading.MOST_COLUMNS + b"x\n", has_header=False)


def test_too_many_rows_are_refused_and_the_most_are_not(monkeypatch):
    monkeypatch.setattr(reading, "MOST_ROWS", 3)
    assert told(b"a\n1\n2\n3\n") == 3
    with pytest.raises(Unreadable, match=r"^The file has more than 3 rows\."):
        told(b"a\n1\n2\n3\n4\n")
