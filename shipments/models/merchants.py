"""Merchants, and who may do what for them."""

import zoneinfo
from collections.abc import Sequence
from datetime import datetime, time
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.enums import Reason, Role
from shipments.facts.daily import last_day

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

    from shipments.models.users import User

# Nobody reads a larger figure in a corner of a page; counting on would cost every page.
MOST_COUNTED = 1000
# Bounds of a threshold: a year is longer than any parcel is followed.
LEAST_DAYS, MOST_DAYS = 1, 365


@cache
def known_zones() -> frozenset[str]:
    """The names of all time zones this machine knows."""
    return frozenset(zoneinfo.available_timezones())


def validate_zone(name: str) -> None:
    """Refuse a time zone that does not exist, naming the rule."""
    if name not in known_zones():
        raise ValidationError(_("A time zone is an IANA name such as America/New_York."), code="zone")


def reason_choices() -> list[tuple[str, str]]:
    return [(reason.value, reason.value) for reason in Reason]


def role_choices() -> list[tuple[str, str]]:
    return [(role.value, role.value) for role in Role]


def language_choices() -> list[tuple[str, str]]:
    return [(code, str(name)) for code, name in settings.LANGUAGES]


def _most(label: "StrOrPromise") -> models.PositiveIntegerField:  # type: ignore[type-arg]
    """A limit of a merchant's; null is none."""
    return models.PositiveIntegerField(label, null=True, blank=True, validators=[MinValueValidator(1)])


def _days(label: "StrOrPromise", default: int) -> models.PositiveSmallIntegerField:  # type: ignore[type-arg]
    """A threshold of attention, in days."""
    return models.PositiveSmallIntegerField(
        label, default=default, validators=[MinValueValidator(LEAST_DAYS), MaxValueValidator(MOST_DAYS)]
    )


class MerchantQuerySet(models.QuerySet["Merchant"]):
    """Merchants, many at once."""

    def of_user(self, user: "User") -> Self:
        """Those the person belongs to."""
        return self.filter(memberships__user=user)

    def at_work(self) -> Self:
        """Those that are not suspended."""
        return self.filter(suspended_at=None)

    def with_look(self) -> Self:
        """With what their pages look like, apart from the bytes of the logo."""
        return self.select_related("look").defer("look__logo")


class Merchant(models.Model):
    """Somebody who ships parcels. `slug` stands in addresses; parcels without a known place use `time_zone`.

    The `…_days` are thresholds of `analytics.attention`: those for scans in business days, the others in days.
    """

    slug = models.SlugField(_("short name"), max_length=50, unique=True)
    name = models.CharField(_("name"), max_length=200)
    time_zone = models.CharField(
        _("time zone"), max_length=64, default="America/New_York", validators=[validate_zone]
    )
    language = models.CharField(_("language"), max_length=10, choices=language_choices, default="en")
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    first_scan_days = _days(_("business days from label to first scan"), 4)
    silent_days = _days(_("business days without a scan, domestic"), 3)
    silent_days_abroad = _days(_("business days without a scan, cross-border"), 5)
    pickup_days = _days(_("days held for pickup"), 3)
    late_days = _days(_("days past the promised date"), 1)
    proof_always_due = models.BooleanField(
        _("proof is due for every delivery"),
        default=False,
        help_text=_("Unset: only for parcels that were added with it."),
    )

    link_days = models.PositiveSmallIntegerField(
        _("days a private link works"),
        null=True,
        blank=True,
        default=180,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_("Of links made from now on. Empty: until somebody revokes them."),
    )
    order_on_links = models.BooleanField(
        _("the order is shown on private links"),
        default=False,
        help_text=_("Whoever has the link sees the number of the order."),
    )

    # Set and unset by `keeping.suspending` alone.
    suspended_at = models.DateTimeField(_("suspended since"), null=True, editable=False)
    suspended_because = models.CharField(
        _("why it is suspended"), max_length=300, blank=True, default="", db_default="", editable=False
    )

    # What an operator lets the merchant have; `tracking.limits` and `roles` keep to it.
    most_parcels = _most(_("parcels followed at a time"))
    most_new_parcels = _most(_("new parcels a day"))
    most_imports = _most(_("imports at a time"))
    most_import_rows = _most(_("rows of an import"))
    most_people = _most(_("people, invited ones included"))
    most_asked = _most(_("parcels asked about by hand, an hour"))

    objects: ClassVar[MerchantQuerySet] = MerchantQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("merchant")
        verbose_name_plural = _("merchants")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    @property
    def is_suspended(self) -> bool:
        return self.suspended_at is not None


