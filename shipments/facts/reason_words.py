"""Why a parcel needs a person, in words, in the language that is active."""

from django.utils.translation import pgettext_lazy

from shipments.enums import Reason

_LABELS = {
    Reason.EXCEPTION: pgettext_lazy("reason", "Problem reported"),
    Reason.RETURNING: pgettext_lazy("reason", "Coming back"),
    Reason.ATTEMPTED: pgettext_lazy("reason", "Delivery attempted"),
    Reason.AGEING_PICKUP: pgettext_lazy("reason", "Waiting to be picked up"),
    Reason.LATE: pgettext_lazy("reason", "Past its promised day"),
    Reason.SILENT: pgettext_lazy("reason", "Silent for too long"),
    Reason.NO_FIRST_SCAN: pgettext_lazy("reason", "Label without a first scan"),
    Reason.NO_PROOF: pgettext_lazy("reason", "Delivered without proof"),
    Reason.NOT_KNOWN: pgettext_lazy("reason", "Not known to the carrier"),
}


def label(reason: Reason | str) -> str:
    """The reason in a few words: "Silent for too long"."""
    return str(_LABELS[Reason(reason)])
