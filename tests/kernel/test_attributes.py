"""The attributes of bpf(2) against the running kernel's own description of them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from osmia.btf.kinds import STRUCT, UNION
from osmia.btf.read import Btf
from osmia.kernel import attributes
from osmia.kernel.features import kernel_version

if TYPE_CHECKING:
    from osmia.btf.read import BtfType

VMLINUX = Path("/sys/kernel/btf/vmlinux")


@pytest.fixture(scope="module")
def vmlinux() -> Btf:
    return Btf(VMLINUX.read_bytes(), str(VMLINUX))


def members(btf: Btf, of: BtfType, base: int = 0) -> dict[str, int]:
    """Every member's offset in bytes, by its name; those of nameless structs and unions are their owner's."""
    found: dict[str, int] = {}
    for member in btf.members(of):
        at = base + member.offset // 8
        inner = btf.resolve(member.type)
        if not member.name and inner.kind in (STRUCT, UNION):
            found |= members(btf, inner, at)
        else:
            found[member.name] = at
    return found


def part(btf: Btf, *names: str) -> dict[str, int]:
    """The members of the part of union bpf_attr that holds all of `names`, or that is called so."""
    union = btf.find("bpf_attr", UNION)
    assert union is not None
    for member in btf.members(union):
        inner = btf.resolve(member.type)
        if inner.kind != STRUCT:
            continue
        found = members(btf, inner)
        if member.name in names or found.keys() >= set(names):
            return found
    raise AssertionError(f"no part of bpf_attr with {names}")


def compare(layout: attributes.Layout, kernel: dict[str, int]) -> None:
    """Every field is where the kernel has it, unless the kernel is older than the field."""
    fields = [name for name, _ in layout.fields if kernel_version() >= SINCE.get(name, (0, 0))]
    assert {name: layout.offset(name) for name in fields} == {name: kernel[name] for name in fields}
    assert len(fields) > len(layout.fields) - 3


# Fields that came after 5.10, the oldest kernel that osmia is for.
SINCE = {"map_extra": (5, 16), "recursion_misses": (5, 12), "verified_insns": (5, 16)}

ATTRIBUTES = {
    "MAP_CREATE": (("map_type", "map_name"), attributes.MAP_CREATE),
    "MAP_ELEM": (("map_fd", "key", "flags"), attributes.MAP_ELEM),
    "MAP_BATCH": (("batch",), attributes.MAP_BATCH),
    "GET_ID": (("map_id", "next_id", "open_flags"), attributes.GET_ID),
    "PROG_LOAD": (("prog_type", "insns"), attributes.PROG_LOAD),
    "PROG_ATTACH": (("attach_bpf_fd", "replace_bpf_fd"), attributes.PROG_ATTACH),
    "OBJ": (("pathname", "bpf_fd"), attributes.OBJ),
    "TEST": (("test",), attributes.TEST),
    "INFO": (("info",), attributes.INFO),
    "BTF_LOAD": (("btf", "btf_size"), attributes.BTF_LOAD),
    "LINK_CREATE": (("link_create",), attributes.LINK_CREATE),
    "LINK_UPDATE": (("link_update",), attributes.LINK_UPDATE),
    "LINK_DETACH": (("link_detach",), attributes.LINK_DETACH),
}


@pytest.mark.parametrize("name", ATTRIBUTES)
def test_attribute_layouts(vmlinux: Btf, name: str) -> None:
    """Every field of an attribute is where the kernel reads it."""
    names, layout = ATTRIBUTES[name]
    kernel = part(vmlinux, *names)
    compare(layout, kernel)


@pytest.mark.parametrize(
    ("struct", "layout"), [("bpf_map_info", attributes.MAP_INFO), ("bpf_prog_info", attributes.PROG_INFO)]
)
def test_info_layouts(vmlinux: Btf, struct: str, layout: attributes.Layout) -> None:
    """Every field of an info is where the kernel writes it."""
    of = vmlinux.find(struct, STRUCT)
    assert of is not None
    kernel = members(vmlinux, of)
    compare(layout, kernel)


def test_xdp_link_info_layout(vmlinux: Btf) -> None:
    """bpf_link_info holds one struct for each kind of link, XDP's among them."""
    of = vmlinux.find("bpf_link_info", STRUCT)
    assert of is not None
    kernel = members(vmlinux, of)
    layout = attributes.XDP_LINK_INFO
    assert (kernel["type"], kernel["id"], kernel["prog_id"], kernel["xdp"]) == (
        layout.offset("type"),
        layout.offset("id"),
        layout.offset("prog_id"),
        layout.offset("ifindex"),
    )


@pytest.mark.parametrize(
    ("struct", "record", "offsets"),
    [("bpf_func_info", attributes.FUNC_INFO, [0, 4]), ("bpf_line_info", attributes.LINE_INFO, [0, 4, 8, 12])],
)
def test_record_layouts(vmlinux: Btf, struct: str, record: object, offsets: list[int]) -> None:
    of = vmlinux.find(struct, STRUCT)
    assert of is not None
    assert list(members(vmlinux, of).values()) == offsets
    assert of.size_or_type == getattr(record, "size")  # noqa: B009 - struct.Struct's, whatever its type is called


def test_a_field_that_does_not_exist() -> None:
    with pytest.raises(TypeError, match=r"^no such field: fd, key$"):
        attributes.LINK_DETACH.pack(fd=1, key=2)


def test_the_end_is_padded() -> None:
    """A struct ends at a multiple of 8, as the kernel's do; the padding is zero."""
    assert attributes.MAP_CREATE.pack(map_type=1)[4:] == bytes(attributes.MAP_CREATE.size - 4)
    assert attributes.MAP_ELEM.size == 32
