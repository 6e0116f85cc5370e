"""Addresses as tests write them: text, bytes, numbers, or what `ipaddress` makes; and how they are shown."""

from __future__ import annotations

import ipaddress
import re

from osmia.arrays import FixedArray
from osmia.errors import shown
from osmia.testing.packets.numbers import as_number
from osmia.types import u8

MacAddress = str | bytes | bytearray | int | FixedArray[u8]
IPv4Address = str | bytes | bytearray | int | ipaddress.IPv4Address
IPv6Address = str | bytes | bytearray | int | ipaddress.IPv6Address | FixedArray[u8]

_MAC = re.compile(r"[0-9a-fA-F]{2}([:-][0-9a-fA-F]{2}){5}")


def mac_bytes(given: MacAddress, what: str) -> bytes:
    """The 6 bytes of a MAC address; `what` names it in the error."""
    if isinstance(given, str) and _MAC.fullmatch(given):
        return bytes.fromhex(given.replace(":", "").replace("-", ""))
    found = _of_size(given, 6)
    if found is None:
        raise _refusal(given, f'{what} is a MAC address: "02:00:00:00:00:01", 6 bytes, or a number below 2**48')
    return found


def ipv4_number(given: IPv4Address, what: str) -> int:
    """An IPv4 address as the headers have it; `what` names it in the error."""
    if isinstance(given, (str, ipaddress.IPv4Address)):
        try:
            return int(ipaddress.IPv4Address(given))
        except ipaddress.AddressValueError:
            pass
    found = _of_size(given, 4)
    if found is None:
        raise _refusal(
            given, f'{what} is an IPv4 address: "10.0.0.1", 4 bytes, a number below 2**32, or an ipaddress.IPv4Address'
        )
    return int.from_bytes(found, "big")


def ipv6_bytes(given: IPv6Address, what: str) -> bytes:
    """The 16 bytes of an IPv6 address; `what` names it in the error."""
    if isinstance(given, (str, ipaddress.IPv6Address)):
        try:
            address = ipaddress.IPv6Address(given)
        except ipaddress.AddressValueError:
            address = None
        # A zone says which interface of a host: no packet has it.
        if address is not None and address.scope_id is None:
            return address.packed
    found = _of_size(given, 16)
    if found is None:
        raise _refusal(
            given,
            f'{what} is an IPv6 address: "2001:db8::1", 16 bytes, a number below 2**128, or an ipaddress.IPv6Address',
        )
    return found


def mac_text(value: FixedArray[u8]) -> str:
    """`02:00:00:00:00:01`."""
    return bytes(value).hex(":")


def ipv4_text(value: int) -> str:
    """`10.0.0.1`."""
    return str(ipaddress.IPv4Address(value))


def ipv6_text(value: FixedArray[u8]) -> str:
    """`2001:db8::1`."""
    return str(ipaddress.IPv6Address(bytes(value)))


def _of_size(given: object, size: int) -> bytes | None:
    """So many bytes out of bytes or a number; None if it is neither, or does not fit."""
    number = as_number(given)
    if number is not None:
        return number.to_bytes(size, "big") if 0 <= number < 1 << 8 * size else None
    if not isinstance(given, (bytes, bytearray, FixedArray)) or len(given) != size:
        return None
    if isinstance(given, FixedArray) and given.layout.element.size != 1:
        return None
    return bytes(given)


def _refusal(given: object, text: str) -> ValueError | TypeError:
    known = isinstance(given, (str, bytes, bytearray, int, FixedArray)) and not isinstance(given, bool)
    return (ValueError if known else TypeError)(f"{text}; not {shown(given)}")
