"""What the tables of contexts say of each member: plain data."""

from __future__ import annotations

from osmia.record import record


@record
class ContextMember:
    """A member of a struct that programs reach through the verifier: a context, or a socket."""

    name: str
    offset: int
    """In bytes."""
    bits: int
    """Of one element, where it is an array."""
    signed: bool = False
    length: int = 0
    """How many elements it has; 0 where it is no array."""
    pointer: str = ""
    """The struct that it points to, `void` where it is none; empty where it is no pointer."""

    @property
    def end(self) -> int:
        """Where it ends, in bytes."""
        return self.offset + self.bits // 8 * max(self.length, 1)
