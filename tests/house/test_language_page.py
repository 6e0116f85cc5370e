"""docs/language.md is true: every example on it is run, in the kernel and by CPython, and every refusal is compared.

A block of Python is a module, which the names of osmia are imported into. What follows says how it ends:

- comments at its end, `# call -> result`: the kernel makes the call, with arguments that the compiler cannot know, and
  CPython makes it too. Both give the result, unless the line goes on with `; CPython: result`. `error: text` is the
  error edge, and for CPython the name of an exception is a result;
- a block of `pycon`: a session in that module, whose programs are compiled, loaded and run;
- a block of `text`: the module's program is refused with exactly this.
"""

from __future__ import annotations

import ast
import doctest
import re
import tempfile
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from mypy import api

import osmia
from osmia import XdpAction, compiler
from osmia.compiler import Target
from osmia.compiler.frontend import refused
from osmia.kernel.features import kernel_version
from osmia.maps.declaration import Shared
from osmia.programs.program import Program
from program_files import module_from
from this_kernel import needs_root

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "language.md").read_text(encoding="utf-8")
TARGETS = {"v1": Target("v1", (5, 10)), "v3": Target("v3", (5, 17)), "v4": Target("v4", (6, 9))}
PUBLIC = {name: getattr(osmia, name) for name in vars(osmia)["__all__"]}
CALL = re.compile(r"^# (\w+\(.*\)) -> (.*?)(?:; CPython: (.*))?$", re.MULTILINE)


@dataclass(frozen=True)
class Example:
    """One block of Python, and how it ends."""

    line: int
    source: str
    session: str = ""
    refusal: str = ""

    @property
    def calls(self) -> list[tuple[str, str, str]]:
        """Each call, the kernel's result, and CPython's."""
        return [(call, result, other or result) for call, result, other in CALL.findall(self.source)]


def examples() -> dict[str, Example]:
    """By the heading that each stands below, and its number there."""
    found: dict[str, Example] = {}
    heading, number, name = "", 0, ""
    for part in re.finditer(r"^```(\w+)\n(.*?)^```$|^#+ ([^\n]*)$|^[^\n]+$", PAGE, re.DOTALL | re.MULTILINE):
        kind, text = part[1], part[2]
        if kind == "python":
            number += 1
            name = f"{heading} {number}"
            found[name] = Example(PAGE.count("\n", 0, part.start()) + 1, text)
            continue
        if name and kind in ("pycon", "text"):
            example = found[name]
            found[name] = replace(example, session=text) if kind == "pycon" else replace(example, refusal=text)
        elif part[3]:
            heading, number = part[3].replace("`", ""), 0
        name = ""  # what does not follow at once belongs to no example
    return found


EXAMPLES = examples()


def module_of(directory: Path, example: Example) -> ModuleType:
    return module_from(directory, example.source, name="example", names=PUBLIC)


def test_every_block_has_an_end() -> None:
    endings = {name: bool(each.calls) + bool(each.session) + bool(each.refusal) for name, each in EXAMPLES.items()}
    assert [name for name, count in endings.items() if count != 1] == []
    assert len(EXAMPLES) >= 40


@pytest.mark.parametrize("name", [name for name, each in EXAMPLES.items() if each.calls])
def test_cpython_agrees_where_nothing_else_is_said(tmp_path: Path, name: str) -> None:
    module = module_of(tmp_path, EXAMPLES[name])
    for call, _, expected in EXAMPLES[name].calls:
        assert _outcome(call, vars(module)) == expected, call


def _outcome(call: str, names: dict[str, Any]) -> str:
    try:
        return repr(eval(call, names))
    except (ArithmeticError, AssertionError, LookupError, ValueError) as problem:
        return type(problem).__name__


