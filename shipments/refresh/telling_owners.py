"""Whose account it is hears by mail that nobody is asked with it any more, and when that is over: once each."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from shipments.enums import Role
from shipments.models import Budget, CarrierAccount, User
from shipments.outbound.mail import post, site_address
from shipments.refresh.breaker import REFUSALS


def tell(account: CarrierAccount, row: Budget, *, has_failed_again: bool, now: datetime) -> None:
    """Write what there is to tell of the account's breaker, in the transaction that changes it; `row` notes that it was told.

    Refused credentials are told at once. A carrier in trouble is mostly back with the first probe: only where that fails, too
    (`has_failed_again`), somebody is told.
    """
    if row.is_open and row.told_at is None and (row.opened_for in REFUSALS or has_failed_again):
        row.told_at = now
        _write(account, row, "account_broken", now)
    elif not row.is_open and row.told_at is not None:
        row.told_at = None
        _write(account, row, "account_mended", now)


def _write(account: CarrierAccount, row: Budget, kind: str, now: datetime) -> None:
    merchant = account.merchant
    language = settings.LANGUAGE_CODE if merchant is None else merchant.language
    with translation.override(language):
        gateway = account.get_gateway_display()
        subject = (
            _("%(gateway)s is not asked any more")
            if kind == "account_broken"
            else _("%(gateway)s is asked again")
        ) % {"gateway": gateway}
        context: dict[str, Any] = {
            "subject": subject,
            "language": language,
            "gateway": gateway,
            "merchant": merchant,
            "sender": merchant.name if merchant else _("Platform accounts"),
            "because": row.opened_because,
            "is_refused": row.opened_for in REFUSALS,
            "number": account.pk,
            "url": account_page(account),
        }
        text = render_to_string(f"emails/{kind}.txt", context).strip() + "\n"
        html = render_to_string(f"emails/{kind}.html", context)
        for address in concerned(account):
            post(
                to=address,
                kind=kind.replace("_", "-"),
                subject=f"{subject} · {context['sender']}",
                text=text,
                html=html,
                merchant=merchant,
                # Two workers that see the same at once write one mail.
                key=f"{kind}:{account.pk}:{now.isoformat()}:{address}",
            )


def account_page(account: CarrierAccount) -> str:
    """Where its owners mend it; of a platform's account the operators."""
    if account.merchant is None:
        return site_address("admin:shipments_carrieraccount_change", account.pk)
    return site_address("account", account.merchant.slug, account.pk)


def concerned(account: CarrierAccount) -> Iterable[str]:
    """The owners of the account's merchant; of a platform's account the operators."""
    people = User.objects.filter(is_active=True)
    if account.merchant_id is None:
        people = people.filter(is_superuser=True)
    else:
        people = people.filter(memberships__merchant=account.merchant_id, memberships__role=Role.OWNER)
    return people.order_by("pk").values_list("email", flat=True)
