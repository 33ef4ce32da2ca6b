"""In whose frame a public page is shown: the platform's, or a merchant's with its name, logo, colour and parcels only.

A merchant's frame is around everything on a host name of its own and under `/m/<merchant>/`, and around the page of a
private link wherever that is opened. `of(request)` is the frame, None for the platform's; `url` links within it.

Django answers to the platform's `ALLOWED_HOSTS`. `Storefronts`, the outermost middleware, lets the host names of
merchants in besides, for public pages alone, and answers every other name with a plain 404.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import Http404, HttpRequest, HttpResponse
from django.http.request import split_domain_port
from django.urls import reverse
from django.utils import translation
from django.utils.translation import get_supported_language_variant
from django.utils.translation.trans_real import parse_accept_lang_header

from shipments.facts import colours
from shipments.models import Merchant, MerchantHost, Shipment
from shipments.models.shipments import ShipmentQuerySet
from shipments.outbound.mail import address_on, public_path

# The addresses on a merchant's host name, and the namespace of those under /m/<merchant>/.
HOST_URLS = "shipments.web.urls_host"
NAMESPACE = "merchant"
# For so many seconds a process answers by the host names it has read: strangers' names cost no statement, however many.
HOSTS_LAST = 60.0

_EXTENSIONS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


@dataclass(frozen=True, slots=True)
class Logo:
    """Where a logo is, and how large it is."""

    url: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Storefront:
    """The frame of one merchant's pages."""

    merchant_id: int
    slug: str
    name: str
    language: str
    support_url: str
    stylesheet_url: str
    logo: Logo | None
    name_beside_logo: bool
    on_own_host: bool

    def url(self, name: str, *args: object) -> str:
        """The address of a public page within this frame."""
        if self.on_own_host:
            return reverse(name, args=args)
        return reverse(f"{NAMESPACE}:{name}", args=[self.slug, *args])


def storefront(merchant: Merchant, *, on_own_host: bool = False) -> Storefront:
    """The frame of a merchant that was read `with_look`."""
    look = getattr(merchant, "look", None)
    return Storefront(
        merchant_id=merchant.pk,
        slug=merchant.slug,
        name=(look.shown_name if look else "") or merchant.name,
        language=merchant.language,
        support_url=look.support_url if look else "",
        stylesheet_url=_stylesheet_url(merchant.slug, look.colour) if look and look.colour else "",
        logo=_logo(merchant.slug, look) if look and look.logo_sha256 else None,
        name_beside_logo=look.name_beside_logo if look else True,
        on_own_host=on_own_host,
    )


def _stylesheet_url(slug: str, colour: str) -> str:
    return reverse("look-stylesheet", args=[slug, colours.stylesheet(colour).digest])


def _logo(slug: str, look: Any) -> Logo:
    url = reverse("look-logo", args=[slug, look.logo_sha256[:16], _EXTENSIONS[look.logo_type]])
    return Logo(url, look.logo_width, look.logo_height)


# ---- The frame of a request ------------------------------------------------------------------------------------------


def of(request: HttpRequest) -> Storefront | None:
    """The merchant's frame this request is answered in; None for the platform's own."""
    if not hasattr(request, "storefront"):
        merchant_id = getattr(request, "merchant_of_host", None)
        merchant = (
            None
            if merchant_id is None
            else Merchant.objects.at_work().with_look().filter(pk=merchant_id).first()
        )
        _set(request, None if merchant is None else storefront(merchant, on_own_host=True))
    found: Storefront | None = request.storefront  # type: ignore[attr-defined]
    return found


def enter(request: HttpRequest, merchant: Merchant) -> None:
    """Show what follows in the frame of this merchant, who was read `with_look`; on its own host name it is there already."""
    if of(request) is None:
        _enter(request, storefront(merchant))


def parcels(request: HttpRequest) -> ShipmentQuerySet:
    """The parcels that strangers may look up here: of the merchant in whose frame they are, else of all."""
    # Not by a join: from the few merchants on, the database would read all parcels of each.
    suspended = Merchant.objects.exclude(suspended_at=None).order_by().values("pk")
    shown = Shipment.objects.public().exclude(merchant__in=suspended)
    frame = of(request)
    return shown if frame is None else shown.filter(merchant=frame.merchant_id)


