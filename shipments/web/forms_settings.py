"""What people choose on the settings pages, read and checked."""

from dataclasses import dataclass
from datetime import time
from difflib import get_close_matches
from functools import cache
from typing import Any

from django import forms
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import get_language_info, gettext_lazy, ngettext
from django.utils.translation import gettext as _

from shipments.enums import Reason
from shipments.facts import spelling
from shipments.facts.reasons import words
from shipments.models import Membership, Merchant
from shipments.models.merchants import LEAST_DAYS, MOST_DAYS, known_zones


@dataclass(frozen=True, slots=True)
class Zone:
    """A time zone to choose: its IANA name, and what people there call it."""

    name: str
    told: str


def zones() -> tuple[Zone, ...]:
    """The zones of places, and UTC, in the language that is active; old names of whole countries and fixed offsets are
    understood but not offered."""
    return _zones(spelling.locale())


@cache
def _zones(_locale: str) -> tuple[Zone, ...]:
    offered = sorted(name for name in known_zones() if "/" in name and not name.startswith("Etc/"))
    return tuple(Zone(name, spelling.zone_name(name)) for name in [*offered, "UTC"])


@cache
def _zones_by_town() -> dict[str, list[str]]:
    towns: dict[str, list[str]] = {}
    for name in known_zones():
        towns.setdefault(name.rpartition("/")[2].casefold(), []).append(name)
        towns.setdefault(name.casefold(), []).append(name)
    return towns


def language_names() -> list[tuple[str, str]]:
    """The languages we have, each as its speakers call it."""
    return [(code, get_language_info(code)["name_local"].capitalize()) for code, _name in settings.LANGUAGES]


class MerchantForm(forms.ModelForm):  # type: ignore[type-arg]  # cannot be subscripted at run time
    """What a merchant is called, on whose clock and in which language it works, and what its private links do."""

    time_zone = forms.CharField(
        label=gettext_lazy("Time zone"),
        max_length=64,
        widget=forms.TextInput(attrs={"list": "zones", "autocomplete": "off", "spellcheck": "false"}),
        help_text=gettext_lazy(
            "Begin to type a town or a zone. Parcels whose place nobody told are read on this clock, and digests come by it."
        ),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Language"),
        choices=language_names,
        help_text=gettext_lazy("Of the mails to your people. Pages are in each reader's own."),
    )

    class Meta:
        model = Merchant
        fields = ("name", "time_zone", "language", "link_days", "order_on_links")
        labels = {
            "name": gettext_lazy("Name"),
            "link_days": gettext_lazy("Days a private link works"),
            "order_on_links": gettext_lazy("Show the order on private links"),
        }
        help_texts = {
            "name": gettext_lazy("Buyers see it on private links, your people everywhere."),
            "link_days": gettext_lazy(
                "Of links made from now on, 1 to 3650. Leave it empty to have them work until somebody revokes them."
            ),
            "order_on_links": gettext_lazy("Whoever has the link then sees the number of the order."),
        }

    def clean_time_zone(self) -> str:
        """The IANA name of what was typed: the name itself in any case, or its town."""
        typed: str = self.cleaned_data["time_zone"]
        if typed in known_zones():
            return typed
        wanted = "_".join(typed.split()).casefold()
        found = _zones_by_town().get(wanted, [])
        if len(found) == 1:
            return found[0]
        near = found or [
            _zones_by_town()[key][0] for key in get_close_matches(wanted, _zones_by_town(), n=3, cutoff=0.75)
        ]
        if near:
            raise forms.ValidationError(
                _("There is no time zone “%(typed)s”. Did you mean %(near)s?"),
                code="zone",
                params={"typed": typed, "near": _(" or ").join(sorted(set(near)))},
            )
        raise forms.ValidationError(
            _("There is no time zone “%(typed)s”. Choose one of the list, such as America/New_York."),
            code="zone",
            params={"typed": typed},
        )


