"""Mails as rows: written with the deed they tell of, sent by the queue, tried again until they are out."""

import logging
from datetime import datetime, timedelta

from django.core.mail import EmailMultiAlternatives, get_connection
from django.db import IntegrityError, transaction
from django.utils import timezone

from shipments import queueing
from shipments.models import Mail, Merchant

logger = logging.getLogger(__name__)

BATCH = 50
# A batch that takes longer than this was killed; its mails are sent by the next one.
LEASE = timedelta(minutes=5)


def post(
    *,
    to: str,
    kind: str,
    subject: str,
    text: str,
    html: str = "",
    merchant: Merchant | None = None,
    key: str | None = None,
) -> bool:
    """Write a mail to be sent after this transaction; False where one with this `key` was written before."""
    mail = Mail(
        merchant=merchant,
        kind=kind,
        key=key,
        to=to,
        subject=" ".join(subject.split())[:200],
        text=text,
        html=html,
    )
    try:
        with transaction.atomic():
            mail.save(force_insert=True)
    except IntegrityError:
        if key is None:
            raise
        return False
    queueing.enqueue(queueing.SEND_MAIL)
    return True


def send_due(now: datetime) -> int:
    """Send what is due; how many went out. A mail whose sending was cut off between the server's yes and our
    note of it goes out once more: twice is better than never."""
    sent = 0
    while mails := _lease(now):
        with get_connection() as connection:
            for mail in mails:
                sent += _send(mail, connection)
    return sent


def _lease(now: datetime) -> list[Mail]:
    with transaction.atomic():
        mails = list(Mail.objects.due(now).order_by("due_at").select_for_update(skip_locked=True)[:BATCH])
        Mail.objects.filter(pk__in=[mail.pk for mail in mails]).update(due_at=timezone.now() + LEASE)
    return mails


def _send(mail: Mail, connection: object) -> bool:
    message = EmailMultiAlternatives(mail.subject, mail.text, to=[mail.to], connection=connection)
    if mail.html:
        message.attach_alternative(mail.html, "text/html")
    try:
        message.send()
    except Exception as exc:  # noqa: BLE001  (whatever a mail server or the way to it can do to one mail)
        mail.note_failure(type(exc).__name__, timezone.now())
        # The class alone: a server's words repeat the address.
        logger.warning("Mail %s could not be sent: %s", mail.pk, type(exc).__name__)
        return False
    mail.note_sent(timezone.now())
    return True
