"""Generic classes without the cost of importing `typing`: type checkers see the real thing."""

# ruff: noqa: ANN001, ANN003, ANN201, ANN204 - what stands in at run time is no part of any signature
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import ItemsView, Mapping, ValuesView
    from typing import Generic, ParamSpec, TypeVar, dataclass_transform, overload
else:
    from _collections_abc import ItemsView, Mapping, ValuesView  # loaded with the interpreter, unlike collections.abc

    class Generic:
        """Its subclasses take type parameters and forget them."""

        def __class_getitem__(cls, parameters):
            return cls

    def TypeVar(name, **_bound):  # noqa: N802 - it stands for typing.TypeVar
        """Only the name is needed at run time."""
        return name

    ParamSpec = TypeVar

    def dataclass_transform(**_options):
        """Leave a function as it is: only type checkers ask what it makes of classes."""
        return overload

    def overload(signature):
        """Leave a signature as it is: the definition that follows replaces it."""
        return signature


__all__ = ["Generic", "ItemsView", "Mapping", "ParamSpec", "TypeVar", "ValuesView", "dataclass_transform", "overload"]
