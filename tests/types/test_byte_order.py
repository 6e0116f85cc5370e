"""ntohs, htonl and the rest: the same numbers in user code, kernel code and the socket module."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia.byte_order import WIDTHS
from osmia.compiler import Target
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path

FUNCTIONS: dict[str, Any] = {function.__name__: function for function in WIDTHS}
NUMBERS = (0, 1, 0x80, 0xFF00, 0x0102, 0x01020304, 0xFFFFFFFF, 0x8000000000000001, 0x0102030405060708)


def test_they_are_public() -> None:
    assert all(getattr(osmia, name) is function for name, function in FUNCTIONS.items())


@pytest.mark.parametrize("name", ["ntohs", "htons", "ntohl", "htonl"])
def test_as_the_socket_module_has_them(name: str) -> None:
    for number in NUMBERS:
        if number < 1 << WIDTHS[FUNCTIONS[name]]:
            assert FUNCTIONS[name](number) == getattr(socket, name)(number)


def test_64_bits() -> None:
    assert osmia.cpu_to_be64(0x0102030405060708) == 0x0807060504030201
    assert osmia.be64_to_cpu(0x0807060504030201) == 0x0102030405060708


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("htons(65536)", "65536 does not fit 16 bits: write u16(65536) to wrap it"),
        ("ntohl(-1)", "-1 does not fit 32 bits: write u32(-1) to wrap it"),
    ],
)
def test_a_number_that_is_too_wide(call: str, message: str) -> None:
    with pytest.raises(OverflowError) as problem:
        eval(call, dict(FUNCTIONS))
    assert str(problem.value) == message


@pytest.mark.parametrize("cpu", ["v1", "v3", "v4"])
def test_kernel_code_agrees_with_user_code(tmp_path: Path, cpu: str) -> None:
    stores = "\n".join(
        f"    results[{index}] = {function.__name__}(u{bits}(x))"
        for index, (function, bits) in enumerate(WIDTHS.items())
    )
    module = module_from(
        tmp_path,
        f"""from osmia import Array, XdpAction, XdpContext, u16, u32, u64, xdp, {", ".join(FUNCTIONS)}
given = Array(u64, max_entries=1)
results = Array(u64, max_entries=8)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    x = given[0]
{stores}
    results[6] = htons(0x0102) + cpu_to_be64(0)
    return XdpAction.PASS
""",
    )
    with osmia.load(module, target=Target(cpu, (5, 10))) as loaded:
        for number in NUMBERS:
            loaded["given"][0] = number
            assert loaded["program"].test_run(bytes(14)).action is osmia.XdpAction.PASS
            expected = [function(number & ((1 << bits) - 1)) for function, bits in WIDTHS.items()]
            assert [loaded["results"][index] for index in range(7)] == [*expected, 0x0201]