@pytest.mark.parametrize("cpu", TARGETS)
@pytest.mark.parametrize("name", [name for name, each in EXAMPLES.items() if each.calls])
def test_the_kernel_gives_the_result(tmp_path: Path, name: str, cpu: str) -> None:
    example = EXAMPLES[name]
    module = module_of(tmp_path, example)
    calls = [ast.parse(call, mode="eval").body for call, _, _ in example.calls]
    arms = [_arm(vars(module), index, call) for index, call in enumerate(calls)]
    program = FRAME.format(arms="".join(arms))
    frame = module_from(tmp_path, program, name="frame", names=PUBLIC | vars(module))
    with osmia.load(frame, target=TARGETS[cpu]) as loaded:
        for index, call in enumerate(calls):
            assert isinstance(call, ast.Call)
            loaded["which"][0] = index
            for position, argument in enumerate(call.args):
                loaded["given"][position] = int(eval(ast.unparse(argument), vars(module))) & (1 << 64) - 1
            for position in range(RESULTS):
                loaded["results"][position] = 0
            earlier = {(each.line, each.problem): each.count for each in loaded["program"].errors()}
            action = loaded["program"].test_run(bytes(64)).action
            expected = example.calls[index][1]
            if expected.startswith("error: "):
                now = loaded["program"].errors()
                taken = [each.problem for each in now if earlier.get((each.line, each.problem)) != each.count]
                assert (action, taken) == (XdpAction.TX, [expected.removeprefix("error: ")])
                continue
            values = eval(expected, vars(module))
            wanted = [int(value) & (1 << 64) - 1 for value in (values if isinstance(values, tuple) else (values,))]
            assert (action, [loaded["results"][n] for n in range(len(wanted))]) == (XdpAction.PASS, wanted), expected


RESULTS = 4
CALLS_SINCE = {".for_each(": (5, 13), ".reserve_bytes(": (5, 19), ".drain(": (6, 1)}
FRAME = """
which = Array(u32, max_entries=1)
given = Array(u64, max_entries=8)
results = Array(u64, max_entries=4)

@xdp(on_error=XdpAction.TX)
def program(ctx: XdpContext) -> XdpAction:
    call = which[0]
{arms}    return XdpAction.PASS
"""


def _arm(names: dict[str, Any], index: int, call: ast.expr) -> str:
    """Make a call with arguments from a map, and leave its results in another."""
    assert isinstance(call, ast.Call)
    assert isinstance(call.func, ast.Name)
    function = getattr(names[call.func.id], "__wrapped__", names[call.func.id])
    kinds = list(function.__annotations__.values())
    arguments = ", ".join(_argument(kinds[position], position) for position in range(len(call.args)))
    gives = function.__annotations__["return"]
    count = len(gives.__args__) if getattr(gives, "__origin__", gives) is tuple else 1
    targets = ", ".join(f"r{index}_{n}" for n in range(count))
    stores = "".join(f"        results[{n}] = u64(r{index}_{n})\n" for n in range(count))
    return f"    if call == {index}:\n        {targets} = {call.func.id}({arguments})\n{stores}"


def _argument(kind: object, position: int) -> str:
    read = f"given[{position}]"
    if kind is bool:
        return f"{read} != 0"
    return f"i64({read})" if kind is int else f"{getattr(kind, '__name__', kind)}({read})"


@needs_root("loads programs")
@pytest.mark.parametrize("cpu", TARGETS)
@pytest.mark.parametrize("name", [name for name, each in EXAMPLES.items() if each.session])
def test_the_session_goes_as_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, cpu: str
) -> None:
    example = EXAMPLES[name]
    for call, since in CALLS_SINCE.items():
        if call in example.source and min(TARGETS[cpu].kernel, kernel_version()) < since:
            pytest.skip(f"{call}) is for Linux {since[0]}.{since[1]} and newer")
    monkeypatch.setattr(compiler, "running_kernel", lambda: TARGETS[cpu])
    module = module_of(tmp_path, example)
    line = example.line + example.source.count("\n") + 3
    test = doctest.DocTestParser().get_doctest(example.session, vars(module), name, "docs/language.md", line)
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    try:
        results = runner.run(test, clear_globs=False)
    finally:
        for value in list(vars(module).values()):
            if isinstance(value, Program | Shared):
                value.close()
    assert (results.failed, results.attempted > 0) == (0, True), capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name, each in EXAMPLES.items() if each.refusal])
