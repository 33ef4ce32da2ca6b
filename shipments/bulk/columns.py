"""The columns an import knows, and by which headings it finds each in other people's files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext_lazy, override

from shipments.bulk.cell_values import (
    Words,
    plain,
    plain_heading,
    read_carrier,
    read_consent,
    read_email,
    read_flag,
    read_gateway,
    read_mailing_date,
    read_number,
    read_postal_code,
    read_tags,
    spelled,
    text_of_at_most,
)
from shipments.enums import CarrierCode


@dataclass(frozen=True, slots=True)
class Column:
    """One of our columns. `read` gives the cell's value and fails with BadCell; an empty cell is never read."""

    key: str
    label: Any
    spellings: frozenset[str]
    read: Callable[[str, Words], Any]
    is_required: bool = False


# Spellings of our own export, of the exports of shops and shipping programs as far as we know them (Shopify, ShipStation,
# WooCommerce and its tracking plug-ins), and what people write by hand; compared by `plain_heading`.
COLUMNS: tuple[Column, ...] = (
    Column(
        "number",
        gettext_lazy("Tracking number"),
        spelled(
            "Tracking number", "Tracking numbers", "Tracking", "Tracking no", "Tracking nr", "Tracking num", "Tracking ID",
            "Tracking code", "Track number", "Track no", "Trackingnumber 1", "Tracking number 1", "Tracking / Label number",
            "Shipment tracking number", "Shipment tracking", "Shipping tracking number", "Fulfillment tracking number",
            "Carrier tracking number", "Order tracking number", "Package tracking number", "Package tracking ID",
            "Parcel number", "Parcel ID", "Package ID", "Package number", "Package identification code", "PIC", "Label number",
            "Barcode", "IMpb", "IMb", "Waybill", "Waybill number", "Waybill no", "Air waybill", "AWB", "AWB number", "Consignment number",
            "Consignment", "Article number", "Tracking barcode", "_wc_shipment_tracking_number", "_tracking_number",
            "_aftership_tracking_number", "Número de seguimiento", "N.º de seguimiento", "Nº seguimiento", "Seguimiento",
            "Código de seguimiento", "Número de rastreo", "Nº de rastreo", "Rastreo", "Código de rastreo", "Rastreamiento",
            "Número de guía", "N.º de guía", "Guía", "Guía de envío", "Número de envío", "N.º de envío", "Localizador",
            "Número de paquete", "Código de barras", "Tracking del envío",
        ),
        read_number,
        is_required=True,
    ),
    Column(
        "carrier",
        gettext_lazy("Carrier"),
        spelled(
            "Carrier", "Carrier code", "Carrier name", "Shipping carrier", "Carrier ID", "Courier", "Courier name", "Courier code",
            "Tracking company", "Fulfillment tracking company", "Tracking carrier", "Shipping company", "Shipping provider",
            "Tracking provider", "Provider", "Shipment carrier", "Shipped via", "Ship via", "Ship carrier", "Delivery company",
            "Carrier - Service Selected", "Logistics provider", "_tracking_provider", "_aftership_tracking_provider_name",
            "Transportista", "Empresa de transporte", "Compañía de transporte", "Empresa de envío", "Compañía de envío",
            "Paquetería", "Mensajería", "Empresa de mensajería", "Operador logístico", "Agencia de transporte", "Agencia",
        ),
        read_carrier,
    ),
    Column(
        "postal_code",
        gettext_lazy("Destination postal code"),
        spelled(
            "Destination postal code", "Destination ZIP", "Destination ZIP code", "Dest ZIP", "Dest postal code", "ZIP", "ZIP code",
            "Postal code", "Postcode", "Post code", "ZIP / Postal code", "Postal / ZIP code", "Ship to ZIP", "Ship to ZIP code",
            "Ship to postal code", "Ship to postcode", "Ship To - Postal Code", "Shipping ZIP", "Shipping ZIP code",
            "Shipping postcode", "Shipping postal code", "Shipping address ZIP", "Shipping address postcode", "_shipping_postcode",
            "Recipient ZIP", "Recipient ZIP code", "Recipient postal code", "Recipient postcode", "Delivery ZIP", "To ZIP",
            "To postal code", "Delivery postcode", "Delivery postal code", "Delivery ZIP code", "Receiver postal code",
            "Código postal", "Cód. postal", "C.P.", "Código postal de destino", "Código postal del destinatario",
            "Código postal de envío", "CP destino", "CP destinatario",
        ),
        read_postal_code,
    ),
    Column(
        "mailing_date",
        gettext_lazy("Mailing date"),
        spelled(
            "Mailing date", "Mail date", "Date mailed", "Mailed on", "Ship date", "Shipping date", "Shipment date", "Shipped date",
            "Date shipped", "Shipped on", "Shipped at", "Shipped", "Date - Shipped Date", "Fulfilled at", "Fulfilled date",
            "Date fulfilled", "Fulfillment date", "Dispatch date", "Dispatched at", "Despatch date", "Posting date", "Label date",
            "Label created", "Label created at", "Print date", "Date printed", "_date_shipped",
            "Fecha de envío", "Fecha envío", "Fecha del envío", "Fecha de expedición", "Fecha de despacho", "Fecha de salida",
            "Enviado el", "Fecha de imposición", "Fecha de depósito",
        ),
        read_mailing_date,
    ),
    Column(
        "order_number",
        gettext_lazy("Order"),
        spelled(
            "Order", "Order number", "Order numbers", "Order no", "Order nr", "Order num", "Order ID", "Order name", "Order - Number",
            "Order reference", "Order ref", "Sales order", "Sales order number", "SO number", "PO number", "Purchase order",
            "Invoice", "Invoice number", "Reference", "Reference number", "Reference 1", "Customer reference", "Ref", "Ref no",
            "Shop order", "Store order number", "External order ID", "_order_number", "Pedido", "Número de pedido",
            "N.º de pedido", "Nº pedido", "ID de pedido", "Orden", "Número de orden", "N.º de orden", "Referencia", "Factura",
        ),
        text_of_at_most(100),
    ),
    Column(
        "recipient_name",
        gettext_lazy("Recipient"),
        spelled(
            "Recipient", "Recipient name", "Recipient full name", "Ship to", "Ship to name", "Ship To - Name", "Shipping name",
            "Shipping full name", "Customer", "Customer name", "Customer full name", "Buyer", "Buyer name", "Buyer full name",
            "Consignee", "Consignee name", "Receiver", "Receiver name", "Addressee", "Deliver to", "Delivery name", "To name",
            "Contact name", "Full name", "Destinatario", "Nombre del destinatario", "Nombre destinatario", "Nombre", "Nombre completo",
            "Cliente", "Nombre del cliente", "Comprador", "Receptor", "Consignatario",
        ),
        text_of_at_most(200),
    ),
    Column(
        "tags",
        gettext_lazy("Tags"),
        spelled("Tags", "Tag", "Order tags", "Labels", "Etiquetas", "Etiqueta", "Marcas"),
        read_tags,
    ),
    Column(
        "proof_due",
        gettext_lazy("Proof is due"),
        spelled(
            "Proof due", "Proof is due", "Proof required", "Proof of delivery", "Proof of delivery required", "POD", "POD required",
            "Signature", "Signature required", "Requires signature", "Signature confirmation", "Prueba de entrega",
            "Comprobante de entrega", "Firma", "Firma requerida", "Requiere firma", "Firma obligatoria",
        ),
        read_flag,
    ),
    Column(
        "gateway",
        gettext_lazy("Ask through"),
        spelled("Gateway", "Ask through", "Tracking gateway", "Tracking API", "Pasarela", "Preguntar por"),
        read_gateway,
    ),
    Column(
        "buyer_email",
        gettext_lazy("Buyer's e-mail"),
        spelled(
            "Buyer email", "Buyer's email", "Buyer e-mail address", "Email", "Email address", "Customer email", "Customer email address",
            "Recipient email", "Recipient email address", "Ship to email", "Ship To - Email", "Shipping email", "Delivery email",
            "Consignee email", "Receiver email", "Contact email", "To email", "Billing email", "_billing_email", "Bill To - Email",
            "Correo", "Correo electrónico", "Correo del cliente", "Correo electrónico del cliente", "Correo del comprador",
            "Email del cliente", "Email del comprador", "Email del destinatario", "Correo del destinatario",
        ),
        read_email,
    ),
    Column(
        "consent",
        gettext_lazy("Consent to mails"),
        spelled(
            "Consent", "Consent to mails", "Consent to emails", "Email consent", "Buyer consent", "Tracking consent", "Consent given",
            "Consent date", "Agreed to mails", "Agreed to emails", "Notify buyer", "Notify customer", "Tracking emails",
            "Consentimiento", "Consentimiento de correo", "Consentimiento del cliente", "Acepta correos", "Avisar al cliente",
        ),
        read_consent,
    ),
)  # fmt: skip
BY_KEY: Mapping[str, Column] = {column.key: column for column in COLUMNS}
_BY_SPELLING = {spelling: column.key for column in COLUMNS for spelling in column.spellings}


