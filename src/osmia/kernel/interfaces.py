"""The network interfaces of this namespace, and what XDP program is on one."""

from __future__ import annotations

import errno
import os
import struct

from osmia.abi.generated.bpf import (
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
from osmia.kernel.libc import function
from osmia.record import record

_LARGEST_INDEX = 0x7FFF_FFFF

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

_if_nametoindex = function("if_nametoindex")


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


def interface_names() -> dict[int, str]:
    """The name of every interface of this network namespace, by its index."""
    import _socket

    return dict(_socket.if_nameindex())


def interface_index(interface: str | int) -> int:
    """The index of an interface that exists. Raises KernelError (ENODEV) that names those there are."""
    if isinstance(interface, bool) or not isinstance(interface, (str, int)):
        raise TypeError(f"an interface is a name or an index, not {type(interface).__name__}: {interface!r}")
    if isinstance(interface, int):
        return _checked_index(interface)
    try:
        name = os.fsencode(interface)
    except UnicodeEncodeError:
        raise _no_such_interface(interface) from None
    # C would read the name up to a NUL.
    index = 0 if b"\0" in name else _if_nametoindex(name)
    if not index:
        raise _no_such_interface(interface)
    return index


def interface_name(index: int) -> str | None:
    """The name of an interface, None if it is gone."""
    import _socket

    try:
        return _socket.if_indextoname(index)
    except OSError:
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


def _checked_index(index: int) -> int:
    if not 1 <= index <= _LARGEST_INDEX:
        raise KernelError(
            errno.ENODEV, f"no interface has index {index}: indices are 1 to {_LARGEST_INDEX}. {_those_there_are()}"
        )
    if interface_name(index) is None:
        raise KernelError(errno.ENODEV, f"there is no interface with index {index}. {_those_there_are()}")
    return index


def _no_such_interface(name: str) -> KernelError:
    text = f"there is no interface {name!r}"
    if name.isdigit() and interface_name(int(name)) is not None:
        return KernelError(errno.ENODEV, f"{text}; for the interface with index {name} give the integer")
    import difflib

    close = difflib.get_close_matches(name, interface_names().values(), n=1)
    guess = f"; did you mean {close[0]!r}?" if close else "."
    return KernelError(errno.ENODEV, f"{text}{guess} {_those_there_are()}")


def _those_there_are() -> str:
    names = ", ".join(f"{name} ({index})" for index, name in interface_names().items())
    return f"Interfaces here: {names or 'none'}"
