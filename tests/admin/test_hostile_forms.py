"""Any bad value in any form of the back-office: a message at the field, and never an error of ours."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django import forms
from django.contrib import admin
from django.db import transaction
from django.forms import formsets
from django.forms.models import InlineForeignKeyField
from django.test import Client
from django.urls import reverse

import trackingsite.urls  # noqa: F401  (what is ours alone is decided there)
from shipments.admin.mappings import ONLY
from shipments.models import Merchant, User
from tests.admin.world import a_world, row_of
from tests.factories import a_person

pytestmark = [pytest.mark.django_db, pytest.mark.slow]

PAGES = {model.__name__: page for model, page in admin.site._registry.items()}
HOSTILE = (
    "", " ", "x" * 70_000, "9" * 400, "-9223372036854775809", "9223372036854775808", "1e400", "NaN", "a\0b", "\ud800",
    '"\\u0000"', '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"a": NaN}', "[" * 2_000, "{", "[1", "null", "0", "-1", "none", "on",
    "99999999999999999999", "2026-02-30", "9999-12-31", "0001-01-01", "25:61", "24:00:00", "<script>alert(1)</script>",
    "=1+1", "'; DROP TABLE x; --", "%s%n", "../../etc/passwd", "http://[::1", "http://a b/", "file:///etc/passwd", "\u202e", "é" * 300,
)  # fmt: skip


# What an address carries, or the key of a row, is read by fewer rules than a form.
IN_AN_ADDRESS = (
    "", "9" * 400, "9223372036854775808", "-1", "a\0b", "\ud800", "none", "2026-02-30", "[1", "'; DROP TABLE x; --",
)  # fmt: skip
# Tried in every field of its kind by itself, the others being good: what gets past the form is for the database to refuse.
KINDS: tuple[tuple[type[forms.Field], tuple[str, ...]], ...] = (
    (forms.JSONField, ('{"a": "\\u0000"}', '{"a": "\\ud800"}', "NaN")),
    (forms.IntegerField, ("9223372036854775808", "-1")),
    (forms.DecimalField, ("1e400", "NaN")),
    (forms.FloatField, ("1e400", "NaN")),
    (forms.DateField, ("9999-12-31", "0001-01-01")),
    (forms.DateTimeField, ("9999-12-31", "0001-01-01")),
    (forms.ModelChoiceField, ("9223372036854775808", "a\0b")),
    (forms.ChoiceField, ("none",)),
    (forms.URLField, ("http://[::1", "http://a b/")),
    (forms.CharField, ("a\0b", "x" * 5_000)),
)
# What is sent by who has seen what saving changes; without it that is shown first.
CONFIRMED = {"StatusMapping": {ONLY: ""}}


def of_another(name: str) -> dict[str, str]:
    """What a new row needs to be taken beside the one that is there already."""
    merchant = str(Merchant.objects.get(slug="alpine").pk)
    password = "parcels-on-the-move"
    return {
        "Carrier": {"code": "NEWC", "name": "New Carrier"},
        "CarrierAccount": {"key": "another-key", "secret": "another-secret"},
        "Erasure": {"term": "buyer@example.com"},
        "Merchant": {"slug": "bayside", "owner_email": "owner@example.com"},
        "MerchantHost": {"merchant": merchant, "host": "track.bayside.example"},
        "RetentionRule": {"merchant": merchant, "kind": "proofs"},
        "StatusMapping": {"carrier": "UPS", "code": "ZX"},
        "User": {"email": "vera@example.com", "password1": password, "password2": password},
    }.get(name, {})


@pytest.fixture
def operator() -> Client:
    a_world()
    client = Client(raise_request_exception=False)
    client.force_login(a_person("operator@example.com", is_staff=True, is_superuser=True))
    return client


def kinds_of(field: forms.Field) -> tuple[str, ...]:
    """What is tried in this field."""
    return next((values for kind, values in KINDS if isinstance(field, kind)), ("none", "a\0b"))


def fields_of(response: Any) -> Iterator[tuple[str, Any, forms.Field]]:
    """Every field of the page as it would be sent untouched: its name, its value, and what reads it.

    Of each table that is its first row and a new one, as the script of the page adds it: further ones are read alike.
    """
    bound: list[Any] = list(_form_of(response))
    as_sent: dict[str, int] = {}
    new = {}
    for inline in response.context.get("inline_admin_formsets", ()):
        formset = inline.formset
        kept = formset.initial_forms[:1]
        added = [formset.empty_form] if formset.max_num else []
        as_sent[f"{formset.prefix}-INITIAL_FORMS"] = len(kept)
        as_sent[f"{formset.prefix}-TOTAL_FORMS"] = len(kept) + len(added)
        new[formset.prefix] = str(len(kept))
        bound += [field for form in (formset.management_form, *kept, *added) for field in form]
    for field in bound:
        widget = field.field.widget
        name = field.html_name
        if "__prefix__" in name:
            name = name.replace("__prefix__", new[name.split("-")[0]])
        value = as_sent.get(name, field.value())
        if isinstance(widget, forms.MultiWidget) or hasattr(widget, "widgets"):
            parts = widget.decompress(value) if hasattr(widget, "decompress") else []
            for place, part in enumerate(parts or [""] * len(widget.widgets)):
                yield f"{name}_{place}", _sent(part), field.field
        elif isinstance(widget, forms.CheckboxInput):
            if value:
                yield name, "on", field.field
        else:
            yield name, _sent(value), field.field


def _form_of(response: Any) -> forms.BaseForm:
    """The form of the page, Django's or one of our own."""
    context = response.context
    form: forms.BaseForm = context["adminform"].form if "adminform" in context else context["form"]
    return form


