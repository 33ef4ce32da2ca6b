"""Rows of imported files that name a buyer go, and nothing else of the file does."""

from datetime import timedelta

import pytest
from django.utils import timezone

from shipments.bulk import importing, receiving
from shipments.enums import ErasedBy, WorkState
from shipments.facts.file_rows import Row
from shipments.keeping import erasing, imported_files, receipts
from shipments.keeping.imported_files import Sought
from shipments.models import BadRow, Erasure, Import, Merchant, Shipment, Subscription, imports
from tests.factories import a_draft, a_merchant, an_impb

pytestmark = pytest.mark.django_db

NUMBER = "9400100000000000000017"
HEADING = "Tracking number,Email,Consent,Recipient\n"
ADA = "Quill@Example.com"


def _file(job: Import) -> str:
    return b"".join(job.read_file()).decode()


def _row(name: str, email: str = "", number: str = "") -> str:
    return f"{number or an_impb()},{email},yes,{name}\n"


def _erased(by: ErasedBy, typed: str, merchant: Merchant | None = None, **over: bool) -> Erasure:
    term = erasing.read_term(by, typed)
    erasure = erasing.begin(by, term, merchant, asked_by=None, now=timezone.now(), **over)
    assert erasing.work(timezone.now()) is True
    erasure.refresh_from_db()
    return erasure


def _done(job: Import) -> Import:
    assert job.start(timezone.now())
    importing.work_on(job.pk)
    job.refresh_from_db()
    return job


@pytest.mark.parametrize(
    ("cell", "is_named"),
    [
        ("quill@example.com", True),
        (" QUILL@EXAMPLE.COM ", True),
        ("Ada Quill <Quill@Example.com>", True),
        ("bo@example.com;quill@example.com", True),
        ("mailto:quill@example.com.", True),
        ("quill+shop@example.com", False),
        ("not-quill@example.com", False),
        ("a.quill@example.com", False),
        ("quill@example.com.au", False),
        ("quill@example.community", False),
        ("Quill", False),
        ("", False),
    ],
)
def test_an_address_is_found_in_whatever_stands_around_it_and_no_other_is(cell: str, is_named: bool) -> None:
    assert Sought(address="quill@example.com", keys=frozenset()).names(["x", cell]) is is_named


@pytest.mark.parametrize(
    ("cell", "is_named"),
    [
        (NUMBER, True),
        ("9400 1000 0000 0000 0000 17", True),
        (f"42020832{NUMBER}", True),
        (f"420208329517{NUMBER}", True),
        (f"https://carrier.example/track?n={NUMBER}&x=1", True),
        (f"{NUMBER} / {NUMBER[:-1]}0", True),
        (f"{NUMBER[:-1]}0", False),
        (NUMBER[:-1], False),
    ],
)
def test_a_number_is_found_in_all_its_spellings_and_no_other_is(cell: str, is_named: bool) -> None:
    assert Sought(address="", keys=frozenset({NUMBER})).names([cell]) is is_named


def test_numbers_of_different_cells_are_no_number() -> None:
    assert Sought(address="", keys=frozenset({NUMBER})).names([NUMBER[:10], NUMBER[10:]]) is False


@pytest.mark.parametrize(
    ("by", "typed"),
    [(ErasedBy.EMAIL, ADA.upper()), (ErasedBy.NUMBER, NUMBER), (ErasedBy.NUMBER, f"42020832{NUMBER}")],
)
def test_the_rows_of_a_buyer_are_blanked_and_all_others_stay(by: ErasedBy, typed: str) -> None:
    before, after = _row("Bo"), _row("Cy", "cy@example.com")
    job = _done(a_draft(HEADING + before + _row("Ada", ADA, NUMBER) + after))
    size = len(_file(job).encode())

    erasure = _erased(by, typed)

    job.refresh_from_db()
    content = _file(job)
    assert content.startswith(HEADING + before)
    assert content.endswith(f"\n{after}")
    assert content[len(HEADING + before) : -len(after)].strip() == ""
    assert len(content.encode()) == size
    assert (job.erased_rows, job.rows_total, job.rows_done) == (1, 3, 3)
    assert erasure.counts["file_rows"] == 1
    assert "1 row of an imported file" in receipts.text_of(erasure)


def test_by_address_the_rows_of_the_buyers_parcels_go_too_though_they_do_not_have_it() -> None:
    """Somebody subscribed on the page of a parcel that a file without addresses had brought."""
    merchant = a_merchant()
    job = _done(a_draft(f"Tracking number,Recipient\n{NUMBER},Ada Quill\n{an_impb()},Bo\n", merchant))
    Subscription.objects.create(
        merchant=merchant, shipment=Shipment.objects.get(lookup_key=NUMBER), email=ADA, wants="both", language="en",
        sight=2, confirmed_at=timezone.now(), news_after=timezone.now(),
    )  # fmt: skip
    a_refused = BadRow.objects.create(
        job=job, merchant=merchant, row=9, cells=[f"420 20832 {NUMBER}"], reason="?"
    )

    erasure = _erased(ErasedBy.EMAIL, ADA)

    assert "Quill" not in _file(job)
    assert "Bo" in _file(job)
    assert not BadRow.objects.filter(pk=a_refused.pk).exists()
    assert (erasure.counts["file_rows"], erasure.counts["rows"], erasure.counts["parcels"]) == (1, 1, 1)


