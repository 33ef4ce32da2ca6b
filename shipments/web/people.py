"""Who belongs to a merchant: invited, changed, removed and handed over by owners; everybody may leave."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any
from uuid import UUID

from allauth.account.decorators import reauthentication_required
from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods, require_POST

from shipments.enums import Role
from shipments.facts import spelling
from shipments.models import Invitation, Membership, roles
from shipments.web import visitors
from shipments.web.access import MemberRequest, for_members, has_rank, record
from shipments.web.forms_people import HandOverForm, InviteForm, MemberForm, RoleForm, role_labels
from shipments.web.inviting import post_invitation

ROOM, PART = "settings", "people"


@dataclass(frozen=True, slots=True)
class Person:
    """A member as the page lists them; what only owners see is empty for others."""

    pk: int
    name: str
    email: str
    role: str
    since: str
    since_at: datetime
    seen: str
    seen_at: datetime | None
    is_protected: bool
    is_me: bool


@dataclass(frozen=True, slots=True)
class Offer:
    """An open invitation. `ends` is when its link stops working, `""` where it has."""

    public_id: UUID
    email: str
    role: str
    by: str
    ends: str
    expires_at: datetime


def _refusals(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Tell what the rules of membership refuse, on the page of people; nothing has changed then."""

    @wraps(view)
    def telling(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except roles.NotAnOwner:
            raise PermissionDenied from None
        except roles.LastOwner:
            messages.error(
                request,
                _("Nothing has changed: a merchant needs an owner. Make somebody else an owner first."),
            )
        except roles.NotAMember:
            messages.error(
                request, _("Nothing has changed: this person does not belong to the merchant any more.")
            )
        return _back(request)

    return telling


def _makes_an_owner(request: HttpRequest) -> bool:
    return request.POST.get("role") == Role.OWNER


# Who finds an open browser must not be able to make it theirs. What was posted goes on after the password.
_password_first: Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]
_password_first = reauthentication_required()
_password_first_for_an_owner: Callable[[Callable[..., HttpResponse]], Callable[..., HttpResponse]]
_password_first_for_an_owner = reauthentication_required(enabled=_makes_an_owner)


@require_http_methods(["GET", "HEAD", "POST"])
@for_members()
@_refusals
@_password_first_for_an_owner
def people(request: MemberRequest) -> HttpResponse:
    """The members and open invitations; a post by an owner invites."""
    if request.method != "POST":
        return _page(request, InviteForm())
    if not has_rank(request.membership, Role.OWNER):
        raise PermissionDenied
    form = InviteForm(request.POST)
    now = timezone.now()
    if not form.is_valid():
        return _page(request, form)
    email, role = form.cleaned_data["email"], form.cleaned_data["role"]
    if not visitors.INVITATIONS.allows(str(request.merchant.pk), now):
        form.add_error(
            None,
            _("At most %(most)d invitations a day. Nothing was sent; try again %(when)s.")
            % {
                "most": visitors.INVITATIONS.tries,
                "when": spelling.ahead(visitors.INVITATIONS.ends_in(now)),
            },
        )
        return _page(request, form)
    with roles.changing(request.merchant):
        roles.check_owner(request.merchant, request.user)
        if Membership.objects.filter(merchant=request.merchant, user__email=email).exists():
            form.add_error(
                "email", _("This person belongs to the merchant already; change the role in the list.")
            )
            return _page(request, form)
        try:
            roles.check_room(request.merchant, email, now)
        except roles.NoRoom as refusal:
            form.add_error(None, no_room(refusal))
            return _page(request, form)
        _invite(request, email, role, now)
    messages.success(
        request, _("An invitation is on its way to %(email)s. It works for 48 hours.") % {"email": email}
    )
    return _back(request)


def no_room(refusal: roles.NoRoom) -> str:
    """Why nobody else may come, and what to do."""
    return ngettext(
        "At most %(most)d person may belong to this merchant, invited ones included. Nobody was invited. Remove somebody or "
        "withdraw an invitation, or ask whoever runs this site for more.",
        "At most %(most)d people may belong to this merchant, invited ones included. Nobody was invited. Remove somebody or "
        "withdraw an invitation, or ask whoever runs this site for more.",
        refusal.most,
    ) % {"most": refusal.most}


