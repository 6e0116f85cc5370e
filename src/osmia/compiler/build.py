"""The stages in their order: functions to IR, checks, LLVM IR, and through the worker to an object."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.checks.error_edges import number_error_sites
from osmia.compiler.checks.flow import check_flow
from osmia.compiler.frontend.programs import translate
from osmia.compiler.llvm.module import module_text
from osmia.compiler.worker import WORKER, WorkerError
from osmia.errors import CompilerCrashError

if TYPE_CHECKING:
    from osmia.compiler.frontend.function import UnitState
    from osmia.compiler.ir.nodes import Unit
    from osmia.compiler.location import Location
    from osmia.compiler.request import ProgramRequest
    from osmia.compiler.target import Target


def checked_unit(requests: tuple[ProgramRequest, ...]) -> tuple[Unit, UnitState]:
    """The IR of programs that are loaded together, after all checks."""
    unit, state = translate(requests)
    for program in unit.programs:
        check_flow(program)
    number_error_sites(unit)
    return unit, state


def generate(unit: Unit, target: Target, form: str = "elf") -> bytes:
    """The unit as an object (`elf`), assembly (`asm`) or optimised LLVM IR (`ll`)."""
    text = module_text(unit, target)
    try:
        return WORKER.compile(text, target.cpu, form)
    except WorkerError as problem:
        raise _crash(unit, str(problem)) from None


def _crash(unit: Unit, message: str) -> CompilerCrashError:
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