@dataclass(frozen=True, slots=True)
class Threshold:
    """A threshold of attention: the reason it belongs to and for which parcels, what is counted, and in which days."""

    field: str
    reason: Reason
    counts: Promise
    in_business_days: bool = False
    only: Promise | None = None

    @property
    def label(self) -> str:
        label = str(words(self.reason).label)
        return (
            label if self.only is None else _("%(reason)s, %(which)s") % {"reason": label, "which": self.only}
        )

    @property
    def default(self) -> int:
        field: Any = Merchant._meta.get_field(self.field)
        return int(field.default)

    def told(self, days: int) -> str:
        """So many days in words: "4 business days from the label to …"."""
        told = (
            ngettext("%(days)d business day %(counts)s", "%(days)d business days %(counts)s", days)
            if self.in_business_days
            else ngettext("%(days)d day %(counts)s", "%(days)d days %(counts)s", days)
        )
        return told % {"days": days, "counts": self.counts}


THRESHOLDS = (
    Threshold(
        "first_scan_days",
        Reason.NO_FIRST_SCAN,
        gettext_lazy("from the label to the carrier's first scan"),
        in_business_days=True,
    ),
    Threshold(
        "silent_days",
        Reason.SILENT,
        gettext_lazy("without a scan"),
        in_business_days=True,
        only=gettext_lazy("within one country"),
    ),
    Threshold(
        "silent_days_abroad",
        Reason.SILENT,
        gettext_lazy("without a scan"),
        in_business_days=True,
        only=gettext_lazy("across a border"),
    ),
    Threshold("pickup_days", Reason.AGEING_PICKUP, gettext_lazy("held for pickup")),
    Threshold("late_days", Reason.LATE, gettext_lazy("past the promised day")),
)


class ThresholdForm(forms.ModelForm):  # type: ignore[type-arg]  # the same
    """From when on a parcel needs somebody."""

    class Meta:
        model = Merchant
        fields = (*(threshold.field for threshold in THRESHOLDS), "proof_always_due")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        bounds = {"least": LEAST_DAYS, "most": MOST_DAYS}
        rule = _("Type a whole number from %(least)d to %(most)d.") % bounds
        for threshold in THRESHOLDS:
            # Not the model's own field: that one would say 0 where the rule says 1.
            self.fields[threshold.field] = forms.IntegerField(
                label=threshold.label,
                min_value=LEAST_DAYS,
                max_value=MOST_DAYS,
                widget=forms.NumberInput(attrs={"inputmode": "numeric"}),
                help_text=_("From %(least)d to %(most)d; %(default)d unless you say otherwise.")
                % (bounds | {"default": threshold.default}),
                error_messages=dict.fromkeys(("required", "invalid", "min_value", "max_value"), rule),
            )
        self.fields["proof_always_due"].label = _("Every delivery needs a signature or a picture")
        self.fields["proof_always_due"].help_text = _("Not set: only parcels that were added with it.")


class AlertForm(forms.Form):
    """What one person is told by e-mail, and when."""

    digest = forms.BooleanField(label=gettext_lazy("Send me a digest once a day"), required=False)
    digest_at = forms.ChoiceField(label=gettext_lazy("At"), required=False)
    reasons = forms.MultipleChoiceField(
        label=gettext_lazy("Tell me at once"),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        choices=lambda: [(reason.value, str(words(reason).label)) for reason in Reason],
    )

    def __init__(self, *args: Any, membership: Membership, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        hours = {time(hour) for hour in range(24)}
        if membership.digest_at is not None:
            hours.add(membership.digest_at)
        self.fields["digest_at"].choices = [(f"{hour:%H:%M}", spelling.clock(hour)) for hour in sorted(hours)]  # type: ignore[attr-defined]
        self.initial = {
            "digest": membership.digest_at is not None,
            "digest_at": f"{membership.digest_at or time(8):%H:%M}",
            "reasons": membership.alert_reasons,
        }

    @property
    def chosen_time(self) -> time | None:
        """When the digest is to come; None where none is wished."""
        if not self.cleaned_data["digest"]:
            return None
        return time.fromisoformat(self.cleaned_data["digest_at"])

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("digest") and not cleaned.get("digest_at") and "digest_at" not in self.errors:
            self.add_error("digest_at", _("Choose an hour for the digest."))
        return cleaned
