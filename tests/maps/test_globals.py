"""Global variables on the user's side: declared, read and written where they lie."""

from __future__ import annotations

import copy
import pickle
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pytest

from osmia import Global, KernelError, NotLoadedError, i8, i16, i32, i64, u8, u16, u32, u64
from osmia.abi.generated import BPF_F_MMAPABLE, BPF_MAP_TYPE_ARRAY
from osmia.arrays import Chars, FixedArray  # noqa: TC001 - @struct looks them up
from osmia.kernel import bpf
from osmia.kernel.map import KernelMap
from osmia.programs.program import MACHINES
from osmia.spec import MapSpec
from osmia.structs import array, bits, chars, replace, spin_lock, struct, to_bytes, union
from osmia.types import be16, be32
from refusal import refusal
from this_kernel import require_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.maps.backend import MapBackend

pytestmark = pytest.mark.usefixtures("engine")


class State(IntEnum):
    CLOSED = 0
    OPEN = 1
    FAILED = -1


@struct
class Point:
    x: i16
    y: i16 = 7


@struct
class Stats:
    seen: u64 = 0
    state: State = State.CLOSED
    fast: bool = False
    port: be16 = 443
    version: u8 = bits(4)
    length: u8 = bits(4, 5)
    place: Point = Point(x=1, y=2)
    mac: FixedArray[u8] = array(u8, 6)
    limits: FixedArray[u32] = array(u32, 3)
    comm: Chars = chars(8)

    @property
    def half(self) -> int:
        return self.seen // 2

    @half.setter
    def half(self, value: int) -> None:
        self.seen = value * 2


@union
class Either:
    number: u32 = 0
    halves: FixedArray[u16] = array(u16, 2)


@struct(frozen=True)
class Key:
    a: u8 = 1
    b: u8 = 2


TOTAL: Any = Global(u64, 5)
STATS: Any = Global(Stats)
OPENED: list[MapBackend] = []


def opened(size: int) -> MapBackend:
    """A map for the values of globals, in the kernel, or in the machine whose block this is in."""
    if MACHINES:
        return MACHINES[-1].create_map(MapSpec("g", BPF_MAP_TYPE_ARRAY, 4, size, 1, BPF_F_MMAPABLE, data=True))
    require_root("creates maps in the kernel")
    fd = bpf.map_create(
        map_type=BPF_MAP_TYPE_ARRAY, key_size=4, value_size=size, max_entries=1, flags=BPF_F_MMAPABLE, name=b"g"
    )
    return KernelMap(fd, 4, size, False, 1, "g")


def live(declared: Any, offset: int = 0) -> Any:
    """The declaration, live on a map that starts as an object would say."""
    held = opened(offset + declared.layout.size)
    OPENED.append(held)
    held.update(bytes(4), bytes(offset) + declared.contents, 0)
    declared.bind(held, offset)
    return declared


def kernel_side(declared: Any) -> bytes:
    """The variable as kernel code sees it."""
    whole = OPENED[-1].lookup(bytes(4))
    assert whole is not None
    return whole[declared.offset : declared.offset + declared.layout.size]


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    for held in OPENED:
        held.close()
    OPENED.clear()
    TOTAL.close()
    STATS.close()


@pytest.mark.parametrize(
    ("of", "value", "data"),
    [
        (u8, 200, b"\xc8"),
        (u16, 0x1234, b"\x34\x12"),
        (u32, 1 << 31, b"\0\0\0\x80"),
        (u64, (1 << 64) - 1, b"\xff" * 8),
        (i8, -2, b"\xfe"),
        (i16, -2, b"\xfe\xff"),
        (i32, -2, b"\xfe\xff\xff\xff"),
        (i64, -(1 << 63), b"\0" * 7 + b"\x80"),
        (bool, True, b"\1"),
        (State, State.FAILED, b"\xff\xff\xff\xff"),
        (be16, 0x1234, b"\x12\x34"),
        (be32, 0x01020304, b"\1\2\3\4"),
    ],
)
def test_numbers(of: Any, value: Any, data: bytes) -> None:
    assert Global(of, value).contents == data
    held = live(Global(of))
    zero = held.value
    assert zero == 0
    assert type(zero) is type(value)
    held.value = value
    assert held.value == value
    assert type(held.value) is type(value)
    assert kernel_side(held) == data


def test_a_counter_that_both_sides_write() -> None:
    total = live(TOTAL)
    assert total.value == 5
    OPENED[-1].update(bytes(4), (41).to_bytes(8, "little"), 0)
    assert total.value == 41
    total.value += 1
    assert kernel_side(total) == (42).to_bytes(8, "little")


