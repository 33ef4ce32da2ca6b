"""Where a person is signed in, and how they end it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from allauth.usersessions.models import UserSession
from django.contrib import messages
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from shipments.facts import spelling
from shipments.models import User, sign_ins
from shipments.web.access import PersonRequest, signed_in
from shipments.web.second_factor import write_down
from shipments.web.sign_in import NOWHERE

# The first that fits names the browser; they all claim to be each other, so the order matters.
_BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser", "Samsung Internet"),
    ("Firefox", "Firefox"),
    ("FxiOS", "Firefox"),
    ("Chrome", "Chrome"),
    ("CriOS", "Chrome"),
    ("Safari", "Safari"),
)
_MACHINES = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """One browser in which the person is signed in. `pk` is None for one that began before sign-ins were kept."""

    pk: int | None
    browser: str
    address: str
    since: str
    since_at: datetime | None
    is_current: bool


def told_browser(user_agent: str) -> str:
    """What a browser says of itself in two words, "Firefox on Linux"; `""` for what is none we know."""
    browser = next((name for sign, name in _BROWSERS if sign in user_agent), "")
    machine = next((name for sign, name in _MACHINES if sign in user_agent), "")
    if browser and machine:
        return _("%(browser)s on %(machine)s") % {"browser": browser, "machine": machine}
    return browser or machine


def found_sign_ins(request: HttpRequest, user: User, now: datetime) -> list[SignIn]:
    """The person's sign-ins that still open something, this one first, then the newest; in two statements."""
    current = request.session.session_key
    kept = {row.session_key: row for row in UserSession.objects.filter(user=user).order_by("-created_at")}
    alive = {
        session.session_key
        for session in Session.objects.filter(session_key__in=kept, expire_date__gt=now)
        if _is_of(user, session)
    }
    found = [
        SignIn(
            pk=row.pk,
            browser=told_browser(row.user_agent),
            address="" if row.ip == NOWHERE else row.ip,
            since=spelling.age(now - row.created_at),
            since_at=row.created_at,
            is_current=key == current,
        )
        for key, row in kept.items()
        if key in alive
    ]
    if not any(each.is_current for each in found):
        browser = told_browser(request.headers.get("User-Agent", ""))
        found.append(SignIn(pk=None, browser=browser, address="", since="", since_at=None, is_current=True))
    return sorted(found, key=lambda each: not each.is_current)


def _is_of(user: User, session: Session) -> bool:
    """Whether the session would still be taken for this person: a new password makes the others worthless."""
    held: dict[str, Any] = session.get_decoded()
    hashes = [user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()]
    return held.get(SESSION_KEY) == str(user.pk) and any(
        constant_time_compare(held.get(HASH_SESSION_KEY, ""), known) for known in hashes
    )


@require_http_methods(["GET", "HEAD", "POST"])
@signed_in
def sessions(request: PersonRequest) -> HttpResponse:
    """The list; a post ends one of the others (`session`), or all of them."""
    if request.method == "POST":
        one = request.POST.get("session", "")
        if one and not one.isdecimal():
            return redirect("account_sessions")
        with transaction.atomic():
            ended = sign_ins.end(
                request.user,
                besides=request.session.session_key,
                only=min(int(one), 2**63 - 1) if one else None,
            )
            if ended:
                write_down(request, "sessions ended")
        messages.success(
            request,
            ngettext(
                "%(count)d other browser is signed out.", "%(count)d other browsers are signed out.", ended
            )
            % {"count": ended},
        )
        return redirect("account_sessions")
    found = found_sign_ins(request, request.user, timezone.now())
    context = {"sign_ins": found, "others": len(found) - 1}
    return render(request, "account/sessions.html", context)
