"""The carriers as an operator has set them up: who takes new parcels, what their numbers look like, who is asked about them.

Read anew by whoever begins a page, a step of an import or a round: it is one statement for a dozen rows, and nothing has to
be told to other processes when a carrier is changed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, QuerySet
from django.db.models.functions import JSONObject

from shipments.enums import Gateway
from shipments.facts.recognition import Formats
from shipments.models import Carrier, CarrierRoute, NumberPattern


class Routes:
    """Through which gateways each carrier can be asked, the better one first, and what each gateway calls it."""

    def __init__(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """`rows` are carrier, gateway and wire value, the better gateway first."""
        self._of: dict[str, dict[Gateway, str]] = {}
        for carrier, gateway, wire_value in rows:
            self._of.setdefault(carrier, {})[Gateway(gateway)] = wire_value

    @classmethod
    def read(cls) -> Self:
        """The routes as they are right now, in one statement."""
        rows = CarrierRoute.objects.order_by("position", "pk")
        return cls(rows.values_list("carrier", "gateway", "wire_value"))

    def gateways(self, carrier: str) -> tuple[Gateway, ...]:
        """The gateways that can be asked about a carrier's parcels, the better one first; none where nobody can be."""
        return tuple(self._of.get(carrier, ()))

    def wire_value(self, carrier: str, gateway: str) -> str:
        """What the gateway calls the carrier; `""` where it does not ask, or is not asked."""
        return self._of.get(carrier, {}).get(Gateway(gateway), "")


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What adding a parcel goes by. `offered` are the carriers that take new parcels, code → name, in their order."""

    offered: Mapping[str, str]
    formats: Formats
    routes: Routes

    @classmethod
    def read(cls) -> Self:
        """The carriers as they are right now, in one statement."""
        routes = CarrierRoute.objects.filter(carrier=OuterRef("pk")).order_by("position", "pk")
        patterns = NumberPattern.objects.filter(carrier=OuterRef("pk")).order_by("position", "pk")
        carriers = Carrier.objects.values_list("code", "name", "is_active").annotate(
            told_routes=_rows(routes, "gateway", "wire_value"),
            told_patterns=_rows(
                patterns, "name", "pattern", "is_built_in", "sure", "position", "is_active", "note"
            ),
        )
        known = list(carriers)
        return cls(
            offered={code: name for code, name, is_active, *_rows in known if is_active},
            formats=Formats(
                NumberPattern(carrier_id=code, **row).as_format()
                for code, _name, _is_active, _routes, patterns in known
                for row in patterns
            ),
            routes=Routes(
                (code, row["gateway"], row["wire_value"])
                for code, _name, _is_active, routes, _patterns in known
                for row in routes
            ),
        )


def _rows(found: QuerySet[Any], *columns: str) -> ArraySubquery:
    return ArraySubquery(found.values(row=JSONObject(**{column: F(column) for column in columns})))
