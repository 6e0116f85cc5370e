"""Which helpers there are, and which kinds of programs may call them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.abi.helper_row import HelperRow

__all__ = [
    "DONE_BY",
    "LACKING",
    "XDP_NAMES",
    "callable_in_kernel_code",
    "called",
    "function_row",
    "helper_for",
    "helpers",
    "kinds_of",
    "lacking",
]

XDP_NAMES = ("adjust_head", "adjust_tail", "adjust_meta", "get_buff_len", "load_bytes", "store_bytes")
"""Helpers that XDP has for itself: kernel code calls them without the prefix `xdp_`."""

DONE_BY = {
    "dynptr_data": "`record.at(T, offset)`",
    "dynptr_read": "`record.at(T, offset)`",
    "dynptr_write": "`record.write(offset, value)`",
    "for_each_map_elem": "a map's `for_each(function)`",
    "loop": "`osmia.loop(count, function)`",
    "ringbuf_discard": "`ring.discard(event)`",
    "ringbuf_discard_dynptr": "`ring.discard(record)`",
    "ringbuf_reserve_dynptr": "`with ring.reserve_bytes(length) as record:`",
    "ringbuf_submit": "`with ring.reserve() as event:`, at its end",
    "ringbuf_submit_dynptr": "`with ring.reserve_bytes(length) as record:`, at its end",
    "spin_lock": "`with value.lock:`",
    "spin_unlock": "`with value.lock:`, at its end",
    "user_ringbuf_drain": "a UserRingBuf's `drain(function)`",
}
"""Helpers that kernel code does not call: what else does what they do."""

LACKING = {
    "callback": (
        "callbacks of helpers",
        "a function that the kernel calls has arguments of its own for each helper",
        "`osmia.loop(count, function)` and a map's `for_each(function)` take functions",
    ),
    "dynptr": (
        "dynptrs of memory",
        "the verifier follows them by their place on the stack; records of rings have one, and nothing else takes one",
        "use the memory itself: the value of a map has fields, and `ring.output(value)` writes it to a ring",
    ),
    "timer": (
        "timers",
        "a timer's function runs when the program has long ended, with a map's value and nothing else",
        "look at the clock when an event comes, or let user code wait",
    ),
    "kptr": (
        "pointers kept in maps",
        "a map's value then names types of the kernel, which values do not have",
        "keep what is needed of the object in a struct",
    ),
    "per-CPU": (
        "variables of the kernel",
        "they are found by name when an object is loaded, in the kernel's type information",
        "keep your own in a PerCpuArray",
    ),
}
"""Kinds of arguments that kernel code cannot give yet: what they are, why not, and what to write instead."""


def callable_in_kernel_code(row: HelperRow) -> bool:
    """Whether kernel code calls it: under its own name, or as a method of a map."""
    return row.name not in DONE_BY and not lacking(row)


def lacking(row: HelperRow) -> str:
    """The kind of an argument for which kernel code cannot do what a helper does; empty where it can."""
    if row.name in DONE_BY:
        return ""
    return next((each.kind for each in row.arguments if each.kind in LACKING), "")


def called(row: HelperRow) -> str:
    """The name that kernel code calls a helper by."""
    short = row.name.removeprefix("xdp_")
    return short if short in XDP_NAMES and short != row.name else row.name


def helpers() -> dict[str, HelperRow]:
    """Every helper by its name, without `bpf_`. The table is read when it is first asked for: it is long."""
    from osmia.abi.generated.helpers import HELPERS

    return HELPERS


def helper_for(kind: str, name: str) -> HelperRow | None:
    """The helper that a program of a kind may call by a name; None where there is none, or not for this kind."""
    row = helpers().get(name)
    return row if row is not None and kind in row.kinds else None


def kinds_of(name: str) -> tuple[str, ...]:
    """The kinds of programs that may call a helper; none where there is no such helper."""
    row = helpers().get(name)
    return () if row is None else row.kinds


def function_row(function: object) -> HelperRow | None:
    """The helper that a function of osmia.helpers stands for; None where it is another function."""
    if getattr(function, "__module__", "") != "osmia.helpers":
        return None
    return helpers().get(getattr(function, "__name__", ""))
