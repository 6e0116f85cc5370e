"""Maps in kernel code: subscripts, `in`, `del`, struct keys and values, compared with dicts in CPython."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import osmia
from osmia import replace, to_bytes, zeroed
from osmia.compiler import Target
from osmia.compiler.build import checked_unit
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import PlaceType
from osmia.compiler.ir.walk import nodes
from osmia.compiler.llvm.places import Places
from osmia.layout import layout_of
from osmia.maps.declaration import Map
from program_files import module_from
from worked import CPUS, HEAD, TAIL, check, in_kernel, in_python, programs_in

if TYPE_CHECKING:
    from pathlib import Path

NOEXIST, EXIST = 1, 2


class Table(dict[Any, Any]):
    """A map as kernel code sees it, for CPython: structs are copied when they are stored, and changed in place."""

    def __init__(self, declared: Map[Any, Any]) -> None:
        """An array has all of its keys, with zeros."""
        super().__init__()
        self.declared = declared
        if type(declared).__name__ == "Array":
            self |= {index: self.copy_of(zeroed(declared.value)) for index in range(declared.max_entries)}

    def copy_of(self, value: Any) -> Any:
        """A value of the map's own."""
        return value if isinstance(value, int) else replace(value)

    def __setitem__(self, key: Any, value: Any) -> None:
        if self.update(key, value):
            raise KeyError(key)

    def update(self, key: Any, value: Any, flags: int = 0) -> int:  # type: ignore[override]
        """0 or the negative number of an error."""
        if (flags == NOEXIST and key in self) or (flags == EXIST and key not in self):
            return -17 if key in self else -2
        if key not in self and len(self) == self.declared.max_entries:
            return -7
        super().__setitem__(key, self.copy_of(value))
        return 0

    def lookup(self, key: Any) -> Any:
        """A reference, or None."""
        return self.get(key) if not isinstance(self.get(key), int) else Slot(self, key)

    def lookup_or_init(self, key: Any, value: Any) -> Any:
        """A reference to what is there, or to what is now."""
        self.update(key, value, NOEXIST)
        return self.lookup(key)

    def delete(self, key: Any) -> int:
        """0 or the negative number of an error."""
        return -2 if self.pop(key, None) is None else 0


class Slot:
    """A number in a map."""

    def __init__(self, table: Table, key: Any) -> None:
        self.table, self.key = table, key

    @property
    def value(self) -> int:
        """What is there."""
        return int(self.table[self.key])

    @value.setter
    def value(self, value: int) -> None:
        self.table[self.key] = value


