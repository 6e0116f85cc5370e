"""Loops as LLVM IR: those that the verifier walks, and those whose rounds the kernel calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi.generated import helper_ids as ids
from osmia.compiler.checks.loop_forms import MOST_ROUNDS
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import I64_HIGH, integer_of
from osmia.compiler.ir.walk import nodes
from osmia.compiler.llvm.callbacks import carried
from osmia.compiler.llvm.calls import call_status, map_address
from osmia.compiler.llvm.debug_info import quoted
from osmia.compiler.llvm.error_edges import error_edge
from osmia.compiler.llvm.outlining import enter_callback, leave_callback, outlined, stop, take, ways_out
from osmia.compiler.llvm.placeholders import may_goto
from osmia.compiler.llvm.unknown import deciding, hide_values, rounds_multiply, scattering, unknown_zero

if TYPE_CHECKING:
    from osmia.compiler.llvm.function import FunctionWriter

# What a helper gives the function that it calls for each of what a map holds.
GIVEN = {"for_each_map_elem": ("%map", "%key", "%value"), "user_ringbuf_drain": ("%record",)}
# Since then the verifier knows that a number which is not the least that it can be is above that: 6.12 does not yet.
INEQUALITY_SINCE = (6, 18)


def write_loop(writer: FunctionWriter, statement: ir.Loop) -> None:
    """A loop that stands as it is, which the verifier walks or takes for what it does in general."""
    test, body, step = writer.out.label("test"), writer.out.label("body"), writer.out.label("step")
    otherwise, after = writer.out.label("else"), writer.out.label("after")
    general = statement.plan.form == "may_goto"
    rounds = _rounds_from_none(writer) if statement.plan.form == "counted" else ""
    zero, moved = "", carried(writer.body, statement)
    if not general:
        moved = scattering(statement, moved, writer.body) if rounds_multiply(statement.plan) else ()
    hidden = deciding((statement,), moved) if general else moved
    if hidden and not general:
        zero = unknown_zero(writer.out)
    elif moved or (general and _reads_objects(writer, statement)):
        # One for each group: a test of what begins as another number, or is a sum of it, limits that one too.
        hide_values(writer.out, hidden, writer.locals, unknown_zero(writer.out))
        only_carried = tuple(local for local in moved if local not in hidden)
        hide_values(writer.out, only_carried, writer.locals, unknown_zero(writer.out) if only_carried else "")
        zero = unknown_zero(writer.out)
    outer_zero = writer.zero
    if general:
        writer.zero = zero
    writer.out.line(f"br label %{test}")
    writer.out.start(test)
    writer.mark_line(statement.location)
    if not _downwards(writer, statement, body, otherwise):
        writer.branch(statement.test, body, otherwise)
    writer.loops.append((after, step, len(writer.scopes)))
    writer.out.start(body)
    if general:
        _may_goto(writer, statement.plan)
    elif rounds:
        _count(writer, rounds, statement.plan)
    writer.statements(statement.body)
    writer.out.go(step)
    writer.loops.pop()
    writer.out.start(step)
    writer.statements(statement.step)
    if hidden and not writer.out.ended:
        hide_values(writer.out, hidden, writer.locals, zero)
    writer.zero = outer_zero
    writer.out.go(test)
    writer.out.start(otherwise)
    writer.statements(statement.otherwise)
    writer.out.go(after)
    writer.out.start(after)


def _downwards(writer: FunctionWriter, statement: ir.Loop, body: str, otherwise: str) -> bool:
    """The test of a loop that counts down to a constant, where a verifier that learns nothing from `!=` walks it.

    LLVM makes `!=` of a number's last step to the least that it can be. So the number is one that it does not know.
    """
    match statement.test:
        case ir.Compare(operators=(">",), operands=(ir.LocalRead(local=local), ir.Constant(value=bound))):
            plan, of = statement.plan, integer_of(local.type)
        case _:
            return False
    known = plan.least == plan.most or plan.form != "plain" or writer.kernel >= INEQUALITY_SINCE
    if known or of is None or of.high > I64_HIGH:
        return False
    writer.out.at(statement.test.location)
    number = writer.out.opaque(writer.out.value(f"load i64, ptr {writer.locals[local]}, align 8"))
    writer.out.line(f"store i64 {number}, ptr {writer.locals[local]}, align 8")
    writer.out.branch(writer.out.value(f"icmp sgt i64 {number}, {bound}"), body, otherwise)
    return True


def _reads_objects(writer: FunctionWriter, loop: ir.Loop) -> bool:
    """Whether a loop reads numbers from objects on the stack, which the verifier follows like locals."""
    return any(isinstance(each, ir.Load) and writer.is_on_stack(each.place) for each in nodes((loop,)))


def _rounds_from_none(writer: FunctionWriter) -> str:
    """A slot that counts the rounds of a loop."""
    rounds = writer.out.slot("i64")
    writer.out.line(f"store i64 0, ptr {rounds}, align 8")
    return rounds


def _count(writer: FunctionWriter, rounds: str, plan: ir.LoopPlan) -> None:
    """One round more. The counter is a number that the verifier knows, so that it finds the loop's end.

    LLVM is not to know it: where it knows the other bound, it would compare the two before the loop.
    """
    before = writer.out.opaque(writer.out.value(f"load i64, ptr {rounds}, align 8"))
    writer.out.line(f"store i64 {writer.out.value(f'add i64 {before}, 1')}, ptr {rounds}, align 8")
    _end_if(writer, writer.out.value(f"icmp uge i64 {before}, {plan.counted}"), plan)


def _may_goto(writer: FunctionWriter, plan: ir.LoopPlan) -> None:
    """The kernel may end the loop here, which is an error."""
    writer.out.at(plan.location)
    _end_if(writer, may_goto(writer.out), plan)


def _end_if(writer: FunctionWriter, test: str, plan: ir.LoopPlan) -> None:
    going_on, ended = writer.out.label("next"), writer.out.label("ended")
    writer.out.branch(test, ended, going_on)
    writer.out.start(ended)
    error_edge(writer, plan.location)
    writer.out.start(going_on)


def write_called_loop(writer: FunctionWriter, statement: ir.Loop) -> None:
    """A loop whose rounds bpf_loop calls; its `otherwise` stays here."""
    plan, after = statement.plan, writer.out.label("after")
    inside = ir.Loop(statement.location, statement.test, statement.body, statement.step, (), plan)

    def write() -> None:
        body, otherwise = writer.out.label("body"), writer.out.label("else")
        writer.branch(statement.test, body, otherwise)
        writer.out.start(otherwise)
        stop(writer, "done")
        writer.out.start(body)
        _round(writer, inside, statement.body, statement.step)

    callback = outlined(writer, inside, plan.location, ("i64 %index",), write)
    frame = enter_callback(writer, callback)
    writer.out.call(ids.BPF_FUNC_loop, f"i64 {MOST_ROUNDS}", f"ptr @{quoted(callback.name)}", f"ptr {frame}", "i64 0")
    leave_callback(writer, callback, frame)
    for way in ways_out(writer, callback, frame):
        if way == "done":
            writer.statements(statement.otherwise)
            writer.out.go(after)
        elif way is None:
            error_edge(writer, plan.location)
        else:
            take(writer, way, frame, after)
    writer.out.start(after)


def write_for_each(writer: FunctionWriter, statement: ir.ForEach) -> None:
    """What a helper calls for each that a map holds."""
    after = writer.out.label("after")

    parameters = GIVEN[statement.helper.name]

    def write() -> None:
        for local, given in zip(statement.given, parameters[-len(statement.given) :], strict=True):
            writer.out.line(f"store ptr {given}, ptr {writer.locals[local]}, align 8")
            writer.mark_held(local)
        _round(writer, statement, statement.body, ())

    typed = tuple(f"ptr {each}" for each in parameters)
    callback = outlined(writer, statement, statement.location, typed, write)
    number, flags = statement.helper.number, writer.integer(statement.flags)
    frame = enter_callback(writer, callback)
    symbol, function = map_address(writer, statement.map), quoted(callback.name)
    called = writer.out.call(number, f"ptr {symbol}", f"ptr @{function}", f"ptr {frame}", f"i64 {flags}")
    count = call_status(writer, number, called)
    leave_callback(writer, callback, frame)
    writer.out.line(f"store i64 {count}, ptr {writer.locals[statement.count]}, align 8")
    for way in ways_out(writer, callback, frame):
        if way is None:
            writer.out.go(after)
        else:
            take(writer, way, frame, after)
    writer.out.start(after)


def _round(
    writer: FunctionWriter, inside: ir.Statement, body: tuple[ir.Statement, ...], step: tuple[ir.Statement, ...]
) -> None:
    """One call of a callback: 0 goes on, 1 stops."""
    broken, stepped = writer.out.label("broken"), writer.out.label("step")
    writer.loops.append((broken, stepped, 0))
    writer.statements(body)
    writer.out.go(stepped)
    writer.loops.pop()
    writer.out.start(broken)
    stop(writer, "break")
    writer.out.start(stepped)
    writer.statements(step)
    if not writer.out.ended:
        assert writer.callback is not None
        hide_values(writer.out, deciding((inside,), writer.callback.results), writer.locals, writer.zero)
        writer.out.line("ret i64 0")
        writer.out.ended = True
