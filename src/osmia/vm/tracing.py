"""Following a run line by line: each line that runs, and what changed since the one before."""

from __future__ import annotations

import sys

from osmia.vm.code import Code

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import FrameType
    from typing import Self

    from _typeshed import TraceFunction

    from osmia.vm.machine import Machine

    Shown = Mapping[str, str]
    """What is followed beside locals and the packet: names, and values as they are shown."""


_SMALL = 0xFFFF_FFFF
"""Larger numbers are shown as hex digits: in registers they are addresses, or negative."""


class Follower:
    """Tells of a run on a machine whose engine is `python`. In its `with` block runs are followed."""

    def __init__(
        self,
        machine: Machine,
        line: Callable[[str, int], None],
        change: Callable[[str], None],
        shown: Callable[[], Shown],
    ) -> None:
        """`line` is told of a line, `change` of what changed by it; `shown` gives what else is to be followed."""
        self._machine, self._line, self._change, self._shown = machine, line, change, shown
        self._locals: dict[int, dict[str, str]] = {}
        """By frame: what they were."""
        self._others: Shown = {}
        self._packet: bytes | None = None
        self._outer = sys.gettrace()

    def __enter__(self) -> Self:
        self._locals, self._others, self._packet = {}, self._shown(), None
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_exception: object) -> None:
        sys.settrace(self._outer)
        self._follow_others()

    def _trace(self, frame: FrameType, event: str, _argument: object) -> TraceFunction | None:
        if not isinstance(frame.f_globals.get("_code"), Code):
            return None
        if event == "call":
            self._locals.setdefault(self._key(frame), {}) if self._is_part(frame) else self._begin(frame)
        elif event in ("line", "return"):
            self._follow(frame)
            if event == "line":
                self._line(frame.f_code.co_filename, frame.f_lineno)
        return self._trace

    @staticmethod
    def _is_part(frame: FrameType) -> bool:
        """Whether a frame is one line of a function that is written out: others have the same locals."""
        return not frame.f_code.co_varnames

    def _key(self, frame: FrameType) -> int:
        return id(frame.f_locals) if self._is_part(frame) else id(frame)

    def _begin(self, frame: FrameType) -> None:
        self._locals[id(frame)] = {}
        if self._packet is None:
            self._packet = self._packet_now()

    def _follow(self, frame: FrameType) -> None:
        before = self._locals.get(self._key(frame), {})
        values = ((name, value) for name, value in frame.f_locals.items() if name[0] != ".")
        empty = object() if frame.f_globals["_code"].marks else None  # a register that holds nothing
        now = {name: _text(value) for name, value in values if value is not empty}
        self._differences(before, now)
        self._locals[self._key(frame)] = now
        self._follow_others()

    def _follow_others(self) -> None:
        now = self._shown()
        self._differences(self._others, now)
        for name in self._others.keys() - now.keys():
            self._change(f"{name}: it is gone")
        self._others = now
        packet = self._packet_now()
        if self._packet is not None and packet is not None and packet != self._packet:
            for text in packet_changes(self._packet, packet):
                self._change(text)
        self._packet = packet if packet is not None else self._packet

    def _differences(self, before: Shown, now: Shown) -> None:
        for name, value in now.items():
            old = before.get(name)
            if old != value:
                self._change(f"{name} = {value}" if old is None else f"{name}: {old} -> {value}")

    def _packet_now(self) -> bytes | None:
        running = self._machine.running
        packet = running[-1].context.packet if running else None
        return None if packet is None else packet.data


def _text(value: object) -> str:
    return f"{value:#x}" if type(value) is int and value > _SMALL else repr(value)


def packet_changes(before: bytes, after: bytes) -> list[str]:
    """What is different between two packets, as a line for each run of bytes."""
    if len(before) != len(after):
        return [f"packet: {len(before)} -> {len(after)} bytes"]
    found: list[str] = []
    at = 0
    while at < len(before):
        end = at
        while end < len(before) and before[end] != after[end]:
            end += 1
        if end > at:
            found.append(f"packet[{at}:{end}]: {before[at:end].hex(' ')} -> {after[at:end].hex(' ')}")
        at = max(end, at + 1)
    return found
