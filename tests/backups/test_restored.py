"""A restore, rehearsed with real PostgreSQL: what is whole is found whole, and what is spoilt is named."""

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from shipments.backups import catalogue, contents, restoring
from shipments.backups.verifying import verify
from shipments.key_ring import fingerprint
from shipments.models import Mail
from shipments.models.notices import DROPPED, HELD
from tests.backups.conftest import NOW, Copy


def found(copy: Copy | None) -> list[tuple[str, str]]:
    """What is said of the database."""
    manifest = None if copy is None else copy.manifest
    return [(each.kind, each.words) for each in verify(manifest, lambda words: None)]


def do(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_restored_copy_is_whole(restored: Copy) -> None:
    assert found(restored) == []
    assert found(None) == []


def test_every_store_with_a_digest_or_a_key_was_filled(restored: Copy) -> None:
    rows = {
        table: sum(w.rows for w in windows.values()) for table, windows in restored.manifest.tables.items()
    }
    for table in (
        "shipments_answer", "shipments_scanevent", "shipments_shipment", "shipments_proofpicture", "shipments_look",
        "shipments_statement", "shipments_privatelink", "shipments_subscription", "shipments_mail", "mfa_authenticator",
        "shipments_carrieraccount", "django_session", "shipments_user",
    ):  # fmt: skip
        assert rows[table] > 0, table
    assert sum(count for table, count in rows.items() if table.startswith("shipments_auditentry_")) == 1
    assert "shipments_throttle" not in rows


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        ("DELETE FROM django_session", "django_session (all rows): 1 of 1 rows missing."),
        (
            "DELETE FROM shipments_scanevent WHERE id = (SELECT min(id) FROM shipments_scanevent)",
            "shipments_scanevent (keys 0 to 49,999): 1 of 3 rows missing.",
        ),
        (
            "INSERT INTO shipments_note (id, merchant_id, shipment_id, text, made_at) SELECT 60000, merchant_id, id, 'x', now() "
            "FROM shipments_shipment; ALTER SEQUENCE shipments_note_id_seq RESTART 60001",
            "shipments_note (keys 50,000 to 99,999): rows: 1, and 0 in the backup.",
        ),
        (
            "UPDATE shipments_merchant SET name = 'Alpine Outfitter'",
            "shipments_merchant (keys 0 to 49,999): as many rows as in the backup (1), but not with the same content.",
        ),
        (
            "UPDATE shipments_answer SET body = set_byte(body, 12, get_byte(body, 12) # 1) WHERE id = 1",
            "carriers' answers: of 2 looked at, 1 not as the digest says, such as row 1.",
        ),
        (
            "UPDATE shipments_proofpicture SET data = set_byte(data, 12, get_byte(data, 12) # 1)",
            "pictures of deliveries: of 1 looked at, 1 not as the digest says, such as row 1.",
        ),
        (
            "UPDATE shipments_look SET logo = logo || '\\x00'",
            "logos: of 1 looked at, 1 not as the digest says, such as row 1.",
        ),
        (
            "UPDATE shipments_statement SET digest = repeat('0', 64)",
            "shipments_statement.document: values that are not what their digest says: 1, such as row 1.",
        ),
        (
            "UPDATE shipments_privatelink SET token_sha256 = repeat('0', 64)",
            "shipments_privatelink.token: values that are not what their digest says: 1, such as row 1.",
        ),
        (
            "UPDATE shipments_credential SET secret = left(secret, -4) || 'AAA='",
            "shipments_credential.secret: encrypted values that cannot be read with this key ring: 1, such as row 1.",
        ),
        (
            "ALTER SEQUENCE shipments_shipment_id_seq RESTART 1",
            "The sequence shipments_shipment_id_seq stands at 0, but shipments_shipment.id has been given ids up to 1: new rows "
            "would meet old ids.",
        ),
        (
            "DROP TRIGGER audit_is_append_only ON shipments_auditentry",
            "The trigger shipments_auditentry.audit_is_append_only is missing.",
        ),
        (
            "ALTER TABLE shipments_auditentry DISABLE TRIGGER audit_is_not_emptied",
            "The trigger shipments_auditentry.audit_is_not_emptied is defined in another way than in the backup: "
            "CREATE TRIGGER audit_is_not_emptied BEFORE TRUNCATE ON public.shipments_auditentry FOR EACH STATEMENT "
            "EXECUTE FUNCTION shipments_audit_is_append_only() (not enabled)",
        ),
        (
            "ALTER TABLE shipments_auditentry DETACH PARTITION shipments_auditentry_default",
            "The partition shipments_auditentry_default is missing.",
        ),
        ("DROP INDEX proof_due_idx", "The index proof_due_idx is missing."),
        (
            "ALTER TABLE shipments_answer DROP CONSTRAINT answer_kind_is_known",
            "The constraint shipments_answer.answer_kind_is_known is missing.",
        ),
        (
            "ALTER TABLE shipments_answer DROP CONSTRAINT answer_kind_is_known; ALTER TABLE shipments_answer ADD CONSTRAINT "
            "answer_kind_is_known CHECK (kind <> '') NOT VALID",
            "The constraint shipments_answer.answer_kind_is_known is defined in another way than in the backup: "
            "CHECK (((kind)::text <> ''::text)) NOT VALID (its rows were never checked)",
        ),
        (
            "CREATE OR REPLACE FUNCTION shipments_audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN RETURN NEW; END'",
            "The function shipments_audit_is_append_only() is defined in another way than in the backup: ",
        ),
        (
            "DELETE FROM django_migrations WHERE app = 'shipments' AND name LIKE '0001%'",
            "Migration shipments.0001_the_store_of_facts was applied when the backup was made, and is not here.",
        ),
        (
            "INSERT INTO django_migrations (app, name, applied) VALUES ('shipments', '9999_of_tomorrow', now())",
            "Migration shipments.9999_of_tomorrow is not known to this version. Run the version that made the backup, or a "
            "newer one.",
        ),
    ],
)  # fmt: skip
def test_what_is_spoilt_is_named(restored: Copy, spoil: str, says: str) -> None:
    do(spoil)
    faults = [words for kind, words in found(restored) if kind == "fault"]
    assert [words for words in faults if words.startswith(says)], faults


