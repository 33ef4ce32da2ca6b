"""What an erasure has done, in words: on its page, and as a text for the buyer who asked."""

from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments.enums import ErasedBy
from shipments.models import Erasure


def count_in_words(what: str, many: int) -> str:
    """So many of them, of whatever `Erasure.counts` counts."""
    match what:
        case "parcels":
            words = ngettext(
                "%(count)d parcel: its recipient, order, destination's postal code, tags and further details",
                "%(count)d parcels: their recipients, orders, destinations' postal codes, tags and further details",
                many,
            )
        case "scans":
            words = ngettext(
                "%(count)d scan: the carrier's words, postal code and position",
                "%(count)d scans: the carrier's words, postal codes and positions",
                many,
            )
        case "answers":
            words = ngettext("%(count)d raw answer of a carrier", "%(count)d raw answers of carriers", many)
        case "pictures":
            words = ngettext("%(count)d picture of a delivery", "%(count)d pictures of deliveries", many)
        case "statements":
            words = ngettext(
                "%(count)d proof statement: what it said", "%(count)d proof statements: what they said", many
            )
        case "addresses":
            words = ngettext("%(count)d e-mail address", "%(count)d e-mail addresses", many)
        case "mails":
            words = ngettext("%(count)d mail", "%(count)d mails", many)
        case "notes":
            words = ngettext("%(count)d note of the merchant", "%(count)d notes of the merchant", many)
        case "file_rows":
            words = ngettext(
                "%(count)d row of an imported file that is still kept",
                "%(count)d rows of imported files that are still kept",
                many,
            )
        case "mentions":
            words = ngettext(
                "%(count)d mention of the address in notes, searches and failed tasks: masked",
                "%(count)d mentions of the address in notes, searches and failed tasks: masked",
                many,
            )
        case "exports":
            words = ngettext(
                "%(count)d file with all data of a merchant, dropped or made anew",
                "%(count)d files with all data of a merchant, dropped or made anew",
                many,
            )
        case _other:
            words = ngettext(
                "%(count)d refused row of an imported file", "%(count)d refused rows of imported files", many
            )
    return words % {"count": many}


def counts_in_words(counts: dict[str, int]) -> list[str]:
    """All that was erased, the parcels first."""
    order = (
        "parcels",
        "scans",
        "answers",
        "pictures",
        "statements",
        "addresses",
        "mails",
        "notes",
        "rows",
        "file_rows",
        "mentions",
        "exports",
    )
    return [count_in_words(what, counts[what]) for what in order if counts.get(what)]


def found_by(erasure: Erasure) -> str:
    """What was looked for, as far as that may be said."""
    if erasure.by == ErasedBy.EMAIL:
        return _("an e-mail address")
    return _("a tracking number")


def what_addresses_find() -> str:
    """What nobody can find by an e-mail address any more, and what to ask for."""
    return _(
        "By an e-mail address those parcels are found that it gets mails about, for as long as it is kept with them: until 30 days after their last news. Older parcels, whose address was erased by age, and parcels without such mails are found by their tracking numbers: ask for these."
    )


def text_of(erasure: Erasure) -> str:
    """The receipt as plain text. It names nobody: the buyer knows what they asked."""
    lines = [
        _("Receipt of an erasure of personal data"),
        "",
        _("Receipt: %(id)s") % {"id": erasure.public_id},
        _("Asked: %(when)s") % {"when": _moment(erasure.asked_at)},
        _("Done: %(when)s")
        % {"when": _moment(erasure.done_at) if erasure.done_at else _("not yet; this is no receipt")},
        _("Looked for by: %(what)s") % {"what": found_by(erasure)},
        _("Kept with: %(merchant)s")
        % {
            "merchant": erasure.merchant.name if erasure.merchant else _("all merchants of this installation")
        },
        "",
    ]
    words = counts_in_words(erasure.counts)
    if words:
        lines += [_("Erased:"), *(f"- {one}" for one in words), ""]
    elif erasure.done_at:
        lines += [_("Nothing was found that names you."), ""]
    if erasure.by == ErasedBy.EMAIL:
        lines += [what_addresses_find(), ""]
    lines += [
        _("What is left of a parcel: its number, carrier, status, dates and towns, which name nobody."),
        _("What is left of answers, pictures and proof statements: digests, by which copies can be checked."),
        _(
            "What was looked for is not kept. A keyed digest of it is, so that the data can be erased again should a backup bring it back: %(digest)s"
        )
        % {"digest": erasure.term_digest},
        _("Backups made before this day hold the data until they are deleted in their turn."),
        _(
            "Of files that a merchant had imported, the rows that name what was looked for are taken out. The files are deleted two days after they were read; files that were never started, after seven."
        ),
    ]
    return "\n".join(str(line) for line in lines) + "\n"


def _moment(at: datetime) -> str:
    return timezone.localtime(at).strftime("%Y-%m-%d %H:%M %Z")
