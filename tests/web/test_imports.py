"""Importing a file through the pages."""

from collections.abc import Callable
from datetime import date, timedelta
from html import unescape
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from shipments import queueing
from shipments.bulk import importing, reading, receiving
from shipments.enums import ErasedBy, WorkState
from shipments.keeping import erasing
from shipments.models import AuditEntry, BadRow, ColumnMatch, Import, ImportChunk, Merchant, Shipment, User
from shipments.models.imports import CHUNK
from shipments.web import imports, uploading
from tests.factories import a_draft, a_merchant, a_shipment, an_impb

pytestmark = pytest.mark.django_db

LIST = "/app/alpine/imports/"
NEW = f"{LIST}new/"
NUMBER = "9405509898641500000146"
Commits = Callable[..., Any]


def dropped(client: Client, content: str | bytes, name: str = "orders.csv") -> Any:
    content = content.encode() if isinstance(content, str) else content
    return client.post(NEW, {"file": SimpleUploadedFile(name, content)})


def finished(content: str, merchant: Merchant, **over: Any) -> Import:
    job = a_draft(content, merchant, **over)
    job.start(timezone.now())
    importing.work_on(job.pk)
    job.refresh_from_db()
    return job


# ---- Dropping a file -----------------------------------------------------------------------------------------------


def test_a_dropped_file_is_kept_as_a_draft_and_leads_to_its_columns(
    manager: Client, mary: User, merchant: Merchant
) -> None:
    content = f"Tracking number;Destinatario\n{NUMBER};Müller\n".encode("cp1252")

    response = dropped(manager, content, "C:\\Users\\mary\\Bestellungen\x07 <b>.csv")

    job = Import.objects.get()
    assert response.headers["Location"] == f"{LIST}{job.public_id}/match/"
    assert (job.merchant, job.by, job.state, job.file_name, job.size, job.encoding, job.separator, job.rows_total) == (
        merchant, mary, WorkState.DRAFT, "Bestellungen <b>.csv", len(content), "cp1252", ";", 1,
    )  # fmt: skip
    assert (job.header, job.columns) == (["Tracking number", "Destinatario"], ["number", "recipient_name"])
    assert b"".join(job.read_file()) == content.decode("cp1252").encode()
    assert Shipment.objects.count() == 0


