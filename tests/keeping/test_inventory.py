"""No column can be forgotten, and nothing that names a buyer is left anywhere."""

from typing import Any

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.search import SearchVectorField
from django.db import connection, models
from django.utils import timezone

from shipments.enums import ErasedBy
from shipments.keeping import erasing
from shipments.keeping.inventory import NOT_OURS, NOT_PERSONAL, PERSONAL
from shipments.models import Answer, ProofPicture, Statement
from shipments.models.audit import hidden_of
from tests.keeping.people import EMAIL, MARK, ZIP, a_known_parcel

_CAN_NAME_SOMEBODY = (
    models.CharField,
    models.TextField,
    models.JSONField,
    models.BinaryField,
    models.FloatField,
    models.GenericIPAddressField,
    ArrayField,
    SearchVectorField,
)


def _columns(model: type[models.Model]) -> set[str]:
    """The columns that can hold words, bytes or a place."""
    found = set()
    for field in model._meta.concrete_fields:
        kind = field.output_field if isinstance(field, models.GeneratedField) else field
        if isinstance(kind, _CAN_NAME_SOMEBODY):
            found.add(field.name)
    return found


OURS = [model for model in apps.get_models() if model._meta.app_label == "shipments"]


@pytest.mark.parametrize("model", OURS, ids=lambda model: model._meta.label)
def test_every_column_is_said_to_be_personal_or_not(model: type[models.Model]) -> None:
    """A new column fails here: say in `keeping.inventory` what it holds, and erase it where it names people."""
    label = model._meta.label
    personal, other = set(PERSONAL.get(label, {})), set(NOT_PERSONAL.get(label, frozenset()))
    assert personal & other == set()
    assert personal | other == _columns(model)


def test_the_tables_name_no_model_that_is_gone() -> None:
    labels = {model._meta.label for model in OURS}
    assert set(PERSONAL) <= labels
    assert set(NOT_PERSONAL) <= labels
    assert {model._meta.app_label for model in apps.get_models()} == {"shipments", *NOT_OURS}


def test_what_an_erasure_takes_is_masked_in_the_audit() -> None:
    """The database refuses to change an entry: what stands in one in clear no erasure ever reaches."""
    in_clear = set()
    # An entry is not audited itself.
    for label in PERSONAL.keys() - {"shipments.AuditEntry"}:
        model: Any = apps.get_model(label)
        in_clear |= {f"{label}.{column}" for column in set(PERSONAL[label]) - hidden_of(model)}
    assert in_clear == set()


def _places_with(word: str) -> set[str]:
    """The tables in which the word stands anywhere, as a dump of the database would show it."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            cursor.execute(
                f'SELECT EXISTS (SELECT FROM "{table}" AS one WHERE strpos(lower(one::text), lower(%s)) > 0)',
                [word],
            )
            if cursor.fetchone()[0]:
                found.add(table)
    return found


WITH_THE_NAME = {
    "shipments_badrow",
    "shipments_mail",
    "shipments_note",
    "shipments_scanevent",
    "shipments_shipment",
    "shipments_subscription",
    "shipments_subscriptionrequest",
    "shipments_unrecognisedcode",
}


@pytest.mark.django_db
@pytest.mark.parametrize("by", ErasedBy)
def test_nothing_in_the_database_names_the_buyer_afterwards(by: ErasedBy) -> None:
    shipment = a_known_parcel()
    assert _places_with(MARK) == WITH_THE_NAME
    assert _places_with(ZIP[:5]) >= {"shipments_scanevent", "shipments_shipment"}
    term = erasing.read_term(by, EMAIL if by == ErasedBy.EMAIL else shipment.number)

    erasing.begin(by, term, None, asked_by=None, now=timezone.now())
    assert erasing.work(timezone.now()) is True

    # A refused row is nobody's parcel: it is found by what the buyer has told only.
    left = {"shipments_badrow"} if by == ErasedBy.NUMBER else set()
    assert _places_with(MARK) == left
    assert _places_with(ZIP[:5]) == set()
    # What a dump shows compressed or encrypted.
    assert not Answer.objects.exclude(body=None).exists()
    assert not ProofPicture.objects.exclude(data=None).exists()
    assert not Statement.objects.exclude(document=None).exists()


@pytest.mark.django_db
def test_the_raw_answer_did_name_the_buyer() -> None:
    """So that the test above would notice."""
    a_known_parcel()
    assert MARK in Answer.objects.get().text
