"""Making interfaces by netlink (rtnetlink(7)): a pair that is connected, up, and what their state is."""

from __future__ import annotations

import os
import socket
import struct

_NETLINK_ROUTE = 0
_RTM_NEWLINK, _RTM_GETLINK = 16, 18
_REQUEST, _ACK, _EXCLUSIVE, _CREATE = 0x1, 0x4, 0x200, 0x400
_NLMSG_ERROR = 2
_IFLA_IFNAME, _IFLA_QDISC, _IFLA_OPERSTATE, _IFLA_LINKINFO = 3, 6, 16, 18
_IFLA_INFO_KIND, _IFLA_INFO_DATA, _VETH_INFO_PEER = 1, 2, 1
_IFF_UP = 1
_IF_OPER_UP = 6
_HEADER = struct.Struct("=IHHII")
_INTERFACE = struct.Struct("=BxHiII")
_ATTRIBUTE = struct.Struct("=HH")


def make_pair(one: str, other: str) -> None:
    """Make two interfaces in this thread's network namespace that are connected to each other (veth(4)), both down."""
    peer = _INTERFACE.pack(0, 0, 0, 0, 0) + _attribute(_IFLA_IFNAME, other.encode() + b"\0")
    kind = _attribute(_IFLA_INFO_KIND, b"veth\0")
    data = _attribute(_IFLA_INFO_DATA, _attribute(_VETH_INFO_PEER, peer))
    wanted = _attribute(_IFLA_IFNAME, one.encode() + b"\0") + _attribute(_IFLA_LINKINFO, kind + data)
    _ask(_RTM_NEWLINK, _CREATE | _EXCLUSIVE, _INTERFACE.pack(0, 0, 0, 0, 0) + wanted, f"make {one} and {other}")


def bring_up(interface: str) -> None:
    """Have an interface take and send packets."""
    index = socket.if_nametoindex(interface)
    _ask(_RTM_NEWLINK, 0, _INTERFACE.pack(0, 0, index, _IFF_UP, _IFF_UP), f"bring {interface} up")


def is_connected(interface: str) -> bool:
    """Whether packets get through: an interface is up before it knows of the other one."""
    index = socket.if_nametoindex(interface)
    reply = _ask(_RTM_GETLINK, 0, _INTERFACE.pack(0, 0, index, 0, 0), f"ask for {interface}")
    found: dict[int, bytes] = {}
    at = _HEADER.size + _INTERFACE.size
    end = _HEADER.unpack_from(reply)[0]
    while at + _ATTRIBUTE.size <= end:
        size, number = _ATTRIBUTE.unpack_from(reply, at)
        found[number] = reply[at + _ATTRIBUTE.size : at + size]
        at += (size + 3) & ~3
    return found.get(_IFLA_OPERSTATE) == bytes((_IF_OPER_UP,)) and found.get(_IFLA_QDISC) != b"noop\0"


def _attribute(number: int, data: bytes) -> bytes:
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(data), number) + data + bytes(-len(data) % 4)


def _ask(kind: int, flags: int, body: bytes, what: str) -> bytes:
    """Send a request, and wait for the answer. OSError if the kernel refuses."""
    flags |= _REQUEST | (_ACK if kind == _RTM_NEWLINK else 0)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_ROUTE) as asking:
        asking.send(_HEADER.pack(_HEADER.size + len(body), kind, flags, 1, 0) + body)
        reply = asking.recv(1 << 16)
    if _HEADER.unpack_from(reply)[1] == _NLMSG_ERROR:
        number = -struct.unpack_from("=i", reply, _HEADER.size)[0]
        if number:
            raise OSError(number, f"cannot {what}: {os.strerror(number)}")
    return reply
