"""Parts of a program that become functions of their own, which a helper of the kernel calls."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import leads_to
from osmia.compiler.ir.types import is_pointer
from osmia.compiler.ir.walk import nodes
from osmia.compiler.llvm.callbacks import CONTEXT, RESULT, ZERO, Callback, Way, enter, in_frame, leave, slot_type
from osmia.compiler.llvm.debug_info import quoted
from osmia.compiler.llvm.emitter import ATTRIBUTES, Emitter
from osmia.compiler.llvm.packets import PacketWriter
from osmia.compiler.llvm.unknown import hide_values, unknown_zero

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia.compiler.llvm.function import FunctionWriter
    from osmia.compiler.location import Location


def enter_callback(writer: FunctionWriter, callback: Callback) -> str:
    """Make the frame that a callback is given; its address."""
    hide_values(writer.out, callback.results, writer.locals, unknown_zero(writer.out))
    out, around = writer.out, writer.callback
    frame = enter(out, callback, writer.locals, unknown_zero(out), around, context=writer.has_context)
    for local in filter(writer.views.__contains__, callback.shared):
        if around is None or local not in around.shared:
            out.at_start(f"store i8 1, ptr {writer.nothing[local]}, align 1")
        held = out.value(f"load i8, ptr {writer.nothing[local]}, align 1")
        out.line(f"store i8 {held}, ptr {in_frame(out, frame, callback.flag(local))}, align 1")
    return frame


def leave_callback(writer: FunctionWriter, callback: Callback, frame: str) -> None:
    """Take over what a callback has left in its frame."""
    leave(writer.out, callback, frame, writer.locals)
    for local in filter(writer.views.__contains__, callback.results):
        held = writer.out.value(f"load i8, ptr {in_frame(writer.out, frame, callback.flag(local))}, align 1")
        writer.out.line(f"store i8 {held}, ptr {writer.nothing[local]}, align 1")
    writer.packet.renew()
    for local in callback.results:
        writer.mark_held(local, again=True)


def outlined(
    writer: FunctionWriter,
    inside: ir.Statement,
    location: Location,
    parameters: tuple[str, ...],
    write: Callable[[], None],
) -> Callback:
    """Write a part of the program as a function that a helper calls."""
    owner = writer.program.name if writer.function is None else writer.function.name
    name = f"osmia_{len(writer.written) + writer.depth}_{owner}"
    callback = Callback(name, writer.body, inside)
    _check_objects(writer, callback, inside)
    around = writer.out, writer.locals, writer.loops, writer.frames, writer.scopes, writer.callback, writer.packet
    scope = writer.debug.callback(callback.name, writer.program, location, (*parameters, "ptr %frame"))
    writer.out = out = Emitter(writer.debug, scope)
    writer.loops, writer.frames, writer.scopes, writer.callback = [], {}, [], callback
    writer.depth += 1
    out.at(location)
    if writer.has_context:
        out.line(f"%ctx = load ptr, ptr {in_frame(out, '%frame', CONTEXT)}, align 8")
    writer.locals = {local: out.slot(slot_type(local)) for local in callback.own}
    writer.locals |= {local: in_frame(out, "%frame", slot) for local, slot in callback.shared.items()}
    outer_nothing = writer.nothing
    writer.nothing = {local: out.slot("i8") for local in callback.own if local in writer.views}
    writer.nothing |= {
        local: in_frame(out, "%frame", callback.flag(local)) for local in callback.shared if local in writer.views
    }
    shared = tuple(callback.shared)
    writer.packet = PacketWriter(out, writer.program.kind.packet, (inside,), writer.places.on_stack, shared)
    writer.packet.begin()
    outer_zero = writer.zero
    writer.zero = out.value(f"load i64, ptr {in_frame(out, '%frame', ZERO)}, align 8")
    write()
    writer.zero = outer_zero
    listed = ", ".join((*parameters, "ptr noalias %frame"))
    head = f"define internal i64 @{quoted(callback.name)}({listed}) {ATTRIBUTES} !dbg {scope} {{"
    writer.written.append(f"{head}\n{out.text()}}}\n")
    writer.depth -= 1
    writer.out, writer.locals, writer.loops, writer.frames, writer.scopes, writer.callback, writer.packet = around
    writer.nothing = outer_nothing
    writer.out.at(location)
    return callback


def _check_objects(writer: FunctionWriter, callback: Callback, inside: ir.Statement) -> None:
    """What a callback makes lies in its own memory, which ends with it: nothing outside may refer to it."""
    for each in nodes((inside,)):
        if not isinstance(each, ir.Assign | ir.AssignExpression) or each.local not in callback.shared:
            continue
        if is_pointer(each.local.type) and leads_to(each.value, ir.Construct, writer.places.on_stack):
            raise error(
                f"{each.local.name!r} is made in a round of a loop and used behind it",
                each.location,
                found="an object in a round that the kernel calls as a function, whose memory ends with it",
                expected="an object that is made before the loop",
                fix="make it before the loop and assign its fields in the loop",
            )


def ways_out(writer: FunctionWriter, callback: Callback, frame: str) -> Iterator[Way | None]:
    """Behind the call, go where the callback said; None is where nothing left it. Each way is written in turn."""
    out, location = writer.out, writer.out.place
    status = out.value(f"load i64, ptr {frame}, align 8")
    for way, code in callback.ways.items():
        taken, other = out.label("taken"), out.label("other")
        out.branch(out.value(f"icmp eq i64 {status}, {code}"), taken, other)
        out.start(taken)
        yield way
        out.place = location
        out.start(other)
    yield None


def take(writer: FunctionWriter, way: Way, frame: str, after: str) -> None:
    """Do what the callback could not: leave the program, a call, or the loop."""
    if isinstance(way, ir.Frame):
        writer.leave(way)
    elif way == "return":
        result = writer.out.value(f"load i64, ptr {in_frame(writer.out, frame, RESULT)}, align 8")
        writer.leave_scopes(0)
        writer.return_result(result)
    elif way == "error":
        writer.leave_scopes(0, aborting=True)
        writer.give_up()
    else:
        writer.out.go(after)


def stop(writer: FunctionWriter, way: Way) -> None:
    """End the callback, and with it the helper that calls it."""
    assert writer.callback is not None
    writer.out.line(f"store i64 {writer.callback.status_of(way)}, ptr %frame, align 8")
    writer.out.line("ret i64 1")
    writer.out.ended = True
