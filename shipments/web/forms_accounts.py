"""Carrier accounts as owners and operators type them: keys go in and never come out."""

from typing import Any

from django import forms
from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shipments.enums import Gateway
from shipments.fields import Hidden
from shipments.models import CarrierAccount, Credential
from shipments.models.accounts import clean_base_url
from shipments.tracking.accounts import KeyIsLocked, NewKey, kept_key

# Far more than any gateway's key or secret has.
LONGEST = 4096


def _box(label: Any, *, autocomplete: str) -> forms.CharField:
    """A box that is sent back empty, whatever was typed."""
    return forms.CharField(
        label=label,
        required=False,
        max_length=LONGEST,
        widget=forms.PasswordInput(attrs={"autocomplete": autocomplete, "spellcheck": "false"}),
    )


def _day() -> forms.DateField:
    return forms.DateField(
        label=gettext_lazy("Expires on"),
        required=False,
        widget=forms.DateInput(format="%Y-%m-%d", attrs={"type": "date"}),
        help_text=gettext_lazy(
            "The last day on which the carrier takes it, where there is one: you are reminded by mail 30, 7 and 1 days before."
        ),
    )


class KeyForm(forms.Form):
    """A newer key for an account; for a new account its first."""

    key = _box(gettext_lazy("Key"), autocomplete="off")
    secret = _box(gettext_lazy("Secret"), autocomplete="new-password")
    expires_on = _day()

    def __init__(self, *args: Any, account: CarrierAccount, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._account = account
        self.fields["key"].help_text = key_hint(account)

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        read_key(self, self._account, cleaned, is_needed=True)
        return cleaned

    @property
    def new_key(self) -> NewKey:
        made: NewKey = self.cleaned_data["new_key"]
        return made


def key_hint(account: CarrierAccount) -> str:
    """What the box for the key says of the one stored."""
    newest = account.credentials.live().newest_first().first() if account.pk is not None else None
    if newest is None:
        return _("Also called consumer key or client id.")
    if newest.ending:
        return _("One that ends in %(ending)s is stored. Empty: keep it, with another secret.") % {
            "ending": f"…{newest.ending}"
        }
    return _("One is stored. Empty: keep it, with another secret.")


def read_key(
    form: forms.BaseForm, account: CarrierAccount, cleaned: dict[str, Any], *, is_needed: bool
) -> None:
    """Put the key that was typed into `cleaned["new_key"]`, None where none was; what is wrong, at its field."""
    key, secret, expires_on = cleaned.pop("key", None), cleaned.pop("secret", None), cleaned.get("expires_on")
    cleaned["new_key"] = None
    if {"key", "secret", "expires_on"} & form.errors.keys():
        return
    if not key and not secret and not is_needed:
        if expires_on:
            form.add_error("secret", _("A day on which it expires, and no key: give the secret, too."))
        return
    if not secret:
        form.add_error("secret", _("Give the secret that belongs to the key."))
    if not key:
        try:
            key = kept_key(account) if account.pk is not None and secret else ""
        except KeyIsLocked:
            form.add_error("key", _("The stored key cannot be read with the key ring: give it again."))
            return
        if not key and (account.pk is None or secret):
            form.add_error("key", _("Give the key."))
    elif any(sign.isspace() for sign in key):
        form.add_error("key", _("A key has no blanks in it: was it copied whole, and alone?"))
    if expires_on is not None and expires_on < timezone.localdate():
        form.add_error("expires_on", _("This day is over."))
    if not form.errors and key and secret:
        cleaned["new_key"] = NewKey(Hidden(key), Hidden(secret), expires_on)


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """An account, with boxes for a key: its first one, or a newer one. Empty boxes keep what is stored."""

    key = _box(gettext_lazy("Key"), autocomplete="off")
    secret = _box(gettext_lazy("Secret"), autocomplete="new-password")
    expires_on = _day()

    class Meta:
        model = CarrierAccount
        fields = (
            "merchant",
            "gateway",
            "environment",
            "base_url",
            "cadence_seconds",
            "calls_per_hour",
            "calls_per_second",
            "is_active",
        )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "key" in self.fields:
            self.fields["key"].help_text = key_hint(self.instance)

    def clean_base_url(self) -> str:
        text: str = self.cleaned_data["base_url"]
        if not text.strip():
            return ""
        return clean_base_url(
            text, private_allowed=settings.ALLOW_PRIVATE_HOSTS, hosts=settings.CARRIER_HOSTS
        )

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        if "key" in self.fields:
            read_key(self, self.instance, cleaned, is_needed=self.instance.pk is None)
        return cleaned

    @property
    def has_typed_key(self) -> bool:
        """Whether a key or a secret was sent, which the form that is shown again will not hold."""
        return any(self.data.get(self.add_prefix(name)) for name in ("key", "secret"))

    @property
    def new_key(self) -> NewKey | None:
        """The key that was typed; None where what is stored stays."""
        made: NewKey | None = self.cleaned_data.get("new_key")
        return made


class OwnersAccountForm(AccountForm):
    """What an owner says of a new account."""

    class Meta(AccountForm.Meta):
        fields = ("gateway", "environment", "base_url", "calls_per_hour", "calls_per_second")  # type: ignore[assignment]
        labels = {
            "base_url": gettext_lazy("Address other than the carrier's own"),
            "calls_per_hour": gettext_lazy("Calls an hour"),
            "calls_per_second": gettext_lazy("Calls a second"),
        }
        help_texts = {
            "base_url": gettext_lazy("Mostly empty. Scheme and host, as https://host."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "gateway" in self.fields:
            self.fields["gateway"].choices = [  # type: ignore[attr-defined]
                (Gateway.USPS.value, "USPS"),
                (Gateway.PITNEY_BOWES.value, "Pitney Bowes"),
            ]
        self.fields["environment"].choices = [  # type: ignore[attr-defined]
            ("production", _("Production")),
            ("test", _("Test")),
        ]


class OwnersChangeForm(OwnersAccountForm):
    """What an owner changes of an account; its keys are given one by one, and its gateway stays."""

    # Taken out of the form, as Django has it.
    key = None  # type: ignore[assignment]
    secret = None  # type: ignore[assignment]
    expires_on = None  # type: ignore[assignment]

    class Meta(OwnersAccountForm.Meta):
        fields = ("environment", "base_url", "calls_per_hour", "calls_per_second")  # type: ignore[assignment]


class ExpiryForm(forms.ModelForm):  # type: ignore[type-arg]
    """Until when the carrier takes a key."""

    expires_on = _day()

    class Meta:
        model = Credential
        fields = ("expires_on",)
