"""Which of the merchant's people were written to of a parcel's trouble, and when."""

from collections import defaultdict
from datetime import datetime

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from shipments.facts.reasons import words
from shipments.web.history import Told
from shipments.web.parcel_rows import AlertRow, ParcelRows


def told_to_staff(rows: ParcelRows) -> list[Told]:
    """A sentence for each mail that named the parcel, or for several people's at once: who, and of which reasons."""
    together: dict[tuple[datetime, str], list[str]] = defaultdict(list)
    for row in rows.alerts:
        together[row.told_at, _people(row)].append(str(words(row.reason).label))
    return [
        Told(
            at,
            _("%(people)s heard by e-mail: %(reasons)s") % {"people": people, "reasons": ", ".join(reasons)},
        )
        for (at, people), reasons in together.items()
    ]


def _people(row: AlertRow) -> str:
    """Their names; who is no longer here is counted."""
    gone = row.many - len(row.people)
    names = list(row.people)
    if gone:
        names.append(
            ngettext("somebody who is no longer here", "%(count)d people who are no longer here", gone)
            % {"count": gone}
        )
    return str(get_text_list(names, _("and")))
