"""All maps of what is loaded, as text and as JSON."""

from __future__ import annotations

from itertools import islice

from osmia.abi.generated import BPF_F_WRONLY
from osmia.cli import clock
from osmia.errors import LONGEST_SHOWN
from osmia.kernel.cpus import online_cpus, possible_cpus
from osmia.maps import PerCpuValues
from osmia.maps.declaration import Map
from osmia.maps.reading import Readable
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from osmia.programs.loaded import Loaded

# How many entries of a map the text shows; JSON has them all.
SHOWN = 20


@record
class Report:
    """What there is to print at a moment."""

    time: float
    """Seconds since the epoch."""
    engine: str
    """What runs the programs: `kernel`, or `vm`, the embedded runtime."""
    attached: tuple[dict[str, object], ...]
    """Each program that is attached: its name, its section, and to what."""
    loaded: Loaded
    final: bool


class Text:
    """A paragraph a report: a line for each map, below it a line for each entry."""

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps

    def lines(self, report: Report) -> str:
        """The paragraph."""
        lines = [clock.for_people(report.time)] if self._timestamps else []
        maps = _declared_maps(report.loaded)
        for held in maps.values():
            lines += _map_lines(held)
        lines += [f"{name}: {_shown(held.value)}" for name, held in report.loaded.globals.items()]
        for program in report.loaded.programs.values():
            for each in program.errors():
                times = "once" if each.count == 1 else f"{each.count} times"
                lines.append(f"{each.file}:{each.line}: {program.name}: {each.problem}, {times}")
        if not maps and not report.loaded.globals:
            lines.append("no maps")
        return "\n".join(lines) + "\n\n"


class Json:
    """One object a line, with every entry of every map."""

    def __init__(self, *, timestamps: bool) -> None:
        self._timestamps = timestamps

    def lines(self, report: Report) -> str:
        """The object."""
        import json

        loaded, cpus = report.loaded, online_cpus()
        shown = {
            "engine": report.engine,
            "attached": report.attached,
            "cpus": cpus,
            "maps": {
                name: _json_entries(held, cpus)
                for name, held in _declared_maps(loaded).items()
                if held.aggregates or _has_entries(held)
            },
            "events": {
                name: _json_events(held) for name, held in _declared_maps(loaded).items() if isinstance(held, Readable)
            },
            "dropped": {
                name: held.losses.value
                for name, held in _declared_maps(loaded).items()
                if held.aggregates and held.losses is not None and held.losses.live
            },
            "globals": {name: _plain(held.value) for name, held in loaded.globals.items()},
            "settings": {name: _plain(value) for name, value in loaded.settings.items()},
            "errors": [
                {"program": program.name, "file": at.file, "line": at.line, "problem": at.problem, "count": at.count}
                for program in loaded.programs.values()
                for at in program.errors()
            ],
            "final": report.final,
        }
        return f"{json.dumps(self._time(report) | shown)}\n"

    def _time(self, report: Report) -> dict[str, object]:
        return {"timestamp": clock.for_programs(report.time)} if self._timestamps else {}


FORMATS: dict[str, type[Text | Json]] = {"text": Text, "json": Json}


def _declared_maps(loaded: Loaded) -> dict[str, Any]:
    """The maps but for those of global data, whose variables are shown by their own names, and bells of rings."""
    bells = {held.bell.name for held in loaded.maps.values() if held.bell is not None}
    return {name: held for name, held in loaded.maps.items() if not name.startswith(".") and name not in bells}


def _has_entries(held: Any) -> bool:
    """Whether a map can be read key by key: not a ring, an array of programs, sockets without room for a cookie.

    Nor one that user code may only write.
    """
    return hasattr(held, "items") and getattr(held, "readable", True) and not held.flags & BPF_F_WRONLY


def _entries(held: Any) -> Iterator[tuple[Any, Any]]:
    """Keys with their values; a key that goes away while they are walked is left out."""
    for key in held:
        try:
            value = held[key]
        except KeyError:
            continue  # gone since the walk came by
        yield key, value


def _taken(held: Any) -> list[Any]:
    """The events that came since the last report."""
    events: list[Any] = []
    held.poll(events.append, timeout=0)
    return events


def _lost(held: Any) -> int | None:
    """How many events had no room; None where nothing counts them."""
    return held.lost if held.losses is None or held.losses.live else None


def _event_lines(held: Any) -> list[str]:
    events, lost = _taken(held), _lost(held)
    count = "1 event" if len(events) == 1 else f"{len(events)} events"
    head = f"{held.name}: {count}{f', {lost} lost in all' if lost else ''}"
    more = [f"  ... and {len(events) - SHOWN} more"] if len(events) > SHOWN else []
    return [head, *(f"  {_shown(each)}" for each in events[:SHOWN]), *more]


def _json_events(held: Any) -> dict[str, object]:
    return {"events": [_plain(each) for each in _taken(held)], "lost": _lost(held)}


