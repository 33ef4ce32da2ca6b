"""An installation with something in every store, its backup, and a database restored from it; one of each for all tests here."""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from django.contrib.sessions.backends.db import SessionStore
from django.db import connection, connections, transaction

from shipments.backups import making, restoring
from shipments.backups.manifest import Manifest
from shipments.fields import key_ring
from shipments.models import AuditEntry, Mail, Merchant, PrivateLink, Throttle
from shipments.outbound import mail
from shipments.tracking.statements import state
from tests import factories, migrated
from tests.buyers.parcels import ARRIVED, a_parcel, news, subscribed

NOW = datetime(2026, 3, 7, 8, 30, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Copy:
    """A backup in its folder, and the name of a database that was restored from it."""

    backup: Path
    manifest: Manifest
    source: str
    restored: str


def fill() -> Merchant:
    """Something in every store that has a digest, a key or a guard of its own, and rows around it."""
    merchant = factories.a_merchant(slug="alpine", name="Alpine Outfitters")
    owner = factories.a_person("alice@example.com", merchant, "owner")
    Authenticator.objects.create(
        user=owner, type="totp", data={"secret": key_ring().encrypt(b"ABCDEFGH").decode(), "used": 1}
    )
    factories.a_look(merchant, logo=factories.a_png())
    factories.a_host(merchant)
    parcel = a_parcel(merchant=merchant)
    subscribed(parcel).stop_link_token()
    news(parcel, ARRIVED, now=NOW)
    factories.a_kept_picture(parcel, fetched_at=NOW)
    PrivateLink.objects.make(parcel, by=owner)
    state(parcel, by=owner, is_for_buyer=False, now=NOW)
    factories.an_invitation(merchant, by=owner, now=NOW)
    factories.a_draft("tracking number\n9400111899223197428490\n", merchant)
    mail.post(to="robin@example.com", kind="news", subject="News", text="It is there.", merchant=merchant)
    # An id that was given, and whose row is gone.
    Mail.objects.create(to="gone@example.com", kind="news", subject="Gone", text="Gone").delete()
    AuditEntry.objects.record("added", merchant, by=owner, source="page", after={"name": merchant.name})
    Throttle.objects.create(key="x" * 64, tries=1, ends_at=NOW)
    session: Any = SessionStore()
    session["signed"] = "in"
    session.save()
    return merchant


def use(database: str) -> None:
    """Let this process ask that database from now on."""
    connections.close_all()
    connection.settings_dict["NAME"] = database


@pytest.fixture(scope="session")
def copy(django_db_blocker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copy]:
    """A database that was filled, backed up and restored: none of pytest's own. Whoever spoils one of them undoes it."""
    own, databases = connection.settings_dict["NAME"], ExitStack()
    with django_db_blocker.unblock():
        source = databases.enter_context(migrated.copied())
        # Nobody may be in it when it is dropped.
        databases.callback(use, own)
        use(source)
        fill()
        backup = making.make(tmp_path_factory.mktemp("backups"), now=NOW, jobs=2, say=lambda words: None)
        manifest = restoring.readable(backup)
        restored = databases.enter_context(restoring.scratch_database())
        restoring.restore(backup, manifest, jobs=2, say=lambda words: None)
        use(own)
    yield Copy(backup, manifest, source, restored)
    with django_db_blocker.unblock():
        databases.close()


@pytest.fixture
def restored(copy: Copy, django_db_blocker: Any) -> Iterator[Copy]:
    """The restored database, asked by this test; whatever it does there is undone."""
    own = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        use(copy.restored)
        try:
            with transaction.atomic():
                yield copy
                transaction.set_rollback(True)
        finally:
            use(own)
