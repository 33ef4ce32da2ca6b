"""Pictures of deliveries: begun with the carrier's answer, fetched by the queue, kept as our own drawings."""

import io
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ
from PIL import Image

from shipments.carriers.base import NotKnown
from shipments.enums import FetchTrouble, Status
from shipments.facts.pictures import draw_anew
from shipments.models import Proof, ProofPicture, Shipment
from shipments.models.proofs import MOST_TRIES, digest_of
from shipments.outbound import net
from shipments.tracking import correcting, proof
from shipments.tracking.ingest import Observation, ingest
from tests.factories import (
    ACCEPTED,
    DELIVERED,
    LABEL,
    OLNEY,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_outcome,
    ingested,
    posted,
)
from tests.facts.test_pictures import a_bomb
from tests.file_server import Answer, FileServer, a_file_server

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 3, 6, 12, 0, tzinfo=UTC)
ADDRESS = "https://carrier.example/proof/77?sig=s3cr3t"


@pytest.fixture(autouse=True)
def _as_in_the_demo(settings: Any) -> None:
    settings.ALLOW_PRIVATE_HOSTS = True


@pytest.fixture
def files() -> Iterator[FileServer]:
    with a_file_server() as running:
        yield running


def a_photo(kind: str = "JPEG", seed: int = 1) -> bytes:
    noise = Image.frombytes("RGB", (64, 48), random.Random(seed).randbytes(64 * 48 * 3))
    out = io.BytesIO()
    noise.save(out, kind)
    return out.getvalue()


def delivered(address: str = ADDRESS, **over: Any) -> Any:
    said = {"delivered": posted("2026-03-05 14:05"), "delivery_proof_url": address, **over}
    return a_snapshot(a_scan(*DELIVERED, place=OLNEY), a_scan(*ACCEPTED), a_scan(*LABEL), **said)


def a_delivered_shipment(address: str = ADDRESS) -> Shipment:
    shipment = a_shipment()
    ingested(shipment, delivered(address))
    shipment.refresh_from_db()
    return shipment


def nudges() -> list[str]:
    return [nudge.task["name"] for nudge in OrmQ.objects.all()]


# ---- Begun


def test_a_delivery_with_a_picture_is_work_for_the_queue(django_capture_on_commit_callbacks: Any) -> None:
    shipment = a_shipment()
    with django_capture_on_commit_callbacks(execute=True):
        ingested(shipment, delivered())

    row = Proof.objects.get()
    assert (row.shipment, row.merchant_id) == (shipment, shipment.merchant_id)
    assert (row.address_sha256, row.due_at, row.tries) == (digest_of(ADDRESS), NOW, 0)
    assert nudges() == ["fetch_proofs"]


def test_the_address_stands_on_the_shipment_alone() -> None:
    a_delivered_shipment()
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_jsonb(proof)::text FROM shipments_proof AS proof")
        ((row,),) = cursor.fetchall()
    assert "s3cr3t" not in row


def test_the_same_address_again_begins_nothing(django_capture_on_commit_callbacks: Any) -> None:
    shipment = a_delivered_shipment()
    Proof.objects.update(due_at=None)
    with django_capture_on_commit_callbacks(execute=True):
        ingested(shipment, delivered(status_text="another word"), minute=5)

    assert Proof.objects.get().due_at is None
    assert nudges() == []


def test_another_address_begins_anew() -> None:
    shipment = a_delivered_shipment()
    ingested(shipment, delivered(f"{ADDRESS}&again"), minute=5)
    assert set(Proof.objects.values_list("address_sha256", flat=True)) == {
        digest_of(ADDRESS),
        digest_of(f"{ADDRESS}&again"),
    }


@pytest.mark.parametrize(
    "answer",
    [
        delivered(""),
        a_snapshot(a_scan(*ACCEPTED), delivery_proof_url=ADDRESS),
        NotKnown("no such number"),
    ],
)
def test_without_a_delivery_and_an_address_there_is_nothing_to_fetch(answer: Any) -> None:
    ingested(a_shipment(), answer)
    assert Proof.objects.exists() is False


