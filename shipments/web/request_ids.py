"""Every request has an id, which the lines logged about it and its response carry."""

import secrets
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from trackingsite import logs


def with_request_id(
    get_response: Callable[[HttpRequest], HttpResponse],
) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware that makes one up. What a visitor sends as such is not taken over: it would be words of theirs in our log."""

    def answering(request: HttpRequest) -> HttpResponse:
        request_id = secrets.token_hex(8)
        # Django speaks of refused requests when everything here is over; `trackingsite.logs` finds it there.
        request.request_id = request_id  # type: ignore[attr-defined]
        with logs.about(request=request_id):
            response = get_response(request)
        response["X-Request-ID"] = request_id
        return response

    return answering
