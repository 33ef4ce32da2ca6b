"""Files that people send: onto the disk as they come, within bounds of size and time."""

import time
from typing import Any

from django.core.files.uploadhandler import FileUploadHandler, StopUpload, TemporaryFileUploadHandler
from django.http import HttpRequest

# A slow line sends 50 MB in less; one that takes longer keeps a worker of the site from everybody else.
LONGEST_UPLOAD = 300.0
# Up to so many times the bound the rest is read and dropped, because browsers show no answer before all is sent.
_READ_ON = 4


class BoundedUpload(FileUploadHandler):
    """Hands pieces of files on to the next handler while they are within the bounds; `is_too_large`, `is_too_slow` tell
    afterwards."""

    chunk_size = 256 * 1024

    def __init__(self, request: HttpRequest, most_bytes: int) -> None:
        super().__init__(request)
        self._left = most_bytes
        self._ends = time.monotonic() + LONGEST_UPLOAD
        self.is_too_large = self.is_too_slow = False

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        self._left -= len(raw_data)
        if time.monotonic() > self._ends:
            self.is_too_slow = True
            raise StopUpload(connection_reset=True)
        if self._left < 0:
            self.is_too_large = True
            return None
        return raw_data

    def file_complete(self, file_size: int) -> Any:
        return None


def bound_upload(request: HttpRequest, most_bytes: int) -> BoundedUpload:
    """Set the bounds of what this request sends; before anything looks into its form."""
    bounded = BoundedUpload(request, most_bytes)
    request.upload_handlers = [bounded, TemporaryFileUploadHandler(request)]
    return bounded


def is_far_too_large(request: HttpRequest, most_bytes: int) -> bool:
    """Whether the request says itself that it is not worth reading to its end."""
    said = request.META.get("CONTENT_LENGTH") or "0"
    return said.isdigit() and int(said) > _READ_ON * most_bytes
