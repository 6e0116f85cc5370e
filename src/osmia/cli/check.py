"""`osmia check`: what the kernel would probably refuse of a file's programs, said without a kernel."""

from __future__ import annotations

import os

from osmia.checking import Finding, Report, check, target_kernel
from osmia.checking.findings import ERROR, place_of
from osmia.cli.errors import FAILURE, UsageError, underlined
from osmia.cli.output import Output, note
from osmia.cli.target import add_target, chosen_target, dotted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Callable

    from osmia.compiler import ProgramRequest, Target
    from osmia.errors import CompileError
    from osmia.spec import ObjectSpec

EPILOG = """\
It takes no kernel, no privileges and no Linux, and it loads nothing. FILE.py is compiled, as by `osmia build`, and
every program that the compiler refuses is named; then the code of the object is followed on its ways. Of FILE.o the
oldest kernel is the one that it says it is for, unless --kernel names another.

Findings go to stdout, the note at the end to stderr. They are advice: the kernel's verifier decides, and may refuse a
program in which nothing is found.

exit codes: 0 nothing was found; 1 something was found, or the file cannot be checked; 2 usage
"""
ADVICE = "This is advice: the kernel's verifier decides"


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.description = "Look for what the kernel would refuse of the programs of a file, without a kernel."
    parser.epilog = EPILOG
    parser.add_argument("file", metavar="FILE", help="a FILE.py, or a BPF object")
    add_target(parser)
    parser.add_argument(
        "-f", "--format", choices=("text", "json"), default="text", help="json is one finding a line (default: text)"
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="findings only: no note at the end")


def run(arguments: Namespace) -> int:
    """Check the file, and say what was found."""
    path: str = arguments.file
    with open(path, "rb") as file:
        data = file.read()
    if path.endswith(".py") and not data.startswith(b"\x7fELF"):
        target = chosen_target(arguments.cpu, arguments.kernel)
        report, programs = _of_source(path, target)
        meant = target.kernel
    else:
        spec = _object(data, path)
        meant = arguments.kernel or target_kernel(spec)
        report, programs = check(spec, meant), list(spec.programs)
    shown = _as_json if arguments.format == "json" else as_text
    with Output(None) as output:
        for finding in report.findings:
            output.write(shown(finding) + "\n")
    if not arguments.quiet:
        note(_summary(path, report, programs, meant))
    return FAILURE if report.findings else 0


def _object(data: bytes, path: str) -> ObjectSpec:
    from osmia.object_file import read_object

    if not data.startswith(b"\x7fELF"):
        raise UsageError(f"{path} is neither a FILE.py nor an ELF object")
    spec = read_object(data, path)
    if not spec.programs:
        raise UsageError(f"{path} holds no program")
    return spec


def _of_source(path: str, target: Target) -> tuple[Report, list[str]]:
    """What the compiler refuses of the programs of a FILE.py, and what is found in the others."""
    from osmia.cli.source import requests
    from osmia.compiler.cache import object_for
    from osmia.errors import CompileError
    from osmia.object_file import read_object
    from osmia.programs.paths import known_path

    asked = requests(path)
    names = [request.name for request in asked]
    refused: list[Finding] = []
    try:
        compiled = object_for(asked, target)
    except CompileError as error:
        refused, taken = _each_refused(asked, target, error)
        if not taken:
            return Report(refused, []), names
        try:
            compiled = object_for(taken, target)
        except CompileError as of_all:
            return Report([*refused, _refusal(of_all, "")], []), names
    report = check(read_object(compiled.data, path), target.kernel)
    functions = [request.function for request in asked]
    found = _moved(report.findings, lambda file: known_path(file.removeprefix("./"), functions))
    return Report(sorted([*refused, *found], key=place_of), report.unfinished), names


def _each_refused(
    asked: tuple[ProgramRequest, ...], target: Target, together: CompileError
) -> tuple[list[Finding], tuple[ProgramRequest, ...]]:
    """The refusals of the programs, each compiled by itself, and the programs that the compiler takes.

    What is wrong with all of them together alone is `together`.
    """
    from osmia.compiler.cache import object_for
    from osmia.errors import CompileError

    found: dict[tuple[object, ...], Finding] = {}
    taken = []
    for request in asked:
        try:
            object_for((request,), target)
            taken.append(request)
        except CompileError as error:
            finding = _refusal(error, request.name)
            found.setdefault((finding.file, finding.line, finding.column, finding.what), finding)
    if not found:
        return [_refusal(together, "")], ()
    return list(found.values()), tuple(taken)


def _refusal(error: CompileError, program: str) -> Finding:
    """What the compiler refuses, as a finding."""
    labelled = (("found", error.found), ("expected", error.expected))
    text = (error.text or "").split("\n", 1)[0]
    line, column = error.lineno or 0, error.offset or 0
    on_one_line = (error.end_lineno or line) == line
    return Finding(
        name="compile",
        severity=ERROR,
        program=program,
        function=program,
        file=error.filename or "",
        line=line,
        column=column,
        text=text,
        what=error.problem,
        why=tuple(f"{label}: {said}" for label, said in labelled if said)
        + tuple(f"see: {place}" for place in error.related),
        fix=error.fix,
        end_column=(error.end_offset or 0) if on_one_line else len(text) + 1,
    )


def _moved(findings: list[Finding], path_of: Callable[[str], str]) -> list[Finding]:
    """The findings with the paths of files as Python knows them, also where lines are named in a reason."""
    for finding in findings:
        if not finding.file:
            continue
        file, finding.file = finding.file, path_of(finding.file)
        finding.why = tuple(each.replace(f": {file}:", f": {finding.file}:") for each in finding.why)
    return findings


# How it is shown


def as_text(finding: Finding) -> str:
    """A finding as compilers show theirs: place, source line, caret, where it came from, and what to do."""
    place = finding.file or finding.program
    if finding.line:
        place += f":{finding.line}" + (f":{finding.column}" if finding.column else "")
    shown = [f"{place}: {finding.severity}: {finding.what} [{finding.name}]"]
    text = finding.text
    if text.strip() and finding.column:
        start = _character(finding)
        shown += underlined(text, start, finding.end_column or start + 1)
    elif text.strip():
        shown.append(f"    {text.strip()}")
    shown += [f"  {each}" for each in finding.why]
    if finding.function != finding.program:
        shown.append(f"  in: {finding.function}, called by {finding.program}")
    if finding.fix:
        shown.append(f"  fix: {finding.fix}")
    return "\n".join(shown)


def _character(finding: Finding) -> int:
    """The column in characters, counted from 1: objects count bytes."""
    if finding.end_column:
        return finding.column
    return len(finding.text.encode()[: finding.column - 1].decode(errors="replace")) + 1


def _as_json(finding: Finding) -> str:
    import json

    return json.dumps(vars(finding), ensure_ascii=False)


def _summary(path: str, report: Report, programs: list[str], kernel: tuple[int, int]) -> str:
    errors = sum(finding.severity == ERROR for finding in report.findings)
    warnings = len(report.findings) - errors
    counted = [
        f"{count} {noun}{'s' if count > 1 else ''}"
        for count, noun in ((errors, "error"), (warnings, "warning"))
        if count
    ]
    noun = "program" if len(programs) == 1 else "programs"
    what = f"{' and '.join(counted) or 'nothing'} found in {noun} {', '.join(programs)}"
    cut = f"; not all ways of {', '.join(report.unfinished)} were followed" if report.unfinished else ""
    name = os.fspath(path)
    return f"osmia check: {name}: {what}, for kernel {dotted(kernel)} and newer{cut}. {ADVICE}."
