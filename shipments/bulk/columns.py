"""The columns an import knows: by which headings it finds each in other people's files, and how it reads their cells."""

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, override

from shipments.bulk.cells import plain_cell
from shipments.enums import CarrierCode, Gateway
from shipments.facts.tags import MOST_TAGS, read_tag


class BadCell(ValueError):
    """What a cell says cannot be read; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Words:
    """How this file writes what has many spellings: the order of its dates, the names of the carriers on offer."""

    # "mdy", "dmy", or "" where the file does not tell.
    date_order: str = ""
    # Spelling → code of every carrier that takes new parcels, and their names as people know them.
    carriers: Mapping[str, str] = field(default_factory=dict)
    carrier_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """One of our columns. `read` gives the cell's value and fails with BadCell; an empty cell is never read."""

    key: str
    label: Any
    spellings: frozenset[str]
    read: Callable[[str, Words], Any]
    is_required: bool = False
    help: Any = ""


# ---- Headings ------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def plain_heading(heading: str) -> str:
    """The heading without accents, blanks and punctuation, in small letters: `N.º de Guía` is `nodeguia`."""
    letters = unicodedata.normalize("NFKD", heading).casefold()
    return "".join(letter for letter in letters if letter.isalnum())


def _spelled(*names: str) -> frozenset[str]:
    return frozenset(plain_heading(name) for name in names)


# ---- Cells ---------------------------------------------------------------------------------------------------------

_SCIENTIFIC = re.compile(r"[0-9](?:[.,][0-9]+)?[eE]\+?[0-9]{1,3}", re.ASCII)
_DECIMAL = re.compile(r"[0-9]+[.,]0+", re.ASCII)
# A spreadsheet keeps the first 15 digits of a number and writes noughts for the others.
_ROUNDED = re.compile(r"[0-9]{15}0{5,}", re.ASCII)
_FORMULA_TEXT = re.compile(r'=\s*"([^"]*)"')


def plain(cell: str) -> str:
    """What a cell says, without what spreadsheets and exports wrap it in: blanks, quotation marks, `="…"`, our apostrophe."""
    text = plain_cell(cell).strip()
    if text[:1] == "=" and (formula := _FORMULA_TEXT.fullmatch(text)):
        text = formula[1].strip()
    if len(text) > 1 and text[0] == text[-1] == '"':
        text = text[1:-1].strip()
    return text


def _number(text: str, words: Words) -> str:
    # The mark by which people keep a spreadsheet from reckoning.
    text = text.removeprefix("'")
    if _SCIENTIFIC.fullmatch(text) or _DECIMAL.fullmatch(text):
        raise BadCell(
            _(
                "A spreadsheet has made a figure of this number (%(cell)s) and its last digits may be lost. "
                "Set the column to “Text” there, enter the number again and save."
            )
            % {"cell": text[:40]}
        )
    if _ROUNDED.fullmatch(text):
        raise BadCell(
            _(
                "A spreadsheet has rounded this number: it keeps 15 digits and writes noughts for the others. "
                "Set the column to “Text” there, enter the number again and save."
            )
        )
    return text


def _carrier(text: str, words: Words) -> str:
    code = words.carriers.get(plain_heading(text))
    if code is None:
        known = ", ".join(words.carrier_names)
        raise BadCell(
            _(
                "“%(carrier)s” is not a carrier we ask; these are: %(known)s. Empty the cell to have it recognised."
            )
            % {"carrier": _shown(text), "known": known}
        )
    return code


_GATEWAYS = {
    **dict.fromkeys(("usps", "uspsapi", "postalservice"), Gateway.USPS),
    **dict.fromkeys(("pitneybowes", "pitney", "pb", "pitneybowesshippingapi"), Gateway.PITNEY_BOWES),
}


def _gateway(text: str, words: Words) -> str:
    gateway = _GATEWAYS.get(plain_heading(text))
    if gateway is None:
        raise BadCell(_("A gateway is usps or pitney_bowes."))
    return gateway


