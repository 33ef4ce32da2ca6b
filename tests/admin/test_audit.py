"""The audit in the back-office: searched, narrowed down by day, taken along as a file; and the history of a row."""

import csv
import io
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from django.contrib.admin.models import LogEntry
from django.http import StreamingHttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shipments.models import AuditEntry, Merchant, MerchantDeletion, User
from tests.factories import a_merchant, a_person, a_shipment, an_account
from tests.models.test_audit import write

pytestmark = pytest.mark.django_db

LIST = reverse("admin:shipments_auditentry_changelist")
EXPORT = reverse("admin:shipments_auditentry_export")


@pytest.fixture
def olga() -> User:
    return a_person("olga@example.com", is_staff=True, is_superuser=True)


@pytest.fixture
def operator(olga: User, signed_in: Callable[[User], Client]) -> Client:
    return signed_in(olga)


def rows(client: Client, **query: str) -> list[str]:
    """The rows of the entries that the list shows, in its order."""
    return [entry.row for entry in client.get(LIST, query).context["cl"].result_list]


def exported(client: Client, kind: str, **query: str) -> bytes:
    response = client.post(
        f"{EXPORT}?{'&'.join(f'{name}={value}' for name, value in query.items())}", {"format": kind}
    )
    assert response.status_code == 200
    return b"".join(cast(Iterable[bytes], cast(StreamingHttpResponse, response).streaming_content))


# ---- Looked for


@pytest.fixture
def entries(olga: User, merchant: Merchant) -> None:
    """One of each kind; their rows name them."""
    write("2026-03-01 10:00+00", row="by-olga", person=olga.pk)
    write("2026-03-02 10:00+00", row="at-alpine", merchant=merchant.pk)
    write("2026-03-03 10:00+00", row="from-there", address="192.0.2.7", source="admin")
    write("2026-03-04 10:00+00", row="USPS", verb="second factor taken away")
    write("2026-03-05 23:59:59+00", row="12345", model="shipments.Shipment")
    write("2026-03-06 00:00+00", row="of-a-command", source="command", run_by="deploy@host")


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(
    ("q", "found"),
    [
        ("olga@example.com", ["by-olga"]),
        ("OLGA@example.com", ["by-olga"]),
        ("deploy@host", ["of-a-command"]),
        ("alpine", ["at-alpine"]),
        ("192.0.2.7", ["from-there"]),
        ("192.0.2.0/24", ["from-there"]),
        ("198.51.100.0/24", []),
        ("2001:db8::/32", []),
        ("Carrier:USPS", ["USPS"]),
        ("shipments.Carrier:USPS", ["USPS"]),
        ("Shipment", ["12345"]),
        ("shipments.Shipment", ["12345"]),
        ("12345", ["12345"]),
        ('"second factor taken away"', ["USPS"]),
        ('Carrier "second factor taken away"', ["USPS"]),
        ("Shipment alpine", []),
        ("nobody@example.com", []),
        ('"', []),
        ("1.2.3.4/99", []),
    ],
)
def test_words_find_by_who_whose_where_what_and_did(operator: Client, q: str, found: list[str]) -> None:
    assert rows(operator, q=q) == found


@pytest.mark.usefixtures("entries")
def test_a_merchant_that_was_deleted_is_still_found_and_called_by_its_short_name(
    operator: Client, merchant: Merchant
) -> None:
    now = timezone.now()
    deletion = MerchantDeletion.ask(merchant, by=None, due_at=now, suspends=True, now=now)
    # Somebody else has taken the name meanwhile.
    Merchant.objects.filter(pk=merchant.pk).update(slug="alpine-gone")
    other = a_merchant(slug="alpine")
    write("2026-03-07 10:00+00", row="at-the-new-one", merchant=other.pk)
    assert rows(operator, q="alpine") == ["at-the-new-one"]

    MerchantDeletion.objects.filter(pk=deletion.pk).update(begun_at=now, finished_at=now)
    merchant.delete()

    assert rows(operator, q="alpine") == ["at-the-new-one", "at-alpine"]
    assert exported(operator, "csv", q="alpine").decode().count(",alpine,added,") == 2


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"since": "2026-03-05"}, ["of-a-command", "12345"]),
        ({"until": "2026-03-01"}, ["by-olga"]),
        ({"since": "2026-03-05", "until": "2026-03-05"}, ["12345"]),
        ({"source": "admin"}, ["from-there"]),
        ({"source": "command", "since": "2026-03-01"}, ["of-a-command"]),
        ({"q": "alpine", "since": "2026-03-03"}, []),
    ],
)
def test_days_and_sources_narrow_down(operator: Client, query: dict[str, str], found: list[str]) -> None:
    assert rows(operator, **query) == found


