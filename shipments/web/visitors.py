"""Who is looking: the address a request comes from, and how often strangers may try."""

import ipaddress
import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.encoding import punycode

from shipments.facts import spelling
from shipments.models import Throttle


@dataclass(frozen=True, slots=True)
class Limit:
    """So many tries in so long, counted in the database for all processes and hosts together."""

    what: str
    tries: int
    per: timedelta

    def allows(self, whom: str, now: datetime) -> bool:
        """Count one try, and say whether it is still within the limit."""
        return Throttle.objects.allows(self.what, whom, limit=self.tries, per=self.per, now=now)

    def ends_in(self, now: datetime) -> timedelta:
        """How long until tries are counted from nought again."""
        # Windows begin at multiples of their length, as `Throttle.objects.allows` counts them.
        return timedelta(seconds=self.per.total_seconds() - now.timestamp() % self.per.total_seconds())


def spent(now: datetime, *tries: tuple[Limit, str]) -> Limit | None:
    """Count one try of each limit for its whom, and give the first that is spent by it; None while all allow it."""
    counted = Throttle.objects.count_tries([(limit.what, whom, limit.per) for limit, whom in tries], now)
    over = (limit for (limit, _whom), tried in zip(tries, counted, strict=True) if tried > limit.tries)
    return next(over, None)


# Enough for a household behind one address, and its open pages that ask again by themselves.
LOOKUPS = Limit("look up", 60, timedelta(minutes=1))
# A list holds up to 35 numbers.
LISTS = Limit("look up a list", 6, timedelta(minutes=1))
# Postal codes are few: guesses are counted per parcel whoever makes them, and per guesser whatever the parcel.
GUESSES_AT_A_PARCEL = Limit("guess at a parcel", 5, timedelta(days=1))
GUESSES_OF_A_VISITOR = Limit("guess", 30, timedelta(hours=1))
# The same for orders, which many merchants count from 1 on: by the number alone, so that no frame has tries of its own.
GUESSES_AT_AN_ORDER = Limit("guess at an order", 5, timedelta(days=1))
# Links have 192 random bits; this only keeps noise from the database.
LINKS = Limit("open a link", 60, timedelta(minutes=1))
# Whoever has a link may state what it shows; the same facts are stated once, so that few statements are new.
STATEMENTS = Limit("make a statement", 20, timedelta(days=1))
# Numbers of statements have 75 random bits; this keeps noise from the database, and uploads from the processor.
VERIFICATIONS = Limit("verify a statement", 30, timedelta(minutes=1))
# The same, for invitations; it also caps the passwords that are hashed for whoever holds one.
JOINS = Limit("join", 30, timedelta(minutes=5))
# Invitations carry words of a merchant's to addresses of a merchant's choice: nobody writes to the world with them.
INVITATIONS = Limit("invite", 50, timedelta(days=1))
# Whoever asks for mails types an address, which may be somebody else's: so many asks a visitor and a parcel, and so many
# mails with a link to one mailbox, whatever the parcels.
ASKS_FOR_MAILS = Limit("ask for mails", 10, timedelta(hours=1))
ASKS_ABOUT_A_PARCEL = Limit("ask for mails about a parcel", 20, timedelta(days=1))
MAILS_TO_AN_ADDRESS = Limit("confirm an address", 5, timedelta(days=1))


# Mailboxes that get what is sent to their name with dots anywhere in it.
_WITHOUT_DOTS = frozenset({"gmail.com", "googlemail.com"})


def client_address(request: HttpRequest) -> str:
    """The IP address of the visitor, `""` where the server does not know one (a socket).

    Behind proxies it is the entry of X-Forwarded-For that the outermost of our `TRUSTED_PROXIES` has added;
    whatever stands left of that one is the visitor's own claim.
    """
    peer = _address(request.META.get("REMOTE_ADDR", ""))
    if settings.TRUSTED_PROXIES < 1:
        return peer
    hops = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
    if len(hops) < settings.TRUSTED_PROXIES:
        return peer
    return _address(hops[-settings.TRUSTED_PROXIES]) or peer


def visitor(request: HttpRequest) -> str:
    """Whose tries are counted together: the address, for IPv6 the network of /64 a single household has."""
    address = client_address(request)
    if ":" in address:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return address


def mailbox(email: str) -> str:
    """The address by which mails to one mailbox are counted together: without capitals, quotation marks and what stands
    behind a plus, and without dots where they do not count either."""
    name, at, host = email.lower().rpartition("@")
    if name.startswith('"'):
        name = re.sub(r"\\(.)", r"\1", name.strip('"'))
    name = name.partition("+")[0]
    with suppress(UnicodeError):  # a name that is none: no mail goes there either
        # As the mail goes out: the one form in which all spellings of a host meet.
        host = punycode(host)
    if host in _WITHOUT_DOTS:
        name, host = name.replace(".", ""), "gmail.com"
    return f"{name}{at}{host}"


def too_many(request: HttpRequest, limit: Limit, *, now: datetime) -> HttpResponse:
    """The answer to a try too many: in words, and when to come back."""
    wait = limit.ends_in(now)
    # Rounded up: who comes back when told to is not refused again.
    unit = timedelta(hours=1) if wait > timedelta(hours=1) else timedelta(minutes=1)
    when = spelling.ahead(-(-wait // unit) * unit)
    response = render(request, "public/too_many.html", {"when": when}, status=429)
    response["Retry-After"] = str(int(wait.total_seconds()) + 1)
    return response


def _address(text: str) -> str:
    """An IP address as such, without brackets, port or zone; `""` for anything else."""
    written = text.strip()
    if written.startswith("["):
        written = written[1:].partition("]")[0]
    elif written.count(":") == 1:
        written = written.partition(":")[0]
    try:
        address = ipaddress.ip_address(written.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(address)
