"""One run of a program in a test, and what is said of it where the test fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from osmia.testing.packets.comparing import packet_differences
from osmia.testing.packets.dissection import dissect

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from osmia.loader.backend import ProgramBackend
    from osmia.programs.program import Program
    from osmia.programs.run_result import RunResult
    from osmia.testing.snapshots import Snapshot

MOST_LINES = 20
"""So many lines are shown of logs, and of changes in maps."""


@dataclass
class Run:
    """What was run, on what, and what came of it."""

    engine: str
    program: Program[Any, Any]
    packet: bytes | None
    """None where it was given none."""
    context: dict[str, object]
    before: Snapshot
    said: Callable[[], Sequence[str]]
    """What it has logged and printed."""
    loaded: ProgramBackend
    """As what it was loaded then."""
    result: RunResult[Any] | None = None
    """None where it did not come to its end."""
    number: int = 0
    """Which packet of a replay it was run on; 0 outside of one. `before` and `said` are of the whole replay."""
    settled: list[str] | None = None
    """What it says, once its program is closed."""

    @property
    def headline(self) -> str:
        """What it returned."""
        where = "in the kernel" if self.engine == "kernel" else "in the user-space runtime"
        which = f", on packet {self.number} of a replay" if self.number else ""
        if self.result is None:
            return f"{self.program.name} did not come to its end {where}{which}"
        return f"{self.program.name} returned {verdict_of(self.result)} {where}{which}"

    def lines(self) -> list[str]:
        """The verdict, the packet, errors, logs and changes in maps, as far as there are any."""
        if self.settled is not None:
            return self.settled
        found = [self.headline]
        if self.context:
            found.append("context: " + ", ".join(f"{name}={value}" for name, value in self.context.items()))
        packet = self.packet or b""
        if self.packet is not None and self.program.kind.packet is not None:
            found += repr(dissect(packet)).splitlines()
        if self.result is not None and self.result.data != packet:
            found += ["it left the packet otherwise:"]
            found += [f"  {line}" for line in packet_differences(dissect(self.result.data), dissect(packet))]
        found += [f"error at {each.file}:{each.line}: {each.problem} ({each.count} so far)" for each in self._errors()]
        found += _shortened([*self.said()])
        return found + _shortened([f"changed: {text}" for text in self._changes()])

    def _errors(self) -> list[Any]:
        return self.program.errors() if self._still_loaded else []

    def _changes(self) -> list[str]:
        return self.before.changes() if self._still_loaded else []

    @property
    def _still_loaded(self) -> bool:
        """Whether its program and maps are those that it ran with: they may be another engine's by now."""
        return self.program.loaded and self.program.backend is self.loaded


def verdict_of(result: RunResult[Any]) -> str:
    """What was returned, by its name where it has one."""
    try:
        return str(getattr(result.action, "name", result.return_value))
    except ValueError:
        return str(result.return_value)


def _shortened(lines: list[str]) -> list[str]:
    if len(lines) <= MOST_LINES:
        return lines
    return [*lines[:MOST_LINES], f"... and {len(lines) - MOST_LINES} more"]
