"""Carriers as data, an operator's own status mappings, and the codes nobody has mapped yet."""

import re
from typing import ClassVar
from urllib.parse import quote, urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.enums import Status

_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
# What an address never holds as it is.
_NEVER = frozenset(' <>"\\^`|')

# A carrier's text is indexed: four bytes a character must fit a page of the index.
KEPT_TEXT = 200


def status_choices() -> list[tuple[str, str]]:
    return [(status.value, status.value) for status in Status]


def check_page_address(address: str) -> None:
    """Refuse what is no address of a carrier's page: https, a host, and the number's place once, behind the host."""
    wrong = ValidationError(
        _("An address is like https://www.example.com/track/{number}."), code="tracking_url"
    )
    try:
        parts = urlsplit(address.replace("{number}", "1"))
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        raise wrong from None
    where = address.removeprefix("https://").split("/")[0].split("?")[0]
    if (
        not address.startswith("https://")
        or not _HOST.fullmatch(host)
        or "@" in where
        or not address.isprintable()
        or _NEVER & set(address)
    ):
        raise wrong
    if address.count("{number}") != 1 or "{number}" in where:
        raise ValidationError(
            _("Write {number} once, behind the host, where the number goes."), code="tracking_url"
        )
    if {"{", "}"} & set(address.replace("{number}", "")):
        raise ValidationError(_("Only {number} may stand in braces."), code="tracking_url")


class CarrierQuerySet(models.QuerySet["Carrier"]):
    """Carriers in the order in which they are shown."""

    def offered(self) -> dict[str, str]:
        """The names of those that take new parcels by their codes, in one statement."""
        return dict(self.filter(is_active=True).values_list("code", "name"))


class Carrier(models.Model):
    """A carrier, service or label type. What it is called at a gateway stands in its `CarrierRoute`s."""

    code = models.CharField(
        _("code"),
        max_length=20,
        primary_key=True,
        validators=[
            RegexValidator(
                r"\A[A-Za-z0-9][A-Za-z0-9_-]*\Z",
                _("A code is made of letters, digits, dashes and underscores."),
            )
        ],
        help_text=_("In files, in the command line and in addresses. It stays for good."),
    )
    name = models.CharField(_("name"), max_length=100, help_text=_("Shown to merchants and buyers."))
    scans_once = models.BooleanField(
        _("scans once"),
        default=False,
        help_text=_("Silence is normal: most pieces get one scan, so they are asked about rarely."),
    )
    scans_in_part = models.BooleanField(
        _("scans in part"),
        default=False,
        # Also for a process of the release before this column, while both run.
        db_default=False,
        help_text=_(
            "Pieces are scanned in a part of their way only, and late: silence raises no alarm, and they are asked about once a day."
        ),
    )
    tracking_url = models.CharField(
        _("carrier's own page"),
        max_length=200,
        blank=True,
        validators=[check_page_address],
        help_text=_("https, with {number} where the number goes. Buyers find the link on their page."),
    )
    is_active = models.BooleanField(
        _("active"),
        default=True,
        help_text=_("Unset to take no new parcels of this carrier. Those that are there are followed on."),
    )
    position = models.PositiveSmallIntegerField(
        _("position"), default=100, help_text=_("The lower, the sooner it stands in a list.")
    )

    objects: ClassVar[CarrierQuerySet] = CarrierQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        """A code and a name that no other carrier has, however it is written: files name carriers by both."""
        others = (
            type(self).objects.exclude(pk=self.pk) if not self._state.adding else type(self).objects.all()
        )
        wrong: dict[str, str] = {}
        if self._state.adding and others.filter(code__iexact=self.code).exists():
            wrong["code"] = str(_("There is a carrier with this code already, perhaps in other capitals."))
        if others.filter(name__iexact=self.name).exists():
            wrong["name"] = str(_("Another carrier has this name already."))
        if wrong:
            raise ValidationError(wrong)

    def page_of(self, number: str) -> str:
        """The carrier's own page about a number, or `""` where it has none."""
        return self.tracking_url.replace("{number}", quote(number, safe="")) if self.tracking_url else ""


class StatusMapping(models.Model):
    """An operator's word on what a carrier's code, or exact text, means. Overrides our own tables."""

    carrier = models.ForeignKey(Carrier, models.CASCADE, related_name="mappings", verbose_name=_("carrier"))
    code = models.CharField(_("carrier's code"), max_length=100, blank=True)
    text = models.CharField(
        _("carrier's text"),
        max_length=KEPT_TEXT,
        blank=True,
        help_text=_("Compared whole, without regard to case."),
    )
    status = models.CharField(_("status"), max_length=20, choices=status_choices)

    class Meta:
        verbose_name = _("status mapping")
        verbose_name_plural = _("status mappings")
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "code", "text"], name="mapping_once_per_code_and_text"
            ),
            models.CheckConstraint(
                condition=~models.Q(code="", text=""),
                name="mapping_names_a_code_or_a_text",
                violation_error_message=_("Name a code, a text, or both."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.code or self.text} → {self.status}"

    def fits(self, code: str, text: str) -> bool:
        """Whether this row speaks of a scan with that code and text."""
        return self.code in ("", code) and self.text.casefold() in ("", text[:KEPT_TEXT].casefold())


class UnrecognisedCode(models.Model):
    """A code and text no table knows, counted, so that an operator can map them."""

    carrier = models.ForeignKey(
        Carrier, models.CASCADE, related_name="unrecognised", verbose_name=_("carrier")
    )
    code = models.CharField(_("carrier's code"), max_length=100, blank=True)
    text = models.CharField(_("carrier's text"), max_length=KEPT_TEXT, blank=True)
    scans = models.PositiveIntegerField(_("scans"), default=0)
    first_seen_at = models.DateTimeField(_("first seen"))
    last_seen_at = models.DateTimeField(_("last seen"))

    objects: ClassVar[models.Manager["UnrecognisedCode"]] = models.Manager()

    class Meta:
        verbose_name = _("unrecognised code")
        verbose_name_plural = _("unrecognised codes")
        constraints = [
            models.UniqueConstraint(fields=["carrier", "code", "text"], name="unrecognised_code_once")
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.code} {self.text}"
