"""What a buyer says who wishes for mails about a parcel."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from shipments.enums import Wants
from shipments.models.subscriptions import LONGEST_ADDRESS


class EmailMeForm(forms.Form):
    """An address, and which mails. Of a parcel whose way is over, only what has happened so far can be told."""

    email = forms.EmailField(
        max_length=LONGEST_ADDRESS,
        error_messages={
            "required": _("E-mail address: type the one the mails should go to."),
            "invalid": _("E-mail address: this is none. It looks like name@example.com."),
            "max_length": _("E-mail address: %(limit_value)d signs at most."),
        },
    )
    wants = forms.ChoiceField(
        error_messages={
            "required": _("Choose which mails you wish for."),
            "invalid_choice": _("Choose which mails you wish for; this choice does not exist (any more)."),
        }
    )

    def __init__(self, *args: Any, is_final: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [Wants.SO_FAR] if is_final else list(Wants)
        self.fields["wants"].choices = [(wants.value, wants.value) for wants in offered]  # type: ignore[attr-defined]
