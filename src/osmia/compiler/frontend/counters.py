"""Counters in kernel code: `hits.add(1)`."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

from osmia.abi.helpers import helpers
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.operators import binary, constant, integer
from osmia.compiler.frontend.stores import check_store
from osmia.compiler.frontend.variables import variable_place
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, PlaceType, storage_type
from osmia.layout import ArrayLayout
from osmia.maps.counters import SLOTS, Counter
from osmia.types import u64

if TYPE_CHECKING:
    from typing import Any

    from osmia.compiler.frontend.function import FunctionState, Static
    from osmia.compiler.location import Location

_U64: Any = u64


def count(state: FunctionState, counter: Static, node: ast.Call) -> ir.Expression:
    """The IR of `counter.add(amount)`: what it gives is None."""
    location = state.at(node)
    amount = _amount(state, counter, node)
    place = variable_place(state, counter, location)
    nothing = ir.Constant(ir.NONE, location, 0)
    if isinstance(counter.value, Counter):
        return ir.Sequence(ir.NONE, location, (_atomically(place, amount, location),), nothing)
    keep_amount, amount = ((), amount) if isinstance(amount, ir.Constant) else _kept(state, amount)
    number = IntType(0, 0xFFFF_FFFF)
    keep_cpu, cpu = _kept(state, ir.HelperCall(number, location, helpers()["get_smp_processor_id"], ()))
    last = constant(SLOTS - 1, location)
    own = _slot(place, ir.LocalRead(IntType(0, SLOTS - 2), location, cpu.local), location)
    add = ir.Store(location, own, binary("+", ir.Load(storage_type(_U64), location, own), amount, location))
    shared = _atomically(_slot(place, last, location), amount, location)
    choose = ir.If(location, ir.Compare(ir.BOOL, location, ("<",), (cpu, last)), (add,), (shared,))
    return ir.Sequence(ir.NONE, location, (*keep_amount, *keep_cpu, choose), nothing)


def _amount(state: FunctionState, counter: Static, node: ast.Call) -> ir.Expression:
    """What is added; 1 unless it says."""
    location, what = state.at(node), type(counter.value).__name__
    if not node.args and not node.keywords:
        return constant(1, location)
    if len(node.args) != 1 or node.keywords or isinstance(node.args[0], ast.Starred):
        raise error(
            f"add of a {what} takes (amount)",
            location,
            found=ast.unparse(node),
            expected="add(amount)",
            fix="write one number",
        )
    amount = state.translate.expression(state, node.args[0])
    of = integer(amount, f"what is added to a {what}")
    if of.may_be_negative:
        raise error(
            f"a {what} only counts up",
            amount.location,
            found=f"a value of type {of}, which may be negative",
            expected="a number of 0 or more",
            fix="test before that it is not, or keep the number in a map",
        )
    check_store(amount, _U64, f"what is added to a {what}")
    return amount


def _kept(state: FunctionState, value: ir.Expression) -> tuple[tuple[ir.Statement, ...], Any]:
    """A value that is found once and used more than once."""
    assign, read = state.kept(value)
    return (assign,), read


def _slot(place: ir.Expression, index: ir.Expression, location: Location) -> ir.Expression:
    """A CPU's part of a counter."""
    assert isinstance(place.type, PlaceType)
    slots = place.type.layout
    assert isinstance(slots, ArrayLayout)
    numbers = slots.element
    assert isinstance(numbers, ArrayLayout)
    slot = ir.Element(PlaceType(numbers), location, place, index, slots.length, None, tested=True)
    return ir.Element(PlaceType(numbers.element), location, slot, constant(0, location), numbers.length, None)


def _atomically(place: ir.Expression, amount: ir.Expression, location: Location) -> ir.Statement:
    if isinstance(amount, ir.Constant) and amount.value == 0:  # as an instruction, LLVM would make another one of it
        return ir.Evaluate(location, amount)
    add = ir.Atomic(storage_type(_U64), location, "add", place, (amount,), fetch=False)
    return ir.Evaluate(location, add)
