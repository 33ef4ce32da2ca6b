"""What an account may still ask its carrier, and how it fares: hot rows, apart from the account that people edit."""

from datetime import datetime, timedelta
from typing import ClassVar

from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from shipments.enums import BreakerState
from shipments.models.accounts import CarrierAccount

# How long the calls of each minute are kept: a week to look at, beside the hour that the quota counts.
KEPT = timedelta(days=8)


def breaker_choices() -> list[tuple[str, str]]:
    return [(state.value, state.value) for state in BreakerState]


class BudgetManager(models.Manager["Budget"]):
    """Budgets, and the row every account needs."""

    def complete(self) -> None:
        """Give each account that has no row yet one, in one statement."""
        with connection.cursor() as cursor:
            cursor.execute(
                """
                INSERT INTO shipments_budget (account_id, breaker, failures, opened_for, opened_because)
                SELECT id, 'closed', 0, '', '' FROM shipments_carrieraccount AS account
                WHERE NOT EXISTS (SELECT 1 FROM shipments_budget AS b WHERE b.account_id = account.id)
                ON CONFLICT (account_id) DO NOTHING
                """
            )

    def begin_anew(self, account_id: int, now: datetime) -> None:
        """Forget what the carrier said to the credentials of before; where the breaker is open, one parcel is tried at once."""
        mine = self.filter(account=account_id)
        mine.update(paused_until=None, lowered_to=None, lowered_until=None)
        mine.exclude(breaker=BreakerState.CLOSED).update(
            breaker=BreakerState.OPEN, probes_at=now, probe=None, probe_until=None
        )

    def lock(self, account_id: int) -> "Budget":
        """The account's row, locked until the transaction ends; made where there was none."""
        row = self.select_for_update().filter(account=account_id).first()
        if row is None:
            self.bulk_create([self.model(account_id=account_id)], ignore_conflicts=True)
            row = self.select_for_update().get(account=account_id)
        return row


class Budget(models.Model):
    """The calls one account has left, shared by all workers of all hosts: who takes locks the row.

    `next_call_at` is the earliest moment of the next planned call, from which the pace follows; `next_slot_at` the same for
    the calls of one second. `paused_until` is a carrier's Retry-After. Where the carrier refused calls within the quota we knew,
    the quota is `lowered_to` and comes back step by step until `lowered_until`. `failures` in a row open the breaker (`opened_for`
    says which kind of error did); open, it lets one probe through at `probes_at`: `probe` is the lease of its parcel, and
    `probe_until` its end. `told_at` is set while the account's owner has been told and not yet that it is over.
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
    opened_for = models.CharField(_("kind of error that opened the breaker"), max_length=20, blank=True)
    opened_because = models.CharField(_("why the breaker is open"), max_length=500, blank=True)
    probes_at = models.DateTimeField(_("next probe"), null=True)
    probe = models.UUIDField(null=True)
    probe_until = models.DateTimeField(null=True)
    told_at = models.DateTimeField(_("owner told"), null=True)

    objects: ClassVar[BudgetManager] = BudgetManager()

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

    def is_paused(self, now: datetime) -> bool:
        return self.paused_until is not None and now < self.paused_until

    @property
    def is_open(self) -> bool:
        """Whether the breaker lets no more than a probe through."""
        return self.breaker != BreakerState.CLOSED


class CallCountManager(models.Manager["CallCount"]):
    """The ledger."""

    def forget_old(self, now: datetime) -> int:
        """Drop what no figure looks at any more."""
        return self.filter(minute__lt=now - KEPT).delete()[0]


class CallCount(models.Model):
    """The calls of one account in one minute: the ledger of which the last hour is what the quota counts.

    `calls` were taken from the budget, `by_hand` of them because a person asked. `failed` brought no answer.
    """

    account = models.ForeignKey(CarrierAccount, models.CASCADE, related_name="+", db_index=False)
    minute = models.DateTimeField()
    calls = models.PositiveIntegerField(default=0)
    by_hand = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)

    objects: ClassVar[CallCountManager] = CallCountManager()

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
