"""Helpers of SYN cookies: they fit together, and are none that a kernel would make."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.helpers.arguments import object_at
from osmia.vm.objects import AF_INET6, LISTEN, TCP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

TCP_HEADER, IPV4_HEADER, IPV6_HEADER = 20, 20, 40
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
MSS_OPTION = 2
DEFAULT_MSS = {4: 536, 6: 1220}
MSS_BITS = 2
"""How many bits of a cookie say which MSS was agreed on."""
MSS_TABLE = {4: (536, 1300, 1440, 1460), 6: (1220, 1420, 1440, 8940)}


def _flow(version: int, header: bytes, tcp: bytes) -> bytes:
    return (header[12:20] if version == 4 else header[8:40]) + tcp[:4]


def _agreed(tcp: bytes, version: int) -> int:
    """The MSS that a SYN asks for."""
    options = tcp[TCP_HEADER:]
    at = 0
    while at + 1 < len(options) and options[at]:
        if options[at] == 1:
            at += 1
            continue
        if options[at] == MSS_OPTION and options[at + 1] == 4 and at + 4 <= len(options):
            return int.from_bytes(options[at + 2 : at + 4], "big") or DEFAULT_MSS[version]
        at += max(options[at + 1], 2)
    return DEFAULT_MSS[version]


def _cookie(version: int, header: bytes, tcp: bytes, index: int) -> int:
    from binascii import crc32

    sequence = tcp[4:8]
    return crc32(_flow(version, header, tcp) + sequence) >> MSS_BITS << MSS_BITS | index


def _made(version: int, header: bytes, tcp: bytes) -> int:
    """The cookie for a SYN, with the MSS that it keeps above it."""
    wanted = _agreed(tcp, version)
    table = MSS_TABLE[version]
    index = max((at for at, each in enumerate(table) if each <= wanted), default=0)
    return _cookie(version, header, tcp, index) | table[index] << 32


def _fits(version: int, header: bytes, tcp: bytes) -> bool:
    """Whether an ACK answers a cookie."""
    answered = int.from_bytes(tcp[8:12], "big") - 1 & 0xFFFF_FFFF
    first = (int.from_bytes(tcp[4:8], "big") - 1 & 0xFFFF_FFFF).to_bytes(4, "big")
    return answered == _cookie(version, header, tcp[:4] + first + tcp[8:], answered & (1 << MSS_BITS) - 1)


def _refused(run: Execution, socket: int, header: bytes, what: str) -> int:
    """Why a socket takes no cookies of a packet: a negative error number, or 0."""
    found = object_at(run, f"{what}'s sk", socket)
    if found.number("protocol") != TCP or found.number("state") != LISTEN:
        return -errno.EINVAL
    if len(header) < IPV4_HEADER:
        return -errno.EINVAL
    version = header[0] >> 4
    if version == 6 and (len(header) < IPV6_HEADER or found.number("family") != AF_INET6):
        return -errno.EINVAL
    return 0 if version in DEFAULT_MSS else -errno.EPROTONOSUPPORT


def tcp_gen_syncookie(run: Execution, socket: int, ip: int, ip_size: int, tcp: int, tcp_size: int) -> int:
    """A cookie for a SYN that a socket gets."""
    memory = run.machine.memory
    header, segment = memory.read(ip, ip_size), memory.read(tcp, tcp_size)
    if len(segment) < TCP_HEADER or len(segment) != (segment[12] >> 4) * 4:
        return -errno.EINVAL
    if segment[13] & (SYN | ACK | FIN | RST) != SYN:
        return -errno.EINVAL
    return _refused(run, socket, header, "tcp_gen_syncookie") or _made(header[0] >> 4, header, segment)


def tcp_check_syncookie(run: Execution, socket: int, ip: int, ip_size: int, tcp: int, tcp_size: int) -> int:
    """Whether an ACK that a socket gets answers a cookie: 0, or -ENOENT."""
    memory = run.machine.memory
    header, segment = memory.read(ip, ip_size), memory.read(tcp, tcp_size)
    if len(segment) < TCP_HEADER:
        return -errno.EINVAL
    refused = _refused(run, socket, header, "tcp_check_syncookie")
    if refused:
        return refused
    if segment[13] & (SYN | ACK | RST) != ACK:
        return -errno.ENOENT
    return 0 if _fits(header[0] >> 4, header, segment) else -errno.ENOENT


def _raw_gen(version: int, header_size: int) -> Helper:
    def generate(run: Execution, ip: int, tcp: int, tcp_size: int, *_: int) -> int:
        memory = run.machine.memory
        header, segment = memory.read(ip, header_size), memory.read(tcp, tcp_size)
        if len(segment) < TCP_HEADER or len(segment) != (segment[12] >> 4) * 4:
            return -errno.EINVAL
        return _made(version, header, segment)

    generate.__name__ = f"tcp_raw_gen_syncookie_ipv{version}"
    return generate


def _raw_check(version: int, header_size: int) -> Helper:
    def check(run: Execution, ip: int, tcp: int, *_: int) -> int:
        memory = run.machine.memory
        fits = _fits(version, memory.read(ip, header_size), memory.read(tcp, TCP_HEADER))
        return 0 if fits else -errno.EACCES

    check.__name__ = f"tcp_raw_check_syncookie_ipv{version}"
    return check


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_tcp_gen_syncookie: tcp_gen_syncookie,
    ids.BPF_FUNC_tcp_check_syncookie: tcp_check_syncookie,
    ids.BPF_FUNC_tcp_raw_gen_syncookie_ipv4: _raw_gen(4, IPV4_HEADER),
    ids.BPF_FUNC_tcp_raw_gen_syncookie_ipv6: _raw_gen(6, IPV6_HEADER),
    ids.BPF_FUNC_tcp_raw_check_syncookie_ipv4: _raw_check(4, IPV4_HEADER),
    ids.BPF_FUNC_tcp_raw_check_syncookie_ipv6: _raw_check(6, IPV6_HEADER),
}
