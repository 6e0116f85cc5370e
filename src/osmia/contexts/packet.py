"""A packet, as kernel code sees it."""

from __future__ import annotations

from osmia.generic import TypeVar, overload

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from osmia.types import Ref

T = TypeVar("T")
I = TypeVar("I", bound=int)  # noqa: E741 - the integer that a Ref refers to


class Packet:
    """The bytes of a packet, or of the metadata before it. It exists in kernel code only."""

    @overload
    def at(self, of: type[I], offset: int, /) -> Ref[I] | None: ...
    @overload
    def at(self, of: type[T], offset: int, /) -> T | None: ...
    def at(self, of: Any, offset: int, /) -> Any:
        """What lies at `offset` bytes from the start, in place, so that a store changes the packet.

        `of` is a struct, a number's type (`u8`, `be16`) or an IntEnum. None where the packet does not reach so far: the
        kernel lets programs read no further than a packet's first 65535 bytes. It is gone once the packet is moved or
        resized (`ctx.adjust_head` and others).
        """
        raise _kernel_only("at")

    def __len__(self) -> int:
        """How many bytes programs can reach (u32)."""
        raise _kernel_only("__len__")


def _kernel_only(method: str) -> TypeError:
    return TypeError(f"Packet.{method} exists in kernel code only: a program that runs in the kernel calls it")
