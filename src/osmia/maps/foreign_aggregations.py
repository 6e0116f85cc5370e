"""Aggregations that only an object file declares, or whoever made the map: their BTF says what they are."""

from __future__ import annotations

from osmia.abi.generated import BPF_MAP_TYPE_PERCPU_ARRAY, BPF_MAP_TYPE_PERCPU_HASH
from osmia.btf import kinds
from osmia.maps.compared import difference
from osmia.maps.measures import COUNT, HISTOGRAM, STATS, CountMeasure, HistogramMeasure, StatsMeasure
from osmia.maps.scales import scale_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.btf.read import Btf, BtfType
    from osmia.maps.measures import Measure
    from osmia.spec import MapSpec

SIGNED = 1

CLASSES = {  # by the name of the value's struct and the map's type: the module of `osmia.maps`, and the class
    (HISTOGRAM, BPF_MAP_TYPE_PERCPU_ARRAY): ("histograms", "Histogram"),
    (HISTOGRAM, BPF_MAP_TYPE_PERCPU_HASH): ("histograms", "HistogramMap"),
    (STATS, BPF_MAP_TYPE_PERCPU_ARRAY): ("stats", "Stats"),
    (STATS, BPF_MAP_TYPE_PERCPU_HASH): ("stats", "StatsMap"),
    (COUNT, BPF_MAP_TYPE_PERCPU_HASH): ("counts", "CountMap"),
}


def aggregation(btf: Btf, spec: MapSpec) -> tuple[Any, Measure] | None:
    """The class of a map that is an aggregation, and what it keeps; None for every other map."""
    of = btf.resolve(spec.btf_value_type_id)
    home = CLASSES.get((of.name, spec.type)) if of.kind == kinds.STRUCT else None
    if home is None:
        return None
    measure = _measure(btf, of)
    if measure is None or measure.layout.size != spec.value_size:
        return None
    if difference(btf, spec.btf_value_type_id, measure.layout, "the value"):
        return None
    module, name = home
    return getattr(__import__(f"osmia.maps.{module}", fromlist=[name]), name), measure


def _measure(btf: Btf, of: BtfType) -> Measure | None:
    """What a struct of such a name keeps, by the names of its fields and the sign of its sum."""
    if of.name == COUNT:
        return CountMeasure()
    members = btf.members(of)
    total = next((btf.resolve(member.type) for member in members if member.name == "sum"), None)
    if total is None or total.kind != kinds.INT:
        return None
    signed = bool(btf.integer(total)[0] & SIGNED)
    if of.name == STATS:
        return StatsMeasure(signed=signed)
    scale = scale_of(members[-1].name, signed=signed)
    return None if scale is None else HistogramMeasure(scale)
