"""Mails over TLS, and mails of a worker that is killed."""

import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from django.db import connection
from django.utils import timezone
from pytest_django.fixtures import Settings

from shipments.models import Mail
from shipments.outbound.mail import LEASE, post, send_due
from tests.outbound.conftest import MailServer, running

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for `localhost` that it signed itself, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "localhost.pem"
    file.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + signed.public_bytes(serialization.Encoding.PEM)
    )
    return file


@pytest.fixture
def tls_server(certificate: Path, settings: Settings) -> Iterator[MailServer]:
    """A server that takes mails only after STARTTLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with running(MailServer(), tls_context=context, require_starttls=True) as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", server.port
        yield server


@pytest.mark.django_db
def test_with_starttls_mails_go_encrypted(
    tls_server: MailServer, settings: Settings, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_USE_TLS = True
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    post(to="alice@example.com", kind="test", subject="News", text="Good news.")

    assert send_due(timezone.now()) == 1

    assert (tls_server.recipients, tls_server.encrypted) == (["alice@example.com"], [True])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("use_tls", "error"),
    [
        # A certificate nobody vouches for.
        (True, "SSLCertVerificationError"),
        # A server that wants TLS from somebody who was not told so.
        (False, "SMTPSenderRefused 530"),
    ],
)
def test_without_a_trusted_line_nothing_is_sent_and_no_mail_is_blamed(
    tls_server: MailServer, settings: Settings, use_tls: bool, error: str
) -> None:
    settings.EMAIL_USE_TLS = use_tls
    post(to="alice@example.com", kind="test", subject="News", text="Good news.")

    assert send_due(timezone.now()) == 0

    mail = Mail.objects.get()
    assert (tls_server.taken, mail.tries, mail.error) == ([], 0, error)


SENDER = """
import django
from django.conf import settings
settings.DATABASES["default"]["NAME"] = {database!r}
django.setup()
settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
settings.EMAIL_HOST, settings.EMAIL_PORT, settings.EMAIL_TIMEOUT = "localhost", {port}, 60
from django.utils import timezone
from shipments.outbound.mail import send_due
send_due(timezone.now())
"""


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_is_killed_in_its_batch_loses_no_mail_and_doubles_none(mail_server: MailServer) -> None:
    for address in ("alice@example.com", "bob@example.com", "mary@example.com"):
        post(to=address, kind="test", subject="News", text="Good news.")
    reached_bob = threading.Event()

    def falls_silent_at_bob(address: str) -> str:
        if address == "bob@example.com":
            mail_server.thinks = 60
            reached_bob.set()
        return "250 OK"

    mail_server.at_recipient = falls_silent_at_bob
    now = timezone.now()
    worker = subprocess.Popen(
        [
            sys.executable,
            "-c",
            SENDER.format(database=connection.settings_dict["NAME"], port=mail_server.port),
        ],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    try:
        assert reached_bob.wait(timeout=60)
    finally:
        worker.send_signal(signal.SIGKILL)
        worker.wait(timeout=60)
    mail_server.at_recipient, mail_server.thinks = (lambda _address: "250 OK"), 0

    assert mail_server.recipients == ["alice@example.com"]
    assert send_due(now) == 0
    assert send_due(timezone.now() + LEASE) == 2

    assert mail_server.recipients == ["alice@example.com", "bob@example.com", "mary@example.com"]
    assert Mail.objects.filter(sent_at=None).count() == 0
