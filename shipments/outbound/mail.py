"""Mails as rows: written with the deed they tell of, sent by the queue, tried again until they are out.

What the mail server does to one mail is that mail's; what keeps every mail from going out (no connection, no trust,
our sender refused) is nobody's in particular: no mail is blamed for it, all wait.
"""

import logging
import re
import smtplib
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import formataddr, parseaddr
from enum import Enum
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import IntegrityError, transaction
from django.urls import reverse

from shipments import queueing
from shipments.fields import WrongKeyRing
from shipments.models import Mail, Merchant, MerchantHost, Subscription, SubscriptionRequest

logger = logging.getLogger(__name__)

# Mails of one connection.
BATCH = 50
# The queue ends a task after 150 seconds, and one mail may take a slow server eight times EMAIL_TIMEOUT: a run stops
# before, and another one goes on.
LONGEST_RUN = timedelta(seconds=60)
# A run that takes longer than this was killed; its mails are sent by the next one.
LEASE = timedelta(minutes=5)
# Connections lost one after another; then it is not the mails.
MOST_CUTS = 3
# People wait in front of the screen for some mails: those go before what has been waiting for less than this.
HEAD_START = timedelta(hours=1)

_TOO_LARGE = 552
_ENHANCED_CODE = re.compile(rb"\s*([245]\.\d{1,3}\.\d{1,3})(?!\d)")


def site_address(name: str, *args: object) -> str:
    """The whole address of a page, for texts that are made where no request tells the host."""
    # By the platform's addresses, whatever host name the request came to in which this is asked.
    return str(settings.SITE_URL) + reverse(name, urlconf=settings.ROOT_URLCONF, args=args)


def public_address(merchant: Merchant, name: str, *args: object) -> str:
    """The whole address of a page for buyers, in the merchant's frame: on its own host name where it has one."""
    return address_on(MerchantHost.objects.main_of(merchant), merchant.slug, name, *args)


def address_on(host: str, slug: str, name: str, *args: object) -> str:
    """The same for who has looked up the merchant's host name already; `""` is none."""
    if not host:
        return str(settings.SITE_URL) + public_path(slug, name, *args)
    site = urlsplit(settings.SITE_URL)
    place = host if site.port is None else f"{host}:{site.port}"
    return f"{site.scheme}://{place}" + reverse(name, urlconf=settings.ROOT_URLCONF, args=args)


def public_path(slug: str, name: str, *args: object) -> str:
    """Where a page for buyers is in the merchant's frame on the platform's host."""
    if name == "private-link":
        # Short: it is in the frame of its parcel's merchant wherever it is opened.
        return reverse(name, urlconf=settings.ROOT_URLCONF, args=args)
    return reverse(f"merchant:{name}", urlconf=settings.ROOT_URLCONF, args=[slug, *args])


def post(
    *,
    to: str,
    kind: str,
    subject: str,
    text: str,
    html: str = "",
    merchant: Merchant | None = None,
    key: str | None = None,
    unsubscribe_url: str = "",
    is_urgent: bool = False,
    sender_name: str = "",
    subscription: Subscription | None = None,
    request: SubscriptionRequest | None = None,
    nudge: bool = True,
) -> bool:
    """Write a mail to be sent after this transaction; False where one with this `key` was written before.

    `unsubscribe_url` is the page on which the reader ends such mails; that of a subscription ends them by one POST
    (RFC 8058). Urgent is what somebody waits for right now. `sender_name` stands before our address in "From:". Who
    writes many mails at once nudges the queue once, by `nudge_queue`.
    """
    mail = Mail(
        merchant=merchant,
        kind=kind,
        key=key,
        to=to,
        subject=_one_line(subject),
        text=text,
        html=html,
        unsubscribe_url=unsubscribe_url,
        sender_name=_one_line(sender_name),
        subscription=subscription,
        request=request,
    )
    if is_urgent:
        mail.due_at = mail.made_at - HEAD_START
    try:
        with transaction.atomic():
            mail.save(force_insert=True)
    except IntegrityError:
        if key is None:
            raise
        return False
    if nudge:
        nudge_queue()
    return True


def nudge_queue() -> None:
    """Have the mails of this transaction sent as soon as it is over."""
    queueing.enqueue(queueing.SEND_MAIL)


def try_now(now: datetime) -> int:
    """Try again at once what waits after an error; how many mails that brings forward.

    Those that are due within a lease may be in somebody's hands, and come by themselves.
    """
    waiting = Mail.objects.filter(due_at__gt=now + LEASE).exclude(error="")
    brought_forward = waiting.update(due_at=now)
    nudge_queue()
    return brought_forward


