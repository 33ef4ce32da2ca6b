"""Mails to be sent: a row each, so that none is lost and none is sent twice without need."""

from datetime import datetime, timedelta
from typing import ClassVar, Self

from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.fields import EncryptedTextField
from shipments.models.emptied import EMPTY_MAIL
from shipments.models.merchants import Merchant

FIRST_RETRY = timedelta(minutes=1)
LONGEST_RETRY = timedelta(hours=4)
# About two days of tries; then a person has to look.
MOST_TRIES = 18
# What could not even be tried for so long is no news any more.
LONGEST_WAIT = timedelta(days=3)
# Why a mail was not sent that waited when the database was copied: a person decides.
HELD = "Held back when a backup was restored: it may have been sent between the two."
DROPPED = "Dropped after a backup was restored, unsent."
# How long it is kept who was written to and when, and that somebody was told.
KEPT = timedelta(days=90)


def masked_address(email: str) -> str:
    """An address as far as staff need it to tell two apart: `a•••@example.com`; of one that was erased nothing."""
    name, at, host = email.rpartition("@")
    return f"{name[:1]}•••{at}{host}"


class MailQuerySet(models.QuerySet["Mail"]):
    """Mails, many at once."""

    def due(self, now: datetime) -> Self:
        return self.filter(due_at__lte=now)

    def given_up(self) -> Self:
        return self.filter(due_at=None, sent_at=None)

    def held(self) -> Self:
        """Those that a restored backup brought back, until a person sends or drops them."""
        return self.given_up().filter(error=HELD)

    def hold(self) -> int:
        """Send none of those that wait until a person says so; how many they are."""
        return self.exclude(due_at=None).update(due_at=None, error=HELD)

    def drop(self) -> int:
        """Never send these: what they say and to whom is forgotten; how many they were."""
        return self.update(**{**EMPTY_MAIL, "due_at": None, "error": DROPPED})

    def begin_anew(self, now: datetime) -> int:
        """Send those that were given up after all, but for whoever wishes for no more of them; how many they are."""
        wanted = models.Q(subscription=None) | models.Q(subscription__unsubscribed_at=None)
        mine = self.given_up().filter(wanted).exclude(to="")
        return mine.update(due_at=now, tries=0, made_at=now, error="")

    def put_off(self, error: str, now: datetime) -> int:
        """Nobody's mails go out at the moment: these wait without having been tried. Those that have waited for
        `LONGEST_WAIT` are given up."""
        return self.update(
            error=error[:500],
            due_at=models.Case(
                models.When(made_at__lt=now - LONGEST_WAIT, then=None), default=now + FIRST_RETRY
            ),
        )

    def forget_old(self, now: datetime) -> int:
        """Drop those that are over and were made longer ago than `KEPT`."""
        return self.filter(due_at=None, made_at__lt=now - KEPT).delete()[0]


class Mail(models.Model):
    """One mail to one person. `due_at` null: sent, or given up.

    While somebody sends it `due_at` is the end of their lease. What it says is encrypted, because it may hold links
    that open things, and is forgotten once it was sent, with its subject. `key`, where given, keeps the same news from being told twice.
    `unsubscribe_url` is the page on which its reader ends such mails.
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
    unsubscribe_url = models.CharField(max_length=500, blank=True)
    # Before the address in "From:"; empty: the site's own name, if it has one.
    sender_name = models.CharField(_("sender"), max_length=200, blank=True, db_default="")
    # A buyer's mail: of a subscription, or to confirm a request, with which it is dropped.
    subscription = models.ForeignKey(
        "Subscription",
        models.CASCADE,
        null=True,
        related_name="mails",
        db_index=False,
        verbose_name=_("subscription"),
    )
    request = models.ForeignKey(
        "SubscriptionRequest",
        models.CASCADE,
        null=True,
        related_name="mails",
        db_index=False,
        verbose_name=_("subscription request"),
    )
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
            models.Index(fields=["made_at"], name="mail_over_idx", condition=models.Q(due_at=None)),
            models.Index(
                fields=["made_at"],
                name="mail_given_up_idx",
                condition=models.Q(due_at=None, sent_at=None),
            ),
            models.Index(Lower("to"), name="mail_address_idx"),
            models.Index(
                fields=["subscription"],
                name="mail_of_subscription_idx",
                condition=models.Q(subscription__isnull=False),
            ),
            models.Index(
                fields=["request"], name="mail_of_request_idx", condition=models.Q(request__isnull=False)
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} mail {self.pk}"

    @property
    def masked_to(self) -> str:
        return masked_address(self.to)

    def note_sent(self, now: datetime) -> None:
        """It is out: what it said is forgotten, its subject as well, which may name an order."""
        self.sent_at, self.due_at, self.error = now, None, ""
        self.subject = self.text = self.html = ""
        self._note("sent_at", "due_at", "error", "subject", "text", "html")

    def note_failure(self, error: str, now: datetime) -> None:
        """It is not: tried again after a growing pause, given up after `MOST_TRIES`."""
        self.tries += 1
        self.error = error[:500]
        pause = min(FIRST_RETRY * 2 ** (self.tries - 1), LONGEST_RETRY)
        self.due_at = now + pause if self.tries < MOST_TRIES else None
        self._note("tries", "error", "due_at")

    def note_refusal(self, error: str) -> None:
        """It never will be: given up."""
        self.tries += 1
        self.error, self.due_at = error[:500], None
        self._note("tries", "error", "due_at")

    def _note(self, *names: str) -> None:
        # Not `save`, which complains of a row that is gone: a buyer may end their mails while one is on its way out.
        type(self).objects.filter(pk=self.pk).update(**{name: getattr(self, name) for name in names})

    def send_again(self, now: datetime) -> bool:
        """Begin anew with one that was given up; False for any other, and for who wishes for no more of them."""
        return bool(type(self).objects.filter(pk=self.pk).begin_anew(now))
