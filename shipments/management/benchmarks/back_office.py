"""Every page of the back-office, found from what is registered there: lists, how they are cut and searched, and one row's pages."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.contrib.admin import AdminSite, ModelAdmin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model
from django.http import HttpRequest
from django.test import Client, RequestFactory
from django.urls import reverse

from shipments.models import StatusMapping, User

# Of each filter so many choices are opened, the first and the last ones among them: they cut very unequally.
MOST_CHOICES = 12
# A mapping that is told for its effect and not saved. In the made world every parcel has a scan with this code.
FREQUENT = {"carrier": "USPS", "code": "10", "text": "", "word": "", "status": "Exception"}


@dataclass(frozen=True, slots=True)
class Page:
    """One page: what is asked for, by GET or with `data` by POST."""

    name: str
    path: str
    data: dict[str, Any] | None = None

    def open(self, client: Client) -> Any:
        return client.get(self.path) if self.data is None else client.post(self.path, self.data)


def pages(site: AdminSite, person: User) -> Iterator[Page]:
    """The pages this person may open, with the rows there are; none of them changes anything."""
    yield Page("index", reverse("admin:index"))
    yield Page("health", reverse("admin:health"))
    for model, model_admin in sorted(site._registry.items(), key=lambda item: item[0].__name__):
        yield from _of(model, model_admin, person)


def _of(model: type[Model], model_admin: "ModelAdmin[Any]", person: User) -> Iterator[Page]:
    name = model.__name__
    request = _request(person)
    where = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    listing = reverse(f"{where}_changelist")
    if not model_admin.has_view_or_change_permission(request):
        return
    row = model_admin.get_queryset(request).order_by("-pk").first()
    changes: ChangeList = model_admin.get_changelist_instance(request)
    yield Page(f"{name}: list", listing)
    yield Page(f"{name}: last page", f"{listing}?p={changes.paginator.num_pages}")
    yield Page(f"{name}: counts beside filters", f"{listing}?_facets=True")
    for word, cut in _cuts(changes):
        yield Page(f"{name}: {word}", f"{listing}{cut}")
    if model_admin.get_search_fields(request):
        for word, term in _terms(model_admin, request, row):
            yield Page(f"{name}: search {word}", f"{listing}?{urlencode({'q': term})}")
    if model_admin.has_add_permission(request):
        yield Page(f"{name}: add", reverse(f"{where}_add"))
        if model is StatusMapping:
            yield Page(f"{name}: what one of a frequent code changes", reverse(f"{where}_add"), FREQUENT)
    if row is None:
        return
    oldest = model_admin.get_queryset(request).order_by("pk").first()
    yield Page(f"{name}: one", reverse(f"{where}_change", args=[row.pk]))
    if oldest is not None and oldest != row:
        yield Page(f"{name}: the oldest", reverse(f"{where}_change", args=[oldest.pk]))
    yield Page(f"{name}: history", reverse(f"{where}_history", args=[row.pk]))
    if model_admin.has_delete_permission(request, row):
        yield Page(f"{name}: delete", reverse(f"{where}_delete", args=[row.pk]))
    if "delete_selected" in model_admin.get_actions(request):
        yield Page(
            f"{name}: delete selected",
            listing,
            {"action": "delete_selected", "_selected_action": [row.pk]},
        )


def _request(person: User) -> HttpRequest:
    request = RequestFactory().get("/")
    request.user = person
    return request


def _cuts(changes: ChangeList) -> Iterator[tuple[str, str]]:
    """The choices of the filters beside the list, as the addresses they lead to."""
    for spec in changes.filter_specs:
        # The first one is all rows.
        choices = [choice for choice in spec.choices(changes) if not choice.get("selected", True)]
        half = MOST_CHOICES // 2
        for choice in choices if len(choices) <= MOST_CHOICES else (*choices[:half], *choices[-half:]):
            yield f"{spec.title} {choice['display']}", str(choice["query_string"])


def _terms(
    model_admin: "ModelAdmin[Any]", request: HttpRequest, row: Model | None
) -> Iterator[tuple[str, str]]:
    """What is searched for: what no row has, and what the newest row has in each field that is searched."""
    yield "nobody", "nobody-has-this"
    for field in model_admin.get_search_fields(request):
        value: Any = row
        for part in str(field).split("__"):
            value = getattr(value, part, value)
        if value and isinstance(value, str | int):
            yield str(field), str(value)