def _page(request: MemberRequest, form: InviteForm) -> HttpResponse:
    now = timezone.now()
    owns = has_rank(request.membership, Role.OWNER)
    persons = [_person(member, request, owns, now) for member in _members(request)]
    context = {
        "room": ROOM,
        "part": PART,
        "form": form,
        "owns": owns,
        "persons": persons,
        "offers": _offers(request, now) if owns else [],
        "role_choices": role_labels(),
        "is_unprotected_owner": owns and any(one.is_me and not one.is_protected for one in persons),
        "has_others": len(persons) > 1,
    }
    return render(request, "dashboard/people.html", context, status=400 if form.errors else 200)


def _members(request: MemberRequest) -> QuerySet[Membership]:
    """Owners first, then by name."""
    protected = Authenticator.objects.filter(user=OuterRef("user"), type=Authenticator.Type.TOTP)
    return (
        Membership.objects.filter(merchant=request.merchant)
        .select_related("user")
        .annotate(
            is_protected=Exists(protected),
            place=Case(
                When(role=Role.OWNER, then=Value(0)), When(role=Role.MANAGER, then=Value(1)), default=Value(2)
            ),
        )
        .order_by("place", "user__name", "user__email")
    )


def _person(member: Any, request: MemberRequest, owns: bool, now: datetime) -> Person:
    user, zone = member.user, request.merchant.time_zone
    is_me = user.pk == request.user.pk
    seen_at = user.last_login if owns else None
    return Person(
        pk=member.pk,
        name=user.get_full_name(),
        email=user.email if (owns or is_me) and user.name else "",
        role=member.role,
        since=spelling.short_day(spelling.today_at(member.joined_at, zone), spelling.today_at(now, zone)),
        since_at=member.joined_at,
        seen=spelling.age(now - seen_at) if seen_at else "",
        seen_at=seen_at,
        is_protected=owns and member.is_protected,
        is_me=is_me,
    )


def _offers(request: MemberRequest, now: datetime) -> list[Offer]:
    found = Invitation.objects.for_merchant(request.merchant).open().select_related("invited_by")
    return [
        Offer(
            public_id=each.public_id,
            email=each.email,
            role=each.role,
            by=each.invited_by.get_full_name() if each.invited_by else "",
            ends=spelling.ahead(each.expires_at - now) if each.is_usable(now) else "",
            expires_at=each.expires_at,
        )
        for each in found.order_by("-made_at")
    ]


def _invite(request: MemberRequest, email: str, role: str, now: datetime) -> None:
    invitation = Invitation.objects.invite(request.merchant, email, role, by=request.user, now=now)
    post_invitation(request, invitation)
    record(request, "invited", invitation, after={"email": email, "role": role})


@require_POST
@for_members(Role.OWNER)
@_refusals
def resend(request: MemberRequest, invitation: UUID) -> HttpResponse:
    """Send a new link to an address that was invited; the old one ends."""
    now = timezone.now()
    if not visitors.INVITATIONS.allows(str(request.merchant.pk), now):
        messages.error(
            request, _("At most %(most)d invitations a day.") % {"most": visitors.INVITATIONS.tries}
        )
        return _back(request)
    with roles.changing(request.merchant):
        roles.check_owner(request.merchant, request.user)
        found = _open_invitation(request, invitation)
        if found is None:
            return _too_late(request)
        try:
            roles.check_room(request.merchant, found.email, now)
        except roles.NoRoom as refusal:
            messages.error(request, no_room(refusal))
            return _back(request)
        _invite(request, found.email, found.role, now)
    messages.success(
        request, _("A new invitation is on its way to %(email)s. The old link ends.") % {"email": found.email}
    )
    return _back(request)


@require_POST
@for_members(Role.OWNER)
@_refusals
def revoke(request: MemberRequest, invitation: UUID) -> HttpResponse:
    """End an invitation that nobody has accepted."""
    with roles.changing(request.merchant):
        roles.check_owner(request.merchant, request.user)
        found = _open_invitation(request, invitation)
        if found is None:
            return _too_late(request)
        Invitation.objects.filter(pk=found.pk).revoke(timezone.now())
        record(request, "revoked", found, before={"email": found.email, "role": found.role})
    messages.success(request, _("The invitation to %(email)s is withdrawn.") % {"email": found.email})
    return _back(request)


def _open_invitation(request: MemberRequest, public_id: UUID) -> Invitation | None:
    return Invitation.objects.for_merchant(request.merchant).open().filter(public_id=public_id).first()


