"""Memory in LLVM IR: loads and stores of scalars and bit fields, copies, comparison of bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.ir.types import scalar_storage
from osmia.layout import ArrayLayout, BigEndianLayout, BooleanLayout, SpinLockLayout, StructLayout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osmia.compiler.llvm.emitter import Emitter
    from osmia.layout import Field, Layout


def offset(out: Emitter, pointer: str, distance: int) -> str:
    """An address so many bytes behind another."""
    return out.value(f"getelementptr i8, ptr {pointer}, i64 {distance}") if distance else pointer


def load(out: Emitter, layout: Layout, pointer: str, alignment: int, *, volatile: bool = False) -> str:
    """The number in a scalar place."""
    storage = scalar_storage(layout)
    loaded = out.value(f"load {'volatile ' * volatile}i{storage.bits}, ptr {pointer}, align {alignment}")
    if isinstance(layout, BooleanLayout):
        return out.value(f"zext i1 {out.value(f'icmp ne i8 {loaded}, 0')} to i64")
    if isinstance(layout, BigEndianLayout):
        loaded = _swapped(out, loaded, storage.bits)
    return out.extended(loaded, storage.bits, signed=storage.signed)


def store(out: Emitter, layout: Layout, number: str, pointer: str, alignment: int) -> None:
    """Put a number into a scalar place, wrapping at its width."""
    storage = scalar_storage(layout)
    value = out.narrowed(number, storage.bits)
    if isinstance(layout, BigEndianLayout):
        value = _swapped(out, value, storage.bits)
    out.line(f"store i{storage.bits} {value}, ptr {pointer}, align {alignment}")


def byte_swapped(out: Emitter, number: str, bits: int) -> str:
    """A number that fits so many bits, with its bytes in the other order."""
    return out.extended(_swapped(out, out.narrowed(number, bits), bits), bits, signed=False)


def _swapped(out: Emitter, value: str, bits: int) -> str:
    """The bytes in the other order."""
    if value[0] != "%":
        number = int(value) & ((1 << bits) - 1)
        return str(int.from_bytes(number.to_bytes(bits // 8, "little"), "big"))
    return out.value(f"call i{bits} @llvm.bswap.i{bits}(i{bits} {value})")


def load_bits(out: Emitter, field: Field, base: str, alignment: int) -> str:
    """The number in a bit field: the unit that C reads it from, shifted and cut."""
    assert field.bit_width is not None
    bits, start, shift = _unit(field)
    loaded = out.value(f"load i{bits}, ptr {offset(out, base, start)}, align {min(alignment, bits // 8)}")
    number = out.extended(loaded, bits, signed=False)
    signed = scalar_storage(field.layout).signed
    up = out.value(f"shl i64 {number}, {64 - shift - field.bit_width}")
    return out.value(f"{'ashr' if signed else 'lshr'} i64 {up}, {64 - field.bit_width}")


def store_bits(out: Emitter, field: Field, number: str, base: str, alignment: int) -> None:
    """Put a number into a bit field and leave its neighbours alone."""
    assert field.bit_width is not None
    bits, start, shift = _unit(field)
    pointer = offset(out, base, start)
    mask = ((1 << field.bit_width) - 1) << shift
    alignment = min(alignment, bits // 8)
    before = out.extended(out.value(f"load i{bits}, ptr {pointer}, align {alignment}"), bits, signed=False)
    kept = out.value(f"and i64 {before}, {~mask}")
    moved = out.value(f"shl i64 {number}, {shift}")
    cut = out.value(f"and i64 {moved}, {mask if mask < 1 << 63 else mask - (1 << 64)}")
    both = out.value(f"or i64 {kept}, {cut}")
    out.line(f"store i{bits} {out.narrowed(both, bits)}, ptr {pointer}, align {alignment}")


def _unit(field: Field) -> tuple[int, int, int]:
    """The aligned unit that holds a bit field: its bits, its offset in bytes, and how far the field is shifted."""
    assert field.bit_width is not None
    for bits in (8, 16, 32, 64):
        start = field.bit_offset // bits * bits
        if field.bit_offset + field.bit_width <= start + bits:
            return bits, start // 8, field.bit_offset - start
    raise AssertionError(f"a bit field that no aligned unit holds: {field}")


LOCK = 4
"""The bytes of a spin lock, which the verifier lets nobody read or write."""


def chunks(size: int, alignment: int, locks: tuple[int, ...] = ()) -> Iterator[tuple[int, int]]:
    """(offset, bytes) of the accesses that cover so many bytes, without the spin locks at these offsets."""
    start = 0
    while start < size:
        if start in locks:
            start += LOCK
            continue
        end = min([size, *(lock for lock in locks if lock > start)])
        width = next(w for w in (8, 4, 2, 1) if w <= alignment and start % w == 0 and start + w <= end)
        yield start, width
        start += width


def locks_of(layout: Layout) -> tuple[int, ...]:
    """The offsets of the spin locks in a value."""
    match layout:
        case SpinLockLayout():
            return (0,)
        case StructLayout(fields=fields):
            return tuple(field.offset + inside for field in fields for inside in locks_of(field.layout))
        case _:
            return ()


def copy(out: Emitter, target: str, source: str, layout: Layout, alignment: int) -> None:
    """Copy a value, without its locks; what is read is read before anything is written, so the two may overlap."""
    parts = []
    for start, width in chunks(layout.size, alignment, locks_of(layout)):
        bits = 8 * width
        parts.append((start, bits, out.value(f"load i{bits}, ptr {offset(out, source, start)}, align {width}")))
    for start, bits, value in parts:
        out.line(f"store i{bits} {value}, ptr {offset(out, target, start)}, align {bits // 8}")


def copy_fields(out: Emitter, target: str, source: str, mask: bytes, alignment: int) -> None:
    """Copy the bits that a mask names; the others are 0."""
    for start, width in chunks(len(mask), alignment):
        bits, part = 8 * width, int.from_bytes(mask[start : start + width], "little", signed=True)
        value = "0"
        if part:
            value = out.value(f"load i{bits}, ptr {offset(out, source, start)}, align {width}")
        if part not in (0, -1):
            value = out.value(f"and i{bits} {value}, {part}")
        out.line(f"store i{bits} {value}, ptr {offset(out, target, start)}, align {width}")


def mask_of(layout: Layout) -> bytes:
    """The bits of a layout that belong to a field."""
    match layout:
        case StructLayout(fields=fields, size=size, union=False):
            number = 0
            for field in fields:
                inside = mask_of(field.layout) if field.bit_width is None else b""
                bits = int.from_bytes(inside, "little") if inside else (1 << (field.bit_width or 0)) - 1
                number |= bits << field.bit_offset
            return number.to_bytes(size, "little")
        case ArrayLayout(element=element, length=length):
            return mask_of(element) * length
        case _:
            return b"\xff" * layout.size


def fill(out: Emitter, target: str, image: bytes, alignment: int) -> None:
    """Put constant bytes into memory."""
    for start, width in chunks(len(image), alignment):
        number = int.from_bytes(image[start : start + width], "little", signed=True)
        out.line(f"store i{8 * width} {number}, ptr {offset(out, target, start)}, align {width}")


def alike(out: Emitter, left: str, right: str | bytes, size: int, alignment: int) -> str:
    """Whether bytes are the same: the differences of all parts together are none."""
    differences = []
    for start, width in chunks(size, alignment):
        bits = 8 * width
        one = out.value(f"load i{bits}, ptr {offset(out, left, start)}, align {width}")
        if isinstance(right, bytes):
            other = str(int.from_bytes(right[start : start + width], "little", signed=True))
        else:
            other = out.value(f"load i{bits}, ptr {offset(out, right, start)}, align {width}")
        differences.append(out.extended(out.value(f"xor i{bits} {one}, {other}"), bits, signed=False))
    whole = differences[0]
    for difference in differences[1:]:
        whole = out.value(f"or i64 {whole}, {difference}")
    return out.value(f"icmp eq i64 {whole}, 0")


# Beyond so many stores a loop is shorter.
MOST_STORES = 32


def clear(out: Emitter, target: str, size: int) -> None:
    """Zeros in 8-aligned memory."""
    words = size // 8
    if words <= MOST_STORES:
        fill(out, target, bytes(size), 8)
        return
    fill(out, offset(out, target, 8 * words), bytes(size % 8), 8)
    counter, test, body, after = out.slot("i64"), out.label("clear"), out.label("store"), out.label("cleared")
    out.line(f"store i64 0, ptr {counter}, align 8")
    out.go(test)
    out.start(test)
    at = out.value(f"load i64, ptr {counter}, align 8")
    out.branch(out.value(f"icmp ult i64 {at}, {8 * words}"), body, after)
    out.start(body)
    out.line(f"store i64 0, ptr {out.value(f'getelementptr i8, ptr {target}, i64 {at}')}, align 8")
    out.line(f"store i64 {out.value(f'add i64 {at}, 8')}, ptr {counter}, align 8")
    out.go(test)
    out.start(after)
