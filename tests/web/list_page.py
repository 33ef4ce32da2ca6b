"""The list of parcels as a test looks at it."""

from django.test import Client

LIST = "/app/alpine/shipments/"
USPS = "9405509898641500000146"


def shown(client: Client, url: str = LIST, **query: str) -> list[str]:
    """The numbers on the page, in their order."""
    return [row.number for row in client.get(url, query).context["rows"]]
