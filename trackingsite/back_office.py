"""The admin's site: what an operator looks after, in the order of how often they do."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.core.exceptions import BadRequest
from django.http import HttpRequest
from django.urls import URLPattern, URLResolver
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from shipments.web.back_office import GuardedSite

# What stands together in the index and beside every page: a heading, and the models by name. What is in none comes last.
GROUPS: tuple[tuple[str, Promise, tuple[str, ...]], ...] = (
    (
        "merchants",
        _("Merchants and people"),
        ("Merchant", "User", "MerchantHost", "Look", "MerchantDeletion"),
    ),
    (
        "carriers",
        _("Carriers"),
        ("Carrier", "CarrierAccount", "StatusMapping", "UnrecognisedCode", "UnrecognisedWord", "Replay"),
    ),
    ("parcels", _("Parcels"), ("Shipment", "Answer", "Proof", "Statement", "PrivateLink")),
    ("mails", _("Mails"), ("Mail", "Subscription")),
    ("installation", _("This installation"), ("AuditEntry", "RetentionRule", "Erasure", "Heartbeat")),
)
_REST = ("further", _("Further"))


class BackOffice(GuardedSite):
    """Django's admin in groups, with the health of the installation in front."""

    site_header = _("Parcel tracking: back-office")
    site_title = _("Back-office")
    index_title = _("Back-office")

    def get_urls(self) -> list[URLPattern | URLResolver]:
        # The pages know the models, which are not ready yet when this module is read.
        from shipments.admin import health

        # Django leads whoever is staff to any object's own page, and a private link's own page is open to whoever has it.
        own = [page for page in super().get_urls() if getattr(page, "name", None) != "view_on_site"]
        return [*health.urls(self), *own]

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Any:
        """The view for staff alone. No text of the database can hold the sign NUL: who asks for one is told so at once."""

        @wraps(view)
        def readable(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if "\0" in request.path_info or "%00" in request.META.get("QUERY_STRING", ""):
                raise BadRequest("An address without the sign NUL was expected.")
            return view(request, *args, **kwargs)

        return super().admin_view(readable, cacheable)

    def get_app_list(self, request: HttpRequest, app_label: str | None = None) -> list[Any]:
        """What this person may open: our models in groups, then what other applications have registered."""
        apps: list[Any] = super().get_app_list(request, app_label)
        return [
            group for app in apps for group in (_grouped(app) if app["app_label"] == "shipments" else [app])
        ]


def _grouped(app: dict[str, Any]) -> list[dict[str, Any]]:
    by_name = {model["object_name"]: model for model in app["models"]}
    known = {name for _key, _heading, names in GROUPS for name in names}
    rest = tuple(name for name in by_name if name not in known)
    groups = []
    for key, heading, names in (*GROUPS, (*_REST, rest)):
        models = [by_name[name] for name in names if name in by_name]
        if models:
            groups.append({**app, "key": key, "name": heading, "models": models})
    return groups
