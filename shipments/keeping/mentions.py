"""A buyer's address among words that are somebody else's: masked there, and the words stay."""

import re
from collections import Counter
from urllib.parse import quote, quote_plus

from django.db.models import Q
from django.db.models.functions import Lower

from shipments import queueing
from shipments.models import BulkAction, Invitation, Mail, Merchant, Note, SavedView, User
from shipments.models.audit import MASK
from shipments.models.emptied import EMPTY_MAIL

# Signs that go on with an address, so that what stands between them is another one.
_BEFORE, _AFTER = r"(?<![\w.%+'-])", r"(?![\w-]|\.\w)"


def pattern_of(address: str) -> re.Pattern[str]:
    """Finds this address, in capitals or small letters, and no longer one that it is a part of."""
    return re.compile(f"{_BEFORE}{re.escape(address)}{_AFTER}", re.IGNORECASE)


def forget_mentions(address: str, merchant: Merchant | None) -> Counter[str]:
    """Mask the address in notes about whatever parcel, in searches that were kept or acted on, and in what is known of failed
    tasks; empty mails to it that belong to no subscription, but for those to people who sign in here."""
    counts: Counter[str] = Counter()
    of_these = {} if merchant is None else {"merchant": merchant}
    pattern = pattern_of(address)
    for note in Note.objects.filter(text__icontains=address, **of_these):
        masked = pattern.sub(MASK, note.text)
        if masked != note.text:
            counts["mentions"] += Note.objects.filter(pk=note.pk).update(text=masked)
    for model in (SavedView, BulkAction):
        counts["mentions"] += _forget_in_searches(model, address, of_these)
    counts["mentions"] += queueing.mask_in_failures(pattern, MASK)
    if not _is_of_somebody_here(address):
        mine = Mail.objects.alias(folded=Lower("to")).filter(folded=address, **of_these)
        stray = mine.filter(subscription=None, request=None)
        counts["mails"] += stray.filter(due_at__isnull=False).delete()[0] + stray.update(**EMPTY_MAIL)
    return +counts


def _forget_in_searches(
    model: type[SavedView] | type[BulkAction], address: str, of_these: dict[str, Merchant]
) -> int:
    """A search is an address of the list, behind its question mark: there the address may be quoted in either way."""
    spelled = {address, quote(address), quote_plus(address)}
    pattern = re.compile("|".join(map(re.escape, spelled)), re.IGNORECASE)
    wanted = Q()
    for one in spelled:
        wanted |= Q(query__icontains=one)
    many = 0
    for row in model._default_manager.filter(wanted, **of_these).only("query"):
        many += model._default_manager.filter(pk=row.pk).update(query=pattern.sub("", row.query))
    return many


def _is_of_somebody_here(address: str) -> bool:
    return (
        User.objects.filter(email__iexact=address).exists()
        or Invitation.objects.filter(email__iexact=address).exists()
    )