def _postal_code(text: str, words: Words) -> str:
    if re.fullmatch(r"[0-9]{3,4}(?:[.,]0)?", text, re.ASCII):
        raise BadCell(
            _(
                "A ZIP Code has five digits: a spreadsheet may have dropped the nought in front. "
                "Set the column to “Text” there and enter it again; empty the cell for a parcel that goes abroad."
            )
        )
    return text


_ISO = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ].*)?", re.ASCII)
_PARTS = re.compile(r"(\d{1,2})([-/. ])(\d{1,2})\2(\d{4}|\d{2})(?:[T, ].*)?", re.ASCII)


def _mailing_date(text: str, words: Words) -> date:
    try:
        if iso := _ISO.fullmatch(text):
            return date(int(iso[1]), int(iso[2]), int(iso[3]))
        if parts := _PARTS.fullmatch(text):
            first, second, year = int(parts[1]), int(parts[3]), int(parts[4])
            year += 2000 if year < 100 else 0
            order = words.date_order or _order_of(first, second)
            if order:
                month, day = (first, second) if order == "mdy" else (second, first)
                return date(year, month, day)
            raise BadCell(
                _(
                    "It is not clear whether the day or the month comes first. "
                    "Say it where the columns are matched, or write 2026-01-31."
                )
            )
    except ValueError as exc:
        if isinstance(exc, BadCell):
            raise
    raise BadCell(_("A mailing date is a day written as 2026-01-31."))


def _order_of(first: int, second: int) -> str:
    if first > 12 >= second:
        return "dmy"
    if second > 12 >= first or first == second:
        return "mdy"
    return ""


def has_unclear_dates(cells: Iterable[str]) -> bool:
    """Whether a cell is a date that could be read in two ways."""
    return any(
        not _order_of(int(parts[1]), int(parts[3]))
        for cell in cells
        if (parts := _PARTS.fullmatch(plain(cell)))
    )


def guess_date_order(cells: Iterable[str]) -> str:
    """The order in which the file writes days and months; "" where no cell tells, or where they disagree."""
    orders = {
        _order_of(int(parts[1]), int(parts[3]))
        for cell in cells
        if (parts := _PARTS.fullmatch(plain(cell))) and parts[1] != parts[3]
    } - {""}
    return orders.pop() if len(orders) == 1 else ""


def _at_most(longest: int) -> Callable[[str, Words], str]:
    def read(text: str, words: Words) -> str:
        line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
        if len(line) > longest:
            raise BadCell(
                _("At most %(most)d signs are kept here; these are %(many)d.")
                % {"most": longest, "many": len(line)}
            )
        return line

    return read


def _tags(text: str, words: Words) -> list[str]:
    try:
        tags = [read_tag(part) for part in re.split(r"[,;|\n]", text) if part.strip()]
    except ValueError as exc:
        raise BadCell(str(exc)) from None
    once: dict[str, str] = {}
    for tag in tags:
        once.setdefault(tag.casefold(), tag)
    if len(once) > MOST_TAGS:
        raise BadCell(_("A parcel has at most %(most)d tags.") % {"most": MOST_TAGS})
    return list(once.values())


_YES = _spelled("yes", "y", "true", "1", "x", "required", "sí", "s", "verdadero", "requerida", "requerido")
_NO = _spelled("no", "n", "false", "0", "none", "not required", "falso", "ninguna", "-")


def _flag(text: str, words: Words) -> bool:
    said = plain_heading(text)
    if said in _YES:
        return True
    if said in _NO or not said:
        return False
    raise BadCell(_("This column says yes or no."))


def _shown(text: str) -> str:
    return " ".join("".join(sign for sign in text if sign.isprintable()).split())[:60]


# ---- The columns ---------------------------------------------------------------------------------------------------

