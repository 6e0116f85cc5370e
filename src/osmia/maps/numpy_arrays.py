"""Entries of maps as NumPy arrays, both ways."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, NamedTuple

from osmia.abi.generated import BPF_F_MMAPABLE
from osmia.dtypes import import_numpy, numpy_dtype
from osmia.errors import KernelError
from osmia.maps import bulk, prefixes
from osmia.maps.codec import Bytes

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from osmia.maps.backend import Buffer
    from osmia.maps.codec import Codec


class Arrays(NamedTuple):
    """The entries of a map: `keys[n]` has the value `values[n]`, or of a per-CPU map the values `values[n, cpu]`."""

    keys: np.ndarray[Any, Any]
    values: np.ndarray[Any, Any]


def read(held: Any, *, delete: bool, copy: bool) -> Arrays:
    """What `to_numpy()` of a map gives."""
    numpy = import_numpy()
    key_type, value_type = dtype_of(held._keys), dtype_of(held._values)
    memory = _memory_of(held, copy=copy) if held.kind.fixed_keys else None
    if memory is not None:
        keys = numpy.arange(held.max_entries, dtype=key_type)
        values = _spaced(numpy, memory, held.max_entries, value_type)
        return Arrays(keys, values.copy() if copy else values)
    packed_keys, packed_values = bulk.read(held, delete=delete)
    if held.kind.keys == "prefix":
        packed_keys = prefixes.cleared(held, packed_keys)
    keys = numpy.frombuffer(packed_keys, key_type) if len(packed_keys) else numpy.empty(0, key_type)
    if not held.kind.per_cpu:
        return Arrays(keys, numpy.frombuffer(packed_values, value_type) if len(keys) else numpy.empty(0, value_type))
    cpus = held.backend.cpus
    values = _spaced(numpy, packed_values, len(keys) * cpus, value_type)
    return Arrays(keys, values.reshape(len(keys), cpus))


def _memory_of(held: Any, *, copy: bool) -> Buffer | None:
    """The memory of an array. None for a copy of one that is not taken into memory, or that may only be read."""
    if copy and not held.flags & BPF_F_MMAPABLE:
        return None
    try:
        memory: Buffer = held.memory()
    except KernelError as error:
        if copy and error.errno in {errno.EPERM, errno.EACCES}:
            return None
        raise
    return memory


def dtype_of(codec: Codec) -> Any:
    """The dtype of a map's keys, or of its values; bytes that osmia cannot take apart are void."""
    return import_numpy().dtype(f"V{codec.size}") if isinstance(codec.of, Bytes) else numpy_dtype(codec.of)


