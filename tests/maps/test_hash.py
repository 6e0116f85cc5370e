"""Hash maps: on maps of the running kernel, and walking one whose keys go away meanwhile."""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from enum import IntEnum
from ipaddress import IPv4Address
from typing import Any

import pytest

from fake_backend import FakeBackend
from live_maps import live
from osmia import Array, HashMap, KernelError, LruHashMap, PerCpuHashMap, be32, i32, u32, u64
from osmia.flags import BPF_F_RDONLY, BPF_F_WRONLY
from refusal import refusal

pytestmark = pytest.mark.usefixtures("engine")


class State(IntEnum):
    CLOSED = 0
    OPEN = 1


FULL = "cannot write key 8 of map 'FLOWS': the map holds 8 entries and no more (E2BIG)"


@pytest.fixture
def flows() -> Iterator[HashMap[int, int]]:
    held = live(HashMap(u32, u64, max_entries=8, name="FLOWS"))
    yield held
    held.close()


def test_reads_writes_and_deletes(flows: HashMap[int, int]) -> None:
    flows[5] = 1 << 63
    flows[6] = 2
    assert isinstance(flows, Mapping)
    assert (flows[5], flows.get(6), flows.get(7), flows.get(7, 1), len(flows)) == (1 << 63, 2, None, 1, 2)
    assert (5 in flows, 7 in flows) == (True, False)
    del flows[5]
    assert dict(flows.items()) == {6: 2}
    assert dict(flows) == {6: 2}
    assert (list(flows), list(flows.keys()), list(flows.values())) == ([6], [6], [2])
    assert ((6, 2) in flows.items(), 3 in flows.values()) == (True, False)


def test_flags_go_with_one_key(flows: HashMap[int, int]) -> None:
    text = (
        "FLOWS: flags go with one key and one value, not with a mapping or with pairs: update(key, value, flags); "
        "update_many(keys, values, flags) takes them"
    )
    wrong: Any = flows
    for entries in ({1: 1}, [(1, 1)], iter([(1, 1)])):
        assert refusal(TypeError, lambda entries=entries: wrong.update(entries, 9)) == text
    assert refusal(TypeError, lambda: wrong.update("1", 9)) == "FLOWS: a key is an int (u32), not str '1'"
    assert refusal(TypeError, lambda: wrong.update({}, 1, 9)) == "FLOWS: a key is an int (u32), not dict {}"
    assert dict(flows) == {}


def test_a_missing_key(flows: HashMap[int, int]) -> None:
    assert refusal(KeyError, lambda: flows[5]) == "FLOWS: no key 5; get(key, 0) gives 0 in its place"
    assert refusal(KeyError, lambda: flows.__delitem__(5)) == "FLOWS: no key 5"
    assert refusal(KeyError, lambda: flows.pop(5)) == "FLOWS: no key 5"


def test_pops_and_clears(flows: HashMap[int, int]) -> None:
    flows.update({key: key * 10 for key in range(8)})
    assert flows.pop(3) == 30
    assert flows.pop(3, None) is None
    assert len(flows) == 7
    flows.clear()
    assert (len(flows), list(flows)) == (0, [])
    flows.clear()


def test_updates_with_flags(flows: HashMap[int, int]) -> None:
    assert flows.update(1, 1, 1) == 0
    with pytest.raises(KernelError) as caught:
        flows.update(1, 2, 1)
    assert caught.value.errno == errno.EEXIST
    with pytest.raises(KernelError) as caught:
        flows.update(2, 2, 2)
    assert caught.value.errno == errno.ENOENT
    assert flows.update(1, 3, 2) == 0
    assert dict(flows) == {1: 3}


def test_a_full_map_says_so(flows: HashMap[int, int]) -> None:
    flows.update((key, 0) for key in range(8))

    def assign() -> None:
        flows[8] = 0

    for use in (assign, lambda: flows.update(8, 0), lambda: flows.update({8: 0})):
        with pytest.raises(KernelError) as caught:
            use()
        assert caught.value.errno == errno.E2BIG
        assert str(caught.value) == caught.value.strerror == FULL
    assert len(flows) == 8


def test_keys_of_the_wrong_type_or_range(flows: HashMap[int, int]) -> None:
    wrong: Any = flows
    uses: list[Callable[[Any], Any]] = [
        lambda key: wrong[key],
        lambda key: wrong.__setitem__(key, 1),
        wrong.__delitem__,
        lambda key: key in wrong,
        wrong.get,
        lambda key: wrong.pop(key, None),
        lambda key: wrong.update(key, 1),
        lambda key: wrong.update({key: 1}),
    ]
    for use in uses:
        assert refusal(TypeError, lambda use=use: use("a")) == "FLOWS: a key is an int (u32), not str 'a'"
        assert refusal(OverflowError, lambda use=use: use(1 << 32)) == (
            "FLOWS: a key is a u32, 0 to 4294967295, not 4294967296"
        )
    assert refusal(TypeError, lambda: wrong.__setitem__(1, 1.5)) == "FLOWS: a value is an int (u64), not float 1.5"
    assert len(flows) == 0


