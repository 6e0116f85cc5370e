"""What an event is: the type of what kernel code and user code hand each other by rings and perf events."""

from __future__ import annotations

from osmia.errors import shown_type
from osmia.layout import layout_of, spin_locks
from osmia.maps.codec import Bytes
from osmia.structs import describe_layout


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