# Spellings of our own export, of the exports of Shopify, ShipStation, WooCommerce (with its tracking plug-ins), Stamps.com,
# Pirate Ship and Click-N-Ship, and what people write by hand; compared by `plain_heading`.
COLUMNS: tuple[Column, ...] = (
    Column(
        "number",
        gettext_lazy("Tracking number"),
        _spelled(
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
        _number,
        is_required=True,
    ),
    Column(
        "carrier",
        gettext_lazy("Carrier"),
        _spelled(
            "Carrier", "Carrier code", "Carrier name", "Shipping carrier", "Carrier ID", "Courier", "Courier name", "Courier code",
            "Tracking company", "Fulfillment tracking company", "Tracking carrier", "Shipping company", "Shipping provider",
            "Tracking provider", "Provider", "Shipment carrier", "Shipped via", "Ship via", "Ship carrier", "Delivery company",
            "Carrier - Service Selected", "Logistics provider", "_tracking_provider", "_aftership_tracking_provider_name",
            "Transportista", "Empresa de transporte", "Compañía de transporte", "Empresa de envío", "Compañía de envío",
            "Paquetería", "Mensajería", "Empresa de mensajería", "Operador logístico", "Agencia de transporte", "Agencia",
        ),
        _carrier,
        help=gettext_lazy("Empty cells are recognised by their number."),
    ),
    Column(
        "postal_code",
        gettext_lazy("Destination postal code"),
        _spelled(
            "Destination postal code", "Destination ZIP", "Destination ZIP code", "Dest ZIP", "Dest postal code", "ZIP", "ZIP code",
            "Postal code", "Postcode", "Post code", "ZIP / Postal code", "Postal / ZIP code", "Ship to ZIP", "Ship to ZIP code",
            "Ship to postal code", "Ship to postcode", "Ship To - Postal Code", "Shipping ZIP", "Shipping ZIP code",
            "Shipping postcode", "Shipping postal code", "Shipping address ZIP", "Shipping address postcode", "_shipping_postcode",
            "Recipient ZIP", "Recipient ZIP code", "Recipient postal code", "Recipient postcode", "Delivery ZIP", "To ZIP",
            "To postal code", "Delivery postcode", "Delivery postal code", "Delivery ZIP code", "Receiver postal code",
            "Código postal", "Cód. postal", "C.P.", "Código postal de destino", "Código postal del destinatario",
            "Código postal de envío", "CP destino", "CP destinatario",
        ),
        _postal_code,
    ),
    Column(
        "mailing_date",
        gettext_lazy("Mailing date"),
        _spelled(
            "Mailing date", "Mail date", "Date mailed", "Mailed on", "Ship date", "Shipping date", "Shipment date", "Shipped date",
            "Date shipped", "Shipped on", "Shipped at", "Shipped", "Date - Shipped Date", "Fulfilled at", "Fulfilled date",
            "Date fulfilled", "Fulfillment date", "Dispatch date", "Dispatched at", "Despatch date", "Posting date", "Label date",
            "Label created", "Label created at", "Print date", "Date printed", "_date_shipped",
            "Fecha de envío", "Fecha envío", "Fecha del envío", "Fecha de expedición", "Fecha de despacho", "Fecha de salida",
            "Enviado el", "Fecha de imposición", "Fecha de depósito",
        ),
        _mailing_date,
    ),
    Column(
        "order_number",
        gettext_lazy("Order"),
        _spelled(
            "Order", "Order number", "Order numbers", "Order no", "Order nr", "Order num", "Order ID", "Order name", "Order - Number",
            "Order reference", "Order ref", "Sales order", "Sales order number", "SO number", "PO number", "Purchase order",
            "Invoice", "Invoice number", "Reference", "Reference number", "Reference 1", "Customer reference", "Ref", "Ref no",
            "Shop order", "Store order number", "External order ID", "_order_number", "Pedido", "Número de pedido",
            "N.º de pedido", "Nº pedido", "ID de pedido", "Orden", "Número de orden", "N.º de orden", "Referencia", "Factura",
        ),
        _at_most(100),
    ),
    Column(
        "recipient_name",
        gettext_lazy("Recipient"),
        _spelled(
            "Recipient", "Recipient name", "Recipient full name", "Ship to", "Ship to name", "Ship To - Name", "Shipping name",
            "Shipping full name", "Customer", "Customer name", "Customer full name", "Buyer", "Buyer name", "Buyer full name",
            "Consignee", "Consignee name", "Receiver", "Receiver name", "Addressee", "Deliver to", "Delivery name", "To name",
            "Contact name", "Full name", "Destinatario", "Nombre del destinatario", "Nombre destinatario", "Nombre", "Nombre completo",
            "Cliente", "Nombre del cliente", "Comprador", "Receptor", "Consignatario",
        ),
        _at_most(200),
    ),
    Column(
        "tags",
        gettext_lazy("Tags"),
        _spelled("Tags", "Tag", "Order tags", "Labels", "Etiquetas", "Etiqueta", "Marcas"),
        _tags,
        help=gettext_lazy("Several are separated by commas."),
    ),
    Column(
        "proof_due",
        gettext_lazy("Proof is due"),
        _spelled(
            "Proof due", "Proof is due", "Proof required", "Proof of delivery", "Proof of delivery required", "POD", "POD required",
            "Signature", "Signature required", "Requires signature", "Signature confirmation", "Prueba de entrega",
            "Comprobante de entrega", "Firma", "Firma requerida", "Requiere firma", "Firma obligatoria",
        ),
        _flag,
        help=gettext_lazy("Yes or no: whether a delivery without signature or picture needs a person."),
    ),
    Column(
        "gateway",
        gettext_lazy("Ask through"),
        _spelled("Gateway", "Ask through", "Tracking gateway", "Tracking API", "Pasarela", "Preguntar por"),
        _gateway,
        help=gettext_lazy("usps or pitney_bowes; left alone, your accounts decide."),
    ),
)  # fmt: skip
BY_KEY: Mapping[str, Column] = {column.key: column for column in COLUMNS}
_BY_SPELLING = {spelling: column.key for column in COLUMNS for spelling in column.spellings}


# The heading of the column in which refused rows come back with their reasons.
REASON = gettext_lazy("Why it was not imported")


@lru_cache(maxsize=1)
def _reasons() -> frozenset[str]:
    spelled = set()
    for language, _name in settings.LANGUAGES:
        with override(language):
            spelled.add(plain_heading(str(REASON)))
    return frozenset(spelled)


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
    CarrierCode.USPS: _spelled(
        "USPS", "US Post", "U.S. Postal Service", "US Postal Service", "United States Postal Service", "USPS First Class",
        "USPS Priority Mail", "USPS Ground Advantage", "usps_web", "Click-N-Ship", "Servicio Postal de los Estados Unidos",
    ),
    CarrierCode.FEDEX: _spelled(
        "FedEx", "Federal Express", "FedEx Ground", "FedEx Express", "FedEx Home Delivery", "fedex_walleted", "FDX", "FDXG", "FDXE",
    ),
    CarrierCode.UPS: _spelled("UPS", "United Parcel Service", "ups_walleted", "UPS Ground", "UPSN"),
    CarrierCode.PBI: _spelled("PBI", "Pitney Bowes International", "Pitney Bowes cross-border", "Borderfree"),
    CarrierCode.PBCS: _spelled("PBCS", "PB Delivery", "Pitney Bowes Delivery", "PB Parcel"),
    CarrierCode.FDR: _spelled("FDR"),
    CarrierCode.NEWGISTICS: _spelled("NEWGISTICS", "PB Newgistics"),
    CarrierCode.IMB: _spelled("IMB", "Intelligent Mail", "USPS letter", "IMb letter"),
}  # fmt: skip
# Who sells labels of several carriers: the number tells which one it was.
_RESELLERS = _spelled(
    "stamps_com", "Endicia", "Pirate Ship", "Pitney Bowes", "Shopify Shipping", "Other", "Otro"
)


def spelled_carriers(offered: Mapping[str, str]) -> dict[str, str]:
    """Every spelling of the carriers on offer (code → name), compared by `plain_heading`, and the code it
    means; "" for names of resellers, whose parcels are recognised by their numbers."""
    spelled: dict[str, str] = dict.fromkeys(_RESELLERS, "")
    for code, name in offered.items():
        for spelling in {plain_heading(code), plain_heading(name), *_CARRIER_SPELLINGS.get(code, ())}:
            spelled.setdefault(spelling, code)
    return spelled
