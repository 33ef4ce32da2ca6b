"""Rows and answers for tests: valid by default, each default replaceable."""

import io
import itertools
import json
import os
import socket
import subprocess
import sys
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx
from django.utils import timezone
from PIL import Image, ImageDraw

from shipments.bulk.receiving import receive
from shipments.carriers.base import Outcome, Question, Scan, Snapshot
from shipments.carriers.errors import CarrierError
from shipments.enums import Deed, Gateway, Status
from shipments.facts.check_digits import with_impb_check_digit
from shipments.facts.logos import read_logo
from shipments.facts.numbers import canonical, lookup_key
from shipments.facts.pictures import draw_anew
from shipments.facts.places import Place
from shipments.facts.times import Posted
from shipments.models import (
    Budget,
    BulkAction,
    CarrierAccount,
    Credential,
    Import,
    Invitation,
    Look,
    Membership,
    Merchant,
    MerchantHost,
    Proof,
    ProofPicture,
    Shipment,
    User,
    Watch,
    roles,
)
from shipments.models.proofs import digest_of
from shipments.tracking.accounts import NewKey, give_key
from shipments.tracking.ingest import Ingested, Observation, ingest
from shipments.web.storefront import hosts

_serials = itertools.count(1)
MANAGE = Path(__file__).resolve().parent.parent / "manage.py"

# Three scans of a parcel's way, in places whose zones are known.
LABEL = ("2026-03-02 09:15", "GX", "Shipping Label Created, USPS Awaiting Item", Status.MANIFEST)
ACCEPTED = ("2026-03-02 17:40", "03", "USPS in possession of item", Status.ACCEPTANCE)
DELIVERED = ("2026-03-05 14:05", "01", "Delivered, Front Door/Porch", Status.DELIVERED)
DENVER = Place(city="DENVER", region="CO", postal_code="80202")
OLNEY = Place(city="OLNEY", region="MD", postal_code="20832")


def an_impb() -> str:
    """A well-formed USPS number nobody had yet."""
    return with_impb_check_digit(f"94001{next(_serials):016d}")


def a_merchant(**over: Any) -> Merchant:
    n = next(_serials)
    return Merchant.objects.create(**{"slug": f"merchant-{n}", "name": f"Merchant {n}", **over})


def a_png(size: tuple[int, int] = (120, 40), colour: str = "#0b5c6b") -> bytes:
    """A file of one colour."""
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


def a_look(merchant: Merchant, *, logo: bytes | None = None, **over: Any) -> Look:
    """How the merchant's pages look; `logo` is a file as it would be sent."""
    look = Look(merchant=merchant, **over)
    if logo is not None:
        picture = read_logo(logo)
        look.take_logo(picture, sha256(picture.data).hexdigest())
    look.save()
    return look


def a_host(merchant: Merchant, host: str = "track.alpine.example") -> MerchantHost:
    """A host name of the merchant's own, known to this process at once."""
    made = MerchantHost.objects.create(merchant=merchant, host=host)
    hosts.forget()
    return made


def a_person(email: str, merchant: Merchant | None = None, role: str = "viewer", **over: Any) -> User:
    user = User.objects.create_user(email, "correct horse battery", **over)
    if merchant is not None:
        Membership.objects.create(user=user, merchant=merchant, role=role)
    return user


def an_account(
    merchant: Merchant | None,
    gateway: str = Gateway.USPS,
    *,
    key: str = "test-key-1234",
    secret: str = "test-secret-5678",
    **over: Any,
) -> CarrierAccount:
    """An account with one live key."""
    account = CarrierAccount.objects.create(**{"merchant": merchant, "gateway": gateway, **over})
    a_key(account, key, secret)
    return account


def a_key(
    account: CarrierAccount, key: str = "newer-key-9012", secret: str = "newer-secret-3456", **over: Any
) -> Credential:
    """A newer key of the account; the others stay."""
    made, _replaced = give_key(account, NewKey(key, secret), by=None, now=timezone.now())
    Credential.objects.filter(pk=made.pk).update(**over)
    return Credential.objects.get(pk=made.pk)


