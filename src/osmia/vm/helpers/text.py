"""Helpers that read and make texts: the trace pipe, snprintf, strncmp, strtol, strtoul."""

from __future__ import annotations

import errno

from osmia.abi.generated import helper_ids as ids
from osmia.vm.memory import MAY_READ
from osmia.vm.printf import formatted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.vm.execution import Execution
    from osmia.vm.helpers import Helper

MOST_VALUES = 12
"""MAX_BPRINTF_VARARGS."""
LONGEST_LINE = 1024
"""MAX_BPRINTF_BUF: what is longer is cut, with a zero at its end."""
_BASES = (0, 8, 10, 16)
_BASE = 0x1F
LONGEST_NUMBER = 63
"""So many characters of a number are looked at."""
_SPACES = b" \t\n\v\f\r\xa0"
_DIGITS = b"0123456789abcdef"


def probe(run: Execution, address: int, size: int) -> bytes | None:
    """Memory as a probe reads it: None where not all of it may be read."""
    memory = run.machine.memory
    if not 0 <= address <= memory.size - size or memory.first_bad(address, size, MAY_READ) >= 0:
        return None
    return memory.read(address, size)


def _text(run: Execution, format_address: int, size: int, values: list[int], what: str) -> bytes | int:
    """A text for the trace pipe; a negative error number where the format is not taken."""
    format_text, zero, _ = run.read(format_address, size, f"{what}'s fmt: read").partition(b"\0")
    if not zero:
        return -errno.EINVAL
    return formatted(format_text, values, lambda address, length: probe(run, address, length))


def _trace(run: Execution, text: bytes | int) -> int:
    if isinstance(text, int):
        return text
    run.machine.trace.append(text[: LONGEST_LINE - 1].partition(b"\0")[0].decode("utf-8", "replace"))
    return len(text)


def trace_printk(run: Execution, format_address: int, size: int, *values: int) -> int:
    """Captured in `machine.trace`, each call by itself."""
    return _trace(run, _text(run, format_address, size, [*values[:3]], "trace_printk"))


def _values(run: Execution, address: int, size: int, what: str) -> list[int] | None:
    """The numbers that are given as an array; None where they cannot be one."""
    if size % 8 or size > MOST_VALUES * 8 or (size and not address):
        return None
    data = run.read(address, size, f"{what}'s data: read")
    return [int.from_bytes(data[at : at + 8], "little") for at in range(0, size, 8)]


def trace_vprintk(run: Execution, format_address: int, size: int, data: int, data_size: int, *_: int) -> int:
    """Captured in `machine.trace`, each call by itself."""
    values = _values(run, data, data_size, "trace_vprintk")
    if values is None:
        return -errno.EINVAL
    return _trace(run, _text(run, format_address, size, values, "trace_vprintk"))


def snprintf(run: Execution, into: int, size: int, format_address: int, data: int, data_size: int) -> int:
    """Write a text, cut where its memory ends: the bytes that it would take, with its ending zero."""
    values = _values(run, data, data_size, "snprintf")
    if values is None:
        return -errno.EINVAL
    memory = run.machine.memory
    end = format_address
    while memory.data[end]:
        end += 1
    format_text = memory.read(format_address, end - format_address)
    text = formatted(format_text, values, lambda address, length: probe(run, address, length))
    if isinstance(text, int):
        raise run.fault(
            "helper",
            f"the kernel refuses snprintf's fmt when it loads the program: {format_text.decode('ascii', 'replace')!r}, "
            f"with {len(values)} values",
            fix="use %d, %i, %u, %x and %X, with l or ll for 64 bits, %s, %c, %p and its kin, with a value for each",
        )
    if size:
        run.write(into, text[: size - 1] + b"\0", "snprintf's str: write")
    return len(text) + 1


def strncmp(run: Execution, first: int, size: int, second: int, *_: int) -> int:
    """-1, 0 or 1: which of two texts comes first."""
    memory = run.machine.memory
    for at in range(size):
        one, other = memory.data[first + at], memory.data[second + at]
        if one != other:
            return -1 if one < other else 1
        if not one:
            break
    return 0


def _unsigned(run: Execution, address: int, size: int, flags: int) -> tuple[int, int, bool]:
    """A number of a text: how many characters it took, or a negative error number; its value; and its sign."""
    text = run.machine.memory.read(address, size)
    base = flags & _BASE
    if base not in _BASES or flags & ~_BASE:
        return -errno.EINVAL, 0, False
    rest = text.lstrip(_SPACES)
    negative = rest.startswith(b"-")
    rest = rest[negative:]
    if not rest:
        return -errno.EINVAL, 0, negative
    before = len(text) - len(rest)
    rest = rest[:LONGEST_NUMBER].partition(b"\0")[0].lower()
    prefixed = rest.startswith(b"0x")
    if base == 0:
        base = 10 if not rest.startswith(b"0") else 16 if prefixed and rest[2:3] in _digits(16) else 8
    skipped = 2 if base == 16 and prefixed else 0
    digits = rest[skipped:]
    count = next((at for at, each in enumerate(digits) if each not in _DIGITS[:base]), len(digits))
    value = int(digits[:count], base) if count else 0
    if value >> 64:
        return -errno.ERANGE, 0, negative
    return (before + skipped + count if count else -errno.EINVAL), value, negative


def _digits(base: int) -> tuple[bytes, ...]:
    return tuple(_DIGITS[at : at + 1] for at in range(base))


def strtol(run: Execution, address: int, size: int, flags: int, result: int, *_: int) -> int:
    """Read a signed number: how many characters it took."""
    run.machine.memory.write(result, bytes(8))
    took, value, negative = _unsigned(run, address, size, flags)
    if took < 0:
        return took
    if value > (1 << 63) - (not negative):
        return -errno.ERANGE
    run.machine.memory.write(result, (-value if negative else value).to_bytes(8, "little", signed=True))
    return took


def strtoul(run: Execution, address: int, size: int, flags: int, result: int, *_: int) -> int:
    """Read an unsigned number: how many characters it took."""
    run.machine.memory.write(result, bytes(8))
    took, value, negative = _unsigned(run, address, size, flags)
    if took < 0:
        return took
    if negative:
        return -errno.EINVAL
    run.machine.memory.write(result, value.to_bytes(8, "little"))
    return took


HELPERS: dict[int, Helper] = {
    ids.BPF_FUNC_trace_printk: trace_printk,
    ids.BPF_FUNC_trace_vprintk: trace_vprintk,
    ids.BPF_FUNC_snprintf: snprintf,
    ids.BPF_FUNC_strncmp: strncmp,
    ids.BPF_FUNC_strtol: strtol,
    ids.BPF_FUNC_strtoul: strtoul,
}
