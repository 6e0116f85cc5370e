"""Rings in memory in kernel code: `with ring.reserve() as event:`, `ring.output(event)`.

There is no helper of the kernel's: an event is filled in where it lies in this CPU's ring, and it is submitted by the
store of a position. Whoever comes in between on the same CPU finds the ring busy, and its event is counted as lost.
"""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.generated.flags import BPF_RB_FORCE_WAKEUP
from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.function import Static
from osmia.compiler.frontend.helper_calls import kind_of
from osmia.compiler.frontend.operators import binary, constant
from osmia.compiler.frontend.rings import copied_event, if_there, image_of_event, other_event, target_of
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import I64_HIGH, I64_LOW, IntType, OptionalType, PlaceType, storage_type
from osmia.kinds import KINDS
from osmia.layout import ArrayLayout, StructLayout, layout_of
from osmia.maps.fast_ring import FastRing
from osmia.types import u64

if TYPE_CHECKING:
    from typing import Any

    from osmia.compiler.frontend.function import FunctionState
    from osmia.compiler.location import Location
    from osmia.layout import Layout

NO_ROOM = -28  # ENOSPC
_U64: Any = u64


class _Reserving:
    """One reservation: the statements that begin and end it."""

    def __init__(self, state: FunctionState, ring: Static, location: Location) -> None:
        self.state, self.location = state, location
        self.map = state.unit.map_reference(ring)
        _check_kind(state, self.map, location)
        declaration = self.map.declaration
        assert isinstance(declaration, FastRing)
        declaration.take_name(self.map.symbol)
        self.bell = state.unit.map_reference(Static(declaration.bell, ("bell", ring.path), location))
        stored = self.map.value
        assert isinstance(stored, StructLayout)
        events = stored.field("events")
        assert events is not None
        assert isinstance(events.layout, ArrayLayout)
        self.stored, self.events = stored, events
        self.event: Layout = events.layout.element
        self.entries = events.layout.length
        self.own = state.hidden(OptionalType(PlaceType(stored)))
        """This CPU's ring, in the compiler's own local."""
        self.held = state.hidden(OptionalType(PlaceType(self.event)))
        """The event; None where it is lost."""

    @property
    def here(self) -> ir.LocalRead:
        """The event, or None."""
        return ir.LocalRead(self.held.type, self.location, self.held)

    @property
    def there(self) -> ir.Expression:
        """The event, where it is known to be there."""
        return ir.Unwrap(PlaceType(self.event), self.location, self.here)

    def begin(self) -> tuple[ir.Statement, ...]:
        """Find room for an event."""
        at = self.location
        call = ir.HelperCall(IntType(0, 0xFFFF_FFFF), at, helpers()["get_smp_processor_id"], ())
        keep_cpu, cpu = self.state.kept(call)
        own = ir.LocalRead(self.own.type, at, self.own)
        return (
            ir.Assign(at, self.held, ir.Constant(ir.NONE, at, 0)),
            keep_cpu,
            ir.Assign(at, self.own, ir.MapLookup(OptionalType(PlaceType(self.stored)), at, self.map, cpu)),
            ir.If(at, ir.IsNone(ir.BOOL, at, own), self._no_ring(), self._not_busy()),
        )

    def submit(self) -> tuple[ir.Statement, ...]:
        """Let the event be read."""
        at = self.location
        status = ir.HelperCall(
            IntType(I64_LOW, I64_HIGH),
            at,
            helpers()["ringbuf_output"],
            (self.bell, self._number("produced"), constant(8, at), constant(BPF_RB_FORCE_WAKEUP, at)),
        )
        failed = ir.Compare(ir.BOOL, at, ("<",), (status, constant(0, at)))
        ring_the_bell = (
            self._store("waiting", constant(0, at)),
            ir.If(at, failed, (self._store("waiting", constant(1, at)),), ()),
        )
        return (
            ir.Barrier(at),
            self._store("produced", binary("+", self._load("produced"), constant(1, at), at)),
            ir.Barrier(at),
            self._store("busy", constant(0, at)),
            ir.If(at, self._is_set("waiting"), ring_the_bell, ()),
            ir.Barrier(at, self.there),
        )

    def give_up(self) -> tuple[ir.Statement, ...]:
        """Leave the event out: another one takes its room."""
        at = self.location
        return ir.Barrier(at), self._store("busy", constant(0, at)), ir.Barrier(at, self.there)

    def _no_ring(self) -> tuple[ir.Statement, ...]:
        """The map was made for fewer CPUs, by somebody else: the first one counts what is lost."""
        at = self.location
        keep, first = self.state.kept(ir.MapLookup(OptionalType(PlaceType(self.stored)), at, self.map, constant(0, at)))
        place = ir.Unwrap(PlaceType(self.stored), at, first)
        return keep, ir.If(at, ir.IsNone(ir.BOOL, at, first), (), (self._count("lost", place),))

    def _not_busy(self) -> tuple[ir.Statement, ...]:
        at = self.location
        free = (self._store("busy", constant(1, at)), ir.Barrier(at), *self._take_room())
        return (ir.If(at, self._is_set("busy"), (self._count("nested", self._ring),), free),)

    def _take_room(self) -> tuple[ir.Statement, ...]:
        at = self.location
        keep, produced = self.state.kept(self._load("produced"))
        used = binary("-", produced, self._load("consumed"), at)
        full = ir.Compare(ir.BOOL, at, (">=",), (used, constant(self.entries, at)))
        index = binary("&", produced, constant(self.entries - 1, at), at)
        slots = ir.Field(PlaceType(self.events.layout), at, self._ring, self.events)
        slot = ir.Element(PlaceType(self.event), at, slots, index, self.entries, None, tested=True, apart=True)
        lost = (self._count("lost", self._ring), ir.Barrier(at), self._store("busy", constant(0, at)))
        return keep, ir.If(at, full, lost, (ir.Assign(at, self.held, slot),))

    @property
    def _ring(self) -> ir.Expression:
        """Where the ring of the running CPU lies: it is there wherever an event is, which no test of it could tell."""
        own = ir.LocalRead(self.own.type, self.location, self.own)
        return ir.Assume(PlaceType(self.stored), self.location, own)

    def _number(self, name: str, ring: ir.Expression | None = None) -> ir.Expression:
        """The place of one of a ring's numbers."""
        field = self.stored.field(name)
        assert field is not None
        return ir.Field(PlaceType(field.layout), self.location, ring or self._ring, field)

    def _load(self, name: str) -> ir.Expression:
        return ir.Load(storage_type(_U64), self.location, self._number(name))

    def _is_set(self, name: str) -> ir.Expression:
        return ir.Truth(ir.BOOL, self.location, self._load(name))

    def _store(self, name: str, value: ir.Expression) -> ir.Statement:
        return ir.Store(self.location, self._number(name), value)

    def _count(self, name: str, ring: ir.Expression) -> ir.Statement:
        """Count a loss. Whatever interrupts it counts too, so it is one instruction."""
        at = self.location
        one = (constant(1, at),)
        return ir.Evaluate(at, ir.Atomic(storage_type(_U64), at, "add", self._number(name, ring), one, fetch=False))


