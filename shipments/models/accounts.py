"""Accounts at the carriers' gateways, their credentials and their tokens."""

from datetime import datetime
from typing import ClassVar, Self
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.enums import Environment, Gateway
from shipments.facts.hosts import is_private_host
from shipments.fields import EncryptedTextField
from shipments.models.merchants import Merchant


def gateway_choices() -> list[tuple[str, str]]:
    return [(Gateway.USPS.value, "USPS"), (Gateway.PITNEY_BOWES.value, "Pitney Bowes")]


def environment_choices() -> list[tuple[str, str]]:
    return [(environment.value, environment.value) for environment in Environment]


def clean_base_url(text: str, *, private_allowed: bool) -> str:
    """Scheme, host and port of a gateway, without a slash at the end; ValidationError naming the rule.

    Loopback and private addresses, and plain http, are for simulators: refused unless `private_allowed`.
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
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


class CarrierAccountQuerySet(models.QuerySet["CarrierAccount"]):
    """Accounts, many at once."""

    def usable_by(self, merchant_ids: set[int]) -> Self:
        """Active accounts of these merchants and of the platform."""
        return self.filter(is_active=True).filter(
            models.Q(merchant__in=merchant_ids) | models.Q(merchant=None)
        )


class CarrierAccount(models.Model):
    """Credentials for one gateway, of one merchant or, without one, shared by the platform.

    `key` and `secret` are write-only: pages show the last four characters of the key and nothing of the
    secret. `cadence_seconds`, where set, replaces the refresh policy, the maintenance windows and the published quotas:
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
    key = EncryptedTextField(_("key"))
    secret = EncryptedTextField(_("secret"))
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
    test_result = models.CharField(_("result of the test"), max_length=500, blank=True, editable=False)

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
        return f"{self.get_gateway_display()} {self.environment} ({owner}, key …{self.key_ending})"

    @property
    def key_ending(self) -> str:
        """The last four characters of the key, or none where that would be most of it."""
        return self.key[-4:] if len(self.key) >= 8 else ""

    def request_test(self, now: datetime) -> None:
        """Ask the queue to try these credentials; the result is written to this row."""
        self.test_requested_at, self.tested_at, self.test_result = now, None, ""
        self.save(update_fields=["test_requested_at", "tested_at", "test_result"])

    def record_test(self, result: str, now: datetime) -> None:
        self.tested_at, self.test_result = now, result[:500]
        self.save(update_fields=["tested_at", "test_result"])


class AccountToken(models.Model):
    """The live token of an account, shared by all workers; `fetching_until` is the lease of the one who renews it."""

    account = models.OneToOneField(CarrierAccount, models.CASCADE, primary_key=True, related_name="token")
    value = EncryptedTextField(null=True)
    expires_at = models.DateTimeField(null=True)
    fetching_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("account token")
        verbose_name_plural = _("account tokens")

    def __str__(self) -> str:
        return f"token of account {self.account_id}"
