"""The error edge's counters: which belong to a program, and where they are read."""

from __future__ import annotations

from osmia.btf.read import Btf
from osmia.errors import ObjectError
from osmia.maps.declaration import RESERVED
from osmia.maps.foreign import open_map
from osmia.maps.percpu_array import PerCpuArray
from osmia.programs.paths import known_path
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import FunctionType

    from osmia.maps.backend import MapBackend
    from osmia.spec import ObjectSpec
    from osmia.spec_details import ErrorSite


@record
class ErrorCount:
    """How often a program took the error edge at one place of its source."""

    file: str
    """Its path as Python knows it; of a program from an object file, what the object says."""
    line: int
    problem: str
    """What Python would have raised there: `integer division or modulo by zero`."""
    count: int
    """How often since it was loaded, over all CPUs."""


def sites(spec: ObjectSpec, program: str) -> list[tuple[int, ErrorSite]]:
    """The error sites of a program with the indices of their counters: those of all programs are numbered through."""
    numbered = enumerate((name, site) for name, each in (spec.error_sites or {}).items() for site in each)
    return [(index, site) for index, (name, site) in numbered if name == program]


def counters(spec: ObjectSpec, maps: Mapping[str, MapBackend]) -> PerCpuArray[int] | None:
    """The map that the counters of an object are in; None where no program counts: LLVM saw that none can fail."""
    if RESERVED in spec.maps and RESERVED not in maps:
        return None
    if RESERVED in maps:
        held = open_map(spec.maps[RESERVED], Btf(spec.btf, spec.name) if spec.btf else None, maps[RESERVED])
        if isinstance(held, PerCpuArray) and held.max_entries >= sum(map(len, (spec.error_sites or {}).values())):
            return held
    raise ObjectError(f"{spec.name}: it names error sites, but has no per-CPU array {RESERVED} to count them in")


def read(
    numbered: list[tuple[int, ErrorSite]], held: PerCpuArray[int], function: FunctionType | None
) -> list[ErrorCount]:
    """The counts of error sites that are not zero; sites with the indices of their counters.

    `function` is what the program was compiled from, where it is here: files are then named as Python knows them.
    """
    counts = [(site, held[index].sum()) for index, site in numbered]
    return [
        ErrorCount(known_path(site.file, (function,)), site.line, site.problem, count)
        for site, count in counts
        if count
    ]
