"""Tags: a word or two that a merchant's people put on parcels."""

import unicodedata

from django.utils.translation import gettext as _

LONGEST_TAG = 40
# A parcel with more of them is not found by any.
MOST_TAGS = 20


def read_tag(typed: str) -> str:
    """What was typed as a tag: blanks put in order, upper and lower case kept. ValueError with the rule.

    Commas and semicolons separate tags wherever several stand in one field, so no tag has one.
    """
    tag = " ".join(unicodedata.normalize("NFC", typed).split())
    if not tag:
        raise ValueError(_("Type a tag."))
    if len(tag) > LONGEST_TAG:
        raise ValueError(_("A tag has at most %(most)d characters.") % {"most": LONGEST_TAG})
    if any(sign in ",;" or not sign.isprintable() for sign in tag):
        raise ValueError(_("A tag has no commas, semicolons or control characters."))
    return tag
