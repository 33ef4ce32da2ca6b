"""Forms and addresses are UTF-8, whatever a request says of itself."""

import codecs
from collections.abc import Callable

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse


def utf8_only(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Refuse forms in another encoding with 400, and read addresses as UTF-8.

    Some encodings that Python knows (UTF-7 among them) have signs that neither the database nor an answer can hold.
    """

    def reading(request: HttpRequest) -> HttpResponse:
        said = request.encoding
        if said is not None and codecs.lookup(said).name != "utf-8":
            if request.method not in {"GET", "HEAD", "OPTIONS"}:
                raise BadRequest("Forms are read in UTF-8 only.")
            # What it says is about a body; there is none.
            request.encoding = "utf-8"
        return get_response(request)

    return reading
