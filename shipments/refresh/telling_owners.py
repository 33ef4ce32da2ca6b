"""Whose account it is hears by mail that nobody is asked with it any more, and when that is over, and that its newer key is
refused while the older goes on: once each."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from shipments.enums import Role
from shipments.facts import spelling
from shipments.models import Budget, CarrierAccount, Credential, User
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
    with translation.override(language_of(account)):
        subject = (
            _("%(gateway)s is not asked any more")
            if kind == "account_broken"
            else _("%(gateway)s is asked again")
        )
        context = {
            "because": row.opened_because,
            "is_refused": row.opened_for in REFUSALS,
            "number": account.pk,
        }
        # Two workers that see the same at once write one mail.
        write(account, kind, subject, context, key=f"{account.pk}:{now.isoformat()}")


def tell_of_refused_keys(
    account: CarrierAccount, *, working: Credential, keys: Sequence[Credential], now: datetime
) -> None:
    """Write that a newer key is refused while the `working` one goes on, once for each: without a gap in what is known of
    parcels nobody would look.

    Not before the older has worked: where no key does, the breaker opens, and its mail says so.
    """
    newer = [one.pk for one in keys if one.pk > working.pk and one.refusal_told_at is None]
    if not newer:
        return
    with transaction.atomic():
        # Of two workers that see the same at once the second waits here, and finds it told.
        refused = list(
            Credential.objects.live()
            .select_for_update(of=("self",))
            .filter(pk__in=newer, refused_at__isnull=False, refusal_told_at=None)
            .order_by("pk")
        )
        for one in refused:
            one.refusal_told_at = now
            one.save(update_fields=["refusal_told_at"])
            _write_refused(account, one, working, now)


def _write_refused(account: CarrierAccount, refused: Credential, working: Credential, now: datetime) -> None:
    with translation.override(language_of(account)):
        context = {
            "ending": refused.ending,
            "because": refused.refusal,
            "older": working.ending,
            "until": ""
            if working.expires_on is None
            else spelling.long_day(working.expires_on, today_of(account, now)),
        }
        subject = _("%(gateway)s refuses the newer key")
        write(account, "key_refused", subject, context, key=f"{refused.pk}:{now.isoformat()}")


def write(account: CarrierAccount, kind: str, subject: str, context: Mapping[str, Any], *, key: str) -> None:
    """One mail about the account to each whom it concerns, from the templates of this kind, in the language that is active.

    The subject may name the %(gateway)s. Two mails of one `key` are one.
    """
    merchant, gateway = account.merchant, account.get_gateway_display()
    subject %= {"gateway": gateway}
    told: dict[str, Any] = {
        "subject": subject,
        "language": translation.get_language(),
        "gateway": gateway,
        "merchant": merchant,
        "sender": merchant.name if merchant else _("Platform accounts"),
        "url": account_page(account),
        **context,
    }
    text = render_to_string(f"emails/{kind}.txt", told).strip() + "\n"
    html = render_to_string(f"emails/{kind}.html", told)
    for address in concerned(account):
        post(
            to=address,
            kind=kind.replace("_", "-"),
            subject=f"{subject} · {told['sender']}",
            text=text,
            html=html,
            merchant=merchant,
            key=f"{kind}:{key}:{address}",
        )


def language_of(account: CarrierAccount) -> str:
    """In which language its owners are written to; of a platform's account the operators."""
    return settings.LANGUAGE_CODE if account.merchant is None else str(account.merchant.language)


def today_of(account: CarrierAccount, now: datetime) -> date:
    """Which day it is where its owners are."""
    zone = settings.TIME_ZONE if account.merchant is None else account.merchant.time_zone
    return now.astimezone(ZoneInfo(zone)).date()


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
