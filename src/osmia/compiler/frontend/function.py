"""What is known while one program is translated: its source, its names and its locals, and those of what it calls."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.fingerprint import MISSING, attribute, cell, describe
from osmia.compiler.frontend.undefined import instead_of_undefined
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import NoneType, ValueType, is_number, joined, storage_type
from osmia.enumeration import is_int_enumeration
from osmia.layout import ArrayLayout, BytesLayout, StructLayout, layout_of
from osmia.maps.declaration import Map
from osmia.record import frozen_record, record

if TYPE_CHECKING:
    import ast
    from collections.abc import Callable

    from osmia.compiler.fingerprint import Description, Path
    from osmia.compiler.frontend.annotations import Annotation
    from osmia.compiler.frontend.environment import Environment
    from osmia.compiler.ir.types import Storage
    from osmia.compiler.location import Location
    from osmia.compiler.source import FunctionSource
    from osmia.layout import Layout
    from osmia.maps.globals import Variable
    from osmia.maps.settings import Setting


MOST_LISTED = 12  # members of an enum, in an error text


@frozen_record
class Static:
    """An object that is known when the program is compiled, and how the compiler came to it."""

    value: object
    path: Path
    location: Location


@frozen_record
class TupleValue:
    """Several values at once: `before` is done first."""

    location: Location
    before: tuple[ir.Statement, ...]
    items: tuple[Operand, ...]


@frozen_record
class NestedFunction:
    """A function or lambda in a function of the kernel's: it sees the locals around it."""

    node: ast.FunctionDef | ast.Lambda
    around: FunctionState
    location: Location


@frozen_record
class Bound:
    """A method of a struct, taken from an object."""

    function: Static
    itself: ir.Expression


# What a part of the source stands for: a value in the kernel, or something that is known while compiling.
Operand = ir.Expression | Static | TupleValue | NestedFunction | Bound


@record
class Translator:
    """The translation's functions, for the modules that are used by them."""

    operand: Callable[[FunctionState, ast.expr], Operand]
    expression: Callable[[FunctionState, ast.expr], ir.Expression]
    condition: Callable[[FunctionState, ast.expr], ir.Expression]
    block: Callable[[FunctionState, list[ast.stmt]], tuple[ir.Statement, ...]]
    assign: Callable[[FunctionState, ast.expr, Operand, ast.expr], tuple[ir.Statement, ...]]
    """`target = value`; the last is where the value came from."""


@record
class UnitState:
    """What the programs of one unit share."""

    translate: Translator
    maps: dict[int, ir.MapReference]
    """By the identity of the declaration."""
    map_paths: dict[str, Path]
    """By symbol: how to find the declaration again."""
    reads: dict[Path, Description]
    struct_paths: dict[type, Path]
    """How the compiler came to each struct class."""
    files: dict[str, ir.SourceFile]
    """Of all functions, by the path as Python knows it."""
    scratch: list[ir.MapReference]
    """Maps of the compiler's own."""
    globals: dict[str, Variable]
    """By symbol: the variables that kernel code and user code share."""
    global_paths: dict[str, Path]
    settings: dict[str, Setting]
    """By symbol: the settings."""
    setting_paths: dict[str, Path]

    def map_reference(self, static: Static) -> ir.MapReference:
        """The map's reference; its symbol is its own name, or else its variable's."""
        declaration = static.value
        assert isinstance(declaration, Map)
        known = self.maps.get(id(declaration))
        if known is not None:
            return known
        symbol = declaration.name or str(static.path[-1])
        where = _declared(declaration)
        for other in self.maps.values():
            if other.symbol == symbol:
                raise error(
                    f"two maps are called {symbol!r}",
                    static.location,
                    found=f"a second map of that name, {where}",
                    expected="one name for each map of what is loaded together",
                    fix="give one of them another name=",
                    related=(_declared(other.declaration),),
                )
        if not symbol.isidentifier() or not symbol.isascii():
            raise error(
                f"{symbol!r} cannot be a map's name",
                static.location,
                found=f"the name {symbol!r}, {where}",
                expected="letters, digits and _, as in a variable's name",
                fix="give the map another name=",
            )
        reference = self.reference(symbol, declaration, static.path)
        if declaration.inner is not None:
            inside = self.reference(f"{symbol}[...]", declaration.inner, ("inner", static.path))
            reference = ir.MapReference(symbol, declaration, reference.key, reference.value, inner=inside)
        self.maps[id(declaration)] = reference
        self.map_paths[symbol] = static.path
        return reference

    def reference(self, symbol: str, declaration: Map[Any, Any], path: Path) -> ir.MapReference:
        """A reference to a map, which takes down how the compiler came to the types of its keys and values."""
        for role, of in (("key", declaration.key), ("value", declaration.value)):
            layout = layout_of(of)
            if layout is not None:
                self.know_structs(layout, (role, path))
        key = BytesLayout(0) if declaration.key is None else layout_of(declaration.stored_key)
        value = BytesLayout(0) if declaration.value is bytes else layout_of(declaration.stored_value)
        assert key is not None and value is not None  # noqa: PT018 - maps refuse other types when they are declared
        return ir.MapReference(symbol, declaration, key, value)

    def know_structs(self, layout: Layout, path: Path) -> None:
        """Remember how the compiler came to a struct class, and so to those in it."""
        match layout:
            case ArrayLayout(element=element):
                self.know_structs(element, path)
            case StructLayout(of=of) if of not in self.struct_paths:
                self.struct_paths[of] = path
                for field in layout.fields:
                    self.know_structs(field.layout, ("field", path, field.name))


