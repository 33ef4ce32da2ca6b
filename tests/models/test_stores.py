"""What the database itself refuses, keeps secret and counts."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.serializers.base import DeserializationError
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.utils import timezone

from shipments.fields import WrongKeyRing
from shipments.models import (
    AuditEntry,
    Credential,
    Heartbeat,
    Membership,
    PrivateLink,
    ScanEvent,
    Shipment,
    StatusMapping,
    Throttle,
    User,
)
from shipments.models.accounts import clean_base_url
from shipments.models.credentials import ending_of
from tests.factories import a_merchant, a_person, a_shipment, an_account, keys_of

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)
HOSTS = ("apis.usps.com", "api.example.com", "2606:4700::1111")


def test_a_secret_is_ciphertext_in_the_database_and_plain_in_python():
    account = an_account(a_merchant(), key="my-key-abcd", secret="my-secret-wxyz")
    with connection.cursor() as cursor:
        cursor.execute("SELECT key, secret FROM shipments_credential")
        stored = " ".join(cursor.fetchone())
    assert "my-" not in stored
    again = Credential.objects.live().with_secrets().get()
    assert (again.account, again.key, again.secret, again.ending) == (
        account,
        "my-key-abcd",
        "my-secret-wxyz",
        "abcd",
    )
    for shown in (repr(again), repr(again.key), repr([again.secret]), repr(vars(again)), str(again)):
        assert "my-" not in shown


def test_a_dump_of_the_data_holds_ciphertext_and_is_read_back():
    an_account(a_merchant(), key="my-key-abcd", secret="my-secret-wxyz")
    out = StringIO()
    call_command("dumpdata", "shipments.Credential", stdout=out)
    dumped = out.getvalue()
    assert "my-" not in dumped
    assert dumped.count("encrypted:gAAAA") == 2

    (loaded,) = serializers.deserialize("json", dumped)
    loaded.save()

    (read,) = Credential.objects.all().with_secrets()
    assert (read.key, read.secret) == ("my-key-abcd", "my-secret-wxyz")


def test_a_dump_that_another_ring_wrote_is_refused_in_words(settings):
    an_account(None)
    out = StringIO()
    call_command("dumpdata", "shipments.Credential", stdout=out)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    with pytest.raises(DeserializationError, match="Put the key that was used back on the ring"):
        list(serializers.deserialize("json", out.getvalue()))


def test_a_key_too_short_to_show_a_part_of_shows_none():
    assert (ending_of("abcd123"), ending_of("abcd1234")) == ("", "1234")


def test_a_new_key_in_front_reads_what_the_old_one_wrote(settings):
    account = an_account(None)
    old = settings.CREDENTIAL_KEYS
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode(), *old]
    assert keys_of(account) == [("test-key-1234", "test-secret-5678")]


def test_a_key_ring_without_the_right_key_says_what_to_do_and_shows_nothing(settings):
    account = an_account(None)
    settings.CREDENTIAL_KEYS = [Fernet.generate_key().decode()]
    # Whatever needs no secret goes on.
    assert account.credentials.get().ending == "1234"
    with pytest.raises(WrongKeyRing, match="Put the key that was used back on the ring") as caught:
        keys_of(account)
    assert caught.value.__cause__ is None
    assert "gAAAA" not in str(caught.value)


@pytest.mark.parametrize(
    ("over", "constraint"),
    [
        ({"number": "94-00"}, "shipment_number_is_canonical"),
        ({"number": "abcd"}, "shipment_number_is_canonical"),
        ({"number": "ABC"}, "shipment_number_is_canonical"),
        ({"lifecycle": "ended"}, "shipment_end_has_a_reason"),
        ({"end_reason": "settled"}, "shipment_end_has_a_reason"),
    ],
)
def test_the_database_refuses_nonsense_about_a_shipment(over, constraint):
    shipment = a_shipment()
    with pytest.raises(IntegrityError, match=constraint), transaction.atomic():
        Shipment.objects.filter(pk=shipment.pk).update(**over)


def test_one_parcel_stands_once_per_merchant_carrier_number_and_instance():
    shipment = a_shipment()
    same = {
        "merchant": shipment.merchant,
        "carrier_id": "USPS",
        "number": shipment.number,
        "number_as_typed": "x",
        "lookup_key": "x",
    }
    with pytest.raises(IntegrityError, match="parcel_once_per_merchant"), transaction.atomic():
        Shipment.objects.create(**same)
    Shipment.objects.create(**same, instance=2)
    Shipment.objects.create(**{**same, "merchant": a_merchant()})
    assert Shipment.objects.count() == 3


def test_a_person_stands_once_whatever_the_case_of_the_address():
    a_person("Dana@example.com")
    with pytest.raises(IntegrityError, match="shipments_user_email"), transaction.atomic():
        a_person("dana@example.com")
    assert User.objects.get_by_natural_key("DANA@EXAMPLE.COM").email == "dana@example.com"


def test_a_person_has_one_role_per_merchant():
    merchant = a_merchant()
    user = a_person("dana@example.com", merchant)
    with pytest.raises(IntegrityError, match="person_once_per_merchant"), transaction.atomic():
        Membership.objects.create(user=user, merchant=merchant, role="owner")


def test_a_mapping_names_a_code_a_text_or_a_status_word():
    with pytest.raises(IntegrityError, match="mapping_names_some_word"), transaction.atomic():
        StatusMapping.objects.create(carrier_id="USPS", status="Delivered")


def test_the_audit_refuses_updates_and_deletes():
    entry = AuditEntry.objects.record("added", a_shipment(), source="command")
    with pytest.raises(DatabaseError, match="append-only: UPDATE"), transaction.atomic():
        AuditEntry.objects.filter(pk=entry.pk).update(verb="forged")
    with pytest.raises(DatabaseError, match="append-only: DELETE"), transaction.atomic():
        AuditEntry.objects.filter(pk=entry.pk).delete()
    assert AuditEntry.objects.get(pk=entry.pk).verb == "added"


def test_the_audit_masks_secrets_and_personal_data_when_written():
    entry = AuditEntry.objects.record(
        "changed", an_account(None), source="admin", address="203.0.113.9",
        before={"secret": "old", "recipient_name": "", "environment": "test"}, after={"secret": "new", "is_active": False, "key": "k"},
    )  # fmt: skip
    entry = AuditEntry.objects.get(pk=entry.pk)
    assert entry.before == {"secret": "•••", "recipient_name": "", "environment": "test"}
    assert entry.after == {"secret": "•••", "is_active": False, "key": "•••"}
    assert entry.address == "203.0.113.9"


def partitions(like: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relname LIKE %s AND relkind = 'r' ORDER BY 1", [like]
        )
        return [name for (name,) in cursor.fetchall()]


def test_months_of_the_audit_are_partitions_and_made_once():
    for _ in range(2):
        AuditEntry.objects.make_months(datetime(2041, 11, 30, tzinfo=UTC), ahead=2)
    assert partitions("shipments_auditentry_204%") == [
        "shipments_auditentry_2041_11",
        "shipments_auditentry_2041_12",
        "shipments_auditentry_2042_01",
    ]


def test_the_months_of_a_year_are_there_from_the_first_day():
    assert f"shipments_auditentry_{timezone.now():%Y_%m}" in partitions("shipments_auditentry_2%")
    assert len(partitions("shipments_auditentry_20%")) >= 13


def test_a_month_that_came_too_late_does_not_keep_the_others_from_being_made():
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO shipments_auditentry (at, source, verb, model, row, before, after)"
            " VALUES ('2051-05-05', 'page', 'added', 'x', '1', '{}', '{}')"
        )
    AuditEntry.objects.make_months(datetime(2051, 5, 1, tzinfo=UTC), ahead=1)
    assert partitions("shipments_auditentry_205%") == ["shipments_auditentry_2051_06"]


def test_the_audit_cannot_be_emptied():
    with (
        pytest.raises(DatabaseError, match="append-only: TRUNCATE"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("TRUNCATE shipments_auditentry")


def test_the_newest_of_scans_at_one_moment_is_the_one_higher_in_the_carriers_list():
    shipment = a_shipment()
    rows = [
        ScanEvent(
            shipment=shipment, merchant=shipment.merchant, fingerprint=str(position), local_date=NOW.date(), ordered_at=NOW,
            known_by="place", status="Unknown", position=position,
        )
        for position in (2, 0, 1)
    ]  # fmt: skip
    ScanEvent.objects.bulk_create(rows)
    assert [scan.position for scan in ScanEvent.objects.newest_first()] == [2, 1, 0]


def test_a_private_link_is_found_by_its_token_until_it_is_revoked():
    link = PrivateLink.objects.make(a_shipment())
    assert len(link.token) * 4 == 192
    assert PrivateLink.objects.live(link.token) == link
    assert PrivateLink.objects.live(link.token[:-1]) is None
    assert (link.revoke(NOW), link.revoke(NOW)) == (True, False)
    assert PrivateLink.objects.live(link.token) is None


def test_the_token_of_a_private_link_is_not_in_the_database_in_clear():
    link = PrivateLink.objects.make(a_shipment())
    with connection.cursor() as cursor:
        cursor.execute("SELECT link::text FROM shipments_privatelink AS link")
        assert link.token not in cursor.fetchone()[0]


def test_a_throttle_counts_each_whom_for_itself_and_anew_in_the_next_window():
    def tries(whom: str, now: datetime = NOW) -> bool:
        return Throttle.objects.allows("postal-code", whom, limit=2, per=timedelta(days=1), now=now)

    assert [tries("9400"), tries("9400"), tries("9400")] == [True, True, False]
    assert tries("9401")
    assert tries("9400", NOW + timedelta(days=1))
    assert Throttle.objects.forget_ended(NOW + timedelta(days=1, hours=1)) == 2
    assert Throttle.objects.count() == 1


def test_the_last_beat_is_the_newest():
    assert Heartbeat.objects.last_beat() is None
    Heartbeat.objects.beat(NOW)
    Heartbeat.objects.beat(NOW + timedelta(seconds=1))
    assert Heartbeat.objects.last_beat() == NOW + timedelta(seconds=1)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("https://apis.usps.com", "https://apis.usps.com"),
        (" https://api.example.com:8443/ ", "https://api.example.com:8443"),
        ("https://[2606:4700::1111]:444", "https://[2606:4700::1111]:444"),
    ],
)
def test_an_address_is_kept_as_scheme_host_and_port(text, clean):
    assert clean_base_url(text, private_allowed=False, hosts=HOSTS) == clean


@pytest.mark.parametrize(
    "text",
    [
        "http://apis.usps.com", "https://127.0.0.1", "https://10.1.2.3", "https://localhost:8", "https://[::1]", "https://printer",
        "https://169.254.169.254", "https://db.internal", "https://[::ffff:10.0.0.1]", "https://[::ffff:a00:1]", "https://0x7f.1",
        "https://0x7f000001", "https://0177.0.0.1", "https://2130706433", "https://127.0.0.1.", "https://localhost.",
    ],
)  # fmt: skip
def test_private_and_plain_addresses_are_for_simulators_only(text):
    with pytest.raises(ValidationError):
        clean_base_url(text, private_allowed=False, hosts=HOSTS)
    assert clean_base_url(text, private_allowed=True, hosts=HOSTS) == text


@pytest.mark.parametrize("private_allowed", [False, True])
@pytest.mark.parametrize("text", [
    "https://usps.com.evil.example", "https://usps.com", "https://8.8.8.8", "https://0x8.8.8.8", "https://134744072", "https://evil.example%2eapis.usps.com",
    "https://apis.usps.com%00.evil.example", "https://apis.usps.com,evil.example", "https://xapis.usps.com", "https://[2001:4860:4860::8888]",
])  # fmt: skip
def test_keys_are_sent_to_listed_hosts_only(text, private_allowed):
    with pytest.raises(ValidationError, match=r"is not a host that keys may be sent to\. These are: apis"):
        clean_base_url(text, private_allowed=private_allowed, hosts=HOSTS)


@pytest.mark.parametrize(
    "text",
    ["", "file:///etc/passwd", "ftp://host", "https://", "https://user:pw@host.example", "https://host.example/path",
     "https://host.example?x=1", "https://host.example:99999", "https://apis.usps.com@evil.example", "https://@apis.usps.com",
     "https://:pw@apis.usps.com", "https://apis.usps.com\\@evil.example", "https://apis.usps.com#@evil.example", "https://[::1", "https://apis。usps.com",
     "//apis.usps.com", "https:apis.usps.com", "https:///apis.usps.com"],
)  # fmt: skip
def test_what_is_no_address_of_a_host_is_refused_even_for_simulators(text):
    with pytest.raises(ValidationError):
        clean_base_url(text, private_allowed=True, hosts=HOSTS)
