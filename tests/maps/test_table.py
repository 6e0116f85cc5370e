"""Every row of the table of map types is true of the kernel that runs: its first kernel, its flags, its batches.

On one kernel this shows that those types are there which should be, and no others. On several, of which one is older
than a row's first kernel and another is not, it shows both sides of it (`./osmia test --kernel`).
"""

from __future__ import annotations

import errno
import functools
import mmap
import os
import struct
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import raw_programs as raw
from osmia.abi import generated as abi
from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.errors import KernelError, NotSupportedError
from osmia.kernel import Descriptor, attributes, bpf
from osmia.kernel.features import kernel_version
from osmia.kernel.map import KernelMap
from osmia.loader.load import load_object
from osmia.loader.maps import create_map
from osmia.maps.table import MAP_KINDS
from osmia.spec import MapSpec
from this_kernel import require_kernel, require_root

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.maps.table import MapKind

ALL = [pytest.param(kind, id=kind.kernel_name) for kind in MAP_KINDS.values()]
DEMANDING = [pytest.param(kind, id=kind.kernel_name) for kind in MAP_KINDS.values() if kind.required_flags]

# The smallest map of each type: what its row says of keys, values and entries, in bytes.
KEY_SIZES = {"any": 4, "index": 4, "prefix": 8, "object": 4, "none": 0}
CGROUP_KEY_SIZE = 8  # an id
VALUE_SIZES = {"any": 4, "stack": 8, "instruction": 16, "event": 0, "none": 0}
FILE_DESCRIPTOR_SIZE = 4
ENTRIES = {"count": 1, "bytes": mmap.PAGESIZE, "pages": 1, "none": 0}

# Flags that come with a number of their own, a NUMA node or a file descriptor.
WITH_NUMBER = abi.BPF_F_NUMA_NODE | abi.BPF_F_VTYPE_BTF_OBJ_FD | abi.BPF_F_TOKEN_FD
PROGRAMS_ACCESS = abi.BPF_F_RDONLY_PROG | abi.BPF_F_WRONLY_PROG
# What the kernel takes and then does not look at.
WITHOUT_EFFECT = {
    "HASH_OF_MAPS": PROGRAMS_ACCESS,
    "REUSEPORT_SOCKARRAY": PROGRAMS_ACCESS,
    "INODE_STORAGE": abi.BPF_F_CLONE,
    "TASK_STORAGE": abi.BPF_F_CLONE,
    "CGRP_STORAGE": abi.BPF_F_CLONE,
}
FLAGS_SINCE = {abi.BPF_F_LINK: (6, 4)}
BUILD_ID_SIZE = 32

BATCH = attributes.Layout("in_batch:Q out_batch:Q keys:Q values:Q count:I map_fd:I elem_flags:Q flags:Q")
BATCH_COMMANDS = {
    "lookup": abi.BPF_MAP_LOOKUP_BATCH,
    "lookup_and_delete": abi.BPF_MAP_LOOKUP_AND_DELETE_BATCH,
    "update": abi.BPF_MAP_UPDATE_BATCH,
    "delete": abi.BPF_MAP_DELETE_BATCH,
}
BATCHES_SINCE = {"PERCPU_ARRAY": (5, 13), "LPM_TRIE": (5, 13), "ARRAY_OF_MAPS": (5, 19), "HASH_OF_MAPS": (5, 19)}
ENOTSUPP = 524

STRINGS = b"\0int\0id\0prefix\0length\0address\0"
INT, ID, PREFIX = 1, 2, 3
KEY_TYPES = {"prefix": PREFIX}
TABLE_OF_FUNCTIONS = "bpf_struct_ops_tcp_congestion_ops"


def name(text: str) -> int:
    return STRINGS.index(b"\0" + text.encode() + b"\0") + 1


def btf() -> bytes:
    """`unsigned int`, `unsigned long`, and the key of a trie."""
    words = (
        *(name("int"), kinds.INT << 24, 4, 32),
        *(name("id"), kinds.INT << 24, 8, 64),
        *(name("prefix"), kinds.STRUCT << 24 | 2, 8, name("length"), INT, 0, name("address"), INT, 32),
    )
    types = struct.pack(f"={len(words)}I", *words)
    return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(STRINGS)) + types + STRINGS


@pytest.fixture(scope="module")
def types() -> Iterator[Descriptor]:
    """Type information in the kernel."""
    require_root("loads type information")
    held = Descriptor(bpf.with_memlock(lambda: bpf.btf_load(btf())))
    yield held
    held.close_now()


def smallest(kind: MapKind) -> MapSpec:
    """The smallest map of a type that its row allows."""
    of_cgroup = kind.keys == "object" and kind.module == "cgroups"
    return MapSpec(
        "smallest",
        kind.type,
        CGROUP_KEY_SIZE if of_cgroup else KEY_SIZES[kind.keys],
        VALUE_SIZES.get(kind.values, FILE_DESCRIPTOR_SIZE),
        ENTRIES[kind.entries],
        kind.required_flags,
        btf_key_type_id=(ID if of_cgroup else KEY_TYPES.get(kind.keys, INT)) if kind.typed else 0,
        btf_value_type_id=INT if kind.typed else 0,
    )


