"""`manage.py drop_audit_months`."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from shipments.management.commands import drop_audit_months
from shipments.models import AuditEntry, audit_months
from tests.models.test_audit import TABLE, write

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(f"{drop_audit_months.__name__}.timezone.now", lambda: NOW)


def run(*arguments: str, **options: Any) -> str:
    said = io.StringIO()
    call_command("drop_audit_months", *arguments, stdout=said, **options)
    return said.getvalue()


def old_months() -> None:
    """Two of January 2024, one of March; and one of 2025 that is too young."""
    AuditEntry.objects.make_months(datetime(2024, 1, 1, tzinfo=UTC), ahead=2)
    AuditEntry.objects.make_months(datetime(2025, 4, 1, tzinfo=UTC), ahead=0)
    for at in ("2024-01-01 00:00+00", "2024-01-31 23:59:59.999999+00", "2024-03-05", "2025-04-02"):
        write(at, row=at)


def kept() -> list[str]:
    return [str(month) for month in audit_months.months(TABLE) if month.first.year < 2026]


def test_months_before_the_one_named_go_and_each_is_written_down() -> None:
    old_months()

    said = run("--before", "2024-03", "--yes")

    assert said == "2024-01: 2 entries\n2024-02: 0 entries\n2024-01 is dropped.\n2024-02 is dropped.\n"
    assert kept() == ["2024-03", "2025-04"]
    told = AuditEntry.objects.filter(verb="dropped").order_by("id")
    assert [(entry.source, entry.before, entry.after) for entry in told] == [
        ("command", {"month": "2024-01", "entries": 2}, {"exported_to": ""}),
        ("command", {"month": "2024-02", "entries": 0}, {"exported_to": ""}),
    ]
    assert sorted(AuditEntry.objects.exclude(verb="dropped").values_list("row", flat=True)) == [
        "2024-03-05",
        "2025-04-02",
    ]


def test_they_are_taken_along_first_to_the_last_entry(tmp_path: Path) -> None:
    old_months()
    file = tmp_path / "audit.jsonl"

    run("--before", "2024-04", "--yes", "--export", str(file))

    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["row"] for line in lines] == [
        "2024-03-05",
        "2024-01-31 23:59:59.999999+00",
        "2024-01-01 00:00+00",
    ]
    assert file.stat().st_mode & 0o777 == 0o600
    assert {entry.after["exported_to"] for entry in AuditEntry.objects.filter(verb="dropped")} == {
        "audit.jsonl"
    }


def test_a_file_that_is_there_is_left_alone_and_so_is_the_audit(tmp_path: Path) -> None:
    old_months()
    file = tmp_path / "audit.jsonl"
    file.write_text("of last year")

    with pytest.raises(CommandError, match=r"is there already; name a new file\. Nothing was dropped"):
        run("--before", "2024-04", "--yes", "--export", str(file))

    assert file.read_text() == "of last year"
    assert kept() == ["2024-01", "2024-02", "2024-03", "2025-04"]


def test_a_file_that_cannot_be_written_drops_nothing(tmp_path: Path) -> None:
    old_months()

    with pytest.raises(CommandError, match="cannot be written"):
        run("--before", "2024-04", "--yes", "--export", str(tmp_path / "no" / "such" / "folder"))

    assert "2024-01" in kept()


def test_a_file_that_misses_an_entry_drops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old_months()
    monkeypatch.setattr("shipments.bulk.audit_file.lines", lambda entries, kind: iter([b"{}\n"]))

    with pytest.raises(CommandError, match=r"has 1 of 3 entries\. Nothing was dropped"):
        run("--before", "2024-04", "--yes", "--export", str(tmp_path / "audit.jsonl"))

    assert "2024-01" in kept()


@pytest.mark.parametrize(
    ("before", "says"),
    [
        ("2025-04", "the last 13 months stay; 2025-03 is the latest that may be named"),
        ("2027-01", "the last 13 months stay"),
        ("2024-13", "a month is written as 2025-01"),
        ("2024-1", "a month is written as 2025-01"),
        ("; DROP TABLE x", "a month is written as 2025-01"),
    ],
)
def test_a_month_that_is_too_young_or_none_is_refused(before: str, says: str) -> None:
    old_months()

    with pytest.raises(CommandError, match=says) as refused:
        run("--before", before, "--yes")

    assert refused.value.returncode == 2
    assert len(kept()) == 4


def test_a_dry_run_says_what_would_go_and_changes_nothing() -> None:
    old_months()

    assert (
        run("--before", "2024-03", "--dry-run")
        == "2024-01: 2 entries\n2024-02: 0 entries\nNothing was dropped.\n"
    )
    assert len(kept()) == 4
    assert AuditEntry.objects.filter(verb="dropped").exists() is False


@pytest.mark.parametrize(("typed", "dropped"), [("yes\n", True), ("y\n", False), ("", False)])
def test_it_asks_first(monkeypatch: pytest.MonkeyPatch, typed: str, dropped: bool) -> None:
    old_months()
    answers = io.StringIO(typed)
    monkeypatch.setattr(answers, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdin", answers)

    if dropped:
        assert "Drop 2 months for good?" in run("--before", "2024-03")
    else:
        with pytest.raises(CommandError, match="Nothing was dropped"):
            run("--before", "2024-03")

    assert ("2024-01" not in kept()) is dropped


def test_with_nobody_to_ask_it_has_to_be_said(monkeypatch: pytest.MonkeyPatch) -> None:
    old_months()
    monkeypatch.setattr("sys.stdin", io.StringIO("yes\n"))

    with pytest.raises(CommandError, match="say --yes"):
        run("--before", "2024-03")


def test_entries_without_a_month_of_their_own_go_as_well() -> None:
    write("2023-06-05", row="astray")

    said = run("--before", "2024-01", "--yes")

    assert "Entries that had no month and have theirs now: 1." in said
    assert "2023-06 is dropped." in said
    assert AuditEntry.objects.filter(row="astray").exists() is False


def test_where_there_is_nothing_so_old_it_says_so() -> None:
    assert run("--before", "2020-01", "--yes") == "The audit has no months before 2020-01.\n"
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_inherits WHERE inhparent = %s::regclass", [TABLE])
        assert cursor.fetchone()[0] >= 13
