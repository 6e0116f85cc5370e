"""Look-ups in hash maps that native code remembers: where a value was until one goes, that none was until one comes.

Each map has a table for each code that looks something up in it. A key has one place there, which it shares with
others: the last one that was looked up in Python has it.
"""

from __future__ import annotations

import ctypes

from osmia.record import frozen_record
from osmia.vm.jit.state import Word
from osmia.vm.maps.hashes import HashMap, PerCpuHashMap
from osmia.vm.memory import ONES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from osmia.vm.jit.function import Writer
    from osmia.vm.maps import VmMap

LONGEST_KEY = 64
_BITS = 10
"""A table has room for so many keys, as a power of two."""
_CPU_BITS = 12
_MIX = 0x9E3779B97F4A7C15 - (1 << 64)
"""What scatters bits when it is multiplied by: 2**64 by the golden ratio, as LLVM writes it."""
# What a table and its entries begin with: where the map counts its changes; whether and for which count and which CPU
# an entry is right, and the address. The key follows.
_HEAD, _TAG, _ADDRESS, _KEY = 1, 0, 1, 2


@frozen_record
class Hash:
    """A hash map in code."""

    handle: int
    key_size: int
    number: int
    """Which of the code's tables it has."""

    @property
    def words(self) -> int:
        """The words of an entry of its table."""
        return _KEY + len(_parts(self.key_size))


def hashes(maps: Iterable[VmMap]) -> tuple[Hash, ...]:
    """The hash maps among some maps. Those that take note of each look-up are none of them."""
    found = [each for each in maps if type(each) in (HashMap, PerCpuHashMap) and each.key_size <= LONGEST_KEY]
    return tuple(Hash(each.handle, each.key_size, number) for number, each in enumerate(found))


class Tables:
    """The tables of a code."""

    def __init__(self, maps: Iterable[VmMap], of: tuple[Hash, ...]) -> None:
        by_handle = {each.handle: each for each in maps}
        self._maps = [by_handle[each.handle] for each in of]
        self._tables = [(ctypes.c_uint64 * (_HEAD + (each.words << _BITS)))() for each in of]
        for table, each in zip(self._tables, self._maps, strict=True):
            assert isinstance(each, HashMap), "only hash maps have tables"
            table[0] = each.changes.buffer_info()[0]
        self._addresses = (ctypes.c_uint64 * len(of))(*(ctypes.addressof(table) for table in self._tables))
        self.address = ctypes.addressof(self._addresses)


def remembered(writer: Writer, of: Hash, otherwise: str) -> str:
    """Write the look-up of the key that r2 points to: where its value lies; or go to a label, where it is not known."""
    key = writer.held(2)
    _check(writer, key, of.key_size, otherwise)
    parts = _loaded(writer, key, of.key_size)
    entry, counts = _entry(writer, of, parts)
    address = _word(writer, entry, _ADDRESS)
    tag = _tag(writer, counts, address, otherwise)
    wrong = writer.value(f"xor i64 {tag}, {_word(writer, entry, _TAG)}")
    for number, part in enumerate(parts, start=_KEY):
        other = writer.value(f"xor i64 {part}, {_word(writer, entry, number)}")
        wrong = writer.value(f"or i64 {wrong}, {other}")
    known = writer.label("known")
    writer.likely(writer.value(f"icmp eq i64 {wrong}, 0"), known, otherwise)
    writer.begin(known)
    return address


def remember(writer: Writer, of: Hash, result: str) -> None:
    """Write down what Python has found: the key may be read then."""
    done = writer.label("kept")
    parts = _loaded(writer, writer.held(2), of.key_size)
    entry, counts = _entry(writer, of, parts)
    tag = _tag(writer, counts, result, done)
    for number, value in enumerate((tag, result, *parts)):
        writer.line(f"store i64 {value}, ptr {_place(writer, entry, number)}, align 8, !tbaa !12")
    writer.line(f"br label %{done}")
    writer.begin(done)


def _parts(size: int) -> list[tuple[int, int]]:
    """A key in parts that are loaded at once: where each begins, and its bytes."""
    parts, at = [], 0
    for width in (8, 4, 2, 1):
        while size - at >= width:
            parts.append((at, width))
            at += width
    return parts


def _check(writer: Writer, key: str, size: int, otherwise: str) -> None:
    """See that the program may read the key."""
    within = writer.label("within")
    writer.likely(writer.value(f"icmp ule i64 {key}, {writer.size - size}"), within, otherwise)
    writer.begin(within)
    for at, width in _parts(size):
        state = writer.shadow_at(writer.value(f"add i64 {key}, {at}"), width)
        may = writer.value(f"and i{width * 8} {state}, {ONES[width]}")
        readable = writer.label("readable")
        writer.likely(writer.value(f"icmp eq i{width * 8} {may}, {ONES[width]}"), readable, otherwise)
        writer.begin(readable)


def _loaded(writer: Writer, key: str, size: int) -> list[str]:
    """The parts of a key, as numbers of 64 bits."""
    parts = []
    for at, width in _parts(size):
        part = writer.fetch(writer.value(f"add i64 {key}, {at}"), width)
        parts.append(part if width == 8 else writer.value(f"zext i{width * 8} {part} to i64"))
    return parts


def _entry(writer: Writer, of: Hash, parts: list[str]) -> tuple[str, str]:
    """The entry that a key has, and where the map counts its changes."""
    mixed = "0"
    for part in parts:
        mixed = writer.value(f"mul i64 {writer.value(f'xor i64 {mixed}, {part}')}, {_MIX}")
        mixed = writer.value(f"xor i64 {mixed}, {writer.value(f'lshr i64 {mixed}, 32')}")
    index = writer.value(f"and i64 {mixed}, {(1 << _BITS) - 1}")
    tables = writer.value(f"inttoptr i64 {writer.word(Word.TABLES)} to ptr")
    table = writer.value(f"inttoptr i64 {_word(writer, tables, of.number)} to ptr")
    at = writer.value(f"add i64 {writer.value(f'mul i64 {index}, {of.words}')}, {_HEAD}")
    counts = writer.value(f"inttoptr i64 {_word(writer, table, 0)} to ptr")
    return writer.value(f"getelementptr i64, ptr {table}, i64 {at}"), counts


def _tag(writer: Writer, counts: str, address: str, otherwise: str) -> str:
    """The tag of an entry that is right: by the keys that have come where no value was found, or by what has gone."""
    cpu, there = writer.word(Word.CPU), writer.label("cpu")
    writer.likely(writer.value(f"icmp ult i64 {cpu}, {1 << _CPU_BITS}"), there, otherwise)
    writer.begin(there)
    none = writer.value(f"icmp eq i64 {address}, 0")
    count = writer.value(f"select i1 {none}, i64 {_word(writer, counts, 0)}, i64 {_word(writer, counts, 1)}")
    state = writer.value(f"shl i64 {count}, {_CPU_BITS + 1}")
    return writer.value(f"or i64 {writer.value(f'or i64 {state}, 1')}, {writer.value(f'shl i64 {cpu}, 1')}")


def _place(writer: Writer, start: str, number: int) -> str:
    return writer.value(f"getelementptr i64, ptr {start}, i64 {number}")


def _word(writer: Writer, start: str, number: int) -> str:
    return writer.value(f"load i64, ptr {_place(writer, start, number)}, align 8, !tbaa !12")
