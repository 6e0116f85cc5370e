"""Objects to check: what tests/refused_programs.py makes by hand, and what is found in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.checking import check
from osmia.kinds import KINDS
from osmia.spec import ObjectSpec
from refused_programs import MAPS, Refused, functions_of, spin_lock_btf

if TYPE_CHECKING:
    from osmia.checking import Finding

NEW = (6, 18)
OLD = (5, 10)


def spec_of(refused: Refused) -> ObjectSpec:
    """The object of a program made by hand, of its own kind where osmia has that."""
    program, *functions = functions_of(refused)
    program.kind = KINDS.get(refused.kind) or program.kind
    named = {each.name: each for each in functions}
    return ObjectSpec("raw.o", refused.license, {"program": program}, named, MAPS, spin_lock_btf())


def found_in(refused: Refused, kernel: tuple[int, int] = NEW) -> list[Finding]:
    """What is found in a program made by hand."""
    return check(spec_of(refused), kernel).findings


def shown(findings: list[Finding]) -> list[tuple[str, str, int]]:
    """Name, severity and line of each."""
    return [(each.name, each.severity, each.line) for each in findings]
