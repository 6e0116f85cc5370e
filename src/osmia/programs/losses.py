"""Counts of losses of rings that are made live without a program, and of rings that are pinned."""

from __future__ import annotations

import errno
import os

from osmia.errors import KernelError, ObjectError
from osmia.programs.program import MACHINES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.kernel.map import KernelMap
    from osmia.maps.backend import MapBackend
    from osmia.maps.declaration import Map
    from osmia.maps.losses import Losses
    from osmia.spec import MapSpec


def made_losses(losses: Losses) -> MapBackend:
    """The map that programs will count in which write to the ring: in the kernel, or in a machine."""
    return MACHINES[-1].create_map(_spec(losses)) if MACHINES else created_losses(losses)


def _spec(losses: Losses) -> MapSpec:
    from osmia.abi.generated import BPF_MAP_TYPE_ARRAY
    from osmia.spec import MapSpec

    return MapSpec(f".data.{losses.name}", BPF_MAP_TYPE_ARRAY, 4, losses.layout.size, 1, data=True)


def created_losses(losses: Losses) -> KernelMap:
    """The map in the kernel that programs will count in which write to the ring."""
    from osmia.btf.write import Writer
    from osmia.kernel import Descriptor, bpf
    from osmia.layout import layout_of
    from osmia.loader.maps import create_map
    from osmia.types import u32

    word = layout_of(u32)
    assert word is not None
    writer, spec = Writer(), _spec(losses)
    spec.btf_key_type_id, spec.btf_value_type_id = writer.add(word), writer.add(losses.layout)
    try:
        types: Descriptor | None = Descriptor(bpf.btf_load(writer.data()))
    except OSError:  # a kernel without BTF: then nobody can see which events the ring was made for
        types = None
    try:
        return create_map(spec, types, ())
    finally:
        if types is not None:
            types.close_now()


def open_losses(ring: Map[Any, Any], path: str, *, create: bool) -> None:
    """Take what is pinned beside a ring, and compare the events that it was made for with the declared ones.

    Where there is none nothing counts, unless it is created.
    """
    from osmia.kernel import pins
    from osmia.maps.losses import lost_path

    losses = ring.losses
    assert losses is not None
    where = lost_path(path)
    try:
        fd = pins.get(where)
    except KernelError as error:
        if error.errno != errno.ENOENT:
            raise
        if create:
            losses.bind(created_losses(losses))
            losses.backend.pin(where)
        return
    try:
        info = _checked(losses, fd, where)
    except BaseException:
        os.close(fd)
        raise
    from osmia.kernel.map import KernelMap

    losses.bind(KernelMap(fd, info["key_size"], info["value_size"], False, info["max_entries"], losses.name))


def _checked(losses: Losses, fd: int, where: str) -> dict[str, Any]:
    """What the kernel says of the map. ObjectError where it is none of losses, or of other events."""
    from osmia.programs.creation import map_info

    info = map_info(fd, f"what is pinned at {where}")
    if info["value_size"] != losses.layout.size or info["max_entries"] != 1:
        raise ObjectError(f"what is pinned at {where} counts no losses of a ring: unpin it")
    if not info["btf_id"] or not info["btf_value_type_id"]:
        return info
    from osmia.btf.read import Btf
    from osmia.kernel.btf_objects import btf_of

    data = btf_of(info["btf_id"])
    problem = losses.difference(Btf(data, where), info["btf_value_type_id"]) if data is not None else ""
    if problem:
        raise ObjectError(f"{where.removesuffix('_lost')} was made for other events: {problem}")
    return info
