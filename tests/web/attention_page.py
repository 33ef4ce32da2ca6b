"""Items of the attention page, and what its forms send."""

from datetime import timedelta
from typing import Any

from django.test import Client
from django.utils import timezone

from shipments.enums import Reason, Status
from shipments.models import AttentionItem, Merchant
from shipments.web.forms_attention import Seen
from tests.factories import a_shipment

PAGE = "/app/alpine/attention/"
SEVERAL = f"{PAGE}several/"
HTMX = {"HX-Request": "true"}
DAY = timedelta(days=1)


def needing(merchant: Merchant, *reasons: Reason, since: timedelta = DAY, **over: Any) -> AttentionItem:
    """An item as a review would write it, for a parcel in trouble."""
    held = reasons or (Reason.EXCEPTION,)
    parcel = {key.removeprefix("parcel_"): over.pop(key) for key in list(over) if key.startswith("parcel_")}
    now = timezone.now()
    return AttentionItem.objects.create(
        **{
            "shipment": a_shipment(
                merchant, **{"status": Status.EXCEPTION, "status_since": now - since, **parcel}
            ),
            "merchant": merchant,
            "reasons": list(held),
            "reason": held[0],
            "rank": list(Reason).index(held[0]),
            "since": now - since,
            "found_at": now,
            **over,
        }
    )


def address(item: AttentionItem) -> str:
    return f"{PAGE}{item.shipment.public_id}/"


def act(client: Client, item: AttentionItem, do: str, **data: Any) -> Any:
    """What a form of a page drawn just now sends."""
    return client.post(address(item), {"do": do, "seen": seen(item)[0], **data})


def seen(*items: AttentionItem) -> list[str]:
    """What a page drawn just now says was seen."""
    return [str(Seen.of(AttentionItem.objects.select_related("shipment").get(pk=item.pk))) for item in items]


def shown(client: Client, **query: str) -> list[str]:
    return [view.number for view in client.get(PAGE, query).context["items"]]


def numbers(*items: AttentionItem) -> list[str]:
    return [item.shipment.number for item in items]


def counts(client: Client, which: str = "chips", **query: str) -> dict[str, int]:
    return {
        chip.key: chip.count
        for chip in client.get(PAGE, query).context[which]
        if chip.count or chip.is_current or which == "views"
    }


def picked(*items: AttentionItem) -> list[str]:
    return [str(item.shipment.public_id) for item in items]