def test_refused_with_the_text_shown(tmp_path: Path, name: str) -> None:
    module = module_of(tmp_path, EXAMPLES[name])
    (program,) = [value for value in vars(module).values() if isinstance(value, Program)]
    assert refusal_of(program) == EXAMPLES[name].refusal


def refusal_of(program: Program[Any, Any]) -> str:
    """What Python prints of the error that compiling the program raises."""
    assert program.function is not None
    try:
        osmia.load(program, target=TARGETS["v1"]).close()
    except osmia.CompileError as problem:
        text = "".join(traceback.format_exception_only(problem))
        return text.replace(program.function.__code__.co_filename, "example.py")
    return "not refused\n"


def test_mypy_accepts_what_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)  # mypy's configuration names paths from there
    files = []
    for number, example in enumerate(EXAMPLES.values()):
        if not example.refusal:
            path = tmp_path / f"example{number}.py"
            names = {node.id for node in ast.walk(ast.parse(example.source)) if isinstance(node, ast.Name)}
            used = sorted(names & PUBLIC.keys())
            imports = f"from osmia import {', '.join(used)}\n" if used else ""
            path.write_text(imports + example.source, encoding="utf-8")
            files.append(str(path))
    options = ["--strict", "--no-error-summary", f"--config-file={ROOT / 'pyproject.toml'}"]
    report, problems, _ = api.run([*options, f"--cache-dir={ROOT / '.mypy_cache'}", *files])
    assert (report, problems) == ("", "")


def refused_table() -> str:
    """The table of what kernel code does not have, made of the compiler's own."""
    tables: list[dict[Any, tuple[str, str]]] = [refused.STATEMENTS, refused.NEWER_STATEMENTS, refused.EXPRESSIONS]
    rows = sorted({row for table in (*tables, refused.BINARY) for row in table.values()})
    return "".join(
        ["| not in kernel code | instead |\n|---|---|\n", *(f"| {_cell(w)} | {_cell(i)} |\n" for w, i in rows)]
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def test_the_table_of_what_is_refused_is_the_compilers() -> None:
    assert refused_table() in PAGE, refused_table()


def test_its_links_lead_somewhere() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]*)(?:#([^)]*))?\)", PAGE)
    headings = {
        re.sub(r"[^a-z0-9 -]", "", each.lower()).replace(" ", "-")
        for each in re.findall(r"^#+ (.*)$", re.sub(r"(?ms)^```.*?^```$", "", PAGE), re.MULTILINE)
    }
    assert links
    assert [name for name, _ in links if name and not (ROOT / "docs" / name).exists()] == []
    assert [anchor for name, anchor in links if not name and anchor not in headings] == []


def write() -> None:
    """Write the refusals and the table that the compiler gives now into the page, to be read before it is committed."""
    page = PAGE
    for example in EXAMPLES.values():
        if "```python\n" + example.source + "```\n```text\n" not in page:
            continue
        with tempfile.TemporaryDirectory() as directory:
            module = module_of(Path(directory), example)
            (program,) = [value for value in vars(module).values() if isinstance(value, Program)]
            text = refusal_of(program)
        before, after = page.split("```python\n" + example.source + "```\n```text\n")
        page = f"{before}```python\n{example.source}```\n```text\n{text}{after[after.index('```') :]}"
    page = re.sub(
        r"^\| not in kernel code .*?\n\n", lambda _: refused_table() + "\n", page, flags=re.DOTALL | re.MULTILINE
    )
    (ROOT / "docs" / "language.md").write_text(page, encoding="utf-8")


if __name__ == "__main__":
    write()