PROGRAMS = programs_in("""
=== counts by key
seen = HashMap(u32, u64, max_entries=3)
def work(x):
    if x & 3 not in seen:
        seen[x & 3] = 10
    seen[x & 3] += 1
    return seen[x & 3]
=== a missing key takes the error edge
seen = HashMap(u32, u64, max_entries=3)
def work(x):
    if x == 3:
        seen[300] = 5
    return seen[x] + 1
=== a full map takes the error edge
seen = HashMap(u32, u64, max_entries=3)
def work(x):
    seen[x] = x
    return seen[x]
=== deleted and gone
seen = HashMap(u32, u64, max_entries=8)
def work(x):
    seen[5] = x
    before = 5 in seen
    del seen[5]
    after = 5 in seen
    if x > 100:
        del seen[5]
    return before * 10 + after
=== keys of structs
@struct(frozen=True)
class Key:
    port: u16 = 0
    protocol: u8 = 0
    address: be32 = 0
@struct
class Flow:
    packets: u64 = 0
    bytes: u32 = 0
flows = HashMap(Key, Flow, max_entries=8)
def work(x):
    key = Key(port=x & 1, protocol=17)
    if key in flows:
        flow = flows[key]
        flow.packets += 1
        flows[key].bytes += x
    else:
        flows[key] = Flow(packets=1, bytes=x)
    same = flows[Key(protocol=17, port=x & 1, address=0)]
    return same.packets * 1000000 + same.bytes
=== a value is copied into the map
@struct
class Flow:
    packets: u64 = 0
flows = HashMap(u32, Flow, max_entries=8)
def work(x):
    flow = Flow(packets=x)
    flows[1] = flow
    flow.packets += 100
    flows[2] = flow
    flows[1].packets += 1
    flows[3] = flows[1]
    flows[1].packets += 1
    return flows[1].packets * 1000000 + flows[2].packets * 1000 + flows[3].packets
=== the value is evaluated before the key
seen = HashMap(u32, u64, max_entries=8)
def work(x):
    n = 0
    def bump():
        nonlocal n
        n += 1
        return n
    seen[bump()] = bump() * 10
    return seen[2] + n
=== an element of a struct in a map
@struct
class Row:
    cells: FixedArray[u16] = array(u16, 4)
    name: Chars = chars(4)
rows = Array(Row, max_entries=2)
def work(x):
    row = rows[x & 1]
    row.cells[x & 3] += 7
    row.cells[-1] = row.cells[0] + 1
    rows[0].name = 'cd'
    return row.cells[0] + row.cells[1] * 10 + row.cells[2] * 100 + row.cells[3] * 1000 + (row.name == 'cd')
=== looked up or made
@struct
class Flow:
    packets: u64 = 3
    last: u32 = 0
flows = HashMap(u32, Flow, max_entries=2)
def work(x):
    flow = flows.lookup_or_init(x & 3, Flow(last=x))
    if flow is None:
        return 1000
    flow.packets += 1
    return flow.packets * 10 + flow.last
=== numbers looked up or made
seen = HashMap(u16, i32, max_entries=3)
def work(x):
    found = seen.lookup_or_init(x & 3, -4)
    if found is None:
        return 1000
    found.value -= 1
    return found.value
=== flags of an update
seen = HashMap(u32, u32, max_entries=2)
def work(x):
    first = seen.update(x & 1, 5, 1)
    second = seen.update(x & 1, 6, 2)
    third = seen.update(77, 1, 2)
    fourth = seen.delete(78)
    return first * 1000 + second * 100 + third * 10 + fourth + seen[x & 1]
=== look-ups that only ask whether a key is there
@struct
class Flow:
    packets: u64 = 0
seen = HashMap(u32, u64, max_entries=3)
flows = HashMap(u32, Flow, max_entries=3)
numbers = Array(u32, max_entries=2)
def work(x):
    was = seen.lookup(x & 1) is None
    if seen.lookup(x & 1) is None and flows.lookup(x & 1) is None:
        seen[x & 1] = 0
    elif not flows.lookup(x & 1) or seen.lookup(7) is not None:
        flows[x & 1] = Flow()
    there = 10 if flows.lookup(x & 1) is not None else 20
    while seen.lookup(x & 1) is not None:
        del seen[x & 1]
    inside = numbers.lookup(x & 3) is not None
    return was * 1000 + there + (seen.lookup(x & 1) is not None) + inside * 4
=== keys of enums and bools
class Color(IntEnum):
    RED = 1
    BLUE = -2
colors = HashMap(Color, u32, max_entries=4)
flags = HashMap(bool, u32, max_entries=4)
def work(x):
    flags[x > 3] = x
    colors[Color.BLUE] = 5
    colors[Color.RED if x & 1 else Color.BLUE] = x
    return colors[Color.BLUE] * 3 + flags[x > 3] + (Color.RED in colors) * 100 + (True in flags) * 1000
=== big-endian keys and values
ports = HashMap(be16, be32, max_entries=8)
def work(x):
    ports[0x102] = 0x01020304
    ports[0x102] += x
    key = u16(0x100) + 2
    return ports[key] + (0x201 in ports)
=== one map beside another
a = HashMap(u32, u32, max_entries=8)
b = HashMap(u32, u32, max_entries=8)
def work(x):
    a[x], b[u32(x + 1)] = x + 1, 7
    a[1], b[1] = b[a[x]], a[x]
    return a[1] * 100000 + b[1]
=== maps that a function is given
a = HashMap(u32, u32, max_entries=8)
b = HashMap(u32, u32, max_entries=8)
def count(table, key):
    if key not in table:
        table[key] = 0
    table[key] += 1
    return table[key]
def work(x):
    return count(a, 1) * 1000 + count(b, x & 1) + count(a, 2) * 100
=== keys with arrays
@struct(frozen=True)
class Address:
    mac: FixedArray[u8] = array(u8, 6)
macs = HashMap(Address, u32, max_entries=8)
def work(x):
    address = Address(mac=(1, 2, 3, 4, 5, 6))
    other = Address(mac=(1, 2, 3, 4, 5, 7))
    if address not in macs:
        macs[address] = 0
    macs[address] += x
    return macs[address] * 10 + (other in macs)
""")


@pytest.mark.parametrize("cpu", CPUS)
@pytest.mark.parametrize("name", PROGRAMS)
def test_as_in_python(tmp_path: Path, name: str, cpu: str) -> None:
    module = module_from(tmp_path, HEAD + PROGRAMS[name] + TAIL)
    found = in_kernel(module, cpu)
    for each, declared in list(vars(module).items()):
        if isinstance(declared, Map) and each not in ("given", "result"):
            setattr(module, each, Table(declared))
    assert found == in_python(module)


