"""Who may open what in the back-office: one table, and nothing that is not in it."""

from collections.abc import Iterable, Iterator
from typing import Any, cast

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import StreamingHttpResponse
from django.test import Client, RequestFactory
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

import trackingsite.urls  # noqa: F401  (what is ours alone is decided there)
from shipments.admin.audited import Audited, OneLog, ReadOnly
from shipments.models import (
    AuditEntry,
    CarrierAccount,
    Credential,
    Invitation,
    Merchant,
    MerchantExport,
    User,
)
from tests.admin.access_table import (
    ACTIONS,
    DOING,
    EXTRA,
    LOOKING,
    MODELS,
    NOBODY,
    PEOPLE,
    VERBS_OF_EXTRA,
    Statuses,
)
from tests.admin.world import a_world, row_of, secrets_of
from tests.factories import a_person

pytestmark = pytest.mark.django_db

REGISTERED = {model.__name__: model for model in admin.site._registry}
STANDARD = ("changelist", "add", "change", "delete", "history")


def people() -> dict[str, Client]:
    """A browser for each of PEOPLE, in which they are signed in."""
    merchant = a_world()
    made = {
        "owner": a_person("owner@example.com", merchant, "owner"),
        "staff": a_person("staff@example.com", is_staff=True),
        "auditor": a_person("auditor@example.com", is_staff=True),
        "operator": a_person("operator@example.com", is_staff=True),
        "superuser": a_person("superuser@example.com", is_staff=True, is_superuser=True),
    }
    for name in ("auditor", "operator"):
        made[name].groups.add(Group.objects.get(name=name.capitalize()))
    browsers = {"stranger": Client()}
    for name, person in made.items():
        browsers[name] = Client()
        browsers[name].force_login(person)
    return {name: browsers[name] for name in PEOPLE}


def address(model: type[Model], page: str) -> str:
    args = [] if page in {"changelist", "add"} else [row_of(model).pk]
    return reverse(f"admin:shipments_{model._meta.model_name}_{page}", args=args)


def expected(name: str, page: str) -> Statuses:
    if page in {"add", "delete"}:
        return DOING if page in MODELS[name] else NOBODY
    return LOOKING


def told(statuses: "list[int] | Statuses") -> dict[str, int]:
    return dict(zip(PEOPLE, statuses, strict=True))


def named_addresses() -> Iterator[str]:
    """Every name of an address in the back-office besides the five of each page."""
    standard = {
        f"shipments_{model._meta.model_name}_{page}" for model in REGISTERED.values() for page in STANDARD
    }

    def walk(patterns: list[Any]) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns)
            elif isinstance(pattern, URLPattern) and pattern.name:
                yield pattern.name

    (back_office,) = (
        each for each in get_resolver().url_patterns if getattr(each, "app_name", "") == "admin"
    )
    assert isinstance(back_office, URLResolver)
    yield from (name for name in walk(back_office.url_patterns) if name not in standard)


def test_every_page_of_the_back_office_is_in_the_table() -> None:
    assert sorted(REGISTERED) == sorted(MODELS), "Name the page in MODELS of tests/admin/access_table.py."


def test_every_other_address_of_the_back_office_is_in_the_table() -> None:
    assert set(named_addresses()) == {name for name, _method in EXTRA}, (
        "Name the address in EXTRA of tests/admin/access_table.py."
    )


def test_every_action_of_the_back_office_is_in_the_table() -> None:
    request = RequestFactory().get("/")
    request.user = a_person("superuser@example.com", is_staff=True, is_superuser=True)
    offered = {
        (model.__name__, action)
        for model, page in admin.site._registry.items()
        for action in page.get_actions(request)
    }
    assert offered == set(ACTIONS), "Name the action in ACTIONS of tests/admin/access_table.py."


def test_every_page_writes_down_what_is_done_on_it_or_has_nothing_to_do() -> None:
    for page in admin.site._registry.values():
        assert isinstance(page, OneLog), page
        assert isinstance(page, Audited | ReadOnly), page


@pytest.mark.parametrize("name", sorted(MODELS))
def test_the_table_of_access_holds(name: str) -> None:
    browsers, model = people(), REGISTERED[name]
    for page in STANDARD:
        where = address(model, page)
        found = [browser.get(where).status_code for browser in browsers.values()]
        assert told(found) == told(expected(name, page)), f"GET {where}"


@pytest.mark.parametrize("name", sorted(MODELS))
def test_who_may_not_change_a_row_is_refused_when_they_post_all_the_same(name: str) -> None:
    browsers, model = people(), REGISTERED[name]
    row = row_of(model)
    before = list(model._default_manager.filter(pk=row.pk).values())
    for page in ("add", "change", "delete"):
        where = address(model, page)
        may = DOING if page in MODELS[name] else NOBODY
        for who, status in told(may).items():
            if status != 200:
                assert browsers[who].post(where, {"post": "yes"}).status_code == status, f"{who} {where}"
    assert list(model._default_manager.filter(pk=row.pk).values()) == before


