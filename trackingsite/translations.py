"""The catalogues of translations and the strings of the product, brought together.

`python -m trackingsite.translations` puts new strings into every catalogue and drops those the product no longer
has. Babel does it all: Django's own command needs the GNU programs.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
CATALOGUES = ROOT / "trackingsite" / "locale"
# What marks a string in code and, after `templatize`, in templates: name → which arguments are what.
KEYWORDS: Mapping[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
}
_METHODS = [
    ("shipments/migrations/**", "ignore"),
    ("shipments/**.py", "python"),
    ("trackingsite/**.py", "python"),
    ("templates/jinja2/**.html", "jinja2"),
    ("templates/**.html", "trackingsite.translations:extract_template"),
    ("templates/**.txt", "trackingsite.translations:extract_template"),
]
# As `shipments.web.jinja` has it.
_OPTIONS = {"templates/jinja2/**.html": {"trimmed": "true", "silent": "false"}}
_INDENTATION = re.compile(r"^[ \t]+", re.MULTILINE)
# Folders that hold no strings of ours, for the search not to walk through.
_ELSEWHERE = {"tests", "static", "docs"}


def extract_template(
    fileobj: IO[bytes], keywords: Mapping[str, Any], comment_tags: Sequence[str], options: Mapping[str, Any]
) -> Iterable[tuple[Any, ...]]:
    """Babel's extraction method for Django templates."""
    # What is no string becomes noise, and the noise's indentation is no Python.
    python = _INDENTATION.sub("", templatize(fileobj.read().decode()))
    return extract_python(BytesIO(python.encode()), keywords, comment_tags, {"encoding": "utf-8"})


def extracted() -> Catalog:
    """Every string of the product that is marked for translation, with the files it stands in."""
    found = Catalog(charset="utf-8", fuzzy=False)
    for file, _line, message, comments, context in extract_from_dir(
        ROOT,
        _METHODS,
        _OPTIONS,
        keywords=KEYWORDS,
        comment_tags=["Translators:"],
        strip_comment_tags=True,
        directory_filter=_is_ours,
    ):
        found.add(message, None, [(file, 0)], auto_comments=comments, context=context)
    return found


def catalogues() -> Iterator[tuple[Path, Catalog]]:
    """The file and the translations of every language but the one the strings are written in."""
    for file in sorted(CATALOGUES.glob("*/LC_MESSAGES/django.po")):
        with file.open("rb") as opened:
            yield file, read_po(opened, locale=file.parent.parent.name)


def update() -> None:
    """Bring the catalogues up to the code; strings without a translation are left empty."""
    now = extracted()
    for file, catalogue in catalogues():
        catalogue.update(now, no_fuzzy_matching=True)
        catalogue.obsolete.clear()
        with file.open("wb") as opened:
            write_po(
                opened, catalogue, width=110, include_lineno=False, sort_output=True, ignore_obsolete=True
            )


def _is_ours(folder: str | Path) -> bool:
    name = Path(folder).name
    return name not in _ELSEWHERE and not name.startswith((".", "_"))


if __name__ == "__main__":
    update()
