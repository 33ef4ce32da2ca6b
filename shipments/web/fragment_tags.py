"""What the dashboard shows in the same way as a public page, and what it has to draw fifty times."""

from typing import Any

from django import template
from django.template import engines
from django.utils.safestring import SafeString, mark_safe

register = template.Library()


@register.simple_tag(takes_context=True)
def fragment(context: Any, name: str) -> SafeString:
    """A template of Jinja2 (`templates/jinja2`), with what is known here."""
    drawn: str = engines["jinja2"].get_template(name).render(context.flatten(), context["request"])
    return mark_safe(drawn)  # noqa: S308  (Jinja2 has escaped what is not ours)
