"""Inviting owners of a merchant: nobody else could get in."""

from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from shipments.admin.merchant_pages import MerchantPages, back_to
from shipments.enums import Role
from shipments.models import Invitation, Membership, Merchant, User, roles
from shipments.web.inviting import post_invitation
from shipments.web.people import no_room


class InviteForm(forms.Form):
    email = forms.EmailField(label=_("E-mail address"), max_length=254)


class OwnersPages(MerchantPages):
    """An owner is invited, or invited again."""

    def get_urls(self) -> list[URLPattern]:
        return [
            self._route("invite/", self.invite_view, "invite"),
            self._route("invite/<uuid:invitation>/", self.invite_again_view, "invite_again"),
            *super().get_urls(),
        ]

    def invite_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Invite one more owner."""
        merchant = self._merchant(request, pk)
        form = InviteForm(request.POST if request.method == "POST" else None)
        if form.is_valid():
            email = form.cleaned_data["email"]
            if Membership.objects.filter(
                merchant=merchant, user__email=email.lower(), role=Role.OWNER
            ).exists():
                form.add_error("email", _("This person is an owner of the merchant already."))
            else:
                try:
                    self._invite(request, merchant, email)
                except roles.NoRoom as refusal:
                    form.add_error("email", no_room(refusal))
        if not form.is_valid():
            return self._ask(
                request,
                merchant,
                form,
                title=gettext("Invite an owner of %(merchant)s") % {"merchant": merchant},
                told=[
                    gettext(
                        "The link in the mail works for 48 hours. An open invitation of the same address ends."
                    )
                ],
                button=gettext("Invite"),
            )
        self._told_invited(request, form.cleaned_data["email"])
        return back_to(pk)

    def invite_again_view(self, request: HttpRequest, pk: int, invitation: UUID) -> HttpResponse:
        """Send a new link to an address that was invited; the old one ends."""
        merchant = self._posted(request, pk)
        found = Invitation.objects.for_merchant(merchant).open().filter(public_id=invitation).first()
        if found is None:
            self.message_user(
                request,
                gettext("Nothing was sent: this invitation was accepted or withdrawn in the meantime."),
                messages.ERROR,
            )
            return back_to(pk)
        try:
            self._invite(request, merchant, found.email)
        except roles.NoRoom as refusal:
            self.message_user(request, no_room(refusal), messages.ERROR)
            return back_to(pk)
        self._told_invited(request, found.email)
        return back_to(pk)

    def _invite(self, request: HttpRequest, merchant: Merchant, email: str) -> None:
        """Invite an owner and write the mail, in one transaction. NoRoom."""
        now = timezone.now()
        assert isinstance(request.user, User)
        with roles.changing(merchant):
            roles.check_room(merchant, email, now)
            invitation = Invitation.objects.invite(merchant, email, Role.OWNER, by=request.user, now=now)
            post_invitation(request, invitation)
            self.write_down(request, "invited", invitation, {}, {"email": email, "role": Role.OWNER.value})

    def _told_invited(self, request: HttpRequest, email: str) -> None:
        self.message_user(
            request,
            gettext("An invitation is on its way to %(email)s. It works for 48 hours.") % {"email": email},
        )
