"""Tags: what is one, and that none is doubled."""

import pytest

from shipments.facts.tags import TagError, read_tag, with_tag, without_tag


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("vip", "vip"),
        ("  Spring   sale ", "Spring sale"),
        ("a\tb\n", "a b"),
        ("a\u202eb\x00", "ab"),
        ("x" * 40, "x" * 40),
    ],
)
def test_a_tag_is_kept_without_the_blanks_around_it(typed: str, kept: str) -> None:
    assert read_tag(typed) == kept


@pytest.mark.parametrize(
    ("typed", "rule"),
    [
        ("", "A tag has at least one sign."),
        (" \u200b ", "A tag has at least one sign."),
        ("x" * 41, "A tag has at most 40 signs; this one has 41."),
    ],
)
def test_what_is_no_tag_names_the_rule(typed: str, rule: str) -> None:
    with pytest.raises(TagError) as caught:
        read_tag(typed)

    assert str(caught.value) == rule


def test_a_tag_is_added_at_the_end() -> None:
    assert with_tag(["b"], " a ") == ["b", "a"]


def test_a_tag_is_there_once_in_whatever_case() -> None:
    with pytest.raises(TagError) as caught:
        with_tag(["Straße", "VIP"], "strasse")

    assert str(caught.value) == "The parcel has this tag already: Straße."


def test_a_parcel_has_twenty_tags_and_no_more() -> None:
    tags = [str(n) for n in range(20)]

    with pytest.raises(TagError) as caught:
        with_tag(tags, "one more")

    assert str(caught.value) == "A parcel has at most 20 tags. Take one off first."


def test_a_tag_is_taken_off_in_whatever_case() -> None:
    assert without_tag(["VIP", "sale"], "vip ") == ["sale"]
    assert without_tag(["VIP"], "other") == ["VIP"]