def test_keys_that_are_enums_bools_or_signed() -> None:
    states = live(HashMap(State, bool, max_entries=4, name="STATES"))
    states[State.OPEN] = True
    assert list(states.items()) == [(State.OPEN, True)]
    assert all(type(key) is State for key in states)
    wrong: Any = states
    assert refusal(TypeError, lambda: wrong[1]) == "STATES: a key is a State, not int 1"
    assert refusal(KeyError, lambda: states[State.CLOSED]) == "STATES: no key <State.CLOSED: 0>"
    signed = live(HashMap(i32, i32, max_entries=4, name="SIGNED"))
    signed[-5] = -6
    assert dict(signed) == {-5: -6}
    states.close()
    signed.close()


def test_kernel_only_operations_say_what_to_write(flows: HashMap[int, int]) -> None:
    assert refusal(TypeError, lambda: flows.lookup(5)) == (
        "FLOWS: lookup() is for kernel code; in user code write m[5] or m.get(5)"
    )
    assert refusal(TypeError, lambda: flows.delete(5)) == (
        "FLOWS: delete() is for kernel code; in user code write del m[5]"
    )


def test_deleting_while_walking_ends_and_gives_each_key_once(flows: HashMap[int, int]) -> None:
    flows.update(dict.fromkeys(range(8), 0))
    walked = []
    for key in flows:
        walked.append(key)
        del flows[key]
    assert sorted(walked) == list(range(8))
    assert len(flows) == 0


class Vanishing(FakeBackend):
    """A backend as the kernel's is: asked for the key after one that is gone, it starts again from the first."""

    def __init__(self, keys: list[int], on_next: Callable[[Vanishing, int | None], None]) -> None:
        self.keys = keys
        self.on_next = on_next
        self.steps = 0

    def lookup(self, key: bytes, _flags: int = 0) -> bytes | None:
        number = int.from_bytes(key, "little")
        return number.to_bytes(8, "little") if number in self.keys else None

    def next_key(self, key: bytes | None) -> bytes | None:
        self.steps += 1
        asked = None if key is None else int.from_bytes(key, "little")
        self.on_next(self, asked)
        after = self.keys.index(asked) + 1 if asked in self.keys else 0
        return self.keys[after].to_bytes(4, "little") if after < len(self.keys) else None

    def update(self, *_: object) -> None: ...

    def delete(self, _key: bytes) -> bool:
        return False


def bound(backend: Vanishing) -> HashMap[int, int]:
    held = HashMap(u32, u64, max_entries=8, name="FLOWS")
    held.bind(backend)
    return held


def test_a_key_that_goes_away_while_it_is_passed_makes_no_key_come_twice() -> None:
    def vanish(backend: Vanishing, asked: int | None) -> None:
        if asked == 3 and backend.keys.count(3):
            backend.keys.remove(3)

    backend = Vanishing([1, 2, 3, 4, 5], vanish)
    assert list(iter(bound(backend))) == [1, 2, 4, 5]
    assert backend.steps == 6 + 2 + 2  # started again after 3, passed 1 and 2 over, and asked twice for the first key


def test_the_last_key_going_away_does_not_start_the_walk_again() -> None:
    backend = Vanishing([1, 2], lambda held, asked: held.keys.remove(2) if asked == 2 and 2 in held.keys else None)
    assert list(iter(bound(backend))) == [1]


@pytest.mark.parametrize("of", [HashMap, LruHashMap, PerCpuHashMap])
def test_who_walks_may_delete_what_is_given(of: Any) -> None:
    with closing(live(of(u32, u64, max_entries=2000, name="FLOWS"))) as flows:
        value: Any = (1,) * flows.backend.cpus if of is PerCpuHashMap else 1
        flows.update_many(range(600), [value] * 600)
        for key, found in flows.items():
            if key % 2 and found == value:
                del flows[key]
        assert sorted(flows) == list(range(0, 600, 2))
        assert [flows.pop(key) == value for key in flows] == [True] * 300
        assert list(flows) == []


