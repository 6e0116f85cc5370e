"""Constants as bytes in memory: defaults of struct fields, texts, arrays of numbers."""

from __future__ import annotations

from typing import Any

from osmia.arrays import Chars, FixedArray
from osmia.compiler.ir.types import is_scalar, scalar_storage
from osmia.layout import (
    ArrayLayout,
    BigEndianLayout,
    BooleanLayout,
    BytesLayout,
    CharsLayout,
    EnumLayout,
    Layout,
    SpinLockLayout,
    StructLayout,
)


def image_of(layout: Layout, value: Any) -> bytes | None:
    """The bytes that hold a Python value; None where the type does not take it."""
    if is_scalar(layout):
        return _number(layout, value)
    match layout:
        case ArrayLayout(element=element, length=length):
            values = _elements(value)
            if values is None or len(values) != length:
                return None
            parts = [image_of(element, each) for each in values]
            return None if None in parts else b"".join(part for part in parts if part is not None)
        case CharsLayout(length=length):
            text = _text(value)
            return None if text is None or len(text) > length else text.ljust(length, b"\0")
        case StructLayout(of=of):
            return (
                struct_image(layout, {f.name: getattr(value, f.name) for f in layout.fields})
                if isinstance(value, of)
                else None
            )
        case _:
            return bytes(layout.size) if isinstance(layout, SpinLockLayout | BytesLayout) else None


def struct_image(layout: StructLayout, values: dict[str, Any]) -> bytes | None:
    """The bytes of a struct whose fields hold these values, and zeros between them and in what is not named."""
    number = 0
    for field in layout.fields:
        if field.name not in values:
            continue
        part = image_of(field.layout, values[field.name])
        if part is None:
            return None
        if field.bit_width is None:
            mask, shift, bits = (1 << 8 * len(part)) - 1, 8 * field.offset, int.from_bytes(part, "little")
        else:
            mask, shift = (1 << field.bit_width) - 1, field.bit_offset
            bits = int.from_bytes(part, "little") & mask
        number = number & ~(mask << shift) | bits << shift
    return number.to_bytes(layout.size, "little")


def _number(layout: Layout, value: Any) -> bytes | None:
    storage = scalar_storage(layout)
    if not isinstance(value, int) or not storage.low <= value <= storage.high:
        return None
    if isinstance(layout, BooleanLayout) and not isinstance(value, bool):
        return None
    if isinstance(layout, EnumLayout) and value != 0 and not isinstance(value, layout.of):
        return None
    order = "big" if isinstance(layout, BigEndianLayout) else "little"
    return int(value).to_bytes(storage.bits // 8, order, signed=storage.signed)  # type: ignore[arg-type]


def _elements(value: Any) -> list[Any] | None:
    """Of a sequence whose content the cache compares."""
    return list(value) if isinstance(value, tuple | list | range | bytes | bytearray | FixedArray) else None


def _text(value: Any) -> bytes | None:
    """The bytes of a text, as user code stores them too."""
    if isinstance(value, str):
        if "\0" in value:
            return None
        try:
            return value.encode("utf-8", "surrogateescape")
        except UnicodeEncodeError:
            return None
    return bytes(value) if isinstance(value, bytes | bytearray | Chars) else None