def test_many_deliveries_cost_as_many_statements_as_two() -> None:
    account = an_account(None)

    def statements(count: int) -> int:
        shipments = [a_shipment() for _ in range(count)]
        seen = [Observation(an_outcome(one, delivered(f"{ADDRESS}&{one.pk}")), account) for one in shipments]
        with CaptureQueriesContext(connection) as queries:
            ingest(seen, now=NOW)
        return len(queries)

    assert statements(30) == statements(2)
    assert Proof.objects.count() == 32


# ---- Fetched


def test_a_picture_is_fetched_drawn_anew_and_kept_with_the_digest_of_what_was_sent(files: FileServer) -> None:
    sent = a_photo()
    shipment = a_delivered_shipment(files.serve("/p", Answer(sent)))

    assert proof.fetch_due(NOW) == 1

    row, kept = Proof.objects.get(), ProofPicture.objects.get()
    assert (row.picture, row.due_at, row.trouble, row.tries) == (kept, None, "", 1)
    assert row.fetched_at is not None
    assert kept.data is not None
    assert bytes(kept.data) == draw_anew(sent).data
    assert (kept.shipment, kept.merchant_id) == (shipment, shipment.merchant_id)
    assert (kept.media_type, kept.width, kept.height) == ("image/jpeg", 64, 48)
    assert (kept.size, kept.sha256) == (len(kept.data), sha256(kept.data).hexdigest())
    assert (kept.original_size, kept.original_sha256) == (len(sent), sha256(sent).hexdigest())
    assert proof.fetch_due(NOW + timedelta(days=1)) == 0
    assert files.asked["/p"] == 1


def test_two_addresses_of_one_picture_keep_it_once(files: FileServer) -> None:
    shipment = a_delivered_shipment(files.serve("/p", Answer(a_photo())))
    proof.fetch_due(NOW)
    ingested(shipment, delivered(f"{files.url}/p?sig=2"), minute=5)

    assert proof.fetch_due(NOW + timedelta(minutes=6)) == 1

    assert {row.picture_id for row in Proof.objects.all()} == {ProofPicture.objects.get().pk}


def test_more_is_fetched_than_one_batch_holds(files: FileServer) -> None:
    for n in range(proof.BATCH * 2 + 1):
        a_delivered_shipment(files.serve(f"/{n}", Answer(a_photo(seed=n))))
    assert proof.fetch_due(NOW) == proof.BATCH * 2 + 1


_BROKEN = a_photo()[:700]
_PAGE = Answer(b"<!doctype html><title>Sign in</title>", headers={"Content-Type": "text/html; charset=utf-8"})


@pytest.mark.parametrize(
    ("answer", "trouble", "detail"),
    [
        (Answer(status=404), FetchTrouble.REFUSED, "HTTP 404"),
        (Answer(status=403, body=b"<Error>Request has expired</Error>"), FetchTrouble.REFUSED, "HTTP 403"),
        (_PAGE, FetchTrouble.NO_PICTURE, "text/html"),
        (Answer(b""), FetchTrouble.NO_PICTURE, ""),
        (Answer(b"<svg xmlns='http://www.w3.org/2000/svg'/>"), FetchTrouble.NO_PICTURE, ""),
        (Answer(_BROKEN), FetchTrouble.BAD_PICTURE, "broken"),
        (Answer(a_bomb(60_000, 60_000)), FetchTrouble.BAD_PICTURE, "too_many_pixels"),
        (Answer(bytes(50_000_000)), FetchTrouble.TOO_LARGE, ""),
        (Answer(status=302, headers={"Location": "file:///etc/passwd"}), FetchTrouble.BAD_ADDRESS, ""),
    ],
)
def test_what_is_no_picture_is_not_kept_and_why_is(
    files: FileServer, answer: Answer, trouble: FetchTrouble, detail: str
) -> None:
    a_delivered_shipment(files.serve("/p", answer))
    assert proof.fetch_due(NOW) == 0

    row = Proof.objects.get()
    assert (row.trouble, row.trouble_detail, row.picture) == (trouble, detail, None)
    assert ProofPicture.objects.exists() is False


