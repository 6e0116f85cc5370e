"""Asking the kernel by netlink which XDP program is on an interface."""

from __future__ import annotations

import errno
import struct

from osmia.abi.generated import (
    IFLA_XDP_ATTACHED,
    IFLA_XDP_DRV_PROG_ID,
    IFLA_XDP_HW_PROG_ID,
    IFLA_XDP_PROG_ID,
    IFLA_XDP_SKB_PROG_ID,
    XDP_ATTACHED_DRV,
    XDP_ATTACHED_HW,
    XDP_ATTACHED_SKB,
)
from osmia.errors import KernelError
from osmia.kernel.errors import plain
from osmia.record import record

# linux/netlink.h, linux/rtnetlink.h, linux/if_link.h
_AF_NETLINK = 16
_SOCK_CLOEXEC = 0o2000000
_NETLINK_ROUTE = 0
_NLMSG_ERROR = 2
_NLM_F_REQUEST = 1
_RTM_NEWLINK = 16
_RTM_GETLINK = 18
_IFLA_XDP = 43
_TYPE_MASK = 0x3FFF  # without NLA_F_NESTED and NLA_F_NET_BYTEORDER
_HEADER = struct.Struct("=IHHII")
_INTERFACE = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")
_U32 = struct.Struct("=I")
_LARGEST_REPLY = 1 << 16

_PROGRAM_IDS = {IFLA_XDP_DRV_PROG_ID: "native", IFLA_XDP_SKB_PROG_ID: "generic", IFLA_XDP_HW_PROG_ID: "offload"}

_ATTACHED = {XDP_ATTACHED_DRV: "native", XDP_ATTACHED_SKB: "generic", XDP_ATTACHED_HW: "offload"}


@record
class XdpState:
    """The XDP programs of an interface."""

    programs: dict[str, int]
    """The id of the program in each mode that has one: `generic`, `native`, `offload`."""

    def mode_of(self, program_id: int) -> str | None:
        """The mode that a program is attached in; None if it is not on this interface."""
        for mode, number in self.programs.items():
            if number == program_id:
                return mode
        return None


def xdp_state(index: int) -> XdpState:
    """How XDP is attached to an interface (RTM_GETLINK)."""
    import _socket

    request = _HEADER.pack(_HEADER.size + _INTERFACE.size, _RTM_GETLINK, _NLM_F_REQUEST, 1, 0)
    netlink = _socket.socket(_AF_NETLINK, _socket.SOCK_RAW | _SOCK_CLOEXEC, _NETLINK_ROUTE)
    try:
        netlink.send(request + _INTERFACE.pack(0, 0, index, 0, 0))
        reply = netlink.recv(_LARGEST_REPLY)
    except OSError as error:
        raise KernelError(
            error.errno or 0, f"cannot ask how XDP is attached to interface {index}: {plain(error.errno or 0)}"
        ) from None
    finally:
        netlink.close()
    length, kind, _, _, _ = _HEADER.unpack_from(reply)
    if kind == _NLMSG_ERROR:
        number = -struct.unpack_from("=i", reply, _HEADER.size)[0]
        raise KernelError(number, f"cannot ask how XDP is attached to interface {index}: {plain(number)}")
    if kind != _RTM_NEWLINK or length > len(reply):
        raise KernelError(
            errno.EBADMSG, f"cannot ask how XDP is attached to interface {index}: an answer of type {kind}, cut short"
        )
    return read_xdp_state(reply[_HEADER.size + _INTERFACE.size : length])


def read_xdp_state(data: bytes) -> XdpState:
    """The state in the attributes of an RTM_NEWLINK message."""
    xdp = attributes_of(attributes_of(data).get(_IFLA_XDP, b""))
    programs = {mode: _U32.unpack_from(xdp[number])[0] for number, mode in _PROGRAM_IDS.items() if number in xdp}
    if not programs and IFLA_XDP_PROG_ID in xdp:
        mode = _ATTACHED.get(xdp[IFLA_XDP_ATTACHED][0])
        if mode:
            programs = {mode: _U32.unpack_from(xdp[IFLA_XDP_PROG_ID])[0]}
    return XdpState(programs)


def attributes_of(data: bytes) -> dict[int, bytes]:
    """Netlink attributes, by their type."""
    found: dict[int, bytes] = {}
    at = 0
    while at + _ATTRIBUTE.size <= len(data):
        length, kind = _ATTRIBUTE.unpack_from(data, at)
        if length < _ATTRIBUTE.size:
            break
        found[kind & _TYPE_MASK] = data[at + _ATTRIBUTE.size : at + length]
        at += (length + 3) & ~3
    return found
