"""One program as LLVM IR: its state, and which of the modules beside this writes what.

Integers are i64 that hold the value modulo 2**64; their interval says whether they are read as signed or unsigned.
Locals live in allocas, which LLVM turns into registers. What the verifier and LLVM ask of generated code is kept where
it is written: context fields are read by one folded intrinsic, helper arguments are i64 or pointers, shift counts are
below 64 and divisors never zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.origins import leading_to, leads_to, objects_end
from osmia.compiler.ir.types import BoolType, PlaceType, integer_of, is_pointer
from osmia.compiler.llvm import memory
from osmia.compiler.llvm.arenas import arena_place
from osmia.compiler.llvm.arithmetic import comparison
from osmia.compiler.llvm.callbacks import RESULT, Callback, in_frame, slot_type
from osmia.compiler.llvm.calls import (
    address_number,
    call_function,
    helper_call,
    map_delete,
    map_lookup,
    map_update,
    memory_at,
    raw_call,
)
from osmia.compiler.llvm.conditions import branch_on_none, branched, chain, is_none, write_if
from osmia.compiler.llvm.debug_info import DebugInfo, quoted
from osmia.compiler.llvm.emitter import ATTRIBUTES, BARRIER, Emitter
from osmia.compiler.llvm.error_edges import count_error, error_edge, error_edge_if
from osmia.compiler.llvm.loops import write_called_loop, write_for_each, write_loop
from osmia.compiler.llvm.marks import scopes_of
from osmia.compiler.llvm.objects import atomic, construct, copy_place, dynptr, element_place, load_place, store_place
from osmia.compiler.llvm.outlining import stop
from osmia.compiler.llvm.packets import PacketWriter
from osmia.compiler.llvm.passing import Passing, is_global
from osmia.compiler.llvm.places import ANY_ALIGNMENT, Places
from osmia.compiler.llvm.values import (
    binary,
    conditional,
    context_read,
    extreme,
    known_when_loaded,
    log_switch,
    of_number,
)
from osmia.compiler.llvm.views import assign_view, unless_nothing, view_of

if TYPE_CHECKING:
    from osmia.compiler.llvm.marks import Marks
    from osmia.compiler.location import Location
    from osmia.logs.note import LogFormat

# Before that, verifiers forget that an event which was found to be there cannot be missing at the next test: 6.1 does
# so, 6.12 does not. One test then decides, and its outcome is a number.
RESERVED_SINCE = (6, 12)


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
        self.program = program
        self._texts = texts
        self.logs = logs
        self.function = function
        self.has_context = function is None or function.uses_context
        self.body = program.body if function is None else function.body
        self._local = function is not None and not is_global(function, kernel)
        self._scope = (
            debug.program(program) if function is None else debug.function(function, program, linked=not self._local)
        )
        self.out = Emitter(debug, self._scope)
        self.out.at(program.location)
        self.sites = sites
        self.error_map = error_map
        self.kernel = kernel
        self.locals: dict[ir.Local, str] = {}
        parameters = () if function is None else function.parameters
        self.places = Places(self.body, parameters)
        self.reserved = leading_to(self.body, ir.HelperCall) if kernel < RESERVED_SINCE else frozenset()
        self.views = leading_to(self.body, ir.PacketAt) | leading_to(self.body, ir.Dynptr) | self.reserved
        # Of the places of dynptrs: the function that each is in, and its address.
        self.dynptrs: dict[int, tuple[Emitter, str]] = {}
        # Of each local that may refer into the packet: whether there is nothing.
        self.nothing: dict[ir.Local, str] = {}
        # Where a program puts what it returns, and the label of its end.
        self._result = self._end = ""
        self.packet = PacketWriter(self.out, program.kind.packet, self.body, self.places.on_stack, parameters)
        # Of each loop around: the labels of what follows it and of its next step, and the scopes that it stands in.
        self.loops: list[tuple[str, str, int]] = []
        # Of each call that is written out: the label behind it, and the scopes that it stands in.
        self.frames: dict[ir.Frame, tuple[str, int]] = {}
        self.scopes: list[ir.Scope] = []
        # Labels of what does nothing but return a constant: no test follows there.
        self.returning: set[str] = set()
        # The objects that end with the innermost call around whose objects do; None where there is none.
        self.made: list[str] | None = None
        # The part of the program that is being written as a function of its own, and all that have been.
        self.callback: Callback | None = None
        self.written: list[str] = []
        self.depth = 0
        self.debug = debug
        # Inside of loops that the verifier takes for what they do in general: a 0 that it does not know.
        self.zero = ""
        self._marks = marks
        # In a debug build: the function whose line is written, and the calls and locals that have scopes of their own.
        self._outermost = marks.scope() if marks is not None else 0
        self._inside = (self._outermost, program.name if function is None else function.name)
        self._scope_numbers = scopes_of(marks, self.body) if marks is not None else {}

    def text(self) -> str:
        """The definition."""
        if self.function is not None:
            return self._function_text(self.function)
        for local in self.program.locals:
            self.locals[local] = self.out.slot("ptr" if is_pointer(local.type) else "i64")
            if local in self.views:
                self.nothing[local] = self.out.slot("i8")
        self.packet.begin()
        self.mark_local(self.program.context, "ptr %ctx")
        self._result, self._end = self.out.slot("i32"), self.out.label("end")
        self.statements(self.body)
        if not self.out.ended:
            # The flow check proved that control cannot come here, but LLVM may not see it.
            self.give_up()
        self.out.start(self._end)
        self.out.line(f"ret i32 {self.out.value(f'load i32, ptr {self._result}, align 4')}")
        name, section = self.program.name, self.program.kind.section(self.program.hook)
        head = (
            f"define dso_local i32 @{quoted(name)}(ptr %ctx) {ATTRIBUTES}"
            f" section {quoted(section)} !dbg {self._scope} {{"
        )
        return "\n".join([*self.written, f"{head}\n{self.out.text()}}}\n"])

    def _function_text(self, function: ir.Function) -> str:
        """The definition of a function that the program calls."""
        passing = Passing(function)
        for local in dict.fromkeys((*function.parameters, *function.locals)):
            self.locals[local] = self.out.slot("ptr" if is_pointer(local.type) else "i64")
            if local in self.views:
                self.nothing[local] = self.out.slot("i8")
        self.out.at(function.location)
        passing.receive(self.out, self.locals, self.give_up)
        for parameter in function.parameters:
            if parameter in self.views:
                self.out.line(f"store i8 0, ptr {self.nothing[parameter]}, align 1")
        self.packet.begin()
        for parameter in function.parameters:
            self.mark_held(parameter)
        self.statements(function.body)
        if not self.out.ended:
            passing.give_back(self.out, self.locals)
        linkage = "internal" if self._local else "dso_local"
        head = f"define {linkage} i64 @{quoted(function.name)}({passing.signature()}) {ATTRIBUTES} noinline"
        section = f" section {quoted('.text')}"
        return "\n".join([*self.written, f"{head}{section} !dbg {self._scope} {{\n{self.out.text()}}}\n"])

    def give_up(self) -> None:
        """Return the program's error value, or from a function that the program calls, that it failed."""
        if self.callback is not None:
            stop(self, "error")
            return
        if self.function is None:
            self.return_result(str(self.program.error_value))
            return
        self.out.line("ret i64 1")
        self.out.ended = True

    # Statements

    def statements(self, statements: tuple[ir.Statement, ...]) -> None:
        """Statements in their order, as far as control comes to them."""
        for index, statement in enumerate(statements):
            if self.out.ended:
                return
            self.out.at(statement.location)
            if not isinstance(statement, ir.Loop | ir.Inlined):  # they tell of their lines themselves
                self.mark_line(statement.location)
            if isinstance(statement, ir.If):
                write_if(self, statement, statements[index + 1 : index + 2])
            else:
                self._statement(statement)

    def _statement(self, statement: ir.Statement) -> None:  # noqa: PLR0915 - one case for each node
        match statement:
            case ir.Assign(local=local, value=value):
                self._assign(local, value)
            case ir.Store(place=place, value=value):
                store_place(self, place, self.integer(value), statement.location)
            case ir.ContextStore(offset=offset, bits=bits, value=value):
                number = self.integer(value)
                self.out.at(statement.location)
                self.out.context_store(offset, bits, self.out.narrowed(number, bits))
            case ir.Copy(place=place, source=source):
                copy_place(self, place, source, statement.location)
            case ir.Fill(place=place, image=image):
                assert isinstance(place.type, PlaceType)
                pointer = self.pointer(place)
                self.out.at(statement.location)
                if any(image):
                    memory.fill(self.out, pointer, image, ANY_ALIGNMENT)
                else:
                    memory.clear(self.out, pointer, len(image))
            case ir.Breakpoint():
                assert self._marks is not None, "check_breakpoints has refused it"
                self._marks.breakpoint(self.out)
            case ir.Barrier():
                self.out.at(statement.location)
                self.out.line(BARRIER)
            case ir.Evaluate(value=value):
                self._evaluate(value)
            case ir.Return(value=value):
                result = self.integer(value)
                self.leave_scopes(0)
                self.out.at(statement.location)
                self.return_result(result if isinstance(value, ir.Constant) else self._within_results(result))
            case ir.If():
                write_if(self, statement, ())
            case ir.Loop() if statement.plan.form == "bpf_loop":
                write_called_loop(self, statement)
            case ir.Loop():
                write_loop(self, statement)
            case ir.ForEach():
                write_for_each(self, statement)
            case ir.Break() | ir.Continue():
                after, step, depth = self.loops[-1]
                self.leave_scopes(depth)
                self.out.go(after if isinstance(statement, ir.Break) else step)
            case ir.Abort():
                error_edge(self, statement.location)
            case ir.CountError():
                count_error(self, statement.location)
            case ir.Inlined():
                self._inlined(statement)
            case ir.CallFunction():
                call_function(self, statement)
            case ir.Leave(frame=frame):
                self.leave(frame)
            case ir.Scope():
                self._scope_of(statement)
            case _:
                assert_never(statement)

    def _inlined(self, statement: ir.Inlined) -> None:
        after = self.out.label("called")
        self.frames[statement.frame] = (after, len(self.scopes))
        before, ends = self.made, objects_end(statement)
        self.made = [] if ends else before
        around = self._inside
        if statement.frame in self._scope_numbers:
            self._inside = (self._scope_numbers[statement.frame], statement.frame.name)
            for name, constant in statement.known:
                local = ir.Local(name, constant.type, None)
                self._scope_numbers[local] = self._inside[0]
                self.mark_local(local, f"i64 {self.integer(constant)}")
        self.statements(statement.body)
        self.out.go(after)
        self.out.start(after)
        self._inside = around
        self.mark_line(statement.location)
        for made in self.made or () if ends else ():
            self.out.line(f"call void @llvm.lifetime.end.p0(ptr {made})")
        self.made = before

    def leave(self, frame: ir.Frame) -> None:
        """Leave a call that is written out."""
        label, depth = self.frames.get(frame, ("", 0))
        self.leave_scopes(depth)
        if label:
            self.out.go(label)
        else:
            stop(self, frame)

    def _scope_of(self, statement: ir.Scope) -> None:
        self.scopes.append(statement)
        self.statements(statement.body)
        self.scopes.pop()
        if not self.out.ended:
            self.statements(statement.leave)

    def leave_scopes(self, depth: int, *, aborting: bool = False) -> None:
        """What has to be done on the way out of all scopes but the outermost `depth`."""
        scopes = self.scopes
        for index in range(len(scopes) - 1, depth - 1, -1):
            self.scopes = scopes[:index]
            self.statements(scopes[index].abort if aborting else scopes[index].leave)
        self.scopes = scopes

    def _assign(self, local: ir.Local, value: ir.Expression) -> None:
        if local in self.views:
            assign_view(self, local, value)
            return
        if is_pointer(local.type):
            pointer = self.pointer(value)
            self.out.line(f"store ptr {pointer}, ptr {self.locals[local]}, align 8")
            self.mark_local(local, f"ptr {pointer}")
            return
        stored = self.integer(value)
        if local.storage is not None:
            stored = self.out.wrapped(stored, local.storage, integer_of(value.type))
        self.out.line(f"store i64 {stored}, ptr {self.locals[local]}, align 8")
        self.mark_local(local, f"i64 {stored}")

    # What a debug build tells

    def mark_line(self, location: Location) -> None:
        """In a debug build, tell of a line."""
        if self._marks is not None and not self.out.ended:
            self._marks.line(self.out, location, *self._inside)

    def mark_local(self, local: ir.Local, value: str, *, again: bool = False) -> None:
        """In a debug build, tell what a local holds."""
        if self._marks is not None and local.name.isidentifier():
            scope = self._scope_numbers.get(local, self._outermost)
            self._marks.local(self.out, local, scope, value, again=again)

    def mark_held(self, local: ir.Local, *, again: bool = False) -> None:
        """What a local holds, read from where it is."""
        if self._marks is None or not local.name.isidentifier():
            return
        of = slot_type(local)
        held = self.out.value(f"load {of}, ptr {self.locals[local]}, align 8")
        if local in self.views:
            held = unless_nothing(self, local, held)
        self.mark_local(local, f"{of} {held}", again=again)

    def _evaluate(self, value: ir.Expression) -> None:
        if is_pointer(value.type):
            if isinstance(value, ir.HelperCall):
                helper_call(self, value)
            else:
                self.pointer(value)
        elif isinstance(value.type, BoolType):
            self.boolean(value)
        elif integer_of(value.type) is not None:
            self.integer(value)

    def _hides(self, place: ir.Expression) -> bool:
        return bool(self.zero) and self.is_on_stack(place)

    def is_on_stack(self, place: ir.Expression) -> bool:
        """Whether a place is in an object that the program has made."""
        return leads_to(place, ir.Construct, self.places.on_stack)

    def _within_results(self, result: str) -> str:
        """A number of which the compiler knows that the kind may return it: the verifier knows less of divisions."""
        low, high = self.program.kind.results
        span = high - low
        if span >> 16 or span & (span + 1):
            return result
        above = self.out.opaque(self.out.value(f"sub i64 {result}, {low}"))
        kept = self.out.value(f"and i64 {above}, {span}")
        return self.out.value(f"add i64 {kept}, {low}")

    def return_result(self, result: str) -> None:
        """Return a number from the program."""
        if self.callback is not None:
            self.out.line(f"store i64 {result}, ptr {in_frame(self.out, '%frame', RESULT)}, align 8")
            stop(self, "return")
            return
        self.out.line(f"store i32 {self.out.narrowed(result, 32)}, ptr {self._result}, align 4")
        self.out.go(self._end)

    # Conditions

    def branch(self, test: ir.Expression, when_true: str, when_false: str) -> None:
        """Go to one label or the other, evaluating no more than Python does."""
        match test:
            case ir.Not(operand=operand):
                self.branch(operand, when_false, when_true)
            case ir.Logical(operator=operator, operands=operands):
                for operand in operands[:-1]:
                    next_label = self.out.label("next")
                    if operator == "and":
                        self.branch(operand, next_label, when_false)
                    else:
                        self.branch(operand, when_true, next_label)
                    self.out.start(next_label)
                self.branch(operands[-1], when_true, when_false)
            case ir.Sequence(before=before, value=value):
                self.statements(before)
                self.branch(value, when_true, when_false)
            case ir.IsNone(operand=operand):
                branch_on_none(self, is_none(self, operand), test.location, when_true, when_false)
            case ir.Compare(operators=operators, operands=operands) if len(operators) > 1:
                chain(self, operators, operands, test.location, when_true, when_false)
            case _:
                condition = self.boolean(test)
                self.out.at(test.location)
                self.out.line(f"br i1 {condition}, label %{when_true}, label %{when_false}")

    def boolean(self, of: ir.Expression) -> str:
        """The value as an i1."""
        match of:
            case ir.Constant(value=value):
                return "true" if value else "false"
            case ir.Compare(operators=(operator,), operands=(left, right)):
                left_type, right_type = integer_of(left.type), integer_of(right.type)
                assert left_type is not None and right_type is not None  # noqa: PT018 - one invariant of the IR
                one, other = self.integer(left), self.integer(right)
                self.out.at(of.location)
                return comparison(self.out, operator, one, left_type, other, right_type)
            case ir.IsNone(operand=operand):
                nothing = is_none(self, operand)
                self.out.at(of.location)
                number = self.out.value(f"zext i1 {nothing} to i64")
                # Kept apart as a number for the reason that branch_on_none gives.
                return self.out.value(f"icmp ne i64 {self.out.opaque(number)}, 0")
            case ir.Truth(operand=operand):
                value_ = self.integer(operand)
                self.out.at(of.location)
                return self.out.value(f"icmp ne i64 {value_}, 0")
            case ir.Not() | ir.Logical() | ir.Compare():
                return branched(self, of)
            case ir.Alike(left=left, right=right, size=size):
                alignment = self.places.alignment(left)
                one = self.pointer(left)
                if not isinstance(right, bytes):
                    alignment = min(alignment, self.places.alignment(right))
                beside: str | bytes = right if isinstance(right, bytes) else self.pointer(right)
                self.out.at(of.location)
                return memory.alike(self.out, one, beside, size, alignment)
            case ir.LogSwitch():
                return log_switch(self, of)
            case ir.Sequence(before=before, value=value):
                self.statements(before)
                return self.boolean(value)
            case _:
                return self.out.value(f"icmp ne i64 {self.integer(of)}, 0")

    # Values

    def integer(self, of: ir.Expression) -> str:
        """The value as an i64."""
        match of:
            case ir.Constant(value=value):
                return str(value - (1 << 64) if value >= 1 << 63 else value)
            case ir.LocalRead(local=local):
                self.out.at(of.location)
                return self.out.value(f"load i64, ptr {self.locals[local]}, align 8")
            case ir.ContextRead():
                return context_read(self, of)
            case ir.Load(place=place):
                loaded = load_place(self, place, of.location)
                return self.out.value(f"add i64 {loaded}, {self.zero}") if self._hides(place) else loaded
            case ir.Sequence(before=before, value=value):
                self.statements(before)
                return self.integer(value)
            case ir.Binary():
                return binary(self, of)
            case ir.Unary(operator=operator, operand=operand):
                value_ = self.integer(operand)
                self.out.at(of.location)
                return self.out.value(f"sub i64 0, {value_}" if operator == "-" else f"xor i64 {value_}, -1")
            case ir.Wrap(operand=operand, storage=storage):
                return self.out.wrapped(self.integer(operand), storage, integer_of(operand.type))
            case ir.ByteSwap(operand=operand, storage=storage):
                return memory.byte_swapped(self.out, self.integer(operand), storage.bits)
            case ir.MapUpdate():
                return map_update(self, of)
            case ir.PacketLength(packet=packet):
                self.out.at(of.location)
                return self.packet.length(packet)
            case ir.MapDelete():
                return map_delete(self, of)
            case ir.Compare() | ir.IsNone() | ir.Truth() | ir.Not() | ir.Logical() | ir.Alike() | ir.LogSwitch():
                return self.out.value(f"zext i1 {self.boolean(of)} to i64")
            case ir.Conditional():
                return conditional(self, of, "i64", self.integer)
            case ir.AssignExpression(local=local, value=value):
                self._assign(local, value)
                return self.out.value(f"load i64, ptr {self.locals[local]}, align 8")
            case ir.Extreme():
                return extreme(self, of)
            case ir.Absolute() | ir.BitLength() | ir.Limited():
                return of_number(self, of)
            case ir.HelperCall():
                return helper_call(self, of)
            case ir.RawCall():
                return raw_call(self, of)
            case ir.Address(operand=operand):
                return address_number(self, operand, of.location)
            case ir.Atomic():
                return atomic(self, of)
            case ir.SettingRead() | ir.LogNumber():
                return known_when_loaded(self, of)
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

    def pointer(self, of: ir.Expression) -> str:
        """The value as a pointer; None is null."""
        match of:
            case ir.Constant():
                return "null"
            case ir.LocalRead(local=local) if local is self.program.context:
                return "%ctx"
            case ir.LocalRead(local=local):
                self.out.at(of.location)
                return self.out.value(f"load ptr, ptr {self.locals[local]}, align 8")
            case ir.ArgumentRead(index=index):
                self.out.at(of.location)
                return self.out.context_field("%ctx", 8 * index, "ptr")
            case ir.PacketAt():
                return view_of(self, of)[0]
            case ir.ArenaAt():
                return arena_place(self.out, of, self.integer(of.offset))
            case ir.Unwrap(operand=operand) | ir.Assume(operand=operand):
                return self.pointer(operand)
            case ir.MemoryAt():
                return memory_at(self, of)
            case ir.Require(operand=operand):
                pointer = self.pointer(operand)
                self.out.at(of.location)
                error_edge_if(self, f"icmp eq ptr {pointer}, null", of.location)
                return pointer
            case ir.Field(base=base, field=field):
                pointer = self.pointer(base)
                self.out.at(of.location)
                return memory.offset(self.out, pointer, field.offset)
            case ir.Element():
                return element_place(self, of)
            case ir.HelperCall():
                return helper_call(self, of)
            case ir.ContextRead():
                return context_read(self, of)
            case ir.Construct():
                return construct(self, of)
            case ir.Dynptr():
                return dynptr(self, of)
            case ir.GlobalPlace(symbol=symbol):
                return f"@{quoted(symbol)}"
            case ir.ConstantText(data=data):
                return f"@{quoted(self._texts[data])}"
            case ir.Sequence(before=before, value=value):
                self.statements(before)
                return self.pointer(value)
            case ir.Conditional():
                return conditional(self, of, "ptr", self.pointer)
            case ir.AssignExpression(local=local, value=value):
                self._assign(local, value)
                return self.out.value(f"load ptr, ptr {self.locals[local]}, align 8")
            case ir.MapLookup():
                return map_lookup(self, of)
            case _:
                raise AssertionError(f"an integer where a pointer is due: {of}")


def site_numbers(sites: list[ir.ErrorSite], program: str) -> dict[Location, int]:
    """The counter's index of each of a program's error sites."""
    return {site.location: number for number, site in enumerate(sites) if site.program == program}