def send_held(now: datetime) -> int:
    """Send what a restored backup brought back after all; how many mails that are."""
    begun = Mail.objects.held().begin_anew(now)
    nudge_queue()
    return begun


def _one_line(header: str) -> str:
    """Without line breaks and other signs that could begin a header of their own."""
    printable = "".join(sign if sign.isprintable() else " " for sign in header)
    return " ".join(printable.split())[:200]


def send_due(now: datetime) -> int:
    """Send what is due; how many went out. A mail whose sending was cut off between the server's yes and our
    note of it goes out once more: twice is better than never."""
    run = _Run(now)
    while not run.is_over and (batch := run.lease()).ids:
        run.send(batch)
    return run.sent


class _Trouble(Enum):
    """What an error means for the mail, and for those behind it."""

    # This mail will never be taken.
    REFUSED = "refused"
    # This mail is not taken now.
    LATER = "later"
    # The connection is gone, perhaps because of this mail.
    CUT = "cut"
    # The server does not answer any more, perhaps because of this mail.
    SILENT = "silent"
    # The server takes no mail of ours at the moment.
    CLOSED = "closed"


def _trouble(exc: Exception) -> _Trouble:
    if isinstance(exc, smtplib.SMTPRecipientsRefused | smtplib.SMTPDataError):
        code = _reply(exc)[0]
        if code == 421:
            return _Trouble.CUT
        return _Trouble.REFUSED if code >= 500 else _Trouble.LATER
    if isinstance(exc, smtplib.SMTPSenderRefused | smtplib.SMTPHeloError):
        # All our mails have one sender: it is our settings that are refused, or our pace. But for the size of a mail,
        # which is told before the mail itself.
        return _Trouble.REFUSED if _reply(exc)[0] == _TOO_LARGE else _Trouble.CLOSED
    if isinstance(_cause(exc), TimeoutError):
        return _Trouble.SILENT
    if isinstance(exc, smtplib.SMTPServerDisconnected):
        return _Trouble.CUT
    # Addresses and texts that cannot be put into a mail: trying again would not mend them.
    if isinstance(exc, ValueError):
        return _Trouble.REFUSED
    if isinstance(exc, OSError) and not isinstance(exc, smtplib.SMTPException):
        return _Trouble.CUT
    return _Trouble.LATER


def _cause(exc: Exception) -> BaseException:
    """The error itself, or the one it stands for: smtplib calls a server that is silent disconnected."""
    if isinstance(exc, smtplib.SMTPServerDisconnected) and exc.__context__ is not None:
        return exc.__context__
    return exc


def _reply(exc: Exception) -> tuple[int, bytes]:
    """The server's code and words; a mail of ours has one recipient."""
    code: int
    words: bytes | str
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        ((code, words),) = exc.recipients.values()
    elif isinstance(exc, smtplib.SMTPResponseException):
        code, words = exc.smtp_code, exc.smtp_error
    else:
        return 0, b""
    return code, words if isinstance(words, bytes) else words.encode()


def _told(exc: Exception) -> str:
    """The kind of error and the server's codes. Not its words: they repeat the address."""
    code, words = _reply(exc)
    enhanced = _ENHANCED_CODE.match(words)
    return " ".join(
        filter(
            None,
            [type(_cause(exc)).__name__, str(code) if code else "", enhanced[1].decode() if enhanced else ""],
        )
    )


@dataclass(slots=True)
class _Batch:
    """Mails leased until a moment; who finds another moment on the row has lost the lease."""

    ids: list[int]
    until: datetime


