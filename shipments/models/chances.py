"""What was learned from scans already found: one row for the whole installation."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import ClassVar

from django.db import connection, models
from django.utils.translation import gettext_lazy as _


class LearnedChancesManager(models.Manager["LearnedChances"]):
    """The one row."""

    def keep(self, factors: Mapping[str, float], *, parcels: int, now: datetime) -> None:
        """Put these in place of what was learned before."""
        told = {"factors": dict(factors), "parcels": parcels, "learned_at": now}
        self.update_or_create(pk=1, defaults=told)

    def since(self, known: datetime | None) -> tuple[datetime | None, dict[str, float] | None]:
        """When was learned last, and what; None in place of what was learned at `known`. Nothing ever: both None."""
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT learned_at, CASE WHEN learned_at IS DISTINCT FROM %s THEN factors::text END "
                "FROM shipments_learnedchances WHERE id = 1",
                [known],
            )
            row = cursor.fetchone()
        if row is None:
            return None, None
        learned_at, factors = row
        return learned_at, None if factors is None else json.loads(factors)


class LearnedChances(models.Model):
    """By how much to multiply what the tables of chances expect (`refresh.learning`), learned from so many parcels."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    learned_at = models.DateTimeField(_("learned"))
    parcels = models.PositiveIntegerField(_("parcels"))
    factors = models.JSONField(_("factors"))

    objects: ClassVar[LearnedChancesManager] = LearnedChancesManager()

    class Meta:
        verbose_name = _("learned chances")
        verbose_name_plural = _("learned chances")
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="learned_chances_are_one_row")]

    def __str__(self) -> str:
        return f"{self.learned_at:%Y-%m-%d} {self.parcels}"