@pytest.mark.usefixtures("entries")
@pytest.mark.parametrize("day", ["yesterday", "2026-02-30", "0001-01-01", "9999-12-31", "'", "2026-03"])
def test_a_day_that_is_none_is_named_at_its_field_and_narrows_nothing(operator: Client, day: str) -> None:
    page = operator.get(LIST, {"since": day})

    assert page.status_code == 200
    assert "A day is written as 2026-03-06." in page.content.decode()
    assert len(page.context["cl"].result_list) == 6


@pytest.mark.usefixtures("entries")
def test_a_last_day_before_the_first_is_named(operator: Client) -> None:
    page = operator.get(LIST, {"since": "2026-03-05", "until": "2026-03-01"}).content.decode()

    assert "This is before the first day." in page


@pytest.mark.usefixtures("entries")
def test_narrowing_by_day_keeps_what_was_looked_for(operator: Client) -> None:
    page = operator.get(LIST, {"q": "Carrier", "source": "admin"}).content.decode()

    assert '<input type="hidden" name="q" value="Carrier">' in page
    assert '<input type="hidden" name="source" value="admin">' in page


def test_the_list_takes_as_many_statements_for_fifty_entries_as_for_one(
    operator: Client, merchant: Merchant, django_assert_max_num_queries: Any
) -> None:
    for _ in range(50):
        AuditEntry.objects.record("changed", merchant, source="page", merchant=merchant)
    with django_assert_max_num_queries(6):
        assert len(rows(operator)) == 50


# ---- Taken along


@pytest.mark.usefixtures("entries")
def test_what_is_found_is_exported_as_csv_and_the_export_is_written_down(
    operator: Client, olga: User
) -> None:
    text = exported(operator, "csv", since="2026-03-05", q="olga@example.com").decode()
    assert text == (
        "\ufeffat,id,person,person_email,run_by,source,address,merchant,merchant_slug,verb,model,row,before,after\r\n"
    )

    text = exported(operator, "csv", until="2026-03-01").decode("utf-8-sig")

    (line,) = csv.DictReader(io.StringIO(text))
    assert (line["at"], line["row"], line["person"], line["person_email"], line["after"]) == (
        "2026-03-01T10:00:00.000000+00:00",
        "by-olga",
        str(olga.pk),
        "olga@example.com",
        "{}",
    )
    told = AuditEntry.objects.filter(verb="exported").order_by("id")
    assert [(entry.person, entry.source, entry.row, entry.after) for entry in told] == [
        # What is looked for may be somebody's address.
        (olga.pk, "admin", "", {"format": "csv", "since": "2026-03-05", "q": "•••"}),
        (olga.pk, "admin", "", {"format": "csv", "until": "2026-03-01"}),
    ]


def test_json_lines_hold_before_and_after_as_they_are(operator: Client, merchant: Merchant) -> None:
    AuditEntry.objects.record(
        "changed",
        merchant,
        source="page",
        merchant=merchant,
        before={"name": "Ä"},
        after={"name": '"B"', "days": 3},
    )

    (line,) = exported(operator, "jsonl").decode().splitlines()

    entry = json.loads(line)
    assert (entry["before"], entry["after"], entry["merchant_slug"]) == (
        {"name": "Ä"},
        {"name": '"B"', "days": 3},
        "alpine",
    )


def test_no_spreadsheet_runs_what_stands_in_a_cell(operator: Client) -> None:
    write("2026-03-01", row="=HYPERLINK(1)", verb="@SUM(1)")

    (line,) = csv.DictReader(io.StringIO(exported(operator, "csv").decode("utf-8-sig")))

    assert (line["row"], line["verb"]) == ("'=HYPERLINK(1)", "'@SUM(1)")


