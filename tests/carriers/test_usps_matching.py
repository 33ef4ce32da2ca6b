"""Which item of an answer belongs to which question."""

import itertools
import json
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shipments.carriers.usps.matching import Asked, Item, Unsure, match

NUMBER = "9400109104250532908587"
SPRING, AUTUMN = date(2024, 6, 3), date(2024, 11, 18)


def asked(number: str = NUMBER, zip_code: str | None = None, mailed: date | None = None) -> Asked:
    return Asked(number, zip_code, mailed)


def item(number: Any = NUMBER, zip_code: Any = None, mailed: Any = None, **more: Any) -> Item:
    raw = {"trackingNumber": number, "destinationZIPCode": zip_code, "mailingDate": mailed, **more}
    return Item(raw, json.dumps(raw).encode())


def test_an_entry_says_only_what_is_known() -> None:
    assert asked().as_wire() == {"trackingNumber": NUMBER}
    assert asked(zip_code="02139", mailed=SPRING).as_wire() == {
        "trackingNumber": NUMBER,
        "destinationZIPCode": "02139",
        "mailingDate": "2024-06-03",
    }


@pytest.mark.parametrize(
    "number",
    [
        NUMBER,
        f"42034442{NUMBER}",
        f"420344421234{NUMBER}",
        "9400 1091 0425 0532 9085 87",
        int(NUMBER),
    ],
)
def test_a_number_is_recognized_with_its_routing_prefix_and_in_any_spelling(number: Any) -> None:
    found = item(number)
    assert match([asked()], [found]) == {asked(): found}


@pytest.mark.parametrize(
    "number", [None, True, 1.5, [NUMBER], "", NUMBER[:-1], f"421{NUMBER}", f"42034{NUMBER}"]
)
def test_items_nobody_asked_for_are_ignored(number: Any) -> None:
    assert match([asked()], [item(number)]) == {}


def test_a_number_that_begins_like_a_prefix_is_itself_first() -> None:
    prefixed = f"42034442{NUMBER}"
    whole, bare = item(prefixed), item(NUMBER)
    assert match([asked(prefixed), asked()], [bare, whole]) == {asked(prefixed): whole, asked(): bare}


def test_the_order_of_the_items_does_not_matter() -> None:
    numbers = [f"94001091042505329085{at:02d}" for at in range(35)]
    items = {number: item(number) for number in numbers}
    found = match([asked(number) for number in numbers], reversed(items.values()))
    assert found == {asked(number): items[number] for number in numbers}


def test_a_lone_question_takes_the_lone_item_though_the_parcel_was_redirected() -> None:
    redirected = item(zip_code="34442")
    assert match([asked(zip_code="02139")], [redirected]) == {asked(zip_code="02139"): redirected}


BOSTON, FLORIDA = asked(zip_code="02139"), asked(zip_code="34442")
TO_BOSTON, TO_FLORIDA = item(zip_code="02139"), item(zip_code="34442-1234")
ANYWHERE = asked()
FAILED = item(statusCode="404")
FAILED_OTHERWISE = item(statusCode="403")


