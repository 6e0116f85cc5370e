"""Every row of the table of map types is true of the kernel that runs: since which kernel there are maps of the type.

On one kernel this shows that those are there which should be, and no others. On several, one of them older than the
row's first kernel and one not, it shows both sides: `./osmia test --kernel 5.10 --kernel 6.1 ... tests/maps`.
"""

from __future__ import annotations

import errno
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
from osmia.errors import NotSupportedError
from osmia.kernel import Descriptor, attributes, bpf
from osmia.kernel.features import kernel_version
from osmia.kernel.map import KernelMap
from osmia.loader.load import load_object
from osmia.loader.maps import create_map
from osmia.maps.table import MAP_KINDS
from osmia.spec import MapSpec

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.maps.table import MapKind

ALL = [pytest.param(kind, id=kind.kernel_name) for kind in MAP_KINDS.values()]

# The smallest map of each type: what its row says of keys, values and entries, in bytes.
KEY_SIZES = {"any": 4, "index": 4, "prefix": 8, "object": 4, "none": 0}
CGROUP_KEY_SIZE = 8  # an id
VALUE_SIZES = {"any": 4, "stack": 8, "instruction": 16, "event": 0, "none": 0}
FILE_DESCRIPTOR_SIZE = 4
ENTRIES = {"count": 1, "bytes": mmap.PAGESIZE, "pages": 1, "none": 0}

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


def create(kind: MapKind, types: Descriptor) -> KernelMap:
    """Create it, as the loader does, or by bpf(2) where more is needed than an object says."""
    spec = smallest(kind)
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
        **more,
    }
    fd = bpf.with_memlock(lambda: bpf.call(abi.BPF_MAP_CREATE, attributes.MAP_CREATE.pack(**asked)))
    return KernelMap(fd, asked["key_size"], asked["value_size"], False, asked["max_entries"], spec.name)


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
