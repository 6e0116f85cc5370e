"""Plain data classes that cost nothing to import.

Type checkers see `dataclasses.dataclass`. At run time `record` does the same for the few features
osmia's data uses, because importing `dataclasses` costs more than loading and attaching a compiled object.
"""

from __future__ import annotations

__all__ = ["record"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from dataclasses import dataclass as record
else:

    def record(cls):
        """Give `cls` an `__init__`, `__eq__` and `__repr__` made from its annotations, in their order."""
        fields = tuple(cls.__annotations__)
        defaults = {name: vars(cls)[name] for name in fields if name in vars(cls)}

        def __init__(self, *args, **kwargs):
            if len(args) > len(fields):
                raise TypeError(f"{cls.__name__} takes {len(fields)} values, {len(args)} given")
            values = dict(zip(fields, args, strict=False))
            for name, value in kwargs.items():
                if name not in fields or name in values:
                    raise TypeError(f"{cls.__name__}: unexpected or repeated field {name!r}")
                values[name] = value
            for name in fields:
                if name not in values:
                    if name not in defaults:
                        raise TypeError(f"{cls.__name__}: missing field {name!r}")
                    values[name] = defaults[name]
            self.__dict__.update(values)

        def __eq__(self, other):
            return self.__dict__ == other.__dict__ if type(other) is cls else NotImplemented

        def __repr__(self):
            return f"{cls.__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in fields)})"

        cls.__init__, cls.__eq__, cls.__repr__, cls.__hash__ = __init__, __eq__, __repr__, None
        cls.__match_args__ = fields
        return cls
