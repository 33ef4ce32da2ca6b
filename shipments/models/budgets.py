"""What an account may still ask its carrier, and how it fares: hot rows, apart from the account that people edit."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from shipments.enums import BreakerState
from shipments.models.accounts import CarrierAccount


def breaker_choices() -> list[tuple[str, str]]:
    return [(state.value, state.value) for state in BreakerState]


class Budget(models.Model):
    """The calls one account has left, shared by all workers of all hosts: who takes locks the row.

    `next_call_at` is the earliest moment of the next planned call, from which the pace follows; `next_slot_at` the same for
    the calls of one second. `paused_until` is a carrier's Retry-After. `lowered_to` calls an hour hold until `lowered_until`
    where the carrier refused calls within the quota we knew. `failures` in a row open the breaker; open, it lets one probe
    through at `probes_at`, and `probe_until` is the lease of that probe.
    """

    account = models.OneToOneField(CarrierAccount, models.CASCADE, primary_key=True, related_name="budget")
    next_call_at = models.DateTimeField(null=True)
    next_slot_at = models.DateTimeField(null=True)
    paused_until = models.DateTimeField(_("paused until"), null=True)
    lowered_to = models.PositiveIntegerField(_("lowered to calls an hour"), null=True)
    lowered_until = models.DateTimeField(_("lowered until"), null=True)
    breaker = models.CharField(
        _("breaker"), max_length=10, choices=breaker_choices, default=BreakerState.CLOSED
    )
    failures = models.PositiveIntegerField(_("failures in a row"), default=0)
    opened_at = models.DateTimeField(_("breaker open since"), null=True)
    opened_because = models.CharField(_("why the breaker is open"), max_length=500, blank=True)
    probes_at = models.DateTimeField(_("next probe"), null=True)
    probe_until = models.DateTimeField(null=True)

    objects: ClassVar[models.Manager["Budget"]] = models.Manager()

    class Meta:
        verbose_name = _("budget")
        verbose_name_plural = _("budgets")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(breaker__in=[state.value for state in BreakerState]),
                name="budget_breaker_is_known",
            ),
        ]

    def __str__(self) -> str:
        return f"budget of account {self.account_id}"


class CallCount(models.Model):
    """The calls of one account in one minute: the ledger of which the last hour is what the quota counts.

    `calls` were taken from the budget, `by_hand` of them because a person asked. `failed` brought no answer.
    """

    account = models.ForeignKey(CarrierAccount, models.CASCADE, related_name="+", db_index=False)
    minute = models.DateTimeField()
    calls = models.PositiveIntegerField(default=0)
    by_hand = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    objects: ClassVar[models.Manager["CallCount"]] = models.Manager()

    class Meta:
        verbose_name = _("calls of a minute")
        verbose_name_plural = _("calls by the minute")
        constraints = [
            models.UniqueConstraint(fields=["account", "minute"], name="one_call_count_a_minute"),
        ]

    def __str__(self) -> str:
        return f"{self.calls} calls of account {self.account_id} at {self.minute}"


class EngineTotal(models.Model):
    """What the engine has done since the installation began, only ever growing: the counters of the metrics.

    `account` is empty where the deed belongs to none.
    """

    name = models.CharField(max_length=40)
    account = models.ForeignKey(CarrierAccount, models.CASCADE, null=True, related_name="+", db_index=False)
    total = models.BigIntegerField(default=0)

    objects: ClassVar[models.Manager["EngineTotal"]] = models.Manager()

    class Meta:
        verbose_name = _("engine total")
        verbose_name_plural = _("engine totals")
        constraints = [
            models.UniqueConstraint(
                fields=["name", "account"], name="one_engine_total_each", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.total}"
