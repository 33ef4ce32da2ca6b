"""What each reason for attention is called, what it means, and what somebody should do about it, in the language that is active."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

from shipments.enums import Reason, StatusGroup


@dataclass(frozen=True, slots=True)
class ReasonWords:
    """One reason in words: two or three for a badge, what has happened, and what to do. `group` lends its colour and shape."""

    reason: Reason
    group: StatusGroup
    label: Promise
    why: Promise
    action: Promise


_WORDS = {
    words.reason: words
    for words in (
        ReasonWords(
            Reason.EXCEPTION,
            StatusGroup.TROUBLE,
            pgettext_lazy("reason", "Problem reported"),
            gettext_lazy("The carrier reports a problem."),
            gettext_lazy(
                "Read what the carrier says. If it is the address, correct it with the buyer and the carrier; if not, ask the carrier what happens next."
            ),
        ),
        ReasonWords(
            Reason.RETURNING,
            StatusGroup.TROUBLE,
            pgettext_lazy("reason", "Coming back"),
            gettext_lazy("The parcel is on its way back to you."),
            gettext_lazy("Tell the buyer, find out why, and agree on a new delivery or a refund."),
        ),
        ReasonWords(
            Reason.ATTEMPTED,
            StatusGroup.NEEDS_YOU,
            pgettext_lazy("reason", "Delivery attempted"),
            gettext_lazy("The carrier came and could not deliver it."),
            gettext_lazy(
                "Tell the buyer to look for the carrier's notice, and make sure of the address before the next attempt."
            ),
        ),
        ReasonWords(
            Reason.AGEING_PICKUP,
            StatusGroup.NEEDS_YOU,
            pgettext_lazy("reason", "Not collected"),
            gettext_lazy("The parcel waits to be collected, and nobody comes."),
            gettext_lazy("Remind the buyer where it is. What is not collected in time comes back to you."),
        ),
        ReasonWords(
            Reason.LATE,
            StatusGroup.NEEDS_YOU,
            pgettext_lazy("reason", "Late"),
            gettext_lazy("The day it should have arrived has passed."),
            gettext_lazy("Tell the buyer before they ask, with the day the carrier names now."),
        ),
        ReasonWords(
            Reason.SILENT,
            StatusGroup.NEEDS_YOU,
            pgettext_lazy("reason", "Gone quiet"),
            gettext_lazy("It has not been scanned for longer than is usual."),
            gettext_lazy(
                "Ask the carrier to search for it. If nothing comes of that, claim it as lost and send the buyer another."
            ),
        ),
        ReasonWords(
            Reason.NO_FIRST_SCAN,
            StatusGroup.WAITING,
            pgettext_lazy("reason", "Never scanned"),
            gettext_lazy("There is a label, and the carrier has not scanned the parcel."),
            gettext_lazy(
                "See whether it is still with you. If it was handed over, ask the carrier about it."
            ),
        ),
        ReasonWords(
            Reason.NO_PROOF,
            StatusGroup.DONE,
            pgettext_lazy("reason", "No proof"),
            gettext_lazy("It was delivered, and the proof that was due is missing."),
            gettext_lazy("Ask the carrier for signature or picture now: it keeps them for some weeks only."),
        ),
        ReasonWords(
            Reason.NOT_KNOWN,
            StatusGroup.UNKNOWN,
            pgettext_lazy("reason", "Number not known"),
            gettext_lazy("The carrier does not know this number."),
            gettext_lazy(
                "Compare the number and the carrier with the label. If they are right, see whether the parcel was ever handed over."
            ),
        ),
    )
}


def words(reason: Reason | str) -> ReasonWords:
    """The words for one reason."""
    return _WORDS[Reason(reason)]
