"""Handles of maps that only an object file declares: their keys and values are what its BTF says."""

from __future__ import annotations

from osmia.btf import kinds
from osmia.maps.codec import Bytes
from osmia.maps.table import kind_of_type
from osmia.types import INTEGERS, be16, be32, be64, u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.btf.read import Btf, BtfType
    from osmia.maps.backend import MapBackend
    from osmia.maps.declaration import Map
    from osmia.maps.table import MapKind
    from osmia.spec import MapSpec

SIGNED, BOOL = 1, 4  # BTF_INT_*: the encoding of an INT
# Typedefs that say that a number's most significant byte comes first: osmia's, and those of the kernel's headers.
BIG_ENDIAN = {
    (f"{before}be{8 * size}", size): of for size, of in ((2, be16), (4, be32), (8, be64)) for before in ("", "__")
}


def open_map(spec: MapSpec, btf: Btf | None, backend: MapBackend) -> Map[Any, Any]:
    """A handle of a live map that an object declares, with keys and values as its BTF types them.

    Integers, big-endian ones too, and bools are those, aggregations are what they were declared as; all else is bytes.
    """
    if spec.each_cpu and btf is not None:
        return _fast_ring(spec, btf, backend)
    row = kind_of_type(spec.type)
    assert row is not None, f"the loader creates no map of type {spec.type}"
    of: type[Map[Any, Any]] = row.map_class
    value = type_of(btf, spec.btf_value_type_id, spec.value_size)
    if row.per_cpu and btf is not None and isinstance(value, Bytes):
        from osmia.maps.foreign_aggregations import aggregation

        of, value = aggregation(btf, spec) or (of, value)
    held = of.opened(
        _key_of(row, btf, spec),
        value,
        max_entries=spec.max_entries,
        flags=spec.flags,
        name=spec.name,
        backend=backend,
    )
    held.map_extra = spec.map_extra
    if spec.inner is not None:
        held.inner = open_map(spec.inner, btf, backend)
        held.inner.absent(f"says what the maps in {spec.name} are like: take one of those")
    return held


def _fast_ring(spec: MapSpec, btf: Btf, backend: MapBackend) -> Map[Any, Any]:
    """Rings in memory, whose type says what their events are, and how many a ring has."""
    from osmia.maps.fast_ring import FastRing

    events = next(each for each in btf.members(btf.resolve(spec.btf_value_type_id)) if each.name == "events")
    event, _, entries = btf.array(btf.resolve(events.type))
    return FastRing.found(type_of(btf, event, btf.size(event)), entries, name=spec.name, backend=backend)


def _key_of(row: MapKind, btf: Btf | None, spec: MapSpec) -> Any:
    if row.keys == "none":
        return None
    return u32 if row.fixed_keys else type_of(btf, spec.btf_key_type_id, spec.key_size)


def type_of(btf: Btf | None, number: int, size: int) -> Any:
    """What a key or value of that BTF type and size is in Python."""
    if btf is None or number == 0:
        return Bytes(size)
    found = btf.resolve(number)
    if found.kind in {kinds.ENUM, kinds.ENUM64}:
        return integer(size, signed=found.kind_flag)
    if found.kind != kinds.INT:
        return Bytes(size)
    return _big_endian(btf, number, size) or _integer_of(btf, found, size)


def integer(size: int, *, signed: bool) -> Any:
    """The integer of that size in bytes; bytes if there is none."""
    fits = (each for each in INTEGERS if each.bits == size * 8 and each.signed == signed)
    return next(fits, None) or Bytes(size)


def _big_endian(btf: Btf, number: int, size: int) -> Any:
    """The big-endian number that a type of that size is by the name of a typedef; None for every other type."""
    found = btf.type(number)
    while found.kind in kinds.MODIFIERS:  # they end: resolve() has gone this way
        if found.kind == kinds.TYPEDEF and (found.name, size) in BIG_ENDIAN:
            return BIG_ENDIAN[found.name, size]
        found = btf.type(found.size_or_type)
    return None


def _integer_of(btf: Btf, found: BtfType, size: int) -> Any:
    encoding, offset, bits = btf.integer(found)
    if offset or bits != size * 8:
        return Bytes(size)
    return bool if encoding & BOOL and size == 1 else integer(size, signed=bool(encoding & SIGNED))
