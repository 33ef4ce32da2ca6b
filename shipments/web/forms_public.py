"""What strangers type."""

import re

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shipments.facts.numbers import check_number, normal

# As many as USPS takes in one call (USPS Tracking v3r2 3.2.2).
MOST_NUMBERS = 35
_BETWEEN_NUMBERS = re.compile(r"[\r\n,;]+")


def read_numbers(typed: str) -> list[str]:
    """The numbers in a pasted text as they were typed, each once; ValidationError naming field and rule."""
    numbers = {normal(part): part.strip() for part in _BETWEEN_NUMBERS.split(typed) if normal(part)}
    if not numbers:
        raise forms.ValidationError(_("Tracking number: type or paste at least one."), code="required")
    if len(numbers) > MOST_NUMBERS:
        raise forms.ValidationError(
            _("Tracking number: up to %(most)d at a time; there are %(count)d.")
            % {"most": MOST_NUMBERS, "count": len(numbers)},
            code="too_many",
        )
    return list(numbers.values())


def read_number(typed: str) -> str:
    """The normal form of one number; ValidationError naming field and rule."""
    try:
        return check_number(typed)
    except ValueError as exc:
        raise forms.ValidationError(str(exc), code="number") from exc


class DestinationForm(forms.Form):
    """What only somebody who waits for the parcel knows: the postal code it goes to."""

    postal_code = forms.CharField(
        max_length=12,
        error_messages={
            "required": gettext_lazy("Postal code: type the one the parcel goes to."),
            "max_length": gettext_lazy("Postal code: 12 signs at most."),
        },
    )


class WhichParcelForm(forms.Form):
    """What tells parcels with one number apart: the postal code one goes to, or the day it was mailed."""

    postal_code = forms.CharField(
        max_length=12,
        required=False,
        error_messages={"max_length": gettext_lazy("Postal code: 12 signs at most.")},
    )
    mailing_date = forms.DateField(
        required=False,
        input_formats=["%Y-%m-%d"],
        error_messages={"invalid": gettext_lazy("Mailing date: a day written as 2026-01-31.")},
    )

    def clean(self) -> None:
        super().clean()
        given = self.cleaned_data
        if not self.errors and not given.get("postal_code") and not given.get("mailing_date"):
            raise forms.ValidationError(_("Type a postal code or a mailing date."), code="required")
