"""Make everything that says which helpers there are, from the tables in tools/helpers/.

    python tools/generate_helpers.py [--output DIRECTORY]

The same tables give the same bytes.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from helper_tables import KIND_SINCE, UNMEASURED, Method, Version, all_kinds, methods, releases, rows
from osmia.abi.helper_row import HelperArgument
from osmia.abi.helpers import DONE_BY, LACKING, callable_in_kernel_code, lacking

if TYPE_CHECKING:
    from osmia.abi.helper_row import HelperRow

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Read the arguments and write the files."""
    parser = argparse.ArgumentParser(description="Make the tables, types and page of helpers.")
    parser.add_argument("--output", type=Path, default=ROOT, help="the checkout to write to")
    output = parser.parse_args().output
    for name, text in generate().items():
        (output / name).parent.mkdir(parents=True, exist_ok=True)
        (output / name).write_text(text)


def generate() -> dict[str, str]:
    """Give the text of every generated file, by its path in a checkout."""
    table = rows()
    found = [method for row in table if callable_in_kernel_code(row) for method in methods(row)]
    return {
        "src/osmia/abi/generated/helpers.py": _table_text(table),
        "src/osmia/contexts/generated/helpers.py": _mixins_text(found),
        "src/osmia/helpers.py": _functions_text(found),
        "docs/helpers.md": _page_text(table),
    }


def mixin(kind: str) -> str:
    """The class of a kind's helpers: that of `sk_msg` is SkMsgHelpers."""
    return _camel(kind) + "Helpers"


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _head(what: str) -> list[str]:
    return [f'"""{what}.', "", "Made by tools/generate_helpers.py; do not edit.", '"""', ""]


def _table_text(table: list[HelperRow]) -> str:
    lines = [
        *_head("The helpers of the kernel"),
        "# ruff: noqa: E501 - a line for each row and argument",
        "# fmt: off",
        "from __future__ import annotations",
        "",
        "from osmia.abi.helper_row import HelperArgument as A",
        "from osmia.abi.helper_row import HelperRow",
        "",
        "# The kernels that were asked which kinds may call what: " + ", ".join(releases()) + ".",
    ]
    shared: dict[str, str] = {}
    body = ["HELPERS = {"]
    for row in table:
        body += _row_text(row, shared)
    lines += [f"{name} = {text}" for text, name in shared.items()]
    return "\n".join([*lines, "", *body, "}", ""])


def _row_text(row: HelperRow, shared: dict[str, str]) -> list[str]:
    def once(prefix: str, value: object) -> str:
        text = _literal(value)
        if text in {"()", "{}"}:
            return text
        return shared.setdefault(text, f"_{prefix}_{len(shared)}")

    plain = ("name", "number", "form", "method", "description", "returns", "return_type", "maybe_null")
    flags = ("gpl_only", "sleepable_only", "changes_packet", "takes_packet")
    lines = [
        f'    "{row.name}": HelperRow(',
        "        " + " ".join(f"{name}={_literal(getattr(row, name))}," for name in plain),
    ]
    lines += ["        arguments=("] if row.arguments else ["        arguments=(),"]
    lines += [f"            {_argument_text(argument)}," for argument in row.arguments]
    lines += ["        ),"] if row.arguments else []
    lines += [
        f"        since={row.since}, kinds={once('KINDS', row.kinds)}, later={once('LATER', row.later)},",
        "        "
        + " ".join(f"{name}={_literal(getattr(row, name))}," for name in ("until", "given_first", "not_at", "at_some")),
        "        " + " ".join(f"{name}={getattr(row, name)}," for name in flags),
        "    ),",
    ]
    return lines


def _literal(value: object) -> str:
    """A value as Python writes it, with the quotes of this project."""
    match value:
        case str():
            return json.dumps(value)
        case tuple():
            return f"({', '.join(map(_literal, value))}{',' if len(value) == 1 else ''})"
        case dict():
            return f"{{{', '.join(f'{_literal(key)}: {_literal(item)}' for key, item in value.items())}}}"
        case _:
            return repr(value)


