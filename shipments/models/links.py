"""Private links: what a buyer gets by e-mail, and nobody can guess."""

import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.fields import EncryptedTextField
from shipments.models.shipments import Shipment

if TYPE_CHECKING:
    from shipments.models.users import User


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


class PrivateLinkQuerySet(models.QuerySet["PrivateLink"]):
    """Links, many at once."""

    def working(self, now: datetime) -> Self:
        """Those that open something: neither revoked nor past their end."""
        return self.filter(models.Q(expires_at=None) | models.Q(expires_at__gt=now), revoked_at=None)


class PrivateLinkManager(models.Manager.from_queryset(PrivateLinkQuerySet)):  # type: ignore[misc]
    """Makes and finds links."""

    def make(self, shipment: Shipment, *, by: "User | None" = None) -> "PrivateLink":
        """A new link with 192 random bits; it ends when the merchant's links do."""
        # Letters and digits only: mail programs leave a hyphen at the end out of a link.
        token = secrets.token_hex(24)
        days = shipment.merchant.link_days
        link: PrivateLink = self.create(
            shipment=shipment,
            token=token,
            token_sha256=_digest(token),
            made_by=by,
            expires_at=None if days is None else timezone.now() + timedelta(days=days),
        )
        return link

    def live(self, token: str) -> "PrivateLink | None":
        """The working link with this token. Looked up by digest: the clock tells nothing about tokens."""
        link: PrivateLink | None = (
            self.working(timezone.now())
            .select_related("shipment__merchant__look", "shipment__carrier", "shipment__watch")
            # Who opens the link has the token; and a key that is missing from the ring must not keep buyers out.
            .defer("token", "shipment__merchant__look__logo")
            .filter(token_sha256=_digest(token))
            .first()
        )
        return link


class PrivateLink(models.Model):
    """An address that shows one parcel with names, signature and photo, until it ends or is revoked."""

    shipment = models.ForeignKey(
        Shipment, models.CASCADE, related_name="private_links", verbose_name=_("shipment")
    )
    token = EncryptedTextField()
    token_sha256 = models.CharField(max_length=64, unique=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("made by")
    )
    made_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("ends"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    objects: ClassVar[PrivateLinkManager] = PrivateLinkManager()

    class Meta:
        verbose_name = _("private link")
        verbose_name_plural = _("private links")

    def __str__(self) -> str:
        return f"private link {self.pk} of shipment {self.shipment_id}"

    def get_absolute_url(self) -> str:
        return reverse("private-link", args=[self.token])

    def is_working(self, now: datetime) -> bool:
        """Whether it opens something, as `working` has it."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > now)

    def revoke(self, now: datetime) -> bool:
        """Close the link; False if it was closed already."""
        if self.revoked_at is not None:
            return False
        self.revoked_at = now
        self.save(update_fields=["revoked_at"])
        return True
