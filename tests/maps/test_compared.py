"""Handles that are typed by a declaration, of what an object declares: refused where its BTF says something else."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest

import osmia
from compiled import c_object
from osmia import (
    Array,
    Chars,
    FixedArray,
    Global,
    HashMap,
    SpinLock,
    array,
    bits,
    chars,
    i64,
    struct,
    u8,
    u16,
    u32,
    u64,
)
from osmia.structs import spin_lock, union

SOURCE = """
struct bpf_spin_lock { u32 val; };
struct inner { u16 low; u16 high; };
union either { u64 whole; u32 half; };
enum color { RED, GREEN };
struct flow {
    u32 guard, bits : 3, more : 29;
    u64 packets, bytes; s64 last; struct inner inner; u32 ports[3]; char name[8]; enum color color; union either either;
};
struct { __uint(type, 2); __type(key, u32); __type(value, struct flow); __uint(max_entries, 1); } flows SEC(".maps");
struct guarded { struct bpf_spin_lock lock; u32 count; };
struct { __uint(type, 2); __type(key, u32); __type(value, struct guarded); __uint(max_entries, 1); }
    locked SEC(".maps");
struct { __uint(type, 1); __type(key, struct inner); __type(value, u64); __uint(max_entries, 1); } keyed SEC(".maps");
struct inner pair = {1, 2};
SEC("xdp") int program(struct xdp_md *ctx) {
    u32 key = 0; struct inner other = {1, 2};
    struct flow *flow = bpf_map_lookup_elem(&flows, &key);
    struct guarded *guarded = bpf_map_lookup_elem(&locked, &key);
    u64 *count = bpf_map_lookup_elem(&keyed, &other);
    if (flow && count && guarded) flow->packets += *count + pair.low + guarded->count;
    return 2;
}
"""


class Color(IntEnum):
    RED = 0
    GREEN = 1


@struct
class Inner:
    low: u16 = 0
    high: u16 = 0


@struct
class Swapped:
    high: u16 = 0
    low: u16 = 0


@union
class Either:
    whole: u64 = 0
    half: u32 = 0


@struct
class Guarded:
    lock: SpinLock = spin_lock()
    count: u32 = 0


@struct
class Unguarded:
    lock: u32 = 0
    count: u32 = 0


@struct
class Flow:
    guard: u32 = 0
    bits: u32 = bits(3)
    packets: u64 = 0
    bytes: u64 = 0
    last: i64 = 0
    inner: Inner = Inner()
    ports: FixedArray[u32] = array(u32, 3)
    name: Chars = chars(8)
    color: Color = Color.RED
    either: Either = Either()


def test_what_fits_is_given() -> None:
    with osmia.load(c_object(SOURCE)) as loaded:
        flows: Array[Flow] = Array(Flow, max_entries=1, name="flows")
        loaded[flows][0] = Flow(packets=5, inner=Inner(high=3))
        assert loaded["flows"][0][8:16] == (5).to_bytes(8, "little")
        assert loaded[flows][0].inner.high == 3
        keyed: HashMap[Inner, u64] = HashMap(Inner, u64, max_entries=1, name="keyed")
        loaded[keyed][Inner(low=1)] = 7
        assert loaded[keyed][Inner(low=1)] == 7
        locked: Array[Guarded] = Array(Guarded, max_entries=1, name="locked")
        loaded[locked][0] = Guarded(count=3)
        assert loaded[locked][0].count == 3
        pair = Global(Inner, name="pair")
        assert loaded[pair].value.high == 2


def other(changes: dict[str, str]) -> Any:
    """The struct, with some lines written another way."""
    lines = {
        "guard": "guard: u32 = 0",
        "bits": "bits: u32 = bits(3)",
        "packets": "packets: u64 = 0",
        "bytes": "bytes: u64 = 0",
        "last": "last: i64 = 0",
        "inner": "inner: Inner = Inner()",
        "ports": "ports: FixedArray[u32] = array(u32, 3)",
        "name": "name: Chars = chars(8)",
        "color": "color: Color = Color.RED",
        "either": "either: Either = Either()",
    } | changes
    names = dict(globals())
    body = "\n".join(f"    {line}" for line in lines.values())
    exec(compile(f"@struct\nclass Flow:\n{body}", "other", "exec", dont_inherit=True), names)
    return names["Flow"]


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"packets": "bytes: u64 = 0", "bytes": "packets: u64 = 0"}, ".bytes lies at byte 16 there, expected byte 8"),
        (
            {"packets": "packet: u64 = 0"},
            " has no field packet there; it has guard, bits, more, packets, bytes, last, inner, ports, "
            "name, color, either",
        ),
        ({"last": "last: u64 = 0"}, ".last is signed there, expected u64"),
        ({"bits": "bits: u32 = bits(4)"}, ".bits is 3 bits there, expected 4 bits"),
        ({"bits": "bits: u32 = 0"}, ".bits is 3 bits there, expected whole bytes"),
        ({"inner": "inner: Swapped = Swapped()"}, ".inner.high lies at byte 2 there, expected byte 0"),
        (
            {"inner": "inner: FixedArray[u16] = array(u16, 2)"},
            ".inner is of type struct inner there, expected array(u16, 2)",
        ),
        ({"ports": "ports: FixedArray[u16] = array(u16, 6)"}, ".ports has 3 elements there, expected 6"),
        ({"name": "name: u64 = 0"}, ".name is of type array there, expected u64"),
        ({"name": "name: FixedArray[u16] = array(u16, 4)"}, ".name has 8 elements there, expected 4"),
        ({"color": "color: Inner = Inner()"}, ".color is of type enum color there, expected Inner"),
        ({"either": "either: u64 = 0"}, ".either is of type union either there, expected u64"),
    ],
)
def test_what_does_not_fit_is_refused(changes: dict[str, str], text: str) -> None:
    with osmia.load(c_object(SOURCE)) as loaded:
        with pytest.raises(TypeError) as caught:
            loaded[Array(other(changes), max_entries=1, name="flows")]
        assert str(caught.value) == f"the object: the value of flows{text}"


def test_keys_and_globals_that_do_not_fit() -> None:
    with osmia.load(c_object(SOURCE)) as loaded:
        with pytest.raises(TypeError) as caught:
            loaded[HashMap(Swapped, u64, max_entries=1, name="keyed")]
        assert str(caught.value) == "the object: the key of keyed.high lies at byte 2 there, expected byte 0"
        with pytest.raises(TypeError) as caught:
            loaded[HashMap(Inner, i64, max_entries=1, name="keyed")]
        assert str(caught.value) == "the object: the value of keyed is unsigned there, expected i64"
        with pytest.raises(TypeError) as caught:
            loaded[Array(Unguarded, max_entries=1, name="locked")]
        assert str(caught.value) == (
            "the object: the value of locked.lock is of type struct bpf_spin_lock there, expected u32"
        )
        with pytest.raises(TypeError) as caught:
            loaded[Global(Swapped, name="pair")]
        assert str(caught.value) == "the object: pair.high lies at byte 2 there, expected byte 0"
        with pytest.raises(TypeError) as caught:
            loaded[Global(array(u8, 4), name="pair")]
        assert str(caught.value) == "the object: pair is of type struct inner there, expected array(u8, 4)"
