"""Maps of stack traces: kernel code takes one and gets its number, user code reads it by that number."""

from __future__ import annotations

from _struct import Struct

from osmia.abi.generated import BPF_F_STACK_BUILD_ID
from osmia.errors import shown
from osmia.generic import Generic, ItemsView, Mapping, TypeVar, ValuesView, overload
from osmia.layout import ArrayLayout, Declaration, IntegerLayout
from osmia.maps.codec import Bytes
from osmia.maps.declaration import Map
from osmia.maps.table import MAP_KINDS
from osmia.maps.views import Items, Values
from osmia.record import frozen_record
from osmia.types import u32, u64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any, Literal, NoReturn, Self

    from osmia.maps.backend import MapBackend

D = TypeVar("D")
F = TypeVar("F")

MOST_FRAMES = 127
"""What the kernel keeps of a stack at most, unless its administrator says more (kernel.perf_event_max_stack)."""
_RAISE: Any = object()
_FRAME = Struct("=i20sQ")  # struct bpf_stack_build_id
_VALID = 1  # BPF_STACK_BUILD_ID_VALID


@frozen_record
class StackFrame:
    """A frame of a process's stack in a map that keeps build ids (struct bpf_stack_build_id in linux/bpf.h)."""

    build_id: bytes
    """Of the file that holds the code, 20 bytes; empty where the kernel did not find it."""
    offset: int
    """Where the code is in that file, in bytes; without a build id, its address in the process."""