# The heading of the column in which refused rows come back with their reasons.
REASON = gettext_lazy("Why it was not imported")


@lru_cache(maxsize=1)
def _reasons() -> frozenset[str]:
    headings = set()
    for language, _name in settings.LANGUAGES:
        with override(language):
            headings.add(plain_heading(str(REASON)))
    return frozenset(headings)


def is_reason(heading: str) -> bool:
    """Whether a column holds our own reasons, in whatever language: it is left out when the file comes back."""
    return plain_heading(heading) in _reasons()


def column_of(heading: str) -> str:
    """The key of our column that has this heading, "" for none."""
    return _BY_SPELLING.get(plain_heading(heading), "")


def knows(heading: str) -> bool:
    """Whether a heading is one of ours."""
    return bool(column_of(heading)) or plain_heading(heading) == "name"


def guess(
    header: Sequence[str], rows: Sequence[Sequence[str]], is_number: Callable[[str], bool]
) -> list[str]:
    """For each of the file's columns one of ours, "" for those that look like none; each of ours at most once.

    By heading, the first of two; the number also by what stands in the column. `rows` are the first ones.
    """
    numbers = [
        sum(is_number(plain(row[place])) for row in rows if place < len(row)) for place in range(len(header))
    ]
    guesses: list[str] = []
    for place, heading in enumerate(header):
        key = column_of(heading)
        if plain_heading(heading) == "name":
            key = _what_name_means([row[place] for row in rows if place < len(row)])
        guesses.append(key if key not in guesses or key == "number" else "")
    # Of several headings that could be the number the fullest column is meant ("Barcode" may be that of the goods);
    # without any, the column most of whose cells are numbers.
    named = [place for place, key in enumerate(guesses) if key == "number"]
    unnamed = [
        place
        for place, key in enumerate(guesses)
        if not key and numbers[place] and numbers[place] * 2 >= len(rows)
    ]
    chosen = max(named or unnamed, key=lambda place: (numbers[place], -place), default=None)
    return [
        "number" if place == chosen else ("" if key == "number" else key) for place, key in enumerate(guesses)
    ]


