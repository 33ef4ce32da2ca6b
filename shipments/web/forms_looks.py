"""What an owner says of how the public pages look."""

from hashlib import sha256
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from shipments.facts import logos
from shipments.facts.colours import ColourError, read_colour
from shipments.facts.pictures import Picture
from shipments.facts.web_addresses import LONGEST_LINK, AddressError, read_support_link
from shipments.models import Look
from shipments.models.looks import LONGEST_SHOWN_NAME


class LookForm(forms.Form):
    """Name, logo, colour and link. A field left empty goes back to what the platform has."""

    shown_name = forms.CharField(
        label=_("Name shown to buyers"),
        max_length=LONGEST_SHOWN_NAME,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
    )
    logo = forms.FileField(
        label=_("Logo"),
        required=False,
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/webp,image/gif"}),
        help_text=_("PNG, JPEG, WebP or GIF, up to 2 MB. Wide ones fit best: it is shown 40 pixels high."),
    )
    remove_logo = forms.BooleanField(label=_("Take the logo away"), required=False)
    name_beside_logo = forms.BooleanField(
        label=_("Show the name beside the logo"),
        required=False,
        help_text=_("Leave this out where the logo says the name already."),
    )
    colour = forms.CharField(
        label=_("Colour"),
        max_length=20,
        required=False,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "#0b5c6b"}
        ),
        help_text=_("As # and six digits or letters from a to f. Empty: the platform's own."),
    )
    support_url = forms.CharField(
        label=_("Link for questions"),
        max_length=LONGEST_LINK,
        required=False,
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false", "inputmode": "url"}),
        help_text=_(
            "A page that begins with https://, or an e-mail address. Buyers find it on every parcel's page."
        ),
    )

    def __init__(self, *args: Any, look: Look, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {
            name: getattr(look, name) for name in self.fields if name not in {"logo", "remove_logo"}
        }

    def clean_shown_name(self) -> str:
        return " ".join(str(self.cleaned_data["shown_name"]).split())

    def clean_colour(self) -> str:
        typed = str(self.cleaned_data["colour"])
        try:
            return str(read_colour(typed)) if typed else ""
        except ColourError as exc:
            raise forms.ValidationError(str(exc)) from None

    def clean_support_url(self) -> str:
        typed = str(self.cleaned_data["support_url"])
        try:
            return read_support_link(typed) if typed else ""
        except AddressError as exc:
            raise forms.ValidationError(str(exc)) from None

    def clean_logo(self) -> Picture | None:
        sent = self.cleaned_data["logo"]
        if sent is None:
            return None
        try:
            return logos.read_logo(sent.read())
        except logos.LogoRefused as refusal:
            raise forms.ValidationError(str(refusal.words)) from None

    def refuse_size(self) -> None:
        """Say that the file is too large, instead of whatever a cut one would be told."""
        self.is_valid()
        self.errors.pop("logo", None)
        self.add_error("logo", str(logos.TOO_LARGE))

    def apply(self, look: Look) -> None:
        """Put what was said into the look; the caller saves."""
        for name in ("shown_name", "colour", "support_url", "name_beside_logo"):
            setattr(look, name, self.cleaned_data[name])
        picture: Picture | None = self.cleaned_data["logo"]
        if picture is not None:
            look.take_logo(picture, sha256(picture.data).hexdigest())
        elif self.cleaned_data["remove_logo"]:
            look.take_logo(None)
