"""Addresses of mails to buyers."""

from django.urls import path

from shipments.web import subscribing

urlpatterns = [
    path("track/<str:typed>/email", subscribing.ask_by_number, name="email-me"),
    path("t/<str:token>/email", subscribing.ask_by_link, name="email-me-by-link"),
    path("mail/confirm/<str:token>", subscribing.confirm, name="mail-confirm"),
    path("mail/stop/<str:token>", subscribing.stop, name="mail-stop"),
]
