"""What machines ask of this process: whether it is alive, whether it is ready, and how the engine fares.

Answered before anything else is looked at. Load balancers and Prometheus ask by address, not by a name of ours, and without
encryption inside their network: neither the list of host names nor the redirect to https may stand in their way. No session is
opened, nothing is written.
"""

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.db import DatabaseError, InterfaceError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.http.request import split_domain_port
from django.utils import timezone
from django.utils.crypto import constant_time_compare

from shipments.monitoring.exposition import exposition
from shipments.monitoring.readiness import Readiness, State
from shipments.monitoring.readings import read
from shipments.web.storefront import hosts

ALIVE, READY, READY_FOR_PAGES, METRICS = "/healthz", "/readyz", "/readyz/web", "/metrics"

_TEXT = "text/plain; charset=utf-8"
readiness = Readiness()


class Probes:
    """Middleware that answers at the addresses for machines, and hands everything else on."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response
        self._answers: dict[str, Callable[[HttpRequest], HttpResponse]] = {
            ALIVE: lambda request: HttpResponse("ok\n", content_type=_TEXT),
            READY: lambda request: _ready("database", "migrations", "worker"),
            READY_FOR_PAGES: lambda request: _ready("database", "migrations"),
            METRICS: _metrics,
        }

    def __call__(self, request: HttpRequest) -> HttpResponse:
        answer = self._answers.get(request.path_info)
        if answer is None or (request.path_info == METRICS and not _are_metrics_here(request)):
            return self._get_response(request)
        response = (
            answer(request) if request.method in {"GET", "HEAD"} else HttpResponseNotAllowed(["GET", "HEAD"])
        )
        response["Cache-Control"] = "no-store"
        response["X-Content-Type-Options"] = "nosniff"
        return response


def _ready(*wanted: str) -> HttpResponse:
    """Whether all of these are well, and which of them is not: by name alone, because anybody may ask."""
    found = readiness.look(timezone.now())
    checks = {name: found[name] for name in wanted}
    is_ready = all(state == State.OK for state in checks.values())
    status = HTTPStatus.OK if is_ready else HTTPStatus.SERVICE_UNAVAILABLE
    response = JsonResponse({"ready": is_ready, "checks": checks}, status=status)
    # `Readiness` logs a change once; Django would log an error for every question.
    response._has_been_logged = True  # type: ignore[attr-defined]
    return response


def _are_metrics_here(request: HttpRequest) -> bool:
    """Whether there are metrics at all, and not on a merchant's host name, where there is nothing but its public pages."""
    if not settings.METRICS_TOKEN:
        return False
    host, _port = split_domain_port(request._get_raw_host())  # type: ignore[attr-defined]  # as `Storefronts` reads it
    try:
        return hosts.merchant_of(host) is None
    except (DatabaseError, InterfaceError):
        # Whoever has the token is told so.
        return True


def _metrics(request: HttpRequest) -> HttpResponse:
    """How the engine fares, for whoever has the token."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not constant_time_compare(token.strip(), settings.METRICS_TOKEN):
        refused = HttpResponse(
            "The metrics need the token of TRACKINGSITE_METRICS_TOKEN, as: Authorization: Bearer <token>\n",
            content_type=_TEXT,
            status=HTTPStatus.UNAUTHORIZED,
        )
        refused["WWW-Authenticate"] = 'Bearer realm="metrics"'
        return refused
    try:
        readings = read(timezone.now())
    except (DatabaseError, InterfaceError):
        return HttpResponse(
            "The database does not answer in time.\n",
            content_type=_TEXT,
            status=HTTPStatus.SERVICE_UNAVAILABLE,
        )
    text, media_type = exposition(readings, request.headers.get("Accept", ""))
    return HttpResponse(text, content_type=media_type)