def is_shown_here(request: HttpRequest, shipment: Shipment) -> bool:
    """Whether this parcel belongs into the frame of this request. A suspended merchant's is shown nowhere, as if nobody knew
    it: no stranger learns that the merchant is suspended."""
    frame = of(request)
    return not shipment.merchant.is_suspended and (frame is None or frame.merchant_id == shipment.merchant_id)


def url(request: HttpRequest, name: str, *args: object) -> str:
    """The address of a public page in the frame of this request."""
    frame = of(request)
    return reverse(name, args=args) if frame is None else frame.url(name, *args)


def address_for_buyers(request: HttpRequest, slug: str, host: str, name: str, *args: object) -> str:
    """The whole address of a page for buyers, for the merchant's people to hand on; `host` is the merchant's own, or `""`."""
    if host:
        return address_on(host, slug, name, *args)
    return request.build_absolute_uri(public_path(slug, name, *args))


def _set(request: HttpRequest, frame: Storefront | None) -> None:
    request.storefront = frame  # type: ignore[attr-defined]


def _enter(request: HttpRequest, frame: Storefront) -> None:
    _set(request, frame)
    if frame.language != translation.get_language() and not _asks_for_a_language(request):
        translation.activate(frame.language)
        request.LANGUAGE_CODE = frame.language


def _asks_for_a_language(request: HttpRequest) -> bool:
    """Whether the reader has chosen a language, or their browser asks for one that we have."""
    asked = [request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")]
    asked += [code for code, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", ""))]
    return any(_have(code) for code in asked)


def _have(code: str) -> bool:
    try:
        return bool(get_supported_language_variant(code))
    except LookupError:
        return False


# ---- Host names ------------------------------------------------------------------------------------------------------


class Hosts:
    """The merchants' host names, read whole and at most once in `HOSTS_LAST` seconds by each process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._merchants: Mapping[str, int] = {}
        self._read_at: float | None = None

    def merchant_of(self, host: str) -> int | None:
        """The key of the merchant whose host name this is; None for a name nobody has."""
        now = self._clock()
        if self._read_at is None or now - self._read_at >= HOSTS_LAST:
            self._merchants, self._read_at = MerchantHost.objects.merchants_by_host(), now
        return self._merchants.get(host)

    def forget(self) -> None:
        """Read the names anew at the next question: one was added or taken away."""
        self._read_at = None


hosts = Hosts()


class Storefronts:
    """Answers on host names of merchants with their public pages, on unknown ones with a plain 404, and sets the frame of
    addresses under /m/<merchant>/."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            request.get_host()
        except DisallowedHost:
            return self._elsewhere(request)
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., Any], args: Any, kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        """The frame, before a view begins and after the language of the reader is known."""
        match = request.resolver_match
        if match is not None and NAMESPACE in match.namespaces:
            merchant = Merchant.objects.at_work().with_look().filter(slug=kwargs.pop("merchant")).first()
            if merchant is None:
                raise Http404
            _enter(request, storefront(merchant))
        elif hasattr(request, "merchant_of_host"):
            frame = of(request)
            # The merchant is gone or suspended, and this process has not noticed: its address must not become the platform's.
            if frame is None:
                return _not_here()
            _enter(request, frame)
        return None

    def _elsewhere(self, request: HttpRequest) -> HttpResponse:
        """The answer on a host name that is not the platform's."""
        said = request._get_raw_host()  # type: ignore[attr-defined]  # what get_host checks, X-Forwarded-Host as it does
        # Small letters, without port and dot at the end; empty where the header is none that a name can be read from.
        host, _port = split_domain_port(said)
        merchant_id = hosts.merchant_of(host) if host else None
        if merchant_id is None:
            return _not_here()
        request.merchant_of_host = merchant_id  # type: ignore[attr-defined]
        request.urlconf = HOST_URLS
        # Everything that goes by the host asks the request: the redirect to https, the check of a form's origin, ...
        request.get_host = lambda: said.lower()  # type: ignore[method-assign]
        response = self._get_response(request)
        if "Strict-Transport-Security" in response:
            # What else there is on the merchant's domain is the merchant's: nothing is said of names below this one.
            response["Strict-Transport-Security"] = f"max-age={settings.SECURE_HSTS_SECONDS}"
        return response


def _not_here() -> HttpResponse:
    """Nothing of ours, not even how our pages look: whoever has pointed a name here learns nothing by it."""
    response = HttpResponse("Not found.\n", content_type="text/plain; charset=utf-8", status=404)
    response["X-Content-Type-Options"] = "nosniff"
    return response
