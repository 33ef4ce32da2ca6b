"""Erasing from a terminal: what is looked for stands in no command line."""

import io
import json
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from shipments.models import AuditEntry, Erasure, Shipment, Subscription
from tests.factories import a_merchant
from tests.keeping.people import EMAIL, MARK, a_known_parcel

pytestmark = pytest.mark.django_db


def _erase(monkeypatch: pytest.MonkeyPatch, typed: str, *arguments: str) -> str:
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    said = io.StringIO()
    call_command("erase", *arguments, stdout=said)
    return said.getvalue()


def test_what_is_read_from_standard_input_is_erased_and_a_receipt_printed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shipment = a_known_parcel()
    said = _erase(monkeypatch, f"{shipment.number}\n", "--number", "--yes", "--on-the-way")
    assert Shipment.objects.get().recipient_name == ""
    assert str(Erasure.objects.get().public_id) in said
    assert "- the address Q•••@example.com" in said
    assert MARK not in said
    assert shipment.number not in said
    assert AuditEntry.objects.get().source == "command"


@pytest.mark.parametrize(
    ("typed", "arguments", "words"),
    [
        ("{number}", ("--number", "--yes"), "still on their way"),
        ("{number}", ("--number", "--on-the-way"), "say --yes"),
        ("nobody", ("--email", "--yes"), "An e-mail address has"),
        ("{number}", ("--number", "--yes", "--merchant", "nobody"), "no merchant"),
    ],
)
def test_without_a_clear_word_nothing_is_erased(
    monkeypatch: pytest.MonkeyPatch, typed: str, arguments: tuple[str, ...], words: str
) -> None:
    shipment = a_known_parcel()
    with pytest.raises(CommandError, match=words):
        _erase(monkeypatch, typed.format(number=shipment.number), *arguments)
    assert not Erasure.objects.exists()


def test_only_the_address(monkeypatch: pytest.MonkeyPatch) -> None:
    a_known_parcel(a_merchant(slug="alpine"))
    _erase(monkeypatch, EMAIL, "--email", "--only-address", "--yes", "--merchant", "alpine")
    assert Shipment.objects.get().recipient_name == f"Ada {MARK}"
    assert Subscription.objects.get().email is None


def test_after_a_restore_what_was_recorded_is_erased_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    shipment = a_known_parcel()
    _erase(monkeypatch, shipment.number, "--number", "--yes", "--on-the-way")
    record = _erase(monkeypatch, "", "--record")
    assert [json.loads(line)["by"] for line in record.splitlines()] == ["number"]
    assert shipment.number not in record
    kept = tmp_path / "erasures.jsonl"
    kept.write_text(record)

    Erasure.objects.all().delete()
    Shipment.objects.update(recipient_name="Ada", erased_parts=0)
    said = _erase(monkeypatch, "", "--again", str(kept))
    assert said == "Erasures done again: 1; for 0 there is nothing to erase.\n"
    assert Shipment.objects.get().recipient_name == ""


@pytest.mark.parametrize("content", ["{", "[]", '{"by": "number"}', "x"])
def test_another_file_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str) -> None:
    (tmp_path / "other").write_text(content)
    with pytest.raises(CommandError, match="no file that --record has written"):
        _erase(monkeypatch, "", "--again", str(tmp_path / "other"))