def _declared(declaration: Map[Any, Any]) -> str:
    file, line = declaration.declared_at
    return f"declared at {file}:{line}"


@frozen_record
class ReservedRecord:
    """A record of any length that a block has reserved."""

    map: ir.MapReference
    slot: ir.Dynptr
    given_up: ir.Local
    """Whether it was discarded."""
    name: ir.Local
    call: Call | None
    """The call that is written out in which that block stands."""


@record
class ProgramState:
    """What a program shares with the functions that it calls."""

    name: str
    context: ir.Local
    environment: Environment
    """What the locals hold at the point that the translation has come to."""
    calls: list[tuple[str, object]]
    """The functions that are being translated, the outermost first: name and code object or node."""
    hidden: int
    """How many locals of the compiler's own there are."""
    reservations: list[tuple[ir.MapReference, ir.Local, ir.Local, tuple[ir.Statement, ...], Call | None]]
    """The rings' events that are reserved here: the ring, what was given, its name, what gives it up, and the call."""
    records: list[ReservedRecord]
    """The rings' records of any length that are reserved here."""
    functions: dict[object, ir.Function]
    """The functions of their own that it calls, by the code of each."""


@record
class Call:
    """A call that is being written out: where its body leaves to, and its results."""

    frame: ir.Frame
    name: str
    returns: Annotation | None
    results: list[ir.Local]
    """Where the results go; those of the first return that was translated decide how many there are."""
    several: bool
    """Whether it returns a tuple."""
    ends: list[Environment]
    """What is known on each way out."""
    reached: bool
    """Whether anything comes to the call itself."""


