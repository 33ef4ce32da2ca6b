"""Keys of the ring come and go: nothing is lost on the way, and a wrong ring does not start."""

import json
import os
import signal
import subprocess
import sys
import threading
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.adapter import get_adapter
from allauth.mfa.models import Authenticator
from cryptography.fernet import Fernet
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from shipments import key_ring
from shipments.fields import WrongKeyRing
from shipments.models import AuditEntry, Credential, CredentialToken, KeyRingCanary, Mail, PrivateLink, User
from tests.factories import a_key, a_merchant, a_person, a_shipment, an_account, keys_of

ROOT = Path(__file__).resolve().parents[2]
NEW = Fernet.generate_key().decode()

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def old(settings: Any) -> str:
    (key,) = settings.CREDENTIAL_KEYS
    return str(key)


def rotate(*arguments: str) -> str:
    out = StringIO()
    call_command("rotate_credential_keys", *arguments, stdout=out)
    return out.getvalue()


def a_store() -> tuple[User, PrivateLink]:
    """One secret of every kind."""
    account = an_account(a_merchant())
    CredentialToken.objects.create(
        credential=account.credentials.get(), value="the-token", expires_at=timezone.now()
    )
    person = a_person("alice@example.com")
    Authenticator.objects.create(
        user=person, type="totp", data={"secret": get_adapter().encrypt("TOTPSECRET")}
    )
    Authenticator.objects.create(
        user=person,
        type="recovery_codes",
        data={"seed": get_adapter().encrypt("seed"), "used_mask": 5},
    )
    Mail.objects.create(to="a@example.com", kind="test", subject="S", text="the-text", html="")
    return person, PrivateLink.objects.make(a_shipment())


def test_every_encrypted_column_is_found() -> None:
    assert {column.label.replace('"', "") for column in key_ring.columns()} >= {
        "mfa_authenticator.data",
        "shipments_credential.key",
        "shipments_credential.secret",
        "shipments_credentialtoken.value",
        "shipments_mail.html",
        "shipments_mail.text",
        "shipments_privatelink.token",
        "shipments_statement.document",
        "shipments_subscription.stop_token",
    }
    assert key_ring.columns()[-1].label == '"shipments_keyringcanary"."value"'


def test_everything_moves_to_the_newest_key_and_the_old_one_may_go(settings: Any, old: str) -> None:
    person, link = a_store()
    key_ring.begin()
    settings.CREDENTIAL_KEYS = [NEW, old]
    with pytest.raises(CommandError, match="An older key is still needed"):
        rotate("--check")

    told = rotate()

    assert "shipments_credential.key: 1 moved" in told
    assert "The others may leave CREDENTIAL_KEYS." in told
    assert f"key {key_ring.fingerprint(NEW)} (newest)" in told
    assert f"key {key_ring.fingerprint(old)}: 0" in told
    assert NEW not in told
    assert old not in told
    settings.CREDENTIAL_KEYS = [NEW]
    assert key_ring.trouble() is None
    assert Credential.objects.live().with_secrets().get().secret == "test-secret-5678"
    assert CredentialToken.objects.get().value == "the-token"
    assert Mail.objects.get().text == "the-text"
    assert PrivateLink.objects.get().token == link.token
    factors = {one.type: one.data for one in Authenticator.objects.filter(user=person)}
    assert get_adapter().decrypt(factors["totp"]["secret"]) == "TOTPSECRET"
    assert get_adapter().decrypt(factors["recovery_codes"]["seed"]) == "seed"
    assert factors["recovery_codes"]["used_mask"] == 5
    entry = AuditEntry.objects.get(verb="keys rotated")
    assert (entry.source, entry.after) == ("command", {"newest": key_ring.fingerprint(NEW)})
    assert "Everything is under the newest key." in rotate("--check")


def test_a_second_run_moves_nothing(settings: Any, old: str) -> None:
    a_store()
    settings.CREDENTIAL_KEYS = [NEW, old]
    rotate()
    assert "moved" not in rotate()


_CHILD = """
import django
django.setup()
import sys
from django.conf import settings
from django.core.management import call_command
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
settings.CREDENTIAL_KEYS = sys.argv[2:]
call_command("rotate_credential_keys", "--batch", "5")
"""


def test_killed_half_way_it_is_finished_by_the_next_run(settings: Any, old: str) -> None:
    Mail.objects.bulk_create(
        Mail(to=f"{n}@example.com", kind="test", subject="S", text=f"text {n}", html=f"html {n}")
        for n in range(400)
    )
    key_ring.begin()
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD, str(connection.settings_dict["NAME"]), NEW, old],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert child.stdout is not None
    for _batch in range(20):
        assert "moved" in child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    child.stdout.close()
    child.wait(30)

    settings.CREDENTIAL_KEYS = [NEW, old]
    half = key_ring.needs()
    assert 0 < half.of(key_ring.fingerprint(NEW)) < 800
    # Half-way, the old key must stay: the canary says so.
    settings.CREDENTIAL_KEYS = [NEW]
    assert key_ring.trouble() is not None

    settings.CREDENTIAL_KEYS = [NEW, old]
    rotate()

    settings.CREDENTIAL_KEYS = [NEW]
    assert {mail.text: mail.html for mail in Mail.objects.all()} == {
        f"text {n}": f"html {n}" for n in range(400)
    }
    assert key_ring.trouble() is None


