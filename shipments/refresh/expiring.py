"""Whose key ends hears of it by mail in time: 30, 7 and 1 days before, and when it is over; once each."""

import logging
from datetime import date, datetime, timedelta

from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _

from shipments.facts import spelling
from shipments.models import Credential
from shipments.refresh.telling_owners import language_of, today_of, write

logger = logging.getLogger(__name__)

# Days before the last one on which a key is taken; it is over on the day after that.
STAGES = (30, 7, 1)
OVER = 0


def stage_of(expires_on: date, today: date) -> int | None:
    """The reminder that is due: the nearest stage that has come, OVER after the last day; None while it is far."""
    left = (expires_on - today).days
    if left < 0:
        return OVER
    return min((stage for stage in STAGES if left <= stage), default=None)


def remind(now: datetime) -> int:
    """Write the reminders that are due; how many keys that were. Two workers write one each all the same."""
    # Wherever the merchant lives, it may be tomorrow there.
    until = (now + timedelta(days=STAGES[0] + 1)).date()
    due = Credential.objects.expiring(until).exclude(reminded=OVER).filter(account__is_active=True)
    reminded = 0
    for pk in list(due.order_by("pk").values_list("pk", flat=True)):
        with transaction.atomic():
            credential = (
                Credential.objects.live()
                .select_for_update(of=("self",))
                .select_related("account__merchant")
                .filter(pk=pk)
                .first()
            )
            if credential is not None and _remind_of(credential, now):
                reminded += 1
    return reminded


def _remind_of(credential: Credential, now: datetime) -> bool:
    today = today_of(credential.account, now)
    if credential.expires_on is None:
        return False
    stage = stage_of(credential.expires_on, today)
    if stage is None or (credential.reminded is not None and credential.reminded <= stage):
        return False
    credential.reminded = stage
    credential.save(update_fields=["reminded"])
    _write(credential, stage, today)
    return True


def _write(credential: Credential, stage: int, today: date) -> None:
    account = credential.account
    assert credential.expires_on is not None
    with translation.override(language_of(account)):
        subject = (
            _("A key of %(gateway)s has ended") if stage == OVER else _("A key of %(gateway)s ends soon")
        )
        context = {
            "ending": credential.ending,
            "day": spelling.long_day(credential.expires_on, today),
            "is_over": stage == OVER,
        }
        write(account, "key_ends", subject, context, key=f"{credential.pk}:{credential.expires_on}:{stage}")
    logger.info("Account %s: its key %s ends, its owners are told.", account.pk, credential.pk)
