"""The nodes of the IR: a closed union of expressions and one of statements, each with a type and a place.

Expressions are evaluated in Python's order, left to right. Control flow is structured, as it is in the source.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from osmia.compiler.ir.types import BoolType, IntType, NoneType, OptionalType, RefType, Storage, ValueType

if TYPE_CHECKING:
    from typing import Any

    from osmia.compiler.location import Location
    from osmia.kinds import Kind
    from osmia.maps.declaration import Map


@dataclass(frozen=True, slots=True)
class ErrorEdge:
    """What happens where Python would raise: the program ends with its error value and the place is counted."""

    problem: str
    """What Python would say: `integer division or modulo by zero`."""


@dataclass(eq=False, slots=True)
class Local:
    """A local variable of a function."""

    name: str
    type: ValueType
    storage: Storage | None
    """The declared width that a store wraps at; None for a local without annotation, which is exact."""
    declared: Location


@dataclass(frozen=True, slots=True)
class MapReference:
    """A map that the unit uses, by its symbol."""

    symbol: str
    declaration: Map[Any, Any]
    key: Storage
    value: Storage


@dataclass(frozen=True, slots=True)
class Constant:
    """A value known when the program is compiled. None is `NoneType` with value 0."""

    type: ValueType
    location: Location
    value: int


@dataclass(frozen=True, slots=True)
class LocalRead:
    """The value of a local."""

    type: ValueType
    location: Location
    local: Local


@dataclass(frozen=True, slots=True)
class ContextRead:
    """A field of the context."""

    type: IntType
    location: Location
    field: str
    offset: int
    bits: int


@dataclass(frozen=True, slots=True)
class MapLookup:
    """bpf_map_lookup_elem: where the key's value lies, or None."""

    type: OptionalType
    location: Location
    map: MapReference
    key: Expression


@dataclass(frozen=True, slots=True)
class MapUpdate:
    """bpf_map_update_elem: 0 or a negative error number."""

    type: IntType
    location: Location
    map: MapReference
    key: Expression
    value: Expression
    flags: Expression


@dataclass(frozen=True, slots=True)
class MapDelete:
    """bpf_map_delete_elem: 0 or a negative error number."""

    type: IntType
    location: Location
    map: MapReference
    key: Expression


@dataclass(frozen=True, slots=True)
class Unwrap:
    """What an optional holds. The flow check proves that it is not None here."""

    type: RefType
    location: Location
    operand: Expression


@dataclass(frozen=True, slots=True)
class RefRead:
    """The `.value` of a Ref."""

    type: IntType
    location: Location
    ref: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic on integers by Python's meaning, in 64 bits."""

    type: IntType
    location: Location
    operator: str
    left: Expression
    right: Expression
    edge: ErrorEdge | None


@dataclass(frozen=True, slots=True)
class Unary:
    """`-` or `~` of an integer."""

    type: IntType
    location: Location
    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Wrap:
    """`u8(x)`: the value at a declared width."""

    type: IntType
    location: Location
    operand: Expression
    storage: Storage


@dataclass(frozen=True, slots=True)
class Compare:
    """`a < b <= c`: each operand evaluated once, the rest skipped once one comparison is false."""

    type: BoolType
    location: Location
    operators: tuple[str, ...]
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class IsNone:
    """`x is None`."""

    type: BoolType
    location: Location
    operand: Expression


@dataclass(frozen=True, slots=True)
class Truth:
    """Whether an integer is not zero."""

    type: BoolType
    location: Location
    operand: Expression


@dataclass(frozen=True, slots=True)
class Not:
    """`not x` of a bool."""

    type: BoolType
    location: Location
    operand: Expression


@dataclass(frozen=True, slots=True)
class Logical:
    """`and` / `or` of bools, with short circuit."""

    type: BoolType
    location: Location
    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """`a if test else b`: only one of the two is evaluated."""

    type: ValueType
    location: Location
    test: Expression
    then: Expression
    otherwise: Expression


@dataclass(frozen=True, slots=True)
class AssignExpression:
    """`(local := value)`: stores the value and is it."""

    type: ValueType
    location: Location
    local: Local
    value: Expression


@dataclass(frozen=True, slots=True)
class Extreme:
    """`min` or `max` of integers, by value."""

    type: IntType
    location: Location
    operator: str
    operands: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Absolute:
    """`abs` of an integer."""

    type: IntType
    location: Location
    operand: Expression


Expression = (
    Constant
    | LocalRead
    | ContextRead
    | MapLookup
    | MapUpdate
    | MapDelete
    | Unwrap
    | RefRead
    | Binary
    | Unary
    | Wrap
    | Compare
    | IsNone
    | Truth
    | Not
    | Logical
    | Conditional
    | AssignExpression
    | Extreme
    | Absolute
)


@dataclass(frozen=True, slots=True)
class Assign:
    """Store into a local, wrapping at its declared width."""

    location: Location
    local: Local
    value: Expression


@dataclass(frozen=True, slots=True)
class StoreRef:
    """Store into the `.value` of a Ref, wrapping at its width."""

    location: Location
    ref: Expression
    value: Expression


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Evaluate for its effect."""

    location: Location
    value: Expression


@dataclass(frozen=True, slots=True)
class If:
    """Two ways."""

    location: Location
    test: Expression
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Return:
    """Leave the function."""

    location: Location
    value: Expression


@dataclass(frozen=True, slots=True)
class Loop:
    """`while test: body`, with `step` before each further test and `otherwise` once the test is false."""

    location: Location
    test: Expression
    body: tuple[Statement, ...]
    step: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class Break:
    """Leave the innermost loop, past its `otherwise`."""

    location: Location


@dataclass(frozen=True, slots=True)
class Continue:
    """Go on with the innermost loop's step."""

    location: Location


@dataclass(frozen=True, slots=True)
class Abort:
    """Take the error edge: a failed assertion."""

    location: Location
    edge: ErrorEdge


Statement = Assign | StoreRef | Evaluate | If | Return | Loop | Break | Continue | Abort


@dataclass(slots=True)
class Program:
    """One program of the unit."""

    name: str
    kind: Kind
    location: Location
    context: Local
    returns: ValueType
    error_value: int
    """What it returns on the error edge."""
    body: tuple[Statement, ...]
    locals: tuple[Local, ...]
    license: str
    file: SourceFile
    end: Location
    """The last line of the function, where a missing return is reported."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that kernel code came from."""

    path: str
    """As Python knows it."""
    relative: str
    """As objects name it: the same on every machine."""
    text: str


@dataclass(frozen=True, slots=True)
class ErrorSite:
    """A place where a program may take the error edge; its number is its index in the unit."""

    program: str
    location: Location
    problem: str


@dataclass(slots=True)
class Unit:
    """What is loaded together: programs and all that they reach."""

    programs: list[Program]
    maps: list[MapReference]
    license: str
    files: dict[str, SourceFile]
    """By the path as Python knows it."""
    error_sites: list[ErrorSite] = field(default_factory=list)


NONE = NoneType()
BOOL = BoolType()
