"""The commands: what they print, what they refuse, and what they leave behind when they are broken off."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.fernet import Fernet
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection, transaction

from shipments.backups import (
    catalogue,
    contents,
    evidence,
    making,
    programs,
    progress,
    restoring,
    sealed,
    verifying,
)
from shipments.backups.manifest import Manifest
from shipments.backups.programs import BackupError
from shipments.backups.verifying import GUARDS
from shipments.key_ring import fingerprint
from shipments.models import AuditEntry, Backup, Mail, Merchant, Subscription
from tests.backups.conftest import NOW, Copy, use


def quiet(_words: str) -> None:
    """Nothing is said."""


@pytest.fixture
def source(copy: Copy, django_db_blocker: Any) -> Iterator[Copy]:
    """The database that was backed up, asked by this test."""
    own = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        use(copy.source)
        try:
            yield copy
        finally:
            use(own)


@pytest.fixture
def backup(copy: Copy, tmp_path: Path) -> Path:
    """A copy of the backup, to be spoilt."""
    return Path(shutil.copytree(copy.backup, tmp_path / copy.backup.name))


def called(*words: str, **options: Any) -> tuple[str, str]:
    """What the command prints, and what it says meanwhile."""
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def databases(prefix: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE starts_with(datname, %s)", [prefix])
        return [name for (name,) in cursor.fetchall()]


def test_a_backup_is_made_and_rehearsed_by_two_commands(
    source: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Other tests rehearse on this server at the same time.
    mine = f"{restoring.REHEARSAL}{os.getpid()}_"
    monkeypatch.setattr(restoring, "REHEARSAL", mine)
    while_it_lasts: list[str] = []
    restore = restoring.restore

    def watched(*what: Any, **how: Any) -> Any:
        while_it_lasts.extend(databases(mine))
        return restore(*what, **how)

    monkeypatch.setattr(restoring, "restore", watched)
    printed, said = called("backup", str(tmp_path / "new"))
    backup = Path(printed.strip())
    assert backup.parent == tmp_path / "new"
    assert backup.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in backup.rglob("*") if file.is_file()} == {0o600}
    assert source.manifest.ring[0] in said
    printed, _said = called("restore", str(backup), rehearse=True)
    manifest = Manifest.read(backup)
    made_at = manifest.made_at
    assert printed.splitlines() == [
        f"The copy is whole: {manifest.rows:,} rows of {len(source.manifest.tables)} tables as of "
        f"{made_at:%Y-%m-%d %H:%M:%S} UTC, every digest, every key, every sequence.",
        "The rehearsal's database is dropped again.",
    ]
    assert len(while_it_lasts) == 1
    assert databases(mine) == []


def written(verb: str, manifest: Manifest) -> list[AuditEntry]:
    made_at = manifest.made_at.isoformat(timespec="seconds")
    return list(AuditEntry.objects.filter(verb=verb, after__made_at=made_at).order_by("id"))


def test_a_backup_and_its_rehearsals_are_noted_and_in_the_audit(source: Copy, tmp_path: Path) -> None:
    backup = Path(called("backup", str(tmp_path))[0].strip())
    manifest = Manifest.read(backup)
    noted = Backup.objects.get(made_at=manifest.made_at)
    assert (noted.name, noted.rows, noted.bytes) == (backup.name, manifest.rows, manifest.database_bytes)
    assert (noted.checked_at, noted.faults) == (None, None)
    (entry,) = written("backup made", manifest)
    assert (entry.source, entry.model, entry.row) == ("command", "shipments.Backup", str(noted.pk))
    assert entry.run_by != ""
    assert entry.after == {
        "made_at": manifest.made_at.isoformat(timespec="seconds"),
        "name": backup.name,
        "rows": manifest.rows,
        "older_ones_deleted": 0,
    }

    called("restore", str(backup), rehearse=True)
    noted.refresh_from_db()
    assert noted.checked_at is not None
    assert noted.faults == 0
    assert [each.after["faults"] for each in written("backup rehearsed", manifest)] == [0]


def test_a_rehearsal_that_finds_faults_is_noted_with_them(
    source: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backup = Path(called("backup", str(tmp_path))[0].strip())
    manifest, restore = Manifest.read(backup), restoring.restore

    def lossy(*args: Any, **more: Any) -> None:
        restore(*args, **more)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM shipments_mail")

    monkeypatch.setattr(restoring, "restore", lossy)
    with pytest.raises(CommandError, match="NOT whole: 1 fault,") as ended:
        called("restore", str(backup), rehearse=True)

    assert ended.value.returncode == 3
    noted = Backup.objects.get(made_at=manifest.made_at)
    assert noted.faults == 1
    assert [each.after["faults"] for each in written("backup rehearsed", manifest)] == [1]


def test_a_backup_of_which_nothing_is_known_here_is_rehearsed_and_written_down(
    source: Copy, copy: Copy
) -> None:
    called("restore", str(copy.backup), rehearse=True)
    (entry,) = written("backup rehearsed", copy.manifest)
    assert (entry.row, entry.after["name"]) == ("", copy.backup.name)
    assert not Backup.objects.filter(made_at=copy.manifest.made_at).exists()


def test_a_restored_database_knows_what_it_was_restored_from(
    source: Copy, copy: Copy, django_db_blocker: Any
) -> None:
    with restoring.scratch_database():
        printed, _said = called("restore", str(copy.backup))
        restored = Backup.objects.get()
        (entry,) = written("restored", copy.manifest)
    assert "The copy is whole" in printed
    assert (restored.made_at, restored.name, restored.faults) == (NOW, copy.backup.name, 0)
    assert (entry.source, entry.row, entry.after["mails_settled"]) == ("command", str(restored.pk), 1)


def test_a_copy_that_is_not_whole_is_not_written_into(
    source: Copy, copy: Copy, monkeypatch: pytest.MonkeyPatch
) -> None:
    restore = restoring.restore

    def lossy(*args: Any, **more: Any) -> None:
        restore(*args, **more)
        with connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM shipments_throttle; DELETE FROM shipments_note; DELETE FROM shipments_mail"
            )

    monkeypatch.setattr(restoring, "restore", lossy)
    with restoring.scratch_database():
        with pytest.raises(CommandError, match="NOT whole"):
            called("restore", str(copy.backup))
        assert not Backup.objects.exists()
        assert not written("restored", copy.manifest)


def test_a_backup_that_the_database_will_not_have_written_down_is_kept(source: Copy, tmp_path: Path) -> None:
    """Of a standby, or by a version that is ahead of the schema."""
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE shipments_backup RENAME TO elsewhere")
    try:
        printed, said = called("backup", str(tmp_path))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE elsewhere RENAME TO shipments_backup")
    assert Manifest.read(Path(printed.strip())).rows > 0
    assert "The backup is whole, and is not on the health page and in the audit" in said
    assert "(ProgrammingError)" in said
    assert not Backup.objects.filter(name=Path(printed.strip()).name).exists()


@pytest.mark.parametrize(
    ("options", "mails", "subscriptions"),
    [
        ({}, "1, held back; send or drop them on the health page of the back-office.", 1),
        ({"mails": "drop", "told_until": NOW}, "1, dropped.", 1),
        ({"mails": "send"}, "1, sent as soon as workers run, though most have gone out since.", None),
    ],
)
def test_a_restore_says_what_becomes_of_mails_and_of_what_buyers_were_told(
    source: Copy, options: dict[str, Any], mails: str, subscriptions: int | None
) -> None:
    with restoring.scratch_database():
        printed, _said = called("restore", str(source.backup), **options)
        held, due = Mail.objects.held().count(), Mail.objects.exclude(due_at=None).count()
        told_until = Subscription.objects.get().news_after

    lines = printed.splitlines()
    assert lines[1] == f"Mails that were waiting: {mails}"
    if subscriptions is None:
        assert lines[2:] == ["Read docs/deploy.md, “After a restore”, before you start workers."]
    else:
        assert lines[2] == (
            f"Subscriptions of buyers: {subscriptions}, written to again of what happens after {told_until:%Y-%m-%d %H:%M:%S} UTC."
        )
    assert (held, due) == {"drop": (0, 0), "send": (0, 1)}.get(options.get("mails", "hold"), (1, 0))


@pytest.mark.parametrize("moment", ["2026-11-25T14:00", "yesterday", "2999-01-01T00:00+00:00"])
def test_a_moment_that_cannot_be_is_refused_before_anything_is_done(source: Copy, moment: str) -> None:
    with pytest.raises(CommandError, match="told-until"):
        called("restore", str(source.backup), f"--told-until={moment}")


def test_neither_keys_nor_names_stand_in_the_manifest(source: Copy, settings) -> None:
    told = (source.backup / "manifest.json").read_text()
    for word in (
        "alice@example.com",
        "Alpine",
        settings.SECRET_KEY,
        *settings.CREDENTIAL_KEYS,
        "test-secret",
    ):
        assert word not in told
    clear = b"".join(file.read_bytes() for file in (source.backup / "database").iterdir())
    assert not any(key.encode() in clear for key in settings.CREDENTIAL_KEYS)


def test_what_is_written_while_a_backup_is_made_is_in_neither_half_of_it(
    source: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dump and manifest are of one moment: a row written between the two would make every copy look spoilt."""
    really = programs.running

    def busy(*arguments: Any, **options: Any) -> Any:
        with psycopg.connect(**_reach(), autocommit=True) as other:
            other.execute("UPDATE shipments_merchant SET name = 'Meanwhile'")
        return really(*arguments, **options)

    monkeypatch.setattr("shipments.backups.making.running", busy)
    backup = making.make(tmp_path, now=NOW, jobs=2, say=quiet)
    assert Merchant.objects.get().name == "Meanwhile"
    Merchant.objects.update(name="Alpine Outfitters")
    manifest = restoring.readable(backup)
    with restoring.scratch_database():
        restoring.restore(backup, manifest, jobs=1, say=quiet)
        assert list(verifying.verify(manifest, quiet)) == []
        assert Merchant.objects.get().name == "Alpine Outfitters"