def _what_name_means(cells: Sequence[str]) -> str:
    """Shopify's exports call the order's number "Name"; everybody else a person's."""
    said = [text for text in map(plain, cells) if text]
    return "order_number" if said and all(any(map(str.isdigit, text)) for text in said) else "recipient_name"


# What shops call the carriers besides their codes and names.
_CARRIER_SPELLINGS: Mapping[str, frozenset[str]] = {
    CarrierCode.USPS: spelled(
        "USPS", "US Post", "U.S. Postal Service", "US Postal Service", "United States Postal Service", "USPS First Class",
        "USPS Priority Mail", "USPS Ground Advantage", "usps_web", "Click-N-Ship", "Servicio Postal de los Estados Unidos",
    ),
    CarrierCode.FEDEX: spelled(
        "FedEx", "Federal Express", "FedEx Ground", "FedEx Express", "FedEx Home Delivery", "fedex_walleted", "FDX", "FDXG", "FDXE",
    ),
    CarrierCode.UPS: spelled("UPS", "United Parcel Service", "ups_walleted", "UPS Ground", "UPSN"),
    CarrierCode.PBI: spelled("PBI", "Pitney Bowes International", "Pitney Bowes cross-border", "Borderfree"),
    CarrierCode.PBCS: spelled("PBCS", "PB Delivery", "Pitney Bowes Delivery", "PB Parcel"),
    CarrierCode.FDR: spelled("FDR"),
    CarrierCode.NEWGISTICS: spelled("NEWGISTICS", "PB Newgistics"),
    CarrierCode.IMB: spelled("IMB", "Intelligent Mail", "USPS letter", "IMb letter"),
}  # fmt: skip
# Who sells labels of several carriers: the number tells which one it was.
_RESELLERS = spelled(
    "stamps_com", "Endicia", "Pirate Ship", "Pitney Bowes", "Shopify Shipping", "Other", "Otro"
)


def spelled_carriers(offered: Mapping[str, str]) -> dict[str, str]:
    """Every spelling of the carriers on offer (code → name), compared by `plain_heading`, and the code it
    means; "" for names of resellers, whose parcels are recognised by their numbers."""
    meant: dict[str, str] = dict.fromkeys(_RESELLERS, "")
    for code, name in offered.items():
        for spelling in {plain_heading(code), plain_heading(name), *_CARRIER_SPELLINGS.get(code, ())}:
            meant.setdefault(spelling, code)
    return meant
