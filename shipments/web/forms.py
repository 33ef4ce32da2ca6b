"""What people type on the dashboard, read and checked."""

import base64
import binascii
from dataclasses import dataclass
from datetime import datetime, timedelta

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from shipments.enums import Gateway, StatusGroup
from shipments.facts.pasting import Pasted, read_pasted
from shipments.models import Carrier

# More at once is work for a file.
MOST_NUMBERS = 500
# The longest barcode a scanner types, with room for blanks between its signs.
_LONGEST_LINE = 100
# A row of a spreadsheet: the number, its order and recipient, and what else somebody copied along.
_LONGEST_ROW = 600


class ListQuery(forms.Form):
    """What the address of the list asks for: a status group, a search, where the page before ended."""

    tab = forms.ChoiceField(
        label=_("Status"),
        required=False,
        choices=[("", "")] + [(group.value, group.value) for group in StatusGroup],
        error_messages={"invalid_choice": _("There is no such tab.")},
    )
    q = forms.CharField(label=_("Number or order"), required=False, max_length=_LONGEST_LINE)
    after = forms.CharField(required=False, max_length=100)


@dataclass(frozen=True, slots=True)
class Mark:
    """Where a page of the list ended: the row the next one begins after."""

    created_at: datetime
    pk: int

    def __str__(self) -> str:
        return (
            base64.urlsafe_b64encode(f"{self.created_at.isoformat()} {self.pk}".encode()).decode().rstrip("=")
        )

    @classmethod
    def read(cls, text: str) -> "Mark | None":
        """The mark in an address; None for what is none, which begins the list anew."""
        try:
            written = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            moment, _blank, pk = written.partition(" ")
            mark = cls(datetime.fromisoformat(moment), int(pk))
        except (ValueError, binascii.Error):
            return None
        # Rows come in UTC. Other offsets are nobody's marks, and some of them lie beyond PostgreSQL's clock.
        return mark if mark.created_at.utcoffset() == timedelta(0) and 0 < mark.pk < 2**63 else None


def gateway_choices() -> list[tuple[str, object]]:
    return [
        ("", _("Choose for me")),
        (Gateway.USPS.value, "USPS"),
        (Gateway.PITNEY_BOWES.value, "Pitney Bowes"),
    ]


def carrier_choices() -> list[tuple[str, object]]:
    """Every carrier that takes new parcels, after the offer to recognise it."""
    return [("", _("Recognise it")), *Carrier.objects.filter(is_active=True).values_list("code", "name")]


class AddNumbers(forms.Form):
    """One number or many, and what is true of all of them.

    Carrier, postal code and date are judged by `tracking.adding`, so that every door refuses by the same words.
    """

    numbers = forms.CharField(
        label=_("Tracking numbers"),
        help_text=_(
            "One a line, up to 500; blanks and dashes do not matter. From a spreadsheet: number, order and recipient side by side."
        ),
        widget=forms.Textarea(
            attrs={"rows": 6, "autocomplete": "off", "autocapitalize": "characters", "spellcheck": "false"}
        ),
        error_messages={"required": _("Type or paste at least one tracking number.")},
        validators=[MaxLengthValidator(MOST_NUMBERS * _LONGEST_ROW)],
    )
    carrier = forms.ChoiceField(label=_("Carrier"), required=False, choices=carrier_choices)
    gateway = forms.ChoiceField(
        label=_("Ask through"),
        required=False,
        choices=gateway_choices,
        help_text=_("Left alone, your accounts decide."),
    )
    postal_code = forms.CharField(
        label=_("Destination postal code"),
        required=False,
        max_length=12,
        help_text=_(
            "A ZIP Code. Lets the buyer see more with it, and tells apart parcels that share a number."
        ),
        widget=forms.TextInput(attrs={"autocomplete": "off", "inputmode": "numeric"}),
    )
    mailing_date = forms.CharField(
        label=_("Mailing date"), required=False, max_length=10, widget=forms.DateInput(attrs={"type": "date"})
    )
    order_number = forms.CharField(label=_("Order"), required=False, max_length=100)

    def clean_numbers(self) -> list[Pasted]:
        """The numbers as typed, with what stood beside them; without empty lines."""
        lines = read_pasted(self.cleaned_data["numbers"])
        if not lines:
            raise forms.ValidationError(_("Type or paste at least one tracking number."), code="required")
        if len(lines) > MOST_NUMBERS:
            raise forms.ValidationError(
                _("At most %(most)d numbers at once; these are %(many)d. Nothing was added."),
                code="too-many",
                params={"most": MOST_NUMBERS, "many": len(lines)},
            )
        return lines
