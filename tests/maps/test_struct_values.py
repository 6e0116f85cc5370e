"""Structs, big-endian numbers and texts as keys and values of live maps; spin locks; the maps that came with them."""

from __future__ import annotations

import errno
import struct as packing
import threading
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import pytest

import compiled
from fake_backend import FakeBackend
from live_maps import live
from osmia import (
    Array,
    Chars,
    FixedArray,
    HashMap,
    KernelError,
    LruHashMap,
    PerCpuArray,
    PerCpuHashMap,
    SpinLock,
    array,
    be16,
    be32,
    bits,
    chars,
    replace,
    spin_lock,
    struct,
    u8,
    u32,
    u64,
    union,
)
from osmia.kernel.cpus import possible_cpus
from osmia.loader.load import load_object
from osmia.maps.table import MAP_KINDS
from osmia.object_file import read_object
from refusal import refusal
from this_kernel import needs_root

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("engine")

CPUS = len(possible_cpus())


class State(IntEnum):
    CLOSED = 0
    OPEN = 1


LOCKABLE = "HashMap, Array, CgroupStorage, SkStorage, InodeStorage, TaskStorage, CgrpStorage can"


@struct
class Flow:
    packets: u64 = 0
    bytes: u64 = 0
    state: State = State.CLOSED
    slots: FixedArray[u32] = array(u32, 2)


@struct(frozen=True)
class Key:
    src: be32
    port: be16
    comm: Chars = chars(5)


@struct
class Changing:
    number: u32 = 0


@struct
class Locked:
    lock: SpinLock = spin_lock()
    one: u64 = 0
    other: u64 = 0


@union
class Word:
    whole: u32 = 0
    parts: FixedArray[u8] = array(u8, 4)


@pytest.fixture
def flows() -> Iterator[HashMap[Key, Flow]]:
    held = live(HashMap(Key, Flow, max_entries=8, name="FLOWS"))
    yield held
    held.close()


def test_reads_writes_and_deletes(flows: HashMap[Key, Flow]) -> None:
    key, other = Key(src=0x7F000001, port=80), Key(src=1, port=2, comm=chars(5, "ab"))
    flows[key] = Flow(packets=1, state=State.OPEN)
    flows.update({other: Flow(bytes=5)})
    assert dict(flows.items()) == {key: Flow(packets=1, state=State.OPEN), other: Flow(bytes=5)}
    assert set(flows) == {key, other}
    assert (key in flows, Key(src=0, port=0) in flows, len(flows)) == (True, False, 2)
    assert flows.get(Key(src=0, port=0)) is None
    assert flows.backend.lookup(b"\x7f\0\0\1\0\x50\0\0\0\0\0\0") == packing.pack("=QQIII4x", 1, 0, 1, 0, 0)
    del flows[key]
    assert flows.pop(other).bytes == 5
    assert refusal(KeyError, lambda: flows[key]) == "FLOWS: no key Key(src=2130706433, port=80, comm=chars(5, ''))"


def test_what_is_read_is_a_copy_that_cannot_be_changed(flows: HashMap[Key, Flow]) -> None:
    key = Key(src=1, port=2)
    flows[key] = Flow(packets=1)
    with pytest.raises(AttributeError) as caught:
        flows[key].packets += 1
    assert str(caught.value) == (
        "Flow.packets cannot be set, this Flow is a copy: write m[key] = osmia.replace(value, packets=...)"
    )
    with pytest.raises(TypeError) as raised:
        flows[key].slots[0] = 1
    assert str(raised.value) == (
        "this array(u32, 2) cannot be changed, it is a copy: "
        "write m[key] = osmia.replace(value, ...), with array(u32, 2, elements)"
    )
    flows[key] = replace(flows[key], packets=2, slots=array(u32, 2, [3, 4]))
    assert flows[key] == Flow(packets=2, slots=array(u32, 2, [3, 4]))
    mine = Flow(packets=5)
    flows[key] = mine
    mine.packets = 6
    assert flows[key].packets == 5


def test_wrong_keys_and_values(flows: HashMap[Key, Flow]) -> None:
    wrong: Any = flows
    key = Key(src=1, port=2)
    for use in (lambda: wrong[5], lambda: wrong.pop(5), lambda: 5 in wrong, lambda: wrong.update(5, Flow())):
        assert refusal(TypeError, use) == "FLOWS: a key is a Key, not int 5"
    assert refusal(TypeError, lambda: wrong.__setitem__(key, 5)) == "FLOWS: a value is a Flow, not int 5"
    assert refusal(TypeError, lambda: wrong.update({key: key})).startswith(
        "FLOWS: a value is a Flow, not Key Key(src=1"
    )
    assert len(flows) == 0


def test_a_key_that_changes_while_it_is_encoded(flows: HashMap[Key, Flow]) -> None:
    """As another thread could do it: what is refused at first, and is a key when its error is made."""
    key = Key(src=1, port=2)

    class Late:
        looks = 0

        @property
        def __class__(self) -> type:
            self.looks += 1
            return Key if self.looks > 1 else object

        @__class__.setter
        def __class__(self, of: type) -> None:
            raise NotImplementedError

    late: Any = Late()
    late.__dict__.update(key.__dict__)
    assert refusal(RuntimeError, lambda: flows[late]) == (
        "FLOWS: a key changed while it was encoded: let no other thread write it meanwhile"
    )


