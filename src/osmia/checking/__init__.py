"""Advisory checks of an object without a kernel: its bytecode is followed, and what looks wrong is said of its source.

Nothing here loads a program, and nothing here says that a kernel will take it: the verifier decides.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.checking.code import Code
from osmia.checking.explore import Explorer
from osmia.checking.findings import Finding, without_repetition
from osmia.checking.functions import given_arguments, is_global
from osmia.checking.rounds import check_all_rounds
from osmia.checking.run import Run
from osmia.checking.states import Call, State, entered
from osmia.checking.structure import V4_SINCE, check_stack, well_formed
from osmia.checking.values import CONTEXT, Value
from osmia.record import record

if TYPE_CHECKING:
    from osmia.spec import FunctionSpec, ObjectSpec

__all__ = ["Finding", "Report", "check", "target_kernel"]

FLOOR = (5, 10)
"""The kernel that is meant where neither the caller nor the object says."""


@record
class Report:
    """What a check has found."""

    findings: list[Finding]
    """In the order of the source."""
    unfinished: list[str]
    """The programs that were not followed on all their ways: they have too many."""


def check(spec: ObjectSpec, kernel: tuple[int, int] | None = None) -> Report:
    """What is found in all programs of an object.

    `kernel` is the oldest that it is for: the object's own target unless it is given, and 5.10 where that says nothing.
    ObjectError where the object's code does not hold together.
    """
    oldest = kernel or target_kernel(spec)
    found: list[Finding] = []
    unfinished = []
    for name, program in spec.programs.items():
        findings, complete = check_program(spec, program, oldest)
        found += findings
        unfinished += [] if complete else [name]
    return Report(without_repetition(found), unfinished)


def target_kernel(spec: ObjectSpec) -> tuple[int, int]:
    """The kernel that an object says it is for (`v3 5.10`); the oldest that osmia knows where it says nothing."""
    cpu, _, version = spec.target.partition(" ")
    major, _, minor = version.partition(".")
    oldest = (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else FLOOR
    return max(oldest, V4_SINCE) if cpu == "v4" else oldest


def check_program(spec: ObjectSpec, program: FunctionSpec, kernel: tuple[int, int]) -> tuple[list[Finding], bool]:
    """What is found in one program and the functions that it reaches, and whether all its ways were followed."""
    run = Run(spec, Code(spec, program), kernel)
    if not well_formed(run):
        return list(run.findings.values()), True
    explorer = Explorer(run)
    explorer.follow(_start(0, 0, [Value(CONTEXT)]))
    for number, function in enumerate(run.code.functions):
        if number and is_global(run, function):
            explorer.follow(_start(number, function.start, given_arguments(run, function)))
    run.doubtful = False
    check_stack(run)
    check_all_rounds(run)
    return list(run.findings.values()), explorer.complete


def _start(number: int, at: int, arguments: list[Value]) -> State:
    return State(at, [entered(Call(number, -1), arguments, 0)])
