"""Marks between pages: what an address may say of them."""

import base64
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.web.forms import Key, Mark

KEYS: dict[type[Key], st.SearchStrategy[Key]] = {
    datetime: st.datetimes(timezones=st.just(UTC)),
    date: st.dates(),
    str: st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=100),
}


@pytest.mark.parametrize("kind", KEYS)
@given(data=st.data(), pk=st.integers(1, 2**63 - 1))
def test_a_mark_survives_the_address_it_is_written_into(
    kind: type[Key], data: st.DataObject, pk: int
) -> None:
    mark = Mark(data.draw(st.none() | KEYS[kind]), pk)

    assert Mark.read(str(mark), kind, may_lack=True) == mark


@pytest.mark.parametrize("kind", KEYS)
@given(text=st.text(max_size=700))
def test_no_text_in_an_address_breaks_the_reading_of_a_mark(kind: type[Key], text: str) -> None:
    for written in (text, base64.urlsafe_b64encode(text.encode("utf-8", "replace")).decode()):
        mark = Mark.read(written, kind, may_lack=True)

        assert mark is None or mark.key is None or isinstance(mark.key, kind)
        assert mark is None or not isinstance(mark.key, datetime) or mark.key.utcoffset() == timedelta(0)


@pytest.mark.parametrize("written", ["5 \0", "0 x", "-1 x", f"{2**63} x", "x", "5 \ud800"])
def test_what_no_row_can_have_is_no_mark(written: str) -> None:
    text = base64.urlsafe_b64encode(written.encode("utf-8", "surrogatepass")).decode().rstrip("=")

    assert Mark.read(text, str, may_lack=True) is None


def test_a_mark_without_a_key_is_none_where_every_row_has_one() -> None:
    assert Mark.read(str(Mark(None, 5))) is None
    assert Mark.read(str(Mark(None, 5)), may_lack=True) == Mark(None, 5)
