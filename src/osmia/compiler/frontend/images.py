"""Constants as bytes in memory, as user code packs them: defaults of struct fields, texts, arrays of numbers."""

from __future__ import annotations

from typing import Any

from osmia.arrays import Chars, FixedArray
from osmia.compiler.ir.types import is_scalar
from osmia.forms import form_of
from osmia.layout import ArrayLayout, BytesLayout, CharsLayout, Layout, StructLayout

# What the cache compares by its content: a sequence of another type could change unseen.
SEQUENCES = (tuple, list, range, bytes, bytearray, FixedArray)
TEXTS = (str, bytes, bytearray, Chars)


def image_of(layout: Layout, value: Any) -> bytes | None:
    """The bytes that hold a Python value; None where the type does not take it."""
    if not _is_compared(layout, value):
        return None
    try:
        return form_of(layout).encode(value, layout.name)
    except (TypeError, ValueError, OverflowError):
        return None


def _is_compared(layout: Layout, value: Any) -> bool:
    """Whether the cache would see every change of a value that shall lie in memory so."""
    match layout:
        case ArrayLayout(element=element):
            return isinstance(value, SEQUENCES) and all(_is_compared(element, each) for each in value)
        case CharsLayout():
            return isinstance(value, TEXTS)
        case BytesLayout():
            return False
        case _:
            return not is_scalar(layout) or isinstance(value, int)


def struct_image(layout: StructLayout, values: dict[str, Any]) -> bytes | None:
    """The bytes of a struct whose fields hold these values, and zeros between them and in what is not named."""
    number = 0
    for field in layout.fields:
        if field.name not in values:
            continue
        part = image_of(field.layout, values[field.name])
        if part is None:
            return None
        bits = int.from_bytes(part, "little")
        mask = (1 << (8 * len(part) if field.bit_width is None else field.bit_width)) - 1
        number |= (bits & mask) << field.bit_offset
    return number.to_bytes(layout.size, "little")
