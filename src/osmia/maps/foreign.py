"""Handles of maps that only an object file declares: their keys and values are what its BTF says."""

from __future__ import annotations

from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.maps.array import Array, PerCpuArray
from osmia.maps.codec import Bytes
from osmia.maps.declaration import Map
from osmia.maps.hash import HashMap
from osmia.maps.table import BY_TYPE, MapKind
from osmia.types import INTEGERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.btf.read import BtfType
    from osmia.maps.backend import MapBackend
    from osmia.spec import MapSpec

SIGNED, BOOL = 1, 4  # BTF_INT_*: the encoding of an INT
CLASSES: dict[str, type[Map[Any, Any]]] = {"Array": Array, "HashMap": HashMap, "PerCpuArray": PerCpuArray}


class UntypedMap(Map[bytes, bytes]):
    """A map of a type that osmia has no user's side for: it is loaded, and `fd` is what user code can have of it."""

    def __getitem__(self, key: object) -> None:
        """Refuse: a TypeError."""
        raise TypeError(
            f"{self.subject}: osmia cannot read maps of {self.kind.kernel_name} from user code; its fd is {self.fd}"
        )


def open_map(spec: MapSpec, btf: bytes, backend: MapBackend) -> Map[Any, Any]:
    """A handle of a live map that an object declares, with keys and values as its BTF types them.

    Integers and bools are those; all else is bytes.
    """
    types = Btf(btf, spec.name) if btf else None
    row = BY_TYPE.get(spec.type)
    cls = CLASSES[row.class_name] if row else UntypedMap
    key, value = (
        type_of(types, number, size)
        for number, size in ((spec.btf_key_type_id, spec.key_size), (spec.btf_value_type_id, spec.value_size))
    )
    held = cls.opened(
        INTEGERS[2] if row and row.fixed_keys else key,
        value,
        max_entries=spec.max_entries,
        flags=spec.flags,
        name=spec.name,
        backend=backend,
    )
    if row is None:
        held.kind = MapKind(spec.type, f"type {spec.type}", cls.__name__, False, False, (), (0, 0))
    return held


def type_of(btf: Btf | None, number: int, size: int) -> Any:
    """What a key or value of that BTF type and size is in Python."""
    if btf is None or number == 0:
        return Bytes(size)
    found = btf.resolve(number)
    if found.kind in {kinds.ENUM, kinds.ENUM64}:
        return integer(size, signed=found.kind_flag)
    if found.kind != kinds.INT:
        return Bytes(size)
    return _integer_of(btf, found, size)


def integer(size: int, *, signed: bool) -> Any:
    """The integer of that size in bytes; bytes if there is none."""
    fits = (each for each in INTEGERS if each.bits == size * 8 and each.signed == signed)
    return next(fits, None) or Bytes(size)


def _integer_of(btf: Btf, found: BtfType, size: int) -> Any:
    encoding, offset, bits = btf.integer(found)
    if offset or bits != size * 8:
        return Bytes(size)
    return bool if encoding & BOOL and size == 1 else integer(size, signed=bool(encoding & SIGNED))