@pytest.mark.parametrize(
    ("questions", "items", "expected"),
    [
        pytest.param(
            [BOSTON, FLORIDA], [TO_FLORIDA, TO_BOSTON], {BOSTON: TO_BOSTON, FLORIDA: TO_FLORIDA}, id="by ZIP"
        ),
        pytest.param(
            [BOSTON, FLORIDA],
            [item(zip_code=2139), TO_FLORIDA],
            {BOSTON: item(zip_code=2139), FLORIDA: TO_FLORIDA},
            id="a ZIP sent as a number",
        ),
        pytest.param(
            [BOSTON, ANYWHERE],
            [TO_FLORIDA, TO_BOSTON],
            {BOSTON: TO_BOSTON, ANYWHERE: TO_FLORIDA},
            id="what is left goes to the question that says least",
        ),
        pytest.param([BOSTON, ANYWHERE], [TO_BOSTON], {BOSTON: TO_BOSTON}, id="one item for two questions"),
        pytest.param(
            [BOSTON, ANYWHERE],
            [TO_BOSTON, TO_BOSTON],
            {BOSTON: TO_BOSTON, ANYWHERE: TO_BOSTON},
            id="equal items need not be told apart",
        ),
        pytest.param(
            [BOSTON, FLORIDA],
            [TO_BOSTON, FAILED],
            {BOSTON: TO_BOSTON, FLORIDA: FAILED},
            id="a failed item without a ZIP by elimination",
        ),
        pytest.param(
            [BOSTON, FLORIDA], [FAILED, FAILED], {BOSTON: FAILED, FLORIDA: FAILED}, id="both failed alike"
        ),
        pytest.param(
            [BOSTON, FLORIDA],
            [FAILED, FAILED_OTHERWISE],
            {BOSTON: None, FLORIDA: None},
            id="failed differently",
        ),
        pytest.param([BOSTON, FLORIDA], [FAILED], {BOSTON: None, FLORIDA: None}, id="one failed, whose"),
        pytest.param(
            [BOSTON, FLORIDA],
            [TO_BOSTON, item(zip_code="60601")],
            {BOSTON: TO_BOSTON, FLORIDA: None},
            id="the ZIP of neither",
        ),
        pytest.param(
            [BOSTON, FLORIDA],
            [TO_BOSTON, item(zip_code="02139", more="else")],
            {BOSTON: None, FLORIDA: None},
            id="two for the same ZIP",
        ),
        pytest.param(
            [ANYWHERE], [TO_BOSTON, TO_FLORIDA], {ANYWHERE: None}, id="several pieces, nothing to tell"
        ),
        pytest.param(
            [BOSTON], [TO_BOSTON, TO_FLORIDA], {BOSTON: TO_BOSTON}, id="several pieces, a ZIP to tell"
        ),
        pytest.param(
            [asked(mailed=SPRING), asked(mailed=AUTUMN)],
            [item(mailed="2024-11-18"), item(mailed="2024-06-03 08:00:00")],
            {
                asked(mailed=SPRING): item(mailed="2024-06-03 08:00:00"),
                asked(mailed=AUTUMN): item(mailed="2024-11-18"),
            },
            id="by mailing date",
        ),
        pytest.param(
            [asked(zip_code="02139", mailed=SPRING), asked(zip_code="02139", mailed=AUTUMN)],
            [item(zip_code="02139", mailed="2024-11-18"), item(zip_code="02139", mailed="2024-06-03")],
            {
                asked(zip_code="02139", mailed=SPRING): item(zip_code="02139", mailed="2024-06-03"),
                asked(zip_code="02139", mailed=AUTUMN): item(zip_code="02139", mailed="2024-11-18"),
            },
            id="one ZIP, two dates",
        ),
        pytest.param(
            [BOSTON, asked(zip_code="02139", mailed=AUTUMN)],
            [item(zip_code="02139", mailed="2024-06-03"), item(zip_code="02139", mailed="2024-11-18")],
            {
                BOSTON: item(zip_code="02139", mailed="2024-06-03"),
                asked(zip_code="02139", mailed=AUTUMN): item(zip_code="02139", mailed="2024-11-18"),
            },
            id="the date of one decides for the other",
        ),
        pytest.param(
            [asked(mailed=SPRING), asked(mailed=AUTUMN)],
            [item(mailed="soon"), item(mailed="later")],
            {asked(mailed=SPRING): None, asked(mailed=AUTUMN): None},
            id="unreadable dates",
        ),
    ],
)
def test_questions_that_share_a_number_get_their_own_parcel_or_none(
    questions: list[Asked], items: list[Item], expected: dict[Asked, Item | None]
) -> None:
    for order in itertools.permutations(items):
        found = match(questions, order)
        assert {
            entry: None if isinstance(said, Unsure) else said for entry, said in found.items()
        } == expected


zips = st.sampled_from([None, "02139", "34442"])
dates = st.sampled_from([None, SPRING, AUTUMN])


@given(
    st.lists(st.tuples(zips, dates), max_size=5, unique=True),
    st.lists(st.tuples(zips, dates, st.integers(0, 1)), max_size=5),
)
def test_no_question_among_several_gets_an_item_that_contradicts_it_and_no_item_is_given_twice(
    questions: list[tuple[Any, Any]], items: list[tuple[Any, Any, int]]
) -> None:
    entries = [asked(zip_code=code, mailed=mailed) for code, mailed in questions]
    answered = [
        item(zip_code=code, mailed=mailed.isoformat() if mailed else None, copy=copy)
        for code, mailed, copy in items
    ]
    found = {entry: said for entry, said in match(entries, answered).items() if isinstance(said, Item)}
    for said in found.values():
        given_out = sum(1 for other in found.values() if other.part == said.part)
        assert given_out <= sum(1 for one in answered if one.part == said.part)
    if len(entries) > 1 or len(answered) > 1:
        for entry, said in found.items():
            assert entry.postal_code in {None, said.postal_code} or said.postal_code is None
            assert entry.mailing_date in {None, said.mailing_date} or said.mailing_date is None
