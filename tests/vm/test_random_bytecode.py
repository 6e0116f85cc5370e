"""Random programs in the kernel and in the runtime: the same result, packet and map, on every engine.

A difference is explained if it goes away where each atomic operation is written as a load, an operation and a store:
the verifier of 6.18 loses track of what an atomic operation takes from the stack. It takes a way for one that is never
gone, and the kernel runs other code then. Of the first ten thousand programs it does so with seeds 2382 and 4306.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from one_cpu import on_cpu
from osmia.loader.load import load_object
from osmia.vm.engine import ENGINES
from osmia.vm.machine import Machine
from random_bytecode import ARRAY, random_packet, random_program
from this_kernel import needs_root, require

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.loader.load import LoadedObject

Outcome = tuple[int, bytes, list[bytes | None]]

FEW, MANY = {"interpreter": 300, "python": 100, "jit": 25}, {"interpreter": 10_000, "python": 10_000, "jit": 1000}
"""How many by engine: native code of one such program takes a third of a second to make."""
FEWEST_EQUAL = 0.998
AT_A_TIME = 200
"""So many programs are loaded into one machine."""


@pytest.fixture(autouse=True)
def one_cpu() -> Iterator[None]:
    """The kernel's side runs on one CPU."""
    with on_cpu():
        yield


def outcome(loaded: LoadedObject, packet: bytes) -> Outcome:
    """What the program of an object does with a packet: result, packet, and the values of its map."""
    result, after, _ = loaded.programs["random"].test_run(packet)
    keys = (index.to_bytes(4, "little") for index in range(ARRAY.max_entries))
    return result, after, [loaded.maps[ARRAY.name].lookup(key) for key in keys]


def in_kernel(seed: int, *, plain: bool = False) -> Outcome:
    with load_object(random_program(seed, plain=plain)) as loaded:
        return outcome(loaded, random_packet(seed))


def differences(engine: str, seeds: range) -> tuple[list[int], list[int]]:
    """The seeds whose programs differ: those whose difference is explained, and the others."""
    explained: list[int] = []
    others: list[int] = []
    for first in seeds[::AT_A_TIME]:
        machine = Machine(engine=engine, cpus=os.cpu_count() or 1)
        machine.cpu = min(os.sched_getaffinity(0))
        for seed in range(first, min(first + AT_A_TIME, seeds.stop)):
            here = outcome(machine.load_object(random_program(seed)), random_packet(seed))
            if here != in_kernel(seed):
                (explained if here == in_kernel(seed, plain=True) else others).append(seed)
        machine.close()
    return explained, others


def check(engine: str, count: int) -> None:
    require("v4")
    explained, others = differences(engine, range(count))
    assert others == []
    assert len(explained) <= count * (1 - FEWEST_EQUAL), explained


@needs_root("loads programs")
@pytest.mark.parametrize("engine", ENGINES)
def test_a_few_hundred(engine: str) -> None:
    check(engine, FEW[engine])


@needs_root("loads programs")
@pytest.mark.full
@pytest.mark.parametrize("engine", ENGINES)
def test_many(engine: str) -> None:
    check(engine, MANY[engine])


@pytest.mark.parametrize("engine", ENGINES)
def test_parts_of_atomic_operations_do_the_same(engine: str) -> None:
    machine = Machine(engine=engine)
    for seed in range(FEW[engine] // 5):
        packet = random_packet(seed)
        whole, parts = (machine.load_object(random_program(seed, plain=plain)) for plain in (False, True))
        assert outcome(whole, packet) == outcome(parts, packet)
    machine.close()
