"""What an event is: the type of what kernel code and user code hand each other by rings and perf events."""

from __future__ import annotations

from osmia.errors import shown_type
from osmia.forms import form_of
from osmia.layout import layout_of, spin_locks
from osmia.maps.codec import Bytes
from osmia.structs import describe_layout

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.maps.declaration import Map

NOTHING: Any = object()
"""In place of an event where there is none: an event may be 0, or False."""


def check_event(subject: str, of: object) -> None:
    """Raise TypeError for a type whose objects cannot be handed over."""
    if isinstance(of, Bytes):
        return
    layout = layout_of(of)
    if layout is None:
        raise TypeError(f"{subject}: the type of an event is one that has a place in memory, not {shown_type(of)}")
    if spin_locks(layout):
        raise TypeError(f"{subject}: an event cannot hold a spin lock")


def describe_event(of: object) -> object:
    """What tells a declared type apart from all others, made of what `marshal` can write."""
    layout = layout_of(of)
    assert layout is not None
    return describe_layout(layout)


def size_of_event(of: object) -> int:
    """In bytes; 0 where each event says itself how long it is."""
    if isinstance(of, Bytes):
        return of.size
    layout = layout_of(of)
    assert layout is not None
    return layout.size


def decoder(held: Map[Any, Any]) -> Callable[[memoryview, int, int], Any]:
    """What makes an event of the bytes at a place of memory, and of its length there."""
    of = held.value
    if isinstance(of, Bytes):
        return lambda data, at, length: bytes(data[at : at + length])
    layout = layout_of(of)
    assert layout is not None
    form = form_of(layout)
    unpack_from, get, what = form.whole.unpack_from, form.get, f"{held.subject}: an event of type {layout.name}"
    if form.plain:
        return lambda data, at, _length: unpack_from(data, at)[0]
    return lambda data, at, _length: get(unpack_from(data, at), 0, what, True)