def test_hosts_of_our_own_are_not_asked_and_not_tried_again(files: FileServer, settings: Any) -> None:
    settings.ALLOW_PRIVATE_HOSTS = False
    files.serve("/p", Answer(a_photo()))
    a_delivered_shipment(files.url.replace("http:", "https:") + "/p")

    assert proof.fetch_due(NOW) == 0

    row = Proof.objects.get()
    assert (row.trouble, row.due_at) == (FetchTrouble.PRIVATE_HOST, None)
    assert files.asked == {}


def test_tries_come_after_growing_pauses_and_end(files: FileServer) -> None:
    a_delivered_shipment(f"{files.url}/none")
    clock, pauses = NOW, []
    while (row := Proof.objects.get()).due_at is not None:
        clock = row.due_at
        proof.fetch_due(clock)
        row.refresh_from_db()
        if row.due_at is not None:
            pauses.append(round((row.due_at - clock).total_seconds() / 60))

    assert pauses == [2, 6, 18, 54, 162, 486, 720, 720, 720]
    assert files.asked["/none"] == row.tries == MOST_TRIES
    assert proof.fetch_due(clock + timedelta(days=30)) == 0


def test_what_comes_late_is_kept_when_it_comes(files: FileServer) -> None:
    a_delivered_shipment(f"{files.url}/p")
    proof.fetch_due(NOW)
    files.serve("/p", Answer(a_photo()))

    assert proof.fetch_due(NOW + timedelta(minutes=3)) == 1
    assert Proof.objects.get().trouble == ""


def test_the_address_is_in_no_line_of_the_log(files: FileServer, caplog: pytest.LogCaptureFixture) -> None:
    a_delivered_shipment(f"{files.url}/none?sig=s3cr3t")
    proof.fetch_due(NOW)
    assert "could not be fetched: refused HTTP 404" in caplog.text
    assert "s3cr3t" not in caplog.text


def test_an_address_the_carrier_has_replaced_is_left(files: FileServer) -> None:
    shipment = a_delivered_shipment(files.serve("/old", Answer(a_photo())))
    ingested(shipment, delivered(files.serve("/new", Answer(a_photo(seed=2)))), minute=5)

    assert proof.fetch_due(NOW + timedelta(minutes=6)) == 1

    old, new = Proof.objects.order_by("pk")
    assert (old.trouble, old.due_at) == (FetchTrouble.OVERTAKEN, None)
    assert new.picture is not None
    assert files.asked == {"/new": 1}


def test_nobody_fills_the_disk_with_pictures_of_one_parcel(files: FileServer) -> None:
    shipment = a_delivered_shipment(files.serve("/0", Answer(a_photo(seed=0))))
    for n in range(1, proof.MOST_PICTURES + 2):
        proof.fetch_due(NOW + timedelta(hours=n))
        ingested(shipment, delivered(files.serve(f"/{n}", Answer(a_photo(seed=n)))), minute=60 * n)
    proof.fetch_due(NOW + timedelta(hours=20))

    assert ProofPicture.objects.count() == proof.MOST_PICTURES
    assert Proof.objects.latest("pk").trouble == FetchTrouble.ENOUGH


