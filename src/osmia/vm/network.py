"""What helpers find of the network, as a test says it: routes, interfaces, and where packets were sent."""

from __future__ import annotations

from osmia.errors import shown
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

LOOPBACK = 1
NOT_FORWARDED, FRAGMENTS_NEEDED = 4, 8
"""BPF_FIB_LKUP_RET_NOT_FWDED, BPF_FIB_LKUP_RET_FRAG_NEEDED: there is no route; the packet is longer than its MTU."""

MAC_SIZE = 6


@record
class Route:
    """What a look-up in the routing table finds: `machine.fib["10.0.0.0/8"] = Route(ifindex=3)`."""

    ifindex: int
    """The interface that the packet leaves by."""
    smac: bytes = bytes(6)
    """That interface's address."""
    dmac: bytes = bytes(6)
    """The address of whom it goes to."""
    mtu: int = 1500
    gateway: str = ""
    """The next hop's IP address, where it is not the destination."""
    source: str = ""
    """The IP address that a packet from here would have, for who asks for it."""
    metric: int = 0
    result: int = 0
    """What the helper returns: BPF_FIB_LKUP_RET_*."""


@record
class Redirect:
    """A packet that a program sends somewhere: by `redirect()`, through a map, as a copy."""

    helper: str
    """The kernel's name of it: `redirect`, `redirect_map`, `clone_redirect`."""
    ifindex: int | None
    """The interface; None where a map says it."""
    flags: int
    map: str = ""
    """The map's name."""
    key: object = None
    """The map's index or key."""
    data: bytes = b""
    """The packet that was sent, of a copy; or the parameters of redirect_neigh."""


def route_to(fib: Mapping[str, Route], address: bytes) -> Route | None:
    """The route to an address with the longest prefix; None if there is none. TypeError, ValueError for no route."""
    from ipaddress import ip_address, ip_network

    destination = ip_address(address)
    found = [
        (network.prefixlen, prefix, route)
        for prefix, route in fib.items()
        if destination in (network := ip_network(prefix)) and network.version == destination.version
    ]
    if not found:
        return None
    _, prefix, route = max(found, key=lambda each: each[0])
    if not isinstance(route, Route):
        raise TypeError(f"machine.fib has routes (osmia.vm.network.Route), not {shown(route)}")
    _check(prefix, route)
    return route


def _check(prefix: str, route: Route) -> None:
    """Refuse a route that has no place in what helpers give."""
    for name in ("smac", "dmac"):
        address = getattr(route, name)
        if not isinstance(address, bytes) or len(address) != MAC_SIZE:
            raise ValueError(f"machine.fib[{prefix!r}]: {name} is an address of 6 bytes, not {shown(address)}")
    for name, bits in (("ifindex", 32), ("mtu", 16), ("metric", 32)):
        number = getattr(route, name)
        if not isinstance(number, int) or not 0 <= number < 1 << bits:
            raise ValueError(f"machine.fib[{prefix!r}]: {name} is a number of {bits} bits, not {shown(number)}")
