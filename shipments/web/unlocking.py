"""From a tracking number to more: who knows the postal code a parcel goes to sees more of it, for an hour; who has its
private link, all that a buyer may."""

from collections.abc import Sequence
from datetime import date, timedelta
from secrets import compare_digest

from django.core import signing
from django.http import HttpRequest, HttpResponse

from shipments.enums import Lifecycle
from shipments.facts.places import comparable_postal_code
from shipments.models import PrivateLink, Shipment
from shipments.web import storefront
from shipments.web.parcel_view import Sight

COOKIE = "parcel"
LASTS = timedelta(hours=1)
_SALT = "shipments.web.unlocking"
# Equal to no postal code: what a parcel without a known one is compared with, so that it costs the same time.
_NO_CODE = "-"


def fitting(
    shipments: Sequence[Shipment], *, postal_code: str = "", mailed_on: date | None = None
) -> Shipment | None:
    """The one parcel that all of what was told fits; None when none or more than one does.

    Every parcel is compared, in time that does not tell how much of a code is right.
    """
    fits = [
        shipment
        for shipment in shipments
        if (goes_to(shipment.destination_postal_code, postal_code) if postal_code else True)
        & (mailed_on in (shipment.mailing_date, shipment.shipped_on) if mailed_on is not None else True)
    ]
    return fits[0] if len(fits) == 1 and (postal_code or mailed_on is not None) else None


def goes_to(known: str, typed: str) -> bool:
    """Whether the postal code of a parcel (`""` where nobody knows it) is the one typed, in whatever form; in time that
    does not tell how much of it is right."""
    comparable = comparable_postal_code(known) or _NO_CODE
    return compare_digest(comparable.encode(), comparable_postal_code(typed).encode())


def grant(response: HttpResponse, request: HttpRequest, shipment: Shipment, sight: Sight) -> None:
    """Let this browser see that much of the parcel, at this address only."""
    response.set_cookie(
        COOKIE,
        signing.dumps([str(shipment.public_id), int(sight)], salt=_salt(shipment)),
        max_age=LASTS,
        path=request.path,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )


def granted(request: HttpRequest, shipments: Sequence[Shipment]) -> tuple[Shipment, Sight] | None:
    """The parcel this browser was let see, and how much of it; None where it was not, or no longer is."""
    cookie = request.COOKIES.get(COOKIE, "")
    for shipment in shipments if cookie else ():
        try:
            public_id, sight = signing.loads(cookie, salt=_salt(shipment), max_age=LASTS)
        except signing.BadSignature:
            continue
        if public_id == str(shipment.public_id):
            return shipment, Sight(sight)
    return None


def _salt(shipment: Shipment) -> str:
    """What a cookie is signed with beside the key. Its postal code is in there, so that a corrected one ends what the wrong
    one has opened; signed, not written, because who told a mailing date does not know it."""
    return f"{_SALT} {comparable_postal_code(shipment.destination_postal_code)}"


def behind_link(request: HttpRequest, token: str) -> Shipment | None:
    """The parcel that a private link opens, as long as it opens anything here; the page is in its merchant's frame then."""
    link = PrivateLink.objects.live(token)
    if link is None or link.shipment.lifecycle == Lifecycle.ARCHIVED:
        return None
    if not storefront.is_shown_here(request, link.shipment):
        return None
    storefront.enter(request, link.shipment.merchant)
    return link.shipment
