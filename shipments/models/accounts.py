"""Accounts at the carriers' gateways. What they ask with stands in `models.credentials`."""

from collections.abc import Collection
from datetime import datetime
from typing import ClassVar, Self
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.enums import Connection, Environment, Gateway
from shipments.facts.hosts import is_private_host
from shipments.models.merchants import Merchant


def gateway_choices() -> list[tuple[str, str]]:
    return [(Gateway.USPS.value, "USPS"), (Gateway.PITNEY_BOWES.value, "Pitney Bowes")]


def environment_choices() -> list[tuple[str, str]]:
    return [(environment.value, environment.value) for environment in Environment]


def clean_base_url(text: str, *, private_allowed: bool, hosts: Collection[str]) -> str:
    """Scheme, host and port of a gateway, without a slash at the end; ValidationError naming the rule.

    Keys are sent there, so it is one of these `hosts`. Loopback and private addresses, and plain http, are for simulators: refused unless `private_allowed`.
    """
    try:
        parts = urlsplit(text.strip())
    except ValueError as exc:
        raise ValidationError(
            _("An address is https://host or https://host:port, and nothing else."), code="base_url"
        ) from exc
    try:
        port = parts.port
    except ValueError as exc:
        raise ValidationError(
            _("The port of the address is a number from 1 to 65535."), code="base_url"
        ) from exc
    if (
        parts.scheme not in {"http", "https"}
        or not parts.hostname
        or parts.username
        or parts.query
        or parts.fragment
    ):
        raise ValidationError(
            _("An address is https://host or https://host:port, and nothing else."), code="base_url"
        )
    if parts.path.strip("/"):
        raise ValidationError(_("Leave the path out: the gateway's own paths are added."), code="base_url")
    if not private_allowed:
        if parts.scheme != "https":
            raise ValidationError(_("A carrier's address starts with https://."), code="base_url")
        if is_private_host(parts.hostname):
            raise ValidationError(
                _(
                    "Loopback and private addresses are refused. They are for simulators: TRACKINGSITE_ALLOW_PRIVATE_HOSTS allows them."
                ),
                code="base_url",
            )
    if not is_listed(parts.hostname, hosts, private_allowed=private_allowed):
        raise ValidationError(
            _(
                "%(host)s is not a host that keys may be sent to. These are: %(hosts)s. An operator adds others with TRACKINGSITE_CARRIER_HOSTS."
            ),
            params={"host": parts.hostname[:100], "hosts": ", ".join(hosts)},
            code="base_url",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


def is_listed(host: str, hosts: Collection[str], *, private_allowed: bool) -> bool:
    """Whether keys may be sent to this host: it is one of these, or a simulator's where those are allowed."""
    return host.lower().rstrip(".") in hosts or (private_allowed and is_private_host(host))


class CarrierAccountQuerySet(models.QuerySet["CarrierAccount"]):
    """Accounts, many at once."""

    def usable_by(self, merchant_ids: set[int]) -> Self:
        """Active accounts of these merchants and of the platform."""
        return self.filter(is_active=True).filter(
            models.Q(merchant__in=merchant_ids) | models.Q(merchant=None)
        )


class CarrierAccount(models.Model):
    """An account at one gateway, of one merchant or, without one, shared by the platform.

    Its keys are rows of their own (`Credential`), so that a new one can be tried while the old one works. `cadence_seconds`, where set, replaces the refresh policy, the maintenance windows and the published quotas:
    for simulators. What the account may still ask, and whether it is asked with at all, stands in its `Budget`.
    """

    merchant = models.ForeignKey(
        Merchant,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="accounts",
        verbose_name=_("merchant"),
        help_text=_("Empty: shared by all merchants."),
    )
    gateway = models.CharField(_("gateway"), max_length=20, choices=gateway_choices)
    environment = models.CharField(
        _("environment"), max_length=12, choices=environment_choices, default=Environment.PRODUCTION
    )
    base_url = models.CharField(
        _("address"),
        max_length=200,
        blank=True,
        help_text=_("Replaces scheme, host and port of the gateway. Empty: the carrier's own."),
    )
    cadence_seconds = models.PositiveIntegerField(
        _("cadence in seconds"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Ask about every parcel this often, at any hour. For simulators."),
    )
    calls_per_hour = models.PositiveIntegerField(
        _("calls an hour"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("What the carrier allows this account. Empty: what the gateway publishes."),
    )
    calls_per_second = models.PositiveIntegerField(
        _("calls a second"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("The same by the second."),
    )
    is_active = models.BooleanField(_("active"), default=True)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    last_success_at = models.DateTimeField(_("last success"), null=True, editable=False)
    last_error = models.CharField(_("last error"), max_length=500, blank=True, editable=False)
    last_error_at = models.DateTimeField(_("last error at"), null=True, editable=False)
    test_requested_at = models.DateTimeField(_("test requested"), null=True, editable=False)
    tested_at = models.DateTimeField(_("tested"), null=True, editable=False)
    # A `Connection`, and the carrier's own words about it.
    test_result = models.CharField(_("result of the test"), max_length=20, blank=True, editable=False)
    test_words = models.CharField(_("words of the test"), max_length=500, blank=True, editable=False)

    objects: ClassVar[CarrierAccountQuerySet] = CarrierAccountQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("carrier account")
        verbose_name_plural = _("carrier accounts")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(cadence_seconds__isnull=True) | models.Q(cadence_seconds__gte=1),
                name="account_cadence_is_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(calls_per_hour__isnull=True) | models.Q(calls_per_hour__gte=1),
                name="account_calls_per_hour_are_positive",
            ),
            models.CheckConstraint(
                condition=models.Q(calls_per_second__isnull=True) | models.Q(calls_per_second__gte=1),
                name="account_calls_per_second_are_positive",
            ),
        ]

    def __str__(self) -> str:
        owner = self.merchant.slug if self.merchant else "platform"
        return f"{self.get_gateway_display()} {self.environment} ({owner})"

    def request_test(self, now: datetime) -> None:
        """Ask the queue to try the connection; the result is written to this row."""
        self.test_requested_at, self.tested_at, self.test_result, self.test_words = now, None, "", ""
        self.save(update_fields=["test_requested_at", "tested_at", "test_result", "test_words"])

    def record_test(self, result: Connection, words: str, now: datetime) -> None:
        self.tested_at, self.test_result, self.test_words = now, result, words[:500]
        self.save(update_fields=["tested_at", "test_result", "test_words"])

    @property
    def is_being_tested(self) -> bool:
        """Whether a test was asked for whose result is not in."""
        return self.test_requested_at is not None and self.tested_at is None
