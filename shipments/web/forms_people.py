"""What people type about people: whom they invite as what, and who they are when they come."""

from collections.abc import Sequence
from typing import Any

from allauth.account.fields import PasswordField, SetPasswordField
from django import forms
from django.utils.translation import gettext_lazy as _

from shipments.enums import Role
from shipments.models import Membership, User


def role_labels() -> list[tuple[str, object]]:
    """Every role with what it may do, from the least to the most."""
    return [
        (Role.VIEWER.value, _("Viewer: sees all, changes nothing")),
        (Role.MANAGER.value, _("Manager: adds and changes parcels")),
        (Role.OWNER.value, _("Owner: people, keys and settings as well")),
    ]


class InviteForm(forms.Form):
    """Whom to invite, and as what."""

    email = forms.EmailField(
        label=_("E-mail address"),
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        error_messages={"required": _("Type the address the invitation goes to.")},
    )
    role = forms.ChoiceField(label=_("Role"), choices=role_labels, initial=Role.VIEWER)

    def clean_email(self) -> str:
        return str(self.cleaned_data["email"]).lower()


class RoleForm(forms.Form):
    """Another role for a member."""

    member = forms.IntegerField(min_value=1, max_value=2**63 - 1)
    role = forms.ChoiceField(choices=role_labels)


class MemberForm(forms.Form):
    """Which member is meant."""

    member = forms.IntegerField(min_value=1, max_value=2**63 - 1)


class HandOverForm(forms.Form):
    """Who becomes the owner."""

    member = forms.TypedChoiceField(
        label=_("New owner"),
        coerce=int,
        error_messages={
            "required": _("Choose who becomes the owner."),
            "invalid_choice": _("Choose one of the members; this one is none any more."),
        },
    )

    def __init__(self, *args: Any, others: Sequence[Membership], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        choices: list[tuple[str, object]] = [("", _("Choose a member"))]
        choices += [(str(each.pk), _told(each.user)) for each in others]
        self.fields["member"].choices = choices  # type: ignore[attr-defined]


class NewPersonForm(forms.Form):
    """Name and password of somebody who accepts an invitation and has no account yet."""

    name = forms.CharField(
        label=_("Your name"),
        max_length=150,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": _("Type your name: colleagues see it beside what you do.")},
    )
    password1 = SetPasswordField(label=_("Password"))
    password2 = PasswordField(label=_("The same password again"), autocomplete="new-password")

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # What a password must not resemble.
        self.fields["password1"].user = User(  # type: ignore[attr-defined]
            email=email, name=str(self.data.get("name", ""))[:150]
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if {"password1", "password2"} <= cleaned.keys() and cleaned["password1"] != cleaned["password2"]:
            self.add_error("password2", _("This is another password than the one above."))
        return cleaned


def _told(person: User) -> str:
    return f"{person.name} ({person.email})" if person.name else person.email
