"""Sign-in as this product has it: operators and invitations let people in, nobody signs up."""

from datetime import timedelta
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context as allauth_context
from allauth.core.exceptions import ImmediateHttpResponse
from django.conf import settings
from django.contrib import messages
from django.contrib.sites.shortcuts import get_current_site
from django.db import IntegrityError, transaction
from django.http import HttpRequest
from django.shortcuts import redirect, resolve_url
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from shipments.models import AuditEntry, Membership, User
from shipments.outbound import mail
from shipments.web.second_factor import has_second_factor
from shipments.web.visitors import Limit, client_address, mailbox, visitor

# Refused sign-ins are written down for whoever looks into them, and not without bound: strangers must not fill the audit.
REFUSALS_AT_AN_ACCOUNT = Limit("write down a refusal", 20, timedelta(hours=1))
REFUSALS_OF_STRANGERS = Limit("write down a stranger's refusal", 200, timedelta(hours=1))
# What stands for an address that the server does not know (a socket); the list of sessions needs one.
NOWHERE = "0.0.0.0"  # noqa: S104  (nothing listens there)


class ClosedSignup(DefaultAccountAdapter):  # type: ignore[misc]
    """What allauth asks us about."""

    error_messages = {
        **DefaultAccountAdapter.error_messages,
        "duplicate_email": _("This is your address already, or waits to be confirmed."),
        "incorrect_password": _("This is not your password."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        """Whose tries at signing in are counted together, as everywhere on the site; of IPv6 the household's network."""
        return visitor(request).partition("/")[0] or NOWHERE

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

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> Any:
        AuditEntry.objects.record(
            "signed in",
            user,
            by=user,
            source="page",
            address=client_address(request),
            after={"second_factor": has_second_factor(user)},
        )
        return super().post_login(request, user, **kwargs)

    def authentication_failed(self, request: HttpRequest, **credentials: Any) -> None:
        """Write down a password that was not right, and at whose account; who typed it is nobody we know. An address that no
        account has is not kept: people type their passwords there."""
        email = str(credentials.get("email", ""))
        tried = User.objects.filter(email=email.lower()).first() if "\0" not in email else None
        now = timezone.now()
        if (
            REFUSALS_OF_STRANGERS.allows("", now)
            if tried is None
            else REFUSALS_AT_AN_ACCOUNT.allows(str(tried.pk), now)
        ):
            AuditEntry.objects.record(
                "sign-in refused", tried or User(), source="page", address=client_address(request)
            )

    def logout(self, request: HttpRequest) -> None:
        user = request.user
        if isinstance(user, User):
            AuditEntry.objects.record(
                "signed out", user, by=user, source="page", address=client_address(request)
            )
        super().logout(request)

    def get_login_redirect_url(self, request: HttpRequest) -> str:
        """Operators without a merchant have nothing on the dashboard."""
        user = request.user
        if isinstance(user, User) and user.is_staff and not Membership.objects.filter(user=user).exists():
            return resolve_url("admin:index")
        url: str = super().get_login_redirect_url(request)
        return url

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        """Tries at one account are counted together, by whatever name of the host and spelling of the address it is tried."""
        return mailbox(str(credentials.get("email", "")))

    @transaction.atomic
    def set_password(self, user: Any, password: str) -> None:
        """Change, first set and reset all end here, and are written down."""
        super().set_password(user, password)
        AuditEntry.objects.record(
            "password set", user, by=user, source="page", address=client_address(allauth_context.request)
        )

    def confirm_email(self, request: HttpRequest, email_address: Any) -> bool:
        """Let a new address, whose link was opened, replace the old one; False where somebody else has it by now."""
        user = email_address.user
        before = user.email
        try:
            with transaction.atomic():
                confirmed = bool(super().confirm_email(request, email_address))
                if confirmed:
                    AuditEntry.objects.record(
                        "changed",
                        user,
                        by=user,
                        source="page",
                        address=client_address(request),
                        before={"email": before},
                        after={"email": email_address.email},
                    )
        except IntegrityError:
            # Another account took it between the look and the change.
            self.add_message(
                request,
                messages.ERROR,
                "account/messages/email_confirmation_failed.txt",
                {"email": email_address.email},
            )
            return False
        return confirmed

    def get_email_verification_redirect_url(self, email_address: Any) -> str:
        return resolve_url("account_email")

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url("account_overview")