def test_a_worker_that_is_killed_at_every_try_does_not_try_for_ever(
    files: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_delivered_shipment(f"{files.url}/p")

    async def killed(*_what: Any, **_how: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr(net, "fetch", killed)
    clock = NOW
    for _try in range(MOST_TRIES):
        with pytest.raises(KeyboardInterrupt):
            proof.fetch_due(clock)
        clock += proof.LEASE * 2
    assert proof.fetch_due(clock) == 0

    row = Proof.objects.get()
    assert (row.trouble, row.tries, row.due_at) == (FetchTrouble.INTERRUPTED, MOST_TRIES, None)


def test_a_lease_that_has_ended_writes_nothing(files: FileServer, monkeypatch: pytest.MonkeyPatch) -> None:
    a_delivered_shipment(files.serve("/p", Answer(a_photo())))
    drawn = proof._drawn

    def slow(outcome: Any) -> Any:
        # Another worker has found the lease ended and taken the row.
        Proof.objects.update(due_at=NOW + timedelta(hours=1))
        return drawn(outcome)

    monkeypatch.setattr(proof, "_drawn", slow)
    assert proof.fetch_due(NOW) == 0
    assert ProofPicture.objects.exists() is False


def test_one_odd_address_does_not_cost_the_others_their_picture(
    files: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_delivered_shipment(files.serve("/odd", Answer(a_photo())))
    good = a_delivered_shipment(files.serve("/p", Answer(a_photo())))
    fetch = net.fetch

    async def odd(address: str, **how: Any) -> Any:
        if address.endswith("/odd"):
            raise LookupError(address)
        return await fetch(address, **how)

    monkeypatch.setattr(net, "fetch", odd)
    assert proof.fetch_due(NOW) == 1
    assert ProofPicture.objects.get().shipment == good


def test_a_host_that_is_silent_is_not_waited_for_again_and_again(
    files: FileServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(proof.BATCH * 3):
        a_delivered_shipment(f"https://dead.example/{n}")
    last = a_delivered_shipment(files.serve("/p", Answer(a_photo())))
    fetch, asked = net.fetch, []

    async def dead(address: str, **how: Any) -> Any:
        asked.append(address)
        if "dead.example" in address:
            raise net.Unfetched(FetchTrouble.TOO_SLOW)
        return await fetch(address, **how)

    monkeypatch.setattr(net, "fetch", dead)
    assert proof.fetch_due(NOW) == 1

    assert len(asked) == proof.BATCH + 1
    assert ProofPicture.objects.get().shipment == last
    # Those that were not asked for have had their try, too: they end like the others.
    assert set(Proof.objects.exclude(shipment=last).values_list("tries", flat=True)) == {1}


@pytest.mark.django_db(transaction=True)
def test_two_workers_fetch_each_picture_once(files: FileServer) -> None:
    for n in range(6):
        a_delivered_shipment(files.serve(f"/{n}", Answer(a_photo(seed=n), drip=400, pause=0.02)))
    kept: list[int] = []

    def work() -> None:
        kept.append(proof.fetch_due(NOW))
        connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=60)

    assert sum(kept) == 6
    assert set(files.asked.values()) == {1}
    assert ProofPicture.objects.count() == 6


# ---- Corrected


def test_a_picture_of_another_parcels_delivery_is_set_aside_and_comes_back_with_its_answer(
    files: FileServer,
) -> None:
    shipment = a_delivered_shipment(files.serve("/p", Answer(a_photo())))
    proof.fetch_due(NOW)
    correcting.start_again(shipment, mailing_date=NOW.date() - timedelta(days=2), now=NOW)
    shipment.refresh_from_db()
    assert (shipment.proof_url, list(Proof.objects.of(shipment))) == ("", [])

    shipment.proof_url = f"{files.url}/p"
    assert Proof.objects.begin([shipment], NOW) == 1

    row = Proof.objects.of(shipment).get()
    # The picture is there: nothing is to be fetched.
    assert (row.picture, row.due_at) == (ProofPicture.objects.get(), None)


def test_a_parcel_that_goes_takes_its_pictures_along(files: FileServer) -> None:
    shipment = a_delivered_shipment(files.serve("/p", Answer(a_photo())))
    proof.fetch_due(NOW)
    shipment.delete()
    assert (Proof.objects.exists(), ProofPicture.objects.exists()) == (False, False)


def test_the_list_of_parcels_reads_no_bytes_of_pictures(files: FileServer) -> None:
    a_delivered_shipment(files.serve("/p", Answer(a_photo())))
    proof.fetch_due(NOW)
    with CaptureQueriesContext(connection) as queries:
        list(Shipment.objects.filter(status=Status.DELIVERED).select_related("carrier", "watch"))
        list(Proof.objects.of(Shipment.objects.get()))
    assert "shipments_proofpicture" not in " ".join(query["sql"] for query in queries)
