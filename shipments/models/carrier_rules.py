"""What an operator says of a carrier: through which gateways it is asked, what its numbers look like, how long it takes."""

from typing import ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models.functions import Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from shipments.enums import Counted, Gateway
from shipments.facts.number_formats import SURENESSES, Sureness
from shipments.facts.number_patterns import LONGEST_PATTERN, PatternError, compiled
from shipments.facts.recognition import Format, Formats
from shipments.models.accounts import gateway_choices
from shipments.models.carriers import Carrier

# No carrier takes longer for a service that promises anything at all.
MOST_PROMISED_DAYS = 60
# Gateways that do not ask which carrier a number is of.
ONE_CARRIER = frozenset({Gateway.USPS})


def sureness_choices() -> list[tuple[str, object]]:
    return [("certain", _("certain")), ("likely", _("likely")), ("possible", _("possible"))]


def counted_choices() -> list[tuple[str, object]]:
    return [
        (Counted.BUSINESS.value, pgettext_lazy("days", "business days")),
        (Counted.CALENDAR.value, pgettext_lazy("days", "days of the calendar")),
    ]


class CarrierRoute(models.Model):
    """That a carrier can be asked about through a gateway, and what the gateway calls it.

    Of two routes that somebody has an account for, the one with the lower position is taken.
    """

    carrier = models.ForeignKey(Carrier, models.CASCADE, related_name="routes", verbose_name=_("carrier"))
    gateway = models.CharField(_("gateway"), max_length=20, choices=gateway_choices)
    wire_value = models.CharField(
        _("wire value"),
        max_length=40,
        blank=True,
        help_text=_(
            "What the gateway calls this carrier, in its own capitals and small letters. Empty for USPS, which is asked about numbers alone."
        ),
    )
    position = models.PositiveSmallIntegerField(
        _("position"), default=0, help_text=_("The lower, the sooner this gateway is taken.")
    )

    class Meta:
        verbose_name = _("gateway of a carrier")
        verbose_name_plural = _("gateways: who is asked, and under which name")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "gateway"],
                name="route_once_per_gateway",
                violation_error_message=_("This gateway is there already."),
            ),
            models.UniqueConstraint(
                fields=["gateway", "wire_value"],
                condition=~models.Q(wire_value=""),
                name="route_wire_value_is_one_carriers",
                violation_error_message=_("Another carrier is asked about under this value already."),
            ),
        ]

    def __str__(self) -> str:
        name = self.get_gateway_display()
        return f"{name} ({self.wire_value})" if self.wire_value else name

    def clean(self) -> None:
        """A wire value where the gateway asks for one, and none where it does not."""
        if self.gateway in ONE_CARRIER and self.wire_value:
            raise ValidationError(
                {"wire_value": _("This gateway is asked about numbers alone: leave it empty.")}
            )
        if self.gateway and self.gateway not in ONE_CARRIER:
            if not self.wire_value:
                raise ValidationError({"wire_value": _("Say what the gateway calls this carrier.")})
            if not self.wire_value.isprintable() or any(map(str.isspace, self.wire_value)):
                raise ValidationError({"wire_value": _("A wire value is one word without blanks.")})
            same = CarrierRoute.objects.filter(gateway=self.gateway, wire_value=self.wire_value)
            if same.exclude(carrier=self.carrier_id).exists():
                raise ValidationError(
                    {"wire_value": _("Another carrier is asked about under this value already.")}
                )


class NumberPatternManager(models.Manager["NumberPattern"]):
    """The formats of all carriers' numbers."""

    def formats(self) -> Formats:
        """The formats as they are set up right now, in one statement."""
        return Formats(row.as_format() for row in self.order_by("position", "pk"))


