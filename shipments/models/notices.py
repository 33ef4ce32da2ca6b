"""Mails to be sent: a row each, so that none is lost and none is sent twice without need."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.fields import EncryptedTextField
from shipments.models.merchants import Merchant

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=4)
# About two days of tries; then a person has to look.
MOST_TRIES = 18


class MailQuerySet(models.QuerySet["Mail"]):
    """Mails, many at once."""

    def due(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now)


class Mail(models.Model):
    """One mail to one person. `due_at` null: sent, or given up.

    While somebody sends it `due_at` is the end of their lease. What it says is encrypted, because it may hold links
    that open things, and is forgotten once it was sent. `key`, where given, keeps the same news from being told twice.
    """

    merchant = models.ForeignKey(
        Merchant, models.CASCADE, null=True, related_name="+", verbose_name=_("merchant")
    )
    kind = models.CharField(_("kind"), max_length=20)
    key = models.CharField(max_length=100, null=True, unique=True)  # noqa: DJ001  (many mails have none)
    to = models.EmailField(_("to"))
    subject = models.CharField(_("subject"), max_length=200)
    text = EncryptedTextField(_("text"))
    html = EncryptedTextField(_("HTML"), blank=True, default="")
    made_at = models.DateTimeField(_("made"), default=timezone.now)
    due_at = models.DateTimeField(_("due"), null=True, default=timezone.now)
    tries = models.PositiveSmallIntegerField(_("tries"), default=0)
    sent_at = models.DateTimeField(_("sent"), null=True)
    error = models.CharField(_("error"), max_length=500, blank=True)

    objects: ClassVar[MailQuerySet] = MailQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = _("mail")
        verbose_name_plural = _("mails")
        indexes = [
            models.Index(fields=["due_at"], name="mail_due_idx", condition=models.Q(due_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} mail {self.pk}"

    def note_sent(self, now: datetime) -> None:
        """It is out: what it said is forgotten."""
        self.sent_at, self.due_at, self.error, self.text, self.html = now, None, "", "", ""
        self.save(update_fields=["sent_at", "due_at", "error", "text", "html"])

    def note_failure(self, error: str, now: datetime) -> None:
        """It is not: tried again after a growing pause, given up after `MOST_TRIES`."""
        self.tries += 1
        self.error = error[:500]
        pause = min(FIRST_RETRY * 2 ** (self.tries - 1), LONGEST_RETRY)
        self.due_at = now + pause if self.tries < MOST_TRIES else None
        self.save(update_fields=["tries", "error", "due_at"])