def belongs_to_its_row(field: str, reader: forms.Field) -> bool:
    """Whether it says which row of a table this is, or whose."""
    return isinstance(reader, InlineForeignKeyField) or re.search(r"-[0-9]+-id$", field) is not None


def _sent(value: Any) -> Any:
    if value is None:
        return ""
    return [str(each) for each in value] if isinstance(value, list | tuple | set) else str(value)


def post(client: Client, where: str, sent: dict[str, Any]) -> Any:
    """The answer; whatever was stored is undone."""
    # What no browser can send in UTF-8 is sent as it is.
    body = "&".join(
        f"{_quoted(name)}={_quoted(each)}"
        for name, value in sent.items()
        for each in (value if isinstance(value, list) else [value])
    )
    with transaction.atomic():
        answer = client.post(where, body, content_type="application/x-www-form-urlencoded")
        transaction.set_rollback(True)
    return answer


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))


def pages() -> list[tuple[str, str]]:
    """Every form there is: of adding and of changing."""
    return [(name, page) for name in sorted(PAGES) for page in ("add", "change")]


@pytest.fixture
def _short_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables that are cut off after a few rows: who claims to send more than Django's 2,000 is shown so many."""
    monkeypatch.setattr(formsets, "DEFAULT_MAX_NUM", 5)


@pytest.mark.usefixtures("_short_tables")
@pytest.mark.parametrize(("name", "page"), pages())
def test_no_value_in_any_field_is_an_error_of_ours(name: str, page: str, operator: Client) -> None:
    row = row_of(PAGES[name].model)
    where = reverse(f"admin:shipments_{row._meta.model_name}_{page}", args=[] if page == "add" else [row.pk])
    shown = operator.get(where)
    if shown.status_code == 403 or not _form_of(shown).fields:
        pytest.skip("There is no form.")
    fields = list(fields_of(shown))
    as_it_is = {field: value for field, value, _reader in fields}
    tried_by_itself = fields
    if page == "add":
        # Otherwise whole and good: what reaches the database is what is tried.
        of_a_row = operator.get(reverse(f"admin:shipments_{row._meta.model_name}_change", args=[row.pk]))
        if of_a_row.status_code == 200:
            changed = list(fields_of(of_a_row))
            as_it_is |= {
                field: value
                for field, value, reader in changed
                if field in as_it_is and "FORMS" not in field and not belongs_to_its_row(field, reader)
            }
            # The others are read alike where a row is changed, and tried there.
            names = {field for field, _value, _reader in changed}
            tried_by_itself = [one for one in fields if one[0] not in names]
        as_it_is |= of_another(name)
    sendings = [{}, CONFIRMED[name]] if name in CONFIRMED else [{}]
    assert is_taken(post(operator, where, {**as_it_is, **sendings[-1]}))

    changes = [{field: value} for field, _value, reader in tried_by_itself for value in kinds_of(reader)]
    changes += [{field: value for field in as_it_is if not field.endswith("_FORMS")} for value in HOSTILE]

    fallen = [
        (sorted(change)[:1], next(iter(change.values()))[:40], status)
        for change in changes
        for sent in sendings
        if (status := post(operator, where, {**as_it_is, **change, **sent}).status_code)
        not in {200, 302, 400}
    ]

    assert fallen == []


def is_taken(answer: Any) -> bool:
    """Whether nothing in the form was found wrong: it is stored, or a page asks whether it is meant."""
    return answer.status_code == 302 or "form" not in answer.context or not answer.context["form"].errors


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_search_or_filter_is_an_error_of_ours(name: str, operator: Client) -> None:
    where = reverse(f"admin:shipments_{PAGES[name].model._meta.model_name}_changelist")
    known = {
        parameter
        for spec in operator.get(where).context["cl"].filter_specs
        for parameter in spec.expected_parameters()
        if parameter
    }
    fallen = [
        (parameter, value[:40], status)
        for parameter in ("q", "p", "o", "e", "_facets", "_to_field", "pk__in", *sorted(known))
        for value in IN_AN_ADDRESS
        if (status := operator.get(f"{where}?{parameter}={_quoted(value)}").status_code)
        not in {200, 302, 400}
    ]

    assert fallen == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_key_of_a_row_is_an_error_of_ours(name: str, operator: Client) -> None:
    model = PAGES[name].model._meta.model_name
    fallen = [
        (page, value[:40], status)
        for page in ("change/", "history/", "delete/")
        for value in IN_AN_ADDRESS
        if value
        and (status := operator.get(f"/admin/shipments/{model}/{_quoted(value)}/{page}").status_code)
        not in {302, 400, 403, 404}
    ]

    assert fallen == []


@pytest.mark.parametrize("name", sorted(PAGES))
def test_no_row_ticked_for_an_action_is_an_error_of_ours(name: str, operator: Client) -> None:
    where = reverse(f"admin:shipments_{PAGES[name].model._meta.model_name}_changelist")
    actions = (
        [value for value, _label in operator.get(where).context["action_form"].fields["action"].choices]
        if (operator.get(where).context["action_form"])
        else []
    )
    fallen = [
        (action, value[:40], status)
        for action in (*actions, "no_such_action")
        for value in IN_AN_ADDRESS
        if (
            status := post(
                operator, where, {"action": action, "_selected_action": value, "post": "yes"}
            ).status_code
        )
        not in {200, 302, 400}
    ]

    assert fallen == []
    assert User.objects.filter(email="ursula@example.com").exists()
