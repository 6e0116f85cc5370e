"""Locked blocks: unlocked on every way out, and what the lock's bytes are left out of."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import osmia
from memory_programs import CPUS, count_on_each_cpu, results, run, running, source
from osmia import XdpAction
from osmia.compiler import Target
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path

VALUE = """
@struct
class Value:
    lock: SpinLock = spin_lock()
    one: u64 = 0
    two: u64 = 0

values = HashMap(u32, Value, max_entries=4)
"""
LOOK_UP = "v = values.lookup_or_init(1, Value())\nif v is None:\n    return XdpAction.ABORTED\n"


@pytest.mark.parametrize("cpu", CPUS)
def test_every_way_out_unlocks(tmp_path: Path, cpu: str) -> None:
    """A lock that is held when the program ends would hang the next run."""
    body = LOOK_UP + (
        "with v.lock:\n"
        "    v.one += 1\n"
        "    if x == 1:\n"
        "        return XdpAction.DROP\n"
        "    assert x != 5\n"
        "    v.two += 100 // x\n"
        "    v.two += array(u8, 4)[x]\n"
        "out.value = i64(v.one * 1000 + v.two)"
    )
    with running(tmp_path, VALUE, body, cpu) as loaded:
        assert run(loaded, 2) == (XdpAction.PASS, 1000 + 50)
        assert run(loaded, 1) == (XdpAction.DROP, 0)
        for x in (5, 0, 4):
            assert run(loaded, x) == (XdpAction.TX, 0)
        assert run(loaded, 2) == (XdpAction.PASS, 6000 + 50 + 25 + 50)
        assert [(each.problem, each.count) for each in loaded["program"].errors()] == [
            ("assertion failed", 1),
            ("integer division or modulo by zero", 1),
            ("index out of range", 1),
        ]


@pytest.mark.parametrize("cpu", CPUS)
def test_break_and_continue(tmp_path: Path, cpu: str) -> None:
    body = LOOK_UP + (
        "for i in range(6):\n"
        "    with v.lock:\n"
        "        v.one += 1\n"
        "        if i == x:\n"
        "            break\n"
        "        if i == 3:\n"
        "            continue\n"
        "        v.two += i\n"
        "    out.value += 1\n"
        "out.value += i64(v.one * 100 + v.two * 10000)\n"
        "with v.lock:\n    v.one = 0\n    v.two = 0"
    )
    with running(tmp_path, VALUE, body, cpu) as loaded:
        assert results(loaded, 0, 2, 9) == [100, 300 + 10000 + 2, 600 + (0 + 1 + 2 + 4 + 5) * 10000 + 5]


@pytest.mark.parametrize("cpu", CPUS)
def test_in_functions(tmp_path: Path, cpu: str) -> None:
    module = VALUE + (
        "def add(v: Value, n: u32) -> u64:\n"
        "    with v.lock:\n"
        "        if n == 0:\n"
        "            return 7\n"
        "        v.one += n\n"
        "        return v.one\n"
        "def twice(v: Value, n: u32) -> u64:\n"
        "    first = add(v, n)\n"
        "    for i in range(3):\n"
        "        with v.lock:\n"
        "            if v.one > 100:\n"
        "                return first\n"
        "            v.two += i\n"
        "    return first + add(v, n)\n"
    )
    body = LOOK_UP + "out.value = i64(twice(v, x) * 1000 + v.two)\nwith v.lock:\n    v.one = 0\n    v.two = 0"
    with running(tmp_path, module, body, cpu) as loaded:
        assert results(loaded, 0, 4, 200) == [14003, 12003, 200000]


@pytest.mark.parametrize("cpu", CPUS)
def test_one_lock_after_the_other(tmp_path: Path, cpu: str) -> None:
    body = LOOK_UP + (
        "w = values.lookup_or_init(2, Value(one=5))\nif w is None:\n    return XdpAction.ABORTED\n"
        "with v.lock:\n    held = v.one\n    v.one += x\n"
        "with w.lock:\n    w.one += held\n"
        "out.value = i64(w.one)"
    )
    with running(tmp_path, VALUE, body, cpu) as loaded:
        assert results(loaded, 3, 3, 3) == [5, 8, 14]


@pytest.mark.parametrize("cpu", CPUS)
def test_a_lock_in_the_block_of_a_ring(tmp_path: Path, cpu: str) -> None:
    module = VALUE + "ring = RingBuf(u64, size=4096)\n"
    body = LOOK_UP + (
        "with ring.reserve() as event:\n"
        "    if event is None:\n"
        "        return XdpAction.DROP\n"
        "    with v.lock:\n"
        "        v.one += 10 // x\n"
        "        event.value = v.one\n"
        "        if x == 5:\n"
        "            return XdpAction.DROP\n"
        "    out.value = i64(event.value)"
    )
    with running(tmp_path, module, body, cpu) as loaded:
        assert run(loaded, 2) == (XdpAction.PASS, 5)
        assert run(loaded, 0) == (XdpAction.TX, 0)
        assert run(loaded, 5) == (XdpAction.DROP, 0)
        assert run(loaded, 1) == (XdpAction.PASS, 17)


def test_two_cpus_lose_no_count(tmp_path: Path) -> None:
    body = LOOK_UP + "with v.lock:\n    v.one += 1\n    v.two += 3"
    with running(tmp_path, VALUE, body) as loaded:
        loaded["values"][1] = loaded.module.Value()
        count_on_each_cpu(loaded["program"], 3_000_000)
        held = loaded["values"][1]
        assert (held.one, held.two) == (6_000_000, 18_000_000)


NESTED = """
@struct
class Inner:
    before: u32 = 1
    lock: SpinLock = spin_lock()
    after: u32 = 2
    more: u16 = 3