def test_a_stored_value_that_is_no_member(flows: HashMap[Key, Flow]) -> None:
    flows.backend.update(bytes(12), packing.pack("=QQIII4x", 1, 0, 7, 0, 0), 0)
    assert refusal(ValueError, lambda: list(flows.values())) == "Flow.state is 7, which is no State"


def test_big_endian_keys_and_values_unions_and_keys_that_can_change() -> None:
    hits = live(HashMap(be32, be16, max_entries=4, name="HITS"))
    hits[0x7F000001] = 80
    assert (dict(hits), hits.backend.lookup(b"\x7f\0\0\1")) == ({0x7F000001: 80}, b"\0\x50")
    assert refusal(OverflowError, lambda: hits[1 << 32]) == "HITS: a key is a be32, 0 to 4294967295, not 4294967296"
    assert refusal(TypeError, lambda: hits.__setitem__(1, 1.5)) == "HITS: a value is an int (be16), not float 1.5"  # type: ignore[call-overload]
    words = live(Array(Word, max_entries=1, name="WORDS"))
    words[0] = Word(whole=0x01020304)
    assert words[0].parts == [4, 3, 2, 1]
    with pytest.raises(AttributeError, match=r"^Word.whole cannot be set, this Word is a copy: write m\[key\]"):
        words[0].whole = 1
    changing = live(HashMap(Changing, u32, max_entries=4, name="CHANGING"))
    changing[Changing(number=5)] = 6
    assert dict(changing) == {next(iter(changing)): 6}  # what was read does not change, so it has a hash
    for held in (hits, words, changing):
        held.close()


def test_per_cpu_structs() -> None:
    flows = live(PerCpuArray(Flow, max_entries=2, name="FLOWS"))
    assert flows[0] == (Flow(),) * CPUS
    flows[1] = [Flow(packets=cpu + 1) for cpu in range(CPUS)]
    assert flows[1].sum(lambda flow: flow.packets) == CPUS * (CPUS + 1) // 2
    with pytest.raises(AttributeError, match="is a copy"):
        flows[1][0].packets = 5
    assert [each[0].packets for each in flows.values()] == [0, 1]
    wrong: Any = [5] * CPUS
    assert refusal(TypeError, lambda: flows.__setitem__(0, wrong)) == "FLOWS: a value is a Flow, not int 5"
    flows.close()


def test_per_cpu_hash_maps() -> None:
    counts = live(PerCpuHashMap(u32, u64, max_entries=4, name="COUNTS"))
    assert (len(counts), list(counts), counts.get(1)) == (0, [], None)
    counts[1] = range(CPUS)
    counts.update({2: [1] * CPUS})
    assert counts[1] == tuple(range(CPUS))
    assert sorted(counts.items()) == [(1, tuple(range(CPUS))), (2, (1,) * CPUS)]
    assert {each.sum() for each in counts.values()} == {sum(range(CPUS)), CPUS}
    assert counts.pop(1) == tuple(range(CPUS))
    assert counts.pop(1, None) is None
    assert refusal(KeyError, lambda: counts[1]) == "COUNTS: no key 1"
    assert refusal(KeyError, lambda: counts.__delitem__(1)) == "COUNTS: no key 1"
    assert refusal(TypeError, lambda: counts.delete(1)) == (
        "COUNTS: delete() is for kernel code; in user code write del m[1]"
    )
    assert refusal(TypeError, lambda: counts.lookup_or_init(1, 0)) == (
        "COUNTS: lookup_or_init() is for kernel code; in user code write m[1], or where there is none m[1] = value"
    )
    with pytest.raises(KernelError) as caught:
        counts.update((key, [0] * CPUS) for key in range(9))
    assert caught.value.errno == errno.E2BIG
    counts.clear()
    assert (len(counts), counts.kind.kernel_name, counts.kind.since) == (0, "PERCPU_HASH", (4, 6))
    counts.close()


def test_lru_hash_maps_drop_old_keys() -> None:
    recent = live(LruHashMap(u32, u64, max_entries=8, name="RECENT"))
    recent.update((key, key) for key in range(1000))
    assert 0 < len(recent) <= 8
    assert all(key == value for key, value in recent.items())
    key = next(iter(recent))
    assert (recent.pop(key), recent.get(key)) == (key, None)
    recent.clear()
    assert (len(recent), recent.kind.kernel_name, recent.kind.since) == (0, "LRU_HASH", (4, 10))
    recent.close()


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (
            lambda: LruHashMap(u32, Locked, max_entries=1, name="M"),
            "M: values of Locked hold a spin lock, which no LruHashMap can: " + LOCKABLE,
        ),
        (
            lambda: PerCpuArray(Locked, max_entries=1, name="M"),
            "M: values of Locked hold a spin lock, which no PerCpuArray can: " + LOCKABLE,
        ),
        (
            lambda: HashMap(Locked, u32, max_entries=1, name="M"),
            "M: a key holds no spin lock, and Locked does: take the lock out of it",
        ),
        (
            lambda: HashMap(u32, with_bit_fields(), max_entries=1, name="M"),
            "M: a value with a spin lock has no bit fields that start inside a byte, as Header.high does: "
            "make them one integer, or a union of it and of a struct of them",
        ),
        (
            lambda: HashMap(u32, twice(), max_entries=1, name="M"),
            "M: a value holds one spin lock at most, and Twice has 2",
        ),
    ],
)
def test_spin_locks_where_the_kernel_has_none(make: Any, text: str) -> None:
    assert refusal(TypeError, make) == text


