"""Sign-in as this product has it: an operator lets people in, nobody signs up."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib.sites.shortcuts import get_current_site
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect

from shipments.models import AuditEntry
from shipments.outbound import mail
from shipments.web.visitors import client_address, visitor


class ClosedSignup(DefaultAccountAdapter):  # type: ignore[misc]
    """What allauth asks us about."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Whose tries at signing in are counted together: as everywhere on the site."""
        return visitor(request)

    def format_email_subject(self, subject: str) -> str:
        """The subject alone: the sender says where it comes from."""
        return str(subject)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Mails of the door go by the queue like all others, before those that nobody waits for; in the language of
        who asked for them."""
        request = allauth_context.request
        message = self.render_mail(
            template_prefix,
            email,
            {"request": request, "email": email, "current_site": get_current_site(request), **context},
        )
        # A mail of text alone has no alternative.
        html = next((str(content) for content, _type in getattr(message, "alternatives", ())), "")
        mail.post(
            to=email, kind="account", subject=message.subject, text=message.body, html=html, is_urgent=True
        )

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> Any:
        """Keep the demo's people out of production, whose data may have begun as a demo."""
        if settings.PRODUCTION and user.is_of_demo:
            raise ImmediateHttpResponse(redirect("account_inactive"))
        return super().pre_login(request, user, **kwargs)

    @transaction.atomic
    def set_password(self, user: Any, password: str) -> None:
        """Change, first set and reset all end here, and are written down."""
        super().set_password(user, password)
        AuditEntry.objects.record(
            "password set", user, by=user, source="page", address=client_address(allauth_context.request)
        )
