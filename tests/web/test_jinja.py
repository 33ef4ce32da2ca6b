"""The engine of public pages: one template, compiled once for each language."""

from pathlib import Path

import pytest
from django.utils.translation import override
from jinja2 import Environment, FileSystemLoader

from shipments.web.jinja import environment

PAGE = """\
<p title="{{ _('Site') }}">{{ _("Scans") }}, {{ told }}</p>{% set word = "Language" %}
<p>{{ _(word) }}: {% trans count=2 %}Show {{ count }} earlier scan{% pluralize %}Show {{ count }} earlier scans{% endtrans %}</p>
{% include "part.html" %}"""


@pytest.fixture
def engine(tmp_path: Path) -> Environment:
    (tmp_path / "page.html").write_text(PAGE)
    (tmp_path / "part.html").write_text('<i>{{ _("Carrier") }}</i>')
    return environment(loader=FileSystemLoader(tmp_path), autoescape=True)


def draw(engine: Environment) -> list[str]:
    return engine.get_template("page.html").render(told="<b>").splitlines()


def test_each_language_has_the_same_template_in_its_own_words(engine: Environment) -> None:
    english = [
        '<p title="Site">Scans, &lt;b&gt;</p>',
        "<p>Language: Show 2 earlier scans</p>",
        "<i>Carrier</i>",
    ]
    spanish = [
        '<p title="Sitio">Escaneos, &lt;b&gt;</p>',
        "<p>Idioma: Mostrar 2 escaneos anteriores</p>",
        "<i>Transportista</i>",
    ]

    with override("en"):
        assert draw(engine) == english
    with override("es"):
        assert draw(engine) == spanish
    with override("en"):
        assert draw(engine) == english


def test_a_word_that_never_changes_is_text_of_the_compiled_template(engine: Environment) -> None:
    with override("es"):
        template = engine.get_template("part.html")

    # Drawn in another language than it was asked for in, it still speaks its own.
    with override("en"):
        assert template.render() == "<i>Transportista</i>"