def keys_of(account: CarrierAccount) -> list[tuple[str | None, str | None]]:
    """The live keys of the account and their secrets, the newest first."""
    live = Credential.objects.live().with_secrets().filter(account=account).newest_first()
    return [(one.key, one.secret) for one in live]


def a_budget(account: CarrierAccount, **over: Any) -> Budget:
    """The account's budget with these columns."""
    return Budget.objects.update_or_create(account=account, defaults=over)[0]


def an_invitation(
    merchant: Merchant,
    email: str = "new@example.com",
    role: str = "viewer",
    *,
    by: User | None = None,
    now: datetime | None = None,
) -> Invitation:
    """An open invitation, with the token that only its mail has; by the merchant's owner unless said otherwise."""
    by = by or User.objects.get(memberships__merchant=merchant, memberships__role="owner")
    with roles.changing(merchant):
        return Invitation.objects.invite(merchant, email, role, by=by, now=now or timezone.now())


def a_shipment(merchant: Merchant | None = None, *, due_at: datetime | None = None, **over: Any) -> Shipment:
    """A parcel with its watch; due now unless said otherwise. `number` may be in any form."""
    carrier = over.pop("carrier", "USPS")
    typed = over.pop("number", None) or an_impb()
    number = canonical(typed, carrier)
    shipment = Shipment.objects.create(
        **{
            "merchant": merchant or a_merchant(),
            "carrier_id": carrier,
            "number": number,
            "number_as_typed": typed,
            "lookup_key": lookup_key(number),
            **over,
        }
    )
    due_at = due_at or timezone.now()
    Watch.objects.create(shipment=shipment, merchant=shipment.merchant, due_at=due_at, wanted_by=due_at)
    return shipment


def a_drawing(kind: str = "PNG", colour: tuple[int, int, int] = (20, 30, 120)) -> bytes:
    """A stroke of a pen on paper, as a file."""
    picture = Image.new("RGB", (240, 80), (250, 250, 250))
    ImageDraw.Draw(picture).line([(12, 60), (90, 16), (150, 66), (228, 24)], fill=colour, width=3)
    out = io.BytesIO()
    picture.save(out, kind)
    return out.getvalue()


def a_kept_picture(shipment: Shipment, *, fetched_at: datetime | None = None, **how: Any) -> ProofPicture:
    """A picture of the delivery, as if it had been fetched from the parcel's address, which it gets if it has none."""
    sent, at = a_drawing(**how), fetched_at or timezone.now()
    drawn = draw_anew(sent)
    if not shipment.proof_url:
        shipment.proof_url = "https://carrier.example/proof/1"
        shipment.save(update_fields=["proof_url"])
    of_parcel: dict[str, Any] = {"shipment": shipment, "merchant_id": shipment.merchant_id}
    picture = ProofPicture.objects.create(
        **of_parcel,
        data=drawn.data,
        media_type=drawn.media_type,
        width=drawn.width,
        height=drawn.height,
        size=len(drawn.data),
        sha256=sha256(drawn.data).hexdigest(),
        original_sha256=sha256(sent).hexdigest(),
        original_size=len(sent),
        fetched_at=at,
    )
    Proof.objects.update_or_create(
        **of_parcel,
        address_sha256=digest_of(shipment.proof_url),
        defaults={"picture": picture, "begun_at": at, "fetched_at": at, "due_at": None, "tries": 1},
    )
    return picture


def a_bulk_action(merchant: Merchant, **over: Any) -> BulkAction:
    """A tag for all of the merchant's parcels, which nobody has begun to put on."""
    return BulkAction.objects.create(
        **{
            "merchant": merchant,
            "deed": Deed.TAG,
            "argument": {"tag": "vip"},
            "as_of": timezone.now(),
            **over,
        }
    )


