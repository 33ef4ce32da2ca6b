"""Host names and links as people type them, into the one form in which they are kept."""

import ipaddress
import re
from urllib.parse import urlsplit

import idna
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

LONGEST_HOST = 253
LONGEST_LINK = 300
_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


class AddressError(ValueError):
    """A host name or link that breaks a rule; the message is a sentence for people that names it."""


def read_host(typed: str) -> str:
    """The host name in small letters and ASCII (`xn--…` for others), without the dot at its end; else `AddressError`."""
    host = typed.strip().removesuffix(".")
    if not host:
        raise AddressError(_("Type a host name, such as track.shop.example."))
    if "://" in host or "/" in host or "@" in host:
        raise AddressError(_("Type the host name alone, without https:// and without a path."))
    if "*" in host:
        raise AddressError(_("Each host name is named whole: a * stands for none."))
    if _is_ip_address(host):
        raise AddressError(_("An IP address is no host name."))
    if ":" in host:
        raise AddressError(_("Type the host name without a port: it holds for all of them."))
    try:
        ascii_host = idna.encode(host, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise AddressError(
            _("A host name has letters, digits, hyphens and dots, and nothing else.")
        ) from None
    labels = ascii_host.split(".")
    if len(ascii_host) > LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise AddressError(_("A host name has letters, digits, hyphens and dots, and nothing else."))
    # Browsers take a name that ends in a number for an IP address, however it is written.
    if labels[-1].isdigit() or re.fullmatch("0x[0-9a-f]*", labels[-1]):
        raise AddressError(_("An IP address is no host name."))
    if len(labels) < 2:
        raise AddressError(_("Type the whole host name, with its domain: track.shop.example."))
    return ascii_host


def _is_ip_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True


def read_support_link(typed: str) -> str:
    """Where buyers' questions go: an `https:` page or a `mailto:` address; an e-mail address or a host name typed alone
    is completed. `AddressError` for anything else."""
    link = typed.strip()
    rule = _("Type the address of a page that begins with https://, or an e-mail address.")
    if len(link) > LONGEST_LINK:
        raise AddressError(_("The link is too long: %(most)d characters at most.") % {"most": LONGEST_LINK})
    if not link or any(sign.isspace() or not sign.isprintable() or sign in "<>\"'\\`" for sign in link):
        raise AddressError(rule)
    scheme, colon, rest = link.partition(":")
    if colon and scheme.casefold() == "mailto":
        return _mailto(rest, rule)
    if "@" in link and "/" not in link:
        return _mailto(link, rule)
    if not colon or "/" in scheme or "." in scheme:
        link = f"https://{link}"
    try:
        parts = urlsplit(link)
        port = parts.port
        host = read_host(parts.hostname or "")
    except ValueError:
        raise AddressError(rule) from None
    # What stands before an @ looks like the place a link leads to, and is not.
    if parts.scheme != "https" or "@" in parts.netloc:
        raise AddressError(rule)
    place = host if port is None else f"{host}:{port}"
    return parts._replace(netloc=place).geturl()


def _mailto(address: str, rule: str) -> str:
    try:
        validate_email(address)
    except ValidationError:
        raise AddressError(rule) from None
    # What would end the address, or begin an escape, in a link.
    if any(sign in "?&#%" for sign in address):
        raise AddressError(rule)
    return f"mailto:{address}"
