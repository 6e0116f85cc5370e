"""The packets that an interface receives, by AF_PACKET: rings in memory that the kernel fills, one for each CPU.

It takes CAP_NET_RAW, and no BPF. What comes is what an XDP program in generic mode gets, but for the packets that one
drops. An XDP program in native mode has the kernel take segments of TCP apart that come as one packet here otherwise.
The tag of a VLAN is in the packet, as it was on the wire.
"""

from __future__ import annotations

import errno
import sys
from _struct import Struct
from array import array
from time import monotonic

from osmia.errors import KernelError, PermissionDeniedError
from osmia.kernel.cpus import online_cpus
from osmia.kernel.errors import permission_denied, plain
from osmia.kernel.interfaces import interface_index, interface_name
from osmia.kernel.libc import addressof, c_char, c_void_p, function, get_errno, set_errno
from osmia.pcap.columns import Frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from _socket import socket
    from collections.abc import Iterator
    from mmap import mmap
    from select import poll
    from typing import Self

    from osmia.pcap.packet import Packet

# linux/if_packet.h, linux/if_ether.h, asm/socket.h
_AF_PACKET = 17
_SO_ATTACH_FILTER = 26
_POLLERR = 8
_SOCK_CLOEXEC = 0o2000000
_ETH_P_ALL = int.from_bytes(b"\0\3", sys.byteorder)  # as it is on the wire
_SOL_PACKET = 263
_PACKET_RX_RING, _PACKET_STATISTICS, _PACKET_VERSION, _PACKET_FANOUT = 5, 6, 10, 18
_TPACKET_V3 = 2
_FANOUT_CPU, _FANOUT_UNIQUE_ID, _FANOUT_IGNORE_OUTGOING = 2, 0x2000, 0x4000
# A group that does not say how many sockets it will have takes so many.
_FANOUT_MOST = 256
_TO_USER = 1
_VLAN_VALID, _VLAN_TPID_VALID = 1 << 4, 1 << 6
_ETH_P_8021Q = 0x8100
_MACS = 12

_RING = Struct("=7I")  # tpacket_req3
_STATISTICS = Struct("=3I")  # tpacket_stats_v3
_BLOCK = Struct("=8xIII")  # of tpacket_block_desc: its status, how many packets, where the first one is
# Of tpacket3_hdr, and the address behind it: the next one, seconds, nanoseconds, bytes here, bytes, status, where they
# are, whom it is for.
_PACKET = Struct("=6IH32xB")
_TAG = Struct("=IH")  # at 32 of it: TCI and TPID of a VLAN
_TAG_AT = 32
_WIRE_TAG = Struct(">HH")
_ADDRESS = Struct("=HHiHBB8x")  # sockaddr_ll
_STATUS_WORD = 2

# Programs of classic BPF, which take no capability: nothing comes to the socket; all comes but what goes out.
_INSTRUCTION = Struct("=HBBI")
_NOTHING = _INSTRUCTION.pack(0x06, 0, 0, 0)
_PACKET_TYPE = 0xFFFF_F000 + 4  # SKF_AD_OFF + SKF_AD_PKTTYPE
_PACKET_OUTGOING = 4
_INCOMING = b"".join(
    _INSTRUCTION.pack(*each)
    for each in ((0x20, 0, 0, _PACKET_TYPE), (0x15, 0, 1, _PACKET_OUTGOING), (0x06, 0, 0, 0), (0x06, 0, 0, 0xFFFF_FFFF))
)
_PROGRAM = Struct("@HP")  # sock_fprog

BLOCK_SIZE = 1 << 18
"""Bytes that the kernel fills with packets before it hands them over, unless `_MOST_WAIT` passes before."""
_MOST_WAIT = 10
"""Milliseconds that a packet waits for others at most."""
_RING_SIZE, _ALL_RINGS, _FEWEST_BLOCKS = 8 << 20, 64 << 20, 4

_bind = function("bind")