def _reach() -> dict[str, Any]:
    params = connection.get_connection_params()
    return {name: params[name] for name in ("host", "port", "dbname", "user") if name in params}


def test_a_backup_that_is_broken_off_leaves_nothing_and_the_next_one_works(
    source: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(contents, "windows", full)
        with pytest.raises(OSError, match="No space left"):
            making.make(tmp_path, now=NOW, jobs=1, say=quiet)
    assert [each.name for each in tmp_path.iterdir()] == [".lock"]
    # One that was killed could not clear up after itself.
    killed = tmp_path / ".trackingsite-20260101T000000Z.unfinished"
    killed.mkdir()
    backup = making.make(tmp_path, now=NOW, jobs=1, say=quiet)
    assert sorted(each.name for each in tmp_path.iterdir()) == [".lock", backup.name]


def test_a_backup_that_is_asked_to_stop_ends_with_its_program_and_leaves_nothing(
    source: Copy, tmp_path: Path
) -> None:
    with psycopg.connect(**_reach()) as holder:
        # The dump waits behind it, for as long as the test likes.
        holder.execute("LOCK TABLE django_session")
        with subprocess.Popen(
            [sys.executable, "-c", _BACKUP_OF, source.source, str(tmp_path)],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
            stderr=subprocess.PIPE,
            text=True,
        ) as backup:
            try:
                give_up_at = time.monotonic() + 60
                while not _waiting_dumps() and backup.poll() is None and time.monotonic() < give_up_at:
                    time.sleep(0.1)
                assert _waiting_dumps() > 0
                backup.terminate()
                _out, said = backup.communicate(timeout=60)
            finally:
                backup.kill()
    assert (backup.returncode, said) == (1, "Stopped. No backup was made.")
    assert _waiting_dumps() == 0
    assert [each.name for each in tmp_path.iterdir()] == [".lock"]


_BACKUP_OF = """
import sys, django
django.setup()
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
connection.settings_dict["NAME"] = sys.argv[1]
try:
    call_command("backup", sys.argv[2])
except CommandError as exc:
    sys.stderr.write(str(exc))
    sys.exit(1)
"""


def _waiting_dumps() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pg_dump' AND datname = current_database() "
            "AND wait_event_type = 'Lock'"
        )
        return int(cursor.fetchone()[0])


