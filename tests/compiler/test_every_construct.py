"""Every class of `ast` has a small program: it compiles and runs as in Python, or it is refused with a text of its own.

A construct that kernel code learns changes its row here, from the problem it was refused with to the result it gives.
"""

from __future__ import annotations

import ast
import re
import textwrap
from typing import TYPE_CHECKING

import pytest

import osmia
from osmia import XdpAction
from osmia.compiler.build import checked_unit
from program_files import PRELUDE, module_from

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GIVEN = 3
# The program in which each body stands: `x` is GIVEN, which the compiler cannot know, and `out.value` is the result.
FRAME = """
given = Array(u32, max_entries=1)
result = Array(i64, max_entries=1)
CHOICES = (5, 6, 7)

@xdp
def program(ctx: XdpContext) -> XdpAction:
    taken = given.lookup(0)
    out = result.lookup(0)
    if taken is None or out is None:
        return XdpAction.ABORTED
    x = taken.value
{body}
    return XdpAction.PASS
"""

# Categories, and what no parser gives for a program: other modes, and names that older Pythons had.
ABSTRACT = {"mod", "stmt", "expr", "expr_context", "boolop", "operator", "unaryop", "cmpop", "excepthandler", "pattern"}
ABSTRACT |= {"type_ignore", "type_param", "slice"}
NEVER_PARSED = {"Interactive", "Expression", "FunctionType", "TypeIgnore"}
NEVER_PARSED |= {
    "Num",
    "Str",
    "Bytes",
    "NameConstant",
    "Ellipsis",
    "Index",
    "ExtSlice",
    "Suite",
    "AugLoad",
    "AugStore",
    "Param",
}

