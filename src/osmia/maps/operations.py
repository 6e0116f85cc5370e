"""Operations that a map does not have: what error texts say of them in user code."""

from __future__ import annotations

from osmia.maps.table import MAP_KINDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.maps.declaration import Map


def no_operation(of: Map[Any, Any], name: str) -> str:
    """Why a map has no such attribute: another type's operation, or none of any."""
    kind = of.kind
    takers = [row.class_name for row in MAP_KINDS.values() if name in (*row.kernel_operations, *row.user_operations)]
    if not takers:
        return f"{of.subject}: {kind.class_name} has no attribute {name!r}"
    there = f"it has {', '.join(kind.user_operations)}" if kind.user_operations else "it has none"
    return f"{of.subject}: {kind.class_name} has no operation {name!r} in user code; {there}"
