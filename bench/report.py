"""What a benchmark gives: a table of figures, as text and as JSON."""

from __future__ import annotations

import json
import os
import platform
import statistics
import sys
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

Cell = str | int | float | None


@dataclass
class Table:
    """Figures beside each other. A cell that is None is one that could not be had; `missing` says why."""

    title: str
    columns: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    """How the figures were measured."""
    missing: list[str] = field(default_factory=list)
    """What was left out, and what it takes to have it."""

    def add(self, *cells: Cell) -> None:
        """Add a row."""
        if len(cells) != len(self.columns):
            raise ValueError(f"{len(cells)} cells for {len(self.columns)} columns: {cells}")
        self.rows.append(list(cells))


def machine() -> dict[str, str]:
    """What the figures depend on besides the code."""
    system = os.uname()
    added = ", ".join(sorted(_added_by_site()))
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "kernel": f"{system.sysname} {system.release} {system.machine}",
        "CPUs": f"{os.cpu_count()}, load average {os.getloadavg()[0]:.1f} when done",
        "Python": f"{platform.python_version()}, {sys.executable}",
        "its site-packages import": added or "nothing at start-up",
    }


def _added_by_site() -> set[str]:
    """What .pth files and sitecustomize import into every process of this Python: it is in the baseline too."""
    import subprocess  # noqa: PLC0415 - for this alone

    text = "import sys; print(*sys.modules)"
    found = []
    for options in ((), ("-S",)):
        done = subprocess.run([sys.executable, *options, "-c", text], capture_output=True, text=True, check=True)
        found.append(set(done.stdout.split()))
    usual = {"_sitebuiltins", "_stat", "_collections_abc", "_abc", "abc", "genericpath", "os", "os.path", "posixpath"}
    return found[0] - found[1] - usual - {"site", "stat", "io", "_signal"}


def middle(values: list[float]) -> float:
    """The mean of the middle half: outliers move it no more than a median, and it is finer on whole numbers."""
    ordered = sorted(values)
    cut = len(ordered) // 4
    return statistics.fmean(ordered[cut : len(ordered) - cut])


def quartiles(values: list[float]) -> tuple[float, float, float]:
    """First quartile, median, third quartile: half of all values lie between the outer two."""
    if len(values) == 1:
        return (values[0], values[0], values[0])
    low, median, high = statistics.quantiles(values, n=4, method="inclusive")
    return (low, median, high)


def as_text(tables: list[Table]) -> str:
    """The tables for people, in Markdown, which reads as it is."""
    lines = [f"{key}: {value}" for key, value in machine().items()]
    for table in tables:
        cells = [table.columns, *([_shown(cell) for cell in row] for row in table.rows)]
        widths = [max(len(row[column]) for row in cells) for column in range(len(table.columns))]
        lines += ["", f"## {table.title}", ""]
        for number, row in enumerate(cells):
            aligned = [
                text.ljust(width) if column == 0 else text.rjust(width)
                for column, (text, width) in enumerate(zip(row, widths, strict=True))
            ]
            lines.append(f"| {' | '.join(aligned)} |")
            if number == 0:
                rule = ["-" * width if column == 0 else "-" * (width - 1) + ":" for column, width in enumerate(widths)]
                lines.append(f"| {' | '.join(rule)} |")
        lines += ["", *table.notes] if table.notes else []
        lines += ["", *(f"MISSING: {text}" for text in table.missing)] if table.missing else []
    return "\n".join(lines) + "\n"


def as_json(tables: list[Table]) -> str:
    """The same for programs."""
    return json.dumps({"machine": machine(), "tables": [asdict(table) for table in tables]}, indent=2) + "\n"


def _shown(cell: Cell) -> str:
    if cell is None:
        return "-"
    return f"{cell:.2f}" if isinstance(cell, float) else str(cell)
