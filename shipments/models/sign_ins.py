"""Browsers in which people are signed in: the sessions, and what is kept of where each began."""

from datetime import datetime
from typing import TYPE_CHECKING

from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session

if TYPE_CHECKING:
    from shipments.models.users import User


def end(user: "User", *, besides: str | None, only: int | None = None) -> int:
    """Sign the person out of one other browser (`only`), or of all but the session `besides`; how many there were."""
    doomed = UserSession.objects.filter(user=user).exclude(session_key=besides)
    if only is not None:
        doomed = doomed.filter(pk=only)
    keys = list(doomed.values_list("session_key", flat=True))
    ended, _by_model = Session.objects.filter(session_key__in=keys).delete()
    UserSession.objects.filter(session_key__in=keys).delete()
    return ended


def forget_ended(now: datetime) -> None:
    """Drop sessions whose time is over, and the addresses kept of them."""
    Session.objects.filter(expire_date__lt=now).delete()
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
