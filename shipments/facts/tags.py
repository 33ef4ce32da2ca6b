"""Tags: a word or two that a merchant's people put on parcels, as they are kept."""

import unicodedata
from collections.abc import Sequence

from django.utils.translation import gettext as _

LONGEST_TAG = 40
# A parcel with more of them is not found by any.
MOST_TAGS = 20


class TagError(ValueError):
    """A tag that breaks a rule; the message is a sentence for people that names it."""


def read_tag(typed: str) -> str:
    """What was typed as a tag: blanks put in order, upper and lower case kept; `TagError` where it is none.

    Commas and semicolons separate tags wherever several stand in one field, so no tag has one.
    """
    tag = " ".join(unicodedata.normalize("NFC", typed).split())
    if not tag:
        raise TagError(_("Type a tag."))
    if len(tag) > LONGEST_TAG:
        raise TagError(
            _("A tag has at most %(most)d characters; this one has %(many)d.")
            % {"most": LONGEST_TAG, "many": len(tag)}
        )
    if any(sign in ",;" or not sign.isprintable() for sign in tag):
        raise TagError(_("A tag has no commas, semicolons or control characters."))
    return tag


def with_tag(tags: Sequence[str], typed: str) -> list[str]:
    """The tags and one more; `TagError` for one that is there already, in whatever case, or one too many."""
    tag = read_tag(typed)
    there = next((one for one in tags if one.casefold() == tag.casefold()), None)
    if there is not None:
        raise TagError(_("The parcel has this tag already: %(tag)s.") % {"tag": there})
    if len(tags) >= MOST_TAGS:
        raise TagError(_("A parcel has at most %(most)d tags. Take one off first.") % {"most": MOST_TAGS})
    return [*tags, tag]
