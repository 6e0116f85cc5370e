"""Constants of which a number that varies names an element."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import osmia
from memory_programs import results, run, running, source
from osmia import XdpAction
from osmia.compiler import Target
from program_files import module_from

if TYPE_CHECKING:
    from pathlib import Path

CPUS = ("v1", "v2", "v3", "v4")

# Name: (what the module has besides, the body, {given: result}; None where the program takes the error edge).
TABLES: dict[str, tuple[str, str, dict[int, int | None]]] = {
    "tuple": ("PRIMES = (2, 3, 5, 7)", "out.value = PRIMES[x]", {0: 2, 3: 7, 4: None}),
    "bytes": ("WORD = b'evil'", "out.value = WORD[x & 3] * 1000 + WORD[x]", {1: 118118, 3: 108108, 9: None}),
    "list of large numbers": (
        "SIZES = [1, 1 << 40, (1 << 63) - 1]",
        "out.value = SIZES[x % 3]",
        {0: 1, 1: 1 << 40, 5: (1 << 63) - 1},
    ),
    "negative numbers": ("STEPS = (1, -1, 300)", "out.value = STEPS[x] + 5", {0: 6, 1: 4, 2: 305, 3: None}),
    "from the end": ("STEPS = (10, 20, 30)", "out.value = STEPS[-1 - x]", {0: 30, 2: 10, 3: None}),
    "range": ("EVERY = range(7, 100, 7)", "out.value = EVERY[x]", {0: 7, 13: 98, 14: None}),
    "written where it is used": ("", "out.value = (100, 200, 400)[x & 1] + b'ab'[x]", {0: 197, 1: 298, 2: None}),
    "in a tuple of tuples": ("ROWS = ((1, 2), (3, 4))", "out.value = ROWS[1][x]", {0: 3, 1: 4}),
    "in a loop": (
        "WEIGHTS = (3, 1, 4, 1, 5, 9, 2, 6)",
        "for i in range(8):\n    out.value = out.value * 10 + WEIGHTS[i]\nfor i in range(x & 7):\n"
        "    out.value += WEIGHTS[i]",
        {0: 31415926, 2: 31415930},
    ),
    "one by the other": (
        "NEXT = (1, 2, 3, 0)",
        "at = x & 3\nfor _ in range(6):\n    at = NEXT[at]\nout.value = at",
        {0: 2, 3: 1},
    ),
    "as a test": ("ODD = (0, 1, 0, 1)", "if ODD[x & 3]:\n    out.value = 9", {0: 0, 3: 9}),
    "evaluated once": (
        "PRIMES = (2, 3, 5, 7)",
        "n = 0\nout.value = PRIMES[(n := n + 1) + (x & 1)] * 10 + n",
        {0: 31, 1: 51},
    ),
}


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", TABLES)
def test_an_element_by_a_number_that_varies(tmp_path: Path, name: str, cpu: str) -> None:
    module, body, expected = TABLES[name]
    with running(tmp_path, module, body, cpu) as loaded:
        for given, result in expected.items():
            assert run(loaded, given) == ((XdpAction.TX, 0) if result is None else (XdpAction.PASS, result))


def test_another_constant_is_another_program(tmp_path: Path) -> None:
    body = "out.value = PRIMES[x] * 100 + len(PRIMES)\nfor each in PRIMES:\n    out.value += each * 1000"
    module: Any = module_from(tmp_path, source("PRIMES = (2, 3, 5)", body))
    for primes in ((2, 3, 5), (2, 11, 5), (2, 11, 5, 13), (2, 11)):
        module.PRIMES = primes
        with osmia.load(module, target=Target("v3", (5, 10))) as loaded:
            assert results(loaded, 1) == [primes[1] * 100 + len(primes) + sum(primes) * 1000]


@pytest.mark.parametrize(
    ("module", "subscript"), [("NAMES = ('a', 'b')", "NAMES[x]"), ("EMPTY = ()", "EMPTY[x]"), ("", "(x, 1)[x]")]
)
def test_other_elements_are_named_by_constants(tmp_path: Path, module: str, subscript: str) -> None:
    with pytest.raises(osmia.CompileError, match=r"element of"):
        osmia.load(module_from(tmp_path, source(module, f"out.value = {subscript}")))
