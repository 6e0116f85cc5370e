"""Packets that nobody has thought of: right ones, wrong ones and cut ones, the same for the same seed."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, SupportsBytes, TypeVar

from osmia.errors import shown
from osmia.headers import EtherType, IpProto
from osmia.testing.packets.builders import (
    arp,
    destination_options,
    ethernet,
    gre,
    hop_by_hop,
    icmp,
    icmpv6,
    ipv4,
    ipv6,
    ipv6_fragment,
    qinq,
    routing,
    tcp,
    udp,
    vlan,
    vxlan,
)
from osmia.testing.packets.tcp_options import mss, nop, sack, sack_permitted, timestamps, window_scale

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from osmia.testing.packets.packet import Packet

T = TypeVar("T")

LARGEST = 1 << 16
SWEPT = 16
"""One in so many packets comes at every length."""
_MOST_SWEPT = 160
_PORTS = (0, 1, 22, 53, 80, 123, 443, 4789, 8080, 40000, 65535)
_TYPES = (0, 0x0600, *(int(each) for each in EtherType), 0xFFFF)
_PROTOCOLS = (*(int(each) for each in IpProto), 253, 255)


def random_packets(seed: int, count: int, *, smallest: int = 0, largest: int = LARGEST) -> Iterator[bytes]:
    """So many packets of `smallest` to `largest` bytes, the same for the same arguments.

    They are of all headers that `osmia.testing.packets` makes, some of them whole and right, some with bytes that are
    wrong, some cut off (one in SWEPT at every length up to 160 bytes), some long, and some of bytes that are nothing.
    """
    given: dict[str, object] = {"seed": seed, "count": count, "smallest": smallest, "largest": largest}
    for name, value in given.items():
        if not isinstance(value, int) or isinstance(value, bool):
            raise TypeError(f"random_packets(): {name} is a number, not {shown(value)}")
    if count < 0 or smallest < 0 or not smallest <= largest <= LARGEST:
        raise ValueError(
            f"random_packets(): count is 0 or more, and 0 <= smallest <= largest <= {LARGEST}, "
            f"not {count}, {smallest} and {largest}"
        )
    return _limited(_Maker(seed, smallest, largest), count)


def truncations(packet: bytes | bytearray | memoryview | SupportsBytes) -> Iterator[bytes]:
    """The packet cut off at every length: nothing, its first byte, ..., all of it."""
    if not isinstance(packet, (bytes, bytearray, memoryview, SupportsBytes)):
        raise TypeError(f"truncations() takes a packet, not {shown(packet)}")
    return _cut(bytes(packet))


def _cut(data: bytes) -> Iterator[bytes]:
    for size in range(len(data) + 1):
        yield data[:size]


def _limited(maker: _Maker, count: int) -> Iterator[bytes]:
    left = count
    while left:
        for packet in maker.some():
            if not left:
                return
            if maker.smallest <= len(packet) <= maker.largest:
                left -= 1
                yield packet


class _Maker:
    """Makes packets by numbers of one seed. Only `getrandbits` is asked: it is the same in all versions of Python."""

    def __init__(self, seed: int, smallest: int, largest: int) -> None:
        self._bits = Random(seed).getrandbits  # noqa: S311 - the same numbers are wanted again
        self.smallest, self.largest = smallest, largest
        self._made = 0

    def some(self) -> Iterator[bytes]:
        """One packet, and what comes of it."""
        self._made += 1
        whole = bytes(self._frame())
        if self._made % SWEPT == 1:
            yield from truncations(whole[:_MOST_SWEPT])
        yield whole
        for _ in range(4):
            yield self._mistaken(whole)
        for _ in range(4):
            yield whole[: self._below(len(whole) + 1)]
        yield whole + self._bytes(self._length(LARGEST - len(whole)))
        yield self._bytes(self.smallest + self._length(self.largest - self.smallest))

    def _frame(self) -> Packet:
        source, target = self._bits(48), self._one_of((self._bits(48), (1 << 48) - 1))
        if self._one_in(12):
            return ethernet(src=source, dst=target, ether_type=self._one_of(_TYPES)) / self._data()
        frame = ethernet(src=source, dst=target)
        while self._one_in(4):
            frame = frame / self._one_of((vlan, qinq))(self._bits(12), priority=self._bits(3))
        frame = frame / self._one_of((self._ipv4, self._ipv4, self._ipv4, self._ipv6, self._ipv6, self._arp))()
        return frame.padded(60) if self._one_in(3) else frame

    def _arp(self) -> Packet:
        return arp(operation=self._below(4), sender_ip=self._bits(32), target_ip=self._bits(32))

    def _ipv4(self) -> Packet:
        unknown = self._one_in(12)
        offset = self._below(1 << 13) * 8 if self._one_in(8) else 0
        more = self._one_in(10)
        head = ipv4(
            src=self._address(),
            dst=self._address(),
            ttl=self._bits(8),
            dscp=self._bits(6),
            ecn=self._bits(2),
            id=self._bits(16),
            dont_fragment=bool(self._bits(1)),
            more_fragments=more,
            fragment_offset=offset,
            options=self._bytes(self._below(41)) if self._one_in(5) else b"",
            protocol=self._one_of(_PROTOCOLS) if unknown else None,
        )
        if unknown or offset or more:
            return head / self._data()
        return head / self._one_of((self._tcp, self._tcp, self._udp, self._udp, self._icmp, self._tunnel))()

    def _ipv6(self) -> Packet:
        unknown = self._one_in(12)
        head = ipv6(
            src=self._address6(),
            dst=self._address6(),
            hop_limit=self._bits(8),
            dscp=self._bits(6),
            flow_label=self._bits(20),
            next_header=self._one_of(_PROTOCOLS) if unknown else None,
        )
        if unknown:
            return head / self._data()
        while self._one_in(3):
            head = head / self._one_of((self._hop_by_hop, self._destination_options, self._routing))()
        if self._one_in(8):
            return head / ipv6_fragment(fragment_offset=self._below(1 << 13) * 8, id=self._bits(32)) / self._data()
        return head / self._one_of((self._tcp, self._tcp, self._udp, self._udp, self._icmpv6, self._tunnel))()

    def _hop_by_hop(self) -> Packet:
        return hop_by_hop(self._bytes(self._below(30)))

    def _destination_options(self) -> Packet:
        return destination_options(self._bytes(self._below(30)))

    def _routing(self) -> Packet:
        return routing([self._address6() for _ in range(1 + self._below(3))])

    def _tcp(self) -> Packet:
        options = b"".join(self._tcp_option() for _ in range(self._below(4)))
        return (
            tcp(
                src=self._port(),
                dst=self._port(),
                seq=self._bits(32),
                ack=self._bits(32),
                flags=self._bits(8),
                window=self._bits(16),
                options=options,
            )
            / self._data()
        )

    def _tcp_option(self) -> bytes:
        return self._one_of(
            (
                mss(self._bits(16)),
                nop(),
                window_scale(self._bits(4)),
                sack_permitted(),
                sack((self._bits(32), self._bits(32))),
                timestamps(self._bits(32), self._bits(32)),
            )
        )

    def _udp(self) -> Packet:
        if self._one_in(10):
            return udp(src=self._port()) / vxlan(self._bits(24)) / self._inner()
        head = udp(src=self._port(), dst=self._port(), checksum=0 if self._one_in(6) else None)
        return head / self._data()

    def _icmp(self) -> Packet:
        return icmp(type=self._below(19), code=self._below(4), id=self._bits(16)) / self._data()

    def _icmpv6(self) -> Packet:
        kind = self._one_of((1, 2, 3, 4, 128, 129, 133, 134, 135, 136))
        return icmpv6(type=kind, code=self._below(4), id=self._bits(16)) / self._data()

    def _tunnel(self) -> Packet:
        inner = (ipv4() if self._bits(1) else ipv6()) / udp(dst=self._port()) / self._data()
        if self._bits(1):
            return inner
        key = self._bits(32) if self._bits(1) else None
        return gre(key=key, has_checksum=bool(self._bits(1))) / inner

    def _inner(self) -> Packet:
        return ethernet(src=self._bits(48)) / ipv4(src=self._address()) / tcp(dst=self._port()) / self._data()

    def _mistaken(self, whole: bytes) -> bytes:
        """With up to four other bytes, most of them in the headers."""
        data = bytearray(whole)
        for _ in range(1 + self._below(4)):
            end = len(data) if self._one_in(4) else min(len(data), 80)
            data[self._below(end)] = self._one_of((0, 0xFF, self._bits(8)))
        return bytes(data)

    def _data(self) -> bytes:
        return self._bytes(self._length(1400) if self._one_in(4) else self._below(33))

    def _length(self, most: int) -> int:
        """0 to `most`, as often short as long."""
        return min(self._bits(1 + self._below(17)), most)

    def _bytes(self, size: int) -> bytes:
        return self._bits(8 * size).to_bytes(size, "big") if size else b""

    def _address(self) -> int:
        return self._one_of((0x0A000001 + self._below(4), self._bits(32)))

    def _address6(self) -> int:
        return self._one_of((0x20010DB8 << 96 | self._below(4), self._bits(128)))

    def _port(self) -> int:
        return self._one_of((*_PORTS, self._bits(16)))

    def _one_in(self, many: int) -> bool:
        return self._below(many) == 0

    def _one_of(self, choices: Sequence[T]) -> T:
        return choices[self._below(len(choices))]

    def _below(self, end: int) -> int:
        return self._bits(32) % end
