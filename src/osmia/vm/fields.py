"""The members of contexts and sockets as a test gives them, and as they lie in memory: some in network byte order."""

from __future__ import annotations

from osmia.errors import shown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.abi.context_member import ContextMember


def swapped_bytes(value: int, bits: int) -> int:
    """The lowest bits of a number in the other byte order."""
    return int.from_bytes((value & (1 << bits) - 1).to_bytes(bits // 8, "little"), "big")


def packed(what: str, member: ContextMember, network_bits: int, value: object) -> bytes:
    """A value as it lies in memory. `network_bits` of it are in network byte order, and are given in the machine's.

    An IP address may be given as text. TypeError, ValueError or OverflowError for what does not fit.
    """
    values = _values(what, member, value)
    size = member.bits // 8
    found = b""
    for each in values:
        if not isinstance(each, int):
            raise TypeError(f"{what}: {member.name} is {_wanted(member)}, not {shown(value)}")
        bits = network_bits or member.bits
        if not -(1 << bits - 1) <= each < 1 << bits:
            raise OverflowError(f"{what}: {member.name} has {bits} bits: {each} does not fit")
        number = swapped_bytes(each, network_bits) if network_bits else each & (1 << bits) - 1
        found += number.to_bytes(size, "little")
    return found.ljust(size * max(member.length, 1), b"\0")


def unpacked(member: ContextMember, network_bits: int, data: bytes) -> int | tuple[int, ...]:
    """What lies in memory, as a test gives it."""
    size = member.bits // 8
    values = []
    for at in range(0, len(data), size):
        number = int.from_bytes(data[at : at + size], "little", signed=member.signed)
        values.append(swapped_bytes(number, network_bits) if network_bits else number)
    return tuple(values) if member.length else values[0]


def address_words(text: str) -> tuple[int, ...]:
    """An IP address as numbers of 32 bits: one of IPv4, four of IPv6. ValueError for what is none."""
    from ipaddress import ip_address

    address = ip_address(text).packed
    return tuple(int.from_bytes(address[at : at + 4], "big") for at in range(0, len(address), 4))


def _values(what: str, member: ContextMember, value: object) -> tuple[object, ...]:
    """The elements of a value."""
    count = max(member.length, 1)
    if isinstance(value, str) and member.name.endswith(("ip4", "ip6")):
        try:
            values: tuple[object, ...] = address_words(value)
        except ValueError:
            values = ()
        if len(values) != count:
            version = "IPv6" if member.length else "IPv4"
            raise ValueError(f"{what}: {member.name} is an {version} address, not {shown(value)}")
        return values
    if member.length and isinstance(value, (list, tuple)):
        if len(value) > count:
            raise ValueError(f"{what}: {member.name} has {count} elements, not {len(value)}")
        return tuple(value)
    return (value,)


def _wanted(member: ContextMember) -> str:
    if member.pointer:
        return "an object that the machine made, or None"
    address = ", or an IP address as text" if member.name.endswith(("ip4", "ip6")) else ""
    return (f"a sequence of {member.length} ints" if member.length else "an int") + address