@pytest.mark.parametrize(
    "spoil",
    [
        "UPDATE shipments_answer SET body = '\\x00' WHERE id = 1",
        "ALTER SEQUENCE shipments_shipment_id_seq RESTART 1",
        "DROP TRIGGER audit_is_append_only ON shipments_auditentry",
        "ALTER TABLE shipments_shipment DISABLE TRIGGER tally_added",
        "UPDATE mfa_authenticator SET data = jsonb_set(data::jsonb, '{secret}', '\"gAAAAABpAAAA\"')",
    ],
)
def test_a_database_that_disagrees_with_itself_needs_no_backup_to_be_found(
    restored: Copy, spoil: str
) -> None:
    do(spoil)
    assert [kind for kind, _words in found(None)] == ["fault"]


def test_a_sequence_may_not_be_behind_what_it_gave_although_the_row_is_gone(restored: Copy) -> None:
    """Ids of deleted rows stand in the audit and in mails: they are never given again."""
    given = restored.manifest.sequences["shipments_mail_id_seq"]
    highest = next(each.highest for each in sequences() if each.name == "shipments_mail_id_seq")
    assert highest < given
    do(f"ALTER SEQUENCE shipments_mail_id_seq RESTART {highest + 1}")
    ((kind, words),) = found(restored)
    assert (kind, words.split(":")[0]) == (
        "fault",
        f"The sequence shipments_mail_id_seq stands at {highest}, but shipments_mail.id has been given ids up to {given}",
    )


def sequences() -> list[catalogue.Sequence]:
    with connection.cursor() as cursor:
        return catalogue.sequences(cursor)


def test_a_wrong_key_ring_is_found_and_the_missing_key_named(restored: Copy, settings) -> None:
    (used,) = restored.manifest.ring
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    ring = fingerprint(settings.CREDENTIAL_KEYS[0])
    faults = [words for _kind, words in found(restored)]
    values = restored.manifest.needed_keys[used]
    assert faults[-1].startswith(
        f"CREDENTIAL_KEYS lacks the key with the fingerprint {used} (values it reads: {values}). The ring has {ring}."
    )
    assert (
        "mfa_authenticator.data: encrypted values that cannot be read with this key ring: 1, such as row 1."
        in faults
    )


def test_a_key_that_went_back_behind_the_newest_reads_everything(restored: Copy, settings) -> None:
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *settings.CREDENTIAL_KEYS]
    assert found(restored) == []


def test_another_secret_key_is_noted(restored: Copy, settings) -> None:
    settings.SECRET_KEY = "another"
    ((kind, words),) = found(restored)
    assert (kind, words.split(":")[0]) == ("note", "SECRET_KEY is another than when the backup was made")


def test_many_faults_of_one_kind_are_counted_not_listed(restored: Copy) -> None:
    do("DELETE FROM django_migrations WHERE app = 'shipments'")
    migrations = [
        words for _kind, words in found(restored) if words.startswith(("Migration shipments.", "... and"))
    ]
    assert len(migrations) == 11
    assert migrations[-1].endswith("more like this.")


def test_a_digest_does_not_depend_on_where_rows_lie_nor_on_how_the_session_spells(restored: Copy) -> None:
    do("SET LOCAL TimeZone = 'America/New_York'")
    do("SET LOCAL DateStyle = 'German'")
    do("CREATE TEMP TABLE moved AS SELECT * FROM shipments_scanevent ORDER BY id DESC")
    with connection.cursor() as cursor:
        contents.spell_alike(cursor)
        table = contents.Table("moved", None, 0)
        ((_name, window),) = contents.windows(cursor, table)
    assert window == restored.manifest.tables["shipments_scanevent"]["0"]


def test_an_empty_database_is_told_from_a_spoilt_one(restored: Copy) -> None:
    do("DROP TABLE django_migrations")
    assert found(restored) == [
        (
            "fault",
            "There is nothing in this database. Restore a backup into it first: manage.py restore BACKUP",
        )
    ]


def test_mails_that_were_waiting_are_held_for_a_person_to_send(restored: Copy) -> None:
    assert Mail.objects.exclude(due_at=None).count() == 1
    assert restoring.settle_mails(restoring.HOLD, told_until=None) == (1, 0)
    assert set(Mail.objects.given_up().values_list("error", flat=True)) == {HELD}
    assert Mail.objects.exclude(due_at=None).count() == 0

    assert Mail.objects.held().begin_anew(NOW) == 1
    mail = Mail.objects.get(due_at=NOW)
    assert (mail.to, mail.error, mail.text) == ("robin@example.com", "", "It is there.")


def test_mails_that_were_waiting_are_dropped_or_sent_where_that_is_said(restored: Copy) -> None:
    assert restoring.settle_mails(restoring.SEND, told_until=None) == (1, 0)
    assert Mail.objects.exclude(due_at=None).count() == 1
    assert restoring.settle_mails(restoring.DROP, told_until=None) == (1, 0)
    dropped = Mail.objects.get(error=DROPPED)
    assert (dropped.to, dropped.text, dropped.due_at, dropped.sent_at) == ("", "", None, None)
    assert (Mail.objects.held().count(), dropped.send_again(NOW)) == (0, False)
