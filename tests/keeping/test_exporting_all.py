"""All data of a merchant in one archive: whole, readable without us, and without anything that opens something."""

import hashlib
import io
import json
import re
import stat
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from shipments.enums import ErasedBy, Kept, WorkState
from shipments.fields import EncryptedTextField
from shipments.keeping import erasing, export_of_merchant, exporting_all, receipts
from shipments.keeping.belongings import belongings
from shipments.keeping.emptying import empty
from shipments.models import (
    AuditEntry,
    CarrierAccount,
    Erasure,
    ExportChunk,
    ExportedFile,
    ExportPart,
    Mail,
    Merchant,
    MerchantExport,
    PrivateLink,
    ProofPicture,
    Shipment,
    Statement,
    Subscription,
    User,
)
from tests.factories import a_merchant, a_person, a_shipment, keys_of
from tests.keeping.furnished import a_furnished_merchant

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several parts and pieces also of what is small."""
    monkeypatch.setattr("shipments.models.exports.PARCELS_A_STEP", 2)
    monkeypatch.setattr(exporting_all, "PARCELS_A_STEP", 2)
    monkeypatch.setattr(exporting_all, "CHUNK", 700)


def made(merchant: Merchant, by: User | None = None) -> MerchantExport:
    job, _is_new = exporting_all.start(merchant, by, timezone.now())
    exporting_all.work_on(job.pk)
    job.refresh_from_db()
    return job


def later(job: MerchantExport) -> None:
    """When the lease of who did the last step has ended, another worker goes on."""
    MerchantExport.objects.filter(pk=job.pk).update(leased_until=timezone.now())
    exporting_all.work_on(job.pk)


def archive_of(job: MerchantExport) -> zipfile.ZipFile:
    content = b"".join(job.pieces())
    assert len(content) == job.size
    return zipfile.ZipFile(io.BytesIO(content))


def rows(archive: zipfile.ZipFile, folder: str) -> list[dict[str, Any]]:
    names = sorted(name for name in archive.namelist() if re.fullmatch(rf"{folder}/\d+\.jsonl", name))
    return [json.loads(line) for name in names for line in archive.read(name).decode().splitlines()]


def test_what_the_manifest_says_is_what_is_there() -> None:
    merchant = a_furnished_merchant(slug="acme", name="Acme Goods")
    a_furnished_merchant(slug="another")

    archive = archive_of(made(merchant))

    assert archive.testzip() is None
    manifest = json.loads(archive.read("manifest.json"))
    assert manifest["merchant"] == {"slug": "acme", "name": "Acme Goods"}
    assert (manifest["format"], manifest["version"]) == ("trackingsite merchant export", 1)
    listed = {file["name"]: file for file in manifest["files"]}
    assert set(listed) | {"manifest.json"} == set(archive.namelist())
    for name, file in listed.items():
        content = archive.read(name)
        assert (file["bytes"], file["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        if name.endswith(".jsonl"):
            assert file["rows"] == len(content.decode().splitlines())
    assert sum(file["rows"] for file in listed.values()) == sum(manifest["rows"].values())


def test_every_row_of_the_merchant_is_in_it_once_and_none_of_anybody_else() -> None:
    merchant = a_furnished_merchant(slug="acme")
    a_furnished_merchant(slug="another")

    archive = archive_of(made(merchant))

    for section in export_of_merchant.sections():
        if section.model in {Merchant, AuditEntry, Mail}:
            continue
        belonging = next(one for one in belongings() if one.model is section.model)
        keys = sorted(belonging.of_merchant(merchant.pk).values_list("pk", flat=True))
        found = [row[section.key] for row in rows(archive, section.folder)]
        assert (section.folder, sorted(found)) == (section.folder, keys)
        assert keys != []
    assert [row["slug"] for row in rows(archive, "merchant")] == ["acme"]
    assert {row["merchant"] for row in rows(archive, "audit")} <= {merchant.pk}


def test_every_model_of_merchants_has_a_section_or_a_reason_for_none() -> None:
    sections = {section.model for section in export_of_merchant.sections()}
    without = {one.label for one in belongings() if one.model not in sections}
    assert without == set(export_of_merchant.LEFT_OUT)
    folders = [section.folder for section in export_of_merchant.sections()]
    assert len(folders) == len(set(folders))


def test_nothing_that_opens_something_is_in_it() -> None:
    merchant = a_furnished_merchant(slug="acme")
    shipment = Shipment.objects.filter(merchant=merchant).first()
    assert shipment is not None
    link = PrivateLink.objects.make(shipment)
    subscription = Subscription.objects.get(merchant=merchant)
    stop = subscription.stop_link_token()
    Mail.objects.filter(merchant=merchant).update(unsubscribe_url=f"https://x.example/mail/{stop}")
    account = CarrierAccount.objects.filter(merchant=merchant).first()
    assert account is not None
    password = User.objects.get(email="olga@acme.example").password

    archive = archive_of(made(merchant))

    everything = b"\n".join(archive.read(name) for name in archive.namelist()).decode(errors="replace")
    for secret in (
        *(word for pair in keys_of(account) for word in pair if word),
        link.token,
        stop,
        password,
        link.token_sha256,
    ):
        assert secret not in everything
    # And whatever is kept encrypted, other than what a statement says.
    for section in export_of_merchant.sections():
        hidden = {
            field.name
            for field in section.model._meta.concrete_fields
            if isinstance(field, EncryptedTextField)
        }
        assert hidden & set(section.columns) == ({"document"} if section.model is Statement else set())
    assert "Fernet" not in everything
    assert "gAAAA" not in everything


def test_it_holds_what_people_need_of_it() -> None:
    merchant = a_furnished_merchant(slug="acme")
    Subscription.objects.filter(merchant=merchant).update(email="rita@example.com")

    archive = archive_of(made(merchant))

    parcels = rows(archive, "shipments")
    assert {(row["recipient_name"], row["order_number"]) for row in parcels} == {("Rita Buyer", "A-1")}
    assert [row["email"] for row in rows(archive, "subscriptions")] == ["rita@example.com"]
    assert [row["document"] for row in rows(archive, "statements")] == [{"said": "of the parcel"}]
    assert [row["user__email"] for row in rows(archive, "people")] == ["olga@acme.example"]
    picture = ProofPicture.objects.get(merchant=merchant)
    (row,) = rows(archive, "pictures")
    assert hashlib.sha256(archive.read(row["file"])).hexdigest() == picture.sha256 == row["sha256"]
    answers = rows(archive, "answers")
    assert all(json.loads(row["body"])["said"] for row in answers)
    readme = archive.read("README.txt").decode()
    for section in export_of_merchant.sections():
        assert f"{section.folder}/" in readme
        assert section.about != ""


def test_a_worker_that_was_killed_is_followed_by_one_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    merchant = a_furnished_merchant()
    job, _is_new = exporting_all.start(merchant, None, timezone.now())
    for _done in range(3):
        assert exporting_all.step(job.pk, timezone.now()) is True
    with monkeypatch.context() as killed:
        killed.setattr(exporting_all._Kept, "flush", _killed)
        with pytest.raises(KeyboardInterrupt):
            exporting_all.step(job.pk, timezone.now())

    later(job)

    job.refresh_from_db()
    assert job.state == WorkState.DONE
    archive = archive_of(job)
    assert archive.testzip() is None
    assert [row["id"] for row in rows(archive, "shipments")] == sorted(
        Shipment.objects.filter(merchant=merchant).values_list("pk", flat=True)
    )


def _killed(*args: Any) -> None:
    raise KeyboardInterrupt


def test_parcels_that_are_added_after_it_has_begun_are_not_in_it() -> None:
    merchant = a_merchant()
    first = a_shipment(merchant)
    job, _is_new = exporting_all.start(merchant, None, timezone.now())
    exporting_all.step(job.pk, timezone.now())
    a_shipment(merchant)

    later(job)

    job.refresh_from_db()
    assert [row["id"] for row in rows(archive_of(job), "shipments")] == [first.pk]
    assert (job.total, job.done) == (1, 1)


def test_a_section_that_is_larger_than_a_step_is_divided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exporting_all, "ROWS", 2)
    monkeypatch.setattr(export_of_merchant, "ROWS", 2)
    monkeypatch.setattr(exporting_all, "rows_after", _two_at_a_time)
    merchant = a_merchant()
    for number in range(5):
        a_person(f"person-{number}@example.com", merchant)

    archive = archive_of(made(merchant))

    names = [name for name in archive.namelist() if name.startswith("people/")]
    assert names == ["people/00001.jsonl", "people/00002.jsonl", "people/00003.jsonl"]
    assert len(rows(archive, "people")) == 5


def _two_at_a_time(section: Any, merchant_id: int, after_id: int) -> Iterator[dict[str, Any]]:
    return export_of_merchant.rows_after(section, merchant_id, after_id, 2)


def test_one_export_at_a_time() -> None:
    merchant = a_merchant()
    job, is_new = exporting_all.start(merchant, None, timezone.now())

    assert (is_new, exporting_all.start(merchant, None, timezone.now())) == (True, (job, False))


def test_who_asked_is_told_and_the_audit_says_so() -> None:
    merchant = a_merchant(slug="acme", name="Acme Goods")
    olga = a_person("olga@example.com", merchant, "owner")

    job = made(merchant, olga)

    mail = Mail.objects.get()
    assert (mail.to, mail.kind) == ("olga@example.com", "export-ready")
    assert "/app/acme/settings/export/" in mail.text
    entry = AuditEntry.objects.get(verb="exported all data")
    assert (entry.person, entry.merchant, entry.after) == (
        olga.pk,
        merchant.pk,
        {"files": job.files, "bytes": job.size},
    )


def test_the_file_is_dropped_after_a_week() -> None:
    job = made(a_furnished_merchant())
    now = timezone.now()
    assert job.can_be_fetched(now + timedelta(days=6, hours=23)) is True
    MerchantExport.objects.forget_old(now + timedelta(days=6, hours=23))
    assert ExportChunk.objects.filter(export=job).count() == job.chunks > 1

    MerchantExport.objects.forget_old(now + timedelta(days=7, seconds=1))

    job.refresh_from_db()
    assert job.can_be_fetched(now) is False
    for model in (ExportChunk, ExportedFile, ExportPart):
        assert model.objects.filter(export=job).exists() is False


def _buyer_of(merchant: Merchant) -> Shipment:
    return Shipment.objects.filter(merchant=merchant, recipient_name="Rita Buyer").order_by("pk")[0]


def _erase(number: str) -> Erasure:
    erasure = erasing.begin(ErasedBy.NUMBER, number, None, asked_by=None, now=timezone.now())
    assert erasing.work(timezone.now()) is True
    erasure.refresh_from_db()
    return erasure


def test_a_file_in_which_an_erased_buyer_stands_is_dropped_and_nobody_elses() -> None:
    merchant, other = a_furnished_merchant(), a_furnished_merchant()
    job, theirs = made(merchant), made(other)

    erasure = _erase(_buyer_of(merchant).lookup_key)

    for one in (job, theirs):
        one.refresh_from_db()
    now = timezone.now()
    assert (job.can_be_fetched(now), job.error, theirs.can_be_fetched(now)) == (False, "erased", True)
    assert not ExportChunk.objects.filter(export=job).exists()
    assert (erasure.counts["exports"], erasure.merchants) == (1, [merchant.pk])
    assert "1 file with all data of a merchant, dropped or made anew" in receipts.text_of(erasure)


def test_what_was_erased_by_age_or_wish_leaves_its_digests_in_the_archive() -> None:
    merchant = a_furnished_merchant()
    ids = list(Shipment.objects.filter(merchant=merchant).values_list("pk", flat=True))
    empty(ids, Kept.PERSONAL, timezone.now(), days=None)

    archive = archive_of(made(merchant))

    assert {row["body"] for row in rows(archive, "answers")} == {None}
    assert {len(row["sha256"]) for row in rows(archive, "answers")} == {64}
    (picture,) = rows(archive, "pictures")
    assert (picture["file"], "is_kept" in picture, len(picture["sha256"])) == (None, False, 64)
    assert [name for name in archive.namelist() if name.startswith("pictures/") and "jsonl" not in name] == []


def test_a_file_that_is_being_made_when_a_buyer_is_erased_begins_anew_without_them() -> None:
    merchant = a_furnished_merchant()
    job, _is_new = exporting_all.start(merchant, None, timezone.now())
    assert exporting_all.step(job.pk, timezone.now()) is True
    assert exporting_all.step(job.pk, timezone.now()) is True
    assert ExportChunk.objects.filter(export=job).exists()

    gone = _buyer_of(merchant)
    _erase(gone.lookup_key)

    later(job)
    job.refresh_from_db()
    assert (job.state, job.expired, job.error) == (WorkState.DONE, False, "")
    told = {row["number"]: row["recipient_name"] for row in rows(archive_of(job), "shipments")}
    assert told.pop(gone.number) == ""
    assert "Rita Buyer" in told.values()
    assert job.done == job.total == Shipment.objects.filter(merchant=merchant).count()


def test_an_export_that_kills_every_worker_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    job, _is_new = exporting_all.start(a_merchant(), None, timezone.now())
    MerchantExport.objects.filter(pk=job.pk).update(tries=exporting_all.MOST_TRIES)

    exporting_all.work_on(job.pk)

    job.refresh_from_db()
    assert (job.state, job.error) == (WorkState.FAILED, "unexpected")


# ---- Into a file ---------------------------------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_the_command_writes_the_same_into_a_file(tmp_path: Path) -> None:
    merchant = a_furnished_merchant(slug="acme")
    target, out = tmp_path / "acme.zip", StringIO()

    call_command("export_merchant", "acme", str(target), stdout=out)

    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["acme.zip"]
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        assert manifest["rows"]["shipments"] == 3 == len(rows(archive, "shipments"))
        in_database = archive_of(made(merchant))
        same = [name for name in archive.namelist() if name.startswith(("shipments/", "scans/", "answers/"))]
        assert same != []
        for name in same:
            assert archive.read(name) == in_database.read(name)
    assert out.getvalue().startswith("All data of acme: ")


@pytest.mark.django_db(transaction=True)
def test_the_command_leaves_a_file_that_is_there_alone(tmp_path: Path) -> None:
    a_merchant(slug="acme")
    target = tmp_path / "acme.zip"
    target.write_text("precious")

    with pytest.raises(CommandError, match="is there already"):
        call_command("export_merchant", "acme", str(target))

    assert target.read_text() == "precious"


@pytest.mark.django_db(transaction=True)
def test_a_place_that_cannot_be_written_is_told_in_words(tmp_path: Path) -> None:
    a_merchant(slug="acme")

    with pytest.raises(CommandError, match="could not be written"):
        call_command("export_merchant", "acme", str(tmp_path / "none" / "acme.zip"))
