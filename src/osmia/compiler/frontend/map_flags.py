"""The flags that kernel code gives to `m.update(key, value, flags)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.abi import generated as bpf
from osmia.compiler.diagnostics import error
from osmia.compiler.ir.types import integer_of
from osmia.errors import with_article

if TYPE_CHECKING:
    from osmia.compiler.ir import nodes as ir

NAMES = {bpf.BPF_ANY: "BPF_ANY", bpf.BPF_NOEXIST: "BPF_NOEXIST", bpf.BPF_EXIST: "BPF_EXIST"}


def check_flags(map_: ir.MapReference, flags: ir.Expression) -> None:
    """Refuse flags that are no number, and those with which every update of the map fails."""
    of = integer_of(flags.type)
    if of is None:
        raise error("flags are an integer", flags.location, found=str(flags.type), expected="an integer", fix="use 0")
    if of.low != of.high:
        return
    kind, locked = map_.declaration.kind, map_.declaration.locked
    # The entries of an array are there from the start, but for those that stand for sockets.
    never_new = kind.fixed_keys and kind.values == "any"
    given = of.low & ~bpf.BPF_F_LOCK if locked else of.low
    taken = [flag for flag in NAMES if not (never_new and flag == bpf.BPF_NOEXIST)]
    if given in taken:
        return
    class_name = with_article(kind.class_name)
    named = [f"{flag} ({NAMES[flag]})" for flag in taken]
    lock = f", and with it 4 (BPF_F_LOCK), as the values of {map_.symbol} have a lock" if locked else ""
    raise error(
        f"the keys of {class_name} are always there, so that none is new"
        if given in NAMES
        else f"no update of {class_name} takes these flags",
        flags.location,
        found=f"flags {of.low}",
        expected=f"{', '.join(named[:-1])} or {named[-1]}{lock}",
        fix="leave the flags out: then the value is written, whatever was there",
    )
