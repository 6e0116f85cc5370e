"""Helpers that native code does by itself: look-ups in arrays, the clock, the CPU."""

from __future__ import annotations

from osmia.abi import instruction as isa
from osmia.abi.generated import BPF_F_WRONLY_PROG
from osmia.abi.generated import helper_ids as ids
from osmia.record import frozen_record
from osmia.vm.code import CALLX
from osmia.vm.helpers import all_helpers
from osmia.vm.jit.caches import Hash, hashes, remembered
from osmia.vm.jit.state import Word
from osmia.vm.maps.arrays import ArrayMap, PerCpuArrayMap
from osmia.vm.memory import ONES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.code import Code
    from osmia.vm.jit.function import Writer
    from osmia.vm.machine import Machine
    from osmia.vm.maps import VmMap

KEY = 4
"""The bytes of an array's key."""
LOOKUP = ids.BPF_FUNC_map_lookup_elem
_WORDS = {ids.BPF_FUNC_ktime_get_ns: Word.CLOCK, ids.BPF_FUNC_get_smp_processor_id: Word.CPU}
_KNOWN = (LOOKUP, *_WORDS)
"""What native code does itself, unless somebody puts other helpers into their place."""
LIGHT = (*_KNOWN, ids.BPF_FUNC_map_update_elem, ids.BPF_FUNC_map_delete_elem, ids.BPF_FUNC_get_prandom_u32)
"""Helpers that change nothing but maps: not the packet, not the context, not what the run has to give back."""


@frozen_record
class Array:
    """An array whose values native code finds."""

    handle: int
    bases: tuple[int, ...]
    """Where the values of each CPU begin; one for all where the array is not per CPU."""
    per_cpu: bool
    stride: int
    entries: int


@frozen_record
class Inlined:
    """What is done without Python."""

    helpers: frozenset[int]
    arrays: tuple[Array, ...] = ()
    hashes: tuple[Hash, ...] = ()


@frozen_record
class ShortWay:
    """The result of a helper, and the label for where it has none; empty where it always has one."""

    result: str
    otherwise: str
    of: Hash | None = None
    """The map that it is looked up in, where what Python finds is to be remembered."""


def known_helpers(machine: Machine) -> frozenset[int]:
    """The helpers that are what they are by default."""
    return frozenset(number for number in _KNOWN if machine.helpers.get(number) is all_helpers()[number])


def inlined(machine: Machine, code: Code, helpers: frozenset[int]) -> Inlined:
    """What can be done without Python for some code."""
    # While a lock is held no helper may be called, which Python sees.
    if ids.BPF_FUNC_spin_lock in code.helpers or any(of[0] == CALLX for of in code.slots):
        return Inlined(frozenset())
    maps = looked_up(machine, code)
    arrays = tuple(array for each in maps if (array := _array(each)) is not None)
    return Inlined(helpers, arrays, hashes(maps))


def looked_up(machine: Machine, code: Code) -> list[VmMap]:
    """The maps that code has the addresses of, and may look something up in."""
    loaded = {of[4] for of in code.slots if of[0] == isa.LD_IMM64}
    return [each for each in machine.maps.values() if each.handle in loaded and not each.flags & BPF_F_WRONLY_PROG]


def _array(of: VmMap) -> Array | None:
    if type(of) is PerCpuArrayMap:
        return Array(of.handle, tuple(block.address for block in of.blocks), True, of.stride, of.max_entries)
    if type(of) is ArrayMap:
        return Array(of.handle, (of.block.address,), False, of.stride, of.max_entries)
    return None


def short_way(writer: Writer, inlined: Inlined, number: str) -> ShortWay | None:
    """Write what a helper does; None where it takes Python. `number` is its number, or a value that holds that."""
    helper = int(number) if number.isdigit() else 0
    if helper not in inlined.helpers:
        return None
    if helper in _WORDS:
        return ShortWay(writer.word(_WORDS[helper]), "")
    constant = writer.constants.get(1)
    for of in inlined.hashes:
        if of.handle == constant:
            otherwise = writer.label("python")
            return ShortWay(remembered(writer, of, otherwise), otherwise, of)
    arrays = [each for each in inlined.arrays if constant in (None, each.handle)]
    return _lookup(writer, arrays) if arrays else None


def _lookup(writer: Writer, arrays: list[Array]) -> ShortWay:
    otherwise, done = writer.label("python"), writer.label("found")
    of = writer.held(1)
    index = _index(writer, writer.held(2), otherwise)
    results = []
    for each in arrays:
        here, following = writer.label("array"), writer.label("next")
        writer.likely(writer.value(f"icmp eq i64 {of}, {each.handle}"), here, following)
        writer.begin(here)
        start = _start(writer, each, otherwise)
        distance = writer.value(f"mul i64 {index}, {each.stride}")
        place = writer.value(f"add i64 {distance}, {start}")
        inside = writer.value(f"icmp ult i64 {index}, {each.entries}")
        results.append(f"[{writer.value(f'select i1 {inside}, i64 {place}, i64 0')}, %{writer.at}]")
        writer.line(f"br label %{done}")
        writer.begin(following)
    writer.line(f"br label %{otherwise}")
    writer.begin(done)
    return ShortWay(writer.value(f"phi i64 {', '.join(results)}"), otherwise)


def _index(writer: Writer, key: str, otherwise: str) -> str:
    """The key, as it lies in memory, if the program may read it."""
    within, readable = writer.label("within"), writer.label("readable")
    writer.likely(writer.value(f"icmp ule i64 {key}, {writer.size - KEY}"), within, otherwise)
    writer.begin(within)
    state = writer.shadow_at(key, KEY)
    may = writer.value(f"and i32 {state}, {ONES[KEY]}")
    writer.likely(writer.value(f"icmp eq i32 {may}, {ONES[KEY]}"), readable, otherwise)
    writer.begin(readable)
    return writer.value(f"zext i32 {writer.fetch(key, KEY)} to i64")


def _start(writer: Writer, array: Array, otherwise: str) -> str:
    """Where the values begin that this CPU sees."""
    if not array.per_cpu:
        return str(array.bases[0])
    cpu, there = writer.word(Word.CPU), writer.label("cpu")
    writer.likely(writer.value(f"icmp ult i64 {cpu}, {len(array.bases)}"), there, otherwise)
    writer.begin(there)
    table = f"[{len(array.bases)} x i64]"
    place = writer.value(f"getelementptr {table}, ptr @starts_{array.handle}, i64 0, i64 {cpu}")
    return writer.value(f"load i64, ptr {place}, align 8")


def tables(inlined: Inlined) -> list[str]:
    """The constants that look-ups read: where the values of each CPU begin."""
    return [
        f"@starts_{each.handle} = internal constant [{len(each.bases)} x i64] "
        f"[{', '.join(f'i64 {base}' for base in each.bases)}]"
        for each in inlined.arrays
        if each.per_cpu
    ]
