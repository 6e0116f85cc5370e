"""Random sequences of operations on maps of the running kernel, beside models in Python that do the same."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, closing, contextmanager
from ipaddress import IPv4Network
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live_maps import live
from osmia import (
    Array,
    ArrayOfMaps,
    BloomFilter,
    HashMap,
    HashOfMaps,
    KernelError,
    LpmTrie,
    LruHashMap,
    LruPerCpuHashMap,
    PerCpuArray,
    PerCpuHashMap,
    Queue,
    Stack,
    be32,
    u32,
    u64,
)
from osmia.flags import BPF_EXIST, BPF_NOEXIST
from osmia.kernel.cpus import possible_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.usefixtures("engine")

ENTRIES = 6
INNERS = 4
CPUS = len(possible_cpus())
keys = st.integers(0, 9)
numbers = st.integers(0, (1 << 64) - 1)
names = st.sampled_from(("set", "get", "delete", "pop", "new", "existing", "contains", "items", "clear"))
steps = st.lists(st.tuples(names, keys, numbers), max_size=30)
EFFORT = settings(max_examples=40, deadline=None)


def outcome(use: Any, *arguments: Any) -> Any:
    """What a call gives, or that it is refused."""
    try:
        return use(*arguments)
    except (KeyError, KernelError) as error:
        return type(error)


def in_model(model: dict[Any, Any], step: str, key: Any, value: Any, most: int) -> Any:
    """What a mapping of at most so many entries does."""
    full = len(model) >= most and key not in model
    match step:
        case "set" | "new" | "existing":
            refused = {"set": full, "new": full or key in model, "existing": key not in model}[step]
            if refused:
                return KernelError
            model[key] = value
            return None if step == "set" else 0
        case "get":
            return model.get(key, KeyError)
        case "delete":
            return _deleted(model, key)
        case "pop":
            return model.pop(key, KeyError)
        case "contains":
            return key in model
        case "clear":
            model.clear()
            return None
        case _:
            return dict(model)


def _deleted(model: dict[Any, Any], key: Any) -> Any:
    if key not in model:
        return KeyError
    del model[key]
    return None


def in_kernel(held: Any, step: str, key: Any, value: Any) -> Any:
    match step:
        case "set":
            return held.__setitem__(key, value)
        case "new":
            return held.update(key, value, BPF_NOEXIST)
        case "existing":
            return held.update(key, value, BPF_EXIST)
        case "get":
            return held[key]
        case "delete":
            return held.__delitem__(key)
        case "pop":
            return held.pop(key)
        case "contains":
            return key in held
        case "clear":
            return held.clear()
        case _:
            assert len(held) == len(list(held))
            return dict(held.items())


HASHES: dict[str, tuple[Any, Any]] = {
    "HashMap": (lambda: HashMap(u32, u64, max_entries=ENTRIES, name="M"), lambda value: value),
    "HashMap without preallocation": (
        lambda: HashMap(u32, u64, max_entries=ENTRIES, name="M", flags=1),
        lambda value: value,
    ),
    "PerCpuHashMap": (lambda: PerCpuHashMap(u32, u64, max_entries=ENTRIES, name="M"), lambda value: (value,) * CPUS),
}


@pytest.mark.parametrize("kind", HASHES)
@given(steps=steps)
@EFFORT
def test_hash_maps(kind: str, steps: list[tuple[str, int, int]]) -> None:
    make, value_of = HASHES[kind]
    model: dict[int, Any] = {}
    with closing(live(make())) as held:
        for step, key, number in steps:
            value = value_of(number)
            assert outcome(in_kernel, held, step, key, value) == in_model(model, step, key, value, ENTRIES)
        assert dict(held.items()) == model


@pytest.mark.parametrize("per_cpu", [False, True])
@given(steps=st.lists(st.tuples(keys, numbers), max_size=20))
@EFFORT
def test_arrays(per_cpu: bool, steps: list[tuple[int, int]]) -> None:
    zero: Any = (0,) * CPUS if per_cpu else 0
    model = dict.fromkeys(range(ENTRIES), zero)
    declared: Any = (PerCpuArray if per_cpu else Array)(u64, max_entries=ENTRIES, name="M")
    with closing(live(declared)) as held:
        for key, number in steps:
            value = (number,) * CPUS if per_cpu else number
            expected = KeyError if key >= ENTRIES else None
            assert outcome(held.__setitem__, key, value) == expected
            if expected is None:
                model[key] = value
            assert outcome(held.__getitem__, key) == model.get(key, KeyError)
            assert (key in held) == (key in model)
        assert (dict(held.items()), len(held)) == (model, ENTRIES)


@given(
    steps=st.lists(
        st.tuples(names, st.tuples(st.integers(0, 32), st.integers(0, (1 << 32) - 1)), numbers), max_size=30
    ),
    addresses=st.lists(st.integers(0, (1 << 32) - 1), max_size=5),
    near=st.booleans(),
)
@EFFORT
def test_tries_beside_a_search_of_all_prefixes(
    steps: list[tuple[str, tuple[int, int], int]], addresses: list[int], near: bool
) -> None:
    model: dict[IPv4Network, int] = {}
    with closing(live(LpmTrie(be32, u64, max_entries=ENTRIES, name="M"))) as held:
        for step, (bits, number_of), number in steps:
            # Prefixes that share bits with each other, or any.
            address, length = (0x0A000000 | number_of & 0x30000, bits // 4 * 4) if near else (number_of, bits)
            prefix = IPv4Network((address >> (32 - length) << (32 - length) if length else 0, length))
            expected = in_model(model, step, prefix, number, ENTRIES)
            assert outcome(in_kernel, held, step, prefix, number) == expected
            for looked_up in (*addresses, address):
                assert held.match(looked_up) == longest(model, looked_up)
        assert dict(held.items()) == model


def longest(model: dict[IPv4Network, int], address: int) -> int | None:
    """The value of the longest prefix that holds an address: every one is looked at."""
    holding = [prefix for prefix in model if address & int(prefix.netmask) == int(prefix.network_address)]
    return model[max(holding, key=lambda prefix: prefix.prefixlen)] if holding else None


@pytest.mark.parametrize("per_cpu", [False, True])
@given(steps=st.lists(st.tuples(st.booleans(), st.integers(0, 200), numbers), max_size=150))
@settings(max_examples=15, deadline=None)
def test_lru_maps_keep_their_promise(per_cpu: bool, steps: list[tuple[bool, int, int]]) -> None:
    """Never more than max_entries, and a key that is found has the value that was written last."""
    most = 8 * CPUS
    declared: Any = (LruPerCpuHashMap if per_cpu else LruHashMap)(u32, u64, max_entries=most, name="M")
    written: dict[int, Any] = {}
    with closing(live(declared)) as held:
        for write, key, number in steps:
            value = (number,) * CPUS if per_cpu else number
            if write:
                held[key] = value
                written[key] = value
                assert held[key] == value
            elif held.pop(key, None) is not None:
                del written[key]
            assert len(held) <= most
        for key, value in held.items():
            assert written[key] == value


@pytest.mark.parametrize("of", [Queue, Stack])
@given(steps=st.lists(st.tuples(st.sampled_from(("push", "force", "pop", "peek")), numbers), max_size=30))
@EFFORT
def test_queues_and_stacks(of: Any, steps: list[tuple[str, int]]) -> None:
    model: deque[int] = deque()
    end = 0 if of is Queue else -1
    with closing(live(of(u64, max_entries=ENTRIES, name="M"))) as held:
        for step, number in steps:
            if step == "push":
                full = len(model) == ENTRIES
                assert outcome(held.push, number) == (KernelError if full else 0)
                if not full:
                    model.append(number)
            elif step == "force":
                if len(model) == ENTRIES:
                    model.popleft()
                model.append(number)
                assert held.push(number, BPF_EXIST) == 0
            else:
                expected = model[end] if model else None
                assert (held.pop() if step == "pop" else held.peek()) == expected
                if step == "pop" and model:
                    del model[end]
        assert [held.pop() for _ in range(len(model) + 1)] == [*(model if of is Queue else reversed(model)), None]


@given(added=st.sets(numbers, max_size=50), others=st.sets(numbers, max_size=50))
@EFFORT
def test_filters_never_forget(added: set[int], others: set[int]) -> None:
    with closing(live(BloomFilter(u64, max_entries=1000, name="M"))) as held:
        held.update(added)
        assert all(each in held for each in added)
        assert sum(each in held for each in others - added) <= 3  # of 50 and a filter that is nearly empty


@contextmanager
def inner_backed(of: Any, most: int) -> Iterator[tuple[Any, list[Any]]]:
    """A map of maps, and maps that go into it, whose first value tells them apart."""
    with ExitStack() as held:
        inners = []
        for number in range(INNERS):
            inner = live(Array(u32, max_entries=1, name=f"I{number}"))
            held.callback(inner.close)
            inner[0] = number
            inners.append(inner)
        like = Array(u32, max_entries=1)
        outer = of(like, max_entries=most, name="M") if of is ArrayOfMaps else of(u32, like, max_entries=most, name="M")
        held.callback(live(outer, inners[0].backend.entry).close)
        yield outer, inners


@pytest.mark.parametrize("of", [ArrayOfMaps, HashOfMaps])
@given(
    steps=st.lists(
        st.tuples(
            st.sampled_from(("set", "get", "delete", "contains", "items")),
            st.integers(0, ENTRIES - 1),
            st.integers(0, INNERS - 1),
        ),
        max_size=20,
    )
)
@settings(max_examples=20, deadline=None)
def test_maps_of_maps(of: Any, steps: list[tuple[str, int, int]]) -> None:
    model: dict[int, int] = {}
    with inner_backed(of, ENTRIES) as (held, inners):
        for step, key, which in steps:
            match step:
                case "set":
                    held[key] = inners[which]
                    model[key] = which
                case "get":
                    found = outcome(held.__getitem__, key)
                    assert (found if found is KeyError else found[0]) == model.get(key, KeyError)
                case "delete":
                    assert outcome(held.__delitem__, key) == _deleted(model, key)
                case "contains":
                    assert (key in held) == (key in model)
                case _:
                    assert {key: inner[0] for key, inner in held.items()} == model
        assert {key: inner[0] for key, inner in held.items()} == model
