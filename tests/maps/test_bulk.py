"""Many entries at once: dicts, NumPy arrays and PyArrow tables, with batches of the kernel's and without."""

from __future__ import annotations

import errno
import sys
import threading
from contextlib import ExitStack, closing
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pytest

from live_maps import live
from osmia import (
    Array,
    Chars,
    FixedArray,
    HashMap,
    KernelError,
    LruHashMap,
    MissingExtraError,
    NotLoadedError,
    PerCpuArray,
    PerCpuHashMap,
    SpinLock,
    array,
    be16,
    be32,
    bits,
    chars,
    i32,
    numpy_dtype,
    spin_lock,
    struct,
    u8,
    u16,
    u32,
    u64,
    union,
)
from osmia.flags import BPF_F_MMAPABLE, BPF_F_RDONLY, BPF_F_RDONLY_PROG, BPF_F_WRONLY
from osmia.kernel import map_batch
from osmia.kernel.cpus import possible_cpus
from osmia.kernel.map import KernelMap
from osmia.maps import bulk
from refusal import refusal
from this_kernel import require_numpy

if TYPE_CHECKING:
    from collections.abc import Iterator

require_numpy()
import numpy as np  # noqa: E402 - where it can be had

pytestmark = pytest.mark.usefixtures("engine")

CPUS = len(possible_cpus())


class State(IntEnum):
    CLOSED = 0
    OPEN = 1


@struct
class Inner:
    low: u16 = 0
    high: u32 = 0


@struct
class Flow:
    proto: u8 = 0
    port: be16 = 0
    addr: be32 = 0
    state: State = State.CLOSED
    inner: Inner = Inner()
    counts: FixedArray[u16] = array(u16, 3)
    name: Chars = chars(6)


@struct
class Locked:
    lock: SpinLock = spin_lock()
    total: u64 = 0


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as held:
        yield held


def opened(stack: ExitStack, declared: Any) -> Any:
    return stack.enter_context(closing(live(declared)))


