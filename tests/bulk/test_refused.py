"""Refused rows come back in a file like the one they came in, and can be mended and dropped again."""

import csv
import io

import pytest
from django.utils import translation

from shipments.bulk import importing
from shipments.bulk.receiving import remember
from shipments.bulk.refused import refused_file
from shipments.models import BadRow, Import, Shipment
from tests.factories import a_draft, a_merchant, an_impb

pytestmark = pytest.mark.django_db


def imported(content: str | bytes, merchant=None) -> Import:
    job = a_draft(content, merchant)
    job.start(job.made_at)
    importing.work_on(job.pk)
    job.refresh_from_db()
    return job


def file_of(job: Import) -> bytes:
    return b"".join(refused_file(job))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_file_has_the_encoding_and_the_separator_of_the_original(encoding, separator):
    text = f'Número de guía{separator}Destinatario\n12{separator}"Müller{separator} ""Ann""\r\n€"\n{an_impb()}{separator}x\n'

    content = file_of(imported(text.encode(encoding)))

    assert content.startswith(text.encode(encoding)[:2] if encoding == "utf-16" else b"")
    assert content.startswith(b"\xef\xbb\xbf") is (encoding == "utf-8-sig")
    assert list(csv.reader(io.StringIO(content.decode(encoding), newline=""), delimiter=separator)) == [
        ["Why it was not imported", "Número de guía", "Destinatario"],
        [
            "A tracking number has 4 to 34 letters and digits, and nothing else.",
            "12",
            f'Müller{separator} "Ann"\r\n€',
        ],
    ]


def test_it_is_mended_and_dropped_again_matched_as_the_first_time():
    merchant, number = a_merchant(), an_impb()
    job = a_draft(f"Ref;Sendung;Notes\nA-1;{number[:-3]};x\nA-2;{an_impb()};y\n", merchant)
    job.columns = ["order_number", "number", ""]
    job.start(job.made_at)
    job.save()
    remember(job, job.made_at)
    importing.work_on(job.pk)
    content = file_of(job).decode()
    assert number[:-3] in content

    again = a_draft(content.replace(number[:-3], number), merchant)

    assert again.header == ["Why it was not imported", "Ref", "Sendung", "Notes"]
    assert again.columns == ["", "order_number", "number", ""]
    again.start(again.made_at)
    importing.work_on(again.pk)
    assert Shipment.objects.get(number=number).order_number == "A-1"


def test_reasons_do_not_pile_up_when_it_comes_back_unmended_even_in_another_language():
    job = imported("Tracking number\n12\n")
    once = file_of(job)
    with translation.override("es"):
        twice = file_of(imported(once, job.merchant))
    assert [line.count(b",") for line in (*once.splitlines()[:1], *twice.splitlines()[:1])] == [1, 1]


def test_a_formula_stays_a_text_and_long_digits_stay_digits_in_a_spreadsheet():
    job = imported(
        'Tracking number,Note,SKU\n12,"=HYPERLINK(""http://x"")",9405509898641500000146\n13,\'+1,007\n'
    )
    rows = list(csv.reader(io.StringIO(file_of(job).decode(), newline="")))
    assert [row[1:] for row in rows[1:]] == [
        ["12", '\'=HYPERLINK("http://x")', '="9405509898641500000146"'],
        ["13", "'+1", '="007"'],
    ]


def test_a_row_with_too_many_cells_keeps_all_of_them_behind_the_reason():
    job = imported("Tracking number,Order\n12,A,1,2\n")
    assert file_of(job).decode().splitlines()[1].endswith(",12,A,1,2")


def test_a_file_without_a_heading_gets_none():
    job = imported(f"{an_impb()},A-1\n12,A-2\n")
    assert len(file_of(job).decode().splitlines()) == 1


def test_rows_come_in_order_over_any_number_of_statements(monkeypatch):
    monkeypatch.setattr("shipments.bulk.refused.CHUNK", 3)
    job = imported("Tracking number\n" + "".join(f"bad {n}\n" for n in range(10)))
    assert [line.rsplit(",", 1)[1] for line in file_of(job).decode().splitlines()[1:]] == [
        f"bad {n}" for n in range(10)
    ]


def test_a_sign_that_the_encoding_has_not_does_not_break_the_file():
    job = imported("Número de guía\n12\n".encode("cp1252"))
    BadRow.objects.update(reason="→ ж")
    assert file_of(job).decode("cp1252").splitlines()[1] == "? ?,12"
