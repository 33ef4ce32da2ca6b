"""Stored answers read once more: of which parcels, and how far that has come."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.contrib.postgres.fields import ArrayField
from django.db import connection, models, transaction
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from shipments import queueing
from shipments.enums import WorkState
from shipments.models.carriers import KEPT_TEXT, Carrier, StatusMapping, in_one_line
from shipments.models.work import BackgroundWork

# No task of the queue may take longer, and none of what else stores answers does.
LONGEST_WRITE = timedelta(minutes=10)


class Replay(BackgroundWork):
    """A run through parcels, each of which is brought to what its stored answers say today.

    Of `carrier`, null for all; with a code, text or status word only parcels with a scan a mapping of it may speak of.
    They are gone through by their ids: `after_id` is where the last step ended, `until_id` the newest parcel that is to be
    done; later ones were read by today's mappings anyway. `total` is null until they have been counted, and where they are too many to
    count. `fence` names the transactions that were writing at `fence_at`, when this began.

    Of those done, `changed` have another status now, `scans_changed` counts scans with another status; `by_scans` could only
    be read from their scans, `failed` could not be read and were left as they were.
    """

    # It belongs to the installation.
    merchant = None  # type: ignore[assignment]
    carrier = models.ForeignKey(
        Carrier,
        models.CASCADE,
        null=True,
        blank=True,
        related_name="+",
        verbose_name=_("carrier"),
        help_text=_("Empty: all carriers."),
    )
    code = models.CharField(_("carrier's code"), max_length=100, blank=True)
    text = models.CharField(_("carrier's text"), max_length=KEPT_TEXT, blank=True)
    word = models.CharField(_("carrier's status word"), max_length=100, blank=True)
    fence = ArrayField(models.CharField(max_length=40), null=True, editable=False)
    fence_at = models.DateTimeField(null=True, editable=False)
    after_id = models.BigIntegerField(default=0, editable=False)
    until_id = models.BigIntegerField(null=True, editable=False)
    total = models.PositiveIntegerField(_("parcels"), null=True, editable=False)
    done = models.PositiveIntegerField(_("parcels done"), default=0, editable=False)
    answers = models.PositiveIntegerField(_("answers read"), default=0, editable=False)
    changed = models.PositiveIntegerField(_("parcels with another status"), default=0, editable=False)
    scans_changed = models.PositiveIntegerField(_("scans with another status"), default=0, editable=False)
    by_scans = models.PositiveIntegerField(_("parcels read from their scans"), default=0, editable=False)
    failed = models.PositiveIntegerField(_("parcels left as they were"), default=0, editable=False)
    tries = models.PositiveSmallIntegerField(default=0, editable=False)

    objects: ClassVar[models.Manager["Replay"]] = models.Manager()

    class Meta:
        verbose_name = _("replay")
        verbose_name_plural = _("replays")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(carrier__isnull=False) | models.Q(code="", text="", word=""),
                name="replay_of_words_names_the_carrier",
                violation_error_message=_(
                    "Codes and texts mean each carrier's own things: name the carrier."
                ),
            )
        ]

    def __str__(self) -> str:
        return self.about

    @property
    def words(self) -> str:
        return in_one_line(self.code, self.text, self.word)

    @property
    def about(self) -> str:
        """Whose answers are read again, in words."""
        if self.carrier_id is None:
            return _now("all carriers")
        return f"{self.carrier_id} {self.words}" if self.words else self.carrier_id

    @property
    def percent(self) -> int:
        """How much is done, of a hundred: by parcels where they were counted, else by how far their ids have been gone through."""
        if self.state == WorkState.DONE:
            return 100
        if self.total is not None:
            return min(99, self.done * 100 // self.total) if self.total else 0
        return min(99, self.after_id * 100 // self.until_id) if self.until_id else 0

    @classmethod
    def start(
        cls,
        *,
        carrier: str | None = None,
        code: str = "",
        text: str = "",
        word: str = "",
        by_id: int | None = None,
    ) -> Self:
        """Write one down and nudge the queue; call it in the transaction that changes what it is to apply."""
        replay = cls(carrier_id=carrier, code=code, text=text, word=word, by_id=by_id)
        replay.begin()
        return replay

    @classmethod
    def of_mapping(cls, mapping: StatusMapping, *, by_id: int | None) -> Self:
        """One of all parcels that a mapping, there or just gone, may speak of."""
        return cls.start(
            carrier=mapping.carrier_id, code=mapping.code, text=mapping.text, word=mapping.word, by_id=by_id
        )

    def begin(self) -> None:
        """Store it, new, and nudge the queue."""
        self.state = WorkState.WAITING
        self.save(force_insert=True)
        queueing.enqueue(queueing.WORK_ON_REPLAY, self.pk)

    def stands_behind_fence(self, now: datetime) -> bool:
        """Whether all that was being written when this began has ended; asked again until it says so.

        Whoever stores answers may have read older mappings before this began: a scan such a one is about to store would be
        passed by. Whatever lasts longer than `LONGEST_WRITE` stores no answers.
        """
        with connection.cursor() as cursor:
            # In a transaction the view would say again what it said first.
            cursor.execute("SELECT pg_stat_clear_snapshot()")
            cursor.execute(
                """
                SELECT pid || ':' || backend_xid FROM pg_stat_activity
                WHERE datname = current_database() AND backend_type = 'client backend' AND backend_xid IS NOT NULL
                    AND pid <> pg_backend_pid()
                """
            )
            writing = {row[0] for row in cursor.fetchall()}
        if self.fence_at is None:
            self.fence, self.fence_at = sorted(writing), now
            self.save(update_fields=["fence", "fence_at"])
        return writing.isdisjoint(self.fence or ()) or now - self.fence_at > LONGEST_WRITE

    def let_go(self) -> None:
        """End the lease after a turn that went well: somebody else may go on at once."""
        type(self).objects.filter(pk=self.pk, state=WorkState.RUNNING).update(leased_until=None, tries=0)

    def pause(self, until: datetime) -> None:
        """Leave it alone until then, after a turn that failed."""
        type(self).objects.filter(pk=self.pk, state=WorkState.RUNNING).update(leased_until=until)

    def ask_to_cancel(self, now: datetime) -> bool:
        """Have it end after the step that runs, at once if none does; False if it was over already."""
        with transaction.atomic():
            current = type(self).objects.select_for_update(of=("self",)).get(pk=self.pk)
            if current.is_over:
                return False
            current.cancel_asked = True
            current.save(update_fields=["cancel_asked"])
            if current.leased_until is None or current.leased_until <= now:
                current.finish(WorkState.CANCELLED, now)
        return True

    def take_up(self) -> bool:
        """Go on with one that was cancelled or has failed, from where it stopped; False if it is neither."""
        stopped = type(self).objects.filter(
            pk=self.pk, state__in=[WorkState.CANCELLED.value, WorkState.FAILED.value]
        )
        again = stopped.update(
            state=WorkState.WAITING,
            finished_at=None,
            cancel_asked=False,
            error="",
            tries=0,
            fence=None,
            fence_at=None,
        )
        if again:
            queueing.enqueue(queueing.WORK_ON_REPLAY, self.pk)
        return bool(again)
