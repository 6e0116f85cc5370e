"""The constructs that kernel code does not have, each with its own words. What is in no table is refused too."""

from __future__ import annotations

import ast

# Node class: (what was found, what to write instead).
STATEMENTS: dict[type[ast.stmt], tuple[str, str]] = {
    ast.AsyncFunctionDef: ("an async function", "kernel code cannot wait: write a plain function"),
    ast.ClassDef: ("a class", "define it outside of the program"),
    ast.Delete: ("del", "a local needs no deleting; `del m[key]` deletes a key of a map"),
    ast.AsyncFor: ("an async for loop", "kernel code cannot wait"),
    ast.AsyncWith: ("an async with block", "kernel code cannot wait"),
    ast.Raise: ("raise", "return the action that an error should have, or write `assert`"),
    ast.Try: ("try", "kernel code has no exceptions: check before the operation"),
    ast.TryStar: ("try / except*", "kernel code has no exceptions: check before the operation"),
    ast.Import: ("an import", "import at the top of the module"),
    ast.ImportFrom: ("an import", "import at the top of the module"),
    ast.Global: (
        "a global statement",
        "declare `name = Global(u64)` in the module and write `name.value`: both sides see it",
    ),
    ast.Nonlocal: (
        "a nonlocal statement in a program",
        "declare `name = Global(u64)` in the module and write `name.value`",
    ),
}

# Classes that this Python's ast may not have yet.
NEWER_STATEMENTS = {"TypeAlias": ("a type statement", "define the type in the module")}
STATEMENTS |= {getattr(ast, name): text for name, text in NEWER_STATEMENTS.items() if hasattr(ast, name)}

FSTRING = 'log it: `log.info(f"...")`; a text to be kept is a `chars(n)`'
EXPRESSIONS: dict[type[ast.expr], tuple[str, str]] = {
    ast.Dict: ("a dict", "use a HashMap"),
    ast.Set: ("a set", "write `x in (1, 2)`; what varies is kept in a HashMap"),
    ast.List: ("a list", "use an array, `array(u32, 4)`, or a tuple of what is known"),
    ast.Tuple: ("an unpacking (*) in a tuple", "write the values out"),
    ast.ListComp: ("a list comprehension", "write a `for` loop"),
    ast.SetComp: ("a set comprehension", "write a `for` loop"),
    ast.DictComp: ("a dict comprehension", "write a `for` loop"),
    ast.GeneratorExp: ("a generator expression", "write a `for` loop"),
    ast.Await: ("await", "kernel code cannot wait"),
    ast.Yield: ("yield", "a program returns once"),
    ast.YieldFrom: ("yield from", "a program returns once"),
    ast.FormattedValue: ("an f-string", FSTRING),
    ast.JoinedStr: ("an f-string", FSTRING),
    ast.Starred: ("an unpacking (*)", "write the values out"),
    ast.Slice: ("a slice", "use one value at a time"),
}
NEWER_EXPRESSIONS = {"TemplateStr": ("a template string", FSTRING)}
EXPRESSIONS |= {getattr(ast, name): text for name, text in NEWER_EXPRESSIONS.items() if hasattr(ast, name)}

# Builtins that are called by habit: what to write instead.
BUILTINS: dict[str, str] = {
    "bytes": "use `array(u8, n)` or `chars(n)`",
    "all": "join the tests by `and`",
    "any": "join the tests by `or`",
    "enumerate": "loop over it: `for index, value in enumerate(...)`",
    "float": "BPF has no floating point: count in a smaller unit, as an integer",
    "isinstance": "leave it out: types are known when the program is compiled",
    "range": "loop over it: `for index in range(...)`",
    "round": "numbers are integers: add half of the divisor before //",
    "sorted": "compare the values one with the other",
    "str": "keep numbers; user code makes texts of them",
    "sum": "add in a loop",
    "zip": "loop over it: `for a, b in zip(...)`",
}

# The same of functions of a module.
MODULES: dict[str, str] = {
    "_socket": "call it in the module, and use the number that it gives",
    "_struct": "describe the bytes as a @struct class, and read them in place: `ctx.packet.at(Header, offset)`",
    "collections": "declare a map in the module: a HashMap is the kernel's dict",
    "ipaddress": 'make the number in the module: `ADDRESS = int(IPv4Address("10.0.0.1"))`',
    "math": "numbers are integers: write it with their operators",
    "random": "call `ctx.get_prandom_u32()`",
    "time": "call `ctx.ktime_get_ns()` for the time, in nanoseconds since the machine started; kernel code cannot wait",
}

# What C reads of the context of a packet.
PACKET_FIELDS: dict[str, str] = dict.fromkeys(
    ("data", "data_end"), "write `ctx.packet.at(Header, offset)`: what lies there, or None where the packet ends before"
) | {"len": "write `len(ctx.packet)`"}

BINARY: dict[type[ast.operator], tuple[str, str]] = {
    ast.Div: ("true division (/), whose result is a float", "BPF has no floating point: write // for the whole part"),
    ast.MatMult: ("the operator @", "write the products out"),
}

COMPARISONS: dict[type[ast.cmpop], tuple[str, str]] = {
    ast.In: ("`in` in a chain", "compare on its own: `x in (1, 2)`"),
    ast.NotIn: ("`not in` in a chain", "compare on its own: `x not in (1, 2)`"),
}