def test_before_loading_and_after_closing() -> None:
    text = "TOTAL is not loaded: load() or attach() a program that uses it, or take the handle that load() gives"
    assert (TOTAL.name, TOTAL.declared_at[0]) == ("TOTAL", __file__)
    declared: Any = Global(u64, name="LOST")
    stats: Any = Global(Stats, name="LOST")
    lost = text.replace("TOTAL", "LOST")
    assert refusal(NotLoadedError, lambda: declared.value) == lost
    assert refusal(NotLoadedError, lambda: setattr(declared, "value", 1)) == lost
    assert refusal(NotLoadedError, lambda: stats.value) == lost
    assert refusal(NotLoadedError, lambda: setattr(stats, "value", Stats())) == lost
    live(declared)
    assert declared.live
    view = live(stats).value
    declared.close()
    stats.close()
    assert refusal(NotLoadedError, lambda: declared.value) == "LOST is closed: load() a program that uses it"
    assert refusal(NotLoadedError, lambda: view.seen) == "LOST is closed: load() a program that uses it"
    assert refusal(NotLoadedError, lambda: setattr(view, "seen", 1)) == "LOST is closed: load() a program that uses it"


def test_values_that_are_not_taken() -> None:
    total = live(TOTAL)
    assert refusal(OverflowError, lambda: setattr(total, "value", -1)) == (
        "TOTAL: a value is a u64, 0 to 18446744073709551615, not -1"
    )
    assert refusal(TypeError, lambda: setattr(total, "value", 1.5)) == "TOTAL: a value is an int (u64), not float 1.5"
    assert total.value == 5
    flag = live(Global(bool, name="FLAG"))
    assert refusal(TypeError, lambda: setattr(flag, "value", 1)) == "FLAG: a value is a bool, not int 1"
    state = live(Global(State, name="STATE"))
    assert refusal(TypeError, lambda: setattr(state, "value", 1)) == "STATE: a value is a State, not int 1"
    OPENED[-1].update(bytes(4), b"\7\0\0\0", 0)
    assert refusal(ValueError, lambda: state.value) == "STATE: a value is 7, which is no State"


def test_types_and_starts_that_are_refused() -> None:
    wrong: Any = Global
    start = "the Global of " + __file__
    assert refusal(TypeError, lambda: wrong(int)).startswith(start)
    assert refusal(TypeError, lambda: wrong(int, name="A")) == (
        "A: the type of a global is one that has a place in memory, not int: say how wide it is, as in u32 or u64"
    )
    assert refusal(TypeError, lambda: wrong(str, name="A")).endswith("has a place in memory, not str")
    assert refusal(TypeError, lambda: wrong(5, name="A")).endswith("has a place in memory, not int 5")
    assert refusal(OverflowError, lambda: wrong(u8, 300, name="A")) == "A: a value is a u8, 0 to 255, not 300"
    assert refusal(TypeError, lambda: wrong(u8, name="a b")) == (
        "Global: a global's name is an ASCII identifier, not str 'a b'"
    )
    assert refusal(TypeError, lambda: wrong(spin_lock(), name="A")) == (
        "A: a global cannot hold a spin lock: put it into the value of a map"
    )
    assert refusal(TypeError, lambda: wrong(Stats, 5, name="A")) == "A: a value is a Stats, not int 5"


def test_what_a_variable_starts_with() -> None:
    assert Global(u64).contents == bytes(8)
    assert Global(Stats).contents == to_bytes(Stats())
    assert Global(Point).contents == to_bytes(Point(x=0, y=7))
    assert Global(Stats, Stats(seen=3)).contents == to_bytes(Stats(seen=3))
    assert Global(array(u32, 2, [1, 2])).contents == bytes((1, 0, 0, 0, 2, 0, 0, 0))
    assert Global(chars(4, "ab")).contents == b"ab\0\0"
    assert Global(Either).contents == bytes(4)


@pytest.mark.parametrize("offset", [0, 8, 4096])
def test_a_struct_is_a_view(offset: int) -> None:
    stats = live(STATS, offset)
    view: Any = stats.value
    assert isinstance(stats.value, Stats)
    assert view == Stats()
    assert Stats() == view
    stats.value.seen += 5
    view.state = State.FAILED
    view.fast = True
    view.port = 80
    view.version = 4
    view.place.x = -3
    view.place.y += 1
    view.mac[5] = 9
    view.mac[-6] = 1
    view.limits[1] = 1 << 31
    view.comm = "bash"
    expected = Stats(
        seen=5,
        state=State.FAILED,
        fast=True,
        port=80,
        version=4,
        length=5,
        place=Point(x=-3, y=3),
        mac=array(u8, 6, bytes((1, 0, 0, 0, 0, 9))),
        limits=array(u32, 3, [0, 1 << 31, 0]),
        comm=chars(8, "bash"),
    )
    assert kernel_side(stats) == to_bytes(expected)
    assert view == expected
    assert repr(view) == repr(expected)
    assert (view.seen, view.state, view.fast, view.port, view.version, view.length) == (5, -1, True, 80, 4, 5)
    assert (view.half, str(view.comm), bytes(view.mac), list(view.limits)) == (
        2,
        "bash",
        bytes((1, 0, 0, 0, 0, 9)),
        [0, 1 << 31, 0],
    )
    view.half = 50
    assert stats.value.seen == 100
    stats.value = Stats(seen=1)
    assert view == Stats(seen=1)
    assert kernel_side(stats) == to_bytes(Stats(seen=1))