class Block:
    """Packets that came in on one CPU, in their order, where the kernel has put them."""

    __slots__ = ("cpu", "frames", "packet_types")

    def __init__(self, cpu: int, frames: Frames, packet_types: array[int]) -> None:
        self.cpu = cpu
        self.frames = frames
        self.packet_types = packet_types
        """Whom each is for: PACKET_HOST (0), _BROADCAST, _MULTICAST, _OTHERHOST."""


class PacketSocket:
    """Receives the packets that come in at an interface, and knows on which CPU each did. One thread reads it.

    The interface is not made promiscuous, and what goes out by it is left out. A CPU with a number above those that are
    online when it is opened is counted with another one.
    """

    def __init__(self, interface: str | int, *, ring_size: int | None = None) -> None:
        """Open it, for an interface by its name or index; `ring_size` is of each CPU, in bytes.

        KernelError: there is no such interface, or it is down, or rings so large do not fit; PermissionDeniedError
        without CAP_NET_RAW.
        """
        self.ifindex = interface_index(interface)
        self.interface = interface_name(self.ifindex) or str(interface)
        self.cpus = tuple(range(max(online_cpus()) + 1))
        """The CPU that each ring is of."""
        self._received = self._lost = 0
        self._rings: list[_Ring] = []
        count = len(self.cpus)
        blocks = max(_FEWEST_BLOCKS, (ring_size or min(_RING_SIZE, _ALL_RINGS // count)) // BLOCK_SIZE)
        try:
            # Until all of them share the packets, each would get each.
            for cpu in self.cpus:
                self._rings.append(_Ring(self.interface, self.ifindex, cpu, blocks))
            self._share()
            for ring in self._rings:
                ring.filter(_INCOMING)
        except BaseException:
            self.close()
            raise
        self._poll = _poll(self._rings)

    @property
    def descriptors(self) -> list[int]:
        """File descriptors that become readable when there are packets, or something is wrong."""
        return [ring.socket.fileno() for ring in self._rings]

    @property
    def received(self) -> int:
        """How many packets came in until now, with those that were lost."""
        self._count()
        return self._received

    @property
    def lost(self) -> int:
        """How many of them had no room in their ring, by the kernel's count."""
        self._count()
        return self._lost

    def blocks(self, timeout: float | None = None) -> Iterator[Block]:
        """The packets that are there, by CPU; where there are none, wait for some, at most that many seconds.

        Each block is given back to the kernel when the next one is asked for, or the iterator closed. KernelError
        where the interface is gone or down.
        """
        self._count()
        if not any(ring.ready for ring in self._rings):
            self._wait(timeout)
        for ring in self._rings:
            # As many as there are rings of blocks: who reads slowly gets to the other CPUs as well.
            for _ in range(ring.blocks):
                if not ring.ready:
                    break
                try:
                    yield ring.block()
                finally:
                    ring.give_back()

    def packets(self, timeout: float | None = None) -> Iterator[Packet]:
        """The packets that are there, one by one, as copies: those of a CPU in order. It waits as `blocks` does."""
        for block in self.blocks(timeout):
            yield from block.frames

    def close(self) -> None:
        """Stop receiving."""
        rings, self._rings = self._rings, []
        for ring in rings:
            self._add_counts(ring)
            ring.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _share(self) -> None:
        """Have each packet come to the ring of the CPU that it came in on (PACKET_FANOUT)."""
        count = len(self._rings)
        if count == 1:
            return
        mode = _FANOUT_CPU | _FANOUT_IGNORE_OUTGOING
        group: int | None = None
        for ring in self._rings:
            # The first one has the kernel choose a number, which may be 0.
            value = (mode | _FANOUT_UNIQUE_ID) << 16 if group is None else mode << 16 | group
            more = count.to_bytes(4, sys.byteorder) if count > _FANOUT_MOST else b""
            try:
                ring.socket.setsockopt(_SOL_PACKET, _PACKET_FANOUT, value.to_bytes(4, sys.byteorder) + more)
            except OSError as error:
                raise _error(error, self.interface, "share the packets among the CPUs") from None
            if group is None:
                group = ring.socket.getsockopt(_SOL_PACKET, _PACKET_FANOUT) & 0xFFFF

    def _wait(self, timeout: float | None) -> None:
        """Return when a block is full or its time over, or `timeout` has passed."""
        if interface_name(self.ifindex) is None:
            raise _gone(self.interface)
        until = None if timeout is None else monotonic() + timeout
        while not any(ring.ready for ring in self._rings):
            left = None if until is None else max(0.0, until - monotonic())
            for number, what in self._poll.poll(None if left is None else left * 1000):
                if what & _POLLERR:
                    next(ring for ring in self._rings if ring.socket.fileno() == number).check()
            if left == 0:
                return

    def _count(self) -> None:
        """Add what the kernel has counted since it was asked last: it then begins again at 0."""
        for ring in self._rings:
            self._add_counts(ring)

    def _add_counts(self, ring: _Ring) -> None:
        counts = ring.socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, _STATISTICS.size)
        received, lost, _ = _STATISTICS.unpack(counts)
        self._received += received
        self._lost += lost


class _Ring:
    """The packets of one CPU: blocks of memory that the kernel fills and hands over one after the other."""

    def __init__(self, interface: str, ifindex: int, cpu: int, blocks: int) -> None:
        self.interface = interface
        self.ifindex = ifindex
        self.cpu = cpu
        self.blocks = blocks
        self._at = 0
        self._mapping: mmap | None = None
        self.socket = _packet_socket(interface)
        try:
            self.filter(_NOTHING)
            self._allocate()
            self._attach()
        except BaseException:
            self.close()
            raise

    @property
    def ready(self) -> bool:
        """Whether the next block is ours to read."""
        return bool(self._words[self._at // 4 + _STATUS_WORD] & _TO_USER)

    def block(self) -> Block:
        """The packets of the next block."""
        memory, at = self._memory, self._at
        _, count, first = _BLOCK.unpack_from(memory, at)
        found = Frames(memory)
        offsets, lengths, originals = found.offsets.append, found.lengths.append, found.original_lengths.append
        packet_types = array("B")
        times, types, unpack = found.times.append, packet_types.append, _PACKET.unpack_from
        at += first
        for _ in range(count):
            following, seconds, fraction, length, original, status, data, packet_type = unpack(memory, at)
            start = at + data
            if status & _VLAN_VALID and length >= _MACS:
                start = _with_tag(memory, at, start, status)
                length += 4
                original += 4
            offsets(start)
            lengths(length)
            originals(original)
            times(seconds * 1_000_000_000 + fraction)
            types(packet_type)
            at += following
        found.interface_numbers.frombytes(bytes(4 * count))
        return Block(self.cpu, found, packet_types)

    def give_back(self) -> None:
        """Let the kernel fill the block again; the next one is that behind it."""
        if self._mapping is not None:
            self._words[self._at // 4 + _STATUS_WORD] = 0
            self._at = (self._at + BLOCK_SIZE) % (self.blocks * BLOCK_SIZE)

    def filter(self, instructions: bytes) -> None:
        """Let the packets come that a program of classic BPF takes, in place of the one before."""
        buffer = bytearray(instructions)
        program = _PROGRAM.pack(len(buffer) // _INSTRUCTION.size, addressof(c_char.from_buffer(buffer)))
        import _socket

        try:
            self.socket.setsockopt(_socket.SOL_SOCKET, _SO_ATTACH_FILTER, program)
        except OSError as error:
            raise _error(error, self.interface, "leave out what it sends") from None

    def check(self) -> None:
        """KernelError if the interface is gone or down."""
        import _socket

        number = self.socket.getsockopt(_socket.SOL_SOCKET, _socket.SO_ERROR)
        if not number:
            return
        if interface_name(self.ifindex) is None:
            raise _gone(self.interface)
        if number == errno.ENETDOWN:
            raise KernelError(
                number, f"the interface {self.interface} is down: bring it up with `ip link set {self.interface} up`"
            )
        raise _error(OSError(number, ""), self.interface, "go on")

    def close(self) -> None:
        """Stop receiving, and drop the memory when nobody looks at it any more."""
        self.socket.close()
        mapping, self._mapping = self._mapping, None
        if mapping is not None:
            self._words.release()
            self._memory.release()

    def _allocate(self) -> None:
        import mmap

        size = self.blocks * BLOCK_SIZE
        frame = 1 << 11  # not used by version 3, but it has to divide the block
        ring = _RING.pack(BLOCK_SIZE, self.blocks, frame, size // frame, _MOST_WAIT, 0, 0)
        try:
            self.socket.setsockopt(_SOL_PACKET, _PACKET_VERSION, _TPACKET_V3)
            self.socket.setsockopt(_SOL_PACKET, _PACKET_RX_RING, ring)
            self._mapping = mmap.mmap(self.socket.fileno(), size)
        except OSError as error:
            asked = f"take {size >> 20} MiB of memory for the packets of CPU {self.cpu}"
            hints = {
                errno.ENOMEM: "there is not so much free, or RLIMIT_AS forbids it: ask for a smaller ring (ENOMEM)",
                errno.EINVAL: "a ring cannot be so large: ask for a smaller one (EINVAL)",
            }
            raise _error(error, self.interface, asked, hints) from None
        self._memory = memoryview(self._mapping)
        self._words = self._memory.cast("I")

    def _attach(self) -> None:
        """Bind to the interface, by its index: from now on packets come, as far as the filter lets them."""
        address = bytearray(_ADDRESS.pack(_AF_PACKET, _ETH_P_ALL, self.ifindex, 0, 0, 0))
        before = get_errno()
        if _bind(self.socket.fileno(), c_void_p(addressof(c_char.from_buffer(address))), len(address)) < 0:
            number = get_errno()
            set_errno(before)
            if interface_name(self.ifindex) is None:
                raise _gone(self.interface)
            raise _error(OSError(number, ""), self.interface, "bind to it")
        self.check()


def _with_tag(memory: memoryview, at: int, start: int, status: int) -> int:
    """Put a VLAN's tag back, which the kernel took out: where the packet begins now. Before it is room for more."""
    tci, tpid = _TAG.unpack_from(memory, at + _TAG_AT)
    memory[start - 4 : start - 4 + _MACS] = bytes(memory[start : start + _MACS])
    _WIRE_TAG.pack_into(memory, start - 4 + _MACS, tpid if status & _VLAN_TPID_VALID else _ETH_P_8021Q, tci)
    return start - 4


def _packet_socket(interface: str) -> socket:
    """A socket that gets no packets yet."""
    import _socket

    try:
        return _socket.socket(_AF_PACKET, _socket.SOCK_RAW | _SOCK_CLOEXEC, 0)
    except OSError as error:
        raise _error(error, interface, "open a packet socket") from None


def _poll(rings: list[_Ring]) -> poll:
    import select

    made = select.poll()
    for ring in rings:
        made.register(ring.socket.fileno(), select.POLLIN)
    return made


def _gone(interface: str) -> KernelError:
    return KernelError(errno.ENODEV, f"the interface {interface} is gone")


def _error(error: OSError, interface: str, asked: str, hints: dict[int, str] | None = None) -> KernelError:
    """What the kernel's answer means, to what was asked of it for an interface."""
    number = error.errno or 0
    if number == errno.EPERM:
        return _denied(interface)
    if number == errno.EAFNOSUPPORT:
        text = f"cannot receive the packets of {interface}: this kernel has no packet sockets (CONFIG_PACKET)"
        return KernelError(number, text)
    return KernelError(
        number, f"cannot receive the packets of {interface}: to {asked}: {(hints or {}).get(number) or plain(number)}"
    )


def _denied(interface: str) -> KernelError:
    from osmia.kernel.capabilities import missing_capabilities

    needed = ("CAP_NET_RAW",)
    if missing_capabilities(needed) != ():
        return permission_denied(f"receive the packets of {interface}", needed)
    return PermissionDeniedError(
        errno.EPERM,
        f"cannot receive the packets of {interface}: the kernel refuses although this process has CAP_NET_RAW: it has "
        "it in another user namespace than the network's, or a security module or a seccomp filter forbids it",
    )
