"""What strangers type."""

import re

from django import forms
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shipments.facts.numbers import check_number, normal
from shipments.models.subscriptions import LONGEST_ADDRESS

# As many as USPS takes in one call (USPS Tracking v3r2 3.2.2).
MOST_NUMBERS = 35
_LONGEST_POSTAL_CODE = 12
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
        max_length=_LONGEST_POSTAL_CODE,
        error_messages={
            "required": gettext_lazy("Postal code: type the one the parcel goes to."),
            "max_length": gettext_lazy("Postal code: 12 signs at most."),
        },
    )


class WhichParcelForm(forms.Form):
    """What tells parcels with one number apart: the postal code one goes to, or the day it was mailed."""

    postal_code = forms.CharField(
        max_length=_LONGEST_POSTAL_CODE,
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


class OrderForm(forms.Form):
    """An order, and one thing that not everybody knows who knows its number: a postal code or an e-mail address.

    One field for either: whoever tries tells one thing at a time.
    """

    order_number = forms.CharField(
        max_length=100,
        error_messages={
            "required": gettext_lazy("Order number: type the one the shop gave you."),
            "max_length": gettext_lazy("Order number: %(limit_value)d signs at most."),
            "null_characters_not_allowed": gettext_lazy("Order number: it has a sign that no order has."),
        },
    )
    known = forms.CharField(
        max_length=LONGEST_ADDRESS,
        error_messages={
            "required": gettext_lazy("Postal code or e-mail address: type one of the two."),
            "max_length": gettext_lazy("Postal code or e-mail address: %(limit_value)d signs at most."),
            "null_characters_not_allowed": gettext_lazy(
                "Postal code or e-mail address: it has a sign that neither has."
            ),
        },
    )

    def clean_order_number(self) -> str:
        """The number without the sign that some write in front of it."""
        number = str(self.cleaned_data["order_number"]).lstrip("#").strip()
        if not number:
            raise forms.ValidationError(
                self.fields["order_number"].error_messages["required"], code="required"
            )
        return number

    def clean_known(self) -> str:
        known = str(self.cleaned_data["known"])
        if "@" in known:
            try:
                validate_email(known)
            except forms.ValidationError as exc:
                raise forms.ValidationError(
                    _("E-mail address: this is none. It looks like name@example.com."), code="invalid"
                ) from exc
        elif len(known) > _LONGEST_POSTAL_CODE:
            raise forms.ValidationError(_("Postal code: 12 signs at most."), code="max_length")
        return known

    @property
    def email(self) -> str:
        """The e-mail address, where that was typed."""
        known: str = self.cleaned_data["known"]
        return known if "@" in known else ""

    @property
    def postal_code(self) -> str:
        """The postal code, where that was typed."""
        known: str = self.cleaned_data["known"]
        return "" if "@" in known else known
