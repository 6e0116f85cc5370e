"""Ring buffers and arrays of programs on the user's side: declared, and set by user code."""

from __future__ import annotations

import errno
from typing import Any

import pytest

import osmia
from compiled import c_object
from live_maps import kernel_map
from osmia import (
    HashMap,
    KernelError,
    Machine,
    NotLoadedError,
    ProgramArray,
    RingBuf,
    XdpAction,
    XdpContext,
    struct,
    u8,
    u32,
    u64,
    xdp,
)
from osmia.arrays import FixedArray, SpinLock  # noqa: TC001 - @struct looks it up
from osmia.structs import array, spin_lock
from refusal import refusal

pytestmark = pytest.mark.usefixtures("engine")

PACKET = bytes(64)


@struct
class Event:
    port: u32
    bytes: u64 = 0


RING = RingBuf(Event, size=4096)
TAILS = ProgramArray(XdpContext, max_entries=4)


def test_a_ring_is_declared() -> None:
    assert (RING.name, RING.value, RING.key, RING.max_entries, RING.size) == ("RING", Event, None, 4096, 4096)
    assert (RING.key_size, RING.value_size, RING.kind.kernel_name, RING.live) == (0, 0, "RINGBUF", False)
    assert repr(RING) == "<RingBuf(Event, size=4096) RING, not live>"
    assert RING.describe() != RingBuf(u64, size=4096, name="RING").describe()
    RING.bind(kernel_map(RING))
    assert RING.live
    RING.close()


def test_rings_that_are_refused() -> None:
    wrong: Any = RingBuf
    text = "R: the size is a power of 2, in bytes, of 4096 at least, not "
    assert refusal(ValueError, lambda: wrong(Event, size=5000, name="R")) == f"{text}5000"
    assert refusal(ValueError, lambda: wrong(Event, size=64, name="R")) == f"{text}64"
    assert refusal(TypeError, lambda: wrong(Event, size="1", name="R")) == "R: max_entries is an int, not str '1'"

    @struct
    class Large:
        numbers: FixedArray[u64] = array(u64, 511)

    text = "R: an event of Large has 4088 bytes, and a ring of 4096 has room for one of 4080"
    assert refusal(ValueError, lambda: wrong(Large, size=4096, name="R")) == text
    RingBuf(Large, size=8192, name="R")
    text = "R: the type of an event is one that has a place in memory, not "
    assert refusal(TypeError, lambda: wrong(int, size=4096, name="R")) == (
        f"{text}int: say how wide it is, as in u32 or u64"
    )
    assert refusal(TypeError, lambda: wrong(5, size=4096, name="R")) == f"{text}int 5"
    assert refusal(TypeError, lambda: wrong(array(u8, 4), size=4096, name="R")).startswith(f"{text}FixedArray")

    @struct
    class Locked:
        lock: SpinLock = spin_lock()

    assert refusal(TypeError, lambda: wrong(Locked, size=4096, name="R")) == "R: an event cannot hold a spin lock"


def test_a_ring_is_written_by_kernel_code() -> None:
    ring: Any = RING
    text = "() is for kernel code: user code does not write to a ring buffer"
    assert refusal(TypeError, ring.reserve) == f"RING: reserve{text}"
    assert refusal(TypeError, lambda: ring.discard(None)) == f"RING: discard{text}"
    assert refusal(TypeError, lambda: ring.output(b"")) == f"RING: output{text}"


def test_programs_are_declared() -> None:
    assert (TAILS.name, TAILS.context, len(TAILS), TAILS.key_size, TAILS.value_size) == ("TAILS", XdpContext, 4, 4, 4)
    assert repr(TAILS) == "<ProgramArray(XdpContext, max_entries=4) TAILS, not live>"
    wrong: Any = ProgramArray
    assert refusal(TypeError, lambda: wrong(u32, max_entries=1, name="P")).startswith(
        "P: the context of its programs is one of XdpContext"
    )
    tails: Any = TAILS
    assert refusal(TypeError, lambda: tails.tail_call(None, 0)) == "TAILS: tail_call() is for kernel code"


@xdp(hook="devmap")
def on_the_way_out(_ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


def test_a_program_of_another_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_entry: object) -> None:
        raise KernelError(errno.EINVAL, "as Linux 6.18 does")

    tails = ProgramArray(XdpContext, max_entries=1, name="P")
    with Machine():
        tails.create()
        monkeypatch.setattr(type(tails.backend), "update", refuse)
        assert refusal(KernelError, lambda: tails.update(0, on_the_way_out)) == (
            "P: the kernel does not take on_the_way_out, which is of 'xdp/devmap': all programs of an array, and those "
            "that go on to them, are of one hook (EINVAL)"
        )
        assert refusal(KernelError, lambda: tails.update(0, on_the_way_out, 2)) == "as Linux 6.18 does"


