"""Options of TCP as bytes, to be joined as in `tcp(options=mss(1460) + sack_permitted())`, and how they are shown."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from osmia.errors import shown
from osmia.testing.packets.numbers import number_in

if TYPE_CHECKING:
    from collections.abc import Sequence

_END, _NOP, _MSS, _WINDOW_SCALE, _SACK_PERMITTED, _SACK, _TIMESTAMPS = 0, 1, 2, 3, 4, 5, 8
_MOST_BLOCKS = 4


def nop() -> bytes:
    """One byte that says nothing."""
    return bytes((_NOP,))


def mss(size: int) -> bytes:
    """The largest segment that its sender takes, in bytes."""
    return struct.pack(">BBH", _MSS, 4, number_in(size, 0xFFFF, "mss(): size"))


def window_scale(shift: int) -> bytes:
    """Windows of its sender count in units of 2**shift bytes; RFC 7323 allows 0 to 14."""
    return struct.pack(">BBB", _WINDOW_SCALE, 3, number_in(shift, 255, "window_scale(): shift"))


def sack_permitted() -> bytes:
    """Its sender takes selective acknowledgements."""
    return bytes((_SACK_PERMITTED, 2))


def sack(*blocks: tuple[int, int]) -> bytes:
    """What has come in, as pairs of sequence numbers: the first one, and the one after the last."""
    if len(blocks) > _MOST_BLOCKS:
        raise ValueError(
            f"sack(): there is room for {_MOST_BLOCKS} blocks in the options of TCP, and these are {len(blocks)}"
        )
    edges = [number_in(edge, 0xFFFFFFFF, "sack(): an edge of a block") for block in blocks for edge in _pair(block)]
    return struct.pack(f">BB{len(edges)}I", _SACK, 2 + 4 * len(edges), *edges)


def timestamps(value: int, echo: int = 0) -> bytes:
    """The sender's clock, and what it last heard of the other's."""
    return struct.pack(
        ">BBII",
        *(_TIMESTAMPS, 10),
        *(number_in(value, 0xFFFFFFFF, "timestamps(): value"), number_in(echo, 0xFFFFFFFF, "timestamps(): echo")),
    )


def options_text(options: bytes) -> str:
    """Each option by what makes it; bytes that are none in hexadecimal."""
    found = []
    at = 0
    while at < len(options) and options[at] != _END:
        length = 1 if options[at] == _NOP else options[at + 1] if at + 1 < len(options) else 0
        if length == 0 or at + length > len(options) or (length < 2 and options[at] != _NOP):
            break
        found.append(_text(options[at], options[at + 2 : at + length]))
        at += length
    if any(options[at:]):
        found.append(options[at:].hex())
    return " + ".join(found) or options.hex()


def _text(kind: int, body: bytes) -> str:
    numbers: Sequence[int] = struct.unpack(f">{len(body) // 4}I", body) if len(body) % 4 == 0 else ()
    match kind, len(body):
        case (1, 0):
            return "nop()"
        case (2, 2):
            return f"mss({int.from_bytes(body, 'big')})"
        case (3, 1):
            return f"window_scale({body[0]})"
        case (4, 0):
            return "sack_permitted()"
        case (5, _) if numbers and len(numbers) % 2 == 0:
            return f"sack({', '.join(map(str, zip(numbers[::2], numbers[1::2], strict=True)))})"
        case (8, 8):
            return f"timestamps({numbers[0]}, {numbers[1]})"
    return f"option {kind} {body.hex()}".rstrip()


def _pair(block: object) -> tuple[object, object]:
    if not isinstance(block, (tuple, list)) or len(block) != 2:
        raise TypeError(f"sack(): a block is a pair of sequence numbers, (first, after the last); not {shown(block)}")
    return block[0], block[1]
