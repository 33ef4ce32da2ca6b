"""System checks that refuse to start with unsafe settings, and say what to do."""

import sys
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from shipments import key_ring

# Nobody counts the tries at it, so it must be out of reach.
SHORTEST_TOKEN = 32


@register(Tags.security)
def credential_keys_are_usable(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The key ring that encrypts carriers' credentials exists and consists of Fernet keys."""
    keys = list(settings.CREDENTIAL_KEYS)
    usable = bool(keys)
    for key in keys:
        try:
            Fernet(key)
        except (ValueError, TypeError):
            usable = False
    if usable:
        return []
    return [
        Error(
            "CREDENTIAL_KEYS holds no usable key.",
            hint="Make one with: python -c 'from cryptography.fernet import Fernet; print(Fernet.generate_key().decode())' "
            "and set CREDENTIAL_KEYS, or CREDENTIAL_KEYS_FILE to a file that holds it. The newest key comes first.",
            id="shipments.E001",
        )
    ]


@register(Tags.database)
def the_key_ring_reads_what_is_stored(
    app_configs: Sequence[Any] | None, databases: Sequence[str] | None = None, **kwargs: Any
) -> list[CheckMessage]:
    """The key ring is the one the database was written with. Asked for by `check --database default`."""
    # Migrations need no key: they move ciphertext as it is, also on a host that has no ring.
    if not databases or sys.argv[1:2] == ["migrate"] or credential_keys_are_usable(app_configs):
        return []
    why = key_ring.trouble()
    return [] if why is None else [Error(why, id="shipments.E005")]


@register(Tags.security, deploy=True)
def production_stands_alone(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Production has its own database and never lets an account reach private addresses."""
    found: list[CheckMessage] = []
    if not settings.PRODUCTION:
        found.append(
            Error(
                "TRACKINGSITE_PRODUCTION is not set.",
                hint="Set TRACKINGSITE_PRODUCTION=1 on a server.",
                id="shipments.E002",
            )
        )
    if settings.ALLOW_PRIVATE_HOSTS:
        found.append(
            Error(
                "TRACKINGSITE_ALLOW_PRIVATE_HOSTS is set.",
                hint="Unset it: it lets carrier accounts reach addresses inside your network.",
                id="shipments.E003",
            )
        )
    return found


@register(Tags.security, deploy=True)
def the_site_is_reached_as_it_says(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """What a site behind a proxy has to be told, and what would let strangers choose its name."""
    found: list[CheckMessage] = []
    if not settings.SITE_URL.startswith("https://"):
        found.append(
            Error(
                f"SITE_URL is {settings.SITE_URL}: links in mails would be opened without encryption.",
                hint="Set SITE_URL to the https:// address people reach the site by.",
                id="shipments.E005",
            )
        )
    if settings.SECURE_SSL_REDIRECT and settings.TRUSTED_PROXIES < 1:
        found.append(
            Warning(
                "TRUSTED_PROXIES is 0, so that nothing a proxy says is believed: every page leads to itself for ever, and all "
                "visitors count as one.",
                hint="Set TRUSTED_PROXIES to the number of proxies in front of this process (1 for one nginx or load balancer).",
                id="shipments.W001",
            )
        )
    if any(host in {"*", "."} for host in settings.ALLOWED_HOSTS):
        found.append(
            Error(
                "ALLOWED_HOSTS answers to every name.",
                hint="Name the site's own host names; those of merchants are added in the back-office.",
                id="shipments.E006",
            )
        )
    plain = [origin for origin in settings.CSRF_TRUSTED_ORIGINS if not origin.startswith("https://")]
    if plain:
        found.append(
            Error(
                f"CSRF_TRUSTED_ORIGINS trusts forms from pages without encryption: {', '.join(plain)}.",
                hint="Name origins with https:// only.",
                id="shipments.E007",
            )
        )
    return found


@register(Tags.security)
def the_metrics_token_is_usable(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """The token that opens the metrics cannot be guessed, and can be sent in a header."""
    token = settings.METRICS_TOKEN
    sent_whole = token.isascii() and token.isprintable() and " " not in token
    if not token or (sent_whole and (len(token) >= SHORTEST_TOKEN or not settings.PRODUCTION)):
        return []
    return [
        Error(
            f"TRACKINGSITE_METRICS_TOKEN must be {SHORTEST_TOKEN} or more letters, digits and signs, without blanks.",
            hint="Make one with: python -c 'import secrets; print(secrets.token_urlsafe(32))'. Unset, there are no metrics.",
            id="shipments.E004",
        )
    ]