class _Stack(Bytes, Declaration):
    """The type of a stack, as it lies in memory."""

    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.layout = ArrayLayout(IntegerLayout(u64), size // 8)  # type: ignore[arg-type]

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What tells it apart from others."""
        return ("stack", self.size)


class StackTraceMap(Map[int, "tuple[F, ...]"], Mapping[int, "tuple[F, ...]"], Generic[F]):
    """Stack traces by number (BPF_MAP_TYPE_STACK_TRACE, since Linux 4.6).

    Kernel code keeps the stack that led to it with `stacks.stackid(flags)`, and passes its number on. User code reads
    it by that number: the addresses of the frames, the innermost first; with `build_id=True` a `StackFrame` each.
    """

    kind = MAP_KINDS["StackTraceMap"]

    @overload
    def __init__(
        self: StackTraceMap[int], *, max_entries: int, depth: int = ..., name: str = "", flags: int = 0
    ) -> None: ...
    @overload
    def __init__(
        self: StackTraceMap[StackFrame],
        *,
        max_entries: int,
        build_id: Literal[True],
        depth: int = ...,
        name: str = "",
        flags: int = 0,
    ) -> None: ...
    def __init__(
        self, *, max_entries: int, build_id: bool = False, depth: int = MOST_FRAMES, name: str = "", flags: int = 0
    ) -> None:
        """Declare a map of up to `max_entries` stacks of up to `depth` frames; what is deeper is cut off.

        With `build_id`, frames of processes are kept as places in files, which mean the same after the process has
        ended (since Linux 4.17). Its name is the variable's unless `name` says.
        """
        if type(depth) is not int:
            raise TypeError(f"{name or 'a StackTraceMap'}: depth is an int, not {shown(depth)}")
        if not 1 <= depth <= MOST_FRAMES:
            raise ValueError(f"{name or 'a StackTraceMap'}: depth is 1 to {MOST_FRAMES} frames, not {depth}")
        flags = flags | BPF_F_STACK_BUILD_ID if build_id else flags
        size = _FRAME.size if flags & BPF_F_STACK_BUILD_ID else 8
        super().__init__(u32, _Stack(size * depth), max_entries=max_entries, name=name, flags=flags)
        self._check_flags()

    @classmethod
    def opened(cls, key: Any, value: Any, *, max_entries: int, flags: int, name: str, backend: MapBackend) -> Self:  # noqa: ARG003
        """A live map that was declared elsewhere, in an object file, which need not say what its keys are."""
        size = value.size if isinstance(value, Bytes) else value.bits // 8
        return super().opened(u32, _Stack(size), max_entries=max_entries, flags=flags, name=name, backend=backend)

    @property
    def build_id(self) -> bool:
        """Whether it keeps places in files instead of addresses."""
        return bool(self.flags & BPF_F_STACK_BUILD_ID)

    @property
    def depth(self) -> int:
        """How many frames of a stack it keeps at most."""
        return self.value_size // (_FRAME.size if self.build_id else 8)

    def stackid(self, flags: int = 0, /) -> int:  # noqa: ARG002 - kernel code's
        """In kernel code: keep the stack that led here, and give its number; or a negative error number.

        `flags`: how many of the innermost frames are left out (0 to 255), with BPF_F_USER_STACK (256) for the stack of
        the process and not the kernel's, BPF_F_FAST_STACK_CMP (512) to compare stacks by their hash alone, and
        BPF_F_REUSE_STACKID (1024) to let a new stack take the place of another one with its hash. -EEXIST (-17) says
        that another stack is there already. Programs take a licence of the GPL for it.
        """
        raise TypeError(f"{self.subject}: stackid() is for kernel code; in user code read m[number]")

    def __getitem__(self, number: int) -> tuple[F, ...]:
        """The frames of a stack, the innermost first. KeyError if there is none of that number."""
        found = self._lookup(self._encode_key(number))
        if found is None:
            raise self._missing(number)
        frames: tuple[F, ...] = self._frames(found)
        return frames

    def __contains__(self, number: object) -> bool:
        return self._lookup(self._encode_key(number)) is not None

    def __iter__(self) -> Iterator[int]:
        """The numbers of the stacks, ascending."""
        next_key, last = self.backend.next_key, -1
        key = next_key(None)
        while key is not None:
            number: int = self._keys.decode(key)
            # The kernel starts again from the first when a stack is gone that it is asked to go on from.
            if number > last:
                yield number
                last = number
            key = next_key(key)

    def __len__(self) -> int:
        """How many stacks it holds: all of them are walked."""
        return sum(1 for _ in self)

    def items(self) -> ItemsView[int, tuple[F, ...]]:
        """Numbers with their stacks. One that goes away while they are walked is left out."""
        return Items(self)

    def values(self) -> ValuesView[tuple[F, ...]]:
        """The stacks. One that goes away while they are walked is left out."""
        return Values(self)

    def __delitem__(self, number: int) -> None:
        """Delete a stack. KeyError if there is none of that number."""
        if not self.backend.delete(self._encode_key(number)):
            raise self._missing(number)

    @overload
    def pop(self, number: int, /) -> tuple[F, ...]: ...
    @overload
    def pop(self, number: int, default: D, /) -> tuple[F, ...] | D: ...
    def pop(self, number: int, default: Any = _RAISE, /) -> Any:
        """Read a stack, then delete it; `default`, or a KeyError, if there is none of that number."""
        packed = self._encode_key(number)
        found = self._lookup(packed)
        if found is not None and self.backend.delete(packed):
            return self._frames(found)
        if default is _RAISE:
            raise self._missing(number)
        return default

    def clear(self) -> None:
        """Delete the stacks that it holds now."""
        for number in self:
            self.backend.delete(self._encode_key(number))

    if not TYPE_CHECKING:  # for type checkers it has no such thing

        def __setitem__(self, number: int, frames: object) -> NoReturn:
            raise TypeError(f"{self.subject}: user code does not write stacks: kernel code takes them with stackid()")

    def _entries(self) -> Iterator[tuple[int, tuple[F, ...]]]:
        for number in self:
            found = self._lookup(self._encode_key(number))
            if found is not None:
                yield number, self._frames(found)

    def _frames(self, data: bytes) -> Any:
        """The frames: the kernel fills up with zeros."""
        if self.build_id:
            found = (each for each in _FRAME.iter_unpack(data) if each[0])
            return tuple([StackFrame(build_id if status == _VALID else b"", at) for status, build_id, at in found])
        addresses = Struct(f"={len(data) // 8}Q").unpack(data)
        return addresses[: addresses.index(0)] if 0 in addresses else addresses

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<StackTraceMap(max_entries={self.max_entries}) {self.name or 'without a name'}, {state}>"
