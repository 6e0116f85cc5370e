"""Objects of `ipaddress` where numbers and bytes are expected: they are taken where the order of bytes is known."""

from __future__ import annotations

import sys

from osmia.errors import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_IPV4 = "an int or an ipaddress.IPv4Address"


def number_of(value: Any, what: str, name: str) -> int:
    """The number that a be32 has of an IPv4Address. TypeError, which names `what`, for all else and for other types."""
    if name == "be32" and _kind_of(value) == "IPv4Address":
        return int(value)
    taken = _IPV4 if name == "be32" else "an int"
    raise TypeError(f"{what} is {taken} ({name}), not {shown(value)}{hint(value, name)}")


def bytes_of(value: Any, expected: str, length: int) -> bytes:
    """The bytes of an address, as packets have them, if there are so many.

    TypeError, whose text begins with `expected`, for all else; ValueError for an IPv6Address with a zone.
    """
    kind = _kind_of(value)
    packed: bytes = value.packed if kind in {"IPv4Address", "IPv6Address"} else b""
    if len(packed) != length or not packed:
        raise TypeError(f"{expected}, not {shown(value)}{_hint_for_bytes(kind, length)}")
    zone = getattr(value, "scope_id", None)
    if zone is not None:
        raise ValueError(f"{expected}, and has no place for the zone of {shown(value)}: leave out %{zone}")
    return packed


def hint(value: object, name: str) -> str:
    """What to do about an object of `ipaddress` where a number of that type is expected; empty for all else."""
    kind = _kind_of(value)
    if kind.endswith("Network"):
        return ": it is many addresses, and prefixes are the keys of an LpmTrie"
    if kind.endswith("Interface"):
        return ": an interface is an address and a network, of which .ip is the address"
    if kind == "IPv6Address":
        return ": array(u8, 16) takes an IPv6Address"
    if kind != "IPv4Address":
        return ""
    if name != "u32":
        return ": be32 takes an IPv4Address"
    return (
        ": be32 takes an IPv4Address, and a u32 may hold one in either order: int(address) is the number that kernel "
        'code reads from a be32, int.from_bytes(address.packed, "little") the bytes as they lie in a packet'
    )


def hint_for_raw_bytes(value: Any, size: int) -> str:
    """What to do about an address where bytes of unknown meaning are expected; empty for all else."""
    if _kind_of(value) in {"IPv4Address", "IPv6Address"} and len(value.packed) == size:
        return ": what they mean is not known; address.packed are those of an address as packets have them"
    return ""


def _hint_for_bytes(kind: str, length: int) -> str:
    fitting = {4: "IPv4Address", 16: "IPv6Address"}.get(length)
    return f": an ipaddress.{fitting} has so many bytes" if kind and fitting else ""


def _kind_of(value: object) -> str:
    """The class of `ipaddress` that it is of, by name; empty for all else. Who has such an object has imported it."""
    module: Any = sys.modules.get("ipaddress")
    names = ("IPv4Interface", "IPv6Interface", "IPv4Address", "IPv6Address", "IPv4Network", "IPv6Network")
    return next((name for name in names if module is not None and isinstance(value, getattr(module, name))), "")