def test_a_key_that_was_deleted_before_its_turn_is_not_given(flows: HashMap[int, int]) -> None:
    flows.update(dict.fromkeys(range(4), 0))
    first, *others = flows
    given = []
    for key in flows:
        given.append(key)
        if key == first:
            flows.delete_many(others)
    assert given == [first]


def test_classes_and_arrays_are_no_numbers(flows: HashMap[int, int]) -> None:
    wrong: Any = flows
    assert refusal(TypeError, lambda: wrong[u32]) == "FLOWS: a key is an int (u32), not type <class 'osmia.types.u32'>"
    assert refusal(TypeError, lambda: wrong.update(1, int)) == "FLOWS: a value is an int (u64), not type <class 'int'>"
    with closing(live(Array(u64, max_entries=2, name="TABLE"))) as table:
        asked: Any = table
        assert refusal(TypeError, lambda: asked[State]) == "TABLE: a key is an int (u32), not EnumType <enum 'State'>"


def test_errors_name_the_key_as_it_is_written() -> None:
    guarded = "the map does not let user code do that: it is frozen, or was made read-only or write-only (EPERM)"
    with closing(live(HashMap(State, u32, max_entries=2, name="STATES"))) as states:
        states[State.OPEN] = 1
        states.freeze()
        uses = (
            lambda: states.__delitem__(State.OPEN),
            lambda: states.pop(State.OPEN),
            lambda: states.delete_many([State.OPEN]),
            states.clear,
        )
        for use in uses:
            assert refusal(KernelError, use) == f"cannot delete key <State.OPEN: 1> of map 'STATES': {guarded}"
        assert refusal(KernelError, lambda: states.to_dict(delete=True)) == f"cannot read map 'STATES': {guarded}"
        assert states.to_dict() == {State.OPEN: 1}
    for of in (HashMap, PerCpuHashMap):
        with closing(live(of(u32, u32, max_entries=2, name="W", flags=BPF_F_WRONLY))) as written:
            assert refusal(KernelError, lambda held=written: held[7]) == f"cannot read key 7 of map 'W': {guarded}"
            assert (
                refusal(KernelError, lambda held=written: held.pop(7)) == f"cannot delete key 7 of map 'W': {guarded}"
            )
            assert refusal(KernelError, written.to_dict) == f"cannot read map 'W': {guarded}"
    with closing(live(HashMap(u32, u32, max_entries=2, name="R", flags=BPF_F_RDONLY))) as read:
        assert refusal(KernelError, lambda: read.pop(7, None)) == f"cannot delete key 7 of map 'R': {guarded}"


def test_items_and_values_leave_out_what_went_away() -> None:
    def vanish(backend: Vanishing, asked: int | None) -> None:
        if asked == 1:
            backend.keys = [1, 2, 3]

    backend = Vanishing([1, 2, 3], vanish)
    lookup = backend.lookup
    backend.lookup = lambda key, _flags=0: None if key == bytes([2, 0, 0, 0]) else lookup(key)  # type: ignore[method-assign]
    flows = bound(backend)
    assert list(flows.items()) == [(1, 1), (3, 3)]
    assert list(flows.values()) == [1, 3]


def test_a_map_that_changes_faster_than_it_is_walked_is_an_error() -> None:
    def churn(backend: Vanishing, asked: int | None) -> None:
        backend.keys = [0 if asked is None else asked + 1]

    flows = bound(Vanishing([0], churn))
    assert refusal(RuntimeError, lambda: list(iter(flows))) == "FLOWS: its keys change faster than they can be walked"


def test_a_key_that_is_deleted_and_comes_back_for_ever_is_walked_to_an_end() -> None:
    def churn(backend: Vanishing, asked: int | None) -> None:
        backend.keys = [1, 2] if asked in (None, 1) else [1]

    flows = bound(Vanishing([1, 2], churn))
    assert refusal(RuntimeError, lambda: list(iter(flows))) == "FLOWS: its keys change faster than they can be walked"


def test_pop_takes_nothing_that_another_deleted_first() -> None:
    flows = bound(Vanishing([1], lambda *_: None))  # its delete() always comes too late
    assert flows.pop(1, None) is None
    assert refusal(KeyError, lambda: flows.pop(1)) == "FLOWS: no key 1"


def test_an_address_is_no_number_by_itself() -> None:
    sources = live(HashMap(be32, u64, max_entries=1, name="SOURCES"))
    expected = "SOURCES: a key is an int or an ipaddress.IPv4Address (be32), not str '10.0.0.1'"
    assert refusal(TypeError, lambda: sources["10.0.0.1"]) == expected  # type: ignore[call-overload]
    sources[int(IPv4Address("10.0.0.1"))] = 7
    assert dict(sources) == {0x0A000001: 7}
    sources.close()
