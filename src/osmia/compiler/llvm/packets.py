"""Packets in LLVM IR, as the verifier wants them.

It knows what lies in a packet by comparisons of pointers: `start + size > end`, never `end - start < size`. What it
learns of one pointer holds for all that were made from the packet's start by the same number, so an offset that is not
constant is added once, and the sum kept in a register that LLVM knows nothing of. What LLVM finds constant by itself,
since it wrote a loop out, is treated as a constant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import leads_to
from osmia.compiler.ir.types import PlaceType, integer_of
from osmia.compiler.ir.walk import assigned, nodes, targets
from osmia.compiler.llvm.callbacks import carried
from osmia.compiler.llvm.memory import offset
from osmia.compiler.llvm.unknown import rounds_multiply, scattering
from osmia.layout import IntegerLayout

if TYPE_CHECKING:
    from osmia.compiler.ir.types import PacketType
    from osmia.compiler.llvm.emitter import Emitter
    from osmia.kinds import PacketAccess

# The verifier follows offsets into packets up to here (MAX_PACKET_OFF).
LARGEST_OFFSET = 0xFFFF
LARGEST_NUMBER = (1 << 64) - 1

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
        parameters: tuple[ir.Local, ...],
    ) -> None:
        self._out = out
        self._access = access
        self._bounds: dict[str, str] = {}
        self._largest = Largest(body, on_stack, parameters)
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
            self._out.line(f"store ptr {self._read_bound(offset)}, ptr {slot}, align 8")

    def _read_bound(self, offset: int) -> str:
        """The verifier takes a field for a pointer into the packet, whether it is declared as one or as a u32."""
        assert self._access is not None
        if self._access.bits == 64:
            return self._out.context_field("%ctx", offset, "ptr")
        address = self._out.extended(self._out.context_field("%ctx", offset, "i32"), 32, signed=False)
        return self._out.value(f"inttoptr i64 {address} to ptr")

    def length(self, of: PacketType) -> str:
        """How many bytes there are. It goes through an empty asm: the verifier has no 32-bit difference of pointers."""
        start, end = (self._out.value(f"ptrtoint ptr {each} to i64") for each in self._ends(of))
        return self._out.opaque(self._out.value(f"sub i64 {end}, {start}"))

    def at(self, of: ir.PacketAt, number: str) -> View:
        """What lies at an offset: `number` and what `varying` left out of it."""
        assert isinstance(of.type.of, PlaceType)
        out, size = self._out, of.type.of.layout.size
        start, end = self._ends(of.packet)
        varies, added = varying(of.offset)
        if isinstance(varies, ir.Constant):
            place = out.value(f"getelementptr i8, ptr {start}, i64 {varies.value + added}")
            behind = out.value(f"getelementptr i8, ptr {start}, i64 {varies.value + added + size}")
            return place, out.value(f"icmp ugt ptr {behind}, {end}")
        most, interval = LARGEST_OFFSET - size - added, integer_of(varies.type)
        assert interval is not None
        known = out.is_constant(number)
        visible = self._largest.of(varies)
        if visible is not None and visible <= most:
            return self._checked(start, end, number, known, added, size)
        mask = (1 << interval.high.bit_length()) - 1
        if interval.low >= 0 and mask <= most:
            # It is that small in any case, but the verifier cannot see why.
            masked = out.value(f"and i64 {out.hidden(number, 'i64', known)}, {mask}")
            return self._checked(start, end, masked, known, added, size)
        return self._within(start, end, number, known, added, size)

    def _checked(self, start: str, end: str, number: str, known: str, added: int, size: int) -> View:
        base = self._out.value(f"getelementptr i8, ptr {start}, i64 {number}")
        base = self._out.hidden(base, "ptr", known)
        behind = self._out.value(f"getelementptr i8, ptr {base}, i64 {added + size}")
        return offset(self._out, base, added), self._out.value(f"icmp ugt ptr {behind}, {end}")

    def _within(self, start: str, end: str, number: str, known: str, added: int, size: int) -> View:
        """Of an offset that may be anything: a negative one is a large number here."""
        out = self._out
        pointer, nothing = out.slot("ptr"), out.slot("i8")
        near, after = out.label("near"), out.label("after")
        number = out.hidden(number, "i64", known)
        out.line(f"store ptr null, ptr {pointer}, align 8")
        out.line(f"store i8 1, ptr {nothing}, align 1")
        far = out.value(f"icmp ugt i64 {number}, {LARGEST_OFFSET - size - added}")
        out.branch(far, after, near)
        out.start(near)
        place, missing = self._checked(start, end, number, known, added, size)
        out.line(f"store ptr {place}, ptr {pointer}, align 8")
        held = out.value(f"zext i1 {missing} to i8")
        out.line(f"store i8 {held}, ptr {nothing}, align 1")
        out.go(after)
        out.start(after)
        missing = out.value(f"icmp ne i8 {out.value(f'load i8, ptr {nothing}, align 1')}, 0")
        return out.value(f"load ptr, ptr {pointer}, align 8"), missing

    def _ends(self, of: PacketType) -> tuple[str, str]:
        first, last = _bounds(of)
        return self._bound(first), self._bound(last)

    def _bound(self, name: str) -> str:
        return self._out.value(f"load ptr, ptr {self._bounds[name]}, align 8")


def _bounds(of: PacketType) -> tuple[str, str]:
    """The fields between which it lies."""
    return ("data_meta", "data") if of.meta else ("data", "data_end")


def varying(of: ir.Expression) -> tuple[ir.Expression, int]:
    """An offset without the constants that are added to it, and their sum.

    What lies at several distances from one place is then reached from one pointer, as in C.
    """
    added, whole = 0, of
    while isinstance(of, ir.Binary) and of.operator == "+":
        constant, other = (of.left, of.right) if isinstance(of.left, ir.Constant) else (of.right, of.left)
        interval = integer_of(other.type)
        if not isinstance(constant, ir.Constant) or interval is None:
            break
        added, of = added + constant.value, other
        if interval.low < 0 or not 0 <= added <= LARGEST_OFFSET or interval.high + added > LARGEST_NUMBER:
            return whole, 0
    return of, added


class Largest:
    """How large the verifier can see numbers to be: from the widths that they are loaded with, and from masks.

    It knows nothing of what a program has compared in another register, and forgets all where bytes are swapped.
    """

    def __init__(
        self, body: tuple[ir.Statement, ...], on_stack: frozenset[ir.Local], parameters: tuple[ir.Local, ...]
    ) -> None:
        self._values: dict[ir.Local, list[ir.Assign | ir.AssignExpression]] = {}
        # Locals of which nothing is known: here, and while they are looked at, those that depend on themselves.
        self._open = set(parameters)
        self._on_stack = on_stack  # LLVM makes registers of what lies there
        # How often what stands in loops is done at most, by identity: None where no number is known.
        self._times: dict[int, int | None] = {}
        for each in nodes(body):
            if isinstance(each, ir.Assign | ir.AssignExpression):
                self._values.setdefault(each.local, []).append(each)
            else:
                self._open.update(targets(each))
            if isinstance(each, ir.Loop):
                self._repeated(each, body)

    def _repeated(self, loop: ir.Loop, body: tuple[ir.Statement, ...]) -> None:
        if loop.plan.form != "plain":  # what such a loop carries is made unknown in each round
            self._open.update(assigned((loop,)))
            return
        if rounds_multiply(loop.plan):
            self._open.update(scattering(loop, carried(body, loop), body))
        rounds = None if loop.plan.most is None else loop.plan.most + 1
        for each in nodes((ir.Evaluate(loop.location, loop.test), *loop.body, *loop.step)):
            times = self._times.get(id(each), 1)
            self._times[id(each)] = None if rounds is None or times is None else rounds * times

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
        largest, grows, known = 0, 0, bool(self._values.get(local))
        for each in self._values.get(local, ()):
            growth, times = self._growth(local, each.value), self._times.get(id(each), 1)
            value = self.of(each.value) if growth is None else 0
            if value is None or (growth is not None and times is None):
                known = False
                break
            largest, grows = max(largest, value), grows + (growth or 0) * (times or 0)
        self._open.remove(local)
        return largest + grows if known and largest + grows <= LARGEST_OFFSET else None

    def _growth(self, local: ir.Local, value: ir.Expression) -> int | None:
        """By how much a local grows where it is assigned itself and something more; None for all other values."""
        if isinstance(value, ir.LocalRead) and value.local is local:
            return 0
        if not isinstance(value, ir.Binary) or value.operator != "+":
            return None
        for itself, more in ((value.left, value.right), (value.right, value.left)):
            growth = self._growth(local, itself)
            if growth is not None:
                added = self.of(more)
                return None if added is None else growth + added
        return None

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