# Class: the body, and the result that it leaves for GIVEN, or the problem that it is refused with.
CONSTRUCTS: dict[str, tuple[str, int | str]] = {
    # Statements.
    "AnnAssign": ("y: u8 = x + 255\nout.value = y", 2),
    "Assert": ("assert x == 3\nout.value = 1", 1),
    "Assign": ("y = x\nout.value = y", 3),
    "AsyncFor": ("async def f():\n    async for i in x:\n        pass", "kernel code cannot use an async function"),
    "AsyncFunctionDef": ("async def f():\n    pass", "kernel code cannot use an async function"),
    "AsyncWith": ("async def f():\n    async with x:\n        pass", "kernel code cannot use an async function"),
    "AugAssign": ("out.value += x", 3),
    "Break": ("for i in range(5):\n    if i == x:\n        break\n    out.value += 1", 3),
    "ClassDef": ("class C:\n    pass", "kernel code cannot use a class"),
    "Continue": ("for i in range(5):\n    if i == x:\n        continue\n    out.value += 1", 4),
    "Delete": ("y = x\ndel y", "kernel code cannot use del"),
    "Expr": ("given.update(0, 7)\nout.value = taken.value", 7),
    "For": ("for i in range(x & 7):\n    out.value += i", 3),
    "FunctionDef": ("def f(n: int) -> int:\n    return n + x\nout.value = f(1)", 4),
    "Global": ("global CHOICES\nCHOICES = 1", "kernel code cannot use a global statement"),
    "If": ("if x == 3:\n    out.value = 8", 8),
    "Import": ("import os", "kernel code cannot use an import"),
    "ImportFrom": ("from os import path", "kernel code cannot use an import"),
    "Match": ("match x:\n    case 3:\n        out.value = 4", 4),
    "Nonlocal": ("y = 1\ndef f() -> None:\n    nonlocal y\n    y += x\nf()\nout.value = y", 4),
    "Pass": ("pass\nout.value = 1", 1),
    "Raise": ("raise ValueError", "kernel code cannot use raise"),
    "Return": ("out.value = 1\nif x == 3:\n    return XdpAction.PASS\nout.value = 2", 1),
    "Try": ("try:\n    pass\nfinally:\n    pass", "kernel code cannot use try"),
    "TryStar": ("try:\n    pass\nexcept* ValueError:\n    pass", "kernel code cannot use try / except*"),
    "TypeAlias": ("type Number = int", "kernel code cannot use a type statement"),
    "While": ("y = x & 7\nwhile y > 0:\n    y -= 1\n    out.value += 2", 6),
    "With": ("with x:\n    pass", "kernel code has no such with block"),
    # Expressions.
    "Attribute": ("out.value = XdpAction.TX", 3),
    "Await": ("async def f():\n    await x", "kernel code cannot use an async function"),
    "BinOp": ("out.value = x + 4", 7),
    "BoolOp": ("if x == 3 and x < 5:\n    out.value = 1", 1),
    "Call": ("out.value = min(x, 2)", 2),
    "Compare": ("out.value = int(2 < x < 4)", 1),
    "Constant": ("out.value = 0x10", 16),
    "Dict": ("y = {1: 2}", "kernel code cannot use a dict"),
    "DictComp": ("y = {i: i for i in range(3)}", "kernel code cannot use a dict comprehension"),
    "FormattedValue": ("print(f'{x:>4}')\nout.value = x", 3),
    "GeneratorExp": ("y = sum(i for i in range(3))", "kernel code cannot call the function sum"),
    "IfExp": ("out.value = 1 if x == 3 else 2", 1),
    "Interpolation": ("y = t'{x}'", "kernel code cannot use a template string"),
    "JoinedStr": ("print(f'x: {x}')\nout.value = x", 3),
    "Lambda": ("f = lambda n: n * 2\nout.value = f(x)", 6),
    "List": ("y = [1, 2]", "kernel code cannot use a list"),
    "ListComp": ("y = [i for i in range(3)]", "kernel code cannot use a list comprehension"),
    "Name": ("y = x\nout.value = y", 3),
    "NamedExpr": ("if (y := x * 2) > 5:\n    out.value = y", 6),
    "Set": ("y = {1, 2}", "kernel code cannot use a set"),
    "SetComp": ("y = {i for i in range(3)}", "kernel code cannot use a set comprehension"),
    "Slice": ("y = x[1:2]", "this has no elements"),
    "Starred": ("a, *b = x, 1, 2", "kernel code cannot assign to an unpacking (*)"),
    "Subscript": ("out.value = CHOICES[1]", 6),
    "TemplateStr": ("y = t'text'", "kernel code cannot use a template string"),
    "Tuple": ("y = (x, 2)\nout.value = y[0] * y[1]", 6),
    "UnaryOp": ("out.value = -x", -3),
    "Yield": ("yield x", "@xdp: program is a generator; a program is a plain function"),
    "YieldFrom": ("yield from CHOICES", "@xdp: program is a generator; a program is a plain function"),
    # Operators.
    "Add": ("out.value = x + 1", 4),
    "Sub": ("out.value = x - 5", -2),
    "Mult": ("out.value = x * 5", 15),
    "Div": ("out.value = x / 2", "kernel code cannot use true division (/), whose result is a float"),
    "FloorDiv": ("out.value = -x // 2", -2),
    "Mod": ("out.value = -x % 5", 2),
    "Pow": ("out.value = x ** 3", 27),
    "MatMult": ("out.value = x @ 2", "kernel code cannot use the operator @"),
    "LShift": ("out.value = x << 2", 12),
    "RShift": ("out.value = -x >> 1", -2),
    "BitAnd": ("out.value = x & 6", 2),
    "BitOr": ("out.value = x | 6", 7),
    "BitXor": ("out.value = x ^ 6", 5),
    "And": ("if x > 1 and x < 9:\n    out.value = 1", 1),
    "Or": ("if x < 1 or x == 3:\n    out.value = 1", 1),
    "Invert": ("out.value = ~x", -4),
    "Not": ("if not x == 4:\n    out.value = 1", 1),
    "UAdd": ("out.value = +x", 3),
    "USub": ("out.value = -x", -3),
    "Eq": ("if x == 3:\n    out.value = 1", 1),
    "NotEq": ("if x != 4:\n    out.value = 1", 1),
    "Lt": ("if x < 4:\n    out.value = 1", 1),
    "LtE": ("if x <= 3:\n    out.value = 1", 1),
    "Gt": ("if x > -1:\n    out.value = 1", 1),
    "GtE": ("if x >= 3:\n    out.value = 1", 1),
    "Is": ("y = given.lookup(x)\nif y is None:\n    out.value = 1", 1),
    "IsNot": ("y = given.lookup(x)\nif y is not None:\n    out.value = 1\nelse:\n    out.value = 2", 2),
    "In": ("if x in CHOICES:\n    out.value = 1\nelse:\n    out.value = 2", 2),
    "NotIn": ("if x not in CHOICES:\n    out.value = 1", 1),
    # Patterns.
    "MatchAs": ("match x:\n    case y:\n        out.value = y", 3),
    "MatchClass": ("match x:\n    case int():\n        pass", "u32 is no int"),
    "MatchMapping": ("match x:\n    case {}:\n        pass", "kernel code cannot match a pattern of keys and values"),
    "MatchOr": ("match x:\n    case 2 | 3:\n        out.value = 1", 1),
    "MatchSequence": ("match (x, 2):\n    case (3, y):\n        out.value = y", 2),
    "MatchSingleton": ("match x == 3:\n    case True:\n        out.value = 1", 1),
    "MatchStar": ("match (x, 2):\n    case [*a]:\n        pass", "a tuple of 2 is never matched by this"),
    "MatchValue": ("match x:\n    case 3:\n        out.value = 1", 1),
    # Parts of others.
    "Del": ("y = x\ndel y", "kernel code cannot use del"),
    "ExceptHandler": ("try:\n    pass\nexcept ValueError:\n    pass", "kernel code cannot use try"),
    "Load": ("out.value = x", 3),
    "Module": ("out.value = x", 3),
    "ParamSpec": ("def f[**P](n: int) -> int:\n    return n\nout.value = f(x)", 3),
    "Store": ("y = x\nout.value = y", 3),
    "TypeVar": ("def f[T](n: T) -> T:\n    return n\nout.value = f(x)", "the name 'T' is not defined"),
    "TypeVarTuple": ("def f[*T](n: int) -> int:\n    return n\nout.value = f(x)", 3),
    "alias": ("import os as system", "kernel code cannot use an import"),
    "arg": ("out.value = x", 3),
    "arguments": ("out.value = x", 3),
    "comprehension": ("y = [i for i in range(3)]", "kernel code cannot use a list comprehension"),
    "keyword": ("y = min(x, 2, key=x)", "kernel code calls min(a, b, ...)"),
    "match_case": ("match x:\n    case _:\n        out.value = 1", 1),
    "withitem": ("with x as y:\n    pass", "kernel code has no such with block"),
}