def _argument_text(argument: HelperArgument) -> str:
    empty = HelperArgument(name="", kind="", type="")
    named = ("access", "size", "parameter", "nullable", "optional", "releases")
    extra = [
        f"{name}={_literal(getattr(argument, name))}"
        for name in named
        if getattr(argument, name) != getattr(empty, name)
    ]
    return f"A({', '.join([*map(_literal, (argument.name, argument.kind, argument.type)), *extra])})"


def _mixins_text(found: list[Method]) -> str:
    groups: dict[tuple[str, ...], list[Method]] = {}
    for method in found:
        groups.setdefault(method.kinds, []).append(method)
    lines = [
        *_head("The helpers of each kind of program, as methods of its context"),
        "# ruff: noqa: A002, ARG002, D402, E501 - the parameters have the kernel's names, for type checkers alone",
        "# fmt: off",
        "from __future__ import annotations",
        "",
        "from osmia.contexts import kernel_only",
        "from osmia.generic import TypeVar",
        "",
        "TYPE_CHECKING = False",
        "if TYPE_CHECKING:",
        "    from osmia.contexts import kernel_structs as kernel",
        "    from osmia.contexts.tc import TcAction",
        "    from osmia.contexts.xdp import XdpAction",
        "    from osmia.types import Ref, be16, i32, i64, u16, u32, u64",
        "",
        'T = TypeVar("T")',
    ]
    names = {}
    for kinds, group in groups.items():
        names[kinds] = f"_With{_camel(group[0].row.name)}" + (
            f"For{_camel(kinds[0])}" if _twice(group[0], found) else ""
        )
        lines += ["", "", f"class {names[kinds]}:", f'    """Helpers of {_listed(kinds)}."""']
        for method in group:
            lines += ["", *_method_text(method)]
    for kind in all_kinds():
        bases = [name for kinds, name in names.items() if kind in kinds]
        lines += ["", "", f"class {mixin(kind)}("]
        lines += [f"    {name}," for name in bases]
        lines += ["):", f'    """The helpers that {kind} programs may call."""']
    return "\n".join([*lines, ""])


def _twice(method: Method, found: list[Method]) -> bool:
    return sum(other.row is method.row for other in found) > 1


def _listed(kinds: tuple[str, ...]) -> str:
    return f"{len(kinds)} kinds of programs" if len(kinds) > 6 else ", ".join(kinds)


def _method_text(method: Method) -> list[str]:
    given = f"self, {method.parameters}" if method.parameters else "self"
    return [
        f"    def {method.name}({given}) -> {method.returns}:",
        f'        """{_docstring(method.row)}"""',
        f'        raise kernel_only("{method.name}")',
    ]


def _docstring(row: HelperRow) -> str:
    return f"{row.description} {_needs(row)}"


def _needs(row: HelperRow) -> str:
    needs = [f"Since Linux {_dotted(row.since)}"]
    if row.gpl_only:
        needs.append("GPL only")
    if row.sleepable_only:
        needs.append("sleepable programs only")
    return ", ".join(needs) + "."