def test_what_others_write_meanwhile_is_left_as_they_wrote_it(
    settings: Any, old: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    account = an_account(a_merchant())
    settings.CREDENTIAL_KEYS = [NEW, old]
    write = key_ring.Column.write

    def overtaken(column: key_ring.Column, changes: Any) -> None:
        if column.name == '"secret"':
            # A worker that was not started again yet knows the old key only.
            settings.CREDENTIAL_KEYS = [old]
            thread = threading.Thread(target=_change_secret)
            thread.start()
            thread.join()
            settings.CREDENTIAL_KEYS = [NEW, old]
        write(column, changes)

    def _change_secret() -> None:
        Credential.objects.filter(account=account).update(secret="changed-meanwhile")
        connection.close()

    monkeypatch.setattr(key_ring.Column, "write", overtaken)
    with pytest.raises(CommandError, match=r"An older key is still needed.* and run this again"):
        rotate()
    assert keys_of(account) == [("test-key-1234", "changed-meanwhile")]
    monkeypatch.setattr(key_ring.Column, "write", write)
    assert "Everything is under the newest key." in rotate()
    settings.CREDENTIAL_KEYS = [NEW]
    assert keys_of(account) == [("test-key-1234", "changed-meanwhile")]


def test_what_no_key_reads_is_named_and_the_rest_is_moved(settings: Any, old: str) -> None:
    an_account(a_merchant())
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    lost = an_account(None)
    settings.CREDENTIAL_KEYS = [NEW, old]
    out = StringIO()

    with pytest.raises(CommandError, match="2 secrets are under a key that is not on the ring"):
        call_command("rotate_credential_keys", stdout=out)

    assert "no key of the ring: 2" in out.getvalue()
    assert "shipments_credential.key: 1" in out.getvalue()
    assert f"key {key_ring.fingerprint(old)}: 0" in out.getvalue()
    assert "the site starts without their key" in rotate("--give-up-lost")
    assert key_ring.trouble() is None
    lost.delete()
    assert "Everything is under the newest key." in rotate("--check")


@pytest.mark.parametrize("has_begun", [True, False])
def test_a_wrong_ring_does_not_start_and_says_what_to_do(settings: Any, has_begun: bool) -> None:
    a_store()
    if has_begun:
        key_ring.begin()
    settings.CREDENTIAL_KEYS = [NEW]

    with pytest.raises(WrongKeyRing) as refused:
        key_ring.begin()

    said = str(refused.value)
    assert said.startswith("CREDENTIAL_KEYS does not hold the key that stored secrets were encrypted with.")
    assert "Put the key that was used back, behind the newest one, and start again." in said
    assert NEW not in said
    assert KeyRingCanary.objects.count() == has_begun
    for command in ("worker",):
        with pytest.raises(CommandError, match="Put the key that was used back"):
            call_command(command)
    (error,) = [one for one in run_checks(databases=["default"]) if one.id == "shipments.E005"]
    assert error.msg == said
    # Without a database named, checks do not ask it.
    assert [one.id for one in run_checks() if one.id == "shipments.E005"] == []


def test_migrations_need_no_ring(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    key_ring.begin()
    settings.CREDENTIAL_KEYS = [NEW]
    monkeypatch.setattr(sys, "argv", ["manage.py", "migrate"])
    call_command("migrate", verbosity=0)


def test_the_right_ring_starts_and_the_canary_is_written_once(settings: Any, old: str) -> None:
    key_ring.begin()
    key_ring.begin()
    assert KeyRingCanary.objects.get().value == "sings"
    with CaptureQueriesContext(connection) as asked:
        assert key_ring.trouble() is None
    assert [one["sql"] for one in asked if one["sql"].startswith("SELECT")] == [
        "SELECT value FROM shipments_keyringcanary"
    ]
    settings.CREDENTIAL_KEYS = [NEW, old]
    key_ring.begin()
    assert key_ring.Ring().name_of(_stored_canary()) == key_ring.fingerprint(old)


def _stored_canary() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT value FROM shipments_keyringcanary")
        return str(cursor.fetchone()[0])


def test_one_secret_that_cannot_be_read_does_not_keep_the_site_from_starting(settings: Any, old: str) -> None:
    account = an_account(a_merchant())
    key_ring.begin()
    settings.CREDENTIAL_KEYS = [NEW]
    a_key(account)
    settings.CREDENTIAL_KEYS = [old]
    key_ring.begin()


def test_without_a_database_the_start_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def away() -> None:
        raise OperationalError("away")

    monkeypatch.setattr(key_ring, "trouble", away)
    key_ring.begin()


def test_json_that_holds_no_secret_is_left_alone() -> None:
    column = key_ring.Column("t", "id", "data", is_json=True)
    stored = json.dumps({"credential": {"id": 1}, "name": "key"})
    assert column.ciphertexts(stored) == []
    assert json.loads(column.changed(stored, str.upper)) == json.loads(stored)


def test_a_batch_of_none_is_refused() -> None:
    with pytest.raises(CommandError, match=r"^batch: "):
        rotate("--batch", "0")
