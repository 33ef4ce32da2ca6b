"""How each person looks at the list: views kept under a name, and which parcels' news they have seen."""

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.enums import Role
from shipments.models.merchants import Membership, Merchant
from shipments.models.shipments import Shipment

# More names than this nobody tells apart.
MOST_VIEWS = 50


class TooManyViews(Exception):
    """This person has as many views as one person may have."""


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    """Saved views, many at once."""

    def for_reader(self, reader: Membership) -> Self:
        """Those this person may use: their own, and what others of the merchant share."""
        return self.filter(merchant=reader.merchant_id).filter(
            models.Q(owner=reader.user_id) | models.Q(is_shared=True)
        )

    def changeable_by(self, reader: Membership) -> Self:
        """Those this person may rename, share and delete: their own; an owner those that others share, too."""
        usable = self.for_reader(reader)
        return usable if reader.role == Role.OWNER else usable.filter(owner=reader.user_id)

    def by_name(self) -> Self:
        return self.order_by("name", "pk")

    def keep(self, reader: Membership, *, name: str, query: str, is_shared: bool) -> "SavedView":
        """The person's view with this name, made or set anew; TooManyViews."""
        with transaction.atomic():
            # The membership's row keeps two windows of one person from both making the last one allowed.
            Membership.objects.select_for_update().get(pk=reader.pk)
            mine = self.filter(merchant=reader.merchant_id, owner=reader.user_id)
            if not mine.filter(name=name).exists() and mine.count() >= MOST_VIEWS:
                raise TooManyViews
            view, _made = self.update_or_create(
                merchant_id=reader.merchant_id,
                owner_id=reader.user_id,
                name=name,
                defaults={"query": query, "is_shared": is_shared},
            )
        return view


class SavedView(models.Model):
    """An address of the list under a name. `query` is what stands behind the question mark, without a page's mark."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    merchant = models.ForeignKey(
        Merchant, models.CASCADE, related_name="+", db_index=False, verbose_name=_("merchant")
    )
    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="+", verbose_name=_("owner")
    )
    name = models.CharField(_("name"), max_length=60)
    query = models.TextField(blank=True)
    is_shared = models.BooleanField(_("for everybody"), default=False)
    made_at = models.DateTimeField(default=timezone.now)

    objects: ClassVar[SavedViewQuerySet] = SavedViewQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("saved view")
        verbose_name_plural = _("saved views")
        constraints = [
            models.UniqueConstraint(fields=["merchant", "owner", "name"], name="one_view_of_a_name"),
        ]

    def __str__(self) -> str:
        return f"view {self.pk} of merchant {self.merchant_id}"


class SeenParcelManager(models.Manager["SeenParcel"]):
    """Notes what people open."""

    def note(self, membership: Membership, shipment: Shipment, now: datetime) -> None:
        """Take the parcel's mark of news away for this person, until it changes again. One statement, none where
        there is no mark."""
        if shipment.changed_at is None or shipment.changed_at <= membership.seen_until:
            return
        self.bulk_create(
            [SeenParcel(membership=membership, shipment=shipment, seen_at=now)],
            update_conflicts=True,
            unique_fields=["membership", "shipment"],
            update_fields=["seen_at"],
        )

    def all_seen(self, membership: Membership, until: datetime) -> None:
        """Take the marks of all parcels away whose news the person can have seen by `until`."""
        with transaction.atomic():
            Membership.objects.filter(pk=membership.pk, seen_until__lt=until).update(seen_until=until)
            self.filter(membership=membership, seen_at__lte=until).delete()


class SeenParcel(models.Model):
    """When somebody opened a parcel that had news to them. Gone as soon as their `seen_until` is past it."""

    membership = models.ForeignKey(Membership, models.CASCADE, related_name="+", db_index=False)
    shipment = models.ForeignKey(Shipment, models.CASCADE, related_name="+")
    seen_at = models.DateTimeField()

    objects: ClassVar[SeenParcelManager] = SeenParcelManager()

    class Meta:
        verbose_name = _("seen parcel")
        verbose_name_plural = _("seen parcels")
        constraints = [
            models.UniqueConstraint(fields=["membership", "shipment"], name="seen_once_per_person"),
        ]

    def __str__(self) -> str:
        return f"shipment {self.shipment_id} seen by membership {self.membership_id}"
