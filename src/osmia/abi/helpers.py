"""Which helpers there are, and which kinds of programs may call them."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.abi.helper_row import HelperRow

__all__ = ["XDP_NAMES", "called", "function_row", "helper_for", "helpers", "kinds_of"]

XDP_NAMES = ("adjust_head", "adjust_tail", "adjust_meta", "get_buff_len", "load_bytes", "store_bytes")
"""Helpers that XDP has for itself: kernel code calls them without the prefix `xdp_`."""


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
