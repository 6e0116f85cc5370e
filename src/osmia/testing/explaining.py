"""What a failed comparison says: what was run, or how two packets differ."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.testing.packets.comparing import packet_differences
from osmia.testing.packets.dissection import dissect
from osmia.testing.packets.packet import Packet

if TYPE_CHECKING:
    from osmia.testing.runs import Run


def explanation(op: str, left: object, right: object, last: Run | None) -> list[str] | None:
    """The lines of a failed assertion, of which pytest shows few; None where it has nothing to do with osmia."""
    if op in ("==", "is") and _are_packets(left, right, last):
        one, other = _packet(left), _packet(right)
        return [f"a packet of {len(one)} bytes {op} one of {len(other)}", *packet_differences(one, other)]
    if last is not None and _is_verdict(left, right, last):
        return [f"{_shown(left)} {op} {_shown(right)}", f"{last.headline}: see below what osmia ran last"]
    return None


def _is_verdict(left: object, right: object, last: Run) -> bool:
    """Whether what is compared may be what the last run returned."""
    returns = last.program.kind.returns_at(last.program.hook)
    return returns is not int and (isinstance(left, returns) or isinstance(right, returns))


def _shown(value: object) -> str:
    name = getattr(value, "name", None)
    return f"{type(value).__name__}.{name}" if isinstance(name, str) else repr(value)


def _are_packets(left: object, right: object, last: Run | None) -> bool:
    if not isinstance(left, (bytes, bytearray, Packet)) or not isinstance(right, (bytes, bytearray, Packet)):
        return False
    held = () if last is None or last.result is None else (last.result.data, last.packet)
    return isinstance(left, Packet) or isinstance(right, Packet) or left in held or right in held


def _packet(of: object) -> Packet:
    return of if isinstance(of, Packet) else dissect(of)  # type: ignore[arg-type]