def _spaced(numpy: Any, data: Buffer, count: int, dtype: Any) -> Any:
    """Values that the kernel puts at multiples of 8 bytes, where they lie."""
    if not count:
        return numpy.empty(0, dtype)
    return numpy.ndarray((count,), dtype, data, strides=((dtype.itemsize + 7) // 8 * 8,))


def packed(held: Any, codec: Codec, array: Any) -> Buffer:
    """Keys, or values of a map with one value a key, as they lie in memory.

    TypeError, ValueError or OverflowError for an array that is not of such.
    """
    what = f"{held.subject}: the array of {codec.role}s"
    array = _plain_array(array, what)
    if array.ndim != 1:
        raise ValueError(f"{what} has one dimension, not {array.ndim}")
    return _bytes_of(_converted(array, dtype_of(codec), codec.of, what))


def packed_per_cpu(held: Any, codec: Codec, array: Any) -> Buffer:
    """Values of a per-CPU map, one row a key and one column a CPU, as they lie in memory."""
    numpy = import_numpy()
    what, cpus = f"{held.subject}: the array of values", held.backend.cpus
    array = _plain_array(array, what)
    if array.ndim != 2 or array.shape[1] != cpus:
        raise ValueError(f"{what} has the shape (keys, {cpus}), one column per possible CPU, not {array.shape}")
    dtype = dtype_of(codec)
    flat = _converted(array.reshape(-1), dtype, codec.of, what)
    if dtype.itemsize % 8 == 0:
        return _bytes_of(flat)
    spaced = numpy.zeros((len(flat), (dtype.itemsize + 7) // 8 * 8), numpy.uint8)
    spaced[:, : dtype.itemsize] = numpy.frombuffer(_bytes_of(flat), numpy.uint8).reshape(len(flat), dtype.itemsize)
    return _bytes_of(spaced)


def _plain_array(array: Any, what: str) -> Any:
    """The array without what a class derived from NumPy's adds: records, matrices, masks."""
    numpy = import_numpy()
    if isinstance(array, numpy.ma.MaskedArray) and numpy.ma.is_masked(array):
        raise ValueError(f"{what} has masked elements, which are none: give .compressed() or .filled()")
    return numpy.asarray(array)


def _bytes_of(array: Any) -> Buffer:
    numpy = import_numpy()
    whole = numpy.ascontiguousarray(array)
    return memoryview(whole.view(numpy.uint8)).cast("B") if whole.size else b""


def _converted(array: Any, dtype: Any, of: Any, what: str) -> Any:
    """The array in the map's dtype, with zeros where a struct has padding."""
    numpy = import_numpy()
    if dtype.names is None:
        return _numbers(array, dtype, of, what)
    if array.dtype == dtype and _is_plain(dtype, of):
        return array
    if array.dtype.names != dtype.names:
        raise TypeError(f"{what} is of {_shown(dtype)}, not {_shown(array.dtype)}")
    filled = numpy.zeros(array.shape, dtype)
    fields = {field.name: field.layout for field in of.__osmia_layout__.fields}
    for name in dtype.names:
        inner = dtype.fields[name][0]
        place = filled[name]
        place[...] = _field(array[name], inner, fields[name], f"{what}, .{name}")
    return filled


def _is_plain(dtype: Any, of: Any) -> bool:
    """Whether all bytes of a struct are its fields', and none of them can hold what the field's type does not take."""
    inner = [dtype.fields[name][0] for name in dtype.names]
    layouts = [field.layout for field in of.__osmia_layout__.fields]
    return sum(each.itemsize for each in inner) == dtype.itemsize and all(
        each.kind in "iuS" and not hasattr(getattr(layout, "of", None), "__members__")
        for each, layout in zip(inner, layouts, strict=False)
    )


def _field(array: Any, dtype: Any, layout: Any, what: str) -> Any:
    """A field of an array of structs; of an array in a struct, the elements of all."""
    base, shape = (dtype.base, dtype.shape) if dtype.subdtype else (dtype, ())
    if array.shape[1:] != shape:
        raise ValueError(f"{what} has {' x '.join(map(str, shape)) or 'one'} of them, not {array.shape[1:]}")
    for _ in shape:
        layout = layout.element
    if base.names is None:
        return _numbers(array, base, getattr(layout, "of", None), what)
    return _converted(array.reshape(-1), base, layout.of, what).reshape(array.shape)


def _numbers(array: Any, dtype: Any, of: Any, what: str) -> Any:
    """Plain values in the map's dtype. OverflowError for an integer outside it, ValueError for no member of an enum."""
    numpy = import_numpy()
    there = array.dtype
    if dtype.kind in "iu" and (there.kind in "iu" or (not array.size and there == numpy.float64)):
        # NumPy makes floats of an empty list.
        _check_range(array, numpy.iinfo(dtype), what)
        members = getattr(of, "__members__", None)
        if members is not None:
            # In the map's dtype: of integers of several dtypes NumPy makes floats, for which neighbours are equal.
            allowed = numpy.array([int(member) for member in members.values()], dtype)
            strange = array[~numpy.isin(array.astype(dtype, copy=False), allowed)]
            if strange.size:
                raise ValueError(f"{what} holds {strange.flat[0]}, which is no {of.__name__}")
    elif dtype.kind == there.kind == "b":
        return array.view(numpy.uint8) != 0  # a bool that was a number before may be any byte
    elif there != dtype and not (dtype.kind == there.kind == "S" and there.itemsize <= dtype.itemsize):
        raise TypeError(f"{what} is of {_shown(dtype)}, not {_shown(there)}")
    return array.astype(dtype, copy=False)


def _check_range(array: Any, limits: Any, what: str) -> None:
    if not array.size or (array.dtype.kind, array.dtype.itemsize) == (limits.dtype.kind, limits.dtype.itemsize):
        return
    for extreme in (int(array.min()), int(array.max())):
        if not limits.min <= extreme <= limits.max:
            raise OverflowError(f"{what} holds {extreme}; they are {limits.dtype}, {limits.min} to {limits.max}")


def _shown(dtype: Any) -> str:
    return f"dtype {dtype}" if dtype.names is None else f"a struct of {', '.join(dtype.names)}"
