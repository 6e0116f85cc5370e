"""The nodes of the IR: a closed union of expressions and one of statements, each with a type and a place.

Expressions are evaluated in Python's order, left to right. Control flow is structured, as it is in the source.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir.types import (
    BoolType,
    InnerMapType,
    IntType,
    NoneType,
    ObjectType,
    OptionalType,
    PacketType,
    PlaceType,
    Storage,
    ValueType,
)
from osmia.record import frozen_record, record

if TYPE_CHECKING:
    from typing import Any

    from osmia.abi.helper_row import HelperRow
    from osmia.compiler.location import Location
    from osmia.kinds import Kind
    from osmia.layout import Field as LayoutField
    from osmia.layout import Layout
    from osmia.logs.note import LogFormat
    from osmia.maps.declaration import Map
    from osmia.maps.globals import Variable
    from osmia.maps.settings import Setting


@frozen_record
class ErrorEdge:
    """What happens where Python would raise: the program ends with its error value and the place is counted."""

    problem: str
    """What Python would say: `integer division or modulo by zero`."""


class Local:
    """A local variable of a function."""

    __slots__ = ("by_rounds", "name", "storage", "type")

    def __init__(self, name: str, type: ValueType, storage: Storage | None) -> None:  # noqa: A002
        self.name = name
        self.type = type
        self.storage = storage
        """The declared width that a store wraps at; None for a local without annotation, which is exact."""
        self.by_rounds = False
        """Whether it is as small as its type says because of how often a loop runs: the verifier may not see that."""


class Frame:
    """A call that is written out where it stands: leaving it goes on behind the call."""

    __slots__ = ("name", "unrolled")

    def __init__(self, name: str, *, unrolled: bool = False) -> None:
        self.name = name
        self.unrolled = unrolled
        """Whether it is no call, but a loop that is written out, or a round of it."""


class LoopPlan:
    """How a loop is carried out; the frontend says what it knows, the pass `checks/loop_forms.py` chooses."""

    __slots__ = ("counted", "edge", "form", "least", "location", "most")

    def __init__(self, location: Location, least: int = 0, most: int | None = None) -> None:
        self.location = location
        """The whole statement; its error edge is counted here."""
        self.least = least
        """How often its body runs at least, unless something leaves it."""
        self.most = most
        """How often its body runs at most; None where nothing says it."""
        self.form = "plain"
        """`plain`, `counted`, `may_goto` or `bpf_loop`."""
        self.counted = 0
        """After how many rounds a counted loop is ended."""
        self.edge: ErrorEdge | None = None
        """What happens where the form's own limit ends the loop; None where there is no such limit."""


@frozen_record
class MapReference:
    """A map that the unit uses, by its symbol."""

    symbol: str
    declaration: Map[Any, Any]
    key: Layout
    value: Layout
    scratch: bool = False
    """Whether it is of the compiler's own: memory for one line's object."""
    inner: MapReference | None = None
    """Of a map of maps: what the maps in it are like."""
    found: Expression | None = None
    """Where a map is that was found in another one; None for what the unit declares."""


@frozen_record
class Constant:
    """A value known when the program is compiled. None is `NoneType` with value 0."""

    type: ValueType
    location: Location
    value: int


@frozen_record
class LocalRead:
    """The value of a local."""

    type: ValueType
    location: Location
    local: Local


@frozen_record
class ContextRead:
    """A field of the context, or of an object of the kernel's."""

    type: IntType | ObjectType | OptionalType
    location: Location
    field: str
    offset: int
    bits: int
    base: Expression | None = None
    """The object; None for the context."""


@frozen_record
class ArgumentRead:
    """An argument of the function that a program is attached to: an object of the kernel's."""

    type: ObjectType | OptionalType
    location: Location
    name: str
    index: int


@frozen_record
class MapLookup:
    """bpf_map_lookup_elem: where the key's value lies, or None."""

    type: OptionalType
    location: Location
    map: MapReference
    key: Expression


@frozen_record
class MapUpdate:
    """bpf_map_update_elem: 0 or a negative error number."""

    type: IntType
    location: Location
    map: MapReference
    key: Expression
    value: Expression
    flags: Expression


@frozen_record
class MapDelete:
    """bpf_map_delete_elem: 0 or a negative error number."""

    type: IntType
    location: Location
    map: MapReference
    key: Expression


@frozen_record
class PacketAt:
    """What lies in the packet at an offset, in place; None where the packet does not reach so far."""

    type: OptionalType
    location: Location
    packet: PacketType
    offset: Expression


