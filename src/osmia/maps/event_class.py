"""Events as objects that read a struct's fields where they lie, in a copy of the record, when they are asked for.

They are ctypes structures, of classes derived from the users': C makes them of many records at once, in a third of the
time that Python takes for instances; and most of an event is often not looked at.
"""

from __future__ import annotations

from _ctypes import Structure, _SimpleCData
from _struct import Struct

from osmia.forms import StructForm

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.forms import Form

EVENTS = "__osmia_events__"
"""Where a struct's class keeps the classes of its events, by where these lie in records."""
READ = "__osmia_read__"
"""Where those keep what takes an event apart."""


def decoder_of(form: Form, subject: str, before: int, step: int) -> Callable[[memoryview], list[Any]]:
    """What makes events of records that lie one behind the other, `step` bytes apart.

    In each, `before` bytes come before the event. `subject` is whose events they are, for messages.
    """
    layout = form.layout
    if isinstance(form, StructForm):
        of = _class_of(form, before, step)
        return lambda data: [*(of * (len(data) // step)).from_buffer_copy(data)]
    iterate = Struct(f"={before}x{form.letters}{step - before - layout.size}x").iter_unpack
    if form.plain:
        return lambda data: [item for (item,) in iterate(data)]
    get, what = form.get, f"{subject}: an event of type {layout.name}"
    return lambda data: [get(items, 0, what, True) for items in iterate(data)]


def _class_of(form: StructForm, before: int, step: int) -> Any:
    """A class derived from the struct's, so that its methods and properties stay; instances cannot be changed."""
    of = form.layout.of
    if EVENTS not in vars(of):
        setattr(of, EVENTS, {})
    known = vars(of)[EVENTS]
    if (before, step) not in known:
        known[before, step] = _made(form, before, step)
    return known[before, step]


def _made(form: StructForm, before: int, step: int) -> Any:
    of = form.layout.of
    plain = {name: at for name, field, at in form.places if field.plain}
    body: dict[str, Any] = {name: _property(name) for name in form.names if name not in plain}
    body |= {
        # Where its members lie is the same in every layout; newer Pythons want to be told of one where _pack_ is set.
        "_pack_": 1,
        "_layout_": "ms",
        "_fields_": _members(form, plain, before, step),
        "__slots__": (),
        "__module__": of.__module__,
        "__qualname__": of.__qualname__,
        "__doc__": of.__doc__,
        "__osmia_layout__": form.layout,
        "__osmia_form__": form,
        "__eq__": _eq,
        "__hash__": of.__hash__,
        "__reduce__": _reduce,
        READ: Struct(f"={before}x{form.letters}").unpack_from,
        # What a struct's own code reads fields from.
        "__dict__": property(_state),
    }
    metaclass: Any = type(Structure)
    return metaclass(of.__name__, (of, Structure), body)


def _members(form: StructForm, plain: dict[str, int], before: int, step: int) -> list[tuple[str, Any]]:
    """What ctypes is told of a record: the numbers in it, and how many bytes are between them."""
    members: list[tuple[str, Any]] = []
    end = 0

    def skip(to: int) -> None:
        if to > end:
            members.append((f"_osmia_{end}", _number("b") * (to - end)))

    for field in form.layout.fields:
        if field.name in plain:
            skip(before + field.offset)
            members.append((field.name, _number(form.fields[field.name].letters)))
            end = before + field.offset + field.layout.size
    skip(step)
    return members


def _number(letter: str) -> Any:
    """The ctypes type that `struct` calls by that letter: the two agree."""
    metaclass: Any = type(_SimpleCData)
    return metaclass(letter, (_SimpleCData,), {"_type_": letter})


def _property(name: str) -> property:
    """A field that is more than a number."""
    return property(lambda self: _state(self)[name])


def _state(self: Any) -> dict[str, Any]:
    state: dict[str, Any] = _plain(self).__dict__
    return state


def _plain(self: Any) -> Any:
    """The event as an instance of the struct's own class."""
    form = self.__osmia_form__
    return form.get(vars(type(self))[READ](self), 0, form.layout.name, True)


def _eq(self: Any, other: object) -> Any:
    form = self.__osmia_form__
    if not isinstance(other, form.layout.of):
        return NotImplemented
    return form.pack(self) == form.pack(other)


def _reduce(self: Any) -> Any:
    return _plain(self).__reduce__()