def with_bit_fields() -> Any:
    @struct
    class Header:
        low: u8 = bits(4)
        high: u8 = bits(4)

    @struct
    class Bits:
        lock: SpinLock = spin_lock()
        headers: FixedArray[Header] = array(Header, 2)

    return Bits


def test_bit_fields_that_a_union_hides_from_the_kernel_stand_beside_a_lock() -> None:
    @struct
    class Header:
        low: u8 = bits(4)
        high: u8 = bits(4)

    @union
    class Either:
        whole: u8 = 0
        header: Header = Header()

    @struct
    class Hidden:
        lock: SpinLock = spin_lock()
        either: Either

    assert HashMap(u32, Hidden, max_entries=1, name="M").value_size == 8


def twice() -> Any:
    @struct
    class Twice:
        lock: SpinLock = spin_lock()
        inner: Locked

    return Twice


WITH_LOCK = """
struct bpf_spin_lock { u32 val; };
struct Locked { struct bpf_spin_lock lock; u64 one; u64 other; };
struct { __uint(type, KIND); __uint(max_entries, 2); __type(key, u32); __type(value, struct Locked); }
    LOCKED SEC(".maps");
static long (*bpf_spin_lock)(void *) = (void *)93;
static long (*bpf_spin_unlock)(void *) = (void *)94;
SEC("xdp") int both(struct xdp_md *ctx)
{
    u32 key = 0; struct Locked *found = bpf_map_lookup_elem(&LOCKED, &key);
    if (!found) return 0;
    bpf_spin_lock(&found->lock); found->one += 1; found->other += 1; bpf_spin_unlock(&found->lock);
    return 2;
}
"""


@needs_root("loads programs")
@pytest.mark.parametrize(("of", "kind"), [(HashMap, 1), (Array, 2)])
def test_values_with_a_spin_lock_are_read_and_written_under_it(of: Any, kind: int) -> None:
    declared = HashMap(u32, Locked, max_entries=2) if of is HashMap else Array(Locked, max_entries=2)
    spec = read_object(compiled.c_object(WITH_LOCK.replace("KIND", str(kind))), "locked.o")
    with load_object(spec) as loaded:
        held = declared.handle(loaded.maps["LOCKED"])
        held.update(0, Locked(one=1, other=1), 0)
        assert held[0] == Locked(one=1, other=1)
        stop = threading.Event()

        def run() -> None:
            while not stop.is_set():
                loaded.programs["both"].test_run(bytes(64), repeat=10_000)

        thread = threading.Thread(target=run)
        thread.start()
        try:
            for _ in range(2_000):
                value = held[0]
                assert value.one == value.other
        finally:
            stop.set()
            thread.join()
        assert held[0].one > 1
        held[0] = Locked(one=5, other=6)
        assert (held[0].one, held[0].other) == (5, 6)
        assert loaded.programs["both"].test_run(bytes(64))[0] == 2  # the lock is free, whatever user code wrote


def test_the_lock_is_asked_for() -> None:
    asked: list[int] = []

    class Recording(FakeBackend):
        def lookup(self, _key: bytes, flags: int = 0) -> bytes | None:
            asked.append(flags)
            return bytes(24)

        def update(self, _key: bytes, _value: bytes, flags: int) -> None:
            asked.append(flags)

        def delete(self, _key: bytes) -> bool:
            return True

        def next_key(self, _key: bytes | None) -> bytes | None:
            return None

    held = HashMap(u32, Locked, max_entries=1, name="M")
    held.bind(Recording())
    held[1] = held[1]
    held.update({1: Locked()})
    held.update(1, Locked(), 2)
    held.pop(1)
    assert 1 in held
    assert asked == [4, 4, 4, 6, 4, 4]


def test_maps_of_objects_from_elsewhere_have_every_class() -> None:
    for row in MAP_KINDS.values():
        assert row.map_class.kind is row


def test_descriptions_hold_the_whole_layout() -> None:
    one, other = HashMap(Key, Flow, max_entries=1, name="M"), HashMap(Key, Locked, max_entries=1, name="M")
    assert one.describe() != other.describe()
    assert one.describe() == HashMap(Key, Flow, max_entries=1, name="M").describe()
    assert repr(one) == "<HashMap(Key, Flow, max_entries=1) M, not live>"
