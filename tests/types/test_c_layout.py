"""Structs lie in memory as C's do: random ones are compiled by clang, and what its BTF says is compared."""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any

from hypothesis import given, settings
from hypothesis import strategies as st

import compiled
from osmia import from_bytes, to_bytes, types, zeroed
from osmia.arrays import Chars, FixedArray, SpinLock
from osmia.btf import kinds
from osmia.btf.read import Btf
from osmia.elf import read_elf
from osmia.layout import ArrayLayout, BooleanLayout, EnumLayout, SpinLockLayout, StructLayout, spin_locks
from osmia.structs import array, bits, chars, spin_lock, struct, union

if TYPE_CHECKING:
    from osmia.layout import Layout


class Colour(IntEnum):
    RED = 0
    BLUE = 1


class Signed(IntEnum):
    LOW = -1
    ZERO = 0
    HIGH = 1


class Wide(IntEnum):
    ZERO = 0
    ONE = 1
    ALL = (1 << 64) - 1


# Type -> what C calls it.
SCALARS: dict[Any, str] = {
    **{each: each.__name__ for each in types.INTEGERS},
    types.be16: "u16",
    types.be32: "u32",
    types.be64: "u64",
    bool: "_Bool",
    Colour: "enum colour",
    Signed: "enum sign",
    Wide: "u64",
}
BIT_FIELDS = [*types.INTEGERS, bool, Colour, Signed]
PRELUDE = """
typedef signed char i8; typedef short i16; typedef int i32; typedef long long i64;
struct bpf_spin_lock { u32 val; };
enum colour { RED, BLUE }; enum sign { LOW = -1, ZERO_, HIGH };
"""


class Members:
    """The members of one struct: in Python and in C."""

    def __init__(self, kind: str, packed: bool) -> None:
        self.kind, self.packed = kind, packed
        self.annotations: dict[str, Any] = {}
        self.values: dict[str, Any] = {}
        self.c = ""

    def make(self, name: str) -> Any:
        namespace = {"__annotations__": self.annotations, "__module__": __name__, **self.values}
        decorator = union if self.kind == "union" else struct
        return decorator(packed=self.packed)(type(name, (), namespace))

    def declaration(self, name: str) -> str:
        attribute = " __attribute__((packed))" if self.packed else ""
        return f"{self.kind} {name} {{ {self.c} }}{attribute}; {self.kind} {name} v_{name};\n"


@st.composite
def programs(draw: st.DrawFn) -> tuple[list[Any], str]:
    """Classes, of which each may hold those before it, and the C of the same."""
    made: list[tuple[Any, str]] = []
    source = PRELUDE
    for number in range(draw(st.integers(1, 6))):
        members = Members(draw(st.sampled_from(["struct", "struct", "union"])), draw(st.booleans()))
        for position in range(draw(st.integers(1, 8))):
            _add_member(draw, members, f"f{position}", made)
        cls = members.make(f"s{number}")
        source += members.declaration(f"s{number}")
        source += f"_Static_assert(_Alignof({members.kind} s{number}) == {cls.__osmia_layout__.alignment}, "
        source += f'"alignment of s{number}");\n'
        made.append((cls, f"{members.kind} s{number}"))
    return [cls for cls, _ in made], source


def _add_member(draw: st.DrawFn, members: Members, name: str, made: list[tuple[Any, str]]) -> None:
    unlocked = [each for each in made if not spin_locks(each[0].__osmia_layout__)]
    sorts = ["scalar", "scalar", "bits", "bits", "chars", "array", *(["nested"] if made else [])]
    sort = draw(st.sampled_from(sorts + ([] if members.packed or members.kind == "union" else ["lock"])))
    if sort == "scalar":
        of = draw(st.sampled_from(list(SCALARS)))
        members.annotations[name] = of
        members.c += f"{SCALARS[of]} {name}; "
    elif sort == "bits":
        of = draw(st.sampled_from(BIT_FIELDS))
        most = 1 if of is bool else of.bits if of in types.INTEGERS else 32
        width = draw(st.integers(2 if of is Signed else 1, most))
        members.annotations[name], members.values[name] = of, bits(width)
        members.c += f"{SCALARS[of]} {name} : {width}; "
    elif sort == "chars":
        length = draw(st.integers(1, 20))
        members.annotations[name], members.values[name] = Chars, chars(length)
        members.c += f"char {name}[{length}]; "
    elif sort == "lock":
        members.annotations[name], members.values[name] = SpinLock, spin_lock()
        members.c += f"struct bpf_spin_lock {name}; "
    elif sort == "array":
        of, c = draw(st.sampled_from([*SCALARS.items(), *unlocked]))
        length = draw(st.integers(1, 5))
        alias: Any = FixedArray
        members.annotations[name], members.values[name] = alias[of], array(of, length)
        members.c += f"{c} {name}[{length}]; "
    else:
        allowed = unlocked if members.packed or members.kind == "union" else made
        if not allowed:
            members.annotations[name] = types.u8
            members.c += f"u8 {name}; "
            return
        of, c = draw(st.sampled_from(allowed))
        members.annotations[name] = of
        members.c += f"{c} {name}; "


@settings(max_examples=25, deadline=None)
@given(programs())
def test_random_structs_lie_as_clang_lays_them(program: tuple[list[Any], str]) -> None:
    classes, source = program
    section = read_elf(compiled.c_object(source), "x.o").section(".BTF")
    assert section is not None
    btf = Btf(section.data, "x.o")
    for cls in classes:
        layout = cls.__osmia_layout__
        found = btf.find(layout.name, kinds.UNION if layout.union else kinds.STRUCT)
        assert found is not None
        assert found.size_or_type == layout.size
        wanted = [(field.name, field.bit_offset, field.bit_width or 0) for field in layout.fields]
        assert [(member.name, member.offset, member.bits) for member in btf.members(found)] == wanted


@settings(max_examples=25, deadline=None)
@given(programs(), st.randoms(use_true_random=False))
def test_each_field_is_written_and_read_where_it_lies(program: tuple[list[Any], str], random: Any) -> None:
    for cls in program[0]:
        layout: StructLayout = cls.__osmia_layout__
        assert to_bytes(zeroed(cls)) == bytes(layout.size)
        for field in layout.fields:
            value = zeroed(cls)
            bits_set = _random_bits(field.layout, field.bit_width, random)
            if bits_set is None:
                continue
            stored = int.from_bytes(bits_set, "little")
            of = from_bytes(cls, (stored << field.bit_offset).to_bytes(layout.size, "little"))
            setattr(value, field.name, getattr(of, field.name))
            assert int.from_bytes(to_bytes(value), "little") == stored << field.bit_offset
            assert to_bytes(of) == to_bytes(value)
            assert of == value


def _random_bits(layout: Layout, width: int | None, random: Any) -> bytes | None:
    """Bytes that are a value of that layout; None where padding, or a lock, would not be kept."""
    if isinstance(layout, ArrayLayout):
        element = _random_bits(layout.element, None, random)
        return None if element is None else element * layout.length
    if isinstance(layout, (StructLayout, SpinLockLayout)):
        return None
    if isinstance(layout, (BooleanLayout, EnumLayout)):
        return bytes([1]) + bytes(layout.size - 1)
    if width is not None:
        return int(random.getrandbits(width)).to_bytes(layout.size, "little")
    return bytes(random.randrange(256) for _ in range(layout.size))