def test_a_file_of_several_pieces_has_every_entry_once(
    operator: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shipments.bulk.audit_file.CHUNK", 3)
    # Several at one moment, across the edge of a piece.
    for place in range(10):
        write("2026-03-01" if place < 6 else "2026-03-02", row=str(place))

    lines = [json.loads(line)["row"] for line in exported(operator, "jsonl").splitlines()]

    assert lines == ["9", "8", "7", "6", "5", "4", "3", "2", "1", "0"]


def test_what_is_done_while_a_file_is_made_is_not_in_it(operator: Client, merchant: Merchant) -> None:
    AuditEntry.objects.record("added", merchant, source="page")
    response = operator.post(EXPORT, {"format": "jsonl"})
    AuditEntry.objects.record("changed", merchant, source="page")

    lines = b"".join(
        cast(Iterable[bytes], cast(StreamingHttpResponse, response).streaming_content)
    ).splitlines()

    assert [json.loads(line)["verb"] for line in lines] == ["added"]


@pytest.mark.parametrize(
    ("sent", "query", "says"),
    [
        ({}, "", "A file is made as CSV or as JSON lines."),
        ({"format": "exe"}, "", "A file is made as CSV or as JSON lines."),
    ],
)
def test_an_export_that_cannot_be_made_says_why_on_the_list(
    operator: Client, sent: dict[str, str], query: str, says: str
) -> None:
    response = operator.post(EXPORT + query, sent, follow=True)

    assert says in response.content.decode()
    assert AuditEntry.objects.filter(verb="exported").exists() is False


def test_two_exports_at_once_are_as_many_as_one_person_has(operator: Client) -> None:
    held = [operator.post(EXPORT, {"format": "csv"}) for _ in range(2)]

    refused = operator.post(EXPORT, {"format": "csv"}, follow=True)

    assert "As many files as can be are being made." in refused.content.decode()
    for response in held:
        # To its end, as a browser would: until then a file holds its slot.
        assert b"".join(cast(Iterable[bytes], cast(StreamingHttpResponse, response).streaming_content))
    assert exported(operator, "csv")


def test_who_may_look_and_not_export_has_no_button(signed_in: Callable[[User], Client]) -> None:
    from django.contrib.auth.models import Permission

    reader = a_person("rita@example.com", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_auditentry"))
    client = signed_in(reader)

    assert "Export as CSV" not in client.get(LIST).content.decode()
    assert client.post(EXPORT, {"format": "csv"}).status_code == 403


# ---- The history of a row


def test_the_history_of_a_row_is_what_the_audit_has_of_it(
    operator: Client, olga: User, merchant: Merchant
) -> None:
    AuditEntry.objects.record(
        "changed",
        merchant,
        by=olga,
        source="page",
        address="192.0.2.7",
        before={"name": "A"},
        after={"name": "B"},
    )
    AuditEntry.objects.record(
        "changed", Merchant(pk=merchant.pk + 1), source="page", after={"name": "Another's"}
    )

    page = operator.get(reverse("admin:shipments_merchant_history", args=[merchant.pk])).content.decode()

    for told in (
        "olga@example.com",
        "page · 192.0.2.7",
        "name: A",
        "name: B",
        f"?q=Merchant%3A{merchant.pk}",
    ):
        assert told in page
    assert "Another" not in page


def test_a_row_nobody_has_touched_says_so(operator: Client, merchant: Merchant) -> None:
    page = operator.get(
        reverse("admin:shipments_shipment_history", args=[a_shipment(merchant).pk])
    ).content.decode()

    assert "Nothing was done to it by a person or a command" in page


def test_of_a_long_history_the_newest_are_shown(operator: Client, merchant: Merchant) -> None:
    for place in range(101):
        AuditEntry.objects.record("changed", merchant, source="page", after={"place": f"no-{place}-"})

    page = operator.get(reverse("admin:shipments_merchant_history", args=[merchant.pk])).content.decode()

    assert "no-100-" in page
    assert "no-0-" not in page
    assert "These are the newest 100." in page


def test_the_link_to_the_audit_is_for_who_may_open_it(
    merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    from django.contrib.auth.models import Permission

    reader = a_person("rita@example.com", is_staff=True)
    reader.user_permissions.set(Permission.objects.filter(codename="view_merchant"))

    page = (
        signed_in(reader)
        .get(reverse("admin:shipments_merchant_history", args=[merchant.pk]))
        .content.decode()
    )

    assert "Look for it in the audit" not in page


def test_djangos_own_log_is_not_written(operator: Client, merchant: Merchant) -> None:
    """It would tell the same again, with names in clear, and can be changed."""
    account = an_account(merchant)
    operator.post(
        reverse("admin:shipments_user_add"),
        {
            "email": "vera@example.com",
            "name": "Vera Sample",
            "usable_password": "true",
            "password1": "a long enough phrase",
            "password2": "a long enough phrase",
        },
    )
    vera = User.objects.get(email="vera@example.com")
    operator.post(
        reverse("admin:shipments_user_change", args=[vera.pk]),
        {"email": vera.email, "name": "V", "is_active": "on"},
    )
    operator.post(reverse("admin:shipments_carrieraccount_delete", args=[account.pk]), {"post": "yes"})

    assert [entry.verb for entry in AuditEntry.objects.order_by("id")] == ["added", "changed", "deleted"]
    assert LogEntry.objects.count() == 0


def test_an_entry_shows_its_moment_and_values(operator: Client, olga: User, merchant: Merchant) -> None:
    entry = AuditEntry.objects.record("changed", merchant, by=olga, source="admin", after={"name": "B"})

    page = operator.get(reverse("admin:shipments_auditentry_change", args=[entry.pk])).content.decode()

    assert "olga@example.com" in page
    assert "&quot;name&quot;: &quot;B&quot;" in page
    assert entry.at <= datetime.now(UTC)
