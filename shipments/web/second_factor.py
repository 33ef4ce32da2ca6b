"""The second factor: a code from an app, and recovery codes for the day the phone is lost."""

from collections.abc import Sequence
from typing import Any

from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from allauth.mfa import app_settings
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.base.views import AuthenticateView, IndexView, ReauthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.views import GenerateRecoveryCodesView, ViewRecoveryCodesView
from allauth.mfa.totp.views import ActivateTOTPView, DeactivateTOTPView
from cryptography.fernet import InvalidToken
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache

from shipments.fields import WrongKeyRing, key_ring
from shipments.models import AuditEntry
from shipments.web.visitors import client_address

# The page of the back-office a person wanted to open, in the session of who has to set up a second factor first.
NEEDED_FOR = "second_factor_needed_for"


class SecondFactor(DefaultMFAAdapter):  # type: ignore[misc]
    """What allauth asks us about second factors."""

    error_messages = {
        **DefaultMFAAdapter.error_messages,
        "incorrect_code": _(
            "This code is not right, was used before, or its 30 seconds are over. Type the one that the app shows now."
        ),
    }

    def is_mfa_enabled(self, user: Any, types: Sequence[str] | None = None) -> bool:
        """As allauth has it, without asking the database for kinds of factors that nobody can have here."""
        if types is not None:
            types = [each for each in types if each in app_settings.SUPPORTED_TYPES]
        return types != [] and bool(super().is_mfa_enabled(user, types))

    def encrypt(self, text: str) -> str:
        """Secrets are ciphertext in the database, as carriers' credentials are."""
        return key_ring().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return key_ring().decrypt(encrypted_text.encode()).decode()
        except InvalidToken:
            raise WrongKeyRing(
                "A second factor was encrypted with a key that is not in CREDENTIAL_KEYS. "
                "Put the key that was used back on the ring (behind the newest one) and start again."
            ) from None


def has_second_factor(user: Any) -> bool:
    """Whether signing in takes a code as well."""
    return bool(Authenticator.objects.filter(user=user, type=Authenticator.Type.TOTP).exists())


def was_shown(request: HttpRequest, *, since: float) -> bool:
    """Whether the person has shown a second factor in this browser after that moment (seconds since 1970)."""
    shown = get_authentication_records(request, request.user)
    return any(each.get("method") == "mfa" and each.get("at", 0) >= since for each in shown)


def write_down(request: HttpRequest, verb: str) -> None:
    """Write a deed at the person's own account into the audit."""
    user: Any = request.user
    AuditEntry.objects.record(verb, user, by=user, source="page", address=client_address(request))


@method_decorator(never_cache, name="dispatch")
class Overview(IndexView):  # type: ignore[misc]
    """Whether there is a second factor, and how many recovery codes are left."""


def _write_down_refusal(request: HttpRequest, user: Any) -> None:
    AuditEntry.objects.record("second factor refused", user, source="page", address=client_address(request))


@method_decorator(never_cache, name="dispatch")
class Code(AuthenticateView):  # type: ignore[misc]
    """The code at the door, after the password."""

    def form_invalid(self, form: Any) -> HttpResponse:
        # Not without bound: tries at one account are counted, and a try too many is refused before its code is read.
        if not form.has_error("code", "too_many_login_attempts"):
            _write_down_refusal(self.request, self.stage.login.user)
        response: HttpResponse = super().form_invalid(form)
        return response


@method_decorator(never_cache, name="dispatch")
class Confirm(ReauthenticateView):  # type: ignore[misc]
    """The code once more, before something that could be misused in a browser left open."""

    def form_invalid(self, form: Any) -> HttpResponse:
        if not form.has_error("code", "too_many_login_attempts"):
            _write_down_refusal(self.request, self.request.user)
        response: HttpResponse = super().form_invalid(form)
        return response


@method_decorator(login_required, name="dispatch")
@method_decorator(never_cache, name="dispatch")
class Activate(ActivateTOTPView):  # type: ignore[misc]
    """The secret to scan or type into an app, and the code that shows it arrived there."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        whole: str = context["form"].secret
        # In groups, as people type.
        grouped = " ".join(whole[at : at + 4] for at in range(0, len(whole), 4))
        return {**context, "secret": grouped, "is_needed": NEEDED_FOR in self.request.session}

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        # The code has just been shown: whoever came from the back-office goes on there without another one.
        record_authentication(
            self.request,
            self.request.user,
            "mfa",
            type=Authenticator.Type.TOTP,
            reauthenticated=True,
        )
        write_down(self.request, "second factor set up")
        return response


@method_decorator(never_cache, name="dispatch")
class Deactivate(DeactivateTOTPView):  # type: ignore[misc]
    """The way back to the password alone."""

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        write_down(self.request, "second factor taken away")
        return response


@method_decorator(login_required, name="dispatch")
@method_decorator(never_cache, name="dispatch")
class GenerateCodes(GenerateRecoveryCodesView):  # type: ignore[misc]
    """New recovery codes instead of the old ones."""

    @transaction.atomic
    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)
        write_down(self.request, "recovery codes made")
        return response


@method_decorator(never_cache, name="dispatch")
class ViewCodes(ViewRecoveryCodesView):  # type: ignore[misc]
    """The recovery codes that are left, to print and to download; and the way on to where they were needed for."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return {**context, "way_on": self.request.session.get(NEEDED_FOR, "")}
