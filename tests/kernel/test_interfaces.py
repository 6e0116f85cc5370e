"""Interfaces by name and index, and the XDP programs that the kernel says are on one."""

from __future__ import annotations

import errno
import struct

import pytest

from osmia.errors import KernelError
from osmia.kernel import interfaces, netlink


def attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def u32(value: int) -> bytes:
    return struct.pack("=I", value)


@pytest.mark.parametrize(
    ("xdp", "programs"),
    [
        (b"", {}),
        (attribute(2, b"\0"), {}),
        (attribute(2, b"\1") + attribute(4, u32(17)) + attribute(5, u32(17)), {"native": 17}),
        (attribute(2, b"\2") + attribute(4, u32(18)) + attribute(6, u32(18)), {"generic": 18}),
        (attribute(2, b"\3") + attribute(4, u32(19)), {"offload": 19}),
        (attribute(2, b"\4") + attribute(5, u32(20)) + attribute(7, u32(21)), {"native": 20, "offload": 21}),
    ],
)
def test_states(xdp: bytes, programs: dict[str, int]) -> None:
    """One program, two at once, and an old kernel that only says the mode and the id."""
    nested = 0x8000
    message = attribute(3, b"eth0\0") + attribute(43 | nested, xdp) + attribute(20, b"xyz")
    state = netlink.read_xdp_state(message)
    assert state.programs == programs
    for mode, program in programs.items():
        assert state.mode_of(program) == mode
    assert state.mode_of(999) is None


@pytest.mark.parametrize("message", [b"", b"\1", struct.pack("=HH", 0, 43), struct.pack("=HH", 2, 43) + bytes(8)])
def test_damaged_attributes(message: bytes) -> None:
    assert netlink.read_xdp_state(message).programs == {}


def test_names() -> None:
    assert interfaces.interface_names()[1] == "lo"
    assert interfaces.interface_index("lo") == interfaces.interface_index(1) == 1
    assert interfaces.interface_name(1) == "lo"
    assert interfaces.interface_name(0x7FFF_FFFF) is None


def test_an_interface_that_is_gone() -> None:
    with pytest.raises(KernelError) as caught:
        netlink.xdp_state(0x7FFF_FFFF)
    assert caught.value.errno == errno.ENODEV
    assert str(caught.value) == ("cannot ask how XDP is attached to interface 2147483647: No such device (ENODEV)")
