"""Tags: a person's own words on a parcel, as they are kept."""

from collections.abc import Sequence

from django.utils.translation import gettext as _

LONGEST_TAG = 40
MOST_TAGS = 20


class TagError(ValueError):
    """A tag that breaks a rule; the message is a sentence for people that names it."""


def read_tag(typed: str) -> str:
    """The tag as it is kept: without blanks around it, one blank between its words; `TagError` where it is none."""
    tag = " ".join("".join(sign for sign in typed if sign.isprintable() or sign.isspace()).split())
    if not tag:
        raise TagError(_("A tag has at least one sign."))
    if len(tag) > LONGEST_TAG:
        raise TagError(
            _("A tag has at most %(most)d signs; this one has %(many)d.")
            % {"most": LONGEST_TAG, "many": len(tag)}
        )
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


def without_tag(tags: Sequence[str], tag: str) -> list[str]:
    """The tags without this one, in whatever case it is written."""
    return [one for one in tags if one.casefold() != tag.strip().casefold()]
