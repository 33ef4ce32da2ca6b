"""Answers about a parcel are for who asked: kept by no cache, found by no search engine, and their address told to nobody."""

from collections.abc import Callable
from typing import TypeVar

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers

View = TypeVar("View", bound=Callable[..., HttpResponse])
_MARK = "is_about_a_parcel"


def about_a_parcel(view: View) -> View:
    """The view, marked: whatever is answered at its addresses is for its reader alone."""
    setattr(view, _MARK, True)
    return view


# No page asks for any of these, so that none may, whatever stands in it.
POLICY = ", ".join(
    f"{device}=()"
    for device in (
        "accelerometer", "browsing-topics", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer",
        "microphone", "midi", "payment", "screen-wake-lock", "usb", "xr-spatial-tracking",
    )
)  # fmt: skip


def without_devices(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that keeps pages from cameras, positions, payments and the like."""

    def answering(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        response.headers.setdefault("Permissions-Policy", POLICY)
        return response

    return answering


def for_the_reader_alone(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that sees to it. Not the view: some answers at its addresses are none of its own, as where a form's token
    is missing, a method is refused, or a picture is not there."""

    def answering(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        match = request.resolver_match
        # An address that is none may be that of a parcel, mistyped.
        if match is None or getattr(match.func, _MARK, False):
            response["Referrer-Policy"] = "no-referrer"
            response["X-Robots-Tag"] = "noindex"
            response["Cache-Control"] = "private, no-store"
            # The language is the reader's choice, and so may be what is shown of a parcel.
            patch_vary_headers(response, ["Cookie"])
        return response

    return answering
