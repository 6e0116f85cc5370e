"""Objects with types that old kernels do not know are loaded there with their other types."""

from __future__ import annotations

import struct

import pytest

import children
import raw_programs as raw
from osmia.btf import kinds
from osmia.btf.downgrade import downgrade
from osmia.btf.read import Btf
from osmia.errors import ObjectError, PermissionDeniedError
from osmia.kernel import Descriptor, bpf
from osmia.loader.load import load_object
from osmia.spec import MapSpec, ObjectSpec
from this_kernel import needs_root

STRINGS = b"\0int\0value\0long double\0number\0color\0RED\0size\0HUGE\0user\0important\0"


def name(text: str) -> int:
    return STRINGS.index(b"\0" + text.encode() + b"\0") + 1


def entry(text: str, kind: int, size_or_type: int, *words: int, vlen: int = 0, flag: bool = False) -> bytes:
    at = name(text) if text else 0
    return struct.pack(f"=III{len(words)}I", at, flag << 31 | kind << 24 | vlen, size_or_type, *words)


def every_kind() -> bytes:
    """A struct of each kind that came after Linux 5.10, between kinds that it knows."""
    types = b"".join(
        (
            entry("int", kinds.INT, 4, kinds.SIGNED << 24 | 32),  # 1
            entry("long double", kinds.FLOAT, 16),  # 2
            entry("size", kinds.ENUM64, 8, name("HUGE"), 0, 1, vlen=1),  # 3
            entry("user", kinds.TYPE_TAG, 1),  # 4
            entry("", kinds.PTR, 4),  # 5
            entry("color", kinds.ENUM, 4, name("RED"), 0xFFFFFFFF, vlen=1, flag=True),  # 6
            entry(  # 7
                *("value", kinds.STRUCT, 48),
                *(name("number"), 2, 0, name("size"), 3, 128, name("user"), 5, 192, name("color"), 6, 256),
                *(name("int"), 1, 288),
                vlen=5,
            ),
            entry("important", kinds.DECL_TAG, 7, 0xFFFFFFFF),  # 8
            entry("size", kinds.TYPEDEF, 3),  # 9
        )
    )
    return struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(STRINGS)) + types + STRINGS


def spec() -> ObjectSpec:
    made = raw.counter(MapSpec("counter", 2, 4, 48, 1))
    made.maps["counter"].btf_key_type_id = 1
    made.maps["counter"].btf_value_type_id = 7
    made.btf = every_kind()
    return made


def test_every_kernel_takes_it() -> None:
    with load_object(spec()) as loaded:
        assert loaded.btf_error is None
        assert loaded.programs["counts"].test_run(bytes(64))[0] == 2
        assert loaded.maps["counter"].info()["btf_value_type_id"] == 7


@needs_root("loads programs")
def test_what_old_kernels_get() -> None:
    """Ids, sizes and members stay; kinds are those of 5.2; this kernel takes it as well."""
    before = Btf(every_kind(), "before")
    made = downgrade(before, (5, 10))
    assert made is not None
    after = Btf(made, "after")
    assert [after.type(number).kind for number in range(1, len(after))] == [
        *(kinds.INT, kinds.STRUCT, kinds.INT, kinds.CONST, kinds.PTR, kinds.ENUM, kinds.STRUCT, kinds.INT),
        kinds.TYPEDEF,
    ]
    for number in (1, 2, 3, 5, 6, 7, 9):
        assert after.size(number) == before.size(number)
    assert after.members(after.type(7)) == before.members(before.type(7))
    assert after.values(after.type(6)) == [("RED", 0xFFFFFFFF)]
    assert after.integer(after.type(3)) == (0, 0, 64)
    Descriptor(bpf.btf_load(made))


@pytest.mark.parametrize(
    ("kernel", "changed"),
    [
        ((5, 12), [2, 3, 4, 6, 8]),
        ((5, 13), [3, 4, 6, 8]),
        ((5, 16), [3, 4, 6]),
        ((5, 17), [3, 6]),
        ((5, 19), [3, 6]),
        ((6, 0), []),
    ],
)
def test_what_a_kernel_knows_stays(kernel: tuple[int, int], changed: list[int]) -> None:
    before = Btf(every_kind(), "before")
    made = downgrade(before, kernel)
    after = Btf(made, "after") if made else before
    assert [number for number in range(1, len(before)) if before.type(number) != after.type(number)] == changed
    assert (made is None) == (not changed)


def counter_with_lock() -> ObjectSpec:
    """A map whose value holds a lock, in an object with types of which no kernel takes one."""
    strings = b"\0bpf_spin_lock\0val\0u32\0value\0lock\0count\0"

    def at(text: str) -> int:
        return strings.index(b"\0" + text.encode() + b"\0") + 1

    def entry_of(text: str, kind: int, size: int, *words: int, vlen: int = 0) -> bytes:
        return struct.pack(f"=III{len(words)}I", at(text), kind << 24 | vlen, size, *words)

    types = (
        entry_of("u32", kinds.INT, 4, 32)
        + entry_of("bpf_spin_lock", kinds.STRUCT, 4, at("val"), 1, 0, vlen=1)
        + entry_of("value", kinds.STRUCT, 8, at("lock"), 2, 0, at("count"), 1, 32, vlen=2)
        + entry_of("count", kinds.STRUCT, 4, at("count"), 1, 64, vlen=1)  # it ends behind its size: no kernel takes it
    )
    made = raw.counter(MapSpec("counter", 2, 4, 8, 1))
    made.maps["counter"].btf_key_type_id = 1
    made.maps["counter"].btf_value_type_id = 3
    made.btf = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(types), len(types), len(strings)) + types + strings
    return made


def test_a_map_with_a_lock_needs_its_type() -> None:
    """Without its type the kernel would make the map without the lock, and nothing would guard the value."""
    made = counter_with_lock()
    with pytest.raises(ObjectError) as caught:
        load_object(made)
    assert str(caught.value).startswith(
        "the value of map 'counter' holds a spin lock, which the kernel finds by its type alone: "
        f"{made.name}: the kernel does not take the object's BTF: "
    )
    made.maps["counter"].btf_value_type_id = 4
    with load_object(made) as loaded:
        assert loaded.btf_error


@needs_root("loads programs")
def test_who_may_not_load_types_is_told_that() -> None:
    """And not what a map would lack without its type, or what the kernel says of it then."""

    def load() -> None:
        load_object(counter_with_lock()).close()

    result = children.outcome(load, children.drop("CAP_BPF"))
    assert (result.error, result.attributes["capabilities"]) == (PermissionDeniedError.__name__, ("CAP_BPF",))
    assert result.text == (
        "cannot load the types of raw.o: this process is root but lacks CAP_BPF: what started it, such as a "
        "container, took that away"
    )
