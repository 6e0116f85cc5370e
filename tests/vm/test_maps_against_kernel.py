"""Random sequences of what programs do with maps, in the kernel and in a machine: each step gives the same."""

from __future__ import annotations

import os
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import osmia
from compiled import c_object
from one_cpu import on_cpu
from osmia import Machine, XdpAction
from osmia.kernel.cpus import possible_cpus

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

STEPS = 24
PACKET = bytes(64)
PROGRAM = """
#define NULL ((void *)0)
static long (*update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static long (*delete)(void *map, const void *key) = (void *)3;
static long (*push)(void *map, const void *value, u64 flags) = (void *)87;
static long (*pop)(void *map, void *value) = (void *)88;
static long (*peek)(void *map, void *value) = (void *)89;
static void *(*lookup_percpu)(void *map, const void *key, u32 cpu) = (void *)195;
struct step { u32 what, length, key, flags; u64 value; };
struct { __uint(type, 2); __uint(max_entries, 24); __type(key, u32); __type(value, struct step); } steps SEC(".maps");
struct { __uint(type, 2); __uint(max_entries, 24); __type(key, u32); __type(value, u64); } answers SEC(".maps");
struct { DECLARED } map SEC(".maps");
static long one(u32 number, void *context)
{
    u32 index = number;
    struct step *step = bpf_map_lookup_elem(&steps, &index);
    u64 *answer = bpf_map_lookup_elem(&answers, &index), value;
    if (!step || !answer) return 0;
    value = step->value;
    KEY;
    switch (step->what) {
        BODY
    }
    return 0;
}
SEC("xdp") int program(struct xdp_md *ctx)
{
    return bpf_loop(24, one, NULL, 0) == 24 ? 2 : 1;
}
"""
KEYED = """
        case 0: { u64 *found = bpf_map_lookup_elem(&map, &key); *answer = found ? *found : 77777; break; }
        case 1: *answer = update(&map, &key, &value, step->flags); break;
        case 2: *answer = delete(&map, &key); break;
        case 3: { u64 *found = bpf_map_lookup_elem(&map, &key); *answer = 0; if (found) *found += value; break; }
"""
PASSED = """
        case 0: { u64 taken = 5; *answer = peek(&map, &taken); *answer ^= taken << 8; break; }
        case 1: *answer = push(&map, &value, step->flags); break;
        case 2: { u64 taken = 6; *answer = pop(&map, &taken); *answer ^= taken << 8; break; }
        default: *answer = 1;
"""
PER_CPU = (
    KEYED
    + """
        case 4: { u64 *found = lookup_percpu(&map, &key, step->flags); *answer = found ? *found : 88888; break; }
"""
)
FILTER = """
        case 1: *answer = push(&map, &value, step->flags); break;
        default: *answer = 1;
"""
WORD, PREFIX = "u32 key = step->key", "struct { u32 length, key; } key = { step->length, step->key * 0x20 }"


def declared(kind: int, flags: int = 0, key: str = "__type(key, u32);") -> str:
    return f"__uint(type, {kind}); __uint(max_entries, 3); __uint(map_flags, {flags}); {key} __type(value, u64);"


MAPS = {
    "hash": (declared(1), WORD, KEYED),
    "hash without preallocation": (declared(1, 1), WORD, KEYED),
    "array": (declared(2), WORD, KEYED),
    "per-CPU hash": (declared(5), WORD, PER_CPU),
    "per-CPU array": (declared(6), WORD, PER_CPU),
    "trie": (declared(11, 1, "__uint(key_size, 8);"), PREFIX, KEYED),
    "queue": (declared(22, 0, ""), "", PASSED),
    "stack": (declared(23, 0, ""), "", PASSED),
    "filter": (declared(30, 0, ""), "", FILTER),
}
# More is written than deleted, so that maps are full; most prefixes differ.
step = st.tuples(
    st.sampled_from((1, 1, 1, 0, 2, 3, 4)),
    st.sampled_from((3, 3, 0, 1, 2, 4, 31, 32, 33)),
    st.integers(0, 7),
    st.sampled_from((0, 0, 0, 0, 2, 1, 3, 4, 5, 8)),
    st.integers(0, 99),
)


class Both:
    """One object, in the kernel and in a machine."""

    def __init__(self, name: str, engine: str, held: ExitStack) -> None:
        of, key, body = MAPS[name]
        source = PROGRAM.replace("DECLARED", of).replace("KEY;", f"{key};").replace("BODY", body)
        machine = held.enter_context(Machine(engine=engine, cpus=len(possible_cpus())))
        self.machine = machine
        self.sides = [held.enter_context(osmia.load(c_object(source), engine=each)) for each in (None, machine)]

    def run(self, given: list[tuple[int, int, int, int, int]]) -> list[Any]:
        """Both answers, and what is left in the map."""
        found = []
        rows = [*given, *[(9, 0, 0, 0, 0)] * (STEPS - len(given))]
        packed = b"".join(
            b"".join(each.to_bytes(4, "little") for each in row[:4]) + row[4].to_bytes(8, "little") for row in rows
        )
        for side in self.sides:
            for index in range(STEPS):
                side["steps"][index] = packed[24 * index : 24 * index + 24]
                side["answers"][index] = 0
            assert side["program"].test_run(PACKET).action is XdpAction.PASS
            found.append(([side["answers"][index] for index in range(STEPS)], self._left(side["map"])))
        return found

    @staticmethod
    def _left(held: Any) -> Any:
        """What is in a map, which is empty then."""
        if not hasattr(held, "items"):
            taken = []
            while hasattr(held, "pop") and (value := held.pop()) is not None:
                taken.append(value)
            return taken
        left = dict(held.items())
        if hasattr(held, "clear"):
            held.clear()
        else:
            for key, value in left.items():
                held[key] = (0,) * len(value) if isinstance(value, tuple) else 0
        return {key: sorted(value) if isinstance(value, tuple) else value for key, value in left.items()}


@pytest.mark.parametrize("engine", ["interpreter", "jit"])
@pytest.mark.parametrize("name", MAPS)
def test_programs_and_maps(name: str, engine: str) -> None:
    if engine == "jit":
        pytest.importorskip("llvmlite")
    with ExitStack() as held:
        both = Both(name, engine, held)
        both.machine.cpu = held.enter_context(on_cpu())

        @given(steps=st.lists(step, min_size=STEPS // 2, max_size=STEPS))
        @settings(max_examples=60, deadline=None)
        def check(steps: list[tuple[int, int, int, int, int]]) -> None:
            kernel, machine = both.run(steps)
            assert machine == kernel

        check()