@dataclass(slots=True)
class _Run:
    """One pass over what is due at `now`, batch after batch, each through one connection."""

    now: datetime
    sent: int = 0
    is_over: bool = False
    _cuts: int = 0
    _begun: float = field(default_factory=time.monotonic)
    # Made first: a setting of it that cannot be used must not cost the mails a lease.
    _connection: Any = field(default_factory=get_connection)

    def _clock(self) -> datetime:
        return self.now + timedelta(seconds=time.monotonic() - self._begun)

    def lease(self) -> _Batch:
        """The next mails that are due and nobody sends; an empty batch where there are none."""
        until = self._clock() + LEASE
        with transaction.atomic():
            due = Mail.objects.due(self.now).order_by("due_at").select_for_update(skip_locked=True)
            ids = list(due.values_list("pk", flat=True)[:BATCH])
            Mail.objects.filter(pk__in=ids).update(due_at=until)
        return _Batch(ids, until)

    def send(self, batch: _Batch) -> None:
        """Send the batch as far as the server and the time allow; the rest of it waits."""
        try:
            while batch.ids and not self.is_over:
                if self._clock() - self.now > LONGEST_RUN:
                    self._hand_on(batch)
                elif self._open(batch):
                    self._send_one(batch.ids.pop(0), batch)
        finally:
            self._close()

    def _open(self, batch: _Batch) -> bool:
        """Be connected; where that cannot be, the batch is put off and the run is over."""
        try:
            self._connection.open()
        except Exception as exc:  # noqa: BLE001  (whatever the way to a mail server can do)
            self._cut()
            self._put_off(batch, exc)
            return False
        return True

    def _send_one(self, pk: int, batch: _Batch) -> None:
        mine = Mail.objects.filter(pk=pk, due_at=batch.until)
        try:
            mail = mine.first()
        except WrongKeyRing as exc:
            # The key may be put back: only the mails it locks wait for that.
            mine.defer("text", "html").get().note_failure(_told(exc), self._clock())
            logger.warning("Mail %s cannot be read: %s", pk, _told(exc))
            return
        if mail is None:
            return
        try:
            self._connection.send_messages([_message(mail)])
        except Exception as exc:  # noqa: BLE001  (whatever a mail server can do to one mail)
            self._note(mail, exc, batch)
            return
        self._cuts = 0
        self.sent += 1
        mail.note_sent(self._clock())

    def _note(self, mail: Mail, exc: Exception, batch: _Batch) -> None:
        trouble = _trouble(exc)
        if trouble == _Trouble.CLOSED:
            batch.ids.insert(0, mail.pk)
            self._cut()
            self._put_off(batch, exc)
            return
        logger.warning("Mail %s could not be sent: %s", mail.pk, _told(exc))
        if trouble == _Trouble.REFUSED:
            mail.note_refusal(_told(exc))
            return
        mail.note_failure(_told(exc), self._clock())
        if trouble in {_Trouble.CUT, _Trouble.SILENT}:
            self._cut()
            self._cuts += 1
            if trouble == _Trouble.SILENT or self._cuts >= MOST_CUTS:
                self._put_off(batch, exc)

    def _put_off(self, batch: _Batch, exc: Exception) -> None:
        """The mails not yet tried wait for the next run, which is at least a minute away."""
        Mail.objects.filter(pk__in=batch.ids, due_at=batch.until).put_off(_told(exc), self._clock())
        logger.warning("The mail server takes no mails: %s. %d of them wait.", _told(exc), len(batch.ids))
        self.is_over = True

    def _hand_on(self, batch: _Batch) -> None:
        """Time is up: another run goes on with the rest at once."""
        Mail.objects.filter(pk__in=batch.ids, due_at=batch.until).update(due_at=self._clock())
        queueing.enqueue(queueing.SEND_MAIL)
        self.is_over = True

    def _close(self) -> None:
        try:
            self._connection.close()
        except OSError:
            # All that was to be sent was sent; that the server would not say goodbye changes nothing.
            self._cut()

    def _cut(self) -> None:
        """Drop the connection without a word: a server that is silent would be waited for once more."""
        for name in ("connection", "_partial_connection"):
            smtp = getattr(self._connection, name, None)
            if isinstance(smtp, smtplib.SMTP):
                smtp.close()
                setattr(self._connection, name, None)


def _message(mail: Mail) -> EmailMultiAlternatives:
    headers = {
        # The same at every try, so that a mail that went out twice can be shown once.
        "Message-ID": f"<{mail.pk}.{mail.made_at.timestamp():.0f}@{urlsplit(settings.SITE_URL).hostname}>",
        # Nobody's out-of-office note answers it.
        "Auto-Submitted": "auto-generated",
    }
    if mail.unsubscribe_url:
        headers["List-Unsubscribe"] = f"<{mail.unsubscribe_url}>"
        if mail.subscription_id is not None:
            headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message = EmailMultiAlternatives(
        mail.subject, mail.text, from_email=_sender(mail), to=[mail.to], headers=headers
    )
    if mail.html:
        message.attach_alternative(mail.html, "text/html")
    return message


def _sender(mail: Mail) -> str:
    """Our address, with the name this mail has for it or else the site's own."""
    name, address = parseaddr(str(settings.DEFAULT_FROM_EMAIL))
    # Quoted or encoded as needed: whatever stands in the name, the address is ours.
    return formataddr((mail.sender_name or name, address))
