"""The back-office as a whole: who comes in, and by which door."""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.views import logout
from django.conf import settings
from django.contrib import admin
from django.core.exceptions import BadRequest, PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode

from shipments.web import second_factor

# After so many seconds the back-office asks for a code again, in a browser that is still signed in.
CODE_LASTS = 12 * 3600


class GuardedSite(admin.AdminSite):
    """Django's admin with the site's own sign-in, and a second factor where `STAFF_SECOND_FACTOR` is set: always in production."""

    def admin_view(self, view: Any, cacheable: bool = False) -> Any:
        guarded: Callable[..., HttpResponse] = super().admin_view(_with_code(view), cacheable)
        return guarded

    def login(self, request: HttpRequest, extra_context: Any = None) -> HttpResponse:
        """One sign-in page, throttled, for everybody."""
        if request.user.is_authenticated:
            if not self.has_permission(request):
                raise PermissionDenied
            return redirect("admin:index")
        back_to = request.GET.get("next", reverse("admin:index"))
        return redirect(f"{reverse('account_login')}?{urlencode({'next': back_to})}")

    def logout(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """By the door of the site, which writes it down."""
        return logout(request)

    def password_change(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """On one's own account, where it is written down, told by mail, and ends sessions elsewhere."""
        return redirect("account_change_password")


def _with_code(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """The view, for who has shown a second factor in this browser of late; others are sent to do so, and back."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        # Forms name it at the field; no row and no word can be looked for by it.
        if "%00" in request.get_full_path():
            raise BadRequest("An address holds no NUL.")
        # Whoever is not let in yet may leave all the same.
        if settings.STAFF_SECOND_FACTOR and request.resolver_match.url_name != "logout":  # type: ignore[union-attr]
            if not second_factor.has_second_factor(request.user):
                request.session[second_factor.NEEDED_FOR] = _back_to(request)
                return redirect("mfa_activate_totp")
            if not second_factor.was_shown(request, since=time.time() - CODE_LASTS):
                return redirect(f"{reverse('mfa_reauthenticate')}?{urlencode({'next': _back_to(request)})}")
            request.session.pop(second_factor.NEEDED_FOR, None)
        return view(request, *args, **kwargs)

    return guarded


def _back_to(request: HttpRequest) -> str:
    """Where the person wanted to go; what they had sent is not sent again."""
    return request.get_full_path() if request.method in {"GET", "HEAD"} else reverse("admin:index")
