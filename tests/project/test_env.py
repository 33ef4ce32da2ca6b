from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from trackingsite import env


def test_text_comes_without_blanks_around_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_NAME", "  Blue Crate ")
    assert env.text("SHOP_NAME") == "Blue Crate"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("https://tracker.example", "https://tracker.example"),
        ("https://tracker.example/", "https://tracker.example"),
        ("http://localhost:8000", "http://localhost:8000"),
        ("http://[::1]:8000/", "http://[::1]:8000"),
    ],
)
def test_the_address_of_a_site(
    monkeypatch: pytest.MonkeyPatch, value: str | None, expected: str | None
) -> None:
    if value is not None:
        monkeypatch.setenv("SHOP_URL", value)
    assert env.site("SHOP_URL") == expected


@pytest.mark.parametrize(
    "value",
    [
        "tracker.example",
        "//tracker.example",
        "ftp://tracker.example",
        "https://",
        "https://tracker.example/app",
        "https://tracker.example?x=1",
        "https://tracker.example#top",
        "https://user:hidden-word@tracker.example",
        "https://tracker.example:port",
        "https://[::1",
    ],
)
def test_what_is_no_address_of_a_site_is_refused_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("SHOP_URL", value)
    with pytest.raises(ImproperlyConfigured, match=r"^SHOP_URL must be the address of a site") as caught:
        env.site("SHOP_URL")
    assert "hidden-word" not in str(caught.value)


@pytest.mark.parametrize("value", [None, "", "   "])
def test_an_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    if value is not None:
        monkeypatch.setenv("SHOP_NAME", value)
    assert env.text("SHOP_NAME", "unnamed") == "unnamed"
    assert env.flag("SHOP_NAME", default=True) is True
    assert env.number("SHOP_NAME", 7) == 7
    assert env.words("SHOP_NAME", ("a", "b")) == ["a", "b"]
    assert env.path("SHOP_NAME", Path("/srv/shop")) == Path("/srv/shop")
    assert env.secret("SHOP_NAME") is None
    with pytest.raises(ImproperlyConfigured, match=r"^SHOP_NAME is not set\.$"):
        env.text("SHOP_NAME")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1", True),
        ("TRUE", True),
        ("yes", True),
        ("On", True),
        ("0", False),
        ("false", False),
        ("No", False),
        ("off", False),
    ],
)
def test_a_flag_is_read_from_the_words_people_use(
    monkeypatch: pytest.MonkeyPatch, value: str, expected: bool
) -> None:
    monkeypatch.setenv("SHOP_OPEN", value)
    assert env.flag("SHOP_OPEN", default=not expected) is expected


def test_an_unclear_flag_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_OPEN", "maybe")
    with pytest.raises(ImproperlyConfigured, match=r"^SHOP_OPEN must be one of 1, true"):
        env.flag("SHOP_OPEN")


@pytest.mark.parametrize(
    ("value", "rule"),
    [("ten", "a whole number"), ("1.5", "a whole number"), ("0", "1 or more"), ("9", "8 or less")],
)
def test_a_number_out_of_its_bounds_is_refused_with_the_rule(
    monkeypatch: pytest.MonkeyPatch, value: str, rule: str
) -> None:
    monkeypatch.setenv("SHELVES", value)
    with pytest.raises(ImproperlyConfigured, match=rf"^SHELVES must be {rule}\.$"):
        env.number("SHELVES", 3, least=1, most=8)


def test_words_are_split_at_commas_and_empty_ones_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOSTS", " shop.example , ,www.shop.example,")
    assert env.words("HOSTS") == ["shop.example", "www.shop.example"]


def test_a_relative_path_becomes_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA", "my data")
    assert env.path("DATA", Path("/srv")) == tmp_path / "my data"


def test_a_secret_may_stand_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("open-sesame\n")
    monkeypatch.setenv("DOOR_KEY_FILE", str(file))
    assert env.secret("DOOR_KEY") == "open-sesame"


def test_two_places_for_one_secret_are_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DOOR_KEY", "open-sesame")
    monkeypatch.setenv("DOOR_KEY_FILE", str(tmp_path / "key"))
    with pytest.raises(ImproperlyConfigured) as refused:
        env.secret("DOOR_KEY")
    assert str(refused.value) == "Set DOOR_KEY or DOOR_KEY_FILE, not both."


def test_a_secret_put_where_its_file_name_belongs_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOOR_KEY_FILE", "open-sesame")
    with pytest.raises(ImproperlyConfigured) as refused:
        env.secret("DOOR_KEY")
    assert str(refused.value) == "DOOR_KEY_FILE must name a file that can be read."
    assert refused.value.__suppress_context__ is True


@pytest.mark.parametrize(
    ("content", "rule"),
    [
        (b" \n", "that is not empty"),
        (b"\xff\xfe", "of UTF-8 text"),
        (b"x" * 65537, "of at most 65,536 bytes"),
    ],
)
def test_a_file_that_is_no_secret_is_refused_with_the_rule(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes, rule: str
) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)
    monkeypatch.setenv("DOOR_KEY_FILE", str(file))
    with pytest.raises(ImproperlyConfigured, match=rf"^DOOR_KEY_FILE must name a file {rule}\.$"):
        env.secret("DOOR_KEY")
