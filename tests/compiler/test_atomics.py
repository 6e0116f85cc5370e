"""Atomic operations: what they do, what each instruction set has, and that no count is lost between two CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import osmia
from memory_programs import CPUS, KERNEL, count_on_each_cpu, results, running, source
from osmia.compiler import Target
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path

NEWER = ("v3", "v4")
STATS = """
@struct
class Stats:
    small: i32 = 0
    bits: u32 = 0
    large: u64 = 0
    several: FixedArray[u32] = array(u32, 4)

stats = Array(Stats, max_entries=1)
"""
LOOK_UP = "s = stats.lookup(0)\nif s is None:\n    return XdpAction.ABORTED\n"


@pytest.mark.parametrize("cpu", CPUS)
def test_an_addition_without_its_result_is_there_for_all_instruction_sets(tmp_path: Path, cpu: str) -> None:
    body = LOOK_UP + (
        "ref(s.large).fetch_add(x)\nref(s.small).fetch_add(-x)\nref(s.several[x & 3]).fetch_add(7)\n"
        "out.value = i64(s.large) * 100 + s.small + s.several[1] * 10000"
    )
    with running(tmp_path, STATS, body, cpu) as loaded:
        assert results(loaded, 1, 1, 5) == [100 - 1 + 70000, 200 - 2 + 140000, 700 - 7 + 210000]


@pytest.mark.needs("fetch")
@pytest.mark.parametrize("cpu", NEWER)
def test_results_are_what_was_there_before(tmp_path: Path, cpu: str) -> None:
    body = LOOK_UP + (
        "a = ref(s.large).fetch_add(x)\n"
        "b = ref(s.small).fetch_add(-3)\n"
        "c = ref(s.bits).exchange(x)\n"
        "d = ref(s.bits).compare_exchange(x, 77)\n"
        "e = ref(s.bits).compare_exchange(x, 78)\n"
        "f = ref(s.bits).fetch_or(128)\n"
        "g = ref(s.bits).fetch_and(0xf0)\n"
        "h = ref(s.bits).fetch_xor(1)\n"
        "assert d == x and e == 77 and f == 77 and g == 205 and h == 192\n"
        "out.value = i64(a) + b * 1000 + c * 100000 + s.bits * 1000000000"
    )
    with running(tmp_path, STATS, body, cpu) as loaded:
        assert results(loaded, 5, 6) == [0 + 193 * 10**9, 5 - 3000 + 193 * 100000 + 193 * 10**9]


@pytest.mark.needs("fetch")
@pytest.mark.parametrize("cpu", NEWER)
def test_bits_as_statements(tmp_path: Path, cpu: str) -> None:
    body = LOOK_UP + (
        "ref(s.bits).exchange(0x0f)\nref(s.bits).fetch_or(0x30)\nref(s.bits).fetch_and(0x3c)\n"
        "ref(s.bits).fetch_xor(x)\nref(s.bits).compare_exchange(0x3c, 5)\nout.value = s.bits"
    )
    with running(tmp_path, STATS, body, cpu) as loaded:
        assert results(loaded, 0, 1) == [5, 0x3D]


@pytest.mark.needs("fetch")
@pytest.mark.parametrize("cpu", NEWER)
def test_negative_numbers_and_numbers_beyond_31_bits(tmp_path: Path, cpu: str) -> None:
    body = LOOK_UP + (
        "ref(s.small).exchange(-5)\nref(s.bits).exchange(0xffffffff)\n"
        "out.value = ref(s.small).compare_exchange(-5, -7) * 10 + ref(s.small).exchange(0)"
        " + ref(s.bits).compare_exchange(0xffffffff, 1) * 1000 + s.bits"
    )
    with running(tmp_path, STATS, body, cpu) as loaded:
        assert results(loaded, 0) == [-50 - 7 + 0xFFFFFFFF * 1000 + 1]


@pytest.mark.parametrize("cpu", CPUS)
def test_looked_up_numbers_globals_and_objects_of_the_program(tmp_path: Path, cpu: str) -> None:
    module = (
        "counts = HashMap(u32, u64, max_entries=4)\ntotal = Global(u64, 7)\nnumbers = Global(array(u32, 4))\n"
        "@struct\nclass Pair:\n    one: u32 = 1\n    two: u64 = 2\npair = Global(Pair)"
    )
    body = (
        "count = counts.lookup_or_init(x, 5)\nif count is None:\n    return XdpAction.ABORTED\n"
        "count.fetch_add(2)\nref(count.value).fetch_add(3)\n"
        "ref(total.value).fetch_add(1)\nref(numbers.value[x & 3]).fetch_add(4)\nref(pair.value.two).fetch_add(6)\n"
        "own = Pair()\nref(own.two).fetch_add(x)\n"
        "out.value = i64(count.value + total.value * 100 + numbers.value[x & 3] * 10000"
        " + pair.value.two * 1000000 + own.two * 100000000)"
    )
    with running(tmp_path, module, body, cpu) as loaded:
        assert results(loaded, 1) == [10 + 800 + 40000 + 8 * 10**6 + 3 * 10**8]
        assert loaded[loaded.module.total].value == 8


@pytest.mark.needs("fetch")
def test_two_cpus_lose_no_count(tmp_path: Path) -> None:
    body = LOOK_UP + "ref(s.large).fetch_add(1)\nref(s.small).fetch_add(1)\nold = ref(s.bits).fetch_add(2)"
    with running(tmp_path, STATS, body) as loaded:
        count_on_each_cpu(loaded["program"], 5_000_000)
        held = loaded["stats"][0]
        assert (held.large, held.small, held.bits) == (10_000_000, 10_000_000, 20_000_000)


def refused(directory: Path, body: str, target: Target) -> str:
    module = module_from(directory, source(STATS, LOOK_UP + body))
    with pytest.raises(osmia.CompileError) as caught:
        osmia.load(module, target=target)
    return "\n".join([caught.value.problem, *caught.value.__notes__])


@pytest.mark.parametrize("cpu", ["v1", "v2"])
@pytest.mark.parametrize(
    ("operation", "what"),
    [
        ("out.value = i64(ref(s.large).fetch_add(1))", "the result of fetch_add"),
        ("ref(s.bits).fetch_or(1)", "fetch_or"),
        ("ref(s.bits).fetch_and(1)", "fetch_and"),
        ("ref(s.bits).fetch_xor(1)", "fetch_xor"),
        ("ref(s.bits).exchange(1)", "exchange"),
        ("ref(s.bits).compare_exchange(1, 2)", "compare_exchange"),
    ],
)
def test_old_instruction_sets_lack_the_rest(tmp_path: Path, operation: str, what: str, cpu: str) -> None:
    assert refused(tmp_path, operation, Target(cpu, KERNEL)) == (
        f"{what} needs instruction set v3\n"
        f"found: the target {cpu} 6.18\n"
        "expected: an addition whose result is not used, which all have\n"
        "fix: compile it for v3 or later"
    )


def test_old_kernels_lack_the_rest(tmp_path: Path) -> None:
    assert refused(tmp_path, "ref(s.bits).exchange(1)", Target("v3", (5, 10))) == (
        "exchange needs Linux 5.12\n"
        "found: the target v3 5.10\n"
        "expected: an addition whose result is not used, which all have\n"
        "fix: compile it for newer kernels: `osmia build --kernel 5.12`"
    )