def test_a_view_sees_what_the_kernel_writes() -> None:
    stats = live(STATS)
    view, limits = stats.value, stats.value.limits
    OPENED[-1].update(bytes(4), to_bytes(Stats(seen=77, limits=array(u32, 3, [1, 2, 3]))), 0)
    assert view.seen == 77
    assert limits == [1, 2, 3]


def test_snapshots_of_a_view() -> None:
    """What copies a struct copies a view: the copy stays as it is."""
    stats = live(STATS)
    view = stats.value
    copies = [copy.copy(view), copy.deepcopy(view), pickle.loads(pickle.dumps(view)), replace(view, seen=0)]
    packed, mac = to_bytes(view), view.mac.copy()
    view.seen = 9
    view.mac[0] = 9
    assert copies == [Stats()] * 4
    assert [type(each) for each in copies] == [Stats] * 4
    assert packed == to_bytes(Stats())
    assert mac == bytes(6)
    other = live(Global(Stats, name="OTHER"))
    other.value = view
    assert other.value.seen == 9


def test_fields_that_are_not_taken() -> None:
    view = live(STATS).value
    assert refusal(OverflowError, lambda: setattr(view, "seen", -1)) == (
        "STATS: Stats.seen is a u64, 0 to 18446744073709551615, not -1"
    )
    assert refusal(OverflowError, lambda: setattr(view, "version", 16)) == (
        "STATS: Stats.version is a u8 of 4 bits, 0 to 15, not 16"
    )
    assert refusal(AttributeError, lambda: setattr(view, "sean", 1)).startswith("Stats has no field 'sean'")
    assert refusal(AttributeError, lambda: view.sean).startswith("Stats has no field 'sean'")
    assert refusal(IndexError, lambda: view.mac[6]) == "no element 6 in an array(u8, 6): it has 6"
    assert refusal(OverflowError, lambda: view.limits.__setitem__(0, -1)) == (
        "an element of array(u32, 3) is a u32, 0 to 4294967295, not -1"
    )
    assert view == Stats()


def test_arrays() -> None:
    held = live(Global(array(u32, 4), name="HELD"))
    held.value[3] = 1
    held.value[0] += 2
    assert list(held.value) == [2, 0, 0, 1]
    assert len(held.value) == 4
    assert held.value[1:] == [0, 0, 1]
    assert kernel_side(held) == bytes((2, 0, 0, 0, *bytes(8), 1, 0, 0, 0))
    held.value = [9, 8, 7, 6]
    assert held.value == [9, 8, 7, 6]
    assert refusal(ValueError, lambda: setattr(held, "value", [1])) == "HELD: a value is 4 elements of u32, not 1"
    assert refusal(OverflowError, lambda: setattr(held, "value", [1, 2, 3, -1])) == (
        "HELD: a value[3] is a u32, 0 to 4294967295, not -1"
    )
    assert held.value == [9, 8, 7, 6]
    points = live(Global(array(Point, 2), name="POINTS"))
    points.value[1].y = 5
    assert [point.y for point in points.value] == [0, 5]
    assert bytes(live(Global(array(u8, 3, b"abc"))).value[1:]) == b"bc"


def test_texts_unions_and_frozen_structs() -> None:
    text = live(Global(chars(4), name="TEXT"))
    text.value = "abc"
    assert text.value == "abc"
    assert kernel_side(text) == b"abc\0"
    either = live(Global(Either, name="EITHER"))
    either.value.number = 0x00020001
    assert list(either.value.halves) == [1, 2]
    either.value = Either(number=7)
    assert either.value == Either(number=7)
    key = live(Global(Key, name="KEY"))
    assert key.value == Key()
    assert hash(key.value) == hash(Key())
    assert refusal(AttributeError, lambda: setattr(key.value, "a", 3)).startswith("Key.a cannot be set, Key is frozen")
    key.value = Key(a=3)
    assert key.value.a == 3


def test_a_map_that_has_no_memory() -> None:
    require_root("creates maps in the kernel")
    fd = bpf.map_create(map_type=BPF_MAP_TYPE_ARRAY, key_size=4, value_size=8, max_entries=1)
    held = KernelMap(fd, 4, 8, False, 1, "plain")
    declared: Any = Global(u64)
    declared.bind(held)
    assert refusal(KernelError, lambda: declared.value) == (
        "cannot take map 'plain' into memory: it was not made for that: arrays are, with the flag BPF_F_MMAPABLE"
    )
    held.close()


def test_repr() -> None:
    assert repr(TOTAL) == "<Global(u64) TOTAL, not live>"
    assert repr(live(STATS)) == "<Global(Stats) STATS, live>"
