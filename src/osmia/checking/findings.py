"""What a check finds, as plain data: which fault, where, why, and what to do about it."""

from __future__ import annotations

from osmia.record import record

ERROR, WARNING = "error", "warning"


@record
class Finding:
    """Something in a program that the verifier, or the kernel that runs it, is expected to object to."""

    name: str
    """The fault: an entry of the verifier's catalogue, or `compile` for what the compiler refuses."""
    severity: str
    """`error`: one way through the program was followed to it. `warning`: it may be so."""
    program: str
    function: str
    """The function that it is in: the program itself, or one that it calls."""
    file: str
    """The source file, as the object names it; empty where the object does not say."""
    line: int
    """Counted from 1; 0 where it is not known."""
    column: int
    """Counted from 1; 0 where it is not known."""
    text: str
    """The source line itself."""
    what: str
    why: tuple[str, ...]
    """Where the value came from, and what else led there."""
    fix: str
    end_column: int = 0
    """Behind the last character that it is about; 0 where it is not known."""


def place_of(finding: Finding) -> tuple[object, ...]:
    """What findings are ordered by."""
    return finding.file, finding.line, finding.column, finding.severity != ERROR, finding.name


def without_repetition(findings: list[Finding]) -> list[Finding]:
    """Each fault of a line once, in the order of the source. What is certain goes before what may be so."""
    found: dict[tuple[object, ...], Finding] = {}
    for each in sorted(findings, key=place_of):
        found.setdefault((each.file, each.line, each.name, "" if each.line else each.what), each)
    return list(found.values())