class NumberPattern(models.Model):
    """One format of a carrier's numbers: whether and when it counts; its shape, where no rule in code knows it.

    Rows with `is_built_in` stand for formats whose rule, with its check digit, is in code: they are ordered and switched
    off here, and never removed.
    """

    carrier = models.ForeignKey(Carrier, models.CASCADE, related_name="patterns", verbose_name=_("carrier"))
    name = models.CharField(_("name of the format"), max_length=60)
    pattern = models.CharField(
        _("pattern"),
        max_length=LONGEST_PATTERN,
        blank=True,
        help_text=_(
            "Of a whole number, in capital letters: C\\d{14}, [A-F]{2}\\d{8,9}, D1\\d{10}(\\d{3})?. Empty for formats whose rule is in code."
        ),
    )
    is_built_in = models.BooleanField(_("rule in code"), default=False, editable=False)
    sure = models.CharField(
        _("a number of this shape is"),
        max_length=10,
        choices=sureness_choices,
        blank=True,
        default="likely",
        help_text=_("Before less sure carriers; among equally sure ones the position decides."),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=500)
    is_active = models.BooleanField(_("on"), default=True)
    note = models.CharField(
        _("note"), max_length=200, blank=True, help_text=_("Told to whoever adds such a number.")
    )

    objects: ClassVar[NumberPatternManager] = NumberPatternManager()

    class Meta:
        verbose_name = _("number format")
        verbose_name_plural = _("number formats")
        ordering = ["position", "pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["carrier", "name"],
                name="number_format_once_per_carrier",
                violation_error_message=_("There is a format of this name already."),
            ),
            models.CheckConstraint(
                condition=models.Q(is_built_in=True, pattern="", sure="")
                | (models.Q(is_built_in=False, sure__in=list(SURENESSES)) & ~models.Q(pattern="")),
                name="number_format_has_one_rule",
                violation_error_message=_("A format has a pattern, and how sure a number of that shape is."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id}: {self.name}"

    def clean(self) -> None:
        """A pattern that is safe to try on whatever strangers type, wherever the rule is not in code."""
        if self.is_built_in:
            return
        wrong: dict[str, str] = {}
        try:
            compiled(self.pattern)
        except PatternError as refusal:
            wrong["pattern"] = str(refusal)
        if not self.sure:
            wrong["sure"] = str(_("Say how sure a number of this shape is the carrier's."))
        if wrong:
            raise ValidationError(wrong)

    def as_format(self) -> Format:
        """The row for the rules; one whose pattern cannot be read any more is off."""
        if self.is_built_in:
            return Format(self.carrier_id, self.name, self.position, self.is_active, self.note)
        try:
            pattern = compiled(self.pattern)
        except PatternError:
            return Format(self.carrier_id, self.name, self.position, is_on=False)
        sure: Sureness = next(one for one in SURENESSES if one == self.sure)
        return Format(self.carrier_id, self.name, self.position, self.is_active, self.note, pattern, sure)


class ServicePromise(models.Model):
    """How many days a carrier's service takes by our own table, counted from the first scan.

    It stands in where the carrier itself has promised no day, and buyers are never told of it: it is not the carrier's word.
    """

    carrier = models.ForeignKey(Carrier, models.CASCADE, related_name="promises", verbose_name=_("carrier"))
    service = models.CharField(
        _("service"),
        max_length=100,
        blank=True,
        help_text=_(
            "Its code or its name, as the carrier writes it; capitals do not matter. Empty: every other service."
        ),
    )
    days = models.PositiveSmallIntegerField(
        _("days"), validators=[MinValueValidator(1), MaxValueValidator(MOST_PROMISED_DAYS)]
    )
    counted = models.CharField(
        _("counted in"), max_length=10, choices=counted_choices, default=Counted.BUSINESS.value
    )
    note = models.CharField(
        _("note"), max_length=200, blank=True, help_text=_("Where the figure is from, for your colleagues.")
    )

    class Meta:
        verbose_name = _("expected days of a service")
        verbose_name_plural = _("expected days of services")
        ordering = ["service", "pk"]
        constraints = [
            models.UniqueConstraint(
                "carrier",
                Lower("service"),
                name="promise_once_per_service",
                violation_error_message=_("There is a row for this service already."),
            ),
            models.CheckConstraint(
                condition=models.Q(days__gte=1, days__lte=MOST_PROMISED_DAYS),
                name="promise_is_some_days",
                violation_error_message=_("A service takes 1 to 60 days."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.carrier_id} {self.service}: {self.days} {self.get_counted_display()}"