def fast_reserved(
    state: FunctionState, ring: Static, call: ast.Call, item: ast.withitem, body: list[ast.stmt]
) -> tuple[ir.Statement, ...]:
    """`with ring.reserve() as event:`: submitted on every way out, left out on the error edge."""
    location = state.at(call)
    one = _Reserving(state, ring, location)
    _check_reserve(state, one, call)
    target = target_of(one.map, item, location)
    start = ir.Fill(location, one.there, image_of_event(one.event))
    name = state.assign(target.id, one.held.type, state.at(target))
    state.program.reservations.append((one.map, one.held, name, one.give_up(), state.call))
    inside = state.translate.block(state, body)
    state.program.reservations.pop()
    return (
        *one.begin(),
        if_there(one.here, (start,), location),
        ir.Assign(state.at(target), name, one.here),
        ir.Scope(
            location,
            inside,
            (if_there(one.here, one.submit(), location),),
            (if_there(one.here, one.give_up(), location),),
        ),
    )


def fast_output(state: FunctionState, ring: Static, node: ast.Call) -> ir.Expression:
    """`ring.output(event)`: a copy of the event is written; 0, or a negative error number where it is lost."""
    location = state.at(node)
    one = _Reserving(state, ring, location)
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        raise error(
            "output of a FastRing takes (event)",
            location,
            found=ast.unparse(node),
            expected=f"{one.map.symbol}.output(event)",
            fix="write the event alone",
        )
    value = state.translate.operand(state, node.args[0])
    keep_data, event = state.kept(copied_event(state, one.map, one.event, value, location))
    result = state.hidden(IntType(NO_ROOM, 0))
    done = (ir.Copy(location, one.there, event), *one.submit())
    failed = ir.Assign(location, result, constant(NO_ROOM, location))
    return ir.Sequence(
        result.type,
        location,
        (
            keep_data,
            *one.begin(),
            ir.Assign(location, result, constant(0, location)),
            ir.If(location, ir.IsNone(ir.BOOL, location, one.here), (failed,), done),
        ),
        ir.LocalRead(result.type, location, result),
    )


def _check_reserve(state: FunctionState, one: _Reserving, call: ast.Call) -> None:
    """Refuse arguments of `reserve(Event)` other than the type of the ring's events."""
    if not call.args and not call.keywords:
        return
    if len(call.args) == 1 and not call.keywords:
        said = state.translate.operand(state, call.args[0])
        if isinstance(said, Static) and (said.value is None or layout_of(said.value) == one.event):
            return
    raise other_event(one.map, one.event, one.location, call)


def _check_kind(state: FunctionState, map_: ir.MapReference, location: Location) -> None:
    """Refuse kinds whose programs may be interrupted by a program that writes to the same ring."""
    kind = kind_of(state)
    if KINDS[kind].softirqs_off:
        return
    allowed = ", ".join(name for name, row in KINDS.items() if row.softirqs_off)
    raise error(
        f"programs of kind {kind} cannot write to a FastRing",
        location,
        found=f"{map_.symbol}, in a program that another one may interrupt on its CPU in the middle of an event",
        expected=f"a program of a kind that the kernel runs with softirqs off: {allowed}",
        fix="declare a RingBuf, which takes events from everywhere",
    )
