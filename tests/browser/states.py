"""Every state of the pages for everybody, as rows of one merchant's parcels and the way a reader comes to each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django.utils import timezone
from playwright.sync_api import Page

from shipments.buyers import subscribing
from shipments.carriers.base import NotAllowed, NotKnown, Scan
from shipments.carriers.errors import TryLater
from shipments.enums import EndReason, FetchTrouble, Lifecycle, Sight, Status, Wants
from shipments.facts.places import Place
from shipments.facts.times import DeliveryEstimate, Posted
from shipments.models import (
    CarrierAccount,
    Mail,
    Merchant,
    PrivateLink,
    Proof,
    Shipment,
    Watch,
)
from shipments.models.proofs import digest_of
from shipments.tracking.ingest import Observation, ingest
from shipments.tracking.statements import state as make_statement
from shipments.web import visitors
from tests.factories import (
    DENVER,
    OLNEY,
    a_kept_picture,
    a_look,
    a_merchant,
    a_png,
    a_scan,
    a_shipment,
    a_snapshot,
    an_account,
    an_outcome,
)

MEMPHIS = Place(city="MEMPHIS", region="TN", postal_code="38118")
VIENNA = Place(city="VIENNA", country="AT")
FRANKFURT = Place(city="FRANKFURT", country="DE")
CHICAGO = Place(city="CHICAGO", region="IL", postal_code="60666", country="US")
CLOCKS = {
    DENVER: "America/Denver",
    OLNEY: "America/New_York",
    MEMPHIS: "America/Chicago",
    VIENNA: "Europe/Vienna",
    FRANKFURT: "Europe/Berlin",
    CHICAGO: "America/Chicago",
}
POSTAL_CODE, OTHER_POSTAL_CODE = "20832", "80202"
NO_SUCH_NUMBER = "9400100000000000000000"
PROOF_URL = "https://carrier.example/proof/77"
EMAIL = "robin@example.com"


@dataclass(frozen=True, slots=True)
class State:
    """A page in one state: where it is, what answers, what its heading says, and what a reader does there first.

    `before` changes rows right before the page is opened, because another state would see it.
    """

    name: str
    path: str
    heading: str
    status: int = 200
    has_steps: bool = False
    act: Callable[[Page], None] | None = None
    before: Callable[[], object] | None = None


def every_state(merchant: Merchant, now: datetime) -> Iterator[State]:
    """All of them, with their rows made; states whose making changes the rows of others come after those."""
    account = an_account(merchant)
    told = _Teller(account, now)
    yield from _without_a_parcel(told)
    yield from _on_the_way(told)
    yield from _not_told(told)
    yield from _over(told)
    yield from _delivered(told)
    yield from _opened_with_more(told)
    yield from _mails(told)
    yield from _framed(told)


class _Teller:
    """Makes parcels of a merchant that the carrier has told about."""

    def __init__(self, account: CarrierAccount, now: datetime) -> None:
        assert account.merchant is not None
        self.account, self.merchant, self.now = account, account.merchant, now

    def posted(self, ago: timedelta, place: Place = OLNEY) -> Posted:
        """So long ago, on the clock of the place."""
        local = (self.now - ago).astimezone(ZoneInfo(CLOCKS[place]))
        return Posted(local.date(), local.time().replace(second=0, microsecond=0))

    def scan(self, ago: timedelta, code: str, text: str, status: Status | None, place: Place = OLNEY) -> Scan:
        at = self.posted(ago, place)
        assert at.at is not None
        return a_scan(f"{at.on} {at.at:%H:%M}", code, text, status, place=place)

    def begun(self, days: int = 3) -> tuple[Scan, ...]:
        """A label and its acceptance so many days ago, newest first."""
        return (
            self.scan(timedelta(days=days), "03", "USPS in possession of item", Status.ACCEPTANCE, DENVER),
            self.scan(timedelta(days=days, hours=7), "GX", "Shipping Label Created, USPS Awaiting Item", Status.MANIFEST, DENVER),
        )  # fmt: skip

    def parcel(
        self, *answers: Any, minutes_ago: int = 4, next_in: timedelta = timedelta(minutes=20), **over: Any
    ) -> Shipment:
        """A parcel after these answers of the carrier, the last of them so many minutes ago."""
        merchant = over.pop("merchant", self.merchant)
        over = {"destination_postal_code": POSTAL_CODE, "destination_city": "OLNEY", "destination_region": "MD",
                "destination_country": "US", "order_number": "A-77", **over}  # fmt: skip
        shipment = a_shipment(merchant, due_at=self.now + next_in, **over)
        for at, answer in enumerate(answers):
            fetched_at = self.now - timedelta(minutes=minutes_ago, hours=6 * (len(answers) - 1 - at))
            outcome = an_outcome(shipment, answer, fetched_at=fetched_at)
            ingest([Observation(outcome, self.account)], now=fetched_at)
        Watch.objects.filter(shipment=shipment).update(due_at=self.now + next_in)
        shipment.refresh_from_db()
        return shipment

    def snapshot(self, *scans: Scan, **over: Any) -> Any:
        return a_snapshot(*scans, **{"service_name": "USPS Ground Advantage", **over})

    def delivered(self, **over: Any) -> Any:
        """An answer about a delivery yesterday."""
        ago = timedelta(hours=23)
        return self.snapshot(
            self.scan(ago, "01", "Delivered, Front Door/Porch", Status.DELIVERED),
            self.scan(ago + timedelta(hours=6), "OF", "Out for Delivery", Status.OUT_FOR_DELIVERY),
            self.scan(ago + timedelta(hours=12), "10", "Arrived at Post Office", Status.IN_TRANSIT),
            self.scan(
                ago + timedelta(hours=30), "10", "Arrived at USPS Facility", Status.IN_TRANSIT, MEMPHIS
            ),
            *self.begun(4),
            **{"delivered": self.posted(ago), "delivery_description": "Delivered, Front Door/Porch", **over},
        )


def _at(shipment: Shipment) -> str:
    return f"/track/{shipment.number}"


# ---- Without a parcel


def _without_a_parcel(told: _Teller) -> Iterator[State]:
    moving = told.parcel(told.snapshot(*told.begun()))
    label = told.parcel(told.snapshot(told.begun()[1]))
    yield State("home", "/", "Where is your parcel?")
    yield State("nothing-typed", "/track?number=", "Where is your parcel?", 400)
    yield State("bad-number", "/track?number=12", "Where is your parcel?", 400)
    yield State("too-many-numbers", "/track?number=" + ",".join(f"ABC1234567{n:02d}" for n in range(36)), "Where is your parcel?", 400)  # fmt: skip
    yield State(
        "results", f"/track?number={moving.number},{label.number},{NO_SUCH_NUMBER},12", "4 numbers looked up"
    )
    yield State("no-results", "/track?number=12,%3Cb%3E", "2 numbers looked up", 400)
    yield State("not-found", f"/track/{NO_SUCH_NUMBER}", "We have no parcel with this number yet", 404)
    yield State("no-such-page", "/nowhere/at/all", "There is no such page", 404)
    yield State("link-gone", "/t/none-such", "This link does not work any more", 404)
    yield State(
        "too-many-look-ups",
        _at(moving),
        "That was tried too often",
        429,
        before=lambda: _exhaust(visitors.LOOKUPS, "127.0.0.1"),
    )
    yield State("verify", "/verify", "Check a proof statement")
    yield State("verify-none", "/verify?number=PS-0000-0000-0000-0000&digest=" + "0" * 64, "Check a proof statement", 404)  # fmt: skip
    yield State("verify-bad", "/verify?number=PS-12&digest=xyz", "Check a proof statement", 400)


def _exhaust(limit: visitors.Limit, whom: str) -> None:
    """Use up what the visitor may try, in this window of time and in the next, which may have begun when the page is asked."""
    now = timezone.now()
    for window in (now, now + limit.per):
        for _ in range(limit.tries):
            limit.allows(whom, window)


# ---- On its way


def _on_the_way(told: _Teller) -> Iterator[State]:
    hour, day = timedelta(hours=1), timedelta(days=1)
    today = told.now.astimezone(ZoneInfo("America/New_York")).date()
    soon = DeliveryEstimate(today + 2 * day, None, None)
    arrived = told.scan(5 * hour, "10", "Arrived at USPS Facility", Status.IN_TRANSIT, MEMPHIS)
    out = told.scan(hour, "OF", "Out for Delivery", Status.OUT_FOR_DELIVERY)

    def shown(name: str, heading: str, *answers: Any, **over: Any) -> State:
        return State(name, _at(told.parcel(*answers, **over)), heading, has_steps=True)

    yield shown(
        "label-only", "Waiting for the carrier's first scan", told.snapshot(told.begun()[1], estimate=soon)
    )
    yield shown("handed-over", "Arriving", told.snapshot(*told.begun(), estimate=soon))
    yield shown("moving", "On the way: last scanned on", told.snapshot(arrived, *told.begun()))
    yield shown(
        "moving-over-the-sea",
        "On the way: last scanned on",
        told.snapshot(
            told.scan(9 * hour, "10", "Processed Through Facility", Status.IN_TRANSIT, CHICAGO),
            told.scan(30 * hour, "10", "Departed", Status.IN_TRANSIT, FRANKFURT),
            told.scan(50 * hour, "03", "Acceptance", Status.ACCEPTANCE, VIENNA),
        ),
    )
    yield shown(
        "late",
        "Later than expected",
        # The day before yesterday: where the parcel is, yesterday may last an hour longer.
        told.snapshot(arrived, *told.begun(), estimate=DeliveryEstimate(today - 2 * day, None, None)),
    )
    yield shown("silent", "On the way: last scanned on", told.snapshot(told.scan(6 * day, "10", "Arrived", Status.IN_TRANSIT, MEMPHIS), *told.begun(8)))  # fmt: skip
    yield shown(
        "out-for-delivery",
        "Out for delivery",
        told.snapshot(out, arrived, *told.begun(), estimate=DeliveryEstimate(today + day, None, None)),
    )
    yield shown(
        "attempted",
        "The carrier tried to deliver",
        told.snapshot(
            told.scan(hour, "02", "Notice Left (No Authorized Recipient Available)", Status.DELIVERY_ATTEMPT),
            out,
            *told.begun(),
            reattempt=Posted(today + day, None),
        ),
    )
    yield shown(
        "ready-for-pickup",
        "Ready for pickup",
        told.snapshot(
            told.scan(hour, "16", "Available for Pickup", Status.READY_FOR_PICKUP), arrived, *told.begun()
        ),
    )
    yield shown("pickup-missed", "A pickup was missed", told.snapshot(told.scan(hour, "53", "Pickup Missed", Status.PICKUP_MISSED), *told.begun(9)))  # fmt: skip
    yield shown("exception", "The carrier reported a problem", told.snapshot(told.scan(hour, "05", "Undeliverable as Addressed", Status.EXCEPTION), arrived, *told.begun()))  # fmt: skip
    yield shown(
        "carrier-not-answering",
        "On the way: last scanned on",
        told.snapshot(arrived, *told.begun()),
        TryLater("USPS did not answer within 10 seconds."),
    )
    yield shown(
        "no-longer-told",
        "On the way: last scanned on",
        told.snapshot(arrived, *told.begun()),
        NotKnown("The carrier has nothing on this number."),
    )
    yield shown(
        "our-checks-are-late",
        "On the way: last scanned on",
        told.snapshot(arrived, *told.begun()),
        minutes_ago=300,
        next_in=timedelta(hours=-3),
    )


def _not_told(told: _Teller) -> Iterator[State]:
    unread = told.scan(timedelta(hours=3), "ZZ", "Something nobody has met", None, MEMPHIS)
    yield State(
        "unknown-meaning", _at(told.parcel(told.snapshot(unread))), "Scanned by USPS", has_steps=False
    )
    yield State("never-asked", _at(told.parcel()), "Nothing is known of this parcel yet")
    yield State(
        "never-answered",
        _at(told.parcel(TryLater("USPS did not answer."))),
        "Nothing is known of this parcel yet",
    )
    yield State("not-known", _at(told.parcel(NotKnown("Nothing yet."))), "USPS does not know this number yet")
    yield State(
        "not-allowed",
        _at(told.parcel(NotAllowed("Another mailer's piece."))),
        "USPS does not tell us about this parcel",
    )
    yield State(
        "no-scans", _at(told.parcel(told.snapshot())), "USPS knows this number, and has no scan of the parcel yet"
    )  # fmt: skip


def _over(told: _Teller) -> Iterator[State]:
    hour = timedelta(hours=1)
    back = told.snapshot(told.scan(20 * hour, "21", "Return to Sender Processed", Status.RETURN_TO_SENDER, DENVER), *told.begun(6))  # fmt: skip
    returned = told.parcel(back)
    yield State("returning", _at(returned), "Sent back to the sender", has_steps=True)
    ended = told.parcel(back)
    _end(ended, EndReason.RETURNED)
    yield State("returned", _at(ended), "Sent back to the sender", has_steps=True)
    lost = told.parcel(told.snapshot(told.scan(60 * 24 * hour, "10", "Arrived", Status.IN_TRANSIT, MEMPHIS), *told.begun(63)))  # fmt: skip
    _end(lost, EndReason.LOST)
    yield State("lost", _at(lost), "On the way: last scanned on", has_steps=True)
    hidden = told.parcel(told.delivered())
    Shipment.objects.filter(pk=hidden.pk).update(lifecycle=Lifecycle.ARCHIVED, end_reason=EndReason.SETTLED)
    yield State("hidden", _at(hidden), "This parcel is no longer shown", 410)
    mine, other = told.parcel(told.snapshot(*told.begun())), a_merchant()
    told.parcel(told.snapshot(*told.begun()), merchant=other, number=mine.number, destination_postal_code=OTHER_POSTAL_CODE)  # fmt: skip
    yield State("several", _at(mine), "Several parcels have this number")
    yield State("several-nothing-typed", _at(mine), "Several parcels have this number", 400, act=_press("Show my parcel"))  # fmt: skip
    yield State(
        "several-wrong", _at(mine), "Several parcels have this number", act=_typed_code("99999", "Show my parcel", "Postal code it goes to")
    )  # fmt: skip
    yield State(
        "several-found",
        _at(mine),
        "Handed to USPS",
        has_steps=True,
        act=_typed_code(POSTAL_CODE, "Show my parcel", "Postal code it goes to"),
    )


def _end(shipment: Shipment, reason: EndReason) -> None:
    """Nobody asks about it any more."""
    Shipment.objects.filter(pk=shipment.pk).update(lifecycle=Lifecycle.ENDED, end_reason=reason)
    Watch.objects.filter(shipment=shipment).update(due_at=None)


# ---- Delivered


def _delivered(told: _Teller) -> Iterator[State]:
    signed = {
        "signed_by": "R INVENTED",
        "delivery_proof_url": PROOF_URL,
        "second_number": "92055901755477000271990251",
    }
    plain = told.parcel(told.delivered(delivery_description="", delivered=None))
    yield State("delivered", _at(told.parcel(told.delivered())), "Delivered", has_steps=True)

    def behind_a_link(name: str, shipment: Shipment, heading: str = "Delivered") -> State:
        return State(name, PrivateLink.objects.make(shipment).get_absolute_url(), heading, has_steps=True)

    yield behind_a_link("delivered-no-proof", plain)
    kept = told.parcel(told.delivered(**signed))
    a_kept_picture(kept, fetched_at=told.now - timedelta(hours=20))
    yield behind_a_link("delivered-kept-picture", kept)
    fetching = told.parcel(told.delivered(**signed))
    yield behind_a_link("delivered-picture-coming", fetching)
    failed = told.parcel(told.delivered(**signed))
    Proof.objects.filter(shipment=failed, address_sha256=digest_of(PROOF_URL)).update(
        due_at=None, tries=10, trouble=FetchTrouble.REFUSED, trouble_detail="404"
    )
    yield behind_a_link("delivered-picture-failed", failed)
    link = PrivateLink.objects.make(kept)
    address = link.get_absolute_url()
    yield State("statements", f"{address}/statement", "Proof statements")
    statement, _is_new = make_statement(kept, by=None, is_for_buyer=True, now=told.now)
    yield State("statements-made", f"{address}/statement", "Proof statements")
    yield State("statement", f"{address}/statement/{statement.number}", "Proof statement")
    asked = f"/verify?number={statement.number}&digest="
    yield State("verify-fits", asked + statement.digest, "Check a proof statement")
    yield State("verify-changed", asked + "0" * 64, "Check a proof statement")


def _opened_with_more(told: _Teller) -> Iterator[State]:
    kept = told.parcel(told.delivered(second_number="92055901755477000271990251"))
    yield State(
        "postal-code-right", _at(kept), "Delivered", has_steps=True, act=_typed_code(POSTAL_CODE, "Show more")
    )
    yield State(
        "postal-code-wrong", _at(kept), "Delivered", has_steps=True, act=_typed_code("99999", "Show more")
    )
    arrived = told.scan(timedelta(hours=5), "10", "Arrived at USPS Facility", Status.IN_TRANSIT, MEMPHIS)
    moving = told.parcel(told.snapshot(arrived, *told.begun()))
    told.merchant.order_on_links = True
    told.merchant.save(update_fields=["order_on_links"])
    yield State(
        "private-link", PrivateLink.objects.make(moving).get_absolute_url(), "On the way", has_steps=True
    )
    guessed = told.parcel(told.snapshot(*told.begun()))
    yield State(
        "too-many-guesses",
        _at(guessed),
        "That was tried too often",
        429,
        before=lambda: _exhaust(visitors.GUESSES_AT_A_PARCEL, guessed.lookup_key),
        act=_typed_code(POSTAL_CODE, "Show more"),
    )


# ---- Mails


def _mails(told: _Teller) -> Iterator[State]:
    shipment = told.parcel(told.snapshot(*told.begun()))
    sent = f"{_at(shipment)}/email?sent"

    def ask_badly(page: Page) -> None:
        page.get_by_label("Your e-mail address").fill("robin@nowhere")
        page.get_by_role("button", name="Send me the link").click()

    yield State("email-bad", _at(shipment), "Mails about your parcel", 400, act=ask_badly)
    yield State("email-sent", sent, "Look in your mailbox")
    subscribing.ask(shipment, EMAIL, Wants.BOTH, sight=Sight.NUMBER, link=None, language="en", now=told.now)
    confirm = _link_in("buyer-confirm", "/mail/confirm/")
    yield State("mail-confirm", confirm, "Send these mails to you?")
    yield State(
        "mail-confirmed", confirm, "Confirmed: we write to you", act=_press("Yes, send me these mails")
    )
    yield State("mail-link-gone", "/mail/confirm/" + "0" * 48, "This link does not work any more", 410)
    yield State("mail-stop-gone", "/mail/stop/" + "0" * 48, "This link does not work any more", 404)
    other = told.parcel(told.snapshot(*told.begun()))
    request = subscribing.ask(
        other, EMAIL, Wants.FROM_NOW, sight=Sight.NUMBER, link=None, language="en", now=told.now
    )
    subscription = subscribing.confirm(request, told.now)
    stop = f"/mail/stop/{subscription.stop_link_token()}"
    yield State("mail-stop", stop, "Stop the mails about this parcel?")
    yield State("mail-stopped", stop, "These mails have ended", act=_press("Stop these mails"))


def _link_in(kind: str, path: str) -> str:
    text: str = Mail.objects.get(kind=kind).text
    return path + text.partition(path)[2].split()[0]


# ---- In a merchant's frame


def _framed(told: _Teller) -> Iterator[State]:
    a_look(
        told.merchant,
        shown_name="Alpine",
        colour="#ffd400",
        support_url="https://alpine.example/help",
        logo=a_png((360, 90), "#c02020"),
    )
    moving = told.parcel(told.snapshot(*told.begun()))
    delivered = told.parcel(told.delivered())
    frame = f"/m/{told.merchant.slug}"
    yield State("framed-home", f"{frame}/track", "Where is your parcel?")
    yield State("framed-moving", f"{frame}{_at(moving)}", "Handed to USPS", has_steps=True)
    yield State("framed-delivered", f"{frame}{_at(delivered)}", "Delivered", has_steps=True)
    yield State(
        "framed-not-found", f"{frame}/track/{NO_SUCH_NUMBER}", "We have no parcel with this number yet", 404
    )
    yield State("framed-results", f"{frame}/track?number={moving.number},12", "2 numbers looked up")


# ---- What readers do


def _press(button: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=button).click()


def _typed_code(code: str, button: str, label: str = "Postal code") -> Callable[[Page], None]:
    def act(page: Page) -> None:
        page.get_by_label(label, exact=True).fill(code)
        page.get_by_role("button", name=button).click()

    return act
