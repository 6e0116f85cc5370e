"""One program as LLVM IR.

Integers are i64 that hold the value modulo 2**64; their interval says whether they are read as signed or unsigned.
Locals live in allocas, which LLVM turns into registers. What the verifier and LLVM ask of generated code is kept here:
context fields are read by one folded intrinsic, helper arguments are i64 or pointers, shift counts are below 64 and
divisors never zero.
"""

from __future__ import annotations

from itertools import zip_longest
from typing import TYPE_CHECKING, assert_never

from osmia.compiler.checks.loop_forms import MOST_ROUNDS
from osmia.compiler.diagnostics import error
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.arithmetic import extreme_type
from osmia.compiler.ir.origins import leading_to, leads_to, objects_end, packet_change
from osmia.compiler.ir.types import (
    I64_HIGH,
    BoolType,
    IntType,
    OptionalType,
    PlaceType,
    integer_of,
    is_object,
    is_pointer,
    is_scalar,
    scalar_storage,
)
from osmia.compiler.ir.walk import nodes
from osmia.compiler.llvm import memory
from osmia.compiler.llvm.arenas import arena_place
from osmia.compiler.llvm.arithmetic import bit_length, comparison, floor_divide, magnitude, shift, unsigned_divide
from osmia.compiler.llvm.callbacks import (
    CONTEXT,
    RESULT,
    ZERO,
    Callback,
    Way,
    carried,
    enter,
    in_frame,
    leave,
    slot_type,
)
from osmia.compiler.llvm.debug_info import DebugInfo, quoted
from osmia.compiler.llvm.emitter import BARRIER, KEEP_APART, Emitter
from osmia.compiler.llvm.marks import scopes_of
from osmia.compiler.llvm.packets import PacketWriter, varying
from osmia.compiler.llvm.passing import Passing, is_global
from osmia.compiler.llvm.placeholders import may_goto
from osmia.compiler.llvm.places import ANY_ALIGNMENT, Places, lowest_bit
from osmia.compiler.llvm.unknown import deciding, hide_values, rounds_multiply, scattering, unknown_zero
from osmia.layout import layout_of
from osmia.logs.note import switch_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from osmia.compiler.llvm.marks import Marks
    from osmia.compiler.llvm.packets import View
    from osmia.compiler.location import Location
    from osmia.layout import Layout
    from osmia.logs.note import LogFormat

# Helper numbers (enum bpf_func_id in linux/bpf.h).
MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, MAP_DELETE_ELEM = 1, 2, 3
FOR_EACH, LOOP = 164, 181
# What a helper gives the function that it calls for each of what a map holds.
GIVEN = {"for_each_map_elem": ("%map", "%key", "%value"), "user_ringbuf_drain": ("%record",)}
# These the verifier replaces by calls of the map's own functions: update, delete, redirect, push, pop, peek, for_each.
# Before 6.4 those gave an int, and what is in the upper half of the register is anything.
HALF_RESULTS = frozenset({MAP_UPDATE_ELEM, MAP_DELETE_ELEM, 51, 87, 88, 89, FOR_EACH})
WHOLE_RESULTS_SINCE = (6, 4)
# Before that, verifiers forget that an event which was found to be there cannot be missing at the next test: 6.1 does
# so, 6.12 does not. One test then decides, and its outcome is a number.
RESERVED_SINCE = (6, 12)
# Since then the verifier knows that a number which is not the least that it can be is above that: 6.12 does not yet.
INEQUALITY_SINCE = (6, 18)

DYNPTR_SIZE = 16

ATTRIBUTES = "#0"


