"""The names that the programs of compiler/verifier_refusals.txt use: osmia's, and some structs."""

# ruff: noqa: F401 - the programs import them from here
from __future__ import annotations

from osmia import (
    Array,
    FixedArray,
    Global,
    HashMap,
    ProgramArray,
    Ref,
    RingBuf,
    SpinLock,
    XdpAction,
    XdpContext,
    array,
    chars,
    func,
    i8,
    i64,
    spin_lock,
    struct,
    u8,
    u16,
    u32,
    u64,
    xdp,
)
from osmia.headers import IPv4
from osmia.unchecked import address, assume, call_helper, memory_at


@struct
class Pair:
    """16 bytes."""

    first: u64 = 0
    second: u64 = 0


@struct
class Values:
    """64 bytes."""

    numbers: FixedArray[u8] = array(u8, 64)


@struct
class Large:
    """300 bytes, more than half of the stack."""

    numbers: FixedArray[u32] = array(u32, 75)


@struct
class Locked:
    """A lock and what it is for."""

    lock: SpinLock = spin_lock()
    count: u32 = 0


@struct
class Addresses:
    """What bpf_sk_lookup_tcp takes for IPv4: 12 bytes."""

    source: u32 = 0
    destination: u32 = 0
    source_port: u16 = 0
    destination_port: u16 = 0
