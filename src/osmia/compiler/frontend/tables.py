"""Constants of which an element is asked for by a number that varies: they lie in `.rodata`, as an array."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.compiler.frontend.function import Static, TupleValue
from osmia.compiler.frontend.images import image_of
from osmia.compiler.ir import nodes as ir
from osmia.compiler.ir.types import PlaceType
from osmia.layout import ArrayLayout, IntegerLayout
from osmia.types import i8, i16, i32, i64, u8, u16, u32, u64

if TYPE_CHECKING:
    from collections.abc import Sequence

    from osmia.compiler.frontend.function import Operand

MOST_ELEMENTS = 65_536
# The first that takes all elements is theirs.
STORAGES = (u8, i8, u16, i16, u32, i32, u64, i64)


def table(of: Operand) -> ir.ConstantText | None:
    """A tuple, list, range or bytes of numbers as an array; None for what has other elements, or too many."""
    numbers: Sequence[object]
    if isinstance(of, Static) and isinstance(of.value, tuple | list | range | bytes):
        numbers = of.value
    elif isinstance(of, TupleValue) and not of.before and all(isinstance(each, ir.Constant) for each in of.items):
        numbers = [each.value for each in of.items if isinstance(each, ir.Constant)]
    else:
        return None
    if not 0 < len(numbers) <= MOST_ELEMENTS or not all(type(each) is int for each in numbers):
        return None
    for storage in STORAGES:
        layout = ArrayLayout(IntegerLayout(storage), len(numbers))  # type: ignore[arg-type]
        image = image_of(layout, numbers)
        if image is not None:
            return ir.ConstantText(PlaceType(layout), of.location, image)
    return None
