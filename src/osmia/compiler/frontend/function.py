"""What is known while one program is translated: its source, its names and its locals."""

from __future__ import annotations

import builtins
from typing import TYPE_CHECKING, Any

from osmia.compiler.diagnostics import did_you_mean, error
from osmia.compiler.fingerprint import MISSING, attribute, cell, describe
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import IntType, ValueType, is_number, joined
from osmia.maps.declaration import Map
from osmia.record import frozen_record, record
from osmia.types import Integer, is_integer

if TYPE_CHECKING:
    import ast

    from osmia.compiler.fingerprint import Description, Path
    from osmia.compiler.frontend.environment import Environment
    from osmia.compiler.location import Location
    from osmia.compiler.source import FunctionSource
    from osmia.maps.globals import Global
    from osmia.maps.settings import Setting


@frozen_record
class Static:
    """An object that is known when the program is compiled, and how the compiler came to it."""

    value: object
    path: Path
    location: Location


@record
class UnitState:
    """What the programs of one unit share."""

    maps: dict[int, ir.MapReference]
    """By the identity of the declaration."""
    map_paths: dict[str, Path]
    """By symbol: how to find the declaration again."""
    reads: dict[Path, Description]
    globals: dict[str, Global[Any]]
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
        for role, of in (("key", declaration.key), ("value", declaration.value)):
            if not is_integer(of):
                raise error(
                    f"kernel code cannot use the {role}s of the map {symbol} yet",
                    static.location,
                    found=f"{role}s of type {getattr(of, '__name__', of)}, {where}",
                    expected=f"{role}s of one of u8, u16, u32, u64, i8, i16, i32, i64",
                    fix=f"declare the {role} with one of these",
                )
        key: type[Integer] = declaration.key
        value: type[Integer] = declaration.value
        reference = ir.MapReference(symbol, declaration, key, value)
        self.maps[id(declaration)] = reference
        self.map_paths[symbol] = static.path
        return reference


def _declared(declaration: Map[Any, Any]) -> str:
    file, line = declaration.declared_at
    return f"declared at {file}:{line}"


@record
class FunctionState:
    """What is known about the function that is being translated."""

    unit: UnitState
    index: int
    """The function's place among those of the unit, as paths name it."""
    source: FunctionSource
    context: ir.Local
    returns: ValueType
    environment: Environment
    """What the locals hold at the point that the translation has come to."""
    locals: dict[str, ir.Local]
    declared: dict[str, type[Integer]]
    """The widths that locals are annotated with."""
    loops: list[LoopEnds]
    """The loops around, the innermost last."""

    def at(self, node: ast.expr | ast.stmt | ast.arg | ast.keyword | ast.pattern) -> Location:
        """The place of a node."""
        return self.source.location(node)

    def resolve(self, name: str, location: Location) -> Static:
        """The object that a name which is no local stands for, as Python finds it: closure, globals, builtins."""
        function = self.source.function
        if name in function.__code__.co_freevars:
            path: Path = ("cell", self.index, name)
            value = cell(function, name)
        elif name in function.__globals__:
            path, value = ("global", self.index, name), function.__globals__[name]
        else:
            path, value = ("builtin", name), getattr(builtins, name, MISSING)
            # That the module has no such name is a read too: defining it later would hide the builtin.
            self.unit.reads["global", self.index, name] = describe(MISSING)
        if value is MISSING:
            known = [*self.locals, self.context.name, *function.__globals__, *function.__code__.co_freevars]
            raise error(
                f"the name {name!r} is not defined",
                location,
                found=f"{name!r}, which is no local, no global of {function.__module__} and no builtin",
                expected="a name that the function can see",
                fix=did_you_mean(name, known) or f"define or import {name!r}",
            )
        return self.read(Static(value, path, location))

    def static_attribute(self, base: Static, name: str, location: Location) -> Static:
        """An attribute of a module or a class."""
        value = attribute(base.value, name)
        owner = getattr(base.value, "__name__", type(base.value).__name__)
        if value is MISSING:
            raise error(
                f"{owner} has no {name!r}",
                location,
                found=f"{owner}.{name}",
                expected=f"an attribute of {owner}",
                fix=did_you_mean(name, dir(base.value)) or f"see what {owner} offers: dir({owner})",
            )
        return self.read(Static(value, ("attribute", base.path, name), location))

    def read(self, static: Static) -> Static:
        """Write down what the compiler read."""
        self.unit.reads[static.path] = describe(static.value)
        return static

    def assign(self, name: str, of: ValueType, location: Location) -> ir.Local:
        """The local that a value of type `of` is stored in, which from here on holds that."""
        storage = self.declared.get(name)
        local = self.locals.get(name)
        if local is None:
            local = self.locals[name] = ir.Local(name, of, storage, location)
        elif is_number(local.type) is not is_number(of):
            raise error(
                f"{name!r} would have to hold values of two kinds",
                location,
                found=f"{of} here and {local.type} before",
                expected=f"{local.type}, as before",
                fix="use another name for the second one",
            )
        local.type = joined(local.type, of) or local.type
        self.environment.assign(local, of if storage is None else IntType(storage.low, storage.high))
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

    def hidden(self, of: ValueType, location: Location) -> ir.Local:
        """A local of the compiler's own, which holds exactly what it is given."""
        name = f".{len(self.locals)}"
        local = self.locals[name] = ir.Local(name, of, None, location)
        return local

    def forget_hidden(self, but: set[str]) -> None:
        """Before the same source is translated again: drop the hidden locals that it made."""
        for name in [name for name in self.locals if name.startswith(".") and name not in but]:
            del self.locals[name]


@record
class LoopEnds:
    """What is known on the ways that leave a loop's body early."""

    breaks: list[Environment]
    continues: list[Environment]
