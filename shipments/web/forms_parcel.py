"""What people type about one parcel, read and checked."""

import json
from datetime import date
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from shipments.enums import Resolution
from shipments.facts.tags import LONGEST_TAG, TagError, read_tag
from shipments.models import Carrier, Shipment
from shipments.tracking.adding import BadParcel
from shipments.tracking.correcting import Particulars
from shipments.web.forms import gateway_choices

_OFF = {"autocomplete": "off"}


class NoteForm(forms.Form):
    """A note for colleagues."""

    text = forms.CharField(
        label=_("New note"),
        max_length=2000,
        widget=forms.Textarea(attrs={"rows": 2, "maxlength": 2000}),
        error_messages={"required": _("A note has at least one word.")},
    )


class TagForm(forms.Form):
    """One more tag."""

    tag = forms.CharField(
        label=_("New tag"),
        # Longer than a tag may be, so that the rule is told in a sentence and nothing typed is cut.
        max_length=4 * LONGEST_TAG,
        widget=forms.TextInput(attrs={**_OFF, "maxlength": LONGEST_TAG}),
        error_messages={"required": _("Type a tag.")},
    )

    def clean_tag(self) -> str:
        try:
            return read_tag(self.cleaned_data["tag"])
        except TagError as refusal:
            raise ValidationError(str(refusal), code="tag") from None


class ResolutionForm(forms.Form):
    """What a person has made of the parcel."""

    resolution = forms.ChoiceField(choices=[(one.value, one.value) for one in Resolution])


class NewParcelForm(forms.Form):
    """A new parcel under a number that the carrier has used again."""

    mailing_date = forms.CharField(
        label=_("Mailing date of the new parcel"),
        max_length=10,
        widget=forms.DateInput(attrs={"type": "date"}),
        error_messages={"required": _("Say when the new parcel was mailed: that tells the two apart.")},
    )
    postal_code = forms.CharField(
        label=_("Postal code"),
        required=False,
        max_length=12,
        help_text=_("The destination's ZIP Code, where you know it: it tells the two apart even better."),
        widget=forms.TextInput(attrs={**_OFF, "inputmode": "numeric"}),
    )
    order_number = forms.CharField(
        label=_("Order"), required=False, max_length=100, widget=forms.TextInput(attrs=_OFF)
    )
    recipient_name = forms.CharField(
        label=_("Recipient"), required=False, max_length=200, widget=forms.TextInput(attrs=_OFF)
    )

    def refuse(self, refusal: BadParcel) -> None:
        """Put a refusal of `tracking` at the field it names."""
        name = refusal.field.replace(" ", "_")
        self.add_error(name if name in self.fields else None, str(refusal))


class CorrectionForm(NewParcelForm):
    """What the merchant says of a parcel, to be put right. Judged by `tracking.correcting`."""

    field_order = (
        "carrier", "gateway", "mailing_date", "postal_code", "order_number", "recipient_name", "proof_due",
    )  # fmt: skip

    mailing_date = forms.CharField(
        label=_("Mailing date"),
        required=False,
        max_length=10,
        help_text=_("Scans of more than two weeks before it are another parcel's."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    postal_code = forms.CharField(
        label=_("Postal code"),
        required=False,
        max_length=12,
        help_text=_("The destination's ZIP Code. Tells apart parcels that share a number."),
        widget=forms.TextInput(attrs={**_OFF, "inputmode": "numeric"}),
    )
    carrier = forms.ChoiceField(label=_("Carrier"))
    gateway = forms.ChoiceField(
        label=_("Ask through"),
        required=False,
        choices=gateway_choices,
        help_text=_("Left alone, your accounts decide."),
    )
    proof_due = forms.BooleanField(
        label=_("Proof is due"),
        required=False,
        help_text=_("A delivery without signature or picture needs a person."),
    )

    # The values that stood in the fields when the page was drawn.
    made_from = forms.CharField(
        max_length=4000,
        widget=forms.HiddenInput,
        error_messages={
            name: _(
                "This page does not say what it was made from. Open it anew, and make your changes there."
            )
            for name in ("required", "max_length", "invalid")
        },
    )

    @staticmethod
    def values_of(shipment: Shipment) -> dict[str, Any]:
        """The values of the fields for a parcel as it stands."""
        stand = {
            "carrier": shipment.carrier_id,
            "gateway": shipment.gateway,
            "mailing_date": shipment.mailing_date.isoformat() if shipment.mailing_date else "",
            "postal_code": shipment.destination_postal_code,
            "order_number": shipment.order_number,
            "recipient_name": shipment.recipient_name,
            "proof_due": shipment.proof_due,
        }
        return {**stand, "made_from": json.dumps(stand)}

    def clean_made_from(self) -> dict[str, Any]:
        """The values the person saw; of any other page than ours a refusal."""
        invalid = ValidationError(self.fields["made_from"].error_messages["invalid"], code="invalid")
        try:
            told = json.loads(self.cleaned_data["made_from"])
            if told["mailing_date"]:
                date.fromisoformat(told["mailing_date"])
        # Brackets may be as deep as the text is long.
        except (ValueError, KeyError, TypeError, RecursionError):
            raise invalid from None
        kinds = {name: bool if name == "proof_due" else str for name in self.fields if name != "made_from"}
        if {name: type(value) for name, value in told.items()} != kinds:
            raise invalid
        return dict(told)

    def seen(self) -> Particulars:
        """What the person saw, of a valid form."""
        told = self.cleaned_data["made_from"]
        mailed, code = told["mailing_date"], told["postal_code"]
        return Particulars(
            number=self.shipment.number,
            mailing_date=date.fromisoformat(mailed) if mailed else None,
            destination_postal_code=code,
            **{name: told[name] for name in told.keys() - {"mailing_date", "postal_code"}},
        )

    def __init__(self, shipment: Shipment, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.shipment = shipment
        field = self.fields["carrier"]
        assert isinstance(field, forms.ChoiceField)
        # The parcel's own stays, also when the carrier takes no new parcels any more.
        field.choices = [
            (carrier.code, carrier.name)
            for carrier in Carrier.objects.all()
            if carrier.is_active or carrier.code == shipment.carrier_id
        ]
