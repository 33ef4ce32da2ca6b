"""Addresses of sign-in and of one's own account. Those of allauth that are not in this list (sign-up, more e-mail
addresses, passkeys) do not exist."""

from allauth.account import views
from allauth.mfa.recovery_codes.views import download_recovery_codes
from django.urls import path, re_path

from shipments.web import account, second_factor, sessions

urlpatterns = [
    path("", account.overview, name="account_overview"),
    path("name/", account.name, name="account_name"),
    path("sessions/", sessions.sessions, name="account_sessions"),
    path("login/", views.login, name="account_login"),
    path("logout/", views.logout, name="account_logout"),
    path("inactive/", views.account_inactive, name="account_inactive"),
    path("reauthenticate/", views.reauthenticate, name="account_reauthenticate"),
    path("email/", account.Email.as_view(), name="account_email"),
    re_path(
        r"^confirm-email/(?P<key>[-:\w]+)/$", account.ConfirmEmail.as_view(), name="account_confirm_email"
    ),
    path("password/change/", views.password_change, name="account_change_password"),
    path("password/set/", views.password_set, name="account_set_password"),
    path("password/reset/", views.password_reset, name="account_reset_password"),
    path("password/reset/done/", views.password_reset_done, name="account_reset_password_done"),
    re_path(
        r"^password/reset/key/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>.+)/$",
        views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path(
        "password/reset/key/done/",
        views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    path("second-factor/", second_factor.Overview.as_view(), name="mfa_index"),
    path("second-factor/code/", second_factor.Code.as_view(), name="mfa_authenticate"),
    path("second-factor/confirm/", second_factor.Confirm.as_view(), name="mfa_reauthenticate"),
    path("second-factor/app/", second_factor.Activate.as_view(), name="mfa_activate_totp"),
    path("second-factor/app/remove/", second_factor.Deactivate.as_view(), name="mfa_deactivate_totp"),
    path("second-factor/codes/", second_factor.ViewCodes.as_view(), name="mfa_view_recovery_codes"),
    path(
        "second-factor/codes/new/", second_factor.GenerateCodes.as_view(), name="mfa_generate_recovery_codes"
    ),
    path("second-factor/codes/download/", download_recovery_codes, name="mfa_download_recovery_codes"),
]