def _dotted(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def everywhere(method: Method) -> bool:
    """Whether every kind may call a helper; lirc_mode2, which has hardly any, is not asked."""
    return method.row.form == "function" and {*method.kinds, "lirc_mode2"} == set(all_kinds())


def _functions_text(found: list[Method]) -> str:
    chosen = [method for method in found if everywhere(method)]
    names = sorted(method.row.name for method in chosen)
    lines = [
        '"""Helpers that programs of every kind may call, as functions for kernel code.',
        "",
        "They are methods of every context too; functions serve where there is none. Programs of infrared receivers",
        "(lirc_mode2) may call few of them.",
        "",
        "Made by tools/generate_helpers.py; do not edit.",
        '"""',
        "",
        "# ruff: noqa: ARG001, E501 - the parameters are for type checkers alone",
        "# fmt: off",
        "from __future__ import annotations",
        "",
        "from osmia.contexts import kernel_only",
        "from osmia.generic import TypeVar",
        "",
        "TYPE_CHECKING = False",
        "if TYPE_CHECKING:",
        "    from osmia.contexts import kernel_structs as kernel",
        "    from osmia.types import Ref, i32, i64, u32, u64",
        "",
        'T = TypeVar("T")',
        "",
        "__all__ = [",
        *(f'    "{name}",' for name in names),
        "]",
    ]
    for method in chosen:
        lines += [
            "",
            "",
            f"def {method.row.name}({method.parameters}) -> {method.returns}:",
            f'    """{_docstring(method.row)}"""',
            f'    raise kernel_only("{method.row.name}")',
        ]
    return "\n".join([*lines, ""])


def _page_text(table: list[HelperRow]) -> str:
    lines = [
        "# Helpers",
        "",
        "<!-- Made by tools/generate_helpers.py; do not edit. -->",
        "",
        f"The {len(table)} functions of the kernel that programs may call, under the kernel's names without `bpf_`.",
        "There will be no more: new ones are kfuncs. A helper is a method of the context of each kind that may call",
        "it, so that a type checker refuses the others; what every kind may call is also a function of",
        "`osmia.helpers`.",
        "Some are what another thing does instead: a map's `lookup`, `with value.lock:`.",
        "",
        "- Memory that a helper reads or writes is given as the struct, array or text that lies there; its size goes",
        "  with it.",
        "- `i64` results are 0 or a count, or a negative error number, unless their line says another thing.",
        "- Who may call what was asked of the kernels below. Where a kind got a helper later than other kinds did, the",
        "  version is that of the first of them that lets it; what was before 5.10 was not asked.",
        *(f"  - {release}" for release in releases()),
        "",
        *_not_there(table),
    ]
    for row in table:
        lines += _section(row)
    return "\n".join(lines)


def _not_there(table: list[HelperRow]) -> list[str]:
    """What kernel code cannot call, with the reasons."""
    lines = ["Kernel code cannot call these yet; each is refused at its line:", ""]
    lines += ["| what they take | helpers | why | instead |", "|---|---|---|---|"]
    for kind, (what, why, instead) in LACKING.items():
        names = ", ".join(f"`{row.name}`" for row in table if lacking(row) == kind)
        lines.append(f"| {what} | {names} | {why} | {instead} |")
    may_sleep = ", ".join(f"`{row.name}`" for row in table if row.sleepable_only)
    lines.append(f"| nothing else | {may_sleep} | they may sleep, and no program may yet | `probe_read_user` |")
    return [*lines, ""]


def _section(row: HelperRow) -> list[str]:
    lines = [f"## {row.name}", "", row.description, "", f"{_needs(row)} Number {row.number}.", ""]
    if lacking(row):
        return [
            *lines,
            f"- Kernel code cannot call it yet: osmia has no {LACKING[lacking(row)][0]}.",
            "- " + _who(row),
            "",
        ]
    if row.name in DONE_BY:
        return [*lines, f"- {DONE_BY[row.name][0].upper()}{DONE_BY[row.name][1:]}.", "- " + _who(row), ""]
    for method in methods(row):
        whose = "" if method.kinds == row.kinds else f" ({', '.join(method.kinds)})"
        lines.append(f"- `{method.signature}`{whose}")
    if row.form == "map":
        lines.append(f"- A map's method `{row.method}`.")
    lines.append("- " + _who(row))
    if row.not_at:
        lines.append("- Not at " + ", ".join(f"`{hook}`" for hook in row.not_at) + ".")
    if row.at_some:
        lines.append(f"- In {', '.join(row.at_some)} programs at some functions alone, which the kernel lists.")
    lines += [f"- Not from {kind} programs since Linux {_dotted(version)}." for kind, version in row.until.items()]
    lines += [f"- Needs a kernel with `{option}`." for kind, option, _names in UNMEASURED if row.kinds == (kind,)]
    return [*lines, ""]


def _who(row: HelperRow) -> str:
    at_once = [kind for kind in row.kinds if row.since_for(kind) <= max(row.since, KIND_SINCE.get(kind, row.since))]
    missing = [kind for kind in all_kinds() if kind not in row.kinds]
    if not missing:
        text = "Programs of every kind"
    elif len(missing) < len(row.kinds) / 3:
        text = f"Programs of every kind but {', '.join(missing)}"
    else:
        text = ", ".join(row.kinds)
    by_version: dict[Version, list[str]] = {}
    for kind in row.kinds:
        if kind not in at_once:
            by_version.setdefault(row.since_for(kind), []).append(kind)
    late = "".join(f"; from {_dotted(version)} on: {', '.join(kinds)}" for version, kinds in sorted(by_version.items()))
    return f"{text}{late}."


if __name__ == "__main__":
    main()
