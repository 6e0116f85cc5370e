"""The spec that the cache keeps says what the object says."""

from __future__ import annotations

import json
import marshal
from typing import TYPE_CHECKING

import pytest

import compiled
from osmia.object_file import read_object
from osmia.spec import restore, store

if TYPE_CHECKING:
    from collections.abc import Callable

RICH = """
struct { __uint(type, 6); __uint(max_entries, 1); __type(key, u32); __type(value, u32); } counts SEC(".maps");
const volatile u32 limit = 7;
u64 seen = 3;
static __noinline int more(u32 by) { seen += by; return by > limit; }
SEC("xdp") int first(struct xdp_md *ctx) {
    u32 zero = 0;
    u32 *count = bpf_map_lookup_elem(&counts, &zero);
    return count ? more(*count) : 0;
}
SEC("xdp") int second(struct xdp_md *ctx) { return more(2); }
"""
NOTES = "target v3 5.10\nerror only 1\nsite only 4 a.py\tdivision by zero\n"
OBJECTS: dict[str, Callable[[], bytes]] = {
    "the counter": compiled.counter,
    "maps, data, subprograms and lines": lambda: compiled.c_object(RICH),
    "no type information": lambda: compiled.c_object('SEC("xdp") int bare(struct xdp_md *ctx) { return 2; }', "-g0"),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_a_stored_spec_is_the_spec(name: str) -> None:
    spec = read_object(OBJECTS[name](), "the object")
    kept = marshal.loads(marshal.dumps(store(spec)))
    assert restore(kept, "the object") == spec


def test_error_sites_are_kept() -> None:
    # An array of just this length has no NUL at its end.
    notes = f'SEC(".osmia") char notes[{len(NOTES)}] = {json.dumps(NOTES)};'
    only = 'SEC("xdp") int only(struct xdp_md *ctx) { return 2; }'
    spec = read_object(compiled.c_object(notes + only), "the object")
    assert (spec.on_error, spec.target) == ({"only": 1}, "v3 5.10")
    assert spec.error_sites
    assert restore(marshal.loads(marshal.dumps(store(spec))), "the object") == spec


def test_what_is_restored_is_the_callers_own() -> None:
    stored = store(read_object(compiled.c_object(RICH), "the object"))
    first, second = restore(stored, "one"), restore(stored, "two")
    first.programs["first"].relocations.clear()
    first.programs["first"].lines.clear()
    first.maps["counts"].max_entries = 9
    assert second.programs["first"].relocations
    assert second.programs["first"].lines
    assert second.maps["counts"].max_entries == 1
    assert (first.name, second.name) == ("one", "two")
