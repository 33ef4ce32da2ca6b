"""Who may open a merchant's pages: one decorator decides, before a view begins."""

from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, Protocol

from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db import models
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render, resolve_url
from django.utils import timezone
from django.utils.cache import add_never_cache_headers, patch_vary_headers
from django_htmx.http import HttpResponseClientRedirect
from django_htmx.middleware import HtmxDetails

from shipments.enums import Role
from shipments.models import AuditEntry, Membership, Merchant, MerchantDeletion, User
from shipments.web.htmx import wants_fragment
from shipments.web.visitors import client_address

# The merchant a person looked at last, kept in their session.
LAST_MERCHANT = "merchant"

_RANKS = {Role.VIEWER: 0, Role.MANAGER: 1, Role.OWNER: 2}

P = ParamSpec("P")


class PersonRequest(HttpRequest):
    """A request of somebody who has signed in."""

    htmx: HtmxDetails
    user: User


class MemberRequest(PersonRequest):
    """A request inside one merchant's pages, by somebody who belongs to it."""

    merchant: Merchant
    membership: Membership
    other_merchants: list[Merchant]
    # Open items of attention, up to `MOST_COUNTED`.
    attention_count: int


class View(Protocol):
    """What Django calls for an address."""

    def __call__(self, request: HttpRequest, /, *args: Any, **kwargs: Any) -> HttpResponseBase: ...


def has_rank(membership: Membership, at_least: Role) -> bool:
    """Whether the membership's role is this one or a higher one; a role nobody knows has none."""
    known = membership.role in _RANKS
    return known and _RANKS[Role(membership.role)] >= _RANKS[at_least]


def signed_in(view: Callable[Concatenate[PersonRequest, P], HttpResponse]) -> View:
    """Let people in who have signed in, send others to the sign-in page and back."""

    @wraps(view)
    def guarded(request: Any, /, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if not request.user.is_authenticated:
            return _sign_in_first(request)
        return _private(view(request, *args, **kwargs))

    return guarded


def for_members(
    at_least: Role = Role.VIEWER, *, while_suspended: bool = False
) -> Callable[[Callable[Concatenate[MemberRequest, P], HttpResponseBase]], View]:
    """Let members of the merchant in the address in; the view finds `request.merchant` and `request.membership`.

    A merchant the person does not belong to is not found, by the same way as one that does not exist. A member
    whose role is too low is refused with 403. Instead of the pages of a suspended merchant there is one that says so, but
    for views that are there `while_suspended`.
    """

    def decorate(view: Callable[Concatenate[MemberRequest, P], HttpResponseBase]) -> View:
        @wraps(view)
        def guarded(request: Any, /, *args: Any, merchant: str, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return _sign_in_first(request)
            # One statement for all that the frame of a page shows.
            memberships = {
                membership.merchant.slug: membership
                for membership in Membership.objects.for_frame(request.user, merchant, timezone.now())
            }
            membership = memberships.pop(merchant, None)
            if membership is None:
                raise Http404
            request.merchant, request.membership = membership.merchant, membership
            request.other_merchants = [other.merchant for other in memberships.values()]
            request.attention_count = membership.attention_count
            # Written only when it changes: a page that polls must not rewrite the session each time.
            if request.session.get(LAST_MERCHANT) != merchant:
                request.session[LAST_MERCHANT] = merchant
            if request.merchant.is_suspended and not while_suspended:
                return _private(_suspended(request))
            if not has_rank(membership, at_least):
                raise PermissionDenied
            return _private(view(request, *args, **kwargs))

        return guarded

    return decorate


def _suspended(request: MemberRequest) -> HttpResponse:
    """That the merchant is suspended, why, and what can be done; nothing was done of what was asked for."""
    if wants_fragment(request):
        # In the place of a fragment it would be a page within a page: the whole one is asked for anew.
        return HttpResponse(headers={"HX-Refresh": "true"}, status=403)
    context = {
        "deletion": MerchantDeletion.objects.of(request.merchant),
        "owns": has_rank(request.membership, Role.OWNER),
        "operator": settings.OPERATOR_EMAIL,
        "is_post": request.method == "POST",
    }
    return render(request, "dashboard/suspended.html", context, status=403)


def record(
    request: MemberRequest,
    verb: str,
    row: models.Model,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Write a member's deed into the audit; call it in the transaction of the deed."""
    record_all(request, [Deed(verb, row, before or {}, after or {})])


class Deed(NamedTuple):
    """One deed to be written down: `verb` in the past tense, and what it changed."""

    verb: str
    row: models.Model
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def record_all(request: MemberRequest, deeds: Iterable[Deed]) -> None:
    """Write a member's deeds into the audit, in one statement; call it in their transaction."""
    AuditEntry.objects.bulk_create(
        AuditEntry.objects.entry(
            deed.verb,
            deed.row,
            by=request.user,
            source="page",
            address=client_address(request),
            merchant=request.merchant,
            before=deed.before,
            after=deed.after,
        )
        for deed in deeds
    )


def _sign_in_first(request: Any) -> HttpResponse:
    """To the sign-in page, and from there back to the page the person was on."""
    back_to = request.get_full_path() if request.method in {"GET", "HEAD"} else resolve_url("dashboard")
    if not request.htmx:
        return redirect_to_login(back_to)
    # A fragment whose session has ended: the whole page goes, or the form would land inside a table.
    page = request.htmx.current_url_abs_path or resolve_url("dashboard")
    return HttpResponseClientRedirect(redirect_to_login(page).url)


def _private(response: HttpResponseBase) -> HttpResponseBase:
    """Keep what one person may see out of every shared cache, and off the disk after they sign out."""
    add_never_cache_headers(response)
    patch_vary_headers(response, ["Cookie"])
    return response
