"""What an event is: the type of what kernel code and user code hand each other by rings and perf events."""

from __future__ import annotations

from osmia.errors import shown_type
from osmia.layout import layout_of, spin_locks
from osmia.maps.codec import Bytes
from osmia.structs import describe_layout
from osmia.types import u8

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from osmia.layout import Layout
    from osmia.maps.declaration import Map

NOTHING: Any = object()
"""In place of an event where there is none: an event may be 0, or False."""


def check_event(subject: str, of: object, *, any_length: bool = False) -> None:
    """Raise TypeError for a type whose objects cannot be handed over. `bytes` stands for events of `any_length`."""
    if isinstance(of, Bytes) or (of is bytes and any_length):
        return
    layout = layout_of(of)
    if layout is None or not isinstance(of, type):
        raise TypeError(f"{subject}: the type of an event is one that has a place in memory, not {shown_type(of)}")
    if spin_locks(layout):
        raise TypeError(f"{subject}: an event cannot hold a spin lock")


def describe_event(of: object) -> object:
    """What tells a declared type apart from all others, made of what `marshal` can write."""
    if of is bytes:
        return "bytes"
    layout = layout_of(of)
    assert layout is not None
    return describe_layout(layout)


def layout_of_event(of: object) -> Layout | None:
    """How one lies in memory; of `bytes`, how one byte of it does. None for what an object from elsewhere has."""
    return layout_of(u8 if of is bytes else of)


def size_of_event(of: object) -> int:
    """In bytes; 0 where each event says itself how long it is."""
    if isinstance(of, Bytes):
        return of.size
    if of is bytes:
        return 0
    layout = layout_of(of)
    assert layout is not None
    return layout.size


def decoder(held: Map[Any, Any], before: int, step: int) -> Callable[[memoryview], list[Any]] | None:
    """What makes events of records that are `step` bytes apart, with `before` bytes before the event in each.

    None where an event is bytes of any length.
    """
    if held.value is bytes or isinstance(held.value, Bytes):
        return None
    from osmia.forms import form_of
    from osmia.maps.event_class import decoder_of

    layout = layout_of(held.value)
    assert layout is not None
    return decoder_of(form_of(layout), held.subject, before, step)