# Classes that may be refused with one text: what stands in each of these never stands alone, or is the same thing.
ONE_TEXT = [
    {"AsyncFunctionDef", "AsyncFor", "AsyncWith", "Await"},  # the others are syntax errors outside of it
    {"Import", "ImportFrom", "alias"},
    {"JoinedStr", "FormattedValue"},
    {"TemplateStr", "Interpolation"},
    {"ListComp", "comprehension"},
    {"Delete", "Del"},
    {"Try", "ExceptHandler"},
    {"With", "withitem"},
    {"Yield", "YieldFrom"},
]
GENERIC = re.compile(r"the (statement|construct|pattern|operator) [A-Z]")


def classes(of: type[ast.AST] = ast.AST) -> Iterator[str]:
    """The names of this Python's classes of syntax."""
    for each in of.__subclasses__():
        if each.__name__ not in ABSTRACT | NEVER_PARSED and each.__module__ in ("ast", "_ast"):
            yield each.__name__
        yield from classes(each)


THESE = sorted(set(classes()))


def source(body: str) -> str:
    return PRELUDE + FRAME.format(body=textwrap.indent(body, "    "))


def test_the_table_has_every_class() -> None:
    assert [name for name in THESE if name not in CONSTRUCTS] == []
    assert len(THESE) > 90


@pytest.mark.parametrize("name", [name for name in THESE if name in CONSTRUCTS])
def test_compiles_or_is_refused_with_its_own_text(tmp_path: Path, name: str) -> None:
    body, outcome = CONSTRUCTS[name]
    text = source(body)
    assert name in {type(node).__name__ for node in ast.walk(ast.parse(text))}
    if isinstance(outcome, str):
        assert refusal(tmp_path, text) == outcome
        return
    with osmia.load(module_from(tmp_path, text)) as loaded:
        loaded["given"][0] = GIVEN
        assert loaded["program"].test_run(bytes(14)).action is XdpAction.PASS
        assert loaded["result"][0] == outcome


def refusal(directory: Path, text: str) -> str:
    """The problem that a program is refused with, by its declaration or by the compiler."""
    try:
        checked_unit((module_from(directory, text).program.request,))
    except osmia.CompileError as error:
        whole = "\n".join([error.problem, *error.__notes__])
        return whole if GENERIC.search(whole) else error.problem
    except TypeError as error:
        return re.sub(r" \(.*?\)", "", str(error), count=1)
    return "not refused"


def test_no_two_constructs_share_a_text() -> None:
    texts: dict[str, set[str]] = {}
    for name, (_, outcome) in CONSTRUCTS.items():
        if isinstance(outcome, str):
            texts.setdefault(outcome, set()).add(name)
    shared = [names for names in texts.values() if len(names) > 1]
    assert [names for names in shared if not any(names <= allowed for allowed in ONE_TEXT)] == []
