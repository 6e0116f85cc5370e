"""Every type of map is declared and created without a program, and describes itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import NotSupportedError, ObjectError, XdpContext, be32, struct, u32, u64
from osmia.kernel.features import kernel_version
from osmia.maps.declaration import Map
from osmia.maps.table import MAP_KINDS
from osmia.vm.maps.accuracy import ACCURACY, REFUSED
from refusal import refusal

if TYPE_CHECKING:
    from osmia import Machine


@struct
class Value:
    number: u32 = 0


def declared(name: str) -> Map[Any, Any]:
    """A map of that class."""
    of: Any = getattr(osmia, name)
    inner = osmia.HashMap(u32, u64, max_entries=2)
    arguments: dict[str, tuple[Any, ...]] = {
        **dict.fromkeys(("Array", "PerCpuArray", "Queue", "Stack"), (Value,)),
        **dict.fromkeys(("HashMap", "LruHashMap", "PerCpuHashMap", "LruPerCpuHashMap"), (u32, Value)),
        "LpmTrie": (be32, Value),
        "BloomFilter": (u32,),
        "ArrayOfMaps": (inner,),
        "HashOfMaps": (u32, inner),
        "ProgramArray": (XdpContext,),
        "SockHash": (u32,),
        **dict.fromkeys(("PerfEventArray", "RingBuf", "UserRingBuf"), (Value,)),
        **dict.fromkeys(("CgroupStorage", "PerCpuCgroupStorage"), (Value,)),
        **dict.fromkeys(("SkStorage", "TaskStorage", "InodeStorage", "CgrpStorage"), (Value,)),
        "StructOps": ("tcp_congestion_ops",),
    }
    sizes = {
        "RingBuf": {"size": 4096},
        "UserRingBuf": {"size": 4096},
        "Arena": {"pages": 1},
    }
    unsized = {"StructOps", "PerfEventArray"} | {
        each.class_name for each in MAP_KINDS.values() if each.entries == "none"
    }
    size = {} if name in unsized else sizes.get(name, {"max_entries": 2})
    made: Map[Any, Any] = of(*arguments.get(name, ()), **size, name="M")
    return made


@pytest.mark.parametrize("name", MAP_KINDS)
def test_every_type_is_created(name: str, engine: Machine | None) -> None:
    held, row = declared(name), MAP_KINDS[name]
    assert held.kind is row
    assert repr(held).startswith(f"<{name}(")
    assert repr(held).endswith(" M, not live>")
    if engine is not None and ACCURACY[name].level == REFUSED:
        assert ACCURACY[name].text in refusal(ObjectError, held.create)
        return
    if engine is None and kernel_version() < row.since:
        with pytest.raises(NotSupportedError) as caught:
            held.create()
        assert str(caught.value).endswith(f"which Linux {row.since[0]}.{row.since[1]} brought")
        return
    held.create()
    info = held.info()
    assert (info.type, info.name, info.flags) == (row.kernel_name, "M", held.flags | row.kernel_flags)
    assert (info.key_size, info.value_size) == (held.key_size, held.value_size)
    assert repr(held).endswith(" M, live>")
    held.close()
    assert not held.live


@pytest.mark.parametrize("name", MAP_KINDS)
def test_a_class_has_the_operations_of_its_row_and_no_others(name: str) -> None:
    row = MAP_KINDS[name]
    of: Any = row.map_class
    common = {*dir(Map)} | ({"update_many"} if row.values in ("map", "socket") else set())  # which says what to write
    own = {each for each in {*dir(of)} - common if not each.startswith("_") and callable(getattr(of, each))}
    assert own == {*row.user_operations, *row.kernel_operations} - common