class CountUpTo(models.Subquery):
    """How many rows a sliced queryset has: what is beyond the slice is neither read nor counted."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = models.IntegerField()


class MembershipQuerySet(models.QuerySet["Membership"]):
    """Memberships, many at once."""

    def for_frame(self, user: "User", slug: str, now: datetime) -> Self:
        """The person's memberships by the name of the merchant, and on that of `slug` as `attention_count` how many
        parcels need somebody, up to `MOST_COUNTED`."""
        items = apps.get_model("shipments", "AttentionItem").objects
        needing = items.filter(merchant=models.OuterRef("merchant")).open(now).order_by().values("pk")
        return (
            self.filter(user=user)
            .select_related("merchant")
            .annotate(
                attention_count=models.Case(
                    models.When(merchant__slug=slug, then=CountUpTo(needing[:MOST_COUNTED])), default=0
                )
            )
            .order_by("merchant__name", "pk")
        )

    def held(self, merchant: Merchant, user_id: int) -> bool:
        """Whether the person belongs to the merchant, who then does so until the transaction ends."""
        found = self.filter(merchant=merchant, user=user_id).select_for_update(no_key=True)
        return bool(found.values_list("pk", flat=True))


class Membership(models.Model):
    """One person's role for one merchant."""

    # Set by `for_frame` only.
    attention_count: int

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="memberships", verbose_name=_("person")
    )
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="memberships", verbose_name=_("merchant")
    )
    role = models.CharField(_("role"), max_length=10, choices=role_choices, default=Role.VIEWER)
    joined_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)

    # What this person has chosen to see, and has seen.
    columns = ArrayField(models.CharField(max_length=20), default=list, editable=False)
    seen_until = models.DateTimeField(_("news seen until"), default=timezone.now, editable=False)
    # What this person is told by e-mail: a digest at an hour of the merchant's clock, and reasons to be told at once.
    digest_at = models.TimeField(_("daily digest at"), null=True, blank=True)
    digest_sent_on = models.DateField(null=True, editable=False)
    alert_reasons = ArrayField(
        models.CharField(max_length=20, choices=reason_choices), default=list, blank=True
    )

    objects: ClassVar[MembershipQuerySet] = MembershipQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("membership")
        verbose_name_plural = _("memberships")
        constraints = [models.UniqueConstraint(fields=["user", "merchant"], name="person_once_per_merchant")]

    def __str__(self) -> str:
        return f"{self.user_id} {self.role} @ {self.merchant_id}"

    def choose_alerts(self, digest_at: time | None, reasons: Sequence[Reason], now: datetime) -> None:
        """Be told of these reasons at once, and of everything once a day; the first digest comes when it is
        `digest_at` next."""
        if digest_at is not None and digest_at != self.digest_at:
            self.digest_sent_on = last_day(digest_at, self.merchant.time_zone, now)
        self.digest_at = digest_at
        self.alert_reasons = [reason.value for reason in Reason if reason in reasons]
        self.save(update_fields=["digest_at", "digest_sent_on", "alert_reasons"])

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """The person belongs to the merchant no more: what they looked after is nobody's."""
        items = apps.get_model("shipments", "AttentionItem").objects
        with transaction.atomic():
            # Before the items, as whoever gives them to this person does.
            Membership.objects.select_for_update().filter(pk=self.pk).first()
            items.filter(merchant=self.merchant_id, owner=self.user_id).give_to(None)
            return super().delete(*args, **kwargs)

    def may_change(self) -> bool:
        """Whether this role adds and changes parcels."""
        return self.role in {Role.MANAGER, Role.OWNER}