@record
class FunctionState:
    """What is known about the function that is being translated."""

    unit: UnitState
    program: ProgramState
    path: int | Path
    """The function's place among the programs of the unit, or the path to its object."""
    source: FunctionSource
    returns: ValueType
    """What the program returns."""
    own: frozenset[str]
    """The names of its locals and parameters."""
    around: FunctionState | None
    """The function that it is nested in."""
    call: Call | None
    """None in a program itself."""
    bound: dict[str, Operand]
    """Parameters and nested functions that stand for something known while compiling, or for the context."""
    locals: dict[str, ir.Local]
    declared: dict[str, Storage]
    """The widths that locals are annotated with."""
    loops: list[LoopEnds]
    """The loops around, the innermost last."""

    @property
    def translate(self) -> Translator:
        """The translation's functions."""
        return self.unit.translate

    @property
    def context(self) -> ir.Local:
        """The program's context."""
        return self.program.context

    @property
    def environment(self) -> Environment:
        """What the locals hold at the point that the translation has come to."""
        return self.program.environment

    @environment.setter
    def environment(self, environment: Environment) -> None:
        self.program.environment = environment

    def at(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.pattern) -> Location:
        """The place of a node."""
        return self.source.location(node)

    def resolve(self, name: str, location: Location) -> Static:
        """The object that a name which is no local stands for, as Python finds it: closure, globals, builtins."""
        function = self.source.function
        if name in function.__code__.co_freevars:
            path: Path = ("cell", self.path, name)
            value = cell(function, name)
        elif name in function.__globals__:
            path, value = ("global", self.path, name), function.__globals__[name]
        else:
            path, value = ("builtin", name), getattr(builtins, name, MISSING)
            # That the module has no such name is a read too: defining it later would hide the builtin.
            self.unit.reads["global", self.path, name] = describe(MISSING)
        if value is MISSING:
            known = [*self.locals, *self.bound, *function.__globals__, *function.__code__.co_freevars]
            raise error(
                f"the name {name!r} is not defined",
                location,
                found=f"{name!r}, which is no local, no global of {function.__module__} and no builtin",
                expected="a name that the function can see",
                fix=instead_of_undefined(name, known),
            )
        return self.read(Static(value, path, location))

    def sees(self, name: str) -> bool:
        """Whether a name is a local, or one that Python finds."""
        function = self.source.function
        if self.owner(name) is not None or name in function.__code__.co_freevars or name in function.__globals__:
            return True
        self.unit.reads["global", self.path, name] = describe(MISSING)
        return hasattr(builtins, name)

    def static_attribute(self, base: Static, name: str, location: Location) -> Static:
        """An attribute of a module or a class."""
        value = attribute(base.value, name)
        owner = getattr(base.value, "__name__", type(base.value).__name__)
        if value is MISSING:
            of = base.value
            members = list(of.__members__) if isinstance(of, type) and is_int_enumeration(of) else []
            listed = 0 < len(members) <= MOST_LISTED
            raise error(
                f"{owner} has no {name!r}",
                location,
                found=f"{owner}.{name}",
                expected=f"one of {', '.join(members)}" if listed else f"an attribute of {owner}",
                fix=did_you_mean(name, members or dir(of))
                or ("use one of these" if listed else f"see what {owner} offers: dir({owner})"),
            )
        return self.read(Static(value, ("attribute", base.path, name), location))

    def read(self, static: Static) -> Static:
        """Write down what the compiler read."""
        self.unit.reads[static.path] = describe(static.value)
        layout = layout_of(static.value) if isinstance(static.value, type) else None
        if layout is not None:
            self.unit.know_structs(layout, static.path)
        return static

    def owner(self, name: str) -> FunctionState | None:
        """The function whose local or parameter a name is: this one, or one around it."""
        if name in self.own:
            return self
        return None if self.around is None else self.around.owner(name)

    def assign(self, name: str, of: ValueType, location: Location) -> ir.Local:
        """The local that a value of type `of` is stored in, which from here on holds that."""
        owner = self.owner(name)
        assert owner is not None
        storage = owner.declared.get(name)
        local = owner.locals.get(name)
        if local is None or (is_number(of) and isinstance(local.type, NoneType)):
            # What was None on every way so far has no value that the new local could lose: reads of it are checked.
            if local is not None:
                owner.locals[f"{name} as None"] = local  # still one of the function's own, which end with it
            local = owner.locals[name] = ir.Local(name, of, storage)
        elif is_number(local.type) is not is_number(of):
            raise error(
                f"{name!r} would have to hold values of two kinds",
                location,
                found=f"{of} here and {local.type} before",
                expected=f"{local.type}, as before",
                fix="use another name for the second one",
            )
        local.type = joined(local.type, of) or local.type
        self.environment.assign(local, of if storage is None else storage_type(storage))
        return local

    def type_of(self, local: ir.Local, location: Location) -> ValueType:
        """What a local holds here."""
        conflict = self.environment.conflicts.get(local)
        if conflict is not None:
            numbers = all(is_number(of) for of in conflict)
            raise error(
                f"{local.name!r} may hold a u64 or a negative number here"
                if numbers
                else f"{local.name!r} may hold references of two kinds here",
                location,
                found=" or ".join(str(of) for of in conflict) + ", depending on the way to this line",
                expected="values that all fit i64, or all fit u64" if numbers else "references to one type",
                fix=f"cast one of them (u64(...) or i64(...)), or declare it: `{local.name}: i64 = ...`"
                if numbers
                else "use two names",
            )
        return self.environment.types.get(local, local.type)

    def hidden(self, of: ValueType) -> ir.Local:
        """A local of the compiler's own, which holds exactly what it is given."""
        self.program.hidden += 1
        return ir.Local(f".{self.program.hidden}", of, None)

    def kept(self, value: ir.Expression, location: Location | None = None) -> tuple[ir.Assign, ir.LocalRead]:
        """A value in a local of the compiler's own, to be read as often as it is needed: it is evaluated once."""
        at, local = location or value.location, self.hidden(value.type)
        return ir.Assign(at, local, value), ir.LocalRead(value.type, at, local)


@record
class LoopEnds:
    """What is known on the ways that leave a loop's body early."""

    breaks: list[Environment]
    continues: list[Environment]
    whole: ir.Frame | None = None
    """What a break leaves in a loop that is written out round by round."""
    round: ir.Frame | None = None
    """What a continue leaves there."""
