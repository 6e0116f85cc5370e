"""What a compiled object depends on: every value that the compiler read, and how to find it again.

A read is a path from the functions that were compiled (`("global", 0, "LIMIT")`: the global LIMIT of the first one)
and a description of the value found there. The cache follows the paths again and compares the descriptions. Importing
this module is cheap, because it runs when nothing needs compiling.
"""

from __future__ import annotations

import builtins
import os

from osmia.enumeration import is_enumeration
from osmia.maps.declaration import Map

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, FunctionType
    from typing import Any

    Path = tuple[str | int | "Path", ...]
    Description = tuple[object, ...]

MISSING = object()


def follow(path: Path, functions: Sequence[FunctionType]) -> object:
    """The object at the end of a path; MISSING where the path no longer leads anywhere."""
    match path:
        case ("global", base, str(name)):
            function = _function(base, functions)
            return MISSING if function is None else function.__globals__.get(name, MISSING)
        case ("declared", base, str(name)):
            function = _function(base, functions)
            return MISSING if function is None else declared(function, name)
        case ("cell", base, str(name)):
            function = _function(base, functions)
            return MISSING if function is None else cell(function, name)
        case ("builtin", str(name)):
            return getattr(builtins, name, MISSING)
        case ("tracepoint format", str(name)):
            return _tracepoint_format(name)
        case ("log ring",):
            from osmia.logs.ring import LOG_RING

            return LOG_RING
        case ("attribute", tuple(base), str(name)):
            return attribute(follow(base, functions), name)
        case ("element", tuple(base), int(index)):
            return element(follow(base, functions), index)
        case (str(step), tuple(base), *rest):
            return _step(step, follow(base, functions), rest)
        case _:
            return MISSING


def _tracepoint_format(name: str) -> object:
    """What the running kernel says of a tracepoint's fields; MISSING where it cannot be asked."""
    from osmia.kernel.tracefs import format_text

    try:
        return format_text(name)
    except OSError:
        return MISSING


def _function(base: Any, functions: Sequence[FunctionType]) -> FunctionType | None:
    """The function that a path begins at: one of those that were compiled, or one that they call."""
    found: Any = functions[base] if isinstance(base, int) else follow(base, functions)
    return None if not isinstance(found, type(_function)) else found  # type: ignore[return-value]


def _step(step: str, base: Any, rest: list[Any]) -> object:
    """What lies behind an object: types of a map, members of a struct class, defaults of a function."""
    if step in ("key", "value", "inner", "losses", "bell") and isinstance(base, Map):
        return getattr(base, step)
    if step == "layout" and not isinstance(base, type):
        layout = getattr(base, "layout", None)
        return getattr(layout, "of", MISSING)
    if step == "field" and isinstance(base, type):
        return _field_class(base, rest[0])
    if step == "member" and isinstance(base, type):
        return next((vars(owner)[rest[0]] for owner in base.__mro__ if rest[0] in vars(owner)), MISSING)
    if step == "wrapped" and hasattr(base, "__osmia_describe__"):
        return base.function
    if step == "function" and isinstance(base, staticmethod):
        return base.__func__
    if step == "getter" and isinstance(base, property):
        return base.fget
    if step in ("default", "keyword default") and isinstance(base, type(_function)):
        found = base.__defaults__ if step == "default" else base.__kwdefaults__
        return (
            found[rest[0]] if found and (rest[0] in found if step != "default" else rest[0] < len(found)) else MISSING
        )
    return MISSING


def _field_class(base: type, name: str) -> object:
    """The struct class of a field, or of the elements of an array that the field is."""
    from osmia.layout import ArrayLayout, StructLayout, layout_of

    layout: Any = layout_of(base)
    field = layout.field(name) if isinstance(layout, StructLayout) else None
    of = None if field is None else field.layout
    while isinstance(of, ArrayLayout):
        of = of.element
    return of.of if isinstance(of, StructLayout) else MISSING


def declared(function: FunctionType, name: str) -> object:
    """A map, Global or setting that the function's module has under this name; MISSING for anything else."""
    found = function.__globals__.get(name, MISSING)
    return found if isinstance(found, Map) or hasattr(type(found), "__osmia_describe__") else MISSING


def cell(function: FunctionType, name: str) -> object:
    """What a closure variable of `function` holds; MISSING where it has none of that name or nothing in it yet."""
    free = function.__code__.co_freevars
    if name not in free or function.__closure__ is None:
        return MISSING
    try:
        return function.__closure__[free.index(name)].cell_contents
    except ValueError:  # an empty cell: the enclosing function has not assigned it yet
        return MISSING


