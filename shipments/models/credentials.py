"""The keys an account asks with: at most two live at a time, so that a new one can be tried before the old one goes."""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.fields import EncryptedTextField
from shipments.models.accounts import CarrierAccount

if TYPE_CHECKING:
    from shipments.models.merchants import Merchant

# A key as short as "s" would be shown whole.
_SHORTEST_SHOWN = 8
# A refused key is tried again while another one works: its owner may mend it at the carrier's. Ever more rarely, because
# asking on would look like an attack.
FIRST_REST, LONGEST_REST = timedelta(minutes=15), timedelta(hours=6)


def ending_of(key: str) -> str:
    """The last four characters of a key, or none where that would be most of it."""
    return key[-4:] if len(key) >= _SHORTEST_SHOWN else ""


class CredentialQuerySet(models.QuerySet["Credential"]):
    """Keys, many at once."""

    def live(self) -> Self:
        """Those that are asked with, or may be."""
        return self.filter(retired_at=None)

    def newest_first(self) -> Self:
        return self.order_by("-pk")

    def with_secrets(self) -> Self:
        """Decrypted, for who asks with them; WrongKeyRing where no key of the ring reads one."""
        return self.defer(None)

    def retire(self, now: datetime) -> int:
        """Erase the secrets of these; what they were and when is kept. How many were still live."""
        CredentialToken.objects.filter(credential__in=self.values("pk")).delete()
        return self.live().update(retired_at=now, key=None, secret=None)

    def expiring(self, until: date) -> Self:
        """Live ones that end by that day."""
        return self.live().filter(expires_on__lte=until)


class CredentialManager(models.Manager["Credential"]):
    """Reads no secrets unless told to: one that no key of the ring reads concerns those alone who ask with it."""

    def get_queryset(self) -> CredentialQuerySet:
        return CredentialQuerySet(self.model, using=self._db).defer("key", "secret")

    def live(self) -> CredentialQuerySet:
        return self.get_queryset().live()

    def expiring(self, until: date) -> CredentialQuerySet:
        return self.get_queryset().expiring(until)


class Credential(models.Model):
    """A key and its secret, as the carrier gave them for one account.

    The newest live one is asked with. Where the carrier refuses it (`refused_at`, `refusals` in a row, in the words of
    `refusal`), the older one goes on; when the newer has worked (`worked_at`), the older is retired: its secret is erased.
    `refusal_told_at` says that its owners were told so: once, however often it is refused.
    `slot` is what keeps it at two. `reminded` is the last reminder sent before `expires_on`, in days; 0 where it was over.
    """

    account = models.ForeignKey(
        CarrierAccount, models.CASCADE, related_name="credentials", verbose_name=_("carrier account")
    )
    slot = models.PositiveSmallIntegerField(editable=False)
    key = EncryptedTextField(_("key"), null=True, editable=False)
    secret = EncryptedTextField(_("secret"), null=True, editable=False)
    ending = models.CharField(_("key ends in"), max_length=4, blank=True, editable=False)
    added_at = models.DateTimeField(_("added"), editable=False)
    added_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("added by"),
    )
    expires_on = models.DateField(
        _("expires on"),
        null=True,
        blank=True,
        help_text=_(
            "The last day on which the carrier takes it, where there is one: you are reminded by mail."
        ),
    )
    reminded = models.PositiveSmallIntegerField(null=True, editable=False)
    worked_at = models.DateTimeField(_("last worked"), null=True, editable=False)
    refused_at = models.DateTimeField(_("refused"), null=True, editable=False)
    refusals = models.PositiveSmallIntegerField(default=0, editable=False)
    refusal = models.CharField(_("what the carrier said"), max_length=500, blank=True, editable=False)
    refusal_told_at = models.DateTimeField(_("refusal told"), null=True, editable=False)
    retired_at = models.DateTimeField(_("retired"), null=True, editable=False)

    objects: ClassVar[CredentialManager] = CredentialManager()

    class Meta:
        verbose_name = _("key")
        verbose_name_plural = _("keys")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "slot"],
                condition=models.Q(retired_at__isnull=True),
                name="credential_one_live_in_each_slot",
            ),
            models.CheckConstraint(condition=models.Q(slot__in=[1, 2]), name="credential_two_live_at_most"),
            models.CheckConstraint(
                condition=models.Q(retired_at__isnull=True, key__isnull=False, secret__isnull=False)
                | models.Q(retired_at__isnull=False, key__isnull=True, secret__isnull=True),
                name="credential_retired_holds_no_secret",
            ),
        ]
        indexes = [
            models.Index(
                fields=["expires_on"],
                condition=models.Q(retired_at__isnull=True, expires_on__isnull=False),
                name="credential_expires_idx",
            ),
        ]

    def __str__(self) -> str:
        return f"…{self.ending}" if self.ending else "…"

    @property
    def merchant(self) -> "Merchant | None":
        """Whose it is; None for a platform's."""
        return self.account.merchant

    @property
    def is_live(self) -> bool:
        return self.retired_at is None

    def rests(self, now: datetime) -> bool:
        """Whether the carrier has refused it so lately that others are tried before it."""
        if self.refused_at is None:
            return False
        rest = min(FIRST_REST * 2 ** min(max(self.refusals - 1, 0), 10), LONGEST_REST)
        return bool(now < self.refused_at + rest)


def in_order(credentials: Iterable[Credential], now: datetime) -> list[Credential]:
    """In which order to try live keys: the newest first, those just refused last."""
    return sorted(credentials, key=lambda one: (one.rests(now), -one.pk))


class CredentialToken(models.Model):
    """The live token fetched with a key, shared by all workers; `fetching_until` is the lease of the one who renews it."""

    credential = models.OneToOneField(Credential, models.CASCADE, primary_key=True, related_name="token")
    value = EncryptedTextField(null=True)
    expires_at = models.DateTimeField(null=True)
    fetching_until = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")

    def __str__(self) -> str:
        return f"token of key {self.credential_id}"
