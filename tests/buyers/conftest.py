"""Parcels on their way to buyers, and the mail server that takes their mails."""

from tests.outbound.conftest import mail_server

__all__ = ["mail_server"]
