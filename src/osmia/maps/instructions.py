"""Arrays of instructions: where in a program each lies, before and after the kernel has rewritten it."""

from __future__ import annotations

from osmia.maps.mapping import Indexed
from osmia.maps.table import MAP_KINDS
from osmia.maps.value_map import ValueMap
from osmia.structs import struct
from osmia.types import u32


@struct(frozen=True)
class InsnArrayValue:
    """Where an instruction lies: in the object, behind the verifier, in machine code (struct bpf_insn_array_value)."""

    orig_off: u32 = 0
    """Its index in the program as it is loaded: what user code writes."""
    xlated_off: u32 = 0
    """Its index behind the verifier; all ones where it was removed."""
    jitted_off: u32 = 0
    """Its distance from the start of the machine code, in bytes."""
    reserved: u32 = 0


class InsnArray(Indexed[InsnArrayValue], ValueMap[int, InsnArrayValue]):
    """An array of instructions (BPF_MAP_TYPE_INSN_ARRAY, since Linux 6.19).

    User code writes which instructions of a program it is about, `places[0] = InsnArrayValue(orig_off=5)`, and freezes
    it; once the program is loaded with it, the other fields say where they are. The compiler makes no use of it.
    """

    kind = MAP_KINDS["InsnArray"]

    def __init__(self, *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of `max_entries` instructions, whose name is the variable's unless `name` says."""
        super().__init__(u32, InsnArrayValue, max_entries=max_entries, name=name, flags=flags)
