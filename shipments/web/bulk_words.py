"""What pages say of deeds on many parcels: what each does, how it is undone, what it leaves alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from shipments.enums import Deed, Resolution


@dataclass(frozen=True, slots=True)
class Words:
    """`name` is what the deed is called before anything is known of it; the others are whole sentences."""

    name: str
    effect: str
    undo: str
    left_alone: str


def words_of(deed: Deed) -> Words:
    """The deed in the reader's language."""
    match deed:
        case Deed.REFRESH:
            return Words(
                _("Refresh now"),
                _(
                    "Their carriers are asked in the order of the list, 500 parcels a minute or as many as your accounts' quotas let through. A single parcel that somebody refreshes goes ahead of them."
                ),
                _("Nothing about the parcels is changed, so there is nothing to undo."),
                _(
                    "nobody asks about them any more, they are being asked already, or their carrier has answered within the last 15 minutes"
                ),
            )
        case Deed.TAG:
            return Words(
                _("Add a tag"),
                _("The tag is put on every parcel that does not have it yet."),
                _("“Remove a tag” takes it off again."),
                _("they had the tag, or have 20 tags already"),
            )
        case Deed.UNTAG:
            return Words(
                _("Remove a tag"),
                _("The tag is taken off every parcel that has it."),
                _("“Add a tag” puts it on again."),
                _("they did not have the tag"),
            )
        case Deed.ARCHIVE:
            return Words(
                _("Archive"),
                _(
                    "They leave your lists and the public tracking pages, and their carriers are asked no more. All that is known of them is kept."
                ),
                _(
                    "“Restore from the archive” brings them back as they were; those that were asked about are asked about again."
                ),
                _("they were in the archive already"),
            )
        case Deed.RESTORE:
            return Words(
                _("Restore from the archive"),
                _(
                    "They come back to your lists and to the public tracking pages; those that were asked about before are asked about again."
                ),
                _("“Archive” puts them away again."),
                _("they were not in the archive"),
            )
        case Deed.CLOSE:
            return Words(
                _("Close"),
                _("Their carriers are asked no more, whatever happens to them. They stay in your lists."),
                _("“Reopen” has them asked about again, from that moment on."),
                _("nobody asked about them any more"),
            )
        case Deed.REOPEN:
            return Words(
                _("Reopen"),
                _(
                    "Their carriers are asked again, from now on. Parcels that arrived long ago end by themselves after the next answer."
                ),
                _("“Close” ends the asking again."),
                _("they are asked about anyway, or are in the archive"),
            )
        case Deed.PROOF_DUE:
            return Words(
                _("Proof is due"),
                _("A delivery of these without signature or picture will need a person."),
                _("“Proof is not due” takes it back."),
                _("proof was due already"),
            )
        case Deed.PROOF_NOT_DUE:
            return Words(
                _("Proof is not due"),
                _("A delivery of these without signature or picture needs nobody."),
                _("“Proof is due” asks for it again."),
                _("proof was not due"),
            )
        case Deed.RESOLVE:
            return Words(
                _("Set the resolution"),
                _("It stands beside what the carrier says, and replaces a resolution that was set before."),
                _(
                    "Set another one, or none. What was set before is in each parcel's history, and is not brought back."
                ),
                _("they had this resolution already"),
            )
        case Deed.ASSIGN:
            return Words(
                _("Give to a person"),
                _("Those that need attention now become this person's, whoever had them before."),
                _(
                    "Give them to somebody else, or to nobody. Who had them before is in each parcel's history."
                ),
                _("they need no attention now, or were this person's already"),
            )


def resolution_words() -> dict[str, str]:
    """The resolutions by their name, and the empty one that takes it back."""
    return {
        "": _("none"),
        Resolution.LOST: _("lost"),
        Resolution.REFUNDED: _("refunded"),
        Resolution.RETURNED: _("returned"),
    }


def title(deed: Deed, argument: Mapping[str, Any], owners: Mapping[int, str]) -> str:
    """What is done, with what; `owners` are names of people by their id."""
    match deed:
        case Deed.TAG:
            return _("Add the tag “%(tag)s”") % {"tag": argument["tag"]}
        case Deed.UNTAG:
            return _("Remove the tag “%(tag)s”") % {"tag": argument["tag"]}
        case Deed.RESOLVE:
            return _("Set the resolution: %(resolution)s") % {
                "resolution": resolution_words()[argument["resolution"]]
            }
        case Deed.ASSIGN if argument["owner"] is None:
            return _("Give to nobody")
        case Deed.ASSIGN:
            return _("Give to %(person)s") % {
                "person": owners.get(argument["owner"], _("a former colleague"))
            }
        case _deed:
            return words_of(deed).name
