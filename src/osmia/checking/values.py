"""What a register or a place on the stack may hold."""

from __future__ import annotations

from typing import NamedTuple

from osmia.checking.ranges import UNKNOWN, ZERO, Range, joined, widened, within

# What a value is.
UNSET = "unset"
"""Nothing has been written to it."""
ANYTHING = "anything"
"""It may be whatever: nothing is said of it, or of what is done with it."""
NUMBER = "number"
CONTEXT = "context"
STACK = "stack"
MAP = "map"
MAP_VALUE = "map value"
MEMORY = "memory"
"""Memory of a known size: a ring buffer's record, and what other helpers give."""
PACKET = "packet"
PACKET_META = "packet metadata"
PACKET_END = "packet end"
OBJECT = "object"
"""A struct of the kernel: a socket, a task."""
FUNCTION = "function"
DYNPTR = "dynptr"
"""What a helper keeps on the stack for itself."""
STALE = "stale"
"""A pointer that a call has ended."""

Identity = tuple[int, int]
"""Where a value was made, and which one of those made there that are still held."""


class Value(NamedTuple):
    """A value. Pointers lie `offset` + `range` bytes behind the start of what they point into."""

    kind: str
    range: Range = ZERO
    """The number, or the part of a pointer's offset that varies."""
    offset: int = 0
    """The constant part of a pointer's offset; of a number with an identity, how far it is from the first of these."""
    identity: Identity | None = None
    """Shared by copies, of which a test of one says the same of all."""
    what: str | int = ""
    """The map, the object or the function by its name; the frame of a stack; the call that ended it."""
    size: int = 0
    """Of memory, its bytes; of a packet, those that a test has shown to be there."""
    nullable: bool = False
    """Whether it may be NULL."""
    reference: Identity | None = None
    """What has to be given back."""
    sure: bool = True
    """Whether it is what one way through the program gives, and no mixture of several."""


UNSET_VALUE = Value(UNSET)
ANY_VALUE = Value(ANYTHING)
UNKNOWN_NUMBER = Value(NUMBER, UNKNOWN)
NULL = Value(NUMBER, ZERO)

POINTERS = frozenset({CONTEXT, STACK, MAP, MAP_VALUE, MEMORY, PACKET, PACKET_META, PACKET_END, OBJECT, FUNCTION})


def covers(old: Value, new: Value) -> bool:
    """Whether whatever is right of the old value is right of the new one."""
    if old is new or old == new or old.kind in (UNSET, ANYTHING):
        return True
    if old.kind == NUMBER and new.kind == NUMBER:
        linked = old.identity is None or (old.identity == new.identity and old.offset == new.offset)
        return linked and within(new.range, old.range)
    if old.kind != new.kind or old.what != new.what or old.offset != new.offset or old.reference != new.reference:
        return False
    if old.kind in (PACKET, PACKET_META):
        return old.identity == new.identity and old.size <= new.size and within(new.range, old.range)
    if old.nullable and (new.identity != old.identity or not new.nullable):
        return False
    return old.size == new.size and old.nullable == new.nullable and within(new.range, old.range)


def mixed(old: Value, new: Value, *, widen: bool) -> Value:
    """A value that covers both; of different kinds, one of which nothing is said."""
    if old == new:
        return old
    if UNSET in (old.kind, new.kind):
        return Value(UNSET, sure=False)
    if old.kind == NUMBER and new.kind == NUMBER:
        met = widened(old.range, new.range) if widen else joined(old.range, new.range)
        same = old.identity is not None and old.identity == new.identity and old.offset == new.offset
        return Value(NUMBER, met, old.offset if same else 0, old.identity if same else None, sure=False)
    if old.kind != new.kind or old.what != new.what or old.reference != new.reference:
        return Value(ANYTHING, sure=False)
    if (old.offset, old.identity) != (new.offset, new.identity) and old.kind in (PACKET, PACKET_META):
        return Value(ANYTHING, sure=False)
    if old.offset != new.offset or (old.size != new.size and old.kind == MEMORY) or old.nullable != new.nullable:
        return Value(ANYTHING, sure=False)
    met = widened(old.range, new.range) if widen else joined(old.range, new.range)
    identity = old.identity if old.identity == new.identity else None
    return old._replace(range=met, identity=identity, size=min(old.size, new.size), sure=False)
