"""`manage.py add_account`: a merchant's credentials at a gateway. The secret comes on standard input, never as an argument."""

import sys
from getpass import getpass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from shipments.enums import Environment, Gateway
from shipments.management.merchants import merchant_meant
from shipments.models import AuditEntry, CarrierAccount, Merchant
from shipments.models.accounts import clean_base_url
from shipments.refresh.budget import quota_of
from shipments.tracking.accounts import NewKey, give_key, take_effect

# Far more than any gateway's secret has; a larger input is the wrong file.
_LONGEST_SECRET = 4096
# What the column holds.
_MOST_CALLS = 2_147_483_647


class Command(BaseCommand):
    """The same merchant, gateway, environment and key again give that account a newer secret, and the address."""

    help = "Add an account at a carrier's gateway, or give it a new secret. The secret is read from standard input."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--merchant", metavar="SLUG", required=True, help="Whose account it is.")
        parser.add_argument("--gateway", choices=[str(gateway) for gateway in Gateway], required=True)
        parser.add_argument(
            "--environment", choices=[str(environment) for environment in Environment], required=True
        )
        parser.add_argument(
            "--base-url",
            metavar="URL",
            default="",
            help="Scheme, host and port that replace the gateway's own in every address, tokens included.",
        )
        parser.add_argument(
            "--calls-per-hour",
            metavar="N",
            help="How many calls the carrier allows this account in an hour. Default: what the gateway publishes.",
        )
        parser.add_argument(
            "--calls-per-second",
            metavar="N",
            help="The same by the second. Default: what the gateway publishes.",
        )
        parser.add_argument(
            "--key", required=True, help="The account's key, also called consumer key or client id."
        )

    def handle(
        self,
        *,
        merchant: str,
        gateway: str,
        environment: str,
        base_url: str,
        calls_per_hour: str | None,
        calls_per_second: str | None,
        key: str,
        **options: Any,
    ) -> None:
        owner = merchant_meant(merchant)
        key = key.strip()
        if not key:
            raise CommandError("key: a key is not empty.", returncode=2)
        address = _clean_address(base_url)
        given = {
            "calls_per_hour": _read_calls("calls per hour", calls_per_hour),
            "calls_per_second": _read_calls("calls per second", calls_per_second),
        }
        # What is not given is left as it is: a new secret is no new contract.
        quotas = {name: calls for name, calls in given.items() if calls is not None}
        secret = _read_secret()
        with transaction.atomic():
            account = self._stored(owner, gateway, environment, address, key, secret, quotas)
            woken = take_effect(account, timezone.now())
        self.stdout.write(f"It asks {account.base_url or 'the gateway at its own address'}.")
        self.stdout.write(f"Calls: {_limits(account)}.")
        if woken:
            self.stdout.write(f"Parcels that had waited for an account and are due now: {woken}.")

    def _stored(
        self,
        merchant: Merchant,
        gateway: str,
        environment: str,
        base_url: str,
        key: str,
        secret: str,
        quotas: dict[str, int],
    ) -> CarrierAccount:
        alike = CarrierAccount.objects.filter(
            merchant=merchant, gateway=gateway, environment=environment
        ).order_by("pk")
        # Encrypted with a nonce, keys cannot be compared in the database.
        known = next(
            (
                account
                for account in alike
                if any(one.key == key for one in account.credentials.live().with_secrets())
            ),
            None,
        )
        new, now = NewKey(key, secret), timezone.now()
        if known is None:
            account = CarrierAccount.objects.create(
                merchant=merchant, gateway=gateway, environment=environment, base_url=base_url, **quotas
            )
            made, _replaced = give_key(account, new, by=None, now=now)
            given = {
                "gateway": gateway,
                "environment": environment,
                "base_url": base_url,
                "key": key,
                "secret": secret,
                **quotas,
            }
            AuditEntry.objects.record("added", account, source="command", merchant=merchant, after=given)
            self.stdout.write(f"Account {account}, key {made}, was added.")
            return account
        before = {
            "base_url": known.base_url,
            "is_active": known.is_active,
            **{name: getattr(known, name) for name in quotas},
        }
        known.base_url, known.is_active = base_url, True
        for name, calls in quotas.items():
            setattr(known, name, calls)
        known.save(update_fields=["base_url", "is_active", *quotas])
        made, _replaced = give_key(known, new, by=None, now=now)
        after: dict[str, object] = {"base_url": base_url, "is_active": True, "secret": secret, **quotas}
        AuditEntry.objects.record(
            "changed", known, source="command", merchant=merchant, before=before, after=after
        )
        self.stdout.write(
            f"Account {known}, key {made}, was there already: it has the new secret and address now."
        )
        self.stdout.write("The secret of before is kept until the new one has worked.")
        return known


def _clean_address(base_url: str) -> str:
    if not base_url.strip():
        return ""
    longest = CarrierAccount._meta.get_field("base_url").max_length
    if longest is not None and len(base_url) > longest:
        raise CommandError(f"base url: an address has at most {longest} characters.", returncode=2)
    try:
        address = clean_base_url(
            base_url, private_allowed=settings.ALLOW_PRIVATE_HOSTS, hosts=settings.CARRIER_HOSTS
        )
    except ValidationError as exc:
        raise CommandError(f"base url: {' '.join(exc.messages)}", returncode=2) from None
    return address


def _read_calls(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    calls = int(text) if text.strip().isdecimal() and len(text.strip()) <= 10 else 0
    if not 1 <= calls <= _MOST_CALLS:
        raise CommandError(f"{name}: a whole number from 1 to {_MOST_CALLS:,}.", returncode=2)
    return calls


def _limits(account: CarrierAccount) -> str:
    """The limits that hold for the account, in words."""
    quota = quota_of(account)
    limits = [
        f"at most {calls:,} {span}"
        for calls, span in ((quota.per_hour, "an hour"), (quota.per_second, "a second"))
        if calls is not None
    ]
    return " and ".join(limits) or "no limit is known"


def _read_secret() -> str:
    if sys.stdin.isatty():
        text = getpass("Secret (not shown): ")
    else:
        text = sys.stdin.read(_LONGEST_SECRET + 1)
        if len(text) > _LONGEST_SECRET:
            raise CommandError(f"secret: a secret has at most {_LONGEST_SECRET} characters.", returncode=2)
    secret = text.strip()
    if not secret:
        raise CommandError("secret: it is read from standard input, which was empty.", returncode=2)
    if "\n" in secret:
        raise CommandError(
            "secret: one line is expected on standard input, and there were several.", returncode=2
        )
    return secret
