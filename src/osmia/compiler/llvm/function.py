"""One program as LLVM IR.

Integers are i64 that hold the value modulo 2**64; their interval says whether they are read as signed or unsigned.
Locals live in allocas, which LLVM turns into registers. What the verifier and LLVM ask of generated code is kept here:
context fields are read by one folded intrinsic, helper arguments are i64 or pointers, shift counts are below 64 and
divisors never zero.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.arithmetic import extreme_type
from osmia.compiler.ir.types import BoolType, IntType, NoneType, OptionalType, RefType, integer_of
from osmia.compiler.llvm.debug_info import DebugInfo, quoted

if TYPE_CHECKING:
    from collections.abc import Callable

    from osmia.compiler.location import Location
    from osmia.types import Integer

# Helper numbers (enum bpf_func_id in linux/bpf.h).
MAP_LOOKUP_ELEM, MAP_UPDATE_ELEM, MAP_DELETE_ELEM = 1, 2, 3

ATTRIBUTES = "#0"
KEEP_APART = 'call void asm sideeffect "", ""()'


class FunctionWriter:
    """Writes one program. Each method that evaluates returns the operand that holds the value."""

    def __init__(self, program: ir.Program, debug: DebugInfo, sites: dict[Location, int], error_map: str) -> None:
        self._program = program
        self._debug = debug
        self._scope = debug.program(program)
        self._sites = sites
        self._error_map = error_map
        self._entry: list[str] = []
        self._body: list[str] = []
        self._count = 0
        self._place = debug.place(program.location, self._scope)
        self._locals: dict[ir.Local, str] = {}
        self._ended = False
        # Of each loop around: the labels of what follows it, and of its next step.
        self._loops: list[tuple[str, str]] = []

    def text(self) -> str:
        """The definition."""
        for local in self._program.locals:
            kind = "ptr" if isinstance(local.type, OptionalType | RefType | NoneType) else "i64"
            self._locals[local] = self._alloca(kind)
        self._statements(self._program.body)
        if not self._ended:
            # The flow check proved that control cannot come here, but LLVM may not see it.
            self._line(f"ret i32 {self._program.error_value}")
        name, section = self._program.name, self._program.kind.section
        head = (
            f"define dso_local i32 @{quoted(name)}(ptr %ctx) {ATTRIBUTES}"
            f" section {quoted(section)} !dbg {self._scope} {{"
        )
        return "\n".join([head, "entry:", *self._entry, "  br label %start", "start:", *self._body, "}"]) + "\n"

    # Statements

    def _statements(self, statements: tuple[ir.Statement, ...]) -> None:
        for statement in statements:
            if self._ended:
                return
            self._at(statement.location)
            self._statement(statement)

    def _statement(self, statement: ir.Statement) -> None:
        match statement:
            case ir.Assign(local=local, value=value):
                self._assign(local, value)
            case ir.StoreRef(ref=ref, value=value):
                stored = self._integer(value)
                place = self._pointer(ref)
                assert isinstance(ref.type, RefType)
                self._at(statement.location)
                self._store(stored, ref.type.storage, place)
            case ir.Evaluate(value=value):
                self._evaluate(value)
            case ir.Return(value=value):
                result = self._integer(value)
                self._at(statement.location)
                self._return(result)
            case ir.If():
                self._if(statement)
            case ir.Loop():
                self._loop(statement)
            case ir.Break() | ir.Continue():
                after, step = self._loops[-1]
                self._line(f"br label %{after if isinstance(statement, ir.Break) else step}")
                self._ended = True
            case ir.Abort():
                self._error_edge(statement.location)
            case _:
                assert_never(statement)

    def _assign(self, local: ir.Local, value: ir.Expression) -> None:
        if isinstance(local.type, OptionalType | RefType | NoneType):
            self._line(f"store ptr {self._pointer(value)}, ptr {self._locals[local]}, align 8")
            return
        stored = self._integer(value)
        if local.storage is not None:
            stored = self._wrapped(stored, local.storage, integer_of(value.type))
        self._line(f"store i64 {stored}, ptr {self._locals[local]}, align 8")

    def _evaluate(self, value: ir.Expression) -> None:
        if isinstance(value.type, OptionalType | RefType | NoneType):
            self._pointer(value)
        elif isinstance(value.type, BoolType):
            self._boolean(value)
        elif integer_of(value.type) is not None:
            self._integer(value)

    def _if(self, statement: ir.If) -> None:
        match statement:
            case ir.If(
                test=ir.IsNone(operand=ir.LocalRead() as optional), then=(ir.Return(value=ir.Constant(value=0)), *_)
            ):
                self._return_null_if_none(optional, statement)
                return
        then, otherwise, after = self._label("then"), self._label("else"), self._label("after")
        self._branch(statement.test, then, otherwise)
        falls = False
        for label, statements in ((then, statement.then), (otherwise, statement.otherwise)):
            self._start(label)
            self._statements(statements)
            if not self._ended:
                falls = True
                self._line(f"br label %{after}")
        self._ended = not falls
        if falls:
            self._start(after)

    def _loop(self, statement: ir.Loop) -> None:
        test, body, step = self._label("test"), self._label("body"), self._label("step")
        otherwise, after = self._label("else"), self._label("after")
        self._line(f"br label %{test}")
        self._start(test)
        self._branch(statement.test, body, otherwise)
        self._loops.append((after, step))
        self._start(body)
        self._statements(statement.body)
        self._go_on(step)
        self._loops.pop()
        self._start(step)
        self._statements(statement.step)
        self._go_on(test)
        self._start(otherwise)
        self._statements(statement.otherwise)
        self._go_on(after)
        self._start(after)

    def _go_on(self, label: str) -> None:
        if not self._ended:
            self._line(f"br label %{label}")

    def _return_null_if_none(self, optional: ir.LocalRead, statement: ir.If) -> None:
        """`if x is None: return 0`: the null pointer itself is the 0 that is returned, already in r0 after a look-up.

        LLVM would put the constant back wherever it knows that the pointer is null, so the returned number goes
        through an empty asm before the test. It makes the packet counter 13 slots long on v4 instead of 15.
        """
        number = self._value(f"ptrtoint ptr {self._pointer(optional)} to i64")
        returned = self._opaque(number)
        none, there = self._label("none"), self._label("there")
        test = self._value(f"icmp eq i64 {number}, 0")
        self._line(f"br i1 {test}, label %{none}, label %{there}")
        self._start(none)
        self._at(statement.then[0].location)
        self._return(returned)
        self._start(there)
        self._statements(statement.otherwise)

    def _return(self, result: str) -> None:
        self._line(f"ret i32 {self._narrowed(result, 32)}")
        self._ended = True

    # Conditions

    def _branch(self, test: ir.Expression, when_true: str, when_false: str) -> None:
        """Go to one label or the other, evaluating no more than Python does."""
        match test:
            case ir.Not(operand=operand):
                self._branch(operand, when_false, when_true)
            case ir.Logical(operator=operator, operands=operands):
                for operand in operands[:-1]:
                    next_label = self._label("next")
                    if operator == "and":
                        self._branch(operand, next_label, when_false)
                    else:
                        self._branch(operand, when_true, next_label)
                    self._start(next_label)
                self._branch(operands[-1], when_true, when_false)
            case ir.IsNone(operand=operand):
                self._branch_on_none(self._pointer(operand), test.location, when_true, when_false)
            case ir.Compare(operators=operators, operands=operands) if len(operators) > 1:
                self._chain(operators, operands, test.location, when_true, when_false)
            case _:
                condition = self._boolean(test)
                self._at(test.location)
                self._line(f"br i1 {condition}, label %{when_true}, label %{when_false}")

    def _branch_on_none(self, pointer: str, location: Location, when_true: str, when_false: str) -> None:
        """A test for null that stays a branch of its own.

        LLVM merges neighbouring tests where it can, and makes `p == 0 and n == 0` into `p | n == 0`: arithmetic on a
        pointer, which the verifier refuses. An empty asm before the test and on both ways keeps the neighbours apart.
        """
        self._at(location)
        self._line(KEEP_APART)
        none, there = self._label("none"), self._label("there")
        test = self._value(f"icmp eq ptr {pointer}, null")
        self._line(f"br i1 {test}, label %{none}, label %{there}")
        for label, target in ((none, when_true), (there, when_false)):
            self._start(label)
            self._line(KEEP_APART)
            self._line(f"br label %{target}")

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
            self._at(location)
            assert left_type is not None and right_type is not None  # noqa: PT018 - one invariant of the IR
            condition = self._comparison(operator, left, left_type, right, right_type)
            last = index == len(operators) - 1
            following = when_true if last else self._label("next")
            self._line(f"br i1 {condition}, label %{following}, label %{when_false}")
            if not last:
                self._start(following)
            left_type, left = right_type, right

    def _boolean(self, of: ir.Expression) -> str:
        match of:
            case ir.Constant(value=value):
                return "true" if value else "false"
            case ir.Compare(operators=(operator,), operands=(left, right)):
                left_type, right_type = integer_of(left.type), integer_of(right.type)
                assert left_type is not None and right_type is not None  # noqa: PT018 - one invariant of the IR
                one, other = self._integer(left), self._integer(right)
                self._at(of.location)
                return self._comparison(operator, one, left_type, other, right_type)
            case ir.IsNone(operand=operand):
                pointer = self._pointer(operand)
                self._at(of.location)
                number = self._value(f"zext i1 {self._value(f'icmp eq ptr {pointer}, null')} to i64")
                # Kept apart as a number for the reason that _branch_on_none gives.
                return self._value(f"icmp ne i64 {self._opaque(number)}, 0")
            case ir.Truth(operand=operand):
                value_ = self._integer(operand)
                self._at(of.location)
                return self._value(f"icmp ne i64 {value_}, 0")
            case ir.Not() | ir.Logical() | ir.Compare():
                return self._branched(of)
            case _:
                return self._value(f"icmp ne i64 {self._integer(of)}, 0")

    def _branched(self, of: ir.Expression) -> str:
        """The value of a condition that is evaluated by branching."""
        when_true, when_false, after = self._label("true"), self._label("false"), self._label("bool")
        self._branch(of, when_true, when_false)
        for label in (when_true, when_false):
            self._start(label)
            self._line(f"br label %{after}")
        self._start(after)
        return self._value(f"phi i1 [ true, %{when_true} ], [ false, %{when_false} ]")

    def _comparison(self, operator: str, left: str, left_type: IntType, right: str, right_type: IntType) -> str:
        """Compare by value. A u64 beside a number that may be negative needs a look at the sign first."""
        if left_type.needs_u64 and right_type.may_be_negative:
            return self._mixed_comparison(operator, left, right, negative_is_right=True)
        if right_type.needs_u64 and left_type.may_be_negative:
            return self._mixed_comparison(operator, left, right, negative_is_right=False)
        signed = left_type.may_be_negative or right_type.may_be_negative
        return self._value(f"icmp {_predicate(operator, signed=signed)} i64 {left}, {right}")

    def _mixed_comparison(self, operator: str, left: str, right: str, *, negative_is_right: bool) -> str:
        negative = self._value(f"icmp slt i64 {right if negative_is_right else left}, 0")
        unsigned = self._value(f"icmp {_predicate(operator, signed=False)} i64 {left}, {right}")
        outcome = operator in ((">", ">=", "!=") if negative_is_right else ("<", "<=", "!="))
        return self._value(f"select i1 {negative}, i1 {str(outcome).lower()}, i1 {unsigned}")

    # Values

    def _integer(self, of: ir.Expression) -> str:
        """The value as an i64."""
        match of:
            case ir.Constant(value=value):
                return str(value - (1 << 64) if value >= 1 << 63 else value)
            case ir.LocalRead(local=local):
                self._at(of.location)
                return self._value(f"load i64, ptr {self._locals[local]}, align 8")
            case ir.ContextRead():
                return self._context_read(of)
            case ir.RefRead(ref=ref):
                return self._load(ref, of.location)
            case ir.Binary():
                return self._binary(of)
            case ir.Unary(operator=operator, operand=operand):
                value_ = self._integer(operand)
                self._at(of.location)
                return self._value(f"sub i64 0, {value_}" if operator == "-" else f"xor i64 {value_}, -1")
            case ir.Wrap(operand=operand, storage=storage):
                return self._wrapped(self._integer(operand), storage, integer_of(operand.type))
            case ir.MapUpdate():
                return self._map_update(of)
            case ir.MapDelete(map=map_, key=key):
                key_place = self._spilled(self._integer(key), map_.key)
                self._at(of.location)
                return self._value(
                    f"call i64 inttoptr (i64 {MAP_DELETE_ELEM} to ptr)(ptr @{quoted(map_.symbol)}, ptr {key_place})"
                )
            case ir.Compare() | ir.IsNone() | ir.Truth() | ir.Not() | ir.Logical():
                return self._value(f"zext i1 {self._boolean(of)} to i64")
            case ir.Conditional():
                return self._conditional(of, "i64", self._integer)
            case ir.AssignExpression(local=local, value=value):
                self._assign(local, value)
                return self._value(f"load i64, ptr {self._locals[local]}, align 8")
            case ir.Extreme():
                return self._extreme(of)
            case ir.Absolute(operand=operand):
                value_ = self._integer(operand)
                self._at(of.location)
                return self._magnitude(value_, self._value(f"icmp slt i64 {value_}, 0"))
            case ir.MapLookup() | ir.Unwrap():
                raise AssertionError(f"a pointer where an integer is due: {of}")
            case _:
                assert_never(of)

    def _pointer(self, of: ir.Expression) -> str:
        """The value as a pointer; None is null."""
        match of:
            case ir.Constant():
                return "null"
            case ir.LocalRead(local=local) if local is self._program.context:
                return "%ctx"
            case ir.LocalRead(local=local):
                self._at(of.location)
                return self._value(f"load ptr, ptr {self._locals[local]}, align 8")
            case ir.Unwrap(operand=operand):
                return self._pointer(operand)
            case ir.Conditional():
                return self._conditional(of, "ptr", self._pointer)
            case ir.AssignExpression(local=local, value=value):
                self._assign(local, value)
                return self._value(f"load ptr, ptr {self._locals[local]}, align 8")
            case ir.MapLookup(map=map_, key=key):
                key_place = self._spilled(self._integer(key), map_.key)
                self._at(of.location)
                return self._value(
                    f"call ptr inttoptr (i64 {MAP_LOOKUP_ELEM} to ptr)(ptr @{quoted(map_.symbol)}, ptr {key_place})"
                )
            case _:
                raise AssertionError(f"an integer where a pointer is due: {of}")

    def _conditional(self, of: ir.Conditional, kind: str, value: Callable[[ir.Expression], str]) -> str:
        """Only one of the two is evaluated; a slot joins them."""
        slot = self._alloca(kind)
        then, otherwise, after = self._label("then"), self._label("else"), self._label("after")
        self._branch(of.test, then, otherwise)
        for label, operand in ((then, of.then), (otherwise, of.otherwise)):
            self._start(label)
            self._line(f"store {kind} {value(operand)}, ptr {slot}, align 8")
            self._line(f"br label %{after}")
        self._start(after)
        return self._value(f"load {kind}, ptr {slot}, align 8")

    def _extreme(self, of: ir.Extreme) -> str:
        first, *rest = [(integer_of(part.type), self._integer(part)) for part in of.operands]
        self._at(of.location)
        best_type, best = first
        for other_type, other in rest:
            assert best_type is not None and other_type is not None  # noqa: PT018 - one invariant of the IR
            better = self._comparison("<" if of.operator == "min" else ">", other, other_type, best, best_type)
            best = self._value(f"select i1 {better}, i64 {other}, i64 {best}")
            best_type = extreme_type(of.operator, best_type, other_type)
        return best

    def _context_read(self, of: ir.ContextRead) -> str:
        """One intrinsic for address and load: apart, LLVM would make of them an access that the verifier refuses."""
        self._at(of.location)
        alignment = (of.bits // 8).bit_length() - 1
        loaded = self._value(
            f"call i{of.bits} (ptr, i1, i8, i8, i8, i1, ...) @llvm.bpf.getelementptr.and.load.i{of.bits}"
            f"(ptr readonly elementtype(i8) %ctx, i1 false, i8 0, i8 1, i8 {alignment}, i1 true,"
            f" i64 immarg {of.offset})"
        )
        return self._extended(loaded, of.bits, signed=of.type.may_be_negative)

    def _load(self, ref: ir.Expression, location: Location) -> str:
        assert isinstance(ref.type, RefType)
        storage = ref.type.storage
        place = self._pointer(ref)
        self._at(location)
        loaded = self._value(f"load i{storage.bits}, ptr {place}, align {storage.bits // 8}")
        return self._extended(loaded, storage.bits, signed=storage.signed)

    def _store(self, value: str, storage: type[Integer], place: str) -> None:
        if storage.bits < 64:
            value = self._narrowed(value, storage.bits)
        self._line(f"store i{storage.bits} {value}, ptr {place}, align {storage.bits // 8}")

    def _narrowed(self, value: str, bits: int) -> str:
        if value[0] == "%":
            return self._value(f"trunc i64 {value} to i{bits}")
        number = int(value) & ((1 << bits) - 1)
        return str(number - (1 << bits) if number >> (bits - 1) else number)

    def _spilled(self, value: str, storage: type[Integer]) -> str:
        """A stack slot that holds the value, for a helper that takes an address."""
        slot = self._alloca(f"i{storage.bits}")
        self._store(value, storage, slot)
        return slot

    def _map_update(self, of: ir.MapUpdate) -> str:
        key = self._spilled(self._integer(of.key), of.map.key)
        value = self._spilled(self._integer(of.value), of.map.value)
        flags = self._integer(of.flags)
        self._at(of.location)
        return self._value(
            f"call i64 inttoptr (i64 {MAP_UPDATE_ELEM} to ptr)"
            f"(ptr @{quoted(of.map.symbol)}, ptr {key}, ptr {value}, i64 {flags})"
        )

    def _extended(self, value: str, bits: int, *, signed: bool) -> str:
        if bits == 64:
            return value
        return self._value(f"{'sext' if signed else 'zext'} i{bits} {value} to i64")

    def _wrapped(self, value: str, storage: type[Integer], of: IntType | None) -> str:
        if storage.bits == 64 or (of is not None and storage.low <= of.low and of.high <= storage.high):
            return value
        narrow = self._value(f"trunc i64 {value} to i{storage.bits}")
        return self._extended(narrow, storage.bits, signed=storage.signed)

    # Arithmetic

    def _binary(self, of: ir.Binary) -> str:
        left_type, right_type = integer_of(of.left.type), integer_of(of.right.type)
        assert left_type is not None and right_type is not None  # noqa: PT018 - one invariant of the IR
        left, right = self._integer(of.left), self._integer(of.right)
        self._at(of.location)
        if of.operator in ("//", "%"):
            if of.edge is not None:
                self._error_edge_if(f"icmp eq i64 {right}, 0", of.location)
            signed = left_type.may_be_negative or right_type.may_be_negative
            divide: Callable[[str, str, str], str] = self._floor_divide if signed else self._unsigned_divide
            return divide(of.operator, left, right)
        if of.operator in ("<<", ">>"):
            if of.edge is not None:
                self._error_edge_if(f"icmp slt i64 {right}, 0", of.location)
            return self._shift(of.operator, left, left_type, right, right_type)
        instruction = {"+": "add", "-": "sub", "*": "mul", "&": "and", "|": "or", "^": "xor"}[of.operator]
        return self._value(f"{instruction} i64 {left}, {right}")

    def _unsigned_divide(self, operator: str, left: str, right: str) -> str:
        return self._value(f"{'udiv' if operator == '//' else 'urem'} i64 {left}, {right}")

    def _floor_divide(self, operator: str, left: str, right: str) -> str:
        """Division towards minus infinity, from unsigned division: BPF has no signed one before v4."""
        left_negative = self._value(f"icmp slt i64 {left}, 0")
        right_negative = self._value(f"icmp slt i64 {right}, 0")
        left_size = self._magnitude(left, left_negative)
        right_size = self._magnitude(right, right_negative)
        quotient = self._value(f"udiv i64 {left_size}, {right_size}")
        remainder = self._value(f"urem i64 {left_size}, {right_size}")
        differ = self._value(f"xor i1 {left_negative}, {right_negative}")
        inexact = self._value(f"icmp ne i64 {remainder}, 0")
        if operator == "//":
            down = self._value(f"zext i1 {inexact} to i64")
            larger = self._value(f"add i64 {quotient}, {down}")
            below = self._value(f"sub i64 0, {larger}")
            return self._value(f"select i1 {differ}, i64 {below}, i64 {quotient}")
        # The remainder has the divisor's sign: the other signs' remainder is what is left to the next multiple.
        rest = self._value(f"sub i64 {right_size}, {remainder}")
        adjust = self._value(f"and i1 {differ}, {inexact}")
        size = self._value(f"select i1 {adjust}, i64 {rest}, i64 {remainder}")
        negative = self._value(f"sub i64 0, {size}")
        return self._value(f"select i1 {right_negative}, i64 {negative}, i64 {size}")

    def _magnitude(self, value: str, negative: str) -> str:
        opposite = self._value(f"sub i64 0, {value}")
        return self._value(f"select i1 {negative}, i64 {opposite}, i64 {value}")

    def _shift(self, operator: str, left: str, left_type: IntType, right: str, right_type: IntType) -> str:
        """Python's shifts have no largest count: from 64 on, nothing (or nothing but the sign) is left."""
        instruction = "shl" if operator == "<<" else "ashr" if left_type.may_be_negative else "lshr"
        if right_type.high <= 63:
            count = right if right_type.low >= 0 else self._value(f"and i64 {right}, 63")
            return self._value(f"{instruction} i64 {left}, {count}")
        large = self._value(f"icmp ugt i64 {right}, 63")
        count = self._value(f"and i64 {right}, 63")
        shifted = self._value(f"{instruction} i64 {left}, {count}")
        beyond = self._value(f"ashr i64 {left}, 63") if instruction == "ashr" else "0"
        return self._value(f"select i1 {large}, i64 {beyond}, i64 {shifted}")

    # The error edge

    def _error_edge_if(self, test: str, location: Location) -> None:
        """Where Python would raise for some operands."""
        failed = self._value(test)
        error, going_on = self._label("error"), self._label("next")
        self._line(f"br i1 {failed}, label %{error}, label %{going_on}")
        self._start(error)
        self._error_edge(location)
        self._start(going_on)

    def _error_edge(self, location: Location) -> None:
        """Count the place and return the program's error value."""
        slot = self._alloca("i32")
        self._line(f"store i32 {self._sites[location]}, ptr {slot}, align 4")
        counter = self._value(
            f"call ptr inttoptr (i64 {MAP_LOOKUP_ELEM} to ptr)(ptr @{quoted(self._error_map)}, ptr {slot})"
        )
        there, leave = self._label("count"), self._label("leave")
        missing = self._value(f"icmp eq ptr {counter}, null")
        self._line(f"br i1 {missing}, label %{leave}, label %{there}")
        self._start(there)
        before = self._value(f"load i64, ptr {counter}, align 8")
        after = self._value(f"add i64 {before}, 1")
        self._line(f"store i64 {after}, ptr {counter}, align 8")
        self._line(f"br label %{leave}")
        self._start(leave)
        self._line(f"ret i32 {self._program.error_value}")
        self._ended = True

    # Text

    def _at(self, location: Location) -> None:
        self._place = self._debug.place(location, self._scope)

    def _line(self, text: str) -> None:
        self._body.append(f"  {text}, !dbg {self._place}")

    def _value(self, text: str) -> str:
        name = self._name("")
        self._line(f"{name} = {text}")
        return name

    def _opaque(self, number: str) -> str:
        """The same number, of which LLVM knows nothing."""
        return self._value(f'call i64 asm sideeffect "", "=r,0"(i64 {number})')

    def _alloca(self, of: str) -> str:
        name = self._name("slot")
        self._entry.append(f"  {name} = alloca {of}, align {8 if of == 'ptr' else int(of[1:]) // 8}")
        return name

    def _label(self, hint: str) -> str:
        return self._name(hint)[1:]

    def _start(self, label: str) -> None:
        self._body.append(f"{label}:")
        self._ended = False

    def _name(self, hint: str) -> str:
        self._count += 1
        return f"%{hint or 'v'}{self._count}"


def site_numbers(sites: list[ir.ErrorSite], program: str) -> dict[Location, int]:
    """The counter's index of each of a program's error sites."""
    return {site.location: number for number, site in enumerate(sites) if site.program == program}


def _predicate(operator: str, *, signed: bool) -> str:
    if operator in ("==", "!="):
        return "eq" if operator == "==" else "ne"
    return ("s" if signed else "u") + {"<": "lt", "<=": "le", ">": "gt", ">=": "ge"}[operator]