TAIL_CALLS = """
static long (*bpf_tail_call)(void *ctx, void *programs, u32 index) = (void *)12;
struct { __uint(type, 3); __uint(max_entries, 4); __type(key, u32); __type(value, u32); } TAILS SEC(".maps");
struct { __uint(type, 27); __uint(max_entries, 4096); } ring SEC(".maps");
static long (*bpf_ringbuf_output)(void *ring, void *data, u64 size, u64 flags) = (void *)130;
u64 entered, gone_on, came_back; u32 where;
SEC("xdp") int enter(struct xdp_md *ctx) {
    entered += 1;
    bpf_tail_call(ctx, &TAILS, where);
    came_back += 1;
    return 2;
}
SEC("xdp") int drop(struct xdp_md *ctx) { u64 event = ++gone_on; bpf_ringbuf_output(&ring, &event, 8, 0); return 1; }
"""


def test_tail_calls(engine: Machine | None) -> None:
    with osmia.load(c_object(TAIL_CALLS), engine=engine) as loaded:
        held = loaded.globals

        def counts() -> tuple[int, int, int]:
            action = loaded["enter"].test_run(PACKET).action
            assert action is (XdpAction.DROP if tails_set else XdpAction.PASS)
            return held["entered"].value, held["gone_on"].value, held["came_back"].value

        tails_set = False
        assert counts() == (1, 0, 1)
        for tails in (loaded.maps["TAILS"], loaded[TAILS]):
            before = held["entered"].value, held["gone_on"].value, held["came_back"].value
            tails[3] = loaded["drop"]
            held["where"].value = 3
            tails_set = True
            assert counts() == (before[0] + 1, before[1] + 1, before[2])
            del tails[3]
            tails_set = False
            assert counts() == (before[0] + 2, before[1] + 1, before[2] + 1)
            name = tails.name
            assert refusal(KeyError, lambda tails=tails: tails.__delitem__(3)) == f"{name}: no program at 3"
        assert isinstance(loaded.maps["ring"], RingBuf)
        assert repr(loaded.maps["TAILS"]) == "<ProgramArray(of an object, max_entries=4) TAILS, live>"


@xdp
def passes(ctx: XdpContext) -> XdpAction:
    return XdpAction.PASS


def test_a_declared_program_is_loaded_when_it_is_set(engine: Machine | None) -> None:
    with osmia.load(c_object(TAIL_CALLS), engine=engine) as loaded:
        tails = loaded[TAILS]
        assert not passes.loaded
        tails[0] = passes
        assert passes.loaded
        assert loaded["enter"].test_run(PACKET).action is XdpAction.PASS
        assert (loaded.globals["entered"].value, loaded.globals["came_back"].value) == (1, 0)
    passes.close()


def test_programs_that_are_refused(engine: Machine | None) -> None:
    with osmia.load(c_object(TAIL_CALLS), engine=engine) as loaded:
        tails: Any = loaded[TAILS]
        drop = loaded["drop"]
        assert refusal(TypeError, lambda: tails.__setitem__(0, 5)) == "TAILS: a program is expected, not int 5"
        assert refusal(TypeError, lambda: tails.__setitem__(0, passes.function)).startswith(
            "TAILS: a program is expected, not function"
        )
        outside = "TAILS: no index 4, it has 0 to 3"
        assert refusal(KeyError, lambda: tails.__setitem__(4, drop)) == outside
        assert refusal(KeyError, lambda: tails.__delitem__(4)) == outside
        assert (
            refusal(ValueError, lambda: tails.update(0, drop, -1))
            == "TAILS: flags is 0 to 18446744073709551615, not -1"
        )
        assert refusal(TypeError, lambda: tails.update(0, drop, None)) == "TAILS: flags is an int, not NoneType None"
        assert refusal(OverflowError, lambda: tails.__setitem__(-1, drop)) == (
            "TAILS: a key is a u32, 0 to 4294967295, not -1"
        )
        assert refusal(TypeError, lambda: tails.__setitem__("0", drop)) == "TAILS: a key is an int (u32), not str '0'"

        class OtherKind:
            context = u64
            name = "kprobe"

        class Other:
            kind, name, entry = OtherKind, "traces", -1

            def load(self) -> None:
                raise AssertionError

        assert refusal(TypeError, lambda: tails.__setitem__(0, Other())) == (
            "TAILS: its programs take an XdpContext, and traces (kprobe) takes a u64"
        )
    text = (
        "TAILS is not loaded: load() or attach() a program that uses it, take the handle that load() gives, create() "
        "it, or open() the path where it is pinned"
    )
    assert refusal(NotLoadedError, lambda: TAILS.__setitem__(0, passes)) == text
    assert not passes.loaded
    other: Any = HashMap(u32, u32, max_entries=4, name="TAILS")
    with osmia.load(c_object(TAIL_CALLS), engine=engine) as loaded:
        assert (
            refusal(TypeError, lambda: loaded[other])
            == "the object: the type of TAILS is PROG_ARRAY there, expected HASH"
        )
