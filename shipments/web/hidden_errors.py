"""What pages and mails about errors of ours may show: never a secret, in DEBUG neither."""

import re
from types import FrameType
from typing import Any

from django.http import HttpRequest
from django.utils.datastructures import MultiValueDict
from django.views.debug import SafeExceptionReporterFilter

# Whoever handles secrets under names that say nothing of it: their frames show no values at all.
_CLOSED = (
    "base64", "cryptography", "django.forms", "httpcore", "httpx", "json", "psycopg", "shipments.carriers", "shipments.fields",
    "shipments.key_ring", "shipments.tracking.gateway",
)  # fmt: skip


class Discreet(SafeExceptionReporterFilter):
    """Django's filter, always on: by the names of things, and for whole modules."""

    hidden_settings = re.compile(
        "API|AUTH|BASIC|CIPHER|COOKIE|DATABASE|DSN|KEY|PASS|SECRET|SESSION|SIGNATURE|TOKEN|URL", re.IGNORECASE
    )

    def is_active(self, request: HttpRequest | None) -> bool:
        return True

    def get_post_parameters(self, request: HttpRequest | None) -> Any:
        """The names of what was posted, with the values of the harmless ones."""
        if request is None:
            return {}
        return {
            name: self.cleansed_substitute if self.hidden_settings.search(name) else value
            for name, value in request.POST.items()
        }

    def get_traceback_frame_variables(self, request: HttpRequest | None, tb_frame: FrameType) -> Any:
        module = str(tb_frame.f_globals.get("__name__", ""))
        is_closed = any(module == one or module.startswith(f"{one}.") for one in _CLOSED)
        return [
            (name, self.cleansed_substitute if is_closed or self._is_secret(name, value) else value)
            for name, value in super().get_traceback_frame_variables(request, tb_frame)
        ]

    def _is_secret(self, name: str, value: Any) -> bool:
        # A form's data hold all that was typed.
        return bool(self.hidden_settings.search(name)) or isinstance(value, MultiValueDict)
