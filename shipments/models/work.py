"""Long work that a person started and watches: what every kind of it has in common."""

from datetime import datetime, timedelta
from typing import Self

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.enums import WorkState
from shipments.models.merchants import Merchant

# Steps take seconds; a step that takes longer than this was killed.
LEASE = timedelta(minutes=2)


def work_state_choices() -> list[tuple[str, str]]:
    return [(state.value, state.value) for state in WorkState]


class BackgroundWork(models.Model):
    """Work done in steps by the queue. A step and its progress are one transaction, so that a killed worker leaves
    no half step and doubles none.

    `leased_until` keeps a second worker away; when it has passed, the next sweep goes on where the last step ended.
    """

    merchant = models.ForeignKey(Merchant, models.CASCADE, related_name="+", verbose_name=_("merchant"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+", verbose_name=_("started by")
    )
    state = models.CharField(
        _("state"), max_length=10, choices=work_state_choices, default=WorkState.WAITING, db_index=True
    )
    made_at = models.DateTimeField(_("started"), default=timezone.now)
    finished_at = models.DateTimeField(_("finished"), null=True)
    leased_until = models.DateTimeField(null=True)
    cancel_asked = models.BooleanField(default=False)
    error = models.CharField(_("error"), max_length=500, blank=True)

    class Meta:
        abstract = True

    @property
    def is_over(self) -> bool:
        return self.state in {WorkState.DONE, WorkState.CANCELLED, WorkState.FAILED}

    @classmethod
    def unfinished(cls, now: datetime) -> "models.QuerySet[Self]":
        """Work somebody should go on with: waiting, or left by a worker that was killed."""
        return cls._default_manager.filter(state__in=[WorkState.WAITING, WorkState.RUNNING]).exclude(
            leased_until__gt=now
        )

    def take(self, now: datetime) -> bool:
        """Lease this work for one worker; False where another has it or it is over. One statement decides."""
        won = (
            type(self)
            .unfinished(now)
            .filter(pk=self.pk)
            .update(state=WorkState.RUNNING, leased_until=now + LEASE)
        )
        if won:
            self.state, self.leased_until = WorkState.RUNNING, now + LEASE
        return bool(won)

    def finish(self, state: WorkState, now: datetime, error: str = "") -> None:
        self.state, self.finished_at, self.leased_until, self.error = state, now, None, error[:500]
        self.save(update_fields=["state", "finished_at", "leased_until", "error"])
