"""What helpers are called with: each kind of argument given wrongly, and what the error says of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import osmia
from compiled import c_object
from osmia import Machine
from osmia.abi.generated.helpers import HELPERS
from osmia.errors import VmError
from raw_programs import EXIT, function, insn, spec

if TYPE_CHECKING:
    from osmia.vm.machine import Machine as VmMachine

PACKET = bytes(64)
STACK = 10
MOV, ADD, CALL, STORE = 0xB7, 0x07, 0x85, 0x7A


def number(register: int, value: int) -> bytes:
    return insn(MOV, register, imm=value)


def stack(register: int, offset: int) -> bytes:
    return insn(0xBF, register, STACK) + insn(ADD, register, imm=offset)


def copy(register: int, source: int) -> bytes:
    return insn(0xBF, register, source)


def zero(offset: int) -> bytes:
    """Eight bytes of the stack."""
    return insn(STORE, STACK, off=offset, imm=0)


def call(name: str) -> bytes:
    return insn(CALL, imm=HELPERS[name].number)


def run(machine: VmMachine, *instructions: bytes) -> int:
    loaded = machine.load_object(spec(function("p", b"".join(instructions) + EXIT)))
    return machine.run_packet(loaded.programs["p"], PACKET)[0]  # type: ignore[arg-type]


CONTEXT = copy(6, 1)
# By what is wrong: the instructions, the kind of error, and its first line.
WRONG = {
    "a register that nobody wrote": (
        (number(1, 5), call("redirect")),
        "uninitialised",
        "register r2 is read, by the call of bpf_redirect before anything was written to it",
    ),
    "no context": (
        (number(1, 0), number(2, 4), call("xdp_adjust_head")),
        "helper",
        "adjust_head's xdp_md is a null pointer, expected the program's context",
    ),
    "the stack for the context": (
        (stack(1, -8), number(2, 4), call("xdp_adjust_head")),
        "helper",
        "adjust_head's xdp_md is the stack of p, expected the program's context",
    ),
    "a number for the context": (
        (number(1, 77), number(2, 4), call("xdp_adjust_head")),
        "helper",
        "adjust_head's xdp_md is 0x4d, expected the program's context",
    ),
    "memory that was never written": (
        (stack(1, -8), number(2, 8), number(3, 0), stack(4, -16), call("strtol")),
        "uninitialised",
        "strtol's buf: read of 8 bytes at offset 504 of the stack of p, which has 512 bytes: it was never written",
    ),
    "memory that ends before": (
        (zero(-8), stack(1, -8), number(2, 9), number(3, 0), stack(4, -16), call("strtol")),
        "access",
        "strtol's buf: read of 9 bytes at offset 504 of the stack of p, "
        "which has 512 bytes: its last byte lies outside",
    ),
    "memory to write to that ends before": (
        (stack(1, -8), number(2, 9), number(3, 0), call("probe_read_kernel")),
        "access",
        "probe_read_kernel's dst: write of 9 bytes at offset 504 of the stack of p, "
        "which has 512 bytes: its last byte lies outside",
    ),
    "memory of a fixed size that ends before": (
        (zero(-8), stack(1, -8), number(2, 8), number(3, 0), stack(4, -4), call("strtol")),
        "access",
        "strtol's res: write of 8 bytes at offset 508 of the stack of p, "
        "which has 512 bytes: its last 4 bytes lie outside",
    ),
    "no memory": (
        (number(1, 0), number(2, 8), number(3, 0), call("probe_read_kernel")),
        "null",
        "probe_read_kernel's dst: write of 8 bytes at a null pointer",
    ),
    "a size of nothing": (
        (zero(-8), stack(1, -8), number(2, 0), number(3, 0), stack(4, -16), call("strtol")),
        "helper",
        "strtol's buf has 0 bytes, expected at least 1",
    ),
    "a negative size": (
        (stack(1, -8), number(2, -4), number(3, 0), call("probe_read_kernel")),
        "helper",
        "probe_read_kernel's dst has -4 bytes, expected at most 536870912",
    ),
    "memory that may only be read": (
        (copy(6, 1), copy(1, 6), number(2, 4), number(3, 0), call("probe_read_kernel")),
        "access",
        "probe_read_kernel's dst: write of 4 bytes at offset 0 of the context of p, "
        "which has 24 bytes: it may only be read",
    ),
    "a text that may change": (
        (zero(-8), zero(-16), stack(1, -16), number(2, 8), stack(3, -8), call("strncmp")),
        "helper",
        "strncmp's s2 is the stack of p, expected a text that cannot change",
    ),
    "no text": (
        (zero(-16), stack(1, -16), number(2, 8), number(3, 0), call("strncmp")),
        "null",
        "strncmp's s2: read of 1 byte at a null pointer",
    ),
    "no function": (
        (number(1, 3), number(2, 3), number(3, 0), number(4, 0), call("loop")),
        "helper",
        "loop's callback_fn is 0x3, expected a function of the program",
    ),
    "no map": (
        (zero(-8), number(1, 0), stack(2, -8), call("map_lookup_elem")),
        "helper",
        "0x0 is given to a helper that wants a map",
    ),
    "no object": (
        (copy(6, 1), copy(1, 6), call("sk_release")),
        "helper",
        "sk_release's sock is the program's context, expected an object of the kernel",
    ),
    "a dynptr that was never made": (
        (stack(1, -8), number(2, 8), stack(3, -24), number(4, 0), number(5, 0), call("dynptr_read")),
        "uninitialised",
        "dynptr_read's src: read of 16 bytes at offset 488 of the stack of p, "
        "which has 512 bytes: it was never written",
    ),
    "a pointer that is kept nowhere": (
        (number(1, 0), number(2, 0), call("kptr_xchg")),
        "null",
        "kptr_xchg's dst: write of 8 bytes at a null pointer",
    ),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong(name: str) -> None:
    instructions, kind, text = WRONG[name]
    with Machine() as machine, pytest.raises(VmError) as caught:
        run(machine, *instructions)
    assert (caught.value.kind, str(caught.value).splitlines()[0]) == (kind, text)


def test_an_object_of_another_struct() -> None:
    task = (call("get_current_task_btf"), copy(1, 0))
    with (
        Machine() as machine,
        pytest.raises(VmError, match="sk_release's sock is a struct task_struct, expected a soc"),
    ):
        run(machine, *task, call("sk_release"))
    with Machine() as machine:
        sk = machine.object("bpf_sock")
        give = (number(1, sk.address), stack(2, -8), number(3, 8), number(4, 0))
        with pytest.raises(VmError, match="get_task_stack's task is a struct bpf_sock, expected a struct task_struct"):
            run(machine, *give, call("get_task_stack"))


def test_what_is_not_wrong() -> None:
    """NULL and sizes of nothing where the table allows them."""
    with Machine() as machine:
        nothing = (number(1, 0), number(2, 0), number(3, 0), number(4, 0), number(5, 7))
        assert run(machine, *nothing, call("csum_diff")) == 7
        assert run(machine, number(1, 0), number(2, 0), number(3, 0), call("probe_read_kernel")) == 0
        loop = (number(1, 0), insn(0x18, 2, 4, imm=4), insn(0), number(3, 0), number(4, 0), call("loop"))
        assert run(machine, *loop, EXIT, number(0, 0)) == 0


STALE = """
static long (*bpf_xdp_adjust_tail)(struct xdp_md *ctx, int delta) = (void *)65;
static long (*bpf_xdp_adjust_head)(struct xdp_md *ctx, int delta) = (void *)44;
SEC("xdp") int p(struct xdp_md *ctx) {
    volatile u8 *data = (void *)(long)ctx->data;
    void *end = (void *)(long)ctx->data_end;
    if ((void *)data + 20 > end) return 0;
    data[0] = 1;
    WHAT;
    return data[2];
}
"""


@pytest.mark.parametrize("what", ["bpf_xdp_adjust_tail(ctx, -4)", "bpf_xdp_adjust_head(ctx, 9999)"])
def test_a_packet_that_was_changed(what: str) -> None:
    """What was known of the packet is gone, also where the helper has changed nothing."""
    source = STALE.replace("WHAT", what)
    with Machine() as machine, osmia.load(c_object(source), engine=machine) as loaded:
        with pytest.raises(VmError) as caught:
            loaded["p"].test_run(PACKET)
        assert caught.value.kind == "stale"
        assert "offset 2 of the packet, which has " in str(caught.value)
        assert ": the packet was moved or resized since" in str(caught.value)
        assert caught.value.fix == "ask the context for the packet again after what changes it"
