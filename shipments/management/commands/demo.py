"""`manage.py demo`: a merchant with people, accounts and parcels that ask the carrier simulator."""

import json
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from shipments import queueing
from shipments.enums import Environment, Gateway, Role
from shipments.facts.places import is_us_postal_code
from shipments.management import furnishing
from shipments.models import CarrierAccount, Membership, Merchant, PrivateLink, Shipment, User
from shipments.models.accounts import clean_base_url
from shipments.simulator.demo import DemoParcel, demo_history, demo_parcels
from shipments.simulator.journeys import Scenario, journey_for
from shipments.simulator.steps import LIVE
from shipments.tracking.accounts import NewKey, give_key
from shipments.tracking.adding import add_parcel, read_parcel

SLUG = "demo"
NAME = "Demo Outfitters"
# Printed for everybody: good for nothing but a demo. In production nobody has it.
PASSWORD = "parcels-on-the-move"  # noqa: S105
PEOPLE: dict[str, Role] = {
    "owner@demo.example": Role.OWNER,
    "manager@demo.example": Role.MANAGER,
    "viewer@demo.example": Role.VIEWER,
}
# Invented, and readable as invented.
NAMES = {
    "owner@demo.example": "Olive Owner",
    "manager@demo.example": "Max Manager",
    "viewer@demo.example": "Vi Viewer",
    "operator@demo.example": "Opal Operator",
}
OPERATOR = "operator@demo.example"
CADENCE_SECONDS = 20
# A new set of the past weeks' parcels; more often would only fill the list.
NEW_PARCELS_EVERY = timedelta(days=7)
# A live parcel that began this long ago has something to show and most of its way before it.
UNDER_WAY = timedelta(minutes=3)


class Command(BaseCommand):
    """Safe to repeat: makes what is missing and adds the live parcels of these minutes."""

    help = "Make the demo merchant, or bring it up to date; prints sign-ins and links as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--in-production",
            action="store_true",
            help="Make the merchant and its parcels on a site in production, too; nobody of the demo can sign in there.",
        )
        parser.add_argument(
            "--simulator-url", required=True, metavar="URL", help="Where the carrier simulator answers."
        )

    def handle(self, *, simulator_url: str, in_production: bool = False, **options: Any) -> str:
        if settings.PRODUCTION and not in_production:
            raise CommandError(
                "This is a site in production, and the demo's parcels are made up. To have them here all the same, say "
                "--in-production."
            )
        if not settings.PRODUCTION and not settings.ALLOW_PRIVATE_HOSTS:
            raise CommandError(
                "The demo asks a simulator on this machine and signs people in with printed passwords. "
                "TRACKINGSITE_ALLOW_PRIVATE_HOSTS=1 allows that."
            )
        try:
            address = clean_base_url(simulator_url, private_allowed=settings.ALLOW_PRIVATE_HOSTS, hosts=())
        except ValidationError as exc:
            raise CommandError(f"simulator url: {' '.join(exc.messages)}", returncode=2) from None
        with transaction.atomic():
            merchant, is_new = Merchant.objects.get_or_create(slug=SLUG, defaults={"name": NAME})
            now = timezone.now()
            users = _people(merchant)
            for gateway in Gateway:
                _account(merchant, gateway, address)
            parcels = wanted_parcels(merchant, now)
            made = {parcel: _shipment(merchant, parcel) for parcel in parcels}
            if is_new:
                furnishing.settle_history(
                    {parcel: _shipment(merchant, parcel) for parcel in demo_history(now)}, now
                )
                furnishing.furnish(merchant, made, now)
            furnishing.hand_out(merchant)
            shipments = {parcel.number: shipment for parcel, shipment in made.items()}
            public, private = _to_show(parcels, now)
            link = _private_link(shipments[private.number])
            for task in (queueing.SWEEP, queueing.REVIEW_ATTENTION, queueing.TALLY_FIGURES):
                queueing.enqueue(task)
        return json.dumps(
            {
                "users": users,
                "tracking_links": [f"/track/{shipments[public.number].number}"],
                "private_links": [link.get_absolute_url()],
            }
        )