def _too_late(request: MemberRequest) -> HttpResponse:
    messages.error(
        request, _("Nothing has changed: this invitation was accepted or withdrawn in the meantime.")
    )
    return _back(request)


@require_POST
@for_members(Role.OWNER)
@_refusals
@_password_first_for_an_owner
def change_role(request: MemberRequest) -> HttpResponse:
    """Give a member another role; making an owner asks for the password first."""
    form = RoleForm(request.POST)
    if not form.is_valid():
        raise roles.NotAMember
    with roles.changing(request.merchant):
        roles.check_owner(request.merchant, request.user)
        member = roles.member(request.merchant, form.cleaned_data["member"])
        before = member.role
        role = Role(form.cleaned_data["role"])
        if roles.change_role(member, role):
            record(request, "changed", member, before={"role": before}, after={"role": role})
            _distrust(request, member, before)
    messages.success(request, _("%(name)s: the role is saved.") % {"name": member.user.get_full_name()})
    return _back(request)


@require_POST
@for_members(Role.OWNER)
@_refusals
def remove(request: MemberRequest) -> HttpResponse:
    """Take a member out: with their next click they see nothing of the merchant."""
    form = MemberForm(request.POST)
    if not form.is_valid():
        raise roles.NotAMember
    with roles.changing(request.merchant):
        roles.check_owner(request.merchant, request.user)
        member = roles.member(request.merchant, form.cleaned_data["member"])
        if member.user_id == request.user.pk:
            return redirect("people-leave", request.merchant.slug)
        record(request, "removed", member, before={"user": member.user_id, "role": member.role})
        roles.end(member)
        _distrust(request, member, member.role)
    messages.success(request, _("%(name)s is removed.") % {"name": member.user.get_full_name()})
    return _back(request)


def _distrust(request: MemberRequest, member: Membership, before: str) -> None:
    """End what somebody who owns the merchant no longer has invited: it could be a way back in."""
    if before == Role.OWNER and member.user_id != request.user.pk:
        Invitation.objects.for_merchant(request.merchant).filter(invited_by=member.user_id).revoke(
            timezone.now()
        )


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(while_suspended=True)
@_refusals
def leave(request: MemberRequest) -> HttpResponse:
    """Say what leaving means; with `sure`, leave."""
    if request.POST.get("sure") != "yes":
        owns = has_rank(request.membership, Role.OWNER)
        others = Membership.objects.filter(merchant=request.merchant, role=Role.OWNER).exclude(
            user=request.user
        )
        context = {"room": ROOM, "is_last_owner": owns and not others.exists()}
        return render(
            request, "dashboard/people_leave.html", context, status=400 if request.method == "POST" else 200
        )
    with roles.changing(request.merchant):
        own = Membership.objects.filter(merchant=request.merchant, user=request.user).first()
        if own is not None:
            record(request, "left", own, before={"user": own.user_id, "role": own.role})
            roles.end(own)
    messages.success(request, _("You have left %(merchant)s.") % {"merchant": request.merchant.name})
    return redirect("dashboard")


@require_http_methods(["GET", "HEAD", "POST"])
@for_members(Role.OWNER)
@_refusals
@_password_first
def hand_over(request: MemberRequest) -> HttpResponse:
    """Make another member the owner, and oneself a manager."""
    others = list(
        Membership.objects.filter(merchant=request.merchant)
        .exclude(user=request.user)
        .select_related("user")
        .order_by("user__name", "user__email")
    )
    form = HandOverForm(request.POST if request.method == "POST" else None, others=others)
    if not form.is_valid():
        context = {"room": ROOM, "part": PART, "form": form, "others": others}
        return render(request, "dashboard/people_hand_over.html", context, status=400 if form.errors else 200)
    with roles.changing(request.merchant):
        own = roles.check_owner(request.merchant, request.user)
        to = roles.member(request.merchant, form.cleaned_data["member"])
        before = to.role
        roles.hand_over(own, to)
        record(request, "handed over", to, before={"role": before}, after={"role": Role.OWNER})
        record(request, "handed over", own, before={"role": Role.OWNER}, after={"role": Role.MANAGER})
    messages.success(
        request,
        _("%(name)s owns %(merchant)s now; you are a manager.")
        % {"name": to.user.get_full_name(), "merchant": request.merchant.name},
    )
    return _back(request)


def _back(request: MemberRequest) -> HttpResponse:
    return redirect("people", request.merchant.slug)
