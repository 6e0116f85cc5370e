"""Names of the kernel's functions and variables, by their addresses (/proc/kallsyms)."""

from __future__ import annotations

from bisect import bisect_right

_FILE = "/proc/kallsyms"
_table: tuple[list[int], list[str]] | None = None


def symbol(address: int) -> str:
    """`name`, or `name+0x1c` for what is behind its start; the number where the kernel says no name."""
    starts, names = _symbols()
    at = bisect_right(starts, address) - 1
    if at < 0 or address - starts[at] > _LARGEST:
        return f"0x{address:016x}"
    distance = address - starts[at]
    return names[at] + (f"+{distance:#x}" if distance else "")


_LARGEST = 1 << 20
"""No function is larger: what is further away is nothing that the table knows."""


def _symbols() -> tuple[list[int], list[str]]:
    """Addresses, ascending, and their names. Read once: modules that come later are not in it."""
    global _table  # noqa: PLW0603 - it takes a tenth of a second to read
    if _table is None:
        with open(_FILE, encoding="ascii", errors="replace") as file:  # noqa: PTH123
            found = [(int(parts[0], 16), parts[2]) for line in file if len(parts := line.split()) >= 3]
        found = sorted(each for each in found if each[0])  # all are 0 for who may not know them
        _table = [address for address, _ in found], [name for _, name in found]
    return _table