@frozen_record
class ArenaAt:
    """What lies in an arena at an offset, in place; None where that is outside, or no multiple of its alignment."""

    type: OptionalType
    location: Location
    map: MapReference
    offset: Expression


@frozen_record
class PacketLength:
    """How many bytes of the packet there are."""

    type: IntType
    location: Location
    packet: PacketType


@frozen_record
class HelperCall:
    """A call of a helper: numbers, addresses, maps, and None for a null pointer."""

    type: ValueType
    location: Location
    helper: HelperRow
    arguments: tuple[Expression | MapReference, ...]


@frozen_record
class Atomic:
    """An operation on a number in memory that other CPUs see whole. `type` is of what was there before."""

    type: IntType
    location: Location
    operation: str
    """`add`, `and`, `or`, `xor`, `exchange` or `compare_exchange`."""
    place: Expression
    operands: tuple[Expression, ...]
    fetch: bool
    """Whether what was there before is wanted."""


@frozen_record
class GlobalPlace:
    """A global variable, as a place."""

    type: PlaceType
    location: Location
    symbol: str
    declaration: Variable


@frozen_record
class SettingRead:
    """The value that a setting has where the program is loaded."""

    type: ValueType
    location: Location
    symbol: str
    declaration: Setting


@frozen_record
class ConstantText:
    """Constant bytes in `.rodata`, as a place: some helpers take a text from nowhere else."""

    type: PlaceType
    location: Location
    data: bytes


@frozen_record
class LogNumber:
    """Which of the object's logs it is: they are numbered once all of them are known."""

    type: IntType
    location: Location
    format: LogFormat


@frozen_record
class LogSwitch:
    """Whether a log is on, which is known where the program is loaded."""

    type: BoolType
    location: Location
    format: LogFormat


@frozen_record
class Unwrap:
    """What an optional holds. The flow check proves that it is not None here."""

    type: PlaceType | ObjectType | InnerMapType
    location: Location
    operand: Expression


@frozen_record
class Assume:
    """What an optional holds, by the word of the program's author: nothing proves that it is not None."""

    type: PlaceType | ObjectType | InnerMapType
    location: Location
    operand: Expression


@frozen_record
class Address:
    """Where something lies, as a number."""

    type: IntType
    location: Location
    operand: Expression | MapReference


@frozen_record
class MemoryAt:
    """A place at a distance in bytes from an address, which nothing proves to be there."""

    type: PlaceType
    location: Location
    address: Expression
    offset: Expression


@frozen_record
class RawCall:
    """A call of a helper by its number, with whatever arguments."""

    type: IntType
    location: Location
    number: int
    arguments: tuple[Expression | MapReference, ...]
    changes_packet: bool
    """Whether it may move or resize the packet; so may what the table of helpers does not have."""


@frozen_record
class Require:
    """What an optional holds; None takes the error edge."""

    type: PlaceType
    location: Location
    operand: Expression
    edge: ErrorEdge


@frozen_record
class Field:
    """A field of a struct, as a place."""

    type: PlaceType
    location: Location
    base: Expression
    field: LayoutField


@frozen_record
class Element:
    """An element of an array or of chars, as a place. A negative index counts from the end."""

    type: PlaceType
    location: Location
    base: Expression
    index: Expression
    length: int
    edge: ErrorEdge | None
    tested: bool = False
    """Whether a branch right before it is what the verifier sees: the index is not tested once more."""
    apart: bool = False
    """Whether it is an object by itself: what refers to it may end, and what it lies in stays."""


@frozen_record
class Construct:
    """A new object in the program's own memory: `image` says its bytes, `values` what some fields hold instead."""

    type: PlaceType
    location: Location
    image: bytes
    values: tuple[tuple[LayoutField, Expression], ...]


@frozen_record
class Load:
    """The number that lies in a place."""

    type: ValueType
    location: Location
    place: Expression


@frozen_record
class Alike:
    """Whether two places of one layout, or a place and constant bytes, hold the same bytes."""

    type: BoolType
    location: Location
    left: Expression
    right: Expression | bytes
    size: int


@frozen_record
class Sequence:
    """Statements, then a value."""

    type: ValueType
    location: Location
    before: tuple[Statement, ...]
    value: Expression


@frozen_record
class Binary:
    """Arithmetic on integers by Python's meaning, in 64 bits."""

    type: IntType
    location: Location
    operator: str
    left: Expression
    right: Expression
    edge: ErrorEdge | None


@frozen_record
class Unary:
    """`-` or `~` of an integer."""

    type: IntType
    location: Location
    operator: str
    operand: Expression