PADDED = """
@struct(frozen=True)
class Key:
    a: u8 = 0
    b: u32 = 0
    c: u8 = bits(3)
@struct
class Kept:
    n: u16 = 0
    key: Key = Key()
seen = HashMap(Key, u32, max_entries=16)
kept = Array(Kept, max_entries=1)
def count(key):
    found = seen.lookup_or_init(key, 0)
    if found is not None:
        found.value += 1
def work(x):
    there = kept.lookup(0)
    if there is None:
        return 0
    count(there.key)
    copy = Kept()
    copy.key = there.key
    count(copy.key)
    made = Kept(key=there.key)
    count(made.key)
    other = Kept()
    other = made if x > 3 else copy
    count(other.key)
    if there.key in seen:
        seen[there.key] += 1
    seen.update(there.key, seen[copy.key] + 1)
    del seen[made.key]
    seen[other.key] = 5
    return 1
"""


@pytest.mark.parametrize("cpu", CPUS)
def test_what_lies_between_the_fields_of_a_key_is_zero(tmp_path: Path, cpu: str) -> None:
    """Keys that come from memory which others wrote, and copies of them."""
    module: Any = module_from(tmp_path, HEAD + PADDED + TAIL)
    key = module.Key(a=7, b=9, c=5)
    dirty = bytearray(b"\xee" * osmia.sizeof(module.Kept))
    clean = to_bytes(module.Kept(key=key))
    fields: Any = layout_of(module.Kept)
    where = fields.field("key").offset
    dirty[where], dirty[where + 8] = 7, 5 | 0xF8
    dirty[where + 4 : where + 8] = clean[where + 4 : where + 8]
    with osmia.load(module, target=Target(cpu, (5, 10))) as loaded:
        loaded["kept"].backend.update(bytes(4), bytes(dirty), 0)
        assert loaded["kept"][0].key == key
        loaded["given"][0] = 1
        loaded["program"].test_run(bytes(14))
        assert loaded["result"][0] == 1
        assert loaded["seen"].backend.next_key(None) == to_bytes(key)
        assert dict(loaded["seen"].items()) == {key: 5}


def test_a_key_of_the_programs_own_is_taken_as_it_is(tmp_path: Path) -> None:
    """The zeros between its fields were stored when it was made."""
    text = """
@struct(frozen=True)
class Key:
    a: u8 = 0
    b: u32 = 0
@struct
class Kept:
    key: Key = Key()
seen = HashMap(Key, u32, max_entries=16)
def work(x):
    key = Key(a=1, b=x)
    same = key if x > 3 else Key()
    kept = Kept(key=same)
    kept.key = key
    there = seen.lookup_or_init(kept.key, 1)
    seen.update(same, 1)
    return seen.delete(key)
"""
    module: Any = module_from(tmp_path, HEAD + text + TAIL)
    unit, _ = checked_unit((module.program.request,))
    body = unit.programs[0].body
    keys = [each.key for each in nodes(body) if isinstance(each, ir.MapLookup | ir.MapUpdate | ir.MapDelete)]
    padded = [key for key in keys if isinstance(key.type, PlaceType)]
    assert len(padded) == 5
    assert all(Places(body, ()).padding_is_zero(key) for key in padded)


@pytest.mark.parametrize("cpu", CPUS)
def test_the_key_of_a_packed_struct_lies_anywhere(tmp_path: Path, cpu: str) -> None:
    text = """
@struct(frozen=True)
class Key:
    a: u32 = 0
@struct(packed=True)
class Pair:
    n: u8 = 0
    key: Key = Key()
seen = HashMap(Key, u32, max_entries=16)
def work(x):
    pair = Pair(key=Key(a=x))
    key = pair.key
    seen[key] = 3
    return seen[pair.key] + (Key(a=x) in seen)
"""
    check(tmp_path, text, cpu, [4] * 9)


MISSING = """
from osmia import Array, HashMap, XdpAction, XdpContext, u32, u64, xdp

counts = HashMap(u32, u64, max_entries=4)
slots = Array(u64, max_entries=3)

@xdp
def counting(ctx: XdpContext) -> XdpAction:
    counts[ctx.rx_queue_index] += 1
    return XdpAction.PASS

@xdp
def picking(ctx: XdpContext) -> XdpAction:
    slots[ctx.rx_queue_index] += 1
    return XdpAction.PASS

@xdp
def forgetting(ctx: XdpContext) -> XdpAction:
    del counts[ctx.rx_queue_index]
    return XdpAction.PASS
"""


@pytest.mark.parametrize(
    ("name", "line", "problem"),
    [
        ("counting", 9, "missing key: counts.lookup_or_init(key, value) makes what may be new"),
        ("picking", 14, "missing key: those of slots are 0 to 2"),
        ("forgetting", 19, "missing key"),
    ],
)
def test_a_missing_key_says_what_to_write(tmp_path: Path, name: str, line: int, problem: str) -> None:
    program = getattr(module_from(tmp_path, MISSING), name)
    with osmia.Machine() as machine:
        assert machine.run(program, bytes(64), rx_queue_index=7).action is osmia.XdpAction.ABORTED
        assert [(error.line, error.problem) for error in program.errors()] == [(line, problem)]