def attribute(base: object, name: str) -> object:
    """An attribute of a module or a class, MISSING where it has none. No other object's attributes are followed."""
    if isinstance(base, type(builtins)):
        return getattr(base, name, MISSING)
    if isinstance(base, type):
        if is_enumeration(base):
            return base.__members__.get(name, MISSING)
        for owner in base.__mro__:
            if name in vars(owner):
                return vars(owner)[name]
    return MISSING


def element(base: object, index: int) -> object:
    """An element of a constant sequence, MISSING where it has none."""
    if not isinstance(base, tuple | list | range | bytes) or not -len(base) <= index < len(base):
        return MISSING
    return base[index]


def describe(value: object, inside: tuple[int, ...] = ()) -> Description:
    """A description that differs whenever the compiler would do something else, made of what `marshal` can write.

    `inside` are the identities of the lists around, which may hold themselves.
    """
    if value is MISSING:
        return ("missing",)
    if value is None or type(value) in (int, bool, str, bytes, float):
        return ("constant", type(value).__name__, value)
    if is_enumeration(type(value)):
        member: Any = value
        return ("member", *_name(type(value)), member.name, describe(member.value))
    own = vars(type(value)).get("__osmia_describe__")
    if own is not None:
        return own(value)  # type: ignore[no-any-return]
    if isinstance(value, Map):
        parts = (describe(value.key), describe(value.value), value.max_entries, value.flags, value.name)
        return ("map", type(value).__name__, *parts, value.map_extra, describe(value.inner))
    if hasattr(type(value), "__osmia_layout__"):
        return _describe_memory(value)
    if isinstance(value, tuple | list | set | frozenset | range | bytearray):
        return _describe_elements(value, inside)
    if isinstance(value, type):
        return ("class", *_name(value), *_describe_fields(value))
    if isinstance(value, type(builtins)):
        return ("module", value.__name__)
    if isinstance(value, type(_function)):
        return ("function", value.__module__, describe_code(value.__code__), source_lines(value.__code__))
    return ("object", *_name(type(value)))


def _describe_elements(value: Any, inside: tuple[int, ...]) -> Description:
    """What a constant sequence or set holds; a set in an order that is the same in every process."""
    kind = type(value).__name__
    if isinstance(value, range):
        return (kind, value.start, value.stop, value.step)
    if isinstance(value, bytearray):
        return (kind, bytes(value))
    if id(value) in inside:
        return (kind, "itself")
    elements = [describe(each, (*inside, id(value))) for each in value]
    return (kind, *(sorted(elements, key=repr) if isinstance(value, set | frozenset) else elements))


def _describe_fields(of: type) -> Description:
    """Of a struct class all that its layout says."""
    if "__osmia_layout__" not in vars(of):
        return ()
    from osmia.structs import describe_layout

    struct: Any = of
    return describe_layout(struct.__osmia_layout__)


def _describe_memory(value: Any) -> Description:
    """What a struct's instance, an array or a text holds."""
    from osmia.structs import describe_layout, to_bytes

    return ("memory", *_name(type(value)), describe_layout(value.__osmia_layout__), to_bytes(value))


def describe_code(code: CodeType) -> Description:
    """A description of a function's code."""
    constants = tuple(
        describe_code(constant) if isinstance(constant, type(code)) else ("constant", repr(constant))
        for constant in code.co_consts
    )
    return (
        code.co_filename,
        code.co_firstlineno,
        code.co_qualname,
        code.co_code,
        code.co_names,
        code.co_varnames,
        code.co_freevars,
        constants,
    )


def _name(of: type) -> tuple[str, str]:
    return (of.__module__, of.__qualname__)


def source_lines(code: CodeType) -> bytes | None:
    """The source of a function as its file has it now; None where the file is not to be read."""
    last = max((line for _, _, line in code.co_lines() if line is not None), default=code.co_firstlineno)
    if code.co_filename.startswith("<"):
        import linecache  # consoles and notebooks keep their source there

        text: bytes | None = "".join(linecache.getlines(code.co_filename)).encode("utf-8", "surrogatepass")
    else:
        text = content(code.co_filename)
    return None if text is None else b"".join(text.splitlines(True)[code.co_firstlineno - 1 : last])


def content(path: str, owners: tuple[int, ...] | None = None) -> bytes | None:
    """What a file holds; None where it cannot be read, or where `owners` are given and it is none of theirs.

    `open` would take several times as long.
    """
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except (OSError, ValueError):
        return None
    try:
        status = os.fstat(file)
        if owners is not None and status.st_uid not in owners:
            return None
        parts = [os.read(file, status.st_size + 1)]
        while parts[-1]:
            parts.append(os.read(file, 1 << 16))
        return b"".join(parts)
    except OSError:  # a directory, for one
        return None
    finally:
        os.close(file)
