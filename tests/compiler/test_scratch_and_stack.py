"""Scratch memory, and how much stack a program may need."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import osmia
from memory_programs import CPUS, results, run, running, source
from osmia import XdpAction
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path

LARGE = """
@struct
class Large:
    count: u32 = 5
    bytes: FixedArray[u8] = array(u8, 700)
    numbers: FixedArray[u64] = array(u64, 100)
"""


@pytest.mark.parametrize("cpu", CPUS)
def test_it_is_zeros_each_time(tmp_path: Path, cpu: str) -> None:
    body = (
        "large = scratch(Large)\n"
        "before = large.count + large.bytes[x] + large.numbers[99] + large.numbers[0]\n"
        "large.count = 9\nlarge.bytes[x] = 9\nlarge.numbers[99] = 9\nlarge.numbers[0] = 9\n"
        "out.value = i64(before * 100 + large.count + large.bytes[x])"
    )
    with running(tmp_path, LARGE, body, cpu) as loaded:
        assert results(loaded, 3, 3, 699) == [18, 18, 18]
        assert run(loaded, 700) == (XdpAction.TX, 0)


@pytest.mark.parametrize("cpu", CPUS)
def test_arrays_chars_and_odd_sizes(tmp_path: Path, cpu: str) -> None:
    body = (
        "numbers = scratch(array(u32, 301))\nodd = scratch(array(u8, 13))\ntext = scratch(chars(9))\n"
        "for i in range(301):\n    numbers[i] = i\n"
        "for i in range(13):\n    odd[i] = i\n"
        "text[8] = 7\n"
        "total = 0\n"
        "for i in range(301):\n    total += numbers[i]\n"
        "for i in range(13):\n    total += odd[i]\n"
        "out.value = total + text[8]"
    )
    with running(tmp_path, "", body, cpu) as loaded:
        assert results(loaded, 0, 1) == [301 * 150 + 78 + 7] * 2


@pytest.mark.parametrize("cpu", CPUS)
def test_several_at_once_in_loops_and_in_functions(tmp_path: Path, cpu: str) -> None:
    module = LARGE + (
        "def made(n: u32) -> Large:\n    large = scratch(Large)\n    large.count = n\n    return large\n"
        "def nested(n: u32) -> u32:\n    one = made(n)\n    two = made(n + 1)\n    return one.count * 10 + two.count\n"
    )
    body = (
        "for i in range(3):\n"
        "    for j in range(2):\n"
        "        large = scratch(Large)\n"
        "        large.count += i\n"
        "        out.value += large.count\n"
        "first = made(x)\nsecond = made(x + 1)\n"
        "out.value += first.count * 100 + second.count * 1000 + nested(x) * 10000"
    )
    with running(tmp_path, module, body, cpu) as loaded:
        assert results(loaded, 1) == [6 + 100 + 2000 + 12 * 10000]
        assert len([name for name in loaded.maps if name.startswith("osmia_scratch")]) == 5


def test_programs_that_end_the_other_have_scratch_of_their_own(tmp_path: Path) -> None:
    module = LARGE + (
        "tails = ProgramArray(XdpContext, max_entries=1)\n"
        "@xdp\ndef second(ctx: XdpContext) -> XdpAction:\n"
        "    large = scratch(Large)\n    large.count += 1\n"
        "    return XdpAction.DROP if large.count == 1 else XdpAction.TX\n"
    )
    body = "large = scratch(Large)\nlarge.count = 7\ntails.tail_call(ctx, 0)"
    with running(tmp_path, module, body) as loaded:
        loaded["tails"][0] = loaded["second"]
        assert run(loaded) == (XdpAction.DROP, 0)


@pytest.mark.parametrize("cpu", CPUS)
def test_the_whole_stack_can_be_used(tmp_path: Path, cpu: str) -> None:
    body = "a = array(u64, 50)\nfor i in range(50):\n    a[i] = i * x\nout.value = i64(a[x % 50] + a[49])"
    with running(tmp_path, "", body, cpu) as loaded:
        assert results(loaded, 3) == [9 + 147]


def refusal(directory: Path, module: str, body: str) -> str:
    made = module_from(directory, source(module, body))
    with pytest.raises(osmia.CompileError) as caught:
        osmia.load(made)
    return "\n".join([str(caught.value.problem), str(caught.value.text).strip(), *caught.value.__notes__])


def test_too_much_stack(tmp_path: Path) -> None:
    body = "a = array(u64, 40)\nb = array(u64, 41)\na[x & 7] = x\nb[x & 7] = x\nout.value = i64(a[x & 3] + b[x & 15])"
    lines = source("", body).splitlines()
    first = lines.index("    a = array(u64, 40)") + 1
    assert refusal(tmp_path, "", body) == (
        "program needs more stack than a program has\n"
        "b = array(u64, 41)\n"
        f"found: 672 bytes; its largest objects: array(u64, 41) of line {first + 1} (328 bytes), "
        f"array(u64, 40) of line {first} (320 bytes)\n"
        "expected: at most 512 bytes, for the program and all that it calls\n"
        "fix: keep a large object in scratch memory, which is each CPU's own: `... = scratch(array(u64, 41))`"
    )


def test_too_much_stack_in_a_call_chain(tmp_path: Path) -> None:
    module = (
        "@struct\nclass Part:\n    bytes: FixedArray[u8] = array(u8, 240)\n"
        "def inner(n: u32) -> u32:\n    part = Part()\n    part.bytes[n & 63] = 1\n    return part.bytes[n & 31]\n"
        "def outer(n: u32) -> u32:\n    part = Part()\n    part.bytes[n & 63] = 1\n"
        "    return inner(n) + part.bytes[n & 31]\n"
    )
    body = "part = Part()\npart.bytes[x & 63] = 1\nout.value = outer(x) + part.bytes[x & 31]"
    found = refusal(tmp_path, module, body)
    assert found.startswith("program needs more stack than a program has\npart = Part()\nfound: 7")
    assert found.endswith("which is each CPU's own: `... = scratch(Part)`")
    with running(tmp_path, module, body.replace("Part()", "scratch(Part)")) as loaded:
        assert results(loaded, 40) == [0]
    with running(tmp_path, module.replace("Part()", "scratch(Part)"), body) as loaded:
        assert results(loaded, 31, 40) == [3, 0]


@pytest.mark.parametrize("cpu", CPUS)
def test_calls_one_after_the_other_share_the_stack(tmp_path: Path, cpu: str) -> None:
    """Four objects of 240 bytes, of which no two are there at the same time; and one that outlives its call."""
    module = (
        "@struct\nclass Part:\n    n: u64 = 3\n"
        "def of(n: u32) -> u64:\n    a = array(u64, 30)\n    a[n & 7] = n\n    if n == 9:\n        return 1000\n"
        "    return a[(n + 1) & 7] + a[n & 7]\n"
        "def made(n: u32) -> Part:\n    part = Part()\n    part.n += n\n    return part\n"
    )
    body = (
        "kept = made(x)\n"
        "if x == 0:\n    out.value = i64(of(x))\n"
        "elif x == 1:\n    out.value = i64(of(x))\n"
        "else:\n    out.value = i64(of(x) + of(x + 1) * 100)\n"
        "for i in range(3):\n    out.value += i64(of(x + i)) * 100000\n"
        "out.value += i64(kept.n) * 10**9"
    )
    with running(tmp_path, module, body, cpu) as loaded:
        assert results(loaded, 0, 1, 5, 8) == [
            3 * 100000 + 3 * 10**9,
            1 + 6 * 100000 + 4 * 10**9,
            5 + 600 + 18 * 100000 + 8 * 10**9,
            8 + 100000 + (8 + 1000 + 10) * 100000 + 11 * 10**9,
        ]
