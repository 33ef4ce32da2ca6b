"""Which hosts are out in the open: everything else is our own machine, our own network or nobody's."""

import ipaddress
import socket


class PrivateAddress(OSError):
    """A name of the open internet stands for an address that is not of it."""


IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# Open by their numbers, but answered by the cloud's own machines, which hand out credentials (Azure, Oracle).
_METADATA = (ipaddress.ip_network("168.63.129.16/32"), ipaddress.ip_network("192.0.0.0/24"))
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# Tunnels, which carry an IPv4 address of anybody's choice.
_TUNNELS = tuple(
    ipaddress.ip_network(network)
    for network in ("2002::/16", "192.88.99.0/24", "2001::/32", "64:ff9b:1::/48")
)
# Private or nobody's, and taken for open by the versions of Python that do not know it: networks of one site (RFC 3879),
# addresses for documents (RFC 9637).
_FORGOTTEN = (ipaddress.ip_network("fec0::/10"), ipaddress.ip_network("3fff::/20"))
_LOCAL_ENDINGS = (".localhost", ".local", ".internal", ".home.arpa")


def is_public(address: IPAddress) -> bool:
    """Whether the address is one of the open internet: not loopback, private, link-local, shared, multicast, reserved."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        if address in _NAT64:
            return is_public(ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF))
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in (*_METADATA, *_TUNNELS, *_FORGOTTEN))
    )


def is_private_host(host: str) -> bool:
    """Whether a host, named or numbered, can be seen to be private without asking the name service."""
    name = host.lower().rstrip(".")
    address = _numbered(name)
    if address is not None:
        return not is_public(address)
    return name == "localhost" or name.endswith(_LOCAL_ENDINGS) or "." not in name


def _numbered(host: str) -> IPAddress | None:
    """The address that a host is by its number, in any spelling that the system's resolver takes for one: `0x7f.1`, `2130706433`."""
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host))
    except (OSError, UnicodeError, ValueError):
        return None