def a_draft(content: str | bytes, merchant: Merchant | None = None, **over: Any) -> Import:
    """A file that was dropped, read and not started yet."""
    job = receive(
        io.BytesIO(content.encode() if isinstance(content, str) else content),
        over.pop("file_name", "parcels.csv"),
        merchant=merchant or a_merchant(),
        by=over.pop("by", None),
        language="en",
        now=over.pop("now", None) or timezone.now(),
    )
    for name, value in over.items():
        setattr(job, name, value)
    job.save()
    return job


def posted(text: str, offset: str | None = None) -> Posted:
    """`2026-03-02 09:15`, or a date alone; `offset` as `-05:00`."""
    from shipments.facts.times import read_offset

    day, _, at = text.partition(" ")
    return Posted(
        date.fromisoformat(day),
        time.fromisoformat(at) if at else None,
        read_offset(offset) if offset is not None else None,
    )


def a_scan(
    when: str = ACCEPTED[0],
    code: str = ACCEPTED[1],
    text: str = ACCEPTED[2],
    status: Status | None = ACCEPTED[3],
    *,
    place: Place = DENVER,
    offset: str | None = None,
    **over: Any,
) -> Scan:
    return Scan(
        **{
            "posted": posted(when, offset),
            "place": place,
            "code": code,
            "text": text,
            "status": status,
            "status_by": "code" if status else "",
            **over,
        }
    )


def a_snapshot(*scans: Scan, number: str = "9400100000000000000000", **over: Any) -> Snapshot:
    """An answer with these scans, newest first as carriers send them."""
    return Snapshot(**{"number": number, "carrier": "USPS", "scans": scans, **over})


def an_outcome(
    shipment: Shipment, result: Any = None, *, fetched_at: datetime | None = None, part: bytes | None = None
) -> Outcome:
    """What asking about the parcel brought. The kept part follows from the result, so that equal results have equal bytes."""
    result = a_snapshot() if result is None else result
    if part is None and isinstance(result, CarrierError):
        part = result.kept
    elif part is None:
        part = json.dumps({"said": repr(result)}).encode()
    question = Question(key=shipment.pk, number=shipment.number, carrier=shipment.carrier_id)
    return Outcome(question, result, fetched_at or datetime(2026, 3, 6, 12, 0, tzinfo=UTC), part, None)


def ingested(
    shipment: Shipment,
    result: Any = None,
    *,
    account: CarrierAccount | None = None,
    minute: int = 0,
    now: datetime | None = None,
    part: bytes | None = None,
) -> Ingested:
    """Ingest one answer about one parcel, fetched `minute` minutes after noon of 6 March 2026."""
    fetched_at = datetime(2026, 3, 6, 12, 0, tzinfo=UTC) + timedelta(minutes=minute)
    account = (
        account
        or CarrierAccount.objects.filter(merchant=shipment.merchant).first()
        or an_account(shipment.merchant)
    )
    (entry,) = ingest(
        [Observation(an_outcome(shipment, result, fetched_at=fetched_at, part=part), account)],
        now=now or fetched_at,
    )
    return entry


@dataclass(frozen=True, slots=True)
class Simulator:
    """A running carrier simulator."""

    url: str

    def faults(self, spec: str) -> None:
        httpx.post(f"{self.url}/simulator/faults", content=spec).raise_for_status()

    def reset(self) -> None:
        httpx.post(f"{self.url}/simulator/reset").raise_for_status()

    def calls(self) -> dict[str, Any]:
        answer: dict[str, Any] = httpx.get(f"{self.url}/simulator/calls").raise_for_status().json()
        return answer


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running_simulator(*arguments: str) -> Iterator[Simulator]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, str(MANAGE), "carrier_simulator", "--port", str(port), *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"},
    )
    running = Simulator(f"http://127.0.0.1:{port}")
    try:
        for _ in range(600):
            try:
                running.calls()
                break
            except httpx.TransportError:
                if process.poll() is not None:
                    raise AssertionError(
                        f"The simulator ended: {(process.stderr.read() if process.stderr else b'').decode()}"
                    ) from None
                clock.sleep(0.1)
        else:
            raise AssertionError("The simulator did not answer within a minute.")
        yield running
    finally:
        process.terminate()
        process.communicate(timeout=10)
