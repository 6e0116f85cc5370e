"""NumPy's description of how osmia's types lie in memory."""

from __future__ import annotations

from osmia.errors import shown_type
from osmia.layout import (
    ArrayLayout,
    BigEndianLayout,
    BooleanLayout,
    BytesLayout,
    CharsLayout,
    EnumLayout,
    IntegerLayout,
    SpinLockLayout,
    StructLayout,
    layout_of,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

    import numpy as np

    from osmia.layout import Layout


def numpy_dtype(of: Any) -> np.dtype[Any]:
    """The NumPy dtype of a type that has a place in kernel memory: one of u8..i64, a `@struct` class, ...

    A struct is a structured dtype with C's offsets and size, be16..be64 are big-endian numbers, an IntEnum is the
    number that it is stored as, `chars()` a byte string without its trailing NULs, `array()` a subarray, and a union
    raw bytes (void). A spin lock is left out: it is the kernel's. TypeError for bit fields, which NumPy cannot
    describe, and for what has no place in memory; MissingExtraError without NumPy.
    """
    layout = layout_of(of)
    if layout is None:
        raise TypeError(f"numpy_dtype() takes a type that has a place in memory, not {shown_type(of)}")
    return dtype_of(layout)


def dtype_of(layout: Layout) -> np.dtype[Any]:
    """The dtype of what lies in memory so. TypeError for bit fields."""
    numpy = import_numpy()
    return numpy.dtype(_description(layout))  # type: ignore[no-any-return]


def import_numpy() -> Any:
    """NumPy. MissingExtraError where it is not installed."""
    return _imported("numpy", "NumPy", "numpy")


def import_arrow() -> Any:
    """PyArrow. MissingExtraError where it is not installed."""
    return _imported("pyarrow", "PyArrow", "arrow")


def _imported(module: str, called: str, extra: str) -> ModuleType:
    from importlib import import_module  # noqa: PLC0415 - for this alone

    from osmia.errors import MissingExtraError  # noqa: PLC0415

    try:
        return import_module(module)
    except ModuleNotFoundError as missing:
        if missing.name != module:
            raise
    raise MissingExtraError(f"this takes {called}, which is not installed: pip install 'osmia[{extra}]'")


def _description(layout: Layout) -> Any:
    """What `numpy.dtype()` takes."""
    match layout:
        case IntegerLayout(of=of):
            return f"<{'i' if of.signed else 'u'}{layout.size}"
        case BooleanLayout():
            return "?"
        case EnumLayout(storage=storage):
            return f"<{'i' if storage.signed else 'u'}{layout.size}"
        case BigEndianLayout():
            return f">u{layout.size}"
        case CharsLayout():
            return f"S{layout.size}"
        case ArrayLayout(element=element, length=length):
            return _description(element), (length,)
        case BytesLayout() | SpinLockLayout():
            return f"V{layout.size}"
        case StructLayout(union=True):
            return f"V{layout.size}"
        case StructLayout():
            return _struct(layout)


def _struct(layout: StructLayout) -> dict[str, Any]:
    fields = [field for field in layout.fields if not isinstance(field.layout, SpinLockLayout)]
    for field in fields:
        if field.bit_width is not None:
            raise TypeError(
                f"{layout.name}.{field.name} is a bit field, which NumPy cannot describe: "
                "make one integer of the bits, or read the entries one by one"
            )
    return {
        "names": [field.name for field in fields],
        "formats": [_description(field.layout) for field in fields],
        "offsets": [field.offset for field in fields],
        "itemsize": layout.size,
    }
