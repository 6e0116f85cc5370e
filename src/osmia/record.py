"""Plain data classes that cost nothing to import, and little to define.

Type checkers see `dataclasses.dataclass`. At run time `record` and `frozen_record` do the same for the few features
osmia's data uses: importing `dataclasses` costs more than loading and attaching a compiled object, and it compiles code
for each class, which together is a quarter of a first compilation.
"""

from __future__ import annotations

__all__ = ["frozen_record", "record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as record
    from typing import TypeVar, dataclass_transform

    T = TypeVar("T")

    @dataclass_transform(frozen_default=True)
    def frozen_record(cls: type[T]) -> type[T]:
        """A record whose fields are set once, and which can be hashed."""
        return cls

else:

    def record(cls):
        """Give `cls` an `__init__`, `__eq__` and `__repr__` made from its annotations, in their order."""
        _complete(cls)
        cls.__hash__ = None
        return cls

    def frozen_record(cls):
        """A record whose fields are set once, and which can be hashed."""
        fields = _complete(cls)

        def __hash__(self):
            values = self.__dict__
            return hash(tuple([values[name] for name in fields]))

        def __setattr__(self, name, value):
            raise AttributeError(f"{cls.__name__}.{name} is set once, when a {cls.__name__} is made")

        def __delattr__(self, name):
            raise AttributeError(f"{cls.__name__}.{name} cannot be deleted")

        cls.__setattr__, cls.__delattr__ = __setattr__, __delattr__
        if cls.__hash__ is None or "__hash__" not in vars(cls):  # as dataclasses do: a class may have its own
            cls.__hash__ = __hash__
        return cls

    def _complete(cls):
        fields = tuple(cls.__annotations__)
        own = vars(cls)
        defaults = {name: own[name] for name in fields if name in own}
        names = frozenset(fields)

        def __init__(self, *args, **kwargs):
            if len(args) == len(fields) and not kwargs:
                self.__dict__.update(zip(fields, args, strict=True))
                return
            given = dict(zip(fields, args, strict=False))
            values = {**defaults, **given, **kwargs}
            if len(args) > len(fields) or values.keys() != names or not given.keys().isdisjoint(kwargs):
                raise _refusal(cls.__name__, fields, args, kwargs, values)
            self.__dict__.update(values)

        def __eq__(self, other):
            return self.__dict__ == other.__dict__ if type(other) is cls else NotImplemented

        def __repr__(self):
            return f"{cls.__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in fields)})"

        cls.__init__, cls.__repr__, cls.__match_args__ = __init__, __repr__, fields
        if "__eq__" not in vars(cls):
            cls.__eq__ = __eq__
        return fields

    def _refusal(name, fields, args, kwargs, values):
        """What is wrong with the values that a record is to be made of."""
        if len(args) > len(fields):
            return TypeError(f"{name} takes {len(fields)} values, {len(args)} given")
        for field in kwargs:
            if field not in fields[len(args) :]:
                return TypeError(f"{name}: unexpected or repeated field {field!r}")
        missing = next(field for field in fields if field not in values)
        return TypeError(f"{name}: missing field {missing!r}")
