"""Entries of maps as a PyArrow table."""

from __future__ import annotations

from typing import TYPE_CHECKING

from osmia.dtypes import import_arrow, import_numpy
from osmia.maps import numpy_arrays

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any


def table(held: Any, *, delete: bool) -> Any:
    """What `to_arrow()` of a map gives."""
    arrow = import_arrow()
    names = [name for codec, role in ((held._keys, "key"), (held._values, "value")) for name in _names(codec, role)]
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{held.subject}: two columns would be called {name}: rename a field of the structs")
    arrays = numpy_arrays.read(held, delete=delete, copy=True)
    columns = [*_columns(arrays.keys, "key"), *_columns(arrays.values, "value")]
    return arrow.table({name: _column(arrow, values) for name, values in columns})


def _names(codec: Any, role: str) -> list[str]:
    return [name for name, _ in _columns(import_numpy().empty(0, numpy_arrays.dtype_of(codec)), role)]


def _columns(array: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The columns of an array of plain values or structs: name and values."""
    if array.dtype.names is None:
        yield name, array
        return
    for field in array.dtype.names:
        yield from _columns(array[field], f"{name}_{field}")


def _column(arrow: Any, values: Any) -> Any:
    """A column; what has more dimensions is lists of one size."""
    numpy = import_numpy()
    if values.ndim > 1:
        length = values.shape[1]
        flat = _column(arrow, values.reshape(-1, *values.shape[2:]))
        return arrow.FixedSizeListArray.from_arrays(flat, length)
    if values.dtype.kind == "V":
        whole = numpy.ascontiguousarray(values)
        size = values.dtype.itemsize
        return arrow.FixedSizeBinaryArray.from_buffers(arrow.binary(size), len(whole), [None, arrow.py_buffer(whole)])
    if values.dtype.kind == "S":
        return arrow.array(values.tolist(), arrow.binary())
    native = values.dtype.newbyteorder("=")
    return arrow.array(numpy.ascontiguousarray(values.astype(native, copy=False)))
