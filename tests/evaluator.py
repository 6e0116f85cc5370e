"""What kernel code has to compute: CPython runs the same source, and the language's rules say where 64 bits differ.

Nothing here comes from the compiler. The rules are written from the language's definition: an expression has an
interval of values; what may leave 64 bits wraps there, unsigned unless an operand may be negative; a u64 beside an
operand that may be negative is refused; constants are exact. `Rules` finds the operations that wrap and those that are
refused, and CPython evaluates the source with nothing else changed.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, Any

from osmia import types

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from types import CodeType

WIDTHS = ("u8", "u16", "u32", "u64", "i8", "i16", "i32", "i64")
U64 = (0, (1 << 64) - 1)
I64 = (-(1 << 63), (1 << 63) - 1)
MIXED = "{} of a u64 and an operand that may be negative has no 64-bit result"
UNARY_MIXED = "{} of a u64 has no 64-bit result"
TOO_LARGE = "this number does not fit 64 bits"
DIVIDES_BY_ZERO = "this always divides by zero"
NEGATIVE_COUNT = "this always shifts by a negative count"
TWO_KINDS = "the two ways of this expression give values of two kinds"
RAISED = ("integer division or modulo by zero", "integer modulo by zero", "negative shift count")
EXPONENT = "the exponent is a small constant"
SYMBOLS: dict[type[ast.operator], str] = {
    ast.Add: "+",
    ast.Sub: "-",
    ast.Mult: "*",
    ast.FloorDiv: "//",
    ast.Mod: "%",
    ast.BitAnd: "&",
    ast.BitOr: "|",
    ast.BitXor: "^",
    ast.LShift: "<<",
    ast.RShift: ">>",
    ast.Pow: "**",
}


def limits(width: str) -> tuple[int, int]:
    """The values of u8..i64."""
    bits = int(width[1:])
    return (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) if width[0] == "i" else (0, (1 << bits) - 1)


@dataclass(frozen=True)
class Shape:
    """What is known of an expression before it runs."""

    low: int
    high: int
    constant: bool = False
    """Made of numbers by operators alone: computed exactly, never wrapped."""

    @property
    def fits(self) -> bool:
        """Whether one 64-bit type holds all of its values."""
        return (self.low >= I64[0] and self.high <= I64[1]) or (self.low >= 0 and self.high <= U64[1])

    @property
    def negative(self) -> bool:
        """Whether it may be below zero."""
        return self.low < 0

    @property
    def large(self) -> bool:
        """Whether it may be beyond i64."""
        return self.high > I64[1]


TRUTH = Shape(0, 1)


def hull(values: Iterable[int]) -> tuple[int, int]:
    """The interval of some values."""
    values = list(values)
    return min(values), max(values)


@dataclass
class Rules:
    """One expression by the language's rules."""

    names: Mapping[str, str]
    """The references that it reads `.value` of, with their widths."""
    refusals: list[str] = field(default_factory=list)
    """Why it is refused; empty where it has to compile."""
    wraps: dict[ast.expr, tuple[int, int]] = field(default_factory=dict)
    """The operations that wrap, with the limits that they wrap to."""

    def shape(self, node: ast.expr) -> Shape:
        """The interval of a node; what is below it is looked at on the way."""
        match node:
            case ast.Constant(value=bool() as value):
                return Shape(int(value), int(value), constant=True)
            case ast.Constant(value=int() as value):
                return self._constant(value)
            case ast.Attribute(value=ast.Name(id=name), attr="value"):
                return Shape(*limits(self.names[name]))
            case ast.BinOp(left=left, op=op, right=right):
                return self._binary(node, SYMBOLS[type(op)], self.shape(left), self.shape(right))
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.shape(operand)
                return TRUTH
            case ast.UnaryOp(op=op, operand=operand):
                return self._unary(node, op, self.shape(operand))
            case ast.Compare(left=left, comparators=comparators):
                self.shape(left)
                for each in comparators:
                    self._compared(each)
                return TRUTH
            case ast.BoolOp(values=values):
                for each in values:
                    self.shape(each)
                return TRUTH
            case ast.IfExp(test=test, body=body, orelse=orelse):
                self.shape(test)
                return self._conditional(self.shape(body), self.shape(orelse))
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return self._call(node, name, [self.shape(each) for each in arguments])
            case _:
                raise AssertionError(f"no rule for {ast.unparse(node)}")

    def _constant(self, value: int) -> Shape:
        if not Shape(value, value).fits:
            self.refusals.append(TOO_LARGE)
        return Shape(value, value, constant=True)

    def _binary(self, node: ast.expr, symbol: str, left: Shape, right: Shape) -> Shape:
        if symbol == "**":
            return self._power(node, left, right)
        if symbol in ("//", "%") and right.low == right.high == 0:
            self.refusals.append(DIVIDES_BY_ZERO)
            return Shape(0, 0)
        if symbol in ("<<", ">>") and right.high < 0:
            self.refusals.append(NEGATIVE_COUNT)
            return Shape(0, 0)
        if left.constant and right.constant:
            return self._constant(calculate(symbol, left.low, right.low))
        mixed = (left.large and right.negative) or (right.large and left.negative)
        if mixed and symbol in ("+", "-", "*", "//", "%", "|", "^"):
            self.refusals.append(MIXED.format(symbol))
            return Shape(*I64)
        unsigned = not (left.negative or (right.negative and symbol not in ("<<", ">>")))
        return self._kept(node, INTERVALS[symbol](left, right), unsigned=unsigned)

    def _power(self, node: ast.expr, base: Shape, exponent: Shape) -> Shape:
        if not exponent.constant or not 0 <= exponent.low <= 64:
            self.refusals.append(EXPONENT)
            return Shape(*I64)
        if base.constant:
            return self._constant(base.low**exponent.low)
        if exponent.low == 0:
            return Shape(1, 1)
        low, high = base.low, base.high
        for _ in range(exponent.low - 1):
            low, high = hull(one * other for one, other in product((low, high), (base.low, base.high)))
        return self._kept(node, (low, high), unsigned=not base.negative)

    def _unary(self, node: ast.expr, op: ast.unaryop, of: Shape) -> Shape:
        if isinstance(op, ast.UAdd):
            return of
        minus = isinstance(op, ast.USub)
        low, high = (-of.high, -of.low) if minus else (~of.high, ~of.low)
        if of.constant:
            return self._constant(low)
        if of.large:
            self.refusals.append(UNARY_MIXED.format("-" if minus else "~"))
            return Shape(*I64)
        return self._kept(node, (low, high), unsigned=False)

    def _compared(self, node: ast.expr) -> None:
        """One side of a comparison; what `in` looks through is constant."""
        if isinstance(node, ast.Tuple):
            for each in node.elts:
                assert self.shape(each).constant
        elif not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "range"):
            self.shape(node)

    def _conditional(self, then: Shape, otherwise: Shape) -> Shape:
        result = Shape(*hull((then.low, then.high, otherwise.low, otherwise.high)))
        if not result.fits:
            self.refusals.append(TWO_KINDS)
            return Shape(*I64)
        return result

    def _call(self, node: ast.expr, name: str, arguments: list[Shape]) -> Shape:
        constant = all(each.constant for each in arguments)
        first = arguments[0]
        match name:
            case "min" | "max":
                choose = min if name == "min" else max
                return Shape(choose(s.low for s in arguments), choose(s.high for s in arguments), constant)
            case "abs" if constant:
                return self._constant(abs(first.low))
            case "abs":
                low, high = hull((abs(first.low), abs(first.high)))
                return Shape(0 if first.low <= 0 <= first.high else low, high)
            case "int":
                return first
            case "bool":
                return TRUTH
            case "pow":
                return self._power(node, first, arguments[1])
            case _:
                if constant:
                    wrapped = int(getattr(types, name)(first.low))
                    return Shape(wrapped, wrapped, constant=True)
                return Shape(*limits(name))

    def _kept(self, node: ast.expr, interval: tuple[int, int], *, unsigned: bool) -> Shape:
        """The interval where 64 bits hold it; else the operation wraps, and gives any 64-bit value."""
        if Shape(*interval).fits:
            return Shape(*interval)
        self.wraps[node] = U64 if unsigned else I64
        return Shape(*self.wraps[node])


