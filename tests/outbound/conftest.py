"""A real mail server on loopback, which does what a test tells it to."""

import asyncio
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session
from pytest_django.fixtures import Settings

# What to answer to a command about this address; None: close the connection instead.
Answer = Callable[[str], str | None]


@dataclass
class MailServer:
    """Takes mails unless told otherwise, and remembers them."""

    port: int = 0
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    connections: int = 0
    encrypted: list[bool] = field(default_factory=list)
    at_sender: Answer = lambda _address: "250 OK"
    at_recipient: Answer = lambda _address: "250 OK"
    at_data: Answer = lambda _address: "250 OK"
    # Seconds before it answers to data.
    thinks: float = 0

    @property
    def recipients(self) -> list[str]:
        return [address for address, _message in self.taken]

    # ---- aiosmtpd asks these

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (answer := self.at_sender(address)) is None:
            return self._hang_up(server)
        if answer.startswith("250"):
            envelope.mail_from = address
        return answer

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if (answer := self.at_recipient(address)) is None:
            return self._hang_up(server)
        if answer.startswith("250"):
            envelope.rcpt_tos.append(address)
        return answer

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        (address,) = envelope.rcpt_tos
        await asyncio.sleep(self.thinks)
        if (answer := self.at_data(address)) is None:
            return self._hang_up(server)
        if answer.startswith("250"):
            assert isinstance(envelope.content, bytes)
            message = message_from_bytes(envelope.content, policy=policy.default)
            self.taken.append((address, message))
            self.encrypted.append(session.ssl is not None)
        return answer

    def _hang_up(self, server: SMTP) -> str:
        assert isinstance(server.transport, asyncio.Transport)
        server.transport.abort()
        return "421 Bye"


class Counting(Controller):
    """A controller that counts the connections, and speaks TLS when asked."""

    def __init__(self, handler: MailServer, **more: Any) -> None:
        super().__init__(handler, hostname="127.0.0.1", port=0, **more)

    def factory(self) -> SMTP:
        self.handler.connections += 1
        made: SMTP = super().factory()
        return made

    def _trigger_server(self) -> None:
        # The port was chosen by the system; the controller would try port 0.
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


@contextmanager
def running(server: MailServer, **more: Any) -> Iterator[MailServer]:
    """The server on a free port, in a thread of its own."""
    # It tells each command, with addresses; the tests look for those in what we say.
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    controller = Counting(server, **more)
    controller.start()
    # The controller's own look at itself.
    server.port, server.connections = controller.port, 0
    yield server
    controller.stop()


@pytest.fixture
def mail_server(settings: Settings) -> Iterator[MailServer]:
    """A mail server, and settings that send mails to it."""
    with running(MailServer()) as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", server.port
        yield server
