"""The stages in their order: functions to IR, checks, LLVM IR, and through the worker to an object."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from osmia.compiler import PORTABLE
from osmia.compiler.checks.arenas import check_arenas
from osmia.compiler.checks.error_edges import number_error_sites
from osmia.compiler.checks.flow import check_flow
from osmia.compiler.checks.limits import check_breakpoints, check_limits, check_target
from osmia.compiler.checks.loop_forms import choose_loop_forms
from osmia.compiler.checks.packets import check_packets
from osmia.compiler.checks.scopes import check_scopes
from osmia.compiler.checks.stack import check_stack
from osmia.compiler.diagnostics import error
from osmia.compiler.frontend.programs import translate
from osmia.compiler.license import check_license
from osmia.compiler.llvm.module import module_text
from osmia.compiler.llvm.placeholders import PlaceholderError, completed
from osmia.compiler.location import Location
from osmia.compiler.worker import WORKER, WorkerError
from osmia.errors import CompilerCrashError
from osmia.object_file import read_object

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.compiler import ProgramRequest, Target
    from osmia.compiler.frontend.function import UnitState
    from osmia.compiler.ir import nodes as ir


# The passes go down the source recursively, a few frames a level. A long chain of `elif` is as deep as it is long.
DEEPEST = 100_000


@contextmanager
def _deep_recursion(requests: tuple[ProgramRequest, ...]) -> Iterator[None]:
    """Room for deep source; what is deeper still is refused."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(max(before, DEEPEST))
    try:
        yield
    except RecursionError:
        if not requests:
            raise
        code = requests[0].function.__code__
        place = Location(code.co_filename, code.co_firstlineno, 1, code.co_firstlineno, 1)
        raise error(
            "the source is nested too deeply",
            place,
            found=f"more than {DEEPEST} levels in {' or '.join(request.name for request in requests)}",
            expected="expressions and branches of moderate depth",
            fix="split the expression into several statements",
        ) from None
    finally:
        sys.setrecursionlimit(before)


def checked_unit(requests: tuple[ProgramRequest, ...], target: Target = PORTABLE) -> tuple[ir.Unit, UnitState]:
    """The IR of programs that are loaded together, after all checks, with its loops as the target's kernel has them."""
    with _deep_recursion(requests):
        for request in requests:
            check_license(request)
        unit, state = translate(requests)
        for program in unit.programs:
            check_flow(program)
            check_packets(program)
            check_arenas(program)
            choose_loop_forms(program, target)
            check_scopes(program)
        number_error_sites(unit)
        check_limits(unit)
        check_breakpoints(unit, target)
    return unit, state


def generate(unit: ir.Unit, target: Target, form: str = "elf") -> bytes:
    """The unit as an object (`elf`), assembly (`asm`) or optimised LLVM IR (`ll`)."""
    with _deep_recursion(()):
        check_target(unit, target)
        text = module_text(unit, target)
    try:
        data = WORKER.compile(text, target.cpu, form)
        data = completed(data) if form == "elf" else data
    except (WorkerError, PlaceholderError) as problem:
        raise _crash(unit, str(problem)) from None
    if form == "elf" and not target.debug:
        check_stack(unit, read_object(data, unit.programs[0].file.relative))
    return data


def _crash(unit: ir.Unit, message: str) -> CompilerCrashError:
    place: Location = unit.programs[0].location
    file = unit.files[place.file]
    return CompilerCrashError(
        f"the code generator failed on {', '.join(program.name for program in unit.programs)}",
        filename=place.file,
        line=place.line,
        column=place.column,
        end_line=place.end_line,
        end_column=place.end_column,
        text=file.text.splitlines()[place.line - 1],
        found=f"LLVM said: {message.splitlines()[-1] if message.strip() else 'nothing'}",
        expected="an object",
        fix="this is a fault of osmia: please report it with the output of `osmia build FILE.py --emit=ir`",
    )
