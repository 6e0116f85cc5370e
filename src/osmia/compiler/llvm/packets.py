"""Packets in LLVM IR, as the verifier wants them.

It knows what lies in a packet by comparisons of pointers: `start + size > end`, never `end - start < size`. What it
learns of one pointer holds for all that were made from the packet's start by the same number, so an offset that is not
constant is added once, and the sum kept in a register that LLVM knows nothing of.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import leads_to
from osmia.compiler.ir.types import PlaceType, integer_of
from osmia.compiler.ir.walk import nodes
from osmia.layout import IntegerLayout

if TYPE_CHECKING:
    from osmia.compiler.ir.types import PacketType
    from osmia.compiler.llvm.emitter import Emitter
    from osmia.kinds import PacketAccess

# The verifier follows offsets into packets up to here (MAX_PACKET_OFF).
LARGEST_OFFSET = 0xFFFF

View = tuple[str, str]
"""A pointer, and whether there is nothing (i1)."""


class PacketWriter:
    """Writes what a program, or a function that it calls, does with the packet.

    The packet's bounds are kept in slots: they are read once, and again after each helper that changes the packet.
    """

    def __init__(
        self,
        out: Emitter,
        access: PacketAccess | None,
        body: tuple[ir.Statement, ...],
        on_stack: frozenset[ir.Local],
    ) -> None:
        self._out = out
        self._access = access
        self._bounds: dict[str, str] = {}
        self._largest = Largest(body, on_stack)
        for each in nodes(body):
            if isinstance(each, ir.PacketAt | ir.PacketLength):
                for bound in _bounds(each.packet):
                    self._bounds.setdefault(bound, "")

    def begin(self) -> None:
        """Read the bounds that the program needs."""
        for bound in self._bounds:
            self._bounds[bound] = self._out.slot("ptr")
        self.renew()

    def renew(self) -> None:
        """Read the bounds again."""
        for bound, slot in self._bounds.items():
            offset = getattr(self._access, bound)
            address = self._out.extended(self._out.context_field(offset, 32), 32, signed=False)
            self._out.line(f"store ptr {self._out.value(f'inttoptr i64 {address} to ptr')}, ptr {slot}, align 8")

    def length(self, of: PacketType) -> str:
        """How many bytes there are. It goes through an empty asm: the verifier has no 32-bit difference of pointers."""
        start, end = (self._out.value(f"ptrtoint ptr {each} to i64") for each in self._ends(of))
        return self._out.opaque(self._out.value(f"sub i64 {end}, {start}"))

    def at(self, of: ir.PacketAt, offset: str) -> View:
        """What lies at an offset."""
        assert isinstance(of.type.of, PlaceType)
        out, size = self._out, of.type.of.layout.size
        start, end = self._ends(of.packet)
        if isinstance(of.offset, ir.Constant):
            place = out.value(f"getelementptr i8, ptr {start}, i64 {offset}")
            behind = out.value(f"getelementptr i8, ptr {start}, i64 {of.offset.value + size}")
            return place, out.value(f"icmp ugt ptr {behind}, {end}")
        most, interval = LARGEST_OFFSET - size, integer_of(of.offset.type)
        assert interval is not None
        small = interval.low >= 0 and interval.high <= most
        visible = self._largest.of(of.offset) if small else None
        if visible is not None and visible <= most:
            return self._checked(start, end, offset, size)
        # It is small in any case, but the verifier cannot see why.
        mask = (1 << interval.high.bit_length()) - 1 if small else 0
        return self._varying(start, end, offset, size, mask if mask <= most else 0)

    def _checked(self, start: str, end: str, offset: str, size: int) -> View:
        place = self._out.opaque_pointer(self._out.value(f"getelementptr i8, ptr {start}, i64 {offset}"))
        behind = self._out.value(f"getelementptr i8, ptr {place}, i64 {size}")
        return place, self._out.value(f"icmp ugt ptr {behind}, {end}")

    def _varying(self, start: str, end: str, offset: str, size: int, mask: int) -> View:
        """Of an offset that the verifier cannot see to be small: it is below `mask`, or may be anything if that is 0.

        A negative offset is a large number here. Once LLVM has unrolled a loop the offset may be a constant after all.
        """
        out, most = self._out, LARGEST_OFFSET - size
        pointer, nothing = out.slot("ptr"), out.slot("i8")
        known, unknown, near, after = (out.label(hint) for hint in ("known", "unknown", "near", "after"))
        out.branch(out.value(f"call i1 @llvm.is.constant.i64(i64 {offset})"), known, unknown)
        out.start(known)
        place = out.value(f"getelementptr i8, ptr {start}, i64 {offset}")
        behind = out.value(f"getelementptr i8, ptr {place}, i64 {size}")
        far, missing = out.value(f"icmp ugt i64 {offset}, {most}"), out.value(f"icmp ugt ptr {behind}, {end}")
        self._keep(pointer, nothing, (place, out.value(f"select i1 {far}, i1 true, i1 {missing}")))
        out.go(after)
        out.start(unknown)
        offset = out.opaque(offset)
        if mask:
            offset = out.value(f"and i64 {offset}, {mask}")
        else:
            self._keep(pointer, nothing, ("null", "true"))
            out.branch(out.value(f"icmp ugt i64 {offset}, {most}"), after, near)
            out.start(near)
        self._keep(pointer, nothing, self._checked(start, end, offset, size))
        out.go(after)
        out.start(after)
        missing = out.value(f"icmp ne i8 {out.value(f'load i8, ptr {nothing}, align 1')}, 0")
        return out.value(f"load ptr, ptr {pointer}, align 8"), missing

    def _keep(self, pointer: str, nothing: str, view: View) -> None:
        place, missing = view
        self._out.line(f"store ptr {place}, ptr {pointer}, align 8")
        held = self._out.value(f"zext i1 {missing} to i8")
        self._out.line(f"store i8 {held}, ptr {nothing}, align 1")

    def _ends(self, of: PacketType) -> tuple[str, str]:
        first, last = _bounds(of)
        return self._bound(first), self._bound(last)

    def _bound(self, name: str) -> str:
        return self._out.value(f"load ptr, ptr {self._bounds[name]}, align 8")


def _bounds(of: PacketType) -> tuple[str, str]:
    """The fields between which it lies."""
    return ("data_meta", "data") if of.meta else ("data", "data_end")


class Largest:
    """How large the verifier can see numbers to be: from the widths that they are loaded with, and from masks.

    It knows nothing of what a program has compared in another register, and forgets all where bytes are swapped.
    """

    def __init__(self, body: tuple[ir.Statement, ...], on_stack: frozenset[ir.Local]) -> None:
        self._values: dict[ir.Local, list[ir.Expression]] = {}
        self._open: set[ir.Local] = set()
        self._on_stack = on_stack  # LLVM makes registers of what lies there
        for each in nodes(body):
            if isinstance(each, ir.Assign | ir.AssignExpression):
                self._values.setdefault(each.local, []).append(each.value)

    def of(self, value: ir.Expression) -> int | None:
        """The largest number, of one that is not negative; None where the verifier cannot see one."""
        match value:
            case ir.Constant(value=number):
                return number if number >= 0 else None
            case ir.Load(place=place) if not leads_to(place, ir.Construct, self._on_stack):
                return _loaded(place)
            case ir.LocalRead(local=local):
                return self._local(local)
            case ir.AssignExpression(value=inner) | ir.Sequence(value=inner):
                return self.of(inner)
            case ir.Binary():
                return self._binary(value)
            case _:
                return None

    def _local(self, local: ir.Local) -> int | None:
        if local in self._open or local.storage is not None:
            return None
        self._open.add(local)
        found = [self.of(value) for value in self._values.get(local, ())]
        self._open.remove(local)
        known = [each for each in found if each is not None]
        return max(known) if known and len(known) == len(found) else None

    def _binary(self, of: ir.Binary) -> int | None:
        left, right = self.of(of.left), self.of(of.right)
        if of.operator == "&" and (left is None) is not (right is None):
            return _masked(of, left if right is None else right)
        if left is None or right is None:
            return None
        match of.operator:
            case "&":
                largest = min(left, right)
            case "+":
                largest = left + right
            case "*":
                largest = left * right
            case "<<" if isinstance(of.right, ir.Constant) and right < 32:
                largest = left << right
            case ">>" if isinstance(of.right, ir.Constant):
                largest = left >> right
            case _:
                return None
        return largest if largest <= LARGEST_OFFSET else None


def _masked(of: ir.Binary, known: int | None) -> int | None:
    """A mask stays in the code only if it takes something away, as far as LLVM can see."""
    mask, other = (of.left, of.right) if isinstance(of.left, ir.Constant) else (of.right, of.left)
    if not isinstance(mask, ir.Constant) or not isinstance(other, ir.Load):
        return None
    interval = integer_of(other.type)
    return known if interval is not None and interval.high > mask.value else None


def _loaded(place: ir.Expression) -> int | None:
    """What is read as one or two bytes and not swapped."""
    assert isinstance(place.type, PlaceType)
    layout = place.type.layout
    if isinstance(place, ir.Field) and place.field.bit_width is not None:
        return None
    if isinstance(layout, IntegerLayout) and not layout.of.signed and layout.of.bits <= 16:
        return layout.of.high
    return None