def calculate(symbol: str, left: int, right: int) -> int:
    """`left symbol right` in Python; a shift that no memory holds gives a number that is too large all the same."""
    if symbol == "<<":
        return left << min(right, 1 << 12)
    return int(eval(f"left {symbol} right", {"left": left, "right": right}))


def _quotients(left: Shape, right: Shape) -> tuple[int, int]:
    divisors = {each for each in (right.low, right.high, -1, 1) if each and right.low <= each <= right.high}
    return hull(one // other for one, other in product((left.low, left.high), divisors))


def _remainders(left: Shape, right: Shape) -> tuple[int, int]:
    """A remainder has its divisor's sign, and is smaller than it."""
    high = max(right.high - 1, 0)
    if not left.negative and not right.negative:
        high = min(high, left.high)
    return min(right.low + 1, 0), high


def _bits(left: Shape, right: Shape) -> tuple[int, int]:
    """All numbers of as many bits as the longer operand has."""
    bits = max((each if each >= 0 else ~each).bit_length() for each in (left.low, left.high, right.low, right.high))
    return (-(1 << bits) if left.negative or right.negative else 0), (1 << bits) - 1


def _masked(left: Shape, right: Shape) -> tuple[int, int]:
    """No more than the smallest operand that cannot be negative."""
    highest = [each.high for each in (left, right) if not each.negative]
    return (0, min(highest)) if highest else _bits(left, right)


def _shifted(symbol: str) -> Callable[[Shape, Shape], tuple[int, int]]:
    def interval(left: Shape, right: Shape) -> tuple[int, int]:
        counts = [min(max(each, 0), 64) for each in (right.low, right.high)]
        return hull(calculate(symbol, one, count) for one, count in product((left.low, left.high), counts))

    return interval


INTERVALS: dict[str, Callable[[Shape, Shape], tuple[int, int]]] = {
    "+": lambda left, right: (left.low + right.low, left.high + right.high),
    "-": lambda left, right: (left.low - right.high, left.high - right.low),
    "*": lambda left, right: hull(x * y for x, y in product((left.low, left.high), (right.low, right.high))),
    "//": _quotients,
    "%": _remainders,
    "&": _masked,
    "|": _bits,
    "^": _bits,
    "<<": _shifted("<<"),
    ">>": _shifted(">>"),
}


def wrapped(value: int, low: int, high: int) -> int:
    """A number modulo 2**64, as the type that these are the limits of has it."""
    return (value - low) % (high - low + 1) + low


class _Wrapping(ast.NodeTransformer):
    """The source, with the wraps written out."""

    def __init__(self, wraps: dict[ast.expr, tuple[int, int]]) -> None:
        self.wraps = wraps

    def visit(self, node: ast.AST) -> Any:
        limits_here = self.wraps.get(node) if isinstance(node, ast.expr) else None
        made = self.generic_visit(node)
        if isinstance(made, ast.BinOp) and isinstance(made.op, ast.LShift):
            made = _called("shift_left", made.left, made.right)
        if limits_here is None:
            return made
        assert isinstance(made, ast.expr)
        return _called("wrapped", made, *(ast.Constant(limit) for limit in limits_here))


def _called(name: str, *arguments: ast.expr) -> ast.Call:
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def shift_left(value: int, count: int) -> int:
    """`value << count` for counts that would fill the memory: beyond 64, only zeros are left in 64 bits."""
    return value << min(count, 128)


NAMESPACE: dict[str, Any] = {
    "wrapped": wrapped,
    "shift_left": shift_left,
    **{width: getattr(types, width) for width in WIDTHS},
}


@dataclass(frozen=True)
class Expected:
    """An expression, ready to be asked for its values."""

    source: str
    refusals: tuple[str, ...]
    code: CodeType

    def value(self, operands: Mapping[str, int]) -> int | None:
        """What it gives for these operands, modulo 2**64; None where it raises in Python."""
        try:
            value = eval(self.code, NAMESPACE | {name: _Operand(number) for name, number in operands.items()})
        except (ZeroDivisionError, ValueError) as error:
            if str(error) in RAISED:
                return None
            raise
        return int(value) % (1 << 64)


@dataclass(frozen=True)
class _Operand:
    value: int


def expected(source: str, names: Mapping[str, str]) -> Expected:
    """What the rules and CPython say of an expression over the `.value` of references of these widths."""
    tree = ast.parse(source, mode="eval")
    rules = Rules(names)
    rules.shape(tree.body)
    made = ast.fix_missing_locations(_Wrapping(rules.wraps).visit(tree))
    return Expected(source, tuple(rules.refusals), compile(made, "<expression>", "eval"))


def shape_of(source: str, names: Mapping[str, str]) -> tuple[Shape, tuple[str, ...]]:
    """The interval of an expression, and why it is refused."""
    rules = Rules(names)
    shape = rules.shape(ast.parse(source, mode="eval").body)
    return shape, tuple(rules.refusals)


def constant_of(node: ast.expr) -> int | None:
    """The number that an expression is made of by operators and builtins alone; None for what reads a name."""
    called = {id(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
    reads = any(isinstance(each, ast.Name) and id(each) not in called for each in ast.walk(node))
    shape = None if reads else Rules({}).shape(node)
    return shape.low if shape is not None and shape.constant else None


class OutsideError(Exception):
    """A value left 64 bits, where these programs do not go."""


@dataclass
class Run:
    """A program's statements, run by CPython."""

    body: str
    survived: set[tuple[int, int]] = field(default_factory=set)
    """Where right operands of what can fail began (line, column) when it did not."""
    reached: set[tuple[int, int]] = field(default_factory=set)
    misfits: dict[tuple[int, int], str] = field(default_factory=dict)
    """Where constants begin that are stored into a local whose declared width does not hold them, and the problem."""

    def __post_init__(self) -> None:
        tree = _Statements(self.misfits).visit(ast.parse(self.body))
        self.code = compile(ast.fix_missing_locations(tree), "<program>", "exec")

    def result(self, **given: int) -> tuple[int | None, int | None]:
        """The local `result` at the end, or the line (from 1) that raises."""
        names: dict[str, Any] = NAMESPACE | given
        names |= {"operation": self._operation, "both": self._both, "store": _store, "check": _check}
        try:
            exec(self.code, names)
        except _RaisedError as raised:
            return None, raised.line
        return int(names["result"]), None

    def _operation(self, symbol: str, line: int, column: int, left: int, right: int) -> int:
        self.reached.add((line, column))
        try:
            value = int(eval(f"left {symbol} right", {"left": left, "right": right}))
        except (ZeroDivisionError, ValueError):
            raise _RaisedError(line) from None
        self.survived.add((line, column))
        if not I64[0] <= value <= I64[1]:
            raise OutsideError
        return value

    def _both(self, line: int, column: int, left: int, right: int) -> tuple[int, int]:
        return self._operation("//", line, column, left, right), self._operation("%", line, column, left, right)


class _RaisedError(Exception):
    def __init__(self, line: int) -> None:
        super().__init__(line)
        self.line = line


def _check(line: int, test: object) -> None:
    if not test:
        raise _RaisedError(line)


def _store(width: str, value: int) -> int:
    return int(getattr(types, width)(value))


class _Statements(ast.NodeTransformer):
    """Operations that say where they are, and stores that wrap where the local is declared with a width."""

    def __init__(self, misfits: dict[tuple[int, int], str]) -> None:
        self.declared: dict[str, str] = {}
        self.misfits = misfits

    def _check_constant(self, target: ast.expr, value: ast.expr) -> None:
        """A constant has to fit where it is stored, whether anything comes there or not."""
        if not isinstance(target, ast.Name) or target.id not in self.declared:
            return
        number = constant_of(value)
        low, high = limits(self.declared[target.id])
        if number is not None and not low <= number <= high:
            self.misfits[value.lineno, value.col_offset] = f"{number} does not fit {target.id!r}"

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        return self._operation(node, node.left, node.op, node.right)

    def visit_Call(self, node: ast.Call) -> ast.expr:
        if isinstance(node.func, ast.Name) and node.func.id == "divmod":
            left, right = node.args
            where = [ast.Constant(each) for each in (right.lineno, right.col_offset)]
            return ast.copy_location(_called("both", *where, self.visit(left), self.visit(right)), node)
        self.generic_visit(node)
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.stmt:
        check = _called("check", ast.Constant(node.test.lineno), self.visit(node.test))
        return ast.copy_location(ast.Expr(check), node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.stmt:
        assert isinstance(node.target, ast.Name)
        value = self._operation(node, ast.Name(node.target.id, ast.Load()), node.op, node.value)
        return ast.copy_location(ast.Assign([node.target], self._stored(node.target, value)), node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.stmt:
        assert isinstance(node.target, ast.Name)
        assert isinstance(node.annotation, ast.Name)
        assert node.value is not None
        self.declared[node.target.id] = node.annotation.id
        self._check_constant(node.target, node.value)
        value = self._stored(node.target, self.visit(node.value))
        return ast.copy_location(ast.Assign([node.target], value), node)

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        self._check_constant(node.targets[0], node.value)
        node.value = self.visit(node.value)
        match node.targets[0], node.value:
            case ast.Name() as target, value:
                node.value = self._stored(target, value)
            case ast.Tuple(elts=targets), ast.Tuple(elts=values):
                node.value = ast.Tuple([self._stored(*pair) for pair in zip(targets, values, strict=True)], ast.Load())
            case _:  # divmod: into names that are not declared
                pass
        return node

    def visit_NamedExpr(self, node: ast.NamedExpr) -> ast.expr:
        self._check_constant(node.target, node.value)
        node.value = self._stored(node.target, self.visit(node.value))
        return node

    def _stored(self, target: ast.expr, value: ast.expr) -> ast.expr:
        if isinstance(target, ast.Name) and target.id in self.declared:
            return ast.copy_location(_called("store", ast.Constant(self.declared[target.id]), value), value)
        return value

    def _operation(self, node: ast.AST, left: ast.expr, op: ast.operator, right: ast.expr) -> ast.expr:
        where = [ast.Constant(each) for each in (SYMBOLS[type(op)], right.lineno, right.col_offset)]
        made = _called("operation", *where, self.visit(left), self.visit(right))
        return ast.copy_location(made, right)
