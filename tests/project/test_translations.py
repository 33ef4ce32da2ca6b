"""Every string of the product is translated, with the same placeholders, and the catalogues can be compiled."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from django.conf import settings

from trackingsite import translations

# Python's own placeholders, and those of `str.format` that texts about addresses use.
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w+\}")
TAG = re.compile(r"</?\w+[^>]*>")


def each(message: Message) -> Iterator[tuple[str, str]]:
    """The string and its translation; for one with a plural, every form with what it must match: that for one may say the
    number, or not."""
    if isinstance(message.id, str):
        yield message.id, str(message.string)
        return
    one, many = message.id
    for number, form in enumerate(message.string or ()):
        says_it = sorted(PLACEHOLDER.findall(form)) == sorted(PLACEHOLDER.findall(many))
        yield many if number or says_it else one, form


def known() -> Catalog:
    return translations.extracted()


def catalogues() -> list[Any]:
    return [
        pytest.param(catalogue, id=str(catalogue.locale)) for _file, catalogue in translations.catalogues()
    ]


def translated(catalogue: Catalog, message: Message) -> Message | None:
    return catalogue.get(message.id, message.context)


def test_there_is_a_catalogue_for_every_language_but_the_one_we_write_in() -> None:
    offered = {code for code, _name in settings.LANGUAGES} - {settings.LANGUAGE_CODE}

    assert {str(catalogue.locale) for _file, catalogue in translations.catalogues()} == offered


def test_strings_of_code_and_of_templates_are_found() -> None:
    found = {(message.context, message.id) for message in known()}

    assert ("status", "Out for delivery") in found
    assert (None, ("%(count)d day", "%(count)d days")) in found
    assert (None, "Where is your parcel?") in found
    assert (None, ("Show %(count)s earlier scan", "Show %(count)s earlier scans")) in found


@pytest.mark.parametrize("catalogue", catalogues())
def test_no_string_is_left_in_english(catalogue: Catalog) -> None:
    missing = []
    for message in known():
        if not message.id:
            continue
        found = translated(catalogue, message)
        if found is None or found.fuzzy or not all(text for _, text in each(found)):
            missing.append(message.id)

    assert missing == []


@pytest.mark.parametrize("catalogue", catalogues())
def test_no_translation_is_left_without_its_string(catalogue: Catalog) -> None:
    strings = known()

    assert [message.id for message in catalogue if message.id and translated(strings, message) is None] == []


@pytest.mark.parametrize("catalogue", catalogues())
def test_translations_keep_placeholders_and_tags(catalogue: Catalog) -> None:
    changed = [
        message.id
        for message in catalogue
        if message.id
        for original, text in each(message)
        for pattern in (PLACEHOLDER, TAG)
        if sorted(pattern.findall(original)) != sorted(pattern.findall(text))
    ]

    assert changed == []


@pytest.mark.parametrize("catalogue", catalogues())
def test_a_translation_begins_and_ends_as_its_string_does(catalogue: Catalog) -> None:
    """A full stop or a blank too many shows where strings are joined."""
    differing = [
        message.id
        for message in catalogue
        if message.id
        for original, text in each(message)
        if original.endswith((".", ":", "…")) != text.endswith((".", ":", "…"))
        or (original.strip() == original) != (text.strip() == text)
    ]

    assert differing == []


@pytest.mark.parametrize("catalogue", catalogues())
def test_a_catalogue_can_be_compiled(catalogue: Catalog) -> None:
    assert [errors for _message, errors in catalogue.check()] == []
    compiled = BytesIO()
    write_mo(compiled, catalogue)
    assert len(compiled.getvalue()) > 1000
