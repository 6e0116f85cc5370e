"""Generic classes and mappings without the cost of `typing` and abstract classes: type checkers see the real ones.

And `Table`, for tables of which a process needs few rows.
"""

# ruff: noqa: ANN001, ANN003, ANN201, ANN204 - what stands in at run time is no part of any signature
from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, ItemsView, Iterator, Mapping, ValuesView
    from typing import Generic, ParamSpec, TypeVar, dataclass_transform, overload
else:
    from _collections_abc import ItemsView, ValuesView  # loaded with the interpreter, unlike collections.abc
    from _collections_abc import Mapping as AbstractMapping

    class Generic:
        """Its subclasses take type parameters and forget them."""

        def __class_getitem__(cls, parameters):
            return cls

    class Mapping(Generic):
        """A mapping as `collections.abc` has it, but of an ordinary class: abstract ones take long to make."""

        __slots__ = ()
        __reversed__ = None
        __contains__ = AbstractMapping.__contains__
        __eq__ = AbstractMapping.__eq__
        __hash__ = None
        get = AbstractMapping.get
        keys = AbstractMapping.keys
        items = AbstractMapping.items
        values = AbstractMapping.values

    AbstractMapping.register(Mapping)

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


R = TypeVar("R")


class Table(Mapping[str, R]):
    """A table whose rows are made when they are first asked for: a start needs one or two of them."""

    made: dict[str, R]
    """The rows that there are already."""

    def __init__(self, rows: dict[str, Callable[[], R]]) -> None:
        self._rows = rows
        self.made = {}

    def __getitem__(self, name: str) -> R:
        row = self.made.get(name)
        # Threads that ask at once are given the same one.
        return self.made.setdefault(name, self._rows[name]()) if row is None else row

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)


__all__ = [
    "Generic",
    "ItemsView",
    "Mapping",
    "ParamSpec",
    "Table",
    "TypeVar",
    "ValuesView",
    "dataclass_transform",
    "overload",
]
