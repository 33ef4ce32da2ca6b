"""Filters for the back-office's templates: figures and moments as people read them."""

from datetime import datetime

from django import template
from django.utils import timezone
from django.utils.formats import number_format

from shipments.admin.audited import SOURCES
from shipments.facts import spelling
from shipments.facts.wording import status_label

register = template.Library()


@register.filter
def grouped(number: int) -> str:
    """A large number with its thousands apart, as the reader's language writes them."""
    # Nearly all numbers of a page are small, and asking how a language writes them takes longer than drawing a row.
    return str(number) if 0 <= number < 1000 else number_format(number, decimal_pos=0, force_grouping=True)


@register.filter
def ago(at: datetime | None) -> str:
    """How long ago that was, "3 h ago"; `""` for what never was."""
    return "" if at is None else spelling.age(timezone.now() - at)


@register.filter
def ahead(at: datetime) -> str:
    """How soon that is, "in 20 min"."""
    return spelling.ahead(at - timezone.now())


@register.filter
def percent(share: float) -> str:
    """A share of one in percent, as a whole number unless it is less than ten."""
    value = share * 100
    return number_format(value, decimal_pos=0 if value >= 10 or value == 0 else 1) + " %"


@register.filter
def status_words(status: str) -> str:
    """A status as merchants and buyers read it."""
    return status_label(status)


@register.filter
def source_words(source: str) -> str:
    """Where a deed was done."""
    return str(SOURCES.get(source, source))
