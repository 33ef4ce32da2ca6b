"""The mail that invites: the only place where an invitation's token stands."""

from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from shipments.models import Invitation
from shipments.outbound import mail

KIND = "invitation"


def post_invitation(request: HttpRequest | None, invitation: Invitation) -> None:
    """Write the mail of a new invitation, in the merchant's language; it goes out after this transaction. Without a request
    it leads to the site's own address."""
    by = invitation.invited_by
    with translation.override(invitation.merchant.language):
        path = reverse("join-link", args=[invitation.token])
        context = {
            "by": by.get_full_name() if by else "",
            "email": by.email if by else "",
            "merchant": invitation.merchant,
            "role": invitation.role,
            "url": mail.site_address("join-link", invitation.token)
            if request is None
            else request.build_absolute_uri(path),
            "host": urlsplit(settings.SITE_URL).netloc if request is None else request.get_host(),
            "language": invitation.merchant.language,
        }
        names = {"name": context["by"], "merchant": invitation.merchant.name}
        mail.post(
            to=invitation.email,
            kind=KIND,
            subject=(
                _("%(name)s invites you to %(merchant)s") if by else _("You are invited to %(merchant)s")
            )
            % names,
            text=render_to_string("emails/invitation.txt", context),
            html=render_to_string("emails/invitation.html", context),
            merchant=invitation.merchant,
        )