def test_a_dump_that_fails_says_why(source: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(making, "DUMP", "missing/database")
    with pytest.raises(CommandError) as failed:
        call_command("backup", str(tmp_path))
    assert str(failed.value).startswith("pg_dump ended with 1: pg_dump: error: could not create directory")
    assert str(failed.value).endswith("No backup was made.")
    assert [each.name for each in tmp_path.iterdir()] == [".lock"]


def test_a_table_that_a_migration_holds_is_not_waited_for_for_ever(
    source: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(making, "_LOCK_PATIENCE", "300ms")
    with psycopg.connect(**_reach()) as migration:
        migration.execute("LOCK TABLE shipments_merchant")
        with pytest.raises(CommandError) as failed:
            call_command("backup", str(tmp_path))
    assert str(failed.value) == (
        "Somebody, such as a migration, has held a table for more than 300ms. Try again when that is over. No backup was made."
    )
    assert [each.name for each in tmp_path.iterdir()] == [".lock"]


def test_two_backups_in_one_folder_do_not_meet(source: Copy, tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="Another backup is being made"):
            call_command("backup", str(tmp_path))


def test_a_folder_that_cannot_be_written_is_refused(source: Copy, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(
        CommandError, match=r"Nothing can be written into .*: Not a directory\. No backup was made\."
    ):
        call_command("backup", str(tmp_path / "file" / "backups"))


def test_old_backups_go_and_whatever_else_is_there_stays(copy: Copy, tmp_path: Path) -> None:
    for day in (1, 2, 3):
        folder = tmp_path / f"trackingsite-2026030{day}T000000Z"
        folder.mkdir()
        (folder / "manifest.json").touch()
    (tmp_path / "trackingsite-of-mine").mkdir()
    (tmp_path / "other").mkdir()
    assert [each.name for each in making.drop_old(tmp_path, 2)] == ["trackingsite-20260301T000000Z"]
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        ".lock", "other", "trackingsite-20260302T000000Z", "trackingsite-20260303T000000Z", "trackingsite-of-mine",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["keep", "jobs"])
def test_nonsense_numbers_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("backup", str(tmp_path), **{name: 0})
    assert (str(refused.value), refused.value.returncode) == (f"--{name} must be 1 or more.", 2)


def test_a_database_that_is_not_empty_is_left_as_it_is(source: Copy) -> None:
    with pytest.raises(CommandError, match=r"^The database is not empty, and nothing was changed in it\."):
        call_command("restore", str(source.backup))
    assert Merchant.objects.get().name == "Alpine Outfitters"


def test_a_folder_that_is_no_backup_is_refused(copy: Copy, tmp_path: Path) -> None:
    for command in ("restore", "verify_restore"):
        with pytest.raises(CommandError, match=r"is not a backup: it has no manifest\.json"):
            call_command(command, str(tmp_path))


@pytest.mark.parametrize("spoil", ["cut", "change", "later"])
def test_a_manifest_that_was_spoilt_is_refused(backup: Path, spoil: str) -> None:
    file = backup / "manifest.json"
    told = file.read_text()
    content = json.loads(told)
    if spoil == "cut":
        file.write_text(told[:-100])
    elif spoil == "change":
        content["tables"]["shipments_merchant"]["0"]["rows"] = 2
        file.write_text(json.dumps(content))
    else:
        content["layout"] = 2
        file.write_text(json.dumps(content))
    with pytest.raises(BackupError) as refused:
        Manifest.read(backup)
    assert {"cut": "cannot be read", "change": "not as it was written", "later": "made by another version"}[
        spoil
    ] in str(refused.value)


@pytest.mark.parametrize("spoil", ["gone", "changed"])
def test_a_spoilt_file_of_the_dump_is_found_before_anything_is_restored(backup: Path, spoil: str) -> None:
    file = backup / "database" / "toc.dat"
    if spoil == "gone":
        file.unlink()
    else:
        file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(CommandError) as refused:
        call_command("restore", str(backup))
    assert "missing or not as they were written, such as database/toc.dat." in str(refused.value)
    assert str(refused.value).endswith("Nothing was done.")


def test_a_backup_of_a_newer_version_is_refused(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalogue, "known_migrations", lambda: copy.manifest.migrations[:-1])
    with pytest.raises(CommandError, match="Install the version that made it, or a newer one"):
        call_command("restore", str(copy.backup))


def test_a_missing_key_is_named_before_anything_is_restored(copy: Copy, settings) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(CommandError) as refused:
        call_command("restore", str(copy.backup))
    assert str(refused.value).startswith(
        f"CREDENTIAL_KEYS lacks the key with the fingerprint {copy.manifest.ring[0]} "
    )
    assert "say --keys-are-lost" in str(refused.value)
    assert restoring.readable(copy.backup, keys_are_lost=True) == copy.manifest


def test_a_copy_that_is_not_whole_ends_with_3_and_the_faults(restored: Copy) -> None:
    Merchant.objects.update(name="Alpine")
    out = StringIO()
    with pytest.raises(CommandError) as ended:
        call_command("verify_restore", str(restored.backup), stdout=out, stderr=StringIO())
    assert (ended.value.returncode, str(ended.value)[:40]) == (3, "The copy is NOT whole: 1 fault, told abo")
    assert out.getvalue().splitlines() == [
        "FAULT  shipments_merchant (keys 0 to 49,999): as many rows as in the backup (1), but not with the same content."
    ]


def test_without_a_backup_a_database_at_work_is_checked_against_itself(source: Copy) -> None:
    printed, _said = called("verify_restore")
    assert printed.startswith("The database agrees with itself:")


def test_fingerprints_tell_keys_apart_and_nothing_else(source: Copy, settings) -> None:
    old, new = settings.CREDENTIAL_KEYS[0], Fernet.generate_key().decode()
    settings.CREDENTIAL_KEYS = [new, old]
    out = StringIO()
    with pytest.raises(CommandError, match="An older key is still needed"):
        call_command("rotate_credential_keys", check=True, stdout=out)
    newest, oldest, *_where = out.getvalue().splitlines()
    assert newest == f"key {fingerprint(new)} (newest): 0"
    assert oldest.startswith(f"key {fingerprint(old)}: ")
    assert len(fingerprint(new)) == 8


def test_an_empty_database_does_not_keep_the_ring_from_being_told(source: Copy, settings) -> None:
    (key,) = settings.CREDENTIAL_KEYS
    with (
        restoring.scratch_database(),
        pytest.raises(CommandError, match=f"On the ring, the newest first: {fingerprint(key)}."),
    ):
        called("rotate_credential_keys", check=True)


def test_every_encrypted_field_is_looked_at() -> None:
    labels = {column.label for column in sealed.columns()}
    assert {"shipments_credential.secret", "shipments_mail.text", "mfa_authenticator.data"} <= labels
    assert set(sealed.DIGESTS) <= {(column.table, column.name) for column in sealed.columns()}


@pytest.mark.django_db
def test_the_guards_and_digests_that_are_looked_for_exist() -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        parts = catalogue.parts(cursor)
    assert set(GUARDS) <= set(parts)
    for kept in evidence.KEPT:
        assert {f"column {kept.table}.{name}" for name in (kept.pk, kept.data, kept.digest)} <= set(parts)


def test_programs_hear_of_the_database_by_variables_and_of_no_secret_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SECRET_KEY", "hidden")
    monkeypatch.setenv("PGSSLROOTCERT", "/etc/ssl/db.pem")
    monkeypatch.setattr(
        connection,
        "get_connection_params",
        lambda: {
            "host": "db.example",
            "password": "p w",
            "dbname": "track",
            "sslmode": "verify-full",
            "cursor_factory": object,
        },
    )
    environment = programs.environment()
    assert environment["PGPASSWORD"] == "p w"
    assert (environment["PGHOST"], environment["PGSSLMODE"]) == ("db.example", "verify-full")
    assert environment["PGSSLROOTCERT"] == "/etc/ssl/db.pem"
    assert (
        not set(environment)
        - {"PATH", "HOME", "LC_ALL"}
        - {name for name in environment if name.startswith("PG")}
    )
    assert os.environ["SECRET_KEY"] == "hidden"


def test_the_programs_of_the_servers_version_come_first_then_newer_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from trackingsite.postgres import programs as all_programs

    have = [all_programs.Binaries(Path(str(major)), major) for major in (18, 15, 17)]
    monkeypatch.setattr(all_programs, "_all_clients", lambda: iter(have))
    assert [programs.clients(major)[1] for major in (15, 16, 17, 18)] == [15, 17, 17, 18]
    with pytest.raises(
        BackupError, match="pg_dump and pg_restore of PostgreSQL 19 or newer are needed; found: 15, 17, 18"
    ):
        programs.clients(19)


def test_progress_is_told_of_long_work_alone() -> None:
    said: list[str] = []
    now = iter([0.0, 1.0, 6.0, 7.0, 12.5])
    told = progress.Progress(said.append, "shipments_scanevent", 1_000_000, clock=lambda: next(now)).told
    for rows in (100, 200_000, 300_000, 400_000):
        told(rows)
    assert said == [
        "shipments_scanevent: 200,000 of about 1,000,000 rows",
        "shipments_scanevent: 400,000 of about 1,000,000 rows",
    ]
