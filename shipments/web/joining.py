"""From the link in a mail to a member: whoever opens it signs in, or makes their account here and nowhere else."""

from allauth.account.utils import perform_login
from django.contrib import messages
from django.contrib.auth import logout
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import add_never_cache_headers
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from shipments.models import AuditEntry, Invitation, Membership, User, roles
from shipments.web import visitors
from shipments.web.forms_people import NewPersonForm

# Which invitation this browser has opened, kept in its session.
OPENED = "invitation"


@require_safe
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Keep the invitation in the session and go on to an address without the token, which nothing can pass on."""
    if not visitors.JOINS.allows(visitors.visitor(request), timezone.now()):
        return _too_many(request)
    invitation = Invitation.objects.with_token(token)
    if invitation is None or not invitation.is_usable(timezone.now()):
        return _gone(request, invitation)
    request.session[OPENED] = invitation.pk
    response = redirect("join")
    response["Referrer-Policy"] = "no-referrer"
    add_never_cache_headers(response)
    return response


@sensitive_post_parameters("password1", "password2")
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def join(request: HttpRequest) -> HttpResponse:
    """Who invites, to what, as what; a post accepts. What it takes depends on who is there."""
    if request.method == "POST" and not visitors.JOINS.allows(visitors.visitor(request), timezone.now()):
        return _too_many(request)
    invitation = (
        Invitation.objects.select_related("merchant", "invited_by")
        .filter(pk=request.session.get(OPENED, 0))
        .first()
    )
    if invitation is None or not invitation.is_usable(timezone.now()):
        return _gone(request, invitation)
    if isinstance(request.user, User):
        return _as_somebody(request, invitation, request.user)
    if User.objects.filter(email=invitation.email).exists():
        return _page(request, invitation, "sign-in")
    return _as_newcomer(request, invitation)


def _as_somebody(request: HttpRequest, invitation: Invitation, user: User) -> HttpResponse:
    if user.email != invitation.email:
        if request.method == "POST" and "sign-out" in request.POST:
            logout(request)
            # The session ended with the sign-in; the invitation goes on into the new one.
            request.session[OPENED] = invitation.pk
            return redirect("join")
        return _page(request, invitation, "somebody-else")
    if request.method != "POST":
        return _page(request, invitation, "join")
    try:
        _accept(request, invitation, user)
    except roles.InvitationEnded:
        return _gone(
            request, Invitation.objects.select_related("merchant", "invited_by").get(pk=invitation.pk)
        )
    except roles.NoRoom:
        return _page(request, invitation, "no-room", status=409)
    return _welcome(request, invitation)


def _as_newcomer(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    form = NewPersonForm(request.POST if request.method == "POST" else None, email=invitation.email)
    if not form.is_valid():
        return _page(request, invitation, "newcomer", form=form, status=400 if form.errors else 200)
    try:
        with transaction.atomic():
            # The link came from the mailbox: the address needs no other proof.
            user = User.objects.create_user(
                invitation.email, form.cleaned_data["password1"], name=form.cleaned_data["name"]
            )
            AuditEntry.objects.record(
                "added",
                user,
                by=user,
                source="page",
                address=visitors.client_address(request),
                merchant=invitation.merchant,
                after={"email": user.email},
            )
            _accept(request, invitation, user)
    except IntegrityError:
        # The address got an account a moment ago: its person signs in.
        return redirect("join")
    except roles.InvitationEnded:
        return _gone(
            request, Invitation.objects.select_related("merchant", "invited_by").get(pk=invitation.pk)
        )
    except roles.NoRoom:
        return _page(request, invitation, "no-room", status=409)
    response: HttpResponse = perform_login(
        request,
        user,
        email_verification="none",
        redirect_url=reverse("merchant-home", args=[invitation.merchant.slug]),
    )
    _welcome(request, invitation)
    return response


def _accept(request: HttpRequest, invitation: Invitation, user: User) -> Membership:
    with roles.changing(invitation.merchant):
        membership, before = roles.accept(invitation, user, timezone.now())
        AuditEntry.objects.record(
            "joined",
            membership,
            by=user,
            source="page",
            address=visitors.client_address(request),
            merchant=invitation.merchant,
            before={"role": before} if before else {},
            after={"role": membership.role, "invitation": invitation.pk},
        )
    return membership


def _welcome(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    request.session.pop(OPENED, None)
    messages.success(request, _("You belong to %(merchant)s now.") % {"merchant": invitation.merchant.name})
    return redirect("merchant-home", invitation.merchant.slug)


def _page(
    request: HttpRequest,
    invitation: Invitation,
    case: str,
    *,
    form: NewPersonForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = {"invitation": invitation, "merchant": invitation.merchant, "case": case, "form": form}
    return render(request, "account/join.html", context, status=status)


def _gone(request: HttpRequest, invitation: Invitation | None) -> HttpResponse:
    """Why the link does not work, and whom to ask; to who holds no real one, no more than that."""
    belongs = (
        invitation is not None
        and isinstance(request.user, User)
        and Membership.objects.filter(merchant=invitation.merchant, user=request.user).exists()
    )
    context = {"invitation": invitation, "belongs": belongs}
    response = render(request, "account/join_gone.html", context, status=410)
    add_never_cache_headers(response)
    return response


def _too_many(request: HttpRequest) -> HttpResponse:
    return render(request, "429.html", status=429)