@frozen_record
class Wrap:
    """`u8(x)`: the value at a declared width."""

    type: IntType
    location: Location
    operand: Expression
    storage: Storage


@frozen_record
class ByteSwap:
    """`ntohs(x)`: the bytes of a number, which fits the width, in the other order."""

    type: IntType
    location: Location
    operand: Expression
    storage: Storage


@frozen_record
class Compare:
    """`a < b <= c`: each operand evaluated once, the rest skipped once one comparison is false."""

    type: BoolType
    location: Location
    operators: tuple[str, ...]
    operands: tuple[Expression, ...]


@frozen_record
class IsNone:
    """`x is None`."""

    type: BoolType
    location: Location
    operand: Expression


@frozen_record
class Truth:
    """Whether an integer is not zero."""

    type: BoolType
    location: Location
    operand: Expression


@frozen_record
class Not:
    """`not x` of a bool."""

    type: BoolType
    location: Location
    operand: Expression


@frozen_record
class Logical:
    """`and` / `or` of bools, with short circuit."""

    type: BoolType
    location: Location
    operator: str
    operands: tuple[Expression, ...]


@frozen_record
class Conditional:
    """`a if test else b`: only one of the two is evaluated."""

    type: ValueType
    location: Location
    test: Expression
    then: Expression
    otherwise: Expression


@frozen_record
class AssignExpression:
    """`(local := value)`: stores the value and is it."""

    type: ValueType
    location: Location
    local: Local
    value: Expression


@frozen_record
class Extreme:
    """`min` or `max` of integers, by value."""

    type: IntType
    location: Location
    operator: str
    operands: tuple[Expression, ...]


@frozen_record
class Limited:
    """The smaller one of a number, which is not negative, and `most`, so that the verifier sees the limit."""

    type: IntType
    location: Location
    operand: Expression
    most: int


@frozen_record
class Dynptr:
    """The place of a dynptr in the program's own memory, which a helper fills in.

    One node stands for one place, wherever it is used.
    """

    type: ObjectType
    location: Location


@frozen_record
class Absolute:
    """`abs` of an integer."""

    type: IntType
    location: Location
    operand: Expression


@frozen_record
class BitLength:
    """How many bits a number has that is not negative: 0 for 0, else 1 more than its logarithm to the base 2."""

    type: IntType
    location: Location
    operand: Expression


Expression = (
    Constant
    | LocalRead
    | ContextRead
    | ArgumentRead
    | MapLookup
    | MapUpdate
    | MapDelete
    | PacketAt
    | ArenaAt
    | PacketLength
    | HelperCall
    | Atomic
    | GlobalPlace
    | SettingRead
    | ConstantText
    | LogNumber
    | LogSwitch
    | Unwrap
    | Assume
    | Address
    | MemoryAt
    | RawCall
    | Require
    | Field
    | Element
    | Construct
    | Load
    | Alike
    | Sequence
    | Binary
    | Unary
    | Wrap
    | ByteSwap
    | Compare
    | IsNone
    | Truth
    | Not
    | Logical
    | Conditional
    | AssignExpression
    | Extreme
    | Limited
    | Dynptr
    | Absolute
    | BitLength
)


@frozen_record
class Assign:
    """Store into a local, wrapping at its declared width."""

    location: Location
    local: Local
    value: Expression


@frozen_record
class Store:
    """Store a number into a place, wrapping at its width."""

    location: Location
    place: Expression
    value: Expression


@frozen_record
class ContextStore:
    """Store a number into a field of the context, wrapping at its width."""

    location: Location
    field: str
    offset: int
    bits: int
    value: Expression


@frozen_record
class Copy:
    """Store a copy of a struct or an array into a place of its layout."""

    location: Location
    place: Expression
    source: Expression


@frozen_record
class Fill:
    """Put constant bytes into a place."""

    location: Location
    place: Expression
    image: bytes


@frozen_record
class Evaluate:
    """Evaluate for its effect."""

    location: Location
    value: Expression


@frozen_record
class If:
    """Two ways."""

    location: Location
    test: Expression
    then: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]


@frozen_record
class Return:
    """Leave the function."""

    location: Location
    value: Expression


@frozen_record
class Loop:
    """`while test: body`, with `step` before each further test and `otherwise` once the test is false."""

    location: Location
    test: Expression
    body: tuple[Statement, ...]
    step: tuple[Statement, ...]
    otherwise: tuple[Statement, ...]
    plan: LoopPlan


