"""Aggregations as NumPy arrays, all keys by batch calls and the parts of all CPUs together."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from osmia.dtypes import import_numpy
from osmia.maps import bulk
from osmia.maps.measures import EVERY, SIGN
from osmia.maps.numpy_arrays import Arrays, dtype_of

if TYPE_CHECKING:
    from typing import Any

    import numpy as np

    from osmia.maps.snapshots import HistogramSnapshot


class HistogramArrays(NamedTuple):
    """Histograms by key: that of `keys[n]` has `counts[n, bucket]` values in each bucket, `sums[n]` together."""

    keys: np.ndarray[Any, Any]
    counts: np.ndarray[Any, Any]
    sums: np.ndarray[Any, Any]


def buckets(of: HistogramSnapshot) -> np.ndarray[Any, Any]:
    """What `to_numpy()` of a histogram gives."""
    numpy = import_numpy()
    number = "<i8" if of.scale.signed else "<u8"
    return numpy.array(list(of.buckets), dtype=[("low", number), ("high", number), ("count", "<u8")])  # type: ignore[no-any-return]


def histograms(held: Any) -> HistogramArrays:
    """What `to_numpy()` of a HistogramMap gives."""
    keys, parts = _parts(held)
    counts = parts[held.value.scale.field].sum(axis=1, dtype="<u8")
    return HistogramArrays(keys, counts, parts["sum"].sum(axis=1, dtype=parts["sum"].dtype))


def stats(held: Any) -> Arrays:
    """What `to_numpy()` of a StatsMap gives."""
    numpy = import_numpy()
    keys, parts = _parts(held)
    number = parts["sum"].dtype
    turned = numpy.uint64(SIGN if held.value.signed else 0)
    values = numpy.empty(len(keys), [("count", "<u8"), ("sum", number), ("min", number), ("max", number)])
    values["count"] = parts["count"].sum(axis=1, dtype="<u8")
    values["sum"] = parts["sum"].sum(axis=1, dtype=number)
    values["min"] = (parts["not_min"].max(axis=1) ^ numpy.uint64(EVERY) ^ turned).view(number)
    values["max"] = (parts["max"].max(axis=1) ^ turned).view(number)
    there = values["count"] > 0
    return Arrays(keys[there], values[there])


def counts(held: Any) -> Arrays:
    """What `to_numpy()` of a CountMap gives."""
    keys, parts = _parts(held)
    return Arrays(keys, parts["count"].sum(axis=1, dtype="<u8"))


def _parts(held: Any) -> tuple[Any, Any]:
    """The keys, and what each CPU has for each of them: an array of two dimensions, of the measure's struct."""
    numpy = import_numpy()
    packed_keys, packed_values = bulk.read(held)
    key_type, value_type = dtype_of(held._keys), _dtype(numpy, held.value.layout)
    if not len(packed_keys):
        return numpy.empty(0, key_type), numpy.empty((0, held.backend.cpus), value_type)
    keys = numpy.frombuffer(packed_keys, key_type)
    return keys, numpy.frombuffer(packed_values, value_type).reshape(len(keys), held.backend.cpus)


def _dtype(numpy: Any, layout: Any) -> Any:
    """The dtype of a measure's struct, which has numbers of 64 bits and arrays of them."""
    fields = []
    for field in layout.fields:
        length = getattr(field.layout, "length", None)
        of = field.layout if length is None else field.layout.element
        number = "<i8" if of.of.signed else "<u8"
        fields.append((field.name, number) if length is None else (field.name, number, (length,)))
    return numpy.dtype(fields)
