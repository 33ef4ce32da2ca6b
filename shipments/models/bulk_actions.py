"""Deeds on many parcels that a person started: what, on which, and how far it has come."""

import uuid
from datetime import datetime
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from shipments.enums import Deed, WorkState
from shipments.models.merchants import Membership, Merchant
from shipments.models.work import BackgroundWork


def deed_choices() -> list[tuple[str, str]]:
    return [(deed.value, deed.value) for deed in Deed]


class BulkActionQuerySet(models.QuerySet["BulkAction"]):
    """Actions, many at once."""

    def for_merchant(self, merchant: Merchant) -> Self:
        return self.filter(merchant=merchant)

    def newest_first(self) -> Self:
        return self.order_by("-made_at", "-pk")


class BulkAction(BackgroundWork):
    """A deed on the parcels in `picked`, or, where that is null, on all that match the list's `query`.

    Only parcels that existed at `as_of`, when the person looked at the list; whether one matches is decided when its
    turn comes: by a clock that stands at `as_of`, and by what the person had seen then (`seen_until`). They are gone through from the newest to the oldest: `after_at` and `after_id` are where the last step
    ended. `done` have been looked at, `changed` of them changed; the others were as wanted already, or cannot be. `total` is null until they have been counted.
    """

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    deed = models.CharField(_("deed"), max_length=20, choices=deed_choices)
    argument = models.JSONField(_("argument"), default=dict, blank=True)
    picked = ArrayField(models.BigIntegerField(), null=True)
    query = models.TextField(_("query"), blank=True)
    as_of = models.DateTimeField(_("as of"))
    seen_until = models.DateTimeField(null=True)
    total = models.PositiveIntegerField(_("parcels"), null=True)
    done = models.PositiveIntegerField(_("done"), default=0)
    changed = models.PositiveIntegerField(_("changed"), default=0)
    after_at = models.DateTimeField(null=True)
    after_id = models.BigIntegerField(null=True)

    objects: ClassVar[BulkActionQuerySet] = BulkActionQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("bulk action")
        verbose_name_plural = _("bulk actions")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(changed__lte=models.F("done")), name="bulk_changes_what_it_has_seen"
            ),
        ]
        indexes = [models.Index(fields=["merchant", "-made_at", "-id"], name="bulk_newest_idx")]

    def __str__(self) -> str:
        return f"{self.deed} {self.public_id}"

    def reader(self) -> Membership | None:
        """Whose view of the list it goes by, as they saw it then; None when they have left the merchant."""
        membership = Membership.objects.filter(user=self.by_id, merchant=self.merchant_id).first()
        if membership is not None and self.seen_until is not None:
            membership.seen_until = self.seen_until
        return membership

    @property
    def unchanged(self) -> int:
        return self.done - self.changed

    def note_step(
        self, *, seen: int, changed: int, after: tuple[datetime, int] | None, leased_until: datetime
    ) -> None:
        """Write down how far it has come; in the transaction of the step."""
        self.done += seen
        self.changed += changed
        self.leased_until = leased_until
        if after is not None:
            self.after_at, self.after_id = after
        self.save(update_fields=["total", "done", "changed", "after_at", "after_id", "leased_until"])

    def let_go(self) -> None:
        """End the lease: somebody else may go on at once."""
        type(self).objects.filter(pk=self.pk, state=WorkState.RUNNING).update(leased_until=None)

    def ask_to_cancel(self, now: datetime) -> bool:
        """Have it end after the step that runs, at once if none does; False if it was over already."""
        with transaction.atomic():
            current = type(self).objects.select_for_update().get(pk=self.pk)
            if current.is_over:
                return False
            current.cancel_asked = True
            current.save(update_fields=["cancel_asked"])
            if current.leased_until is None or current.leased_until <= now:
                current.finish(WorkState.CANCELLED, now)
        return True
