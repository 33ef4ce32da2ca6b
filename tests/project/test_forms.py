"""Forms, as the templates write them."""

import re
from pathlib import Path

import pytest

TEMPLATES = sorted(Path("templates").rglob("*.html"))
_FORM = re.compile(r"<form\b(.*?)</form>", re.DOTALL)
_TOKEN = re.compile(r"{% csrf_token %}|{{ csrf_(?:field|input) }}")


def test_there_are_forms() -> None:
    assert sum(len(_FORM.findall(template.read_text())) for template in TEMPLATES) > 40


@pytest.mark.parametrize("template", TEMPLATES, ids=str)
def test_the_token_stands_before_the_first_button(template: Path) -> None:
    """On a slow line a form may be sent while the rest of it is still on its way."""
    for form in _FORM.findall(template.read_text()):
        token, button = _TOKEN.search(form), form.find("<button")
        if token is not None and button >= 0:
            assert token.start() < button, form[:100]