def create(kind: MapKind, types: Descriptor, flags: int = 0) -> KernelMap:
    """Create it, as the loader does, or by bpf(2) where more is needed than an object says."""
    spec = smallest(kind)
    spec.flags |= flags
    if flags & abi.BPF_F_STACK_BUILD_ID:
        spec.value_size = BUILD_ID_SIZE
    if kind.values == "map":
        inner = Descriptor(bpf.map_create(map_type=abi.BPF_MAP_TYPE_ARRAY, key_size=4, value_size=4, max_entries=1))
        return create_with(spec, inner_map_fd=inner.number)
    if kind.values == "table of functions":
        return create_with(spec, btf_fd=types.number, **table_of_functions())
    return create_map(spec, types, ())


def create_with(spec: MapSpec, **more: int) -> KernelMap:
    asked = {
        "map_type": spec.type,
        "key_size": spec.key_size,
        "value_size": spec.value_size,
        "max_entries": spec.max_entries,
        "map_flags": spec.flags,
        **more,
    }
    fd = bpf.with_memlock(lambda: bpf.call(abi.BPF_MAP_CREATE, attributes.MAP_CREATE.pack(**asked)))
    return KernelMap(fd, asked["key_size"], asked["value_size"], False, asked["max_entries"], spec.name)


@functools.cache
def table_of_functions() -> dict[str, int]:
    """What is asked for a map whose value is a table of functions that the kernel has a type of."""
    # Older kernels read their own types when they first load a program, and know no table of functions before.
    with load_object(raw.passes()):
        found = Btf(Path("/sys/kernel/btf/vmlinux").read_bytes(), "vmlinux").find(TABLE_OF_FUNCTIONS, kinds.STRUCT)
    assert found is not None
    return {"btf_vmlinux_value_type_id": found.id, "value_size": found.size_or_type}


@pytest.mark.parametrize("kind", ALL)
def test_first_kernel(kind: MapKind, types: Descriptor) -> None:
    """Maps of the type can be created from its first kernel on; on a kernel before, it is said which that is."""
    if kernel_version() >= kind.since:
        created = create(kind, types)
        assert created.info()["type"] == kind.type
        created.close()
        return
    with pytest.raises(NotSupportedError) as caught:
        create(kind, types)
    assert str(caught.value) == (
        f"cannot create map 'smallest' ({kind.kernel_name}): this kernel ({os.uname().release}) has no maps of type "
        f"{kind.kernel_name}, which Linux {kind.since[0]}.{kind.since[1]} brought"
    )
    assert (caught.value.since, caught.value.errno) == (kind.since, errno.EINVAL)


def needs(kind: MapKind) -> None:
    require_kernel(kind.since, f"maps of type {kind.kernel_name}")


def taken(kind: MapKind, types: Descriptor, flag: int) -> bool:
    """Whether the kernel creates such a map with a flag."""
    try:
        create(kind, types, flag).close()
    except OSError as error:
        assert error.errno in {errno.EINVAL, ENOTSUPP}  # noqa: PT017 - what the kernel says of flags, and nothing else
        return False
    return True


@pytest.mark.parametrize("kind", ALL)
def test_flags(kind: MapKind, types: Descriptor) -> None:
    """Those that the row names are taken, each of them, and no others."""
    needs(kind)
    every = [1 << bit for bit in range(abi.BPF_F_NO_USER_CONV.bit_length())]
    tried = [flag for flag in every if not flag & WITH_NUMBER]
    there = [flag for flag in tried if kernel_version() >= FLAGS_SINCE.get(flag, kind.since)]
    expected = (kind.flags | WITHOUT_EFFECT.get(kind.kernel_name, 0)) & sum(there)
    assert hex(sum(flag for flag in tried if taken(kind, types, flag))) == hex(expected)
    assert kind.flags & kind.required_flags == kind.required_flags


@pytest.mark.parametrize("kind", DEMANDING)
def test_required_flags(kind: MapKind, types: Descriptor) -> None:
    """The kernel creates no such map without them."""
    needs(kind)
    without = smallest(kind)
    without.flags = 0
    with pytest.raises(KernelError) as caught:
        create_map(without, types, ())
    assert caught.value.errno == errno.EINVAL


def has_batch(live: KernelMap, command: int) -> bool:
    """Whether the kernel has a batch command for a map; no entries are asked for."""
    try:
        bpf.call(command, BATCH.pack(map_fd=live.fd))
    except OSError as error:
        assert error.errno == ENOTSUPP  # noqa: PT017 - it is what the answer is made of
        return False
    return True


@pytest.mark.parametrize("kind", ALL)
def test_batches(kind: MapKind, types: Descriptor) -> None:
    """Those that the row names are there, and no others."""
    needs(kind)
    live = create(kind, types)
    there = {name for name, command in BATCH_COMMANDS.items() if has_batch(live, command)}
    live.close()
    assert there == (set(kind.batch) if kernel_version() >= BATCHES_SINCE.get(kind.kernel_name, (5, 6)) else set())


def test_every_type_of_the_kernel_has_its_row() -> None:
    """All that the headers name but `UNSPEC`, and not twice."""
    named = {
        text.removeprefix("BPF_MAP_TYPE_"): getattr(abi, text)
        for text in dir(abi)
        if text.startswith("BPF_MAP_TYPE_") and not text.endswith(("_UNSPEC", "_DEPRECATED"))
    }
    rows = {kind.kernel_name: kind.type for kind in MAP_KINDS.values()}
    assert named.items() <= rows.items()
    assert len(set(rows.values())) == len(rows) == len(MAP_KINDS)
