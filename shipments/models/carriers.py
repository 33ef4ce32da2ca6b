"""Carriers as data, an operator's own status mappings, and the codes nobody has mapped yet."""

from typing import ClassVar
from urllib.parse import quote

from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.enums import Status

# A carrier's text is indexed: four bytes a character must fit a page of the index.
KEPT_TEXT = 200


def status_choices() -> list[tuple[str, str]]:
    return [(status.value, status.value) for status in Status]


class Carrier(models.Model):
    """A carrier, service or label type; `code` is the case-exact value the Pitney Bowes gateway takes."""

    code = models.CharField(_("code"), max_length=20, primary_key=True)
    name = models.CharField(_("name"), max_length=100)
    scans_once = models.BooleanField(
        _("scans once"),
        default=False,
        help_text=_("Silence is normal: most pieces get one scan, so they are asked about rarely."),
    )
    tracking_url = models.CharField(
        _("carrier's own page"),
        max_length=200,
        blank=True,
        help_text=_("With {number} where the number goes."),
    )
    is_active = models.BooleanField(
        _("active"), default=True, help_text=_("Unset to take no new parcels of this carrier.")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=0)

    class Meta:
        verbose_name = _("carrier")
        verbose_name_plural = _("carriers")
        ordering = ["position", "code"]

    def __str__(self) -> str:
        return self.name

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
