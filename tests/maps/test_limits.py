"""The largest maps: a machine makes what the kernel makes, and refuses what is larger with its words."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

import raw_programs as raw
from osmia import KernelError
from osmia.abi import generated as abi
from osmia.loader.load import load_object
from osmia.spec import MapSpec, Relocation
from this_kernel import require_kernel

if TYPE_CHECKING:
    from osmia import Machine

pytestmark = pytest.mark.usefixtures("engine")

ANY_SIZE = abi.BPF_F_NO_PREALLOC
PIECE = 1 << 22


@pytest.fixture(autouse=True)
def _kernel() -> None:
    require_kernel((6, 18), "these sizes")


def make(spec: MapSpec, engine: Machine | None) -> None:
    """Load a program that names the map, and close both."""
    names = raw.function("names", raw.LD_IMM64_R1 + raw.returns(2), [Relocation(0, "map", spec.name)])
    declared = raw.spec(names, maps=[spec])
    (load_object(declared) if engine is None else engine.load_object(declared)).close()


@pytest.mark.parametrize(
    ("name", "key", "largest", "entries", "flags", "number"),
    [
        ("HASH", 4, PIECE - 48 - 4 - 1, 1, ANY_SIZE, errno.E2BIG),
        ("HASH", 1000, PIECE - 48 - 1000 - 1, 1, ANY_SIZE, errno.E2BIG),
        ("LRU_HASH", 4, PIECE - 48 - 4 - 1, 1, 0, errno.E2BIG),
        ("PERCPU_ARRAY", 4, 32768, 1, 0, errno.E2BIG),
        ("PERCPU_HASH", 4, 32768, 1, ANY_SIZE, errno.E2BIG),
        ("LRU_PERCPU_HASH", 4, 32768, 1, 0, errno.E2BIG),
        ("CGROUP_STORAGE", 16, 65407, 0, 0, errno.E2BIG),
        ("PERCPU_CGROUP_STORAGE", 16, 32768, 0, 0, errno.E2BIG),
        ("QUEUE", 0, PIECE, 1, 0, errno.E2BIG),
        ("STACK", 0, PIECE, 1, 0, errno.E2BIG),
        ("BLOOM_FILTER", 0, PIECE, 1, 0, errno.E2BIG),
        ("LPM_TRIE", 8, PIECE - 280, 1, ANY_SIZE, errno.EINVAL),
    ],
)
def test_the_largest_value(
    name: str, key: int, largest: int, entries: int, flags: int, number: int, engine: Machine | None
) -> None:
    kind = int(getattr(abi, f"BPF_MAP_TYPE_{name}"))
    make(MapSpec("m", kind, key, largest, entries, flags), engine)
    with pytest.raises(KernelError) as caught:
        make(MapSpec("m", kind, key, largest + 1, entries, flags), engine)
    sizes = f"key_size {key}, value_size {largest + 1}, max_entries {entries}, flags {flags:#x}"
    assert (caught.value.errno, str(caught.value)) == (number, refused(name, number, sizes))


@pytest.mark.parametrize(
    ("name", "key", "entries", "flags", "number"),
    [
        ("HASH", 4, (1 << 27) + 1, ANY_SIZE, errno.E2BIG),
        ("HASH", 4, (1 << 32) - 1, 0, errno.E2BIG),
        ("PERCPU_HASH", 4, (1 << 27) + 1, ANY_SIZE, errno.E2BIG),
        ("LRU_HASH", 4, (1 << 27) + 1, 0, errno.E2BIG),
        ("LRU_PERCPU_HASH", 4, (1 << 27) + 1, 0, errno.E2BIG),
        ("SOCKHASH", 4, (1 << 27) + 1, 0, errno.EINVAL),
        ("SOCKHASH", 513, 1, 0, errno.E2BIG),
        ("DEVMAP_HASH", 4, (1 << 31) + 1, 0, errno.EINVAL),
    ],
)
def test_too_many_entries_and_too_long_keys(
    name: str, key: int, entries: int, flags: int, number: int, engine: Machine | None
) -> None:
    kind = int(getattr(abi, f"BPF_MAP_TYPE_{name}"))
    with pytest.raises(KernelError) as caught:
        make(MapSpec("m", kind, key, 4, entries, flags), engine)
    sizes = f"key_size {key}, value_size 4, max_entries {entries}, flags {flags:#x}"
    assert (caught.value.errno, str(caught.value)) == (number, refused(name, number, sizes))


@pytest.mark.parametrize(
    ("name", "taken"),
    [
        ("PROG_ARRAY", {4}),
        ("PERF_EVENT_ARRAY", {4}),
        ("CGROUP_ARRAY", {4}),
        ("XSKMAP", {4}),
        ("DEVMAP", {4, 8}),
        ("DEVMAP_HASH", {4, 8}),
        ("CPUMAP", {4, 8}),
        ("SOCKMAP", {4, 8}),
        ("SOCKHASH", {4, 8}),
        ("REUSEPORT_SOCKARRAY", {4, 8}),
        ("STACK_TRACE", {8, 16, 1016}),
    ],
)
def test_the_sizes_of_descriptors_and_of_stacks(name: str, taken: set[int], engine: Machine | None) -> None:
    kind = int(getattr(abi, f"BPF_MAP_TYPE_{name}"))
    for size in (1, 4, 5, 8, 12, 16, 1016, 1024):
        if size in taken:
            make(MapSpec("m", kind, 4, size, 2), engine)
            continue
        with pytest.raises(KernelError) as caught:
            make(MapSpec("m", kind, 4, size, 2), engine)
        sizes = f"key_size 4, value_size {size}, max_entries 2, flags 0x0"
        assert str(caught.value) == refused(name, errno.EINVAL, sizes)


def refused(name: str, number: int, sizes: str) -> str:
    """What is said of it."""
    why = "this is larger than the kernel allows" if number == errno.E2BIG else "the kernel does not take this together"
    return f"cannot create map 'm' ({name}): {why}: {sizes} ({errno.errorcode[number]})"
