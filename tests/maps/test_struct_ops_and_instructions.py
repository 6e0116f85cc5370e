"""Tables of functions and arrays of instructions: declared and created."""

from __future__ import annotations

from typing import Any

from osmia import (
    BloomFilter,
    HashMap,
    InsnArray,
    InsnArrayValue,
    KernelError,
    NotSupportedError,
    ObjectError,
    StructOps,
    u32,
    u64,
)
from osmia.kernel.features import kernel_version
from osmia.maps.of_maps import HashOfMaps
from refusal import refusal
from this_kernel import require_kernel


def test_a_table_of_functions_is_created() -> None:
    require_kernel((5, 13), "tables of functions that a map alone makes")
    table = StructOps("tcp_congestion_ops", name="T")
    assert (table.key_size, table.value_size, table.live) == (4, 0, False)
    table.create()
    info = table.info()
    assert (info.type, info.key_size, info.max_entries, info.name) == ("STRUCT_OPS", 4, 1, "T")
    assert table.value_size == info.value_size > 100
    assert repr(table) == "<StructOps('tcp_congestion_ops') T, live>"
    assert table.describe() != StructOps("bpf_dummy_ops", name="T").describe()
    table.close()


def test_tables_that_are_refused() -> None:
    wrong: Any = StructOps
    text = "T: a table is of a struct of the kernel's, by name, not "
    assert refusal(TypeError, lambda: wrong(5, name="T")) == f"{text}int 5"
    assert refusal(TypeError, lambda: wrong("a b", name="T")) == f"{text}str 'a b'"
    missing = StructOps("tcp_congestion", name="T")
    found = refusal(KernelError, missing.create)
    start = "create map 'T' (STRUCT_OPS): this kernel has no tables of functions of struct tcp_congestion; "
    assert found.startswith(f"{start}it has those of ")
    assert "tcp_congestion_ops" in found
    assert "value" not in found.removeprefix(start)
    assert not missing.live


def test_an_array_of_instructions_where_the_kernel_has_it() -> None:
    places = InsnArray(max_entries=2, name="P")
    if kernel_version() < (6, 19):
        found = refusal(NotSupportedError, places.create)
        assert found.endswith("has no maps of type INSN_ARRAY, which Linux 6.19 brought")
        return
    places.create()
    places[1] = InsnArrayValue(orig_off=7)
    assert places[1].orig_off == 7
    assert len(places) == 2
    places.close()


def test_what_a_type_says_beyond_sizes_is_created_too() -> None:
    """Bloom filters are told how many hashes, maps of maps what is in them."""
    require_kernel((5, 16), "Bloom filters")
    few = BloomFilter(u32, max_entries=8, hashes=1, name="F")
    few.create()
    assert few.backend.info()["map_extra"] == 1
    other = BloomFilter(u32, max_entries=8, hashes=2, name="F")
    assert refusal(ObjectError, lambda: other.open(fd=few.fd)).endswith("it has map_extra 1 where 2 is declared")
    few.close()
    outer = HashOfMaps(u32, HashMap(u32, u64, max_entries=4), max_entries=2, name="O")
    outer.create()
    inner = HashMap(u32, u64, max_entries=4, name="I")
    inner.create()
    outer[1] = inner
    inner[5] = 50
    assert outer[1][5] == 50
    for each in (outer, inner):
        each.close()
