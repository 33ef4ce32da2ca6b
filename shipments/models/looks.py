"""How a merchant's public pages look, and on which host names of its own they are found."""

from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models.functions import Lower
from django.http.request import validate_host
from django.utils.translation import gettext_lazy as _

from shipments.facts.web_addresses import LONGEST_HOST, LONGEST_LINK, AddressError, read_host
from shipments.models.merchants import Merchant

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shipments.facts.pictures import Picture

# Longer names break the head of a page on a phone.
LONGEST_SHOWN_NAME = 60


class Look(models.Model):
    """What buyers see of a merchant. A table of its own: whoever reads a merchant does not read its logo's bytes.

    An empty `shown_name` means the merchant's name, an empty `colour` (`#rrggbb`) the platform's.
    """

    merchant = models.OneToOneField(
        Merchant, models.CASCADE, primary_key=True, related_name="look", verbose_name=_("merchant")
    )
    shown_name = models.CharField(_("name shown to buyers"), max_length=LONGEST_SHOWN_NAME, blank=True)
    colour = models.CharField(_("colour"), max_length=7, blank=True)
    support_url = models.CharField(_("link for questions"), max_length=LONGEST_LINK, blank=True)
    name_beside_logo = models.BooleanField(_("name beside the logo"), default=True)
    # Drawn anew by `facts.pictures`, so that nothing but a picture is ever served.
    logo = models.BinaryField(null=True)
    logo_type = models.CharField(max_length=20, blank=True, editable=False)
    logo_sha256 = models.CharField(_("logo (SHA-256)"), max_length=64, blank=True, editable=False)
    logo_width = models.PositiveSmallIntegerField(default=0, editable=False)
    logo_height = models.PositiveSmallIntegerField(default=0, editable=False)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("look")
        verbose_name_plural = _("looks")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(logo=None, logo_sha256="", logo_type="", logo_width=0, logo_height=0)
                | models.Q(
                    logo__isnull=False,
                    logo_sha256__regex="^[0-9a-f]{64}$",
                    logo_type__startswith="image/",
                    logo_width__gt=0,
                    logo_height__gt=0,
                ),
                name="look_logo_whole_or_none",
            ),
            models.CheckConstraint(
                condition=models.Q(colour="") | models.Q(colour__regex="^#[0-9a-f]{6}$"),
                name="look_colour_is_rrggbb",
            ),
            models.CheckConstraint(
                condition=models.Q(support_url="") | models.Q(support_url__regex="^(https://|mailto:)"),
                name="look_support_is_https_or_mail",
            ),
        ]

    def __str__(self) -> str:
        return f"look of merchant {self.merchant_id}"

    @property
    def name(self) -> str:
        """What buyers read as the merchant's name."""
        return self.shown_name or self.merchant.name

    def take_logo(self, picture: "Picture | None", sha256: str = "") -> None:
        """Have this picture as the logo, or none; the caller saves."""
        self.logo = None if picture is None else picture.data
        self.logo_type = "" if picture is None else picture.media_type
        self.logo_sha256 = sha256
        self.logo_width = 0 if picture is None else picture.width
        self.logo_height = 0 if picture is None else picture.height

    def audited(self) -> "Mapping[str, Any]":
        """What the audit keeps of a look: of the logo its digest."""
        names = ("shown_name", "colour", "support_url", "name_beside_logo", "logo_sha256")
        return {name: getattr(self, name) for name in names}


class MerchantHostManager(models.Manager["MerchantHost"]):
    """Finds host names."""

    def main_of(self, merchant: Merchant) -> str:
        """The host name that links to the merchant's pages go to: its first one; `""` where it has none."""
        return self.filter(merchant=merchant).order_by("pk").values_list("host", flat=True).first() or ""

    def merchants_by_host(self) -> dict[str, int]:
        """Every host name with the key of its merchant, but for suspended ones."""
        return dict(self.filter(merchant__suspended_at=None).values_list("host", "merchant_id"))


class MerchantHost(models.Model):
    """A host name on which a merchant's public pages are shown. Only an operator adds one: whoever owns a name points it
    here, and nobody else's name may be taken."""

    host = models.CharField(
        _("host name"),
        max_length=LONGEST_HOST,
        unique=True,
        help_text=_("Such as track.shop.example: without https://, port or path. Its DNS must lead here."),
    )
    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="hosts", verbose_name=_("merchant"))
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("added by"),
    )
    made_at = models.DateTimeField(_("added"), auto_now_add=True)

    objects: ClassVar[MerchantHostManager] = MerchantHostManager()

    class Meta:
        verbose_name = _("host name of a merchant")
        verbose_name_plural = _("host names of merchants")
        ordering = ["host"]
        constraints = [
            models.CheckConstraint(condition=models.Q(host=Lower("host")), name="host_in_small_letters")
        ]

    def __str__(self) -> str:
        return self.host

    def clean_fields(self, exclude: Any = None) -> None:
        """Keep the name in its one form before anything is compared with it; refuse what is none, or is ours."""
        try:
            self.host = read_host(self.host)
        except AddressError as exc:
            raise ValidationError({"host": str(exc)}) from None
        if is_our_own(self.host):
            raise ValidationError({"host": _("This is a host name of the platform itself.")})
        super().clean_fields(exclude)


def is_our_own(host: str) -> bool:
    """Whether the platform answers to this host name itself."""
    return validate_host(host, settings.ALLOWED_HOSTS) or host == urlsplit(settings.SITE_URL).hostname
