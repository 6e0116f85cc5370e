"""How variables lie in memory that only an object file declares, as its BTF says."""

from __future__ import annotations

from osmia.btf import kinds
from osmia.btf.read import MAX_DEPTH
from osmia.layout import ArrayLayout, BytesLayout, CharsLayout, layout_of
from osmia.maps.codec import Bytes
from osmia.maps.foreign import type_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from osmia.btf.read import Btf
    from osmia.layout import Layout


def layout_from(btf: Btf | None, number: int, size: int) -> Layout:
    """How a variable of that BTF type lies in memory: numbers, texts and arrays of numbers, all else as bytes."""
    of = type_of(btf, number, size)
    if not isinstance(of, Bytes):
        return layout_of(of) or BytesLayout(size)
    found = btf.resolve(number) if btf and number else None
    if btf is None or found is None or found.kind != kinds.ARRAY:
        return BytesLayout(size)
    element, _, count = btf.array(found)
    held = btf.resolve(element)
    if held.kind == kinds.INT and held.name == "char":
        return CharsLayout(count)
    inner = layout_from(btf, element, btf.size(element))
    return BytesLayout(size) if isinstance(inner, BytesLayout) or count == 0 else ArrayLayout(inner, count)


def is_volatile(btf: Btf, number: int) -> bool:
    """Whether a type is volatile, or an array of what is."""
    for _ in range(MAX_DEPTH):
        found = btf.type(number)
        if found.kind == kinds.VOLATILE:
            return True
        if found.kind == kinds.ARRAY:
            number = btf.array(found)[0]
        elif found.kind in kinds.MODIFIERS:
            number = found.size_or_type
        else:
            break
    return False
