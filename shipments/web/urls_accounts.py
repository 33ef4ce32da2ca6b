"""Addresses of a merchant's own carrier accounts."""

from django.urls import path

from shipments.web import accounts

_ACCOUNTS = "app/<slug:merchant>/settings/accounts/"
_ACCOUNT = f"{_ACCOUNTS}<int:pk>/"
_KEY = f"{_ACCOUNT}keys/<int:key>/"

urlpatterns = [
    path(_ACCOUNTS, accounts.accounts, name="accounts"),
    path(f"{_ACCOUNTS}add/", accounts.add, name="account-add"),
    path(_ACCOUNT, accounts.account, name="account"),
    path(f"{_ACCOUNT}keys/", accounts.add_key, name="account-key-add"),
    path(f"{_KEY}expiry/", accounts.set_expiry, name="account-key-expiry"),
    path(f"{_KEY}retire/", accounts.retire_key, name="account-key-retire"),
    path(f"{_ACCOUNT}test/", accounts.test, name="account-test"),
    path(f"{_ACCOUNT}switch/", accounts.switch, name="account-switch"),
    path(f"{_ACCOUNT}delete/", accounts.delete, name="account-delete"),
]
