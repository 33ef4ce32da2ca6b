"""What people type on the dashboard, read and checked."""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django import forms
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy as _

from shipments.enums import Gateway
from shipments.facts.pasting import Pasted, read_pasted
from shipments.models import Carrier

# More at once is work for a file.
MOST_NUMBERS = 500
# The longest barcode a scanner types, with room for blanks between its signs.
_LONGEST_LINE = 100
# A row of a spreadsheet: the number, its order and recipient, and what else somebody copied along.
_LONGEST_ROW = 600
# The longest text a list is sorted by, at four bytes a sign, and what Base64 makes of it.
_LONGEST_MARK = 600
Key = datetime | date | str


_KEYS: dict[type[Key], Callable[[str], Key]] = {
    datetime: datetime.fromisoformat,
    date: date.fromisoformat,
    str: str,
}


@dataclass(frozen=True, slots=True)
class Mark:
    """A row where a page of a list begins or ends: what it is sorted by, None where it has nothing of it, and its id."""

    key: Key | None
    pk: int

    def __str__(self) -> str:
        written = f"{self.pk}"
        if self.key is not None:
            written += f" {self.key if isinstance(self.key, str) else self.key.isoformat()}"
        return base64.urlsafe_b64encode(written.encode()).decode().rstrip("=")

    @classmethod
    def read(cls, text: str, kind: type[Key] = datetime, *, may_lack: bool = False) -> "Mark | None":
        """The mark in an address of a list sorted by keys of this kind, which rows `may_lack`; None for what is none,
        which begins the list anew."""
        if len(text) > _LONGEST_MARK:
            return None
        try:
            written = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
            pk, _blank, key = written.partition(" ")
            mark = cls(_KEYS[kind](key) if key else None, int(pk))
        except (ValueError, binascii.Error):
            return None
        return mark if (may_lack or mark.key is not None) and _is_of_a_row(mark) else None


def _is_of_a_row(mark: Mark) -> bool:
    if isinstance(mark.key, str) and "\0" in mark.key:
        return False
    # Rows come in UTC. Other offsets are nobody's marks, and some of them lie beyond PostgreSQL's clock.
    if isinstance(mark.key, datetime) and mark.key.utcoffset() != timedelta(0):
        return False
    return 0 < mark.pk < 2**63


def gateway_choices() -> list[tuple[str, object]]:
    return [
        ("", _("Choose for me")),
        (Gateway.USPS.value, "USPS"),
        (Gateway.PITNEY_BOWES.value, "Pitney Bowes"),
    ]


def carrier_choices() -> list[tuple[str, object]]:
    """Every carrier that takes new parcels, after the offer to recognise it."""
    return [("", _("Recognise it")), *Carrier.objects.offered().items()]


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
        label=_("Postal code"),
        required=False,
        max_length=12,
        help_text=_(
            "The destination's ZIP Code. Lets the buyer see more with it, and tells apart parcels that share a number."
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
