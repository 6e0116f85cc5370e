"""Texts with numbers in them, as the kernel makes them for programs (trace_printk, snprintf)."""

from __future__ import annotations

import errno

from osmia.vm.arithmetic import signed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Read = Callable[[int, int], bytes | None]
    """Memory as a probe reads it: from an address, so many bytes; None where some of it is not there."""

LONGEST = 1024
"""What the texts that go into one may take together (MAX_BPRINTF_BIN_ARGS times 8, and its like)."""
_FLAGS = b"0+- "


def formatted(text: bytes, arguments: Sequence[int], read: Read) -> bytes | int:
    """A format with its arguments in place; a negative error number where the kernel does not take it."""
    parts: list[bytes] = []
    at = used = 0
    while at < len(text):
        character = text[at]
        if not _may_stand(character):
            return -errno.EINVAL
        if character != 0x25:  # %
            following = text.find(b"%", at)
            plain = text[at : following if following >= 0 else len(text)]
            if not all(map(_may_stand, plain)):
                return -errno.EINVAL
            parts.append(plain)
            at += len(plain)
            continue
        if text[at + 1 : at + 2] == b"%":
            parts.append(b"%")
            at += 2
            continue
        if used >= len(arguments):
            return -errno.EINVAL
        done = _conversion(text, at + 1, arguments[used], read)
        if done is None:
            return -errno.EINVAL
        shown, at = done
        parts.append(shown)
        used += 1
    return b"".join(parts)


def _may_stand(character: int) -> bool:
    return 0x20 <= character < 0x7F or character >= 0x80 or character in b"\t\n\v\f\r"


def _conversion(text: bytes, at: int, value: int, read: Read) -> tuple[bytes, int] | None:
    """What stands for one argument, and where the format goes on; None for what the kernel does not take."""
    start = at
    while at < len(text) and text[at] in _FLAGS:
        at += 1
    flags = text[start:at]
    start = at
    if text[at : at + 1] in (b"1", b"2", b"3", b"4", b"5", b"6", b"7", b"8", b"9"):
        while text[at : at + 1].isdigit():
            at += 1
    width = int(text[start:at] or b"0")
    letter = text[at : at + 1]
    if letter == b"p":
        return _pointer(text, at, value, read, flags, width)
    if letter == b"s":
        return (_padded(_string(value, read), flags, width), at + 1) if _ends(text, at + 1) else None
    if letter == b"c":
        return _padded(bytes([value & 0xFF]), flags, width), at + 1
    bits = 32
    for _ in range(2):
        if text[at : at + 1] == b"l":
            bits, at = 64, at + 1
    letter = text[at : at + 1]
    if letter not in (b"i", b"d", b"u", b"x", b"X"):
        return None
    return _integer(letter, value & (1 << bits) - 1, bits, flags, width), at + 1


def _letter_or_digit(character: bytes) -> bool:
    """As the kernel has it, which takes bytes of the upper half for Latin-1."""
    return character.isalnum() or (character >= b"\xc0" and character not in (b"\xd7", b"\xf7"))


def _ends(text: bytes, at: int) -> bool:
    """Whether a conversion may end here: at the end of the format, before a space or a punctuation mark."""
    after = text[at : at + 1]
    if not after or after in (b"\t", b"\n", b"\v", b"\f", b"\r"):
        return True
    return (b" " <= after <= b"~" or after >= b"\xa0") and not _letter_or_digit(after)


def _pointer(text: bytes, at: int, value: int, read: Read, flags: bytes, width: int) -> tuple[bytes, int] | None:
    """The conversions that begin with %p. They take all letters and digits behind them, whatever these say."""
    end = at + 1
    while _letter_or_digit(text[end : end + 1]):
        end += 1
    name = text[at + 1 : end]
    if name[:2] in (b"ks", b"us"):
        return (_string(value, read), end) if _ends(text, at + 3) else None
    if name[:2] in (b"i4", b"I4", b"i6", b"I6"):
        return _address(name[:2], value, read), end
    if name and name[:1] not in (b"K", b"x", b"s", b"S", b"B"):
        return None
    shown = b"%#x" % value if name[:1] in (b"s", b"S", b"B") else b"%016x" % value
    return (_padded(shown, flags, width), end) if name or _ends(text, at + 1) else None


def _string(address: int, read: Read) -> bytes:
    """The text at an address, up to its ending zero or what may be read."""
    found = b""
    while len(found) < LONGEST:
        byte = read(address + len(found), 1)
        if byte is None:
            return b""
        if byte == b"\0":
            break
        found += byte
    return found


def _address(form: bytes, address: int, read: Read) -> bytes:
    """An IP address that lies in memory: as it is usual (%pI4, %pI6), or with all its digits (%pi4, %pi6)."""
    size = 4 if form[1:] == b"4" else 16
    data = read(address, size) or bytes(size)
    if size == 4:
        return b".".join(b"%03d" % each if form[:1] == b"i" else b"%d" % each for each in data)
    words = [data[at : at + 2].hex().encode() for at in range(0, 16, 2)]
    return b"".join(words) if form[:1] == b"i" else b":".join(words)


def _integer(letter: bytes, value: int, bits: int, flags: bytes, width: int) -> bytes:
    if letter in (b"x", b"X"):
        return _number(b"", b"%x" % value if letter == b"x" else b"%X" % value, flags, width)
    if letter == b"u":
        return _number(b"", b"%d" % value, flags, width)
    number = signed(value, bits)
    sign = b"-" if number < 0 else b"+" if b"+" in flags else b" " if b" " in flags else b""
    return _number(sign, b"%d" % abs(number), flags, width)


def _number(sign: bytes, digits: bytes, flags: bytes, width: int) -> bytes:
    if b"-" in flags:
        return (sign + digits).ljust(width)
    if b"0" in flags:
        return sign + digits.rjust(width - len(sign), b"0")
    return (sign + digits).rjust(width)


def _padded(text: bytes, flags: bytes, width: int) -> bytes:
    return text.ljust(width) if b"-" in flags else text.rjust(width)
