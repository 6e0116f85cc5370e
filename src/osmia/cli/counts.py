"""Packet counts as text, as JSON and as CSV."""

from __future__ import annotations

from osmia.cli import clock
from osmia.cli.output import note
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Format(Protocol):
        """How reports become lines."""

        def lines(self, report: Report) -> str:
            """The lines of one report, each with its newline."""


# The narrowest column: counts rarely outgrow it, and a column that grows repeats the head.
WIDTH = 10


@record
class Report:
    """What was counted until a moment."""

    time: float
    """Seconds since the epoch."""
    interface: str
    mode: str
    engine: str
    """What runs the program: `kernel`, or `vm`, the embedded runtime."""
    cpus: tuple[int, ...]
    """The online CPUs."""
    per_cpu: tuple[int, ...]
    """The packets that each of them counted, since the program was attached."""
    total: int
    """The packets that all possible CPUs counted."""
    seconds: float
    """The measured time that `pps` is about."""
    pps: float
    """Packets per second, over the time since the last report; in the final one, over all of it."""
    lost: int | None
    """The packets that no program saw, in `total` neither; None where that cannot be."""
    final: bool


class Text:
    """A table, with its head again where a column comes, goes or grows."""

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps
        self._head: list[str] = []
        self._widths: list[int] = []

    def lines(self, report: Report) -> str:
        """A row; of the final report a sentence."""
        if report.final:
            return self._sentence(report)
        time = (["time"], [clock.for_people(report.time)]) if self._timestamps else ([], [])
        head = [*time[0], "total", "packets/s", *(f"cpu{cpu}" for cpu in report.cpus)]
        cells = [*time[1], str(report.total), f"{report.pps:.1f}", *map(str, report.per_cpu)]
        widths = [max(WIDTH, len(cell)) for cell in cells]
        if head == self._head:
            widths = [max(*pair) for pair in zip(widths, self._widths, strict=True)]
            if widths == self._widths:
                return _row(cells, widths)
        self._head, self._widths = head, widths
        return _row(head, widths) + _row(cells, widths)

    def _sentence(self, report: Report) -> str:
        packets = "1 packet" if report.total == 1 else f"{report.total} packets"
        time = f"{clock.for_people(report.time)}  " if self._timestamps else ""
        each = ", ".join(f"cpu{cpu} {count}" for cpu, count in zip(report.cpus, report.per_cpu, strict=True))
        lost = f", {report.lost} lost: they came faster than they were counted" if report.lost else ""
        return f"{time}{packets} in {report.seconds:.1f} s, {report.pps:.1f} packets/s ({each}){lost}\n"


class Json:
    """One object a line."""

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps

    def lines(self, report: Report) -> str:
        """The object."""
        import json

        shown = {
            "interface": report.interface,
            "mode": report.mode,
            "engine": report.engine,
            "cpus": report.cpus,
            "per_cpu": report.per_cpu,
            "total": report.total,
            "seconds": round(report.seconds, 6),
            "pps": round(report.pps, 3),
        } | ({} if report.lost is None else {"lost": report.lost})
        shown["final"] = report.final
        return f"{json.dumps(self._time(report) | shown)}\n"

    def _time(self, report: Report) -> dict[str, object]:
        return {"timestamp": clock.for_programs(report.time)} if self._timestamps else {}


class Csv:
    """A row a report, with the columns that the head names once.

    A CPU that goes offline leaves its cell empty. One that comes online later has no column: a note says so, and the
    total has its packets.
    """

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps
        self._cpus: tuple[int, ...] | None = None
        self._told: set[int] = set()

    def lines(self, report: Report) -> str:
        """The row, the first time below the head."""
        head = ""
        if self._cpus is None:
            self._cpus = report.cpus
            columns = ["interface", "mode", "total", "seconds", "pps", "final", *(f"cpu{cpu}" for cpu in self._cpus)]
            head = ",".join([*(["timestamp"] if self._timestamps else []), *columns]) + "\n"
        for cpu in set(report.cpus) - set(self._cpus) - self._told:
            note(f"cpu{cpu} came online: it has no column, its packets are in the total")
            self._told.add(cpu)
        counts = dict(zip(report.cpus, report.per_cpu, strict=True))
        cells = [
            *([clock.for_programs(report.time)] if self._timestamps else []),
            _quoted(report.interface),
            report.mode,
            str(report.total),
            f"{report.seconds:.6f}",
            f"{report.pps:.3f}",
            str(int(report.final)),
            *(str(counts.get(cpu, "")) for cpu in self._cpus),
        ]
        return head + ",".join(cells) + "\n"


FORMATS: dict[str, type[Text | Json | Csv]] = {"text": Text, "json": Json, "csv": Csv}


def _row(cells: list[str], widths: list[int]) -> str:
    return "  ".join(cell.rjust(width) for cell, width in zip(cells, widths, strict=True)) + "\n"


def _quoted(text: str) -> str:
    """A cell as RFC 4180 has it. The name of an interface may hold a comma or a quotation mark."""
    doubled = text.replace('"', '""')
    return f'"{doubled}"' if '"' in text or "," in text else text
