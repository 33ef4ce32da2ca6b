"""Which rows are a merchant's: found in the models themselves, so that a new one can neither be forgotten when a merchant is
deleted, nor when its data is handed out.

A model belongs to merchants where a foreign key leads to `Merchant` or `Shipment`, or on deletion goes with a row that
belongs to one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

from django.apps import apps
from django.db import models

from shipments.models import Merchant, Shipment

Model = type[models.Model]


@dataclass(frozen=True, slots=True)
class Belonging:
    """A model that belongs to merchants. `path` is the look-up that leads from it to the parcel where it is `of_parcels`,
    else to the merchant. `is_tied`: the database knows of it, and refuses to delete the merchant before it."""

    model: Model
    path: str
    of_parcels: bool
    is_tied: bool = True

    @property
    def label(self) -> str:
        return self.model._meta.label

    def of_merchant(self, merchant_id: int) -> "models.QuerySet[Any]":
        """The merchant's rows."""
        path = "pk" if self.model is Shipment else self.path
        if self.model is Shipment:
            return Shipment.objects.filter(merchant=merchant_id)
        rows = self.model._base_manager.all()
        return rows.filter(**{f"{path}__merchant" if self.of_parcels else path: merchant_id})

    def of_shipments(self, shipment_ids: Iterable[int]) -> "models.QuerySet[Any]":
        """The rows of these parcels."""
        return self.model._base_manager.filter(**{f"{self.path}__in": list(shipment_ids)})


@cache
def belongings() -> tuple[Belonging, ...]:
    """Every model that belongs to merchants, those first that nothing else points to: the order in which they go.

    The parcels stand where the last of their own would, because they go with them, some at a time.
    """
    found: dict[Model, Belonging] = {Shipment: Belonging(Shipment, "pk", of_parcels=True)}
    while more := _more(found) or _more(found, slowly=True):
        found |= more
    return tuple(found[model] for model in _children_first(found))


def _foreign_keys(model: Model) -> "list[models.ForeignKey[Any, Any]]":
    return [field for field in model._meta.concrete_fields if isinstance(field, models.ForeignKey)]


def _more(found: Mapping[Model, Belonging], *, slowly: bool = False) -> dict[Model, Belonging]:
    """Further models that belong to what was found; where there are none, `slowly` those whose rows no index tells."""
    return {
        model: belonging
        for model in apps.get_models()
        if model not in found
        and model is not Merchant
        and model._meta.managed
        and (belonging := _belonging(model, found, slowly=slowly)) is not None
    }


def _belonging(model: Model, found: Mapping[Model, Belonging], *, slowly: bool) -> Belonging | None:
    keys = _foreign_keys(model)
    outlives = any(key.related_model is Merchant for key in keys)
    for key in keys:
        # What may have lost its parcel is found by its merchant.
        if key.related_model is Shipment and not (key.null and outlives):
            return Belonging(model, key.name, of_parcels=True)
    through = [
        Belonging(
            model,
            f"{key.name}__{found[key.related_model].path}" if key.related_model is not Shipment else key.name,
            of_parcels=found[key.related_model].of_parcels,
        )
        for key in keys
        if key.related_model in found and key.remote_field.on_delete is models.CASCADE
    ]
    for key in keys:
        if key.related_model is Merchant and (_is_indexed(model, key) or slowly):
            return Belonging(
                model, key.name, of_parcels=False, is_tied=bool(getattr(key, "db_constraint", True))
            )
    return through[0] if through else None


def _is_indexed(model: Model, key: "models.ForeignKey[Any, Any]") -> bool:
    """Whether the rows of one merchant are found without reading those of all."""
    first = [index.fields[:1] for index in model._meta.indexes if index.condition is None]
    first += [
        [*constraint.fields[:1]]
        for constraint in model._meta.constraints
        if isinstance(constraint, models.UniqueConstraint) and constraint.condition is None
    ]
    return bool(getattr(key, "db_index", False) or key.unique or [key.name] in first)


def _children_first(found: Mapping[Model, Belonging]) -> list[Model]:
    """The models so that what points to another one stands before it; all that is of parcels counts as one."""
    try:
        nodes = list(TopologicalSorter(_before(found, also_unset=True)).static_order())
    except CycleError:
        # Some of a ring is unset when what it points to goes.
        nodes = list(TopologicalSorter(_before(found, also_unset=False)).static_order())
    order: list[Model] = []
    for node in nodes:
        if node is Shipment:
            order += [model for model in found if found[model].of_parcels and model is not Shipment]
        order.append(node)
    return order


def _before(found: Mapping[Model, Belonging], *, also_unset: bool) -> dict[Model, set[Model]]:
    """What has to go before each model."""
    before: dict[Model, set[Model]] = {_node(belonging): set() for belonging in found.values()}
    for model, belonging in found.items():
        for key in _foreign_keys(model):
            goes_along = key.remote_field.on_delete is models.CASCADE
            if key.related_model in found and (goes_along or also_unset):
                child, parent = _node(belonging), _node(found[key.related_model])
                if child is not parent:
                    before[parent].add(child)
    return before


def _node(belonging: Belonging) -> Model:
    return Shipment if belonging.of_parcels else belonging.model


def unset_on_deletion(model: Model) -> "list[models.ForeignKey[Any, Any]]":
    """The foreign keys to this model that are unset when its rows go."""
    return [
        key
        for other in apps.get_models()
        if other._meta.managed
        for key in _foreign_keys(other)
        if key.related_model is model and key.null and key.remote_field.on_delete is not models.CASCADE
    ]