@struct
class Outer:
    first: u64 = 9
    inner: Inner = Inner()

values = HashMap(u32, Outer, max_entries=8)
"""


@pytest.mark.needs("nested locks")
@pytest.mark.parametrize("cpu", CPUS)
def test_copies_leave_the_lock_out(tmp_path: Path, cpu: str) -> None:
    body = (
        "v = values.lookup_or_init(1, Outer(first=3, inner=Inner(before=x)))\n"
        "if v is None:\n    return XdpAction.ABORTED\n"
        "values[2] = v\n"
        "w = values.lookup(2)\nif w is None:\n    return XdpAction.ABORTED\n"
        "w.inner = Inner(after=50, more=60)\n"
        "mine = Outer(inner=w.inner)\n"
        "values[3] = mine\n"
        "with w.inner.lock:\n    w.first = 77\n"
        "with v.inner.lock:\n    w.inner = v.inner\n"
        "out.value = (v == w) + (v.inner == w.inner) * 2 + (mine.inner == w.inner) * 4"
    )
    with running(tmp_path, NESTED, body, cpu) as loaded:
        assert results(loaded, 4) == [2]
        shown = {
            key: (held.first, held.inner.before, held.inner.after, held.inner.more)
            for key, held in loaded["values"].items()
        }
        assert shown == {1: (3, 4, 2, 3), 2: (77, 4, 2, 3), 3: (9, 1, 50, 60)}


@pytest.mark.parametrize("cpu", CPUS)
def test_values_with_locks_are_equal_by_what_else_they_hold(tmp_path: Path, cpu: str) -> None:
    body = (
        "v = values.lookup_or_init(1, Outer())\nw = values.lookup_or_init(2, Outer())\n"
        "if v is None or w is None:\n    return XdpAction.ABORTED\n"
        "out.value = v == w\nw.inner.more = x\nout.value += (v == w) * 10"
    )
    with running(tmp_path, NESTED, body, cpu) as loaded:
        assert results(loaded, 3, 4, 3) == [11, 1, 10]


def test_a_long_loop_in_a_locked_block(tmp_path: Path) -> None:
    """What stays a plain loop may stand there; a loop that the kernel itself would have to run may not."""
    body = LOOK_UP + "with v.lock:\n    for i in range({}):\n        v.one += i"
    with running(tmp_path, VALUE, body.format("100") + "\nout.value = i64(v.one)") as loaded:
        assert results(loaded, 0) == [4950]
    made = module_from(tmp_path, source(VALUE, body.format("1000000")))
    with pytest.raises(osmia.CompileError) as caught:
        osmia.load(made, target=Target("v3", (6, 1)))
    assert caught.value.problem == "a locked block cannot call the kernel"
    assert caught.value.__notes__[0].startswith("found: a loop that is too long to stand as it is")


def test_a_nested_lock_on_older_kernels(tmp_path: Path) -> None:
    body = "w = values.lookup(2)\nif w is None:\n    return XdpAction.ABORTED\nwith w.inner.lock:\n    w.first = 77"
    with pytest.raises(osmia.CompileError) as caught:
        osmia.load(module_from(tmp_path, source(NESTED, body)), target=Target("v3", (5, 10)))
    assert (caught.value.problem, caught.value.found, caught.value.expected, caught.value.fix) == (
        "a lock inside of another struct needs Linux 6.11",
        "a lock in the field 'inner', for Linux 5.10",
        "a lock that is a field of the map's value itself",
        "move the lock to the struct that is the map's value, or compile for newer kernels: "
        "`osmia build --kernel 6.11`",
    )