def _people(merchant: Merchant) -> list[dict[str, str]]:
    """Everybody who may sign in, which is nobody in production; people who are there already are left as they are."""
    if settings.PRODUCTION:
        # Parcels, notes and views have owners there, too. `sign_in` would refuse them even with a password.
        for email, role in PEOPLE.items():
            person, is_new = User.objects.get_or_create(email=email, defaults={"name": NAMES[email]})
            if is_new:
                person.set_unusable_password()
                person.save(update_fields=["password"])
            Membership.objects.get_or_create(user=person, merchant=merchant, defaults={"role": role})
        return []
    known = set(User.objects.filter(email__in=[*PEOPLE, OPERATOR]).values_list("email", flat=True))
    # Hashing is slow on purpose; once is enough for one password.
    encoded = make_password(PASSWORD) if len(known) <= len(PEOPLE) else ""
    for email in {*PEOPLE, OPERATOR} - known:
        operator = email == OPERATOR
        User.objects.create(
            email=email,
            name=NAMES[email],
            password=encoded,
            is_staff=operator,
            is_superuser=operator,
        )
    for person in User.objects.filter(email__in=PEOPLE):
        Membership.objects.get_or_create(
            user=person, merchant=merchant, defaults={"role": PEOPLE[person.email]}
        )
    roles = {**{email: str(role) for email, role in PEOPLE.items()}, OPERATOR: "operator"}
    return [{"email": email, "password": PASSWORD, "role": role} for email, role in roles.items()]


def _account(merchant: Merchant, gateway: Gateway, address: str) -> None:
    account = CarrierAccount.objects.filter(merchant=merchant, gateway=gateway).first()
    if account is None:
        account = CarrierAccount.objects.create(
            merchant=merchant,
            gateway=gateway,
            environment=Environment.PRODUCTION,
            base_url=address,
            cadence_seconds=CADENCE_SECONDS,
        )
        # The simulator takes any.
        give_key(account, NewKey(f"demo-key-{gateway}", "demo-secret"), by=None, now=timezone.now())
    elif account.base_url != address:
        account.base_url = address
        account.save(update_fields=["base_url"])


def wanted_parcels(merchant: Merchant, now: datetime) -> list[DemoParcel]:
    """The parcels of the past weeks, the same for a week from the demo's first day, and the live ones of now."""
    weeks = (now - merchant.created_at) // NEW_PARCELS_EVERY
    begun = merchant.created_at + weeks * NEW_PARCELS_EVERY
    shipped = [parcel for parcel in demo_parcels(begun) if parcel.scenario not in LIVE]
    return shipped + [parcel for parcel in demo_parcels(now) if parcel.scenario in LIVE]


def _shipment(merchant: Merchant, parcel: DemoParcel) -> Shipment:
    read = read_parcel(
        parcel.number,
        carrier=parcel.carrier,
        gateway=parcel.gateway,
        postal_code=parcel.postal_code if is_us_postal_code(parcel.postal_code) else None,
        mailing_date=parcel.mailing_date,
    )
    added = add_parcel(merchant, read, order_number=parcel.order_number, recipient_name=parcel.recipient_name)
    journey = journey_for(parcel.number)
    if added.is_new and journey is not None and journey.start < added.shipment.created_at:
        # A shop adds its parcels when it prints their labels.
        Shipment.objects.filter(pk=added.shipment.pk).update(created_at=journey.start)
    return added.shipment


def _to_show(parcels: list[DemoParcel], now: datetime) -> tuple[DemoParcel, DemoParcel]:
    """A parcel to watch moving, and one that was signed for."""
    under_way = [
        (journey.start, parcel.number, parcel)
        for parcel in parcels
        if parcel.scenario in LIVE
        and (journey := journey_for(parcel.number))
        and journey.start <= now - UNDER_WAY
    ]
    signed = next(parcel for parcel in parcels if parcel.scenario == Scenario.SIGNATURE)
    return max(under_way)[2], signed


def _private_link(shipment: Shipment) -> PrivateLink:
    known = PrivateLink.objects.working(timezone.now()).filter(shipment=shipment).order_by("pk").first()
    return known or PrivateLink.objects.make(shipment)