class FunctionWriter:
    """Writes one program. Each method that evaluates returns the operand that holds the value."""

    def __init__(
        self,
        program: ir.Program,
        debug: DebugInfo,
        sites: dict[Location, int],
        error_map: str,
        texts: dict[bytes, str],
        logs: dict[LogFormat, int],
        function: ir.Function | None = None,
        *,
        kernel: tuple[int, int],
        marks: Marks | None = None,
    ) -> None:
        """`function` is one that the program calls, where that shall be written and not the program itself.

        `kernel` is the oldest that the object is for, `marks` are those of a debug build.
        """
        self._program = program
        self._texts = texts
        self._logs = logs
        self._function = function
        self._has_context = function is None or function.uses_context
        self._body = program.body if function is None else function.body
        self._local = function is not None and not is_global(function, kernel)
        self._scope = (
            debug.program(program) if function is None else debug.function(function, program, linked=not self._local)
        )
        self._out = Emitter(debug, self._scope)
        self._out.at(program.location)
        self._sites = sites
        self._error_map = error_map
        self._kernel = kernel
        self._locals: dict[ir.Local, str] = {}
        parameters = () if function is None else function.parameters
        self._places = Places(self._body, parameters)
        self._reserved = leading_to(self._body, ir.HelperCall) if kernel < RESERVED_SINCE else frozenset()
        self._views = leading_to(self._body, ir.PacketAt) | leading_to(self._body, ir.Dynptr) | self._reserved
        # Of the places of dynptrs: the function that each is in, and its address.
        self._dynptrs: dict[int, tuple[Emitter, str]] = {}
        # Of each local that may refer into the packet: whether there is nothing.
        self._nothing: dict[ir.Local, str] = {}
        # Where a program puts what it returns, and the label of its end.
        self._result = self._end = ""
        self._packet = PacketWriter(self._out, program.kind.packet, self._body, self._places.on_stack, parameters)
        # Of each loop around: the labels of what follows it and of its next step, and the scopes that it stands in.
        self._loops: list[tuple[str, str, int]] = []
        # Of each call that is written out: the label behind it, and the scopes that it stands in.
        self._frames: dict[ir.Frame, tuple[str, int]] = {}
        self._scopes: list[ir.Scope] = []
        # Labels of what does nothing but return a constant: no test follows there.
        self._returning: set[str] = set()
        # The objects that end with the innermost call around whose objects do; None where there is none.
        self._made: list[str] | None = None
        # The part of the program that is being written as a function of its own, and all that have been.
        self._callback: Callback | None = None
        self._written: list[str] = []
        self._depth = 0
        self._debug = debug
        # Inside of loops that the verifier takes for what they do in general: a 0 that it does not know.
        self._zero = ""
        self._marks = marks
        # In a debug build: the function whose line is written, and the calls and locals that have scopes of their own.
        self._outermost = marks.scope() if marks is not None else 0
        self._inside = (self._outermost, program.name if function is None else function.name)
        self._scope_numbers = scopes_of(marks, self._body) if marks is not None else {}

    def text(self) -> str:
        """The definition."""
        if self._function is not None:
            return self._function_text(self._function)
        for local in self._program.locals:
            self._locals[local] = self._out.slot("ptr" if is_pointer(local.type) else "i64")
            if local in self._views:
                self._nothing[local] = self._out.slot("i8")
        self._packet.begin()
        self._mark_local(self._program.context, "ptr %ctx")
        self._result, self._end = self._out.slot("i32"), self._out.label("end")
        self._statements(self._body)
        if not self._out.ended:
            # The flow check proved that control cannot come here, but LLVM may not see it.
            self._give_up()
        self._out.start(self._end)
        self._out.line(f"ret i32 {self._out.value(f'load i32, ptr {self._result}, align 4')}")
        name, section = self._program.name, self._program.kind.section(self._program.hook)
        head = (
            f"define dso_local i32 @{quoted(name)}(ptr %ctx) {ATTRIBUTES}"
            f" section {quoted(section)} !dbg {self._scope} {{"
        )
        return "\n".join([*self._written, f"{head}\n{self._out.text()}}}\n"])

    def _function_text(self, function: ir.Function) -> str:
        """The definition of a function that the program calls."""
        passing = Passing(function)
        for local in dict.fromkeys((*function.parameters, *function.locals)):
            self._locals[local] = self._out.slot("ptr" if is_pointer(local.type) else "i64")
            if local in self._views:
                self._nothing[local] = self._out.slot("i8")
        self._out.at(function.location)
        passing.receive(self._out, self._locals, self._give_up)
        for parameter in function.parameters:
            if parameter in self._views:
                self._out.line(f"store i8 0, ptr {self._nothing[parameter]}, align 1")
        self._packet.begin()
        for parameter in function.parameters:
            self._mark_held(parameter)
        self._statements(function.body)
        if not self._out.ended:
            passing.give_back(self._out, self._locals)
        linkage = "internal" if self._local else "dso_local"
        head = f"define {linkage} i64 @{quoted(function.name)}({passing.signature()}) {ATTRIBUTES} noinline"
        section = f" section {quoted('.text')}"
        return "\n".join([*self._written, f"{head}{section} !dbg {self._scope} {{\n{self._out.text()}}}\n"])

    def _call_function(self, statement: ir.CallFunction) -> None:
        """A call: status and value are kept apart where the function may fail."""
        passing, out = Passing(statement.function), self._out
        arguments = [
            self._pointer(each) if is_pointer(each.type) else self._integer(each) for each in statement.arguments
        ]
        out.at(statement.location)
        status, frame = passing.call(out, arguments)
        if packet_change(statement.function.body) is not None:
            self._packet.renew()
        if passing.may_fail:
            failed, going_on = out.label("failed"), out.label("next")
            out.branch(out.value(f"icmp ne i64 {status}, 0"), failed, going_on)
            out.start(failed)
            self._leave_scopes(0, aborting=True)
            self._give_up()
            out.start(going_on)
        for local, value in zip(statement.results, passing.results(out, status, frame), strict=True):
            out.line(f"store i64 {value}, ptr {self._locals[local]}, align 8")
            self._mark_local(local, f"i64 {value}")

    def _give_up(self) -> None:
        """Return the program's error value, or from a function that the program calls, that it failed."""
        if self._callback is not None:
            self._stop("error")
            return
        if self._function is None:
            self._return(str(self._program.error_value))
            return
        self._out.line("ret i64 1")
        self._out.ended = True

    # Statements

    def _statements(self, statements: tuple[ir.Statement, ...]) -> None:
        for index, statement in enumerate(statements):
            if self._out.ended:
                return
            self._out.at(statement.location)
            if not isinstance(statement, ir.Loop | ir.Inlined):  # they tell of their lines themselves
                self._mark_line(statement.location)
            if isinstance(statement, ir.If):
                self._if(statement, statements[index + 1 : index + 2])
            else:
                self._statement(statement)

    def _statement(self, statement: ir.Statement) -> None:  # noqa: PLR0915 - one case for each node
        match statement:
            case ir.Assign(local=local, value=value):
                self._assign(local, value)
            case ir.Store(place=place, value=value):
                self._store(place, self._integer(value), statement.location)
            case ir.ContextStore(offset=offset, bits=bits, value=value):
                number = self._integer(value)
                self._out.at(statement.location)
                self._out.context_store(offset, bits, self._out.narrowed(number, bits))
            case ir.Copy(place=place, source=source):
                self._copy(place, source, statement.location)
            case ir.Fill(place=place, image=image):
                assert isinstance(place.type, PlaceType)
                pointer = self._pointer(place)
                self._out.at(statement.location)
                if any(image):
                    memory.fill(self._out, pointer, image, ANY_ALIGNMENT)
                else:
                    memory.clear(self._out, pointer, len(image))
            case ir.Breakpoint():
                assert self._marks is not None, "check_breakpoints has refused it"
                self._marks.breakpoint(self._out)
            case ir.Barrier():
                self._out.at(statement.location)
                self._out.line(BARRIER)
            case ir.Evaluate(value=value):
                self._evaluate(value)
            case ir.Return(value=value):
                result = self._integer(value)
                self._leave_scopes(0)
                self._out.at(statement.location)
                self._return(result if isinstance(value, ir.Constant) else self._within_results(result))
            case ir.If():
                self._if(statement, ())
            case ir.Loop() if statement.plan.form == "bpf_loop":
                self._called_loop(statement)
            case ir.Loop():
                self._loop(statement)
            case ir.ForEach():
                self._for_each(statement)
            case ir.Break() | ir.Continue():
                after, step, depth = self._loops[-1]
                self._leave_scopes(depth)
                self._out.go(after if isinstance(statement, ir.Break) else step)
            case ir.Abort():
                self._error_edge(statement.location)
            case ir.CountError():
                self._count_error(statement.location)
            case ir.Inlined():
                self._inlined(statement)
            case ir.CallFunction():
                self._call_function(statement)
            case ir.Leave(frame=frame):
                self._leave(frame)
            case ir.Scope():
                self._scope_of(statement)
            case _:
                assert_never(statement)

    def _inlined(self, statement: ir.Inlined) -> None:
        after = self._out.label("called")
        self._frames[statement.frame] = (after, len(self._scopes))
        before, ends = self._made, objects_end(statement)
        self._made = [] if ends else before
        around = self._inside
        if statement.frame in self._scope_numbers:
            self._inside = (self._scope_numbers[statement.frame], statement.frame.name)
            for name, constant in statement.known:
                local = ir.Local(name, constant.type, None)
                self._scope_numbers[local] = self._inside[0]
                self._mark_local(local, f"i64 {self._integer(constant)}")
        self._statements(statement.body)
        self._out.go(after)
        self._out.start(after)
        self._inside = around
        self._mark_line(statement.location)
        for made in self._made or () if ends else ():
            self._out.line(f"call void @llvm.lifetime.end.p0(ptr {made})")
        self._made = before

    def _leave(self, frame: ir.Frame) -> None:
        label, depth = self._frames.get(frame, ("", 0))
        self._leave_scopes(depth)
        if label:
            self._out.go(label)
        else:
            self._stop(frame)

    def _scope_of(self, statement: ir.Scope) -> None:
        self._scopes.append(statement)
        self._statements(statement.body)
        self._scopes.pop()
        if not self._out.ended:
            self._statements(statement.leave)

    def _leave_scopes(self, depth: int, *, aborting: bool = False) -> None:
        """What has to be done on the way out of all scopes but the outermost `depth`."""
        scopes = self._scopes
        for index in range(len(scopes) - 1, depth - 1, -1):
            self._scopes = scopes[:index]
            self._statements(scopes[index].abort if aborting else scopes[index].leave)
        self._scopes = scopes

    def _assign(self, local: ir.Local, value: ir.Expression) -> None:
        if local in self._views:
            self._assign_view(local, value)
            return
        if is_pointer(local.type):
            pointer = self._pointer(value)
            self._out.line(f"store ptr {pointer}, ptr {self._locals[local]}, align 8")
            self._mark_local(local, f"ptr {pointer}")
            return
        stored = self._integer(value)
        if local.storage is not None:
            stored = self._out.wrapped(stored, local.storage, integer_of(value.type))
        self._out.line(f"store i64 {stored}, ptr {self._locals[local]}, align 8")
        self._mark_local(local, f"i64 {stored}")

    # What a debug build tells

    def _mark_line(self, location: Location) -> None:
        if self._marks is not None and not self._out.ended:
            self._marks.line(self._out, location, *self._inside)

    def _mark_local(self, local: ir.Local, value: str, *, again: bool = False) -> None:
        if self._marks is not None and local.name.isidentifier():
            scope = self._scope_numbers.get(local, self._outermost)
            self._marks.local(self._out, local, scope, value, again=again)

    def _mark_held(self, local: ir.Local, *, again: bool = False) -> None:
        """What a local holds, read from where it is."""
        if self._marks is None or not local.name.isidentifier():
            return
        of = slot_type(local)
        held = self._out.value(f"load {of}, ptr {self._locals[local]}, align 8")
        if local in self._views:
            held = self._unless_nothing(local, held)
        self._mark_local(local, f"{of} {held}", again=again)

    def _unless_nothing(self, local: ir.Local, pointer: str) -> str:
        nothing = self._out.value(f"load i8, ptr {self._nothing[local]}, align 1")
        test = self._out.value(f"icmp ne i8 {nothing}, 0")
        return self._out.value(f"select i1 {test}, ptr null, ptr {pointer}")

    def _assign_view(self, local: ir.Local, value: ir.Expression) -> None:
        pointer, nothing = self._view(value)
        if local in self._reserved and nothing == "true":
            # LLVM would tell by the condition for it whether it was given away: the verifier does not remember that.
            nothing = self._out.value(f"icmp ne i64 {self._out.opaque('1')}, 0")
        self._out.line(f"store ptr {pointer}, ptr {self._locals[local]}, align 8")
        held = self._out.value(f"zext i1 {nothing} to i8")
        self._out.line(f"store i8 {held}, ptr {self._nothing[local]}, align 1")
        self._mark_held(local)

    def _evaluate(self, value: ir.Expression) -> None:
        if is_pointer(value.type):
            if isinstance(value, ir.HelperCall):
                self._helper_call(value)
            else:
                self._pointer(value)
        elif isinstance(value.type, BoolType):
            self._boolean(value)
        elif integer_of(value.type) is not None:
            self._integer(value)

    def _if(self, statement: ir.If, following: tuple[ir.Statement, ...]) -> None:
        match statement:
            case ir.If(
                test=ir.IsNone(operand=ir.LocalRead() as optional), then=(ir.Return(value=ir.Constant(value=0)), *_)
            ) if optional.local not in self._views and not self._scopes and self._callback is None:
                self._return_null_if_none(optional, statement)
                return
        then, otherwise, after = self._out.label("then"), self._out.label("else"), self._out.label("after")
        for label, statements in ((then, statement.then), (otherwise, statement.otherwise)):
            match statements or following:
                case (ir.Return(value=ir.Constant()), *_) if not self._scopes:
                    self._returning.add(label)
        self._branch(statement.test, then, otherwise)
        falls = False
        for label, statements in ((then, statement.then), (otherwise, statement.otherwise)):
            self._out.start(label)
            self._statements(statements)
            if not self._out.ended:
                falls = True
                self._out.go(after)
        self._out.ended = not falls
        if falls:
            self._out.start(after)

    def _loop(self, statement: ir.Loop) -> None:
        test, body, step = self._out.label("test"), self._out.label("body"), self._out.label("step")
        otherwise, after = self._out.label("else"), self._out.label("after")
        general = statement.plan.form == "may_goto"
        rounds = self._rounds_from_none() if statement.plan.form == "counted" else ""
        zero, moved = "", carried(self._body, statement)
        if not general:
            moved = scattering(statement, moved, self._body) if rounds_multiply(statement.plan) else ()
        hidden = deciding((statement,), moved) if general else moved
        if hidden and not general:
            zero = unknown_zero(self._out)
        elif moved or (general and self._reads_objects(statement)):
            # One for each group: a test of what begins as another number, or is a sum of it, limits that one too.
            hide_values(self._out, hidden, self._locals, unknown_zero(self._out))
            only_carried = tuple(local for local in moved if local not in hidden)
            hide_values(self._out, only_carried, self._locals, unknown_zero(self._out) if only_carried else "")
            zero = unknown_zero(self._out)
        outer_zero = self._zero
        if general:
            self._zero = zero
        self._out.line(f"br label %{test}")
        self._out.start(test)
        self._mark_line(statement.location)
        if not self._downwards(statement, body, otherwise):
            self._branch(statement.test, body, otherwise)
        self._loops.append((after, step, len(self._scopes)))
        self._out.start(body)
        if general:
            self._may_goto(statement.plan)
        elif rounds:
            self._count(rounds, statement.plan)
        self._statements(statement.body)
        self._out.go(step)
        self._loops.pop()
        self._out.start(step)
        self._statements(statement.step)
        if hidden and not self._out.ended:
            hide_values(self._out, hidden, self._locals, zero)
        self._zero = outer_zero
        self._out.go(test)
        self._out.start(otherwise)
        self._statements(statement.otherwise)
        self._out.go(after)
        self._out.start(after)

    def _downwards(self, statement: ir.Loop, body: str, otherwise: str) -> bool:
        """The test of a loop that counts down to a constant, where a verifier that learns nothing from `!=` walks it.

        LLVM makes `!=` of a number's last step to the least that it can be. So the number is one that it does not know.
        """
        match statement.test:
            case ir.Compare(operators=(">",), operands=(ir.LocalRead(local=local), ir.Constant(value=bound))):
                plan, of = statement.plan, integer_of(local.type)
            case _:
                return False
        known = plan.least == plan.most or plan.form != "plain" or self._kernel >= INEQUALITY_SINCE
        if known or of is None or of.high > I64_HIGH:
            return False
        self._out.at(statement.test.location)
        number = self._out.opaque(self._out.value(f"load i64, ptr {self._locals[local]}, align 8"))
        self._out.line(f"store i64 {number}, ptr {self._locals[local]}, align 8")
        self._out.branch(self._out.value(f"icmp sgt i64 {number}, {bound}"), body, otherwise)
        return True

    def _reads_objects(self, loop: ir.Loop) -> bool:
        """Whether a loop reads numbers from objects on the stack, which the verifier follows like locals."""
        return any(isinstance(each, ir.Load) and self._is_on_stack(each.place) for each in nodes((loop,)))

    def _hides(self, place: ir.Expression) -> bool:
        return bool(self._zero) and self._is_on_stack(place)

    def _is_on_stack(self, place: ir.Expression) -> bool:
        return leads_to(place, ir.Construct, self._places.on_stack)

    def _rounds_from_none(self) -> str:
        """A slot that counts the rounds of a loop."""
        rounds = self._out.slot("i64")
        self._out.line(f"store i64 0, ptr {rounds}, align 8")
        return rounds

    def _count(self, rounds: str, plan: ir.LoopPlan) -> None:
        """One round more. The counter is a number that the verifier knows, so that it finds the loop's end.

        LLVM is not to know it: where it knows the other bound, it would compare the two before the loop.
        """
        before = self._out.opaque(self._out.value(f"load i64, ptr {rounds}, align 8"))
        self._out.line(f"store i64 {self._out.value(f'add i64 {before}, 1')}, ptr {rounds}, align 8")
        self._end_if(self._out.value(f"icmp uge i64 {before}, {plan.counted}"), plan)

    def _may_goto(self, plan: ir.LoopPlan) -> None:
        """The kernel may end the loop here, which is an error."""
        self._out.at(plan.location)
        self._end_if(may_goto(self._out), plan)

    def _end_if(self, test: str, plan: ir.LoopPlan) -> None:
        going_on, ended = self._out.label("next"), self._out.label("ended")
        self._out.branch(test, ended, going_on)
        self._out.start(ended)
        self._error_edge(plan.location)
        self._out.start(going_on)

    # Functions that the kernel calls

    def _called_loop(self, statement: ir.Loop) -> None:
        """A loop whose rounds bpf_loop calls; its `otherwise` stays here."""
        plan, after = statement.plan, self._out.label("after")
        inside = ir.Loop(statement.location, statement.test, statement.body, statement.step, (), plan)

        def write() -> None:
            body, otherwise = self._out.label("body"), self._out.label("else")
            self._branch(statement.test, body, otherwise)
            self._out.start(otherwise)
            self._stop("done")
            self._out.start(body)
            self._round(inside, statement.body, statement.step)

        callback = self._outlined(inside, plan.location, ("i64 %index",), write)
        frame = self._enter(callback)
        self._out.call(LOOP, f"i64 {MOST_ROUNDS}", f"ptr @{quoted(callback.name)}", f"ptr {frame}", "i64 0")
        self._leave_callback(callback, frame)
        for way in self._ways_out(callback, frame):
            if way == "done":
                self._statements(statement.otherwise)
                self._out.go(after)
            elif way is None:
                self._error_edge(plan.location)
            else:
                self._take(way, frame, after)
        self._out.start(after)

    def _for_each(self, statement: ir.ForEach) -> None:
        after = self._out.label("after")

        parameters = GIVEN[statement.helper.name]

        def write() -> None:
            for local, given in zip(statement.given, parameters[-len(statement.given) :], strict=True):
                self._out.line(f"store ptr {given}, ptr {self._locals[local]}, align 8")
                self._mark_held(local)
            self._round(statement, statement.body, ())

        typed = tuple(f"ptr {each}" for each in parameters)
        callback = self._outlined(statement, statement.location, typed, write)
        number, flags = statement.helper.number, self._integer(statement.flags)
        frame = self._enter(callback)
        symbol, function = self._map(statement.map), quoted(callback.name)
        called = self._out.call(number, f"ptr {symbol}", f"ptr @{function}", f"ptr {frame}", f"i64 {flags}")
        count = self._status(number, called)
        self._leave_callback(callback, frame)
        self._out.line(f"store i64 {count}, ptr {self._locals[statement.count]}, align 8")
        for way in self._ways_out(callback, frame):
            if way is None:
                self._out.go(after)
            else:
                self._take(way, frame, after)
        self._out.start(after)

    def _enter(self, callback: Callback) -> str:
        hide_values(self._out, callback.results, self._locals, unknown_zero(self._out))
        out, around = self._out, self._callback
        frame = enter(out, callback, self._locals, unknown_zero(out), around, context=self._has_context)
        for local in filter(self._views.__contains__, callback.shared):
            if around is None or local not in around.shared:
                out.at_start(f"store i8 1, ptr {self._nothing[local]}, align 1")
            held = out.value(f"load i8, ptr {self._nothing[local]}, align 1")
            out.line(f"store i8 {held}, ptr {in_frame(out, frame, callback.flag(local))}, align 1")
        return frame

    def _leave_callback(self, callback: Callback, frame: str) -> None:
        leave(self._out, callback, frame, self._locals)
        for local in filter(self._views.__contains__, callback.results):
            held = self._out.value(f"load i8, ptr {in_frame(self._out, frame, callback.flag(local))}, align 1")
            self._out.line(f"store i8 {held}, ptr {self._nothing[local]}, align 1")
        self._packet.renew()
        for local in callback.results:
            self._mark_held(local, again=True)

    def _outlined(
        self, inside: ir.Statement, location: Location, parameters: tuple[str, ...], write: Callable[[], None]
    ) -> Callback:
        """Write a part of the program as a function that a helper calls."""
        owner = self._program.name if self._function is None else self._function.name
        name = f"osmia_{len(self._written) + self._depth}_{owner}"
        callback = Callback(name, self._body, inside)
        self._check_objects(callback, inside)
        around = self._out, self._locals, self._loops, self._frames, self._scopes, self._callback, self._packet
        scope = self._debug.callback(callback.name, self._program, location, (*parameters, "ptr %frame"))
        self._out = out = Emitter(self._debug, scope)
        self._loops, self._frames, self._scopes, self._callback = [], {}, [], callback
        self._depth += 1
        out.at(location)
        if self._has_context:
            out.line(f"%ctx = load ptr, ptr {in_frame(out, '%frame', CONTEXT)}, align 8")
        self._locals = {local: out.slot(slot_type(local)) for local in callback.own}
        self._locals |= {local: in_frame(out, "%frame", slot) for local, slot in callback.shared.items()}
        outer_nothing = self._nothing
        self._nothing = {local: out.slot("i8") for local in callback.own if local in self._views}
        self._nothing |= {
            local: in_frame(out, "%frame", callback.flag(local)) for local in callback.shared if local in self._views
        }
        shared = tuple(callback.shared)
        self._packet = PacketWriter(out, self._program.kind.packet, (inside,), self._places.on_stack, shared)
        self._packet.begin()
        outer_zero = self._zero
        self._zero = out.value(f"load i64, ptr {in_frame(out, '%frame', ZERO)}, align 8")
        write()
        self._zero = outer_zero
        listed = ", ".join((*parameters, "ptr noalias %frame"))
        head = f"define internal i64 @{quoted(callback.name)}({listed}) {ATTRIBUTES} !dbg {scope} {{"
        self._written.append(f"{head}\n{out.text()}}}\n")
        self._depth -= 1
        self._out, self._locals, self._loops, self._frames, self._scopes, self._callback, self._packet = around
        self._nothing = outer_nothing
        self._out.at(location)
        return callback

    def _check_objects(self, callback: Callback, inside: ir.Statement) -> None:
        """What a callback makes lies in its own memory, which ends with it: nothing outside may refer to it."""
        for each in nodes((inside,)):
            if not isinstance(each, ir.Assign | ir.AssignExpression) or each.local not in callback.shared:
                continue
            if is_pointer(each.local.type) and leads_to(each.value, ir.Construct, self._places.on_stack):
                raise error(
                    f"{each.local.name!r} is made in a round of a loop and used behind it",
                    each.location,
                    found="an object in a round that the kernel calls as a function, whose memory ends with it",
                    expected="an object that is made before the loop",
                    fix="make it before the loop and assign its fields in the loop",
                )

    def _ways_out(self, callback: Callback, frame: str) -> Iterator[Way | None]:
        """Behind the call, go where the callback said; None is where nothing left it. Each way is written in turn."""
        out, location = self._out, self._out.place
        status = out.value(f"load i64, ptr {frame}, align 8")
        for way, code in callback.ways.items():
            taken, other = out.label("taken"), out.label("other")
            out.branch(out.value(f"icmp eq i64 {status}, {code}"), taken, other)
            out.start(taken)
            yield way
            out.place = location
            out.start(other)
        yield None

    def _take(self, way: Way, frame: str, after: str) -> None:
        """Do what the callback could not: leave the program, a call, or the loop."""
        if isinstance(way, ir.Frame):
            self._leave(way)
        elif way == "return":
            result = self._out.value(f"load i64, ptr {in_frame(self._out, frame, RESULT)}, align 8")
            self._leave_scopes(0)
            self._return(result)
        elif way == "error":
            self._leave_scopes(0, aborting=True)
            self._give_up()
        else:
            self._out.go(after)

    def _stop(self, way: Way) -> None:
        """End the callback, and with it the helper that calls it."""
        assert self._callback is not None
        self._out.line(f"store i64 {self._callback.status_of(way)}, ptr %frame, align 8")
        self._out.line("ret i64 1")
        self._out.ended = True

    def _round(self, inside: ir.Statement, body: tuple[ir.Statement, ...], step: tuple[ir.Statement, ...]) -> None:
        """One call of a callback: 0 goes on, 1 stops."""
        broken, stepped = self._out.label("broken"), self._out.label("step")
        self._loops.append((broken, stepped, 0))
        self._statements(body)
        self._out.go(stepped)
        self._loops.pop()
        self._out.start(broken)
        self._stop("break")
        self._out.start(stepped)
        self._statements(step)
        if not self._out.ended:
            assert self._callback is not None
            hide_values(self._out, deciding((inside,), self._callback.results), self._locals, self._zero)
            self._out.line("ret i64 0")
            self._out.ended = True

    def _return_null_if_none(self, optional: ir.LocalRead, statement: ir.If) -> None:
        """`if x is None: return 0`: the null pointer itself is the 0 that is returned, already in r0 after a look-up.

        LLVM would put the constant back wherever it knows that the pointer is null, so the returned number goes
        through an empty asm before the test. It makes the packet counter 13 slots long on v4 instead of 15.
        """
        number = self._out.value(f"ptrtoint ptr {self._pointer(optional)} to i64")
        returned = self._out.opaque(number)
        none, there = self._out.label("none"), self._out.label("there")
        test = self._out.value(f"icmp eq i64 {number}, 0")
        self._out.line(f"br i1 {test}, label %{none}, label %{there}")
        self._out.start(none)
        self._out.at(statement.then[0].location)
        self._out.line(f"ret i32 {self._out.narrowed(returned, 32)}")
        self._out.start(there)
        self._statements(statement.otherwise)

    def _within_results(self, result: str) -> str:
        """A number of which the compiler knows that the kind may return it: the verifier knows less of divisions."""
        low, high = self._program.kind.results
        span = high - low
        if span >> 16 or span & (span + 1):
            return result
        above = self._out.opaque(self._out.value(f"sub i64 {result}, {low}"))
        kept = self._out.value(f"and i64 {above}, {span}")
        return self._out.value(f"add i64 {kept}, {low}")

    def _return(self, result: str) -> None:
        if self._callback is not None:
            self._out.line(f"store i64 {result}, ptr {in_frame(self._out, '%frame', RESULT)}, align 8")
            self._stop("return")
            return
        self._out.line(f"store i32 {self._out.narrowed(result, 32)}, ptr {self._result}, align 4")
        self._out.go(self._end)

    # Conditions

    def _branch(self, test: ir.Expression, when_true: str, when_false: str) -> None:
        """Go to one label or the other, evaluating no more than Python does."""
        match test:
            case ir.Not(operand=operand):
                self._branch(operand, when_false, when_true)
            case ir.Logical(operator=operator, operands=operands):
                for operand in operands[:-1]:
                    next_label = self._out.label("next")
                    if operator == "and":
                        self._branch(operand, next_label, when_false)
                    else:
                        self._branch(operand, when_true, next_label)
                    self._out.start(next_label)
                self._branch(operands[-1], when_true, when_false)
            case ir.Sequence(before=before, value=value):
                self._statements(before)
                self._branch(value, when_true, when_false)
            case ir.IsNone(operand=operand):
                self._branch_on_none(self._is_none(operand), test.location, when_true, when_false)
            case ir.Compare(operators=operators, operands=operands) if len(operators) > 1:
                self._chain(operators, operands, test.location, when_true, when_false)
            case _:
                condition = self._boolean(test)
                self._out.at(test.location)
                self._out.line(f"br i1 {condition}, label %{when_true}, label %{when_false}")

    def _branch_on_none(self, nothing: str, location: Location, when_true: str, when_false: str) -> None:
        """A test for None that stays a branch of its own.

        LLVM merges neighbouring tests where it can, and makes `p == 0 and n == 0` into `p | n == 0`: arithmetic on a
        pointer, which the verifier refuses, and of the checks of two views into arithmetic on their outcomes, from
        which it learns nothing. An empty asm before the test and on both ways keeps the neighbours apart.
        """
        self._out.at(location)
        self._out.line(KEEP_APART)
        none, there = self._out.label("none"), self._out.label("there")
        self._out.line(f"br i1 {nothing}, label %{none}, label %{there}")
        for label, target in ((none, when_true), (there, when_false)):
            self._out.start(label)
            if target not in self._returning:
                self._out.line(KEEP_APART)
            self._out.line(f"br label %{target}")

    def _chain(
        self,
        operators: tuple[str, ...],
        operands: tuple[ir.Expression, ...],
        location: Location,
        when_true: str,
        when_false: str,
    ) -> None:
        left_type, left = integer_of(operands[0].type), self._integer(operands[0])
        for index, (operator, right_operand) in enumerate(zip(operators, operands[1:], strict=True)):
            right_type, right = integer_of(right_operand.type), self._integer(right_operand)
            self._out.at(location)
            assert left_type is not None and right_type is not None  # noqa: PT018 - one invariant of the IR
            condition = comparison(self._out, operator, left, left_type, right, right_type)
            last = index == len(operators) - 1
            following = when_true if last else self._out.label("next")
            self._out.line(f"br i1 {condition}, label %{following}, label %{when_false}")
            if not last:
                self._out.start(following)
            left_type, left = right_type, right

    def _boolean(self, of: ir.Expression) -> str:
        match of:
            case ir.Constant(value=value):
                return "true" if value else "false"
            case ir.Compare(operators=(operator,), operands=(left, right)):
                left_type, right_type = integer_of(left.type), integer_of(right.type)
                assert left_type is not None and right_type is not None  # noqa: PT018 - one invariant of the IR
                one, other = self._integer(left), self._integer(right)
                self._out.at(of.location)
                return comparison(self._out, operator, one, left_type, other, right_type)
            case ir.IsNone(operand=operand):
                nothing = self._is_none(operand)
                self._out.at(of.location)
                number = self._out.value(f"zext i1 {nothing} to i64")
                # Kept apart as a number for the reason that _branch_on_none gives.
                return self._out.value(f"icmp ne i64 {self._out.opaque(number)}, 0")
            case ir.Truth(operand=operand):
                value_ = self._integer(operand)
                self._out.at(of.location)
                return self._out.value(f"icmp ne i64 {value_}, 0")
            case ir.Not() | ir.Logical() | ir.Compare():
                return self._branched(of)
            case ir.Alike(left=left, right=right, size=size):
                alignment = self._places.alignment(left)
                one = self._pointer(left)
                if not isinstance(right, bytes):
                    alignment = min(alignment, self._places.alignment(right))
                beside: str | bytes = right if isinstance(right, bytes) else self._pointer(right)
                self._out.at(of.location)
                return memory.alike(self._out, one, beside, size, alignment)
            case ir.LogSwitch():
                return self._log_switch(of)
            case ir.Sequence(before=before, value=value):
                self._statements(before)
                return self._boolean(value)
            case _:
                return self._out.value(f"icmp ne i64 {self._integer(of)}, 0")

    def _branched(self, of: ir.Expression) -> str:
        """The value of a condition that is evaluated by branching."""
        when_true, when_false, after = self._out.label("true"), self._out.label("false"), self._out.label("bool")
        self._branch(of, when_true, when_false)
        for label in (when_true, when_false):
            self._out.start(label)
            self._out.line(f"br label %{after}")
        self._out.start(after)
        return self._out.value(f"phi i1 [ true, %{when_true} ], [ false, %{when_false} ]")

    # Values

    def _integer(self, of: ir.Expression) -> str:
        """The value as an i64."""
        match of:
            case ir.Constant(value=value):
                return str(value - (1 << 64) if value >= 1 << 63 else value)
            case ir.LocalRead(local=local):
                self._out.at(of.location)
                return self._out.value(f"load i64, ptr {self._locals[local]}, align 8")
            case ir.ContextRead():
                return self._context_read(of)
            case ir.Load(place=place):
                loaded = self._load(place, of.location)
                return self._out.value(f"add i64 {loaded}, {self._zero}") if self._hides(place) else loaded
            case ir.Sequence(before=before, value=value):
                self._statements(before)
                return self._integer(value)
            case ir.Binary():
                return self._binary(of)
            case ir.Unary(operator=operator, operand=operand):
                value_ = self._integer(operand)
                self._out.at(of.location)
                return self._out.value(f"sub i64 0, {value_}" if operator == "-" else f"xor i64 {value_}, -1")
            case ir.Wrap(operand=operand, storage=storage):
                return self._out.wrapped(self._integer(operand), storage, integer_of(operand.type))
            case ir.ByteSwap(operand=operand, storage=storage):
                return memory.byte_swapped(self._out, self._integer(operand), storage.bits)
            case ir.MapUpdate():
                return self._map_update(of)
            case ir.PacketLength(packet=packet):
                self._out.at(of.location)
                return self._packet.length(packet)
            case ir.MapDelete(map=map_, key=key):
                symbol, key_place = self._map(map_), self._key(key, map_.key)
                self._out.at(of.location)
                status = self._out.call(MAP_DELETE_ELEM, f"ptr {symbol}", f"ptr {key_place}")
                return self._status(MAP_DELETE_ELEM, status)
            case ir.Compare() | ir.IsNone() | ir.Truth() | ir.Not() | ir.Logical() | ir.Alike() | ir.LogSwitch():
                return self._out.value(f"zext i1 {self._boolean(of)} to i64")
            case ir.Conditional():
                return self._conditional(of, "i64", self._integer)
            case ir.AssignExpression(local=local, value=value):
                self._assign(local, value)
                return self._out.value(f"load i64, ptr {self._locals[local]}, align 8")
            case ir.Extreme():
                return self._extreme(of)
            case ir.Absolute() | ir.BitLength() | ir.Limited():
                return self._of_number(of)
            case ir.HelperCall():
                return self._helper_call(of)
            case ir.RawCall():
                return self._raw_call(of)
            case ir.Address(operand=operand):
                return self._address(operand, of.location)
            case ir.Atomic():
                return self._atomic(of)
            case ir.SettingRead() | ir.LogNumber():
                return self._known_when_loaded(of)
            case (
                ir.PacketAt()
                | ir.ArenaAt()
                | ir.ArgumentRead()
                | ir.MapLookup()
                | ir.Unwrap()
                | ir.Assume()
                | ir.MemoryAt()
                | ir.Require()
                | ir.Field()
                | ir.Element()
                | ir.Construct()
                | ir.Dynptr()
                | ir.GlobalPlace()
                | ir.ConstantText()
            ):
                raise AssertionError(f"a pointer where an integer is due: {of}")
            case _:
                assert_never(of)

    def _of_number(self, of: ir.Absolute | ir.BitLength | ir.Limited) -> str:
        """What a number alone says."""
        value, of_value = self._integer(of.operand), integer_of(of.operand.type)
        assert of_value is not None
        self._out.at(of.location)
        if isinstance(of, ir.BitLength):
            return bit_length(self._out, value, of_value.high)
        if isinstance(of, ir.Limited):
            number = self._out.opaque_unless_constant(value)
            inside = self._out.value(f"icmp ult i64 {number}, {of.most}")
            return self._out.value(f"select i1 {inside}, i64 {number}, i64 {of.most}")
        return magnitude(self._out, value, self._out.value(f"icmp slt i64 {value}, 0"))

    def _pointer(self, of: ir.Expression) -> str:
        """The value as a pointer; None is null."""
        match of:
            case ir.Constant():
                return "null"
            case ir.LocalRead(local=local) if local is self._program.context:
                return "%ctx"
            case ir.LocalRead(local=local):
                self._out.at(of.location)
                return self._out.value(f"load ptr, ptr {self._locals[local]}, align 8")
            case ir.ArgumentRead(index=index):
                self._out.at(of.location)
                return self._out.context_field("%ctx", 8 * index, "ptr")
            case ir.PacketAt():
                return self._view(of)[0]
            case ir.ArenaAt():
                return arena_place(self._out, of, self._integer(of.offset))
            case ir.Unwrap(operand=operand) | ir.Assume(operand=operand):
                return self._pointer(operand)
            case ir.MemoryAt():
                return self._memory_at(of)
            case ir.Require(operand=operand):
                pointer = self._pointer(operand)
                self._out.at(of.location)
                self._error_edge_if(f"icmp eq ptr {pointer}, null", of.location)
                return pointer
            case ir.Field(base=base, field=field):
                pointer = self._pointer(base)
                self._out.at(of.location)
                return memory.offset(self._out, pointer, field.offset)
            case ir.Element():
                return self._element(of)
            case ir.HelperCall():
                return self._helper_call(of)
            case ir.ContextRead():
                return self._context_read(of)
            case ir.Construct():
                return self._construct(of)
            case ir.Dynptr():
                return self._dynptr(of)
            case ir.GlobalPlace(symbol=symbol):
                return f"@{quoted(symbol)}"
            case ir.ConstantText(data=data):
                return f"@{quoted(self._texts[data])}"
            case ir.Sequence(before=before, value=value):
                self._statements(before)
                return self._pointer(value)
            case ir.Conditional():
                return self._conditional(of, "ptr", self._pointer)
            case ir.AssignExpression(local=local, value=value):
                self._assign(local, value)
                return self._out.value(f"load ptr, ptr {self._locals[local]}, align 8")
            case ir.MapLookup(map=map_, key=key):
                symbol, key_place = self._map(map_), self._key(key, map_.key)
                self._out.at(of.location)
                return self._out.value(
                    f"call ptr inttoptr (i64 {MAP_LOOKUP_ELEM} to ptr)(ptr {symbol}, ptr {key_place})"
                )
            case _:
                raise AssertionError(f"an integer where a pointer is due: {of}")

    def _is_none(self, of: ir.Expression) -> str:
        """Whether an optional is None, as an i1."""
        if leads_to(of, ir.PacketAt, self._views):
            return self._view(of)[1]
        pointer = self._pointer(of)
        self._out.at(of.location)
        return self._out.value(f"icmp eq ptr {pointer}, null")

    def _view(self, of: ir.Expression) -> View:
        """A reference and whether it is None.

        What may lead into a packet is not null where it is None: its check against the packet's end says so, and a
        test for None is that check and no other.
        """
        match of:
            case ir.PacketAt(offset=offset):
                number = self._integer(varying(offset)[0])
                self._out.at(of.location)
                return self._packet.at(of, number)
            case ir.LocalRead(local=local) | ir.AssignExpression(local=local) if local in self._views:
                pointer = self._pointer(of)
                held = self._out.value(f"load i8, ptr {self._nothing[local]}, align 1")
                return pointer, self._out.value(f"icmp ne i8 {held}, 0")
            case ir.Sequence(before=before, value=value):
                self._statements(before)
                return self._view(value)
            case ir.Conditional(test=test, then=ir.Constant(), otherwise=ir.Dynptr() as slot):
                # The place is there in either case. A verifier that forgets what the test was finds no null pointer.
                nothing = self._boolean(test)
                return self._dynptr(slot), nothing
            case ir.Conditional():
                return self._view_of_two(of)
            case ir.Constant():
                return "null", "true"
        pointer = self._pointer(of)
        if not isinstance(of.type, OptionalType):
            return pointer, "false"
        self._out.at(of.location)
        nothing = self._out.value(f"icmp eq ptr {pointer}, null")
        if isinstance(of, ir.HelperCall):
            decided = self._out.opaque(self._out.value(f"zext i1 {nothing} to i64"))
            nothing = self._out.value(f"icmp ne i64 {decided}, 0")
        return pointer, nothing

    def _view_of_two(self, of: ir.Conditional) -> View:
        """Only one of the two is evaluated."""
        slot, nothing = self._out.slot("ptr"), self._out.slot("i8")
        then, otherwise, after = self._out.label("then"), self._out.label("else"), self._out.label("after")
        self._branch(of.test, then, otherwise)
        for label, operand in ((then, of.then), (otherwise, of.otherwise)):
            self._out.start(label)
            pointer, none = self._view(operand)
            self._out.line(f"store ptr {pointer}, ptr {slot}, align 8")
            held = self._out.value(f"zext i1 {none} to i8")
            self._out.line(f"store i8 {held}, ptr {nothing}, align 1")
            self._out.line(f"br label %{after}")
        self._out.start(after)
        pointer = self._out.value(f"load ptr, ptr {slot}, align 8")
        held = self._out.value(f"load i8, ptr {nothing}, align 1")
        return pointer, self._out.value(f"icmp ne i8 {held}, 0")

    def _conditional(self, of: ir.Conditional, kind: str, value: Callable[[ir.Expression], str]) -> str:
        """Only one of the two is evaluated; a slot joins them."""
        slot = self._out.slot(kind)
        then, otherwise, after = self._out.label("then"), self._out.label("else"), self._out.label("after")
        self._branch(of.test, then, otherwise)
        for label, operand in ((then, of.then), (otherwise, of.otherwise)):
            self._out.start(label)
            self._out.line(f"store {kind} {value(operand)}, ptr {slot}, align 8")
            self._out.line(f"br label %{after}")
        self._out.start(after)
        return self._out.value(f"load {kind}, ptr {slot}, align 8")

    def _extreme(self, of: ir.Extreme) -> str:
        first, *rest = [(integer_of(part.type), self._integer(part)) for part in of.operands]
        self._out.at(of.location)
        best_type, best = first
        for other_type, other in rest:
            assert best_type is not None and other_type is not None  # noqa: PT018 - one invariant of the IR
            better = comparison(self._out, "<" if of.operator == "min" else ">", other, other_type, best, best_type)
            best = self._out.value(f"select i1 {better}, i64 {other}, i64 {best}")
            best_type = extreme_type(of.operator, best_type, other_type)
        return best

    def _context_read(self, of: ir.ContextRead) -> str:
        base = "%ctx" if of.base is None else self._pointer(of.base)
        self._out.at(of.location)
        if not isinstance(of.type, IntType):
            return self._out.context_field(base, of.offset, "ptr")
        loaded = self._out.context_field(base, of.offset, f"i{of.bits}")
        return self._out.extended(loaded, of.bits, signed=of.type.may_be_negative)

    # Memory

    def _load(self, place: ir.Expression, location: Location) -> str:
        assert isinstance(place.type, PlaceType)
        if isinstance(place, ir.Field) and place.field.bit_width is not None:
            base = self._pointer(place.base)
            self._out.at(location)
            return memory.load_bits(self._out, place.field, base, self._places.alignment(place.base))
        pointer = self._pointer(place)
        self._out.at(location)
        layout = place.type.layout
        return memory.load(self._out, layout, pointer, min(layout.size, self._places.alignment(place)))

    def _store(self, place: ir.Expression, number: str, location: Location) -> None:
        assert isinstance(place.type, PlaceType)
        if isinstance(place, ir.Field) and place.field.bit_width is not None:
            base = self._pointer(place.base)
            self._out.at(location)
            memory.store_bits(self._out, place.field, number, base, self._places.alignment(place.base))
            return
        pointer = self._pointer(place)
        self._out.at(location)
        layout = place.type.layout
        memory.store(self._out, layout, number, pointer, min(layout.size, self._places.alignment(place)))

    def _copy(self, place: ir.Expression, source: ir.Expression, location: Location) -> None:
        assert isinstance(place.type, PlaceType)
        held, target = self._pointer(source), self._pointer(place)
        self._out.at(location)
        alignment = min(self._places.alignment(place), self._places.alignment(source))
        memory.copy(self._out, target, held, place.type.layout, alignment)

    def _construct(self, of: ir.Construct) -> str:
        """All values are evaluated before anything is written: they may be made of the object's last life."""
        out, layout = self._out, of.type.layout
        values = []
        for field, value in of.values:
            if is_scalar(field.layout):
                values.append(self._integer(value))
                continue
            kept = out.object(field.layout.size)
            pointer = self._pointer(value)
            memory.copy(out, kept, pointer, field.layout, self._places.alignment(value))
            values.append(kept)
        out.at(of.location)
        made = out.object(layout.size)
        if self._made is not None:
            self._made.append(made)
            out.line(f"call void @llvm.lifetime.start.p0(ptr {made})")
        memory.fill(out, made, of.image.ljust((len(of.image) + 7) // 8 * 8, b"\0"), ANY_ALIGNMENT)
        for (field, _), held in zip(of.values, values, strict=True):
            alignment = min(ANY_ALIGNMENT, lowest_bit(field.offset))
            if field.bit_width is not None:
                memory.store_bits(out, field, held, made, ANY_ALIGNMENT)
            elif is_scalar(field.layout):
                place = memory.offset(out, made, field.offset)
                memory.store(out, field.layout, held, place, min(field.layout.size, alignment))
            else:
                memory.copy(out, memory.offset(out, made, field.offset), held, field.layout, alignment)
        return made

    def _dynptr(self, of: ir.Dynptr) -> str:
        """The same memory whenever it is asked for."""
        owner, place = self._dynptrs.get(id(of), (self._out, ""))
        if owner is not self._out:
            raise error(
                "a record is given up by the function that reserved it",
                of.location,
                found="a discard in a loop that is too long to stand as it is, whose rounds the kernel calls",
                expected="a discard behind the loop",
                fix="leave the loop with `break`, and discard the record there",
            )
        place = place or self._out.object(DYNPTR_SIZE)
        self._dynptrs[id(of)] = owner, place
        return place

    def _element(self, of: ir.Element) -> str:
        """The address of an element. The verifier wants to see that the index is inside, whatever is known of it."""
        out, size = self._out, of.type.layout.size
        base, index_type = self._pointer(of.base), integer_of(of.index.type)
        assert index_type is not None
        if isinstance(of.index, ir.Constant):
            return memory.offset(out, base, of.index.value % of.length * size)
        index = self._integer(of.index)
        out.at(of.location)
        if of.tested:
            distance = out.value(f"mul i64 {index}, {size}")
            return out.value(f"getelementptr i8, ptr {base}, i64 {distance}")
        if index_type.may_be_negative:
            negative = out.value(f"icmp slt i64 {index}, 0")
            from_end = out.value(f"add i64 {index}, {of.length}")
            index = out.value(f"select i1 {negative}, i64 {from_end}, i64 {index}")
        index = out.opaque_unless_constant(index)
        inside, outside = out.label("inside"), out.label("outside")
        out.branch(out.value(f"icmp ult i64 {index}, {of.length}"), inside, outside)
        out.start(outside)
        if of.edge is not None:
            self._error_edge(of.location)
        else:
            self._leave_scopes(0, aborting=True)
            self._give_up()
        out.start(inside)
        distance = out.value(f"mul i64 {index}, {size}") if size != 1 else index
        return out.value(f"getelementptr i8, ptr {base}, i64 {distance}")

    def _key(self, value: ir.Expression, layout: Layout) -> str:
        """The address of a key. The kernel compares keys byte by byte: what is between the fields has to be 0."""
        pointer = self._argument(value, layout)
        if is_scalar(layout) or self._places.padding_is_zero(value):
            return pointer
        held = self._out.object(layout.size)
        memory.copy_fields(self._out, held, pointer, memory.mask_of(layout), self._places.alignment(value))
        return held

    def _argument(self, value: ir.Expression, layout: Layout) -> str:
        """The address of a value, for a helper that reads it."""
        if not is_scalar(layout):
            return self._pointer(value)
        number = self._integer(value)
        if isinstance(value, ir.LocalRead) and value.local.storage is None:
            # LLVM would keep a second register for the lower half of what a loop changes.
            number = self._out.opaque_unless_constant(number)
        held = self._out.slot(f"i{8 * layout.size}")
        memory.store(self._out, layout, number, held, layout.size)
        return held

    def _map(self, of: ir.MapReference) -> str:
        """A map's address."""
        return f"@{quoted(of.symbol)}" if of.found is None else self._pointer(of.found)

    def _map_update(self, of: ir.MapUpdate) -> str:
        place, key = self._map(of.map), self._key(of.key, of.map.key)
        value = self._argument(of.value, of.map.value)
        flags = self._integer(of.flags)
        self._out.at(of.location)
        status = self._out.call(MAP_UPDATE_ELEM, f"ptr {place}", f"ptr {key}", f"ptr {value}", f"i64 {flags}")
        return self._status(MAP_UPDATE_ELEM, status)

    def _status(self, helper: int, result: str) -> str:
        """What a helper gives, where older kernels may leave the upper half of the register as it was."""
        if self._kernel >= WHOLE_RESULTS_SINCE or helper not in HALF_RESULTS:
            return result
        return self._out.extended(self._out.narrowed(result, 32), 32, signed=True)

    def _known_when_loaded(self, of: ir.SettingRead | ir.LogNumber) -> str:
        """The number of a log; or a setting, by a volatile load: LLVM sees the default, the kernel what was given."""
        if isinstance(of, ir.LogNumber):
            return str(self._logs[of.format])
        layout = layout_of(of.declaration.of)
        assert layout is not None
        self._out.at(of.location)
        return memory.load(self._out, layout, f"@{quoted(of.symbol)}", layout.size, volatile=True)

    def _log_switch(self, of: ir.LogSwitch) -> str:
        """A volatile load too. Each log has a variable, so that no two tests share the address in a register.

        So the loader finds each test by its relocation, and takes it out (loader/switches.py).
        """
        self._out.at(of.location)
        read = self._out.value(f"load volatile i8, ptr @{quoted(switch_name(self._logs[of.format]))}, align 1")
        return self._out.value(f"icmp ne i8 {read}, 0")

    def _helper_call(self, of: ir.HelperCall) -> str:
        arguments = self._helper_arguments(of)
        self._out.at(of.location)
        pointer = is_pointer(of.type) and of.type != ir.NONE
        # What says which memory a call may touch lets LLVM drop the zeros of a new event whose fields are all assigned.
        result_type = "ptr" if pointer else "i64"
        if of.helper.name == "ringbuf_reserve":
            result_type = "noalias ptr"
        effects = "" if of.helper.arguments or pointer else " nounwind memory(inaccessiblemem: readwrite)"
        result = self._out.call(of.helper.number, *arguments, of=result_type, effects=effects)
        if of.helper.changes_packet:
            self._packet.renew()
        return result if pointer else self._status(of.helper.number, result)

    def _helper_arguments(self, of: ir.HelperCall) -> list[str]:
        """Arguments in their order: keys and values of a map by their addresses."""
        map_ = next((each for each in of.arguments if isinstance(each, ir.MapReference)), None)
        arguments = []
        for row, given in zip_longest(of.helper.arguments[: len(of.arguments)], of.arguments):
            role = row.kind if row is not None and map_ is not None else ""
            if map_ is None or isinstance(given, ir.MapReference) or given.type == ir.NONE:
                arguments += self._call_arguments((given,))
            elif role in ("map key", "map value") and is_pointer(given.type):
                layout = map_.key if role == "map key" else map_.value
                arguments.append(f"ptr {self._key(given, layout) if role == 'map key' else self._pointer(given)}")
            elif role == "map key":
                arguments.append(f"ptr {self._key(given, map_.key)}")
            elif role == "map value" and not is_object(given.type):
                arguments.append(f"ptr {self._argument(given, map_.value)}")
            else:
                arguments += self._call_arguments((given,))
        return arguments

    def _raw_call(self, of: ir.RawCall) -> str:
        arguments = self._call_arguments(of.arguments)
        self._out.at(of.location)
        result = self._out.call(of.number, *arguments)
        if of.changes_packet:
            self._packet.renew()
        return self._status(of.number, result)

    def _call_arguments(self, given: tuple[ir.Expression | ir.MapReference, ...]) -> list[str]:
        """Arguments in their order; all numbers are i64, as the verifier sees registers whole."""
        arguments = []
        for argument in given:
            if isinstance(argument, ir.MapReference):
                arguments.append(f"ptr {self._map(argument)}")
            elif is_pointer(argument.type):
                arguments.append(f"ptr {self._pointer(argument)}")
            else:
                arguments.append(f"i64 {self._integer(argument)}")
        return arguments

    # What the program's author vouches for: LLVM, which trusts what it knows of memory, is to know nothing of it.

    def _address(self, operand: ir.Expression | ir.MapReference, location: Location) -> str:
        symbol = self._map(operand) if isinstance(operand, ir.MapReference) else self._pointer(operand)
        self._out.at(location)
        return self._out.opaque(self._out.value(f"ptrtoint ptr {symbol} to i64"))

    def _memory_at(self, of: ir.MemoryAt) -> str:
        address, distance = self._integer(of.address), self._integer(of.offset)
        self._out.at(of.location)
        pointer = self._out.value(f"inttoptr i64 {address} to ptr")
        return self._out.value(f"getelementptr i8, ptr {pointer}, i64 {distance}")

    def _atomic(self, of: ir.Atomic) -> str:
        """One instruction. Where the result is not wanted the weakest order does, which v1 has too."""
        assert isinstance(of.place.type, PlaceType)
        out, storage = self._out, scalar_storage(of.place.type.layout)
        operands = [self._integer(operand) for operand in of.operands]
        if of.operation == "add" and not of.fetch:
            # LLVM makes `or` of an addition that it finds to be of 0, an instruction that 5.10 does not have.
            known = operands[0].lstrip("-").isdigit() and operands[0] != "0"
            operands = operands if known else [out.hidden(operands[0], "i64", "false")]
        place = self._pointer(of.place)
        out.at(of.location)
        values = [out.narrowed(operand, storage.bits) for operand in operands]
        bits, alignment = f"i{storage.bits}", storage.bits // 8
        if of.operation == "compare_exchange":
            pair = out.value(
                f"cmpxchg ptr {place}, {bits} {values[0]}, {bits} {values[1]} seq_cst seq_cst, align {alignment}"
            )
            before = out.value(f"extractvalue {{ {bits}, i1 }} {pair}, 0")
        else:
            operation = "xchg" if of.operation == "exchange" else of.operation
            order = "seq_cst" if of.fetch else "monotonic"
            before = out.value(f"atomicrmw {operation} ptr {place}, {bits} {values[0]} {order}, align {alignment}")
        return out.extended(before, storage.bits, signed=storage.signed) if of.fetch else before

    # Arithmetic

    def _binary(self, of: ir.Binary) -> str:
        left_type, right_type = integer_of(of.left.type), integer_of(of.right.type)
        assert left_type is not None and right_type is not None  # noqa: PT018 - one invariant of the IR
        left, right = self._integer(of.left), self._integer(of.right)
        self._out.at(of.location)
        if of.operator in ("//", "%"):
            if of.edge is not None:
                self._error_edge_if(f"icmp eq i64 {right}, 0", of.location)
            signed = left_type.may_be_negative or right_type.may_be_negative
            return (floor_divide if signed else unsigned_divide)(self._out, of.operator, left, right)
        if of.operator in ("<<", ">>"):
            if of.edge is not None:
                self._error_edge_if(f"icmp slt i64 {right}, 0", of.location)
            return shift(self._out, of.operator, left, left_type, right, right_type)
        instruction = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}[of.operator]
        return self._out.value(f"{instruction} i64 {left}, {right}")

    # The error edge

    def _error_edge_if(self, test: str, location: Location) -> None:
        """Where Python would raise for some operands."""
        failed = self._out.value(test)
        error, going_on = self._out.label("error"), self._out.label("next")
        self._out.line(f"br i1 {failed}, label %{error}, label %{going_on}")
        self._out.start(error)
        self._error_edge(location)
        self._out.start(going_on)

    def _error_edge(self, location: Location) -> None:
        """Leave all scopes, count the place and return the program's error value."""
        self._leave_scopes(0, aborting=True)
        self._count_error(location)
        self._give_up()

    def _count_error(self, location: Location) -> None:
        self._out.at(location)
        slot = self._out.slot("i32")
        self._out.line(f"store i32 {self._sites[location]}, ptr {slot}, align 4")
        counter = self._out.value(
            f"call ptr inttoptr (i64 {MAP_LOOKUP_ELEM} to ptr)(ptr @{quoted(self._error_map)}, ptr {slot})"
        )
        there, leave = self._out.label("count"), self._out.label("leave")
        missing = self._out.value(f"icmp eq ptr {counter}, null")
        self._out.line(f"br i1 {missing}, label %{leave}, label %{there}")
        self._out.start(there)
        before = self._out.value(f"load i64, ptr {counter}, align 8")
        after = self._out.value(f"add i64 {before}, 1")
        self._out.line(f"store i64 {after}, ptr {counter}, align 8")
        self._out.line(f"br label %{leave}")
        self._out.start(leave)


def site_numbers(sites: list[ir.ErrorSite], program: str) -> dict[Location, int]:
    """The counter's index of each of a program's error sites."""
    return {site.location: number for number, site in enumerate(sites) if site.program == program}