@pytest.mark.parametrize("key", sorted(EXTRA), ids=" ".join)
def test_other_addresses_open_to_whom_they_should(key: tuple[str, str]) -> None:
    (name, method), (statuses, sent) = key, EXTRA[key]
    browsers = people()
    where = reverse(f"admin:{name}", kwargs=arguments_of(name))

    found = []
    for browser in browsers.values():
        response = browser.get(where, sent) if method == "GET" else browser.post(where, sent)
        if isinstance(response, StreamingHttpResponse):
            b"".join(cast(Iterable[bytes], response.streaming_content))
        found.append(response.status_code)

    assert told(found) == told(statuses)
    if key in VERBS_OF_EXTRA:
        assert AuditEntry.objects.filter(verb=VERBS_OF_EXTRA[key]).exists()


def arguments_of(name: str) -> dict[str, Any]:
    """What an address takes."""
    if name == "app_list":
        return {"app_label": "shipments"}
    if name == "shipments_merchant_invite_again":
        return {"pk": row_of(Merchant).pk, "invitation": Invitation.objects.get().public_id}
    if name == "shipments_merchant_fetch":
        # Not written yet: who may have it finds nothing to fetch.
        export = MerchantExport.objects.create(merchant=Merchant.objects.get(), made_at=timezone.now())
        return {"pk": export.merchant_id, "export": export.public_id}
    if name == "shipments_carrieraccount_retire":
        return {"pk": row_of(CarrierAccount).pk, "key": Credential.objects.earliest("pk").pk}
    if name == "auth_user_password_change":
        return {"id": row_of(User).pk}
    model = next(
        (each for each in REGISTERED.values() if name.startswith(f"shipments_{each._meta.model_name}_")), None
    )
    pattern = next(
        iter(get_resolver("trackingsite.urls").namespace_dict["admin"][1].reverse_dict.getlist(name))
    )
    names = pattern[0][0][1]
    assert len(names) <= 1, f"Say in arguments_of() what {name} takes."
    return {names[0]: row_of(model).pk} if names and model else {}


@pytest.mark.parametrize("key", sorted(ACTIONS), ids=" ".join)
def test_an_action_is_for_operators_and_written_down(key: tuple[str, str]) -> None:
    (name, action), verb = key, ACTIONS[key]
    browsers, model = people(), REGISTERED[name]
    sent = {"action": action, "_selected_action": [row_of(model).pk], "post": "yes"}

    for who in ("stranger", "owner", "staff", "auditor"):
        browsers[who].post(address(model, "changelist"), sent)
    assert verb not in set(AuditEntry.objects.values_list("verb", flat=True))
    assert model._default_manager.filter(pk=row_of(model).pk).exists()

    browsers["operator"].post(address(model, "changelist"), sent)
    assert verb in set(AuditEntry.objects.filter(source="admin").values_list("verb", flat=True))


@pytest.mark.parametrize("who", ["auditor", "operator", "superuser"])
def test_no_page_shows_a_secret(who: str) -> None:
    browser = people()[who]
    hidden = secrets_of(*apps.get_app_config("shipments").get_models())
    hidden |= {"reader@example.com", "buyer@example.com", row_of(User).password}  # type: ignore[attr-defined]
    assert len(hidden) > 6

    for model in REGISTERED.values():
        for page in ("changelist", "change", "history"):
            shown = browser.get(address(model, page)).content.decode()
            assert [secret for secret in hidden if secret in shown] == [], f"{model.__name__} {page}"


def test_operators_hand_out_no_powers_and_auditors_change_nothing() -> None:
    of = {
        group.name: set(group.permissions.values_list("codename", flat=True)) for group in Group.objects.all()
    }
    ours = {
        f"{verb}_{model._meta.model_name}"
        for model in apps.get_app_config("shipments").get_models()
        for verb in model._meta.default_permissions
    }
    assert of["Operator"] == ours | {"export_auditentry", "view_health", "change_health"}
    assert of["Auditor"] == {each for each in ours if each.startswith("view_")} | {
        "export_auditentry", "view_health",
    }  # fmt: skip
    operator = a_person("operator@example.com", is_staff=True)
    operator.groups.add(Group.objects.get(name="Operator"))
    client = Client()
    client.force_login(operator)

    client.post(
        reverse("admin:shipments_user_change", args=[operator.pk]),
        {"email": operator.email, "name": "O", "is_active": "on", "is_staff": "on", "is_superuser": "on"},
    )

    operator.refresh_from_db()
    assert (operator.name, operator.is_superuser) == ("O", False)


def test_a_right_given_to_one_of_our_groups_by_hand_is_taken_back_at_the_next_migration() -> None:
    from shipments.admin import groups

    auditors = Group.objects.get(name="Auditor")
    right = Group.objects.get(name="Operator").permissions.get(codename="delete_carrieraccount")
    auditors.permissions.add(right)
    Group.objects.get(name="Operator").permissions.clear()

    groups.keep_in_step()

    assert right not in auditors.permissions.all()
    assert right in Group.objects.get(name="Operator").permissions.all()


def test_who_may_only_look_at_an_account_sees_that_there_is_a_key_and_not_which() -> None:
    browser = people()["auditor"]
    page = browser.get(reverse("admin:shipments_carrieraccount_change", args=[row_of(CarrierAccount).pk]))

    assert "a-key-nobody" not in page.content.decode()