@frozen_record
class ForEach:
    """A helper that calls the body for each of what a map holds, and says of how many.

    bpf_for_each_map_elem does so for the elements of a map, bpf_user_ringbuf_drain for the records of a ring.
    """

    location: Location
    helper: HelperRow
    map: MapReference
    given: tuple[Local, ...]
    """What the body is given: where an element's key and its value lie, or the dynptr of a record."""
    flags: Expression
    count: Local
    body: tuple[Statement, ...]


@frozen_record
class Break:
    """Leave the innermost loop, past its `otherwise`."""

    location: Location


@frozen_record
class Continue:
    """Go on with the innermost loop's step."""

    location: Location


@frozen_record
class Abort:
    """Take the error edge: a failed assertion."""

    location: Location
    edge: ErrorEdge


@frozen_record
class CountError:
    """Count a place where something was left out, as the error edge does, and go on."""

    location: Location
    edge: ErrorEdge


@frozen_record
class Inlined:
    """The body of a function that is called here. Its locals begin without values."""

    location: Location
    frame: Frame
    locals: tuple[Local, ...]
    body: tuple[Statement, ...]
    parameters: tuple[Local, ...] = ()
    """Those are assigned before it."""
    known: tuple[tuple[str, Constant], ...] = ()
    """Parameters that are given constants, which need no locals."""


@frozen_record
class CallFunction:
    """Call a function of its own; what it gives is stored into locals."""

    location: Location
    function: Function
    arguments: tuple[Expression, ...]
    results: tuple[Local, ...]


@frozen_record
class Leave:
    """Return from an inlined call: its results are in locals."""

    location: Location
    frame: Frame


@frozen_record
class Barrier:
    """What stands before it is done in memory before what stands after it, as this CPU sees it, and who reads it."""

    location: Location
    given: Expression | None = None
    """An event of a ring that is the program's no longer."""


@frozen_record
class Breakpoint:
    """`breakpoint()`: a debugger stops here, in a machine of the user-space runtime."""

    location: Location


@frozen_record
class Scope:
    """A `with` block: `leave` is done on every way out of the body, `abort` instead of it on the error edge."""

    location: Location
    body: tuple[Statement, ...]
    leave: tuple[Statement, ...]
    abort: tuple[Statement, ...]


Statement = (
    Assign
    | Store
    | ContextStore
    | Copy
    | Fill
    | Evaluate
    | If
    | Return
    | Loop
    | ForEach
    | Break
    | Continue
    | Abort
    | CountError
    | Inlined
    | CallFunction
    | Leave
    | Barrier
    | Breakpoint
    | Scope
)


class Function:
    """A function of its own in the object, which a program calls."""

    __slots__ = ("body", "file", "global_", "locals", "location", "name", "parameters", "results", "uses_context")

    def __init__(self, name: str, location: Location, file: SourceFile, *, global_: bool) -> None:
        self.name = name
        """The symbol."""
        self.location = location
        self.file = file
        self.global_ = global_
        """Whether the verifier looks at it by itself."""
        self.parameters: tuple[Local, ...] = ()
        self.results: tuple[Local, ...] = ()
        """What it gives, once its body is done."""
        self.body: tuple[Statement, ...] = ()
        self.locals: tuple[Local, ...] = ()
        self.uses_context = False


@record
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
    functions: list[Function]
    """The functions that it calls, callees first."""
    license: str
    file: SourceFile
    end: Location
    """The last line of the function, where a missing return is reported."""
    hook: str = ""
    """Which of its kind's hooks it is for, or what it is attached to."""
    arguments: tuple[tuple[str, str], ...] = ()
    """Those of the kernel's function that it is given, in their order: name and type, `task_struct` or `u64`."""


@frozen_record
class SourceFile:
    """A file that kernel code came from."""

    path: str
    """As Python knows it."""
    relative: str
    """As objects name it: the same on every machine."""
    text: str


@frozen_record
class ErrorSite:
    """A place where a program may take the error edge; its number is its index in the unit."""

    program: str
    location: Location
    problem: str


@record
class Unit:
    """What is loaded together: programs and all that they reach."""

    programs: list[Program]
    maps: list[MapReference]
    license: str
    files: dict[str, SourceFile]
    """By the path as Python knows it."""
    globals: dict[str, Variable]
    """By symbol."""
    settings: dict[str, Setting]
    """By symbol."""
    scratch: list[MapReference]
    """Maps of the compiler's own, for objects that are too large for the stack."""
    error_sites: list[ErrorSite]
    """Numbered once all checks have passed."""


NONE = NoneType()
BOOL = BoolType()
