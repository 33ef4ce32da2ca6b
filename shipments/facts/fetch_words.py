"""Why a carrier's picture of a delivery is not kept, in the language that is active."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from shipments.enums import FetchTrouble
from shipments.facts.pictures import PictureRefused, Refusal

_WORDS: dict[FetchTrouble, Promise] = {
    FetchTrouble.BAD_ADDRESS: gettext_lazy("The carrier's address for it is none that can be asked."),
    FetchTrouble.PRIVATE_HOST: gettext_lazy(
        "The carrier's address for it leads into a private network, where nobody is asked."
    ),
    FetchTrouble.UNREACHABLE: gettext_lazy("The host of the picture could not be reached."),
    FetchTrouble.TOO_SLOW: gettext_lazy("The host of the picture took too long."),
    FetchTrouble.REFUSED: gettext_lazy(
        "The host of the picture refused it: the address may have ended, or not work yet."
    ),
    FetchTrouble.TOO_MANY_REDIRECTS: gettext_lazy("The address led from one to another without an end."),
    FetchTrouble.TOO_LARGE: gettext_lazy("The file is too large."),
    FetchTrouble.NO_PICTURE: gettext_lazy(
        "There was no picture at the carrier's address, but something else."
    ),
    FetchTrouble.BAD_PICTURE: gettext_lazy("The carrier's picture cannot be shown."),
    FetchTrouble.INTERRUPTED: gettext_lazy("Fetching it was broken off each time."),
    FetchTrouble.OVERTAKEN: gettext_lazy("The carrier has named another address since."),
    FetchTrouble.ENOUGH: gettext_lazy("There are pictures enough of this parcel."),
}


def why(trouble: str, detail: str) -> str:
    """One sentence or two on why there is no picture, with what its host said where that helps."""
    if trouble == FetchTrouble.BAD_PICTURE and detail in set(Refusal):
        return str(PictureRefused(Refusal(detail)).words)
    words = str(_WORDS[FetchTrouble(trouble)])
    return _("%(sentence)s (%(detail)s)") % {"sentence": words, "detail": detail} if detail else words