@pytest.fixture(params=["batches", "one by one"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the kernel's batches, and as on a kernel or a type of map that has none."""
    if request.param == "one by one":
        monkeypatch.setattr(KernelMap, "read_all", lambda *_, **__: None)
        monkeypatch.setattr(KernelMap, "update_all", lambda *_: False)
        monkeypatch.setattr(KernelMap, "delete_all", lambda *_: None)
    return str(request.param)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("of", [HashMap, LruHashMap])
def test_hash_maps(stack: ExitStack, of: Any) -> None:
    held = opened(stack, of(u32, u64, max_entries=64, name="M"))
    assert (held.to_dict(), [len(each) for each in held.to_numpy()]) == ({}, [0, 0])
    assert held.update_many(range(8), [key * 10 for key in range(8)]) == 8
    wanted = {key: key * 10 for key in range(8)}
    assert held.to_dict() == wanted == dict(held.items())
    keys, values = held.to_numpy()
    assert (keys.dtype, values.dtype) == (np.uint32, np.uint64)
    assert dict(zip(keys.tolist(), values.tolist(), strict=True)) == wanted
    values += 1
    assert held.update_many(keys, values) == 8
    assert held.to_dict() == {key: value + 1 for key, value in wanted.items()}
    assert held.delete_many([1, 77, 2, 99, 2]) == 2
    assert held.delete_many(np.array([3, 200], np.uint32)) == 1
    assert sorted(held) == [0, 4, 5, 6, 7]
    assert held.delete_many([]) == held.update_many([], []) == 0
    assert sorted(held.to_numpy(delete=True).keys) == [0, 4, 5, 6, 7]
    assert held.to_dict() == {}
    held.update({1: 2, 3: 4})
    assert held.to_dict(delete=True) == {1: 2, 3: 4}
    assert len(held) == 0
    held.update({})
    held.update([(9, 1), (9, 2)])
    assert held.to_dict() == {9: 2}
    held.clear()
    assert held.to_dict() == {}


@pytest.mark.usefixtures("way")
def test_per_cpu_hash_maps(stack: ExitStack) -> None:
    held = opened(stack, PerCpuHashMap(u32, u16, max_entries=8, name="M"))
    held.update_many([1, 2], [range(CPUS), [7] * CPUS])
    keys, values = held.to_numpy()
    assert (values.shape, values.dtype) == ((2, CPUS), np.uint16)
    assert {int(key): tuple(row.tolist()) for key, row in zip(keys, values, strict=True)} == held.to_dict()
    assert held[1] == tuple(range(CPUS))
    held.update_many(np.array([2, 3], np.uint32), np.full((2, CPUS), 5, np.uint16))
    assert (held[2], held[3]) == ((5,) * CPUS, (5,) * CPUS)
    assert held.pop(3) == (5,) * CPUS
    assert held.to_dict(delete=True) == {1: tuple(range(CPUS)), 2: (5,) * CPUS}
    assert len(held) == 0
    assert refusal(ValueError, lambda: held.update_many([1], np.zeros((1, CPUS + 1), np.uint16))) == (
        f"M: the array of values has the shape (keys, {CPUS}), one column per possible CPU, not (1, {CPUS + 1})"
    )
    wide = opened(stack, PerCpuHashMap(u32, u64, max_entries=8, name="W"))
    wide.update_many(np.arange(3), np.arange(3 * CPUS).reshape(3, CPUS))
    assert wide[2] == tuple(range(2 * CPUS, 3 * CPUS))
    assert wide.to_numpy().values.sum() == sum(range(3 * CPUS))


@pytest.mark.usefixtures("way")
def test_arrays(stack: ExitStack) -> None:
    held = opened(stack, Array(u32, max_entries=4, name="A"))
    assert held.update_many([3, 1], [30, 10]) == 2
    assert held.to_dict() == {0: 0, 1: 10, 2: 0, 3: 30}
    keys, values = held.to_numpy()
    assert (keys.tolist(), values.tolist()) == ([0, 1, 2, 3], [0, 10, 0, 30])
    assert refusal(KeyError, lambda: held.update_many([1, 4], [0, 0])) == "A: no key 4, its keys are 0 to 3"
    assert refusal(KeyError, lambda: held.update_many(np.array([4, 1]), [0, 0])) == "A: no key 4, its keys are 0 to 3"
    assert refusal(TypeError, lambda: held.to_numpy(delete=True))
    per_cpu = opened(stack, PerCpuArray(u8, max_entries=3, name="P"))
    per_cpu.update_many([0, 2], [[1] * CPUS, [2] * CPUS])
    assert per_cpu.to_dict() == {0: (1,) * CPUS, 1: (0,) * CPUS, 2: (2,) * CPUS}
    assert per_cpu.to_numpy().values.tolist() == [[1] * CPUS, [0] * CPUS, [2] * CPUS]


def test_an_array_in_memory_is_shared_without_a_system_call(stack: ExitStack) -> None:
    held = opened(stack, Array(u32, max_entries=5, name="A", flags=1024))
    seen = held.to_numpy(copy=False).values
    held[2] = 7
    assert seen.tolist() == [0, 0, 7, 0, 0]
    seen[4] = 9
    assert (held[4], held.memory()[32]) == (9, 9)
    assert held.to_numpy().values.tolist() == [0, 0, 7, 0, 9]
    copied = held.to_numpy().values
    held[0] = 1
    assert (copied[0], seen[0]) == (0, 1)
    other = opened(stack, Array(u32, max_entries=5, name="B"))
    assert refusal(KernelError, lambda: other.to_numpy(copy=False)) == (
        "cannot take map 'B' into memory: it was not made for that: arrays are, with the flag BPF_F_MMAPABLE"
    )


def test_what_may_not_be_written_is_not_taken_into_memory(stack: ExitStack) -> None:
    held = opened(stack, Array(u32, max_entries=5, name="A", flags=BPF_F_MMAPABLE))
    seen, memory = held.to_numpy(copy=False).values, held.memory()
    seen[1] = 7
    busy = "cannot freeze map 'A': its memory is mapped: let go of what memory() and to_numpy(copy=False) gave (EBUSY)"
    assert refusal(KernelError, held.freeze) == busy
    del seen
    assert refusal(KernelError, held.freeze) == busy
    memory.release()
    del memory
    held.freeze()
    assert (
        refusal(KernelError, held.freeze)
        == "cannot freeze map 'A': it is frozen already, or was made read-only (EPERM)"
    )
    taken = (held.memory, lambda: held.to_numpy(copy=False))
    for take in taken:
        assert refusal(KernelError, take) == (
            "cannot take map 'A' into memory: the map does not let user code do that: it is frozen, or was made "
            "read-only or write-only (EPERM)"
        )
    assert held.to_numpy().values.tolist() == [0, 7, 0, 0, 0]
    for flag in (BPF_F_RDONLY, BPF_F_WRONLY, BPF_F_RDONLY_PROG):
        guarded = opened(stack, Array(u32, max_entries=5, name="G", flags=BPF_F_MMAPABLE | flag))
        assert refusal(KernelError, guarded.memory) == (
            "cannot take map 'G' into memory: user code would read and write it there, which its flags say may not be "
            "(EACCES)"
        )
        if flag != BPF_F_WRONLY:
            assert guarded.to_numpy().values.tolist() == [0] * 5
        assert guarded.info().flags == BPF_F_MMAPABLE | flag & BPF_F_RDONLY_PROG


def test_structs_become_structured_arrays_and_back(stack: ExitStack) -> None:
    dtype = numpy_dtype(Flow)
    assert dtype == np.dtype(
        {
            "names": ["proto", "port", "addr", "state", "inner", "counts", "name"],
            "formats": [
                *("u1", ">u2", ">u4", "<u4"),
                {"names": ["low", "high"], "formats": ["<u2", "<u4"], "offsets": [0, 4], "itemsize": 8},
                *(("<u2", (3,)), "S6"),
            ],
            "offsets": [0, 2, 4, 8, 12, 20, 26],
            "itemsize": 32,
        }
    )
    held = opened(stack, HashMap(Flow, Flow, max_entries=8, name="M"))
    key = Flow(proto=6, port=443, addr=0x0A000001, inner=Inner(high=5))
    held[key] = Flow(state=State.OPEN, counts=array(u16, 3, [1, 2, 3]), name=chars(6, "eth0"))
    keys, values = held.to_numpy()
    assert (keys["port"][0], keys["addr"][0], keys["inner"]["high"][0]) == (443, 0x0A000001, 5)
    assert (values["state"][0], values["counts"][0].tolist(), values["name"][0]) == (1, [1, 2, 3], b"eth0")
    # What lies in the padding must not make another key of it.
    dirty = np.frombuffer(bytearray(b"\xff" * 32), dtype).copy()
    for name in ("proto", "port", "addr", "state", "counts", "name"):
        dirty[name] = keys[name]
    dirty["inner"]["low"], dirty["inner"]["high"] = 0, 5
    values["counts"][0, 1] = 9
    held.update_many(dirty, values)
    assert (len(held), held[key].counts[1]) == (1, 9)
    assert held.delete_many(dirty) == 1
    values["state"] = 5
    assert refusal(ValueError, lambda: held.update_many(dirty, values)) == (
        "M: the array of values, .state holds 5, which is no State"
    )
    assert refusal(TypeError, lambda: held.update_many(np.zeros(1, [("a", "u4")]), values)) == (
        "M: the array of keys is of a struct of proto, port, addr, state, inner, counts, name, not a struct of a"
    )


def test_values_with_a_lock_are_read_and_written_under_it(stack: ExitStack) -> None:
    declared: Any = HashMap(u32, Locked, max_entries=4, name="M")
    declared.create()  # the kernel finds the lock by its type
    held: Any = stack.enter_context(closing(declared))
    assert numpy_dtype(Locked).names == ("total",)
    values = np.zeros(2, numpy_dtype(Locked))
    values["total"] = [3, 4]
    held.update_many([1, 2], values)
    assert {key: value.total for key, value in held.to_dict().items()} == {1: 3, 2: 4}
    assert sorted(held.to_numpy().values["total"]) == [3, 4]
    assert held.pop(1).total == 3
    assert held.to_dict(delete=True)[2].total == 4


def test_what_numpy_cannot_describe() -> None:
    @struct
    class Bits:
        low: u8 = bits(3)

    @union
    class Either:
        number: u32
        halves: u16

    assert refusal(TypeError, lambda: numpy_dtype(Bits)) == (
        "Bits.low is a bit field, which NumPy cannot describe: make one integer of the bits, or read the entries "
        "one by one"
    )
    assert numpy_dtype(Either) == np.dtype("V4")
    assert refusal(TypeError, lambda: numpy_dtype(int)) == (
        "numpy_dtype() takes a type that has a place in memory, not int: say how wide it is, as in u32 or u64"
    )
    assert [numpy_dtype(of) for of in (u8, i32, be16, bool, State)] == ["<u1", "<i4", ">u2", "?", "<u4"]
    assert numpy_dtype(array(u16, 4)) == np.dtype(("<u2", (4,)))


def test_wrong_arrays(stack: ExitStack) -> None:
    held = opened(stack, HashMap(u8, State, max_entries=8, name="M"))
    many = held.update_many
    assert refusal(OverflowError, lambda: many(np.array([1, 256]), [State.OPEN] * 2)) == (
        "M: the array of keys holds 256; they are uint8, 0 to 255"
    )
    assert refusal(OverflowError, lambda: many(np.array([-1]), [State.OPEN])) == (
        "M: the array of keys holds -1; they are uint8, 0 to 255"
    )
    assert refusal(TypeError, lambda: many(np.array([1.0]), [State.OPEN])) == (
        "M: the array of keys is of dtype uint8, not dtype float64"
    )
    assert refusal(ValueError, lambda: many(np.zeros((2, 2), np.uint8), [State.OPEN])) == (
        "M: the array of keys has one dimension, not 2"
    )
    assert refusal(ValueError, lambda: many([1], np.array([2]))) == "M: the array of values holds 2, which is no State"
    assert refusal(ValueError, lambda: many([1, 2], [State.OPEN])) == (
        "M: update_many() takes a value for each key, not 2 and 1"
    )
    assert refusal(TypeError, lambda: many(1, [State.OPEN])) == (
        "M: update_many() takes a sequence or an array of keys, not int 1"
    )
    assert refusal(TypeError, lambda: many([1], {1: State.OPEN})) == (
        "M: update_many() takes a sequence or an array of values, not dict {1: <State.OPEN: 1>}"
    )
    assert refusal(TypeError, lambda: many(["a"], [State.OPEN])) == "M: a key is an int (u8), not str 'a'"
    assert refusal(TypeError, lambda: many([1], [State.OPEN], "no")) == "M: flags is an int, not str 'no'"
    assert refusal(ValueError, lambda: many([1], [State.OPEN], -1)) == "M: flags is 0 to 18446744073709551615, not -1"
    assert refusal(TypeError, lambda: held.delete_many(5)) == (
        "M: delete_many() takes a sequence or an array of keys, not int 5"
    )
    assert len(held) == 0


class Far(IntEnum):
    NEAR = 1
    FAR = (1 << 63) + 1


def test_a_number_beside_a_member_is_none(stack: ExitStack) -> None:
    held = opened(stack, HashMap(Far, u8, max_entries=8, name="M"))
    assert held.update_many(np.array([1, Far.FAR], np.uint64), [1, 2]) == 2
    assert held.to_dict() == {Far.NEAR: 1, Far.FAR: 2}
    for beside in (Far.FAR - 1, Far.FAR + 1):
        assert refusal(ValueError, lambda n=beside: held.update_many(np.array([n], np.uint64), [3])) == (
            f"M: the array of keys holds {beside}, which is no Far"
        )


def test_a_bool_of_any_byte_is_written_as_one(stack: ExitStack) -> None:
    held = opened(stack, HashMap(bool, u8, max_entries=8, name="M"))
    assert held.update_many(np.array([0, 2, 255], np.uint8).view(bool), [1, 2, 3]) == 3
    assert held.to_dict() == dict(held.items()) == {False: 1, True: 3}


def test_classes_derived_from_arrays(stack: ExitStack) -> None:
    held = opened(stack, HashMap(Inner, u32, max_entries=8, name="M"))
    records = np.rec.array([(1, 2), (3, 4)], dtype=numpy_dtype(Inner))
    assert held.update_many(records, np.ma.array([5, 6], np.uint32)) == 2
    assert sorted((key.low, key.high, value) for key, value in held.items()) == [(1, 2, 5), (3, 4, 6)]
    masked = np.ma.array([5, 6], np.uint32, mask=[True, False])
    assert refusal(ValueError, lambda: held.update_many(records, masked)) == (
        "M: the array of values has masked elements, which are none: give .compressed() or .filled()"
    )


def test_the_array_of_an_empty_list_is_empty(stack: ExitStack) -> None:
    held = opened(stack, HashMap(u32, u32, max_entries=8, name="M"))
    assert held.update_many(np.array([]), np.array([])) == held.delete_many(np.array([])) == 0
    assert refusal(TypeError, lambda: held.delete_many(np.array([1.0]))) == (
        "M: the array of keys is of dtype uint32, not dtype float64"
    )


def test_what_gives_its_keys_is_no_sequence_of_values(stack: ExitStack) -> None:
    held = opened(stack, HashMap(u32, u32, max_entries=8, name="M"))
    counts = opened(stack, PerCpuArray(u32, max_entries=1, name="C"))
    held.update({1: 2})
    assert refusal(TypeError, lambda: held.update_many(held.keys(), held)) == (
        "M: update_many() takes a sequence or an array of values, "
        "not HashMap <HashMap(u32, u32, max_entries=8) M, live>"
    )
    of_cpus = f"C: a value is a sequence of {counts.backend.cpus} values, one per possible CPU"
    for value in (dict.fromkeys(range(counts.backend.cpus), 7), set(range(counts.backend.cpus))):
        assert refusal(TypeError, lambda value=value: counts.__setitem__(0, value)).startswith(f"{of_cpus}, not ")
        assert refusal(TypeError, lambda value=value: counts.update_many([0], [value])).startswith(f"{of_cpus}, not ")
    assert counts[0].sum() == 0


@pytest.mark.usefixtures("way")
def test_the_key_that_the_kernel_refused_is_named(stack: ExitStack) -> None:
    held = opened(stack, HashMap(u32, u32, max_entries=4, name="M"))
    assert refusal(KernelError, lambda: held.update_many(range(10, 16), range(6))) == (
        "cannot write key 14 of map 'M': the map holds 4 entries and no more (E2BIG)"
    )
    assert sorted(held) == [10, 11, 12, 13]
    with pytest.raises(KernelError) as caught:
        held.update_many([20, 11], [0, 0], 2)
    assert (caught.value.errno, "key 20 of" in caught.value.text) == (errno.ENOENT, True)
    held.close()
    for use in (held.to_dict, held.to_numpy, lambda: held.update_many([1], [1]), lambda: held.delete_many([1])):
        assert refusal(NotLoadedError, use) == "M is closed: load() a program that uses it"


def test_room_grows_where_a_bucket_does_not_fit(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(map_batch, "ENTRIES", 3)
    monkeypatch.setattr(map_batch, "FIRST_ROOM", 24)
    held = opened(stack, HashMap(u32, u64, max_entries=5000, name="M"))
    held.update_many(range(5000), range(5000))
    assert held.to_dict() == {key: key for key in range(5000)}
    monkeypatch.setattr(map_batch, "SMALLEST_MAPPING", 1)
    assert held.to_numpy().keys.sum() == sum(range(5000))
    flat = opened(stack, Array(u64, max_entries=1000, name="A"))
    flat.update_many(range(1000), range(1000))
    assert flat.to_numpy().values.tolist() == list(range(1000))


@pytest.mark.kernel_only("it is about what old kernels do")
def test_pop_falls_back_where_the_kernel_cannot_do_it_at_once(
    stack: ExitStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = opened(stack, HashMap(u32, u32, max_entries=4, name="M"))
    held.update({1: 10, 2: 20, 3: 30})
    assert (held.pop(1), held.pop(1, None)) == (10, None)
    commands = []

    def old_kernel(command: int, _attribute: object) -> int:
        commands.append(command)
        raise OSError(524, "ENOTSUPP")

    monkeypatch.setattr("osmia.kernel.map.bpf.call", old_kernel)
    assert held.pop(2) == 20
    monkeypatch.undo()
    assert (held.pop(3), commands, len(held)) == (30, [21], 0)


def test_keys_that_stay_come_once_while_others_come_and_go(stack: ExitStack) -> None:
    held = opened(stack, HashMap(u32, u32, max_entries=4096, name="M"))
    held.update_many(range(1000), range(1000))
    stop = threading.Event()

    def change() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            held[2000 + number % 500] = number
            held.delete_many([2000 + (number * 7) % 500])

    changing = threading.Thread(target=change)
    changing.start()
    try:
        for _ in range(30):
            keys = held.to_numpy().keys.tolist()
            assert len(set(keys)) == len(keys)
            assert set(range(1000)) <= set(keys)
    finally:
        stop.set()
        changing.join()


def test_what_is_taken_out_is_taken_out_once(stack: ExitStack) -> None:
    """No update is lost between reading and deleting: what two sides count is what was written."""
    held = opened(stack, HashMap(u32, u32, max_entries=1 << 16, name="M"))
    written = 20_000
    done = threading.Event()

    def write() -> None:
        for number in range(written):
            held.update(number, 1, 1)
        done.set()

    writing = threading.Thread(target=write)
    writing.start()
    taken: list[int] = []
    while not done.is_set():
        taken += held.to_numpy(delete=True).keys.tolist()
    writing.join()
    taken += held.to_numpy(delete=True).keys.tolist()
    assert sorted(taken) == list(range(written))


def test_duplicates_of_a_restarted_walk_come_once() -> None:
    class Held:
        key_size, value_size = 1, 1

        class kind:
            per_cpu = False

    assert bulk._each_once(Held(), b"abcab", b"12345") == (b"abc", b"453")
    assert bulk._each_once(Held(), b"abc", b"123") == (b"abc", b"123")


def test_arrow_tables(stack: ExitStack) -> None:
    held = opened(stack, HashMap(u32, Flow, max_entries=4, name="M"))
    held[5] = Flow(port=443, state=State.OPEN, counts=array(u16, 3, [1, 2, 3]), name=chars(6, "lo"))
    assert held.to_arrow().to_pylist() == [
        {
            "key": 5,
            "value_proto": 0,
            "value_port": 443,
            "value_addr": 0,
            "value_state": 1,
            "value_inner_low": 0,
            "value_inner_high": 0,
            "value_counts": [1, 2, 3],
            "value_name": b"lo",
        }
    ]
    assert held.to_arrow(delete=True).num_rows == 1
    assert held.to_arrow().num_rows == 0
    per_cpu = opened(stack, PerCpuArray(u32, max_entries=2, name="P"))
    per_cpu[1] = [3] * CPUS
    assert per_cpu.to_arrow().to_pydict() == {"key": [0, 1], "value": [[0] * CPUS, [3] * CPUS]}

    @struct
    class Twice:
        a_b: u32 = 0
        a: Same = Same()

    clash = opened(stack, HashMap(u32, Twice, max_entries=2, name="C"))
    assert refusal(ValueError, clash.to_arrow) == (
        "C: two columns would be called value_a_b: rename a field of the structs"
    )


@struct
class Same:
    b: u32 = 0


@pytest.mark.kernel_only("it counts calls of the kernel")
@pytest.mark.parametrize("of", [HashMap, PerCpuHashMap])
def test_counting(stack: ExitStack, of: Any, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    """By batches where they are small: the walk takes a call a key, and two more to see where it ends."""
    held = opened(stack, of(u32, u64, max_entries=64, name="M"))
    value: Any = [1] * CPUS if of is PerCpuHashMap else 1
    assert held.update_many(range(9), [value] * 9) == 9
    steps: list[bytes | None] = []
    next_key = KernelMap.next_key

    def counted(backend: KernelMap, key: bytes | None) -> bytes | None:
        steps.append(key)
        return next_key(backend, key)

    monkeypatch.setattr(KernelMap, "next_key", counted)
    assert len(held) == 9
    assert len(steps) == (0 if way == "batches" else 11)
    monkeypatch.setattr(bulk, "MOST_TO_COUNT", 64)
    steps.clear()
    assert (len(held), len(steps)) == (9, 11)


def test_without_numpy_or_arrow(stack: ExitStack, monkeypatch: pytest.MonkeyPatch) -> None:
    held = opened(stack, HashMap(u32, u32, max_entries=4, name="M"))
    for module in ("pyarrow", "numpy"):
        monkeypatch.setitem(sys.modules, module, None)
    for called, extra, use in (
        ("PyArrow", "arrow", held.to_arrow),
        ("NumPy", "numpy", held.to_numpy),
    ):
        assert refusal(MissingExtraError, use) == (
            f"this takes {called}, which is not installed: pip install 'osmia[{extra}]'"
        )
    held.update_many([1], [2])
    assert held.to_dict() == {1: 2}
