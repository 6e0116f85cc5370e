"""How two packets differ, field by field."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from osmia.testing.packets.packet import Packet

_FIELD = re.compile(r"(\w+)=(.*?)(?= \w+=|$)")


def packet_differences(one: Packet, other: Packet) -> list[str]:
    """What the first packet has that the other one has otherwise: `ipv4: ttl=63, not 64`."""
    found = []
    for line, wanted in zip_longest(repr(one).splitlines(), repr(other).splitlines(), fillvalue=""):
        if line != wanted:
            found.append(_difference(line.strip(), wanted.strip()))
    return found


def _difference(line: str, wanted: str) -> str:
    fields, others = dict(_FIELD.findall(line)), dict(_FIELD.findall(wanted))
    kind, other_kind = line.partition(" ")[0], wanted.partition(" ")[0]
    if kind != other_kind or not fields or not others:
        return f"{line or 'nothing'}, not {wanted or 'nothing'}"
    changed = [
        f"{name}={fields.get(name, 'nothing')}, not {others.get(name, 'nothing')}"
        for name in {**fields, **others}
        if fields.get(name) != others.get(name)
    ]
    return f"{kind}: {'; '.join(changed)}"
