"""Merchants, and who may do what for them."""

import zoneinfo
from functools import cache
from typing import TYPE_CHECKING, ClassVar, Self

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.enums import Role

if TYPE_CHECKING:
    from shipments.models.users import User


@cache
def known_zones() -> frozenset[str]:
    """The names of all time zones this machine knows."""
    return frozenset(zoneinfo.available_timezones())


def validate_zone(name: str) -> None:
    """Refuse a time zone that does not exist, naming the rule."""
    if name not in known_zones():
        raise ValidationError(_("A time zone is an IANA name such as America/New_York."), code="zone")


def role_choices() -> list[tuple[str, str]]:
    return [(role.value, role.value) for role in Role]


class MerchantQuerySet(models.QuerySet["Merchant"]):
    """Merchants, many at once."""

    def of_user(self, user: "User") -> Self:
        """Those the person belongs to."""
        return self.filter(memberships__user=user)


class Merchant(models.Model):
    """Somebody who ships parcels. `slug` stands in addresses; parcels without a known place use `time_zone`."""

    slug = models.SlugField(_("short name"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=200)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="America/New_York", validators=[validate_zone]
    )
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    objects: ClassVar[MerchantQuerySet] = MerchantQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """One person's role for one merchant."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="memberships", verbose_name=_("merchant")
    )
    role = models.CharField(_("role"), max_length=10, choices=role_choices, default=Role.VIEWER)

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["user", "merchant"], name="person_once_per_merchant")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} @ {self.merchant_id}"

    def may_change(self) -> bool:
        """Whether this role adds and changes parcels."""
        return self.role in {Role.MANAGER, Role.OWNER}
