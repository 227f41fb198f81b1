"""Who is at the other end of a request or a socket, also where proxies stand between."""

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any, Final

from django.conf import settings

UNKNOWN: Final = "unknown"
"""The address of everybody whose address can't be told, as behind a Unix socket: together they count as one client."""
_HEADER: Final = b"x-forwarded-for"
_NETWORK_BITS: Final = 64
"""Of IPv6: one subscriber has as many addresses below them as he likes."""


def address(scope: Mapping[str, Any]) -> str:
    """Return the client's address, the same for all that one client can call its own: of IPv6 the /64 network.

    Believes as many entries of X-Forwarded-For as there are TRUSTED_PROXIES, counted from its end, since what stands
    before them was written by who knows whom. With fewer entries than that, the first one is the client's.
    """
    client = scope.get("client")
    nearest = client[0] if client else ""
    if settings.TRUSTED_PROXIES > 0:
        hops = [hop.strip() for name, value in scope["headers"] if name == _HEADER for hop in value.split(b",")]
        if hops:
            nearest = hops[-min(settings.TRUSTED_PROXIES, len(hops))].decode("latin-1")
    return _network(nearest)


def _network(text: str) -> str:
    try:
        known = ip_address(_without_port(text))
    except ValueError:
        return UNKNOWN
    if isinstance(known, IPv6Address):
        mapped = known.ipv4_mapped
        if mapped is None:
            return f"{IPv6Address(int(known) >> _NETWORK_BITS << _NETWORK_BITS)}/{_NETWORK_BITS}"
        known = mapped
    return str(IPv4Address(known))


def _without_port(text: str) -> str:
    """Some proxies write `192.0.2.1:4711` or `[2001:db8::1]:4711`; a socket may add a zone, `fe80::1%eth0`."""
    if text.startswith("["):
        return text[1:].partition("]")[0].partition("%")[0]
    if text.count(":") == 1:
        return text.partition(":")[0]
    return text.partition("%")[0]