def test_a_large_file_is_never_wholly_in_memory_and_kept_in_pieces(
    manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []
    receive = receiving.receive

    def watched(file: Any, name: str, **more: Any) -> Import:
        seen.append(file)
        return receive(file, name, **more)

    monkeypatch.setattr(receiving, "receive", watched)
    content = "Tracking number,Note\n" + f"{NUMBER},{'é' * 500}\n" * 2500

    dropped(manager, content)

    job = Import.objects.get()
    assert isinstance(seen[0].name, str)  # a file on the disk has a path
    sizes = [len(piece) for piece in job.chunks.order_by("ordinal").values_list("content", flat=True)]
    assert sizes == [CHUNK, CHUNK, len(content.encode()) - 2 * CHUNK]
    assert b"".join(job.read_file(CHUNK + 5)) == content.encode()[CHUNK + 5 :]


@pytest.mark.parametrize(
    ("content", "name", "words"),
    [
        (b"", "a.csv", "The file is empty."),
        (b"PK\x03\x04xlsx", "a.csv", "This is a workbook (or a zip file), not a CSV."),
        (b"Tracking number\n", "a.csv", "The file has a heading and no rows below it."),
        (b"a,b\n1,\x81\n", "a.csv", "Line 2 has signs that are neither UTF-8 nor Windows-1252."),
        (b"<html>", "a.csv", "This is a web page, not a CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_words_at_the_field_and_nothing_is_kept(
    manager: Client, content: bytes, name: str, words: str
) -> None:
    response = dropped(manager, content, name)
    assert response.status_code == 400
    page = response.content.decode()
    assert words in page
    assert 'aria-invalid="true"' in page
    assert (Import.objects.count(), ImportChunk.objects.count()) == (0, 0)


def test_the_type_is_told_by_the_content_and_not_by_the_name(manager: Client) -> None:
    assert dropped(manager, f"Tracking number\n{NUMBER}\n", "photo.png").status_code == 302


def test_no_file_at_all_is_refused_with_words(manager: Client) -> None:
    response = manager.post(NEW, {})
    assert response.status_code == 400
    assert "Choose a file, or drop one on the field." in response.content.decode()


def test_a_file_that_is_refused_late_leaves_nothing(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MOST_ROWS", 20_000)
    response = dropped(manager, "Tracking number,Note\n" + f"{NUMBER},{'x' * 100}\n" * 20_001)
    assert response.status_code == 400
    assert "The file has more than 20,000 rows." in response.content.decode()
    assert (Import.objects.count(), ImportChunk.objects.count()) == (0, 0)


def test_a_file_beyond_the_bound_is_refused_without_being_kept(
    manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []
    monkeypatch.setattr(imports, "MOST_BYTES", 600_000)
    monkeypatch.setattr(
        "django.core.files.uploadhandler.TemporaryFileUploadHandler.receive_data_chunk",
        lambda self, raw, start: written.append(len(raw)),
    )
    response = dropped(manager, b"a" * 1_000_000)
    assert response.status_code == 400
    assert "The file has more than 50 MB." in response.content.decode()
    assert sum(written) <= 600_000
    assert Import.objects.count() == 0


def test_a_request_that_says_it_is_far_too_large_is_not_read(
    manager: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imports, "MOST_BYTES", 1_000)
    monkeypatch.setattr(
        "django.http.multipartparser.MultiPartParser.parse", lambda self: pytest.fail("It was read.")
    )
    response = dropped(manager, b"a" * 5_000)
    assert response.status_code == 400
    assert "Cut it into several" in response.content.decode()


def test_a_file_that_takes_too_long_is_given_up(manager: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploading, "LONGEST_UPLOAD", -1.0)
    response = dropped(manager, b"Tracking number\n1\n")
    assert response.status_code == 400
    assert "The file took longer than 5 minutes to arrive" in response.content.decode()
    assert Import.objects.count() == 0


def test_a_file_from_another_site_is_refused(mary: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(mary)
    assert dropped(client, f"Tracking number\n{NUMBER}\n").status_code == 403
    token = client.get(LIST).content.decode().split('name="csrfmiddlewaretoken" value="')[1].split('"')[0]
    response = client.post(
        NEW,
        {
            "csrfmiddlewaretoken": token,
            "file": SimpleUploadedFile("a.csv", f"Tracking number\n{NUMBER}\n".encode()),
        },
    )
    assert response.status_code == 302
    assert Import.objects.count() == 1


def test_who_may_not_import_has_nothing_read(
    bob: User, signed_in: Callable[[User], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "django.http.multipartparser.MultiPartParser.parse", lambda self: pytest.fail("It was read.")
    )
    assert dropped(signed_in(bob), b"x").status_code == 403


# ---- Matching ------------------------------------------------------------------------------------------------------


def match_url(job: Import) -> str:
    return f"{LIST}{job.public_id}/match/"


def test_each_column_is_shown_with_its_first_values_and_a_guess(manager: Client, merchant: Merchant) -> None:
    job = a_draft(f"Tracking number,Note\n{NUMBER},<script>x</script>\n,second\n", merchant)
    page = manager.get(match_url(job)).content.decode()
    assert '<option value="number" selected>Tracking number</option>' in page
    assert "&lt;script&gt;x&lt;/script&gt;" in page
    assert "<script>x" not in page
    assert "Guessed by headings and values." in page


def test_what_is_said_of_the_columns_is_kept_and_leads_to_the_first_rows(
    manager: Client, merchant: Merchant
) -> None:
    job = a_draft(f"A,B\n{NUMBER},14/03/2026\n", merchant)
    response = manager.post(
        match_url(job),
        {
            "column-0": "number", "column-1": "mailing_date", "default_carrier": "UPS", "default_mailing_date": "2026-03-01",
            "date_order": "dmy", "tag": "  spring   sale ",
        },
    )  # fmt: skip
    assert response.headers["Location"] == f"{LIST}{job.public_id}/preview/"
    job.refresh_from_db()
    assert (job.columns, job.default_carrier, job.default_mailing_date, job.date_order, job.tag) == (
        ["number", "mailing_date"], "UPS", date(2026, 3, 1), "dmy", "spring sale",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"column-0": "", "column-1": ""}, "Say which column is “Tracking number”."),
        ({"column-0": "number", "column-1": "number"}, "“Tracking number” is chosen twice."),
        ({"column-0": "number", "column-1": "shoe size"}, "Select a valid choice."),
        ({"column-0": "number", "default_carrier": "DHL"}, "Select a valid choice."),
        ({"column-0": "number", "default_mailing_date": "soon"}, "A mailing date is a day written as 2026-01-31."),
        ({"column-0": "number", "tag": "a,b"}, "A tag has no commas, semicolons or control characters."),
        ({"column-0": "number", "column-1": "mailing_date"}, "Say it: the file has dates that could be read either way."),
    ],
)  # fmt: skip
def test_a_wrong_match_is_told_at_the_field_and_changes_nothing(
    manager: Client, merchant: Merchant, said: dict[str, str], words: str
) -> None:
    job = a_draft(f"A,B\n{NUMBER},01/02/2026\n", merchant)
    before = Import.objects.values().get()
    response = manager.post(match_url(job), said)
    assert response.status_code == 400
    assert words in response.content.decode()
    assert Import.objects.values().get() == before


def test_the_first_row_can_be_declared_a_parcel_and_a_heading_again(
    manager: Client, merchant: Merchant
) -> None:
    job = a_draft(f"1Z12345E0205271686,Order\n{NUMBER},A-1\n", merchant)
    assert (job.has_header, job.rows_total) == (True, 1)
    manager.post(match_url(job), {"has_header": "no"})
    job.refresh_from_db()
    assert (job.has_header, job.rows_total, job.header, job.columns) == (False, 2, ["", ""], ["number", ""])
    assert "Column 2" in manager.get(match_url(job)).content.decode()
    manager.post(match_url(job), {"has_header": "yes"})
    manager.post(match_url(job), {"has_header": "yes"})
    job.refresh_from_db()
    assert (job.rows_total, job.header) == (1, ["1Z12345E0205271686", "Order"])


def test_a_match_is_remembered_for_the_merchant_and_the_heading(manager: Client, merchant: Merchant) -> None:
    text = f"Ref,Sendung,Wann\nA-1,{NUMBER},01/02/2026\n"
    first = a_draft(text, merchant)
    said = {
        "column-0": "order_number",
        "column-1": "number",
        "column-2": "mailing_date",
        "date_order": "dmy",
        "default_carrier": "UPS",
    }
    manager.post(match_url(first), said)
    assert ColumnMatch.objects.count() == 0
    manager.post(f"{LIST}{first.public_id}/start/")

    again, others, other_heading = (
        a_draft(text.replace("Ref", "REF "), merchant),
        a_draft(text, a_merchant()),
        a_draft(text.replace("Ref", "Reference"), merchant),
    )
    assert (again.columns, again.date_order, again.default_carrier) == (
        ["order_number", "number", "mailing_date"], "dmy", "UPS",
    )  # fmt: skip
    assert (others.columns, other_heading.columns) == (["order_number", "number", ""],) * 2
    assert "Matched as last time." in manager.get(match_url(again)).content.decode()
    assert "Matched as last time." not in manager.get(match_url(other_heading)).content.decode()
    assert "You imported this very file" not in manager.get(match_url(again)).content.decode()


def test_the_very_same_file_is_told(manager: Client, merchant: Merchant) -> None:
    text = f"Tracking number\n{NUMBER}\n"
    finished(text, merchant)
    assert (
        "You imported this very file on" in manager.get(match_url(a_draft(text, merchant))).content.decode()
    )


# ---- Preview -------------------------------------------------------------------------------------------------------


def test_the_first_rows_are_shown_as_they_will_be_read_and_nothing_is_stored(
    manager: Client, merchant: Merchant
) -> None:
    a_shipment(merchant, number="1Z12345E0205271686", carrier="UPS")
    job = a_draft(
        "Tracking number,Order,Carrier\n"
        f"{NUMBER},<i>A-1</i>,\n{NUMBER},A-2,USPS\n1Z12345E0205271686,A-3,ups\n9.40551E+21,A-4,\n{NUMBER[:-1]}7,A-5,\nA;B,A-6,DHL\n",
        merchant,
    )
    page = manager.get(f"{LIST}{job.public_id}/preview/").content.decode()
    rows = page.split("<tbody>")[1].split("</tbody>")[0].split("</tr>")
    assert [
        NUMBER in rows[0],
        "USPS <span" in rows[0],
        "(certain)" in rows[0],
        "&lt;i&gt;A-1" in rows[0],
    ] == [True] * 4
    assert ["There already" in row for row in rows[:6]] == [False, True, True, False, False, False]
    assert "A spreadsheet has made a figure of this number (9.40551E+21)" in rows[3]
    assert "The check digit of this number does not fit" in rows[4]
    assert "“DHL” is not a carrier we ask" in rows[5]
    assert "2 of the first 6 rows would be refused." in page
    assert "Import 6 rows" in page
    assert Shipment.objects.count() == 1


def test_what_becomes_of_buyers_addresses_is_told_before_and_after(
    manager: Client, merchant: Merchant
) -> None:
    content = (
        "Tracking number,Email,Consent\n"
        f"{NUMBER},robin@example.com,2026-01-31\n{an_impb()},alex@example.com,\n{an_impb()},nonsense,yes\n"
    )
    draft = a_draft(content, merchant)

    rows = (
        manager.get(f"{LIST}{draft.public_id}/preview/").content.decode().split("<tbody>")[1].split("</tr>")
    )

    assert "The buyer gets mails about this parcel." in rows[0]
    assert "2026-01-31" in rows[0]
    assert "No mails to the buyer: the file does not say that they agreed to it." in rows[1]
    assert "e-mail: This is no e-mail address." in unescape(rows[2])

    job = finished(content, merchant)
    page = manager.get(f"{LIST}{job.public_id}/").content.decode()
    assert "1 buyer gets mails from now on, as they have agreed." in page
    assert "1 row names an address without a consent: its buyer gets no mails." in page


def test_a_file_without_a_number_column_goes_back_to_the_match(manager: Client, merchant: Merchant) -> None:
    job = a_draft("A,B\nx,y\n", merchant)
    assert manager.get(f"{LIST}{job.public_id}/preview/").headers["Location"] == match_url(job)
    assert manager.post(f"{LIST}{job.public_id}/start/").headers["Location"] == match_url(job)
    job.refresh_from_db()
    assert job.state == WorkState.DRAFT


# ---- Start, progress, cancel, result -------------------------------------------------------------------------------


def test_starting_hands_it_to_the_queue_once(
    manager: Client, merchant: Merchant, django_capture_on_commit_callbacks: Commits
) -> None:
    job = a_draft(f"Tracking number\n{NUMBER}\n", merchant)
    with django_capture_on_commit_callbacks() as nudges:
        for _press in range(2):
            response = manager.post(f"{LIST}{job.public_id}/start/")
    assert response.headers["Location"] == f"{LIST}{job.public_id}/"
    job.refresh_from_db()
    assert (job.state, len(nudges)) == (WorkState.WAITING, 1)
    assert f"{queueing.WORK_ON_IMPORT}" in repr(nudges[0])


@pytest.mark.parametrize("step", ["match", "preview"])
def test_what_was_started_is_matched_no_more(manager: Client, merchant: Merchant, step: str) -> None:
    job = finished(f"Tracking number\n{NUMBER}\n", merchant)
    before = Import.objects.values().get()
    assert manager.get(f"{LIST}{job.public_id}/{step}/").headers["Location"] == f"{LIST}{job.public_id}/"
    if step == "match":
        manager.post(match_url(job), {"has_header": "no"})
        manager.post(match_url(job), {"column-0": ""})
    assert Import.objects.values().get() == before


def test_the_page_polls_while_it_runs_and_rests_when_it_is_over(
    bob: User, merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    viewer = signed_in(bob)
    job = a_draft(f"Tracking number\n{NUMBER}\n", merchant)
    job.start(timezone.now())
    Import.objects.update(state=WorkState.RUNNING, rows_total=200_000, good=81_234, double=812, bad=33)
    url = f"{LIST}{job.public_id}/"

    fragment = viewer.get(url, headers={"HX-Request": "true"})
    page = fragment.content.decode()
    assert page.lstrip().startswith('<div id="import-progress"')
    assert "HX-Request" in fragment.headers["Vary"]
    assert f'hx-get="{url}" hx-trigger="every 1s"' in page
    assert '<progress id="import-bar" max="200000" value="82079">' in page
    assert "82,079 of 200,000 rows" in page
    assert "import-cancel" not in page

    Import.objects.update(state=WorkState.DONE, finished_at=timezone.now())
    done = viewer.get(url, headers={"HX-Request": "true"}).content.decode()
    assert "hx-get" not in done
    assert "<progress" not in done


def test_cancelling_a_draft_throws_it_away(manager: Client, mary: User, merchant: Merchant) -> None:
    job = a_draft(f"Tracking number\n{NUMBER}\n", merchant)
    assert manager.post(f"{LIST}{job.public_id}/cancel/").headers["Location"] == LIST
    assert (Import.objects.count(), ImportChunk.objects.count()) == (0, 0)
    entry = AuditEntry.objects.get()
    assert (entry.verb, entry.person, entry.row, entry.before) == (
        "cancelled import", mary.pk, str(job.pk), {"state": "draft"},
    )  # fmt: skip


def test_cancelling_what_runs_asks_the_worker_to_stop(manager: Client, merchant: Merchant) -> None:
    job = a_draft(f"Tracking number\n{NUMBER}\n", merchant)
    job.start(timezone.now())
    job.take(timezone.now())
    response = manager.post(f"{LIST}{job.public_id}/cancel/", follow=True)
    assert "Stopping before the next rows" in response.content.decode()
    job.refresh_from_db()
    assert (job.state, job.cancel_asked) == (WorkState.RUNNING, True)


def test_cancelling_what_is_over_does_nothing(manager: Client, merchant: Merchant) -> None:
    job = finished(f"Tracking number\n{NUMBER}\n", merchant)
    before, entries = Import.objects.values().get(), AuditEntry.objects.count()
    manager.post(f"{LIST}{job.public_id}/cancel/")
    assert (Import.objects.values().get(), AuditEntry.objects.count()) == (before, entries)


def test_the_result_leads_to_its_parcels_and_tells_why_rows_were_refused(
    manager: Client, merchant: Merchant
) -> None:
    job = finished(f"Tracking number\n{NUMBER}\n12\n13\n<b>x</b>\nQWERTYUIOP\n", merchant, tag="spring sale")
    page = manager.get(f"{LIST}{job.public_id}/").content.decode()
    assert 'href="/app/alpine/shipments/?tag=spring+sale"' in page
    assert "<strong>3 rows</strong>" in page
    assert "first: row 3" in page
    assert "<strong>1 row</strong>" in page
    assert "No carrier&#x27;s numbers look like this one." in page
    assert "<b>x" not in page


def test_without_a_tag_the_parcels_are_found_by_the_day(manager: Client, merchant: Merchant) -> None:
    job = finished(f"Tracking number\n{NUMBER}\n", merchant)
    Import.objects.update(started_at="2026-03-02T02:00:00Z")
    assert (
        "?added_from=2026-03-01&amp;added_to=2026-03-01"
        in manager.get(f"{LIST}{job.public_id}/").content.decode()
    )


@pytest.mark.parametrize(
    ("over", "words"),
    [
        ({"state": "cancelled"}, "Stopped after 2 of 2 rows. What was stored by then stays"),
        ({"state": "failed", "error": "It <b>stopped</b>."}, "It &lt;b&gt;stopped&lt;/b&gt;."),
    ],
)
def test_an_import_that_did_not_end_well_says_what_was_kept(
    manager: Client, merchant: Merchant, over: dict[str, str], words: str
) -> None:
    job = finished(f"Tracking number\n{NUMBER}\n{an_impb()}\n", merchant)
    Import.objects.update(**over)
    assert words in manager.get(f"{LIST}{job.public_id}/").content.decode()


def test_refused_rows_are_fetched_as_a_file(
    bob: User, merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    job = finished('Tracking number,Note\n12,"é, <b>"\n', merchant, file_name="märz\r\nX: y.csv")
    response = signed_in(bob).get(f"{LIST}{job.public_id}/refused.csv")
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    disposition = response.headers["Content-Disposition"]
    assert disposition.startswith("attachment; filename")
    assert "\n" not in disposition
    assert b"".join(response.streaming_content).decode().splitlines()[1] == (  # type: ignore[attr-defined]
        '"A tracking number has 4 to 34 letters and digits, and nothing else.",12,"é, <b>"'
    )


def test_refused_rows_that_are_gone_are_said_to_be(manager: Client, merchant: Merchant) -> None:
    job = finished("Tracking number\n12\n", merchant)
    Import.objects.update(finished_at=timezone.now() - timedelta(days=31))
    BadRow.objects.all().delete()
    assert (
        "The refused rows were kept for 30 days and are gone."
        in manager.get(f"{LIST}{job.public_id}/").content.decode()
    )


# ---- The list ------------------------------------------------------------------------------------------------------


def test_the_list_pages_by_key_and_shows_only_ones_own(
    bob: User, merchant: Merchant, signed_in: Callable[[User], Client]
) -> None:
    now = timezone.now()
    for n in range(imports.PAGE_SIZE + 2):
        a_draft(
            f"Tracking number\n{NUMBER}\n",
            merchant,
            file_name=f"file-{n:02d}.csv",
            made_at=now - timedelta(hours=n // 2),
        )
    a_draft(f"Tracking number\n{NUMBER}\n", file_name="theirs.csv")
    viewer = signed_in(bob)

    first = viewer.get(LIST).content.decode()
    older = first.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0]
    second = viewer.get(older).content.decode()

    names = [f"file-{n:02d}.csv" for n in range(imports.PAGE_SIZE + 2)]
    shown = [{name for name in names if name in page} for page in (first, second)]
    assert (len(shown[0]), len(shown[1]), shown[0] | shown[1]) == (imports.PAGE_SIZE, 2, set(names))
    assert "theirs.csv" not in first + second
    assert 'type="file"' not in first


def test_an_empty_list_teaches(manager: Client, bob: User, signed_in: Callable[[User], Client]) -> None:
    assert "The smallest file that works has one column" in manager.get(LIST).content.decode()
    assert "Managers and owners can import parcels" in signed_in(bob).get(LIST).content.decode()


@pytest.mark.parametrize("address", ["", "match/", "preview/", "refused.csv"])
def test_another_merchants_import_is_not_found(manager: Client, address: str) -> None:
    theirs = a_draft(f"Tracking number\n{NUMBER}\n")
    assert manager.get(f"{LIST}{theirs.public_id}/{address}").status_code == 404


@pytest.mark.parametrize("rows", [2, 300])
def test_pages_take_few_statements_whatever_the_file(
    manager: Client, merchant: Merchant, rows: int, django_assert_num_queries: Commits
) -> None:
    text = "Tracking number,Ship date\n" + "".join(f"{an_impb()},2026-03-01\nbad,\n" for _n in range(rows))
    draft, done = a_draft(text, merchant), finished(text, merchant)
    for _n in range(rows // 20):
        finished(f"Tracking number\n{an_impb()}\n", merchant)
    manager.get(LIST)
    for address, statements in [
        (LIST, 4),
        (match_url(draft), 7),
        (f"{LIST}{draft.public_id}/preview/", 7),
        (f"{LIST}{done.public_id}/", 5),
    ]:
        with django_assert_num_queries(statements):
            assert manager.get(address).status_code == 200


def test_an_import_says_how_many_rows_were_taken_out_for_buyers(manager: Client, merchant: Merchant) -> None:
    job = a_draft("number,recipient\n9400100000000000000017,Ada\n", merchant)
    pages = [
        reverse(name, args=["alpine", job.public_id])
        for name in ("import-match", "import-preview", "import-detail")
    ]
    for page in pages:
        assert "taken out of this file" not in manager.get(page, follow=True).content.decode()

    erasing.begin(ErasedBy.NUMBER, "9400100000000000000017", None, asked_by=None, now=timezone.now())
    assert erasing.work(timezone.now()) is True

    # A file of which nothing is left is no trouble to any page.
    for page in pages:
        response = manager.get(page, follow=True)
        assert response.status_code == 200
        assert "1 row was taken out of this file" in response.content.decode()
