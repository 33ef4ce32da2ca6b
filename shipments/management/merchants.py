"""Which merchant a command is for."""

from django.core.management.base import CommandError

from shipments.models import Merchant

_MOST_NAMED = 10


def merchant_meant(slug: str | None) -> Merchant:
    """The merchant with that short name or, without one, the only merchant there is; a usage error otherwise."""
    found = Merchant.objects.filter(slug=slug) if slug is not None else Merchant.objects.all()
    known = list(found.order_by("slug")[:2])
    if len(known) == 1:
        return known[0]
    if slug is None and known:
        raise CommandError(f"merchant: say which one with --merchant: {_names()}.", returncode=2)
    if slug is None or not Merchant.objects.exists():
        raise CommandError("merchant: there is none yet. Add one with add_merchant.", returncode=2)
    raise CommandError(
        f"merchant: no merchant has this short name. There are: {_names()}. add_merchant adds one.",
        returncode=2,
    )


def _names() -> str:
    slugs = list(Merchant.objects.order_by("slug").values_list("slug", flat=True)[: _MOST_NAMED + 1])
    return ", ".join(slugs[:_MOST_NAMED]) + (" and more" if len(slugs) > _MOST_NAMED else "")