def _map_lines(held: Any) -> list[str]:
    if isinstance(held, Readable):
        return _event_lines(held)
    if held.aggregates:
        from osmia.cli.aggregations import aggregation_lines

        return aggregation_lines(held, SHOWN, _shown_key)
    if not _has_entries(held):
        return [f"{held.name}: {held.kind.kernel_name}"]
    entries = _entries(held)
    always_there = held.kind.fixed_keys and held.kind.values == "any"
    if always_there:
        entries = ((key, value) for key, value in entries if held.max_entries == 1 or _is_set(value))
    first = list(islice(entries, SHOWN))
    more = sum(1 for _ in entries)
    count = len(first) + more
    of = "are not 0" if always_there else "are set" if held.kind.fixed_keys else "at most"
    head = f"{held.name}: {count} of {held.max_entries} {of}" if held.max_entries > 1 else f"{held.name}:"
    if held.kind.entries == "none":
        head = f"{held.name}: {count} {'entry' if count == 1 else 'entries'}"
    keys = [_shown_key(key) for key, _ in first]
    width = max(map(len, keys), default=0)
    lines = [f"  {key.rjust(width)}: {_value(value)}" for key, (_, value) in zip(keys, first, strict=True)]
    return [head, *lines, *([f"  ... and {more} more"] if more else [])]


def _value(value: Any) -> str:
    if not isinstance(value, PerCpuValues):
        return _shown(value)
    by_cpu = _by_cpu(value)
    each = ", ".join(f"cpu{cpu} {_shown(by_cpu[cpu])}" for cpu in online_cpus())
    return f"{value.sum()} ({each})" if _is_number(value[0]) else each


def _by_cpu(values: Any) -> dict[int, Any]:
    """The values of each CPU: of the possible ones, or those of a machine, which are numbered from 0 on."""
    possible = possible_cpus()
    return dict(zip(possible if len(possible) == len(values) else range(len(values)), values, strict=True))


def _json_entries(held: Any, cpus: tuple[int, ...]) -> list[dict[str, object]]:
    if held.aggregates:
        from osmia.cli.aggregations import aggregation_entries

        return aggregation_entries(held, _plain_key)
    return [{"key": _plain_key(key)} | _json_value(value, cpus) for key, value in _entries(held)]


def _json_value(value: Any, cpus: tuple[int, ...]) -> dict[str, object]:
    if not isinstance(value, PerCpuValues):
        return {"value": _plain(value)}
    by_cpu = _by_cpu(value)
    each: dict[str, object] = {"per_cpu": [_plain(by_cpu[cpu]) for cpu in cpus]}
    return each | {"total": value.sum()} if _is_number(value[0]) else each


def _shown(value: Any) -> str:
    if isinstance(value, Map):
        held: Any = value
        return f"{_kind(held)}, {len(held)} of {held.max_entries}" if _has_entries(held) else _kind(held)
    if isinstance(value, tuple):  # the frames of a stack
        return " ".join(map(_shown_frame, value))
    if hasattr(type(value), "__osmia_layout__"):
        return _shown_struct(value)
    if not isinstance(value, bytes):
        return str(value)
    digits = value.hex()
    return digits if len(digits) <= LONGEST_SHOWN else f"{digits[: LONGEST_SHOWN - 3]}..."


def _shown_struct(value: Any) -> str:
    """A struct as its class says, or its fields; of an array the elements, of a text the text."""
    from osmia.arrays import FixedArray
    from osmia.structs import shown_by_default

    if isinstance(value, FixedArray):
        return f"[{', '.join(map(_shown_inside, value))}]"
    if not shown_by_default(value):
        return str(value)
    names = [field.name for field in value.__osmia_layout__.fields]
    fields = (f"{name}={_shown_inside(getattr(value, name))}" for name in names)
    return f"{type(value).__name__}({', '.join(fields)})"


def _shown_inside(value: Any) -> str:
    """A part of a struct or of an array, as Python shows it: texts in quotes, members of an enum by name."""
    from osmia.arrays import Chars

    if isinstance(value, Chars):
        return repr(str(value))
    return _shown(value) if hasattr(type(value), "__osmia_layout__") else repr(value)


def _shown_key(key: Any) -> str:
    if not isinstance(key, tuple):
        return _shown(key)
    bits, of = key  # a prefix that is no network's
    return f"{_shown(of)}/{bits}"


def _kind(held: Map[Any, Any]) -> str:
    return held.kind.kernel_name


def _shown_frame(frame: Any) -> str:
    return f"{frame:#x}" if isinstance(frame, int) else f"{frame.build_id.hex() or '?'}+{frame.offset:#x}"


def _plain_key(key: Any) -> Any:
    """A key as JSON has it: a prefix that is no network's is an array of two, its bits and what they are of."""
    return [_plain(each) for each in key] if isinstance(key, tuple) else _plain(key)


def _plain(value: Any) -> Any:
    """A key or a value as JSON has it; bytes are hexadecimal digits, structs are objects, arrays are arrays.

    Networks are texts, and a map in another one is its entries.
    """
    if isinstance(value, Map):
        return _json_entries(value, online_cpus()) if _has_entries(value) else _kind(value)
    if hasattr(value, "network_address"):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):  # the frames of a stack
        return [
            frame if isinstance(frame, int) else {"build_id": frame.build_id.hex(), "offset": frame.offset}
            for frame in value
        ]
    if not hasattr(type(value), "__osmia_layout__"):
        return value
    from osmia.arrays import Chars, FixedArray, SpinLock

    if isinstance(value, Chars):
        return str(value)
    if isinstance(value, FixedArray):
        return [_plain(element) for element in value]
    fields = [field.name for field in value.__osmia_layout__.fields]
    held = {name: getattr(value, name) for name in fields}
    return {name: _plain(each) for name, each in held.items() if not isinstance(each, SpinLock)}


def _is_set(value: Any) -> bool:
    if hasattr(type(value), "__osmia_layout__"):
        from osmia.structs import to_bytes

        value = to_bytes(value)
    return any(map(_is_set, value)) if isinstance(value, (PerCpuValues, bytes)) else bool(value)


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
