"""`IntEnum` without the cost of importing `enum`: type checkers see the real thing.

Importing `enum` costs more than reading an object from the cache, loading it and attaching it together. What osmia
defines of this sort behaves as an IntEnum does, except that it is no instance of `enum.Enum`; users' own enumerations
are of the standard library.
"""

from __future__ import annotations

import sys

__all__ = ["IntEnum", "is_enumeration", "is_int_enumeration"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from enum import Enum, EnumType
    from enum import IntEnum as IntEnum
    from typing import TypeGuard

    Enumeration = EnumType
else:

    class Enumeration(type):
        """The class of such classes: it makes the integers of a class body its members, in their order."""

        def __new__(cls, name, bases, namespace):
            """Make the class and its members."""
            values = {key: value for key, value in namespace.items() if type(value) is int and key[0] != "_"}
            made = type.__new__(cls, name, bases, {key: namespace[key] for key in namespace if key not in values})
            members, by_value = {}, {}
            for key, value in values.items():
                member = int.__new__(made, value)
                member.__dict__.update(name=key, value=value)
                if by_value.setdefault(value, member) is not member:
                    raise ValueError(f"{name}: {key} has the value of {by_value[value].name}")
                members[key] = member
                type.__setattr__(made, key, member)
            type.__setattr__(made, "_by_name", members)
            type.__setattr__(made, "_by_value", by_value)
            return made

        def __call__(cls, value):
            """The member of that value; ValueError if there is none."""
            try:
                return cls._by_value[value]
            except (KeyError, TypeError):
                raise ValueError(f"{value!r} is not a valid {cls.__qualname__}") from None

        def __getitem__(cls, name):
            """The member of that name."""
            return cls._by_name[name]

        def __iter__(cls):
            """The members, in the order of their definition."""
            return iter(cls._by_name.values())

        def __len__(cls):
            """How many members there are."""
            return len(cls._by_name)

        def __bool__(cls):
            """A class is true, whatever members it has."""
            return True

        def __contains__(cls, value):
            """Whether it is a member, or the value of one."""
            try:
                return value in cls._by_value
            except TypeError:
                return False

        @property
        def __members__(cls):
            """The members by their names."""
            return dict(cls._by_name)

        def __setattr__(cls, name, value):
            """Members are what they are."""
            if name in cls._by_name:
                raise AttributeError(f"cannot reassign member {name!r}")
            type.__setattr__(cls, name, value)

        def __delattr__(cls, name):
            """And they stay."""
            if name in cls._by_name:
                raise AttributeError(f"cannot delete member {name!r}")
            type.__delattr__(cls, name)

        def __repr__(cls):
            return f"<enum {cls.__name__!r}>"

    class IntEnum(int, metaclass=Enumeration):
        """An integer that has a name: `name` and `value`."""

        def __setattr__(self, name, value):
            raise AttributeError(f"{type(self).__name__}.{self.name} cannot be changed")

        def __repr__(self):
            return f"<{type(self).__name__}.{self.name}: {self.value}>"

        def __str__(self):
            return int.__repr__(self)

        def __reduce_ex__(self, protocol):
            return (type(self), (self.value,))


def is_enumeration(of: object) -> TypeGuard[type[Enum]]:
    """Whether `of` is a class of named values: of osmia's, or of the standard library's `Enum`."""
    return _is_class(of, "Enum")


def is_int_enumeration(of: object) -> TypeGuard[type[IntEnum]]:
    """Whether `of` is a class of named integers: of osmia's, or of the standard library's `IntEnum`."""
    return _is_class(of, "IntEnum")


def _is_class(of: object, base: str) -> bool:
    standard = sys.modules.get("enum")  # nobody has defined one where it is not imported
    return isinstance(of, Enumeration) or (
        standard is not None and isinstance(of, type) and issubclass(of, getattr(standard, base))
    )
