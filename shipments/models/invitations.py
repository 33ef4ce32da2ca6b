"""Invitations: how people come to a merchant, and to an account in the first place."""

import secrets
import uuid
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _

from shipments.models.merchants import Merchant, role_choices

if TYPE_CHECKING:
    from shipments.enums import Role
    from shipments.models.users import User

LASTS = timedelta(hours=48)
# They hold addresses of people who may never have come.
KEPT = timedelta(days=30)


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()


class InvitationQuerySet(models.QuerySet["Invitation"]):
    """Invitations, many at once."""

    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def open(self) -> Self:
        """Those that were neither accepted nor revoked; their time may be over."""
        return self.filter(accepted_at=None, revoked_at=None)

    def with_token(self, token: str) -> "Invitation | None":
        """The one this token stands for, open or not. Looked up by digest: the clock tells nothing about tokens."""
        return self.select_related("merchant", "invited_by").filter(token_sha256=_digest(token)).first()

    def revoke(self, now: datetime) -> int:
        """Close those that are open; how many they were."""
        return self.open().update(revoked_at=now)

    def invite(
        self, merchant: Merchant, email: str, role: "Role | str", *, by: "User | None", now: datetime
    ) -> "Invitation":
        """A new invitation, with its token for the mail. An open one for the address ends: its link may be in wrong hands.

        Call it inside `roles.changing(merchant)`, so that two at once do not both find none to replace.
        """
        self.for_merchant(merchant).filter(email=email.lower()).revoke(now)
        # Letters and digits only: mail programs leave a hyphen at the end out of a link.
        token = secrets.token_hex(24)
        invitation = self.create(
            merchant=merchant,
            email=email.lower(),
            role=role,
            token_sha256=_digest(token),
            invited_by=by,
            made_at=now,
            expires_at=now + LASTS,
        )
        invitation.token = token
        return invitation

    def forget_ended(self, now: datetime) -> int:
        """Drop those nobody can use any more, a while after their end."""
        return self.filter(expires_at__lt=now - KEPT).delete()[0]


class Invitation(models.Model):
    """An offer to one address to belong to a merchant. Its token stands in the mail alone; here is its digest."""

    # Set by `invite` only.
    token: str

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="invitations", db_index=False, verbose_name=_("merchant")
    )
    email = models.EmailField(_("e-mail address"))
    role = models.CharField(_("role"), max_length=10, choices=role_choices)
    token_sha256 = models.CharField(max_length=64, unique=True)
    invited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("invited by")
    )
    made_at = models.DateTimeField(_("made"))
    expires_at = models.DateTimeField(_("open until"), db_index=True)
    accepted_at = models.DateTimeField(_("accepted"), null=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True)

    objects: ClassVar[InvitationQuerySet] = InvitationQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("invitation")
        verbose_name_plural = _("invitations")
        constraints = [
            models.UniqueConstraint(
                "merchant",
                Lower("email"),
                condition=models.Q(accepted_at=None, revoked_at=None),
                name="one_open_invitation_per_address",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(revoked_at=None),
                name="invitation_ends_once",
            ),
        ]
        indexes = [models.Index(fields=["merchant", "email"], name="invitation_of_merchant_idx")]

    def __str__(self) -> str:
        return f"invitation {self.pk} to merchant {self.merchant_id}"

    def is_usable(self, now: datetime) -> bool:
        """Whether it can be accepted."""
        return self.accepted_at is None and self.revoked_at is None and now < self.expires_at

    def mark_accepted(self, now: datetime) -> None:
        self.accepted_at = now
        self.save(update_fields=["accepted_at"])