def test_where_the_parcels_are_kept_only_rows_with_the_address_go() -> None:
    merchant = a_merchant()
    job = _done(a_draft(f"{HEADING}{_row('Ada', ADA, NUMBER)}", merchant))
    other = _done(a_draft(f"Tracking number,Recipient\n{NUMBER},Ada Quill\n", merchant))

    _erased(ErasedBy.EMAIL, ADA, with_parcels=False)

    assert "Ada" not in _file(job)
    assert "Ada Quill" in _file(other)


def test_files_of_other_merchants_and_files_added_later_are_left() -> None:
    one, other = a_merchant(), a_merchant()
    mine, theirs = (a_draft(HEADING + _row("Ada", ADA), merchant) for merchant in (one, other))
    later = a_draft(HEADING + _row("Ada", ADA), one)
    Import.objects.filter(pk=later.pk).update(made_at=timezone.now() + timedelta(minutes=1))

    erasure = _erased(ErasedBy.EMAIL, ADA, one)

    assert [ADA in _file(job) for job in (mine, theirs, later)] == [False, True, True]
    assert erasure.counts == {"file_rows": 1}


def test_a_draft_is_imported_without_the_rows_that_were_taken_out() -> None:
    job = a_draft(HEADING + _row("Ada", ADA, NUMBER) + _row("Bo", "bo@example.com"))

    _erased(ErasedBy.EMAIL, ADA)

    job.refresh_from_db()
    assert job.rows_total == 1
    assert [row.cells[3] for row in receiving.rows_of(job, receiving.sample(job))] == ["Bo"]
    job = _done(job)
    assert (job.state, job.good, job.bad, job.rows_total) == (WorkState.DONE, 1, 0, 1)
    assert Shipment.objects.get().recipient_name == "Bo"
    # As a spreadsheet counts: the row is still there, empty.
    assert Subscription.objects.get().consent_source.endswith("row 3")


def test_an_import_that_is_under_way_goes_on_behind_the_rows_it_has_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importing, "STEP", 1)
    job = a_draft(HEADING + _row("Bo") + _row("Ada", ADA, NUMBER) + _row("Cy"))
    assert job.start(timezone.now())
    reader = importing.step(job.pk, now=timezone.now())
    assert reader is not None

    _erased(ErasedBy.EMAIL, ADA)

    # The reader has the whole file in its hands, as it was.
    while reader := importing.step(job.pk, reader, now=timezone.now()):
        pass
    job.refresh_from_db()
    assert sorted(Shipment.objects.values_list("recipient_name", flat=True)) == ["Bo", "Cy"]
    assert (job.state, job.good, job.rows_total) == (WorkState.DONE, 2, 2)


def test_a_heading_that_names_the_buyer_stays_a_heading() -> None:
    """A file without one, whose first row was taken for it."""
    job = a_draft(f"Tracking number,{ADA}\n{an_impb()},Bo\n")
    assert job.header[1] == ADA

    _erased(ErasedBy.EMAIL, ADA)

    job.refresh_from_db()
    assert (job.header, job.rows_total) == (["Tracking number", ""], 1)
    assert _done(job).good == 1


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_row_of_several_lines_goes_whole_and_the_numbers_of_others_stay(end: str) -> None:
    text = HEADING.replace("\n", end) + f'{an_impb()},{ADA},yes,"Ada{end}Quill"{end}' + f"nonsense,,,Bo{end}"
    job = _done(a_draft(text))
    assert BadRow.objects.get().row == 3

    _erased(ErasedBy.EMAIL, ADA)

    content = _file(job)
    assert ("Ada" in content, "Quill" in content, content.endswith(f"{end}nonsense,,,Bo{end}")) == (
        False,
        False,
        True,
    )
    rows = importing.open_rows(Import(pk=job.pk, separator=",", has_header=True))
    assert [(row.number, row.cells[0].strip()) for row in rows] == [(2, ""), (3, "nonsense")]


@pytest.mark.parametrize("long", [False, True])
def test_a_row_across_pieces_of_the_file_is_found_and_taken_out_of_both(
    monkeypatch: pytest.MonkeyPatch, long: bool
) -> None:
    for module in (imports, receiving, imported_files):
        monkeypatch.setattr(module, "CHUNK", 100)
    name = "Ada Quill " * (4_000 if long else 3)
    job = a_draft(HEADING + _row("Bo") * 3 + _row(name, ADA) + _row("Cy"))
    size = len(_file(job))
    assert job.chunks.count() == -(-size // 100)

    _erased(ErasedBy.EMAIL, ADA)

    assert "Quill" not in _file(job)
    assert len(_file(job)) == size
    # However long it was, what is left of it is an empty row.
    assert [row.problem for row in _rows_of(job) if not row.is_empty] == [""] * 4


def _rows_of(job: Import) -> list[Row]:
    return list(importing.open_rows(Import.objects.get(pk=job.pk)))


def test_what_somebody_holds_is_looked_through_in_the_next_round(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = [a_draft(HEADING + _row("Ada", ADA)) for _ in range(3)]
    erasing.begin(ErasedBy.EMAIL, ADA.lower(), None, asked_by=None, now=timezone.now())

    assert erasing.work(timezone.now(), patience=0) is False
    # A worker that is killed here has lost nothing: the next goes on behind the file.
    assert Erasure.objects.get().after_import == jobs[0].pk
    assert [ADA in _file(job) for job in jobs] == [False, True, True]

    assert erasing.work(timezone.now()) is True
    assert [ADA in _file(job) for job in jobs] == [False, False, False]
    assert Erasure.objects.get().after_import is None
