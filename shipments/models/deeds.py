"""What people do to parcels, one or a million: each deed is a few statements for however many rows."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeAlias

from django.apps import apps
from django.db import models, transaction
from django.db.models import Case, F, Func, Value, When

from shipments.enums import EndReason, Lifecycle, Resolution
from shipments.facts.tags import MOST_TAGS

if TYPE_CHECKING:
    from shipments.models.shipments import Shipment
    from shipments.models.watches import WatchQuerySet

    Parcels = models.QuerySet[Shipment]
else:
    Parcels = models.QuerySet

# What stood in the changed columns of each parcel that a deed has changed, by its id.
Before: TypeAlias = dict[int, dict[str, Any]]


class Deeds(Parcels):
    """Deeds on these parcels. Each gives those it changed with what they were before, and leaves the others alone.

    Parcels are locked in the order of their ids and before their watches, as everybody does who changes many.
    """

    def tag(self, tag: str) -> Before:
        """Put a tag (see `facts.tags.read_tag`) on those that lack it, in whatever case, and have room for one more."""
        with transaction.atomic(savepoint=False):
            lacking = {
                pk: was
                for pk, was in self._locked("tags").items()
                if len(was["tags"]) < MOST_TAGS and not _spellings(tag, was["tags"])
            }
            self._update(lacking, tags=Func(F("tags"), Value(tag), function="array_append"))
        return lacking

    def untag(self, tag: str) -> Before:
        """Take the tag, in whatever case it is written, off those that have it."""
        with transaction.atomic(savepoint=False):
            having = {
                pk: was
                for pk, was in self.filter(tags__len__gt=0)._locked("tags").items()
                if _spellings(tag, was["tags"])
            }
            left: F | Func = F("tags")
            for spelling in sorted({one for was in having.values() for one in _spellings(tag, was["tags"])}):
                left = Func(left, Value(spelling), function="array_remove")
            self._update(having, tags=left)
        return having

    def archive(self) -> Before:
        """Put these away: gone from public pages, and nobody asks about them. `restore` makes them what they were."""
        with transaction.atomic(savepoint=False):
            before = self.exclude(lifecycle=Lifecycle.ARCHIVED)._change(
                lifecycle=Lifecycle.ARCHIVED,
                end_reason=Case(
                    When(lifecycle=Lifecycle.ACTIVE, then=Value(EndReason.ARCHIVED)), default=F("end_reason")
                ),
            )
            _watches().stop(before)
        return before

    def restore(self, now: datetime) -> Before:
        """Take these out of the archive; those that were asked about when they went there are asked about again."""
        was_active = models.Q(end_reason=EndReason.ARCHIVED)
        with transaction.atomic(savepoint=False):
            before = self.filter(lifecycle=Lifecycle.ARCHIVED)._change(
                lifecycle=Case(
                    When(was_active, then=Value(Lifecycle.ACTIVE)), default=Value(Lifecycle.ENDED)
                ),
                end_reason=Case(When(was_active, then=Value("")), default=F("end_reason")),
            )
            _watches().take_up(
                [pk for pk, was in before.items() if was["end_reason"] == EndReason.ARCHIVED], now
            )
        return before

    def close(self) -> Before:
        """End the asking about those that are asked about: a person has heard enough. `reopen` begins it again."""
        with transaction.atomic(savepoint=False):
            before = self.filter(lifecycle=Lifecycle.ACTIVE)._change(
                lifecycle=Lifecycle.ENDED, end_reason=EndReason.BY_HAND
            )
            _watches().stop(before)
        return before

    def reopen(self, now: datetime) -> Before:
        """Ask again, from now on, about those that have ended, for whatever reason; archived ones stay archived."""
        with transaction.atomic(savepoint=False):
            before = self.filter(lifecycle=Lifecycle.ENDED)._change(lifecycle=Lifecycle.ACTIVE, end_reason="")
            _watches().take_up(before, now)
        return before

    def set_proof_due(self, due: bool) -> Before:
        """Say whether a delivery of these without signature or picture needs a person."""
        return self.exclude(proof_due=due)._change(proof_due=due)

    def resolve(self, resolution: Resolution | None, *, by_id: int | None, now: datetime) -> Before:
        """Write down what a person has made of these; None takes it back. The carrier's facts stay as they are."""
        return self.exclude(resolution=resolution or "")._change(
            resolution=resolution or "",
            resolved_at=now if resolution else None,
            resolved_by=by_id if resolution else None,
        )

    def _change(self, **changes: Any) -> Before:
        """Write the changes to all of these; what stood in those columns before."""
        with transaction.atomic(savepoint=False):
            before = self._locked(*changes)
            self._update(before, **changes)
        return before

    def _locked(self, *names: str) -> Before:
        """These, locked until the transaction ends, with what stands in the columns."""
        rows = self.order_by("pk").select_for_update(of=("self",)).only("pk", *names)
        columns = [self.model._meta.get_field(name).attname for name in names]  # type: ignore[union-attr]
        return {
            row.pk: dict(zip(names, [getattr(row, column) for column in columns], strict=True))
            for row in rows
        }

    def _update(self, before: Before, **changes: Any) -> None:
        if before:
            self.model._default_manager.filter(pk__in=before).update(**changes)


def _spellings(tag: str, tags: list[str]) -> list[str]:
    """Those of the tags that are this one, in whatever case."""
    return [one for one in tags if one.casefold() == tag.casefold()]


def _watches() -> "WatchQuerySet":
    """The watches; their module imports that of the parcels, so not the other way round."""
    watches: WatchQuerySet = apps.get_model("shipments", "Watch").objects.all()
    return watches
