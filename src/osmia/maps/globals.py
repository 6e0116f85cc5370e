"""Global variables: shared by kernel code and user code, which reads and writes them where they lie."""

from __future__ import annotations

import sys

from osmia.errors import shown_type
from osmia.generic import Generic, TypeVar, overload
from osmia.layout import BooleanLayout, Declaration, EnumLayout, IntegerLayout, layout_of, spin_locks
from osmia.maps.codec import Codec
from osmia.maps.declaration import Shared

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

    from osmia.arrays import Chars, FixedArray
    from osmia.layout import Layout
    from osmia.maps.backend import MapBackend
    from osmia.maps.live import Memory

T = TypeVar("T")
A = TypeVar("A", bound="FixedArray[Any] | Chars")

UNSIGNED = {1: "B", 2: "H", 4: "I", 8: "Q"}
"""By size in bytes: how `memoryview` names the unsigned integer of it."""
START: Any = object()


class Variable(Shared):
    """What lies in a section of its own, `.data.NAME` of the object, and so in a map of its own.

    Programs that are loaded apart share it all the same.
    """

    of: Any
    """Its type, as declared."""
    layout: Layout
    """How it lies in memory."""
    contents: bytes
    """What it starts with, as it lies in memory."""
    offset: int
    """Where it lies in the value of its map, in bytes."""

    @property
    def value(self) -> Any:
        """What it holds now. NotLoadedError if it is not live."""
        raise NotImplementedError

    def bind(self, backend: MapBackend, offset: int = 0) -> None:
        """Make it live: from now on user code reads and writes what `backend` holds at `offset` of its value."""
        self.offset = offset
        self._use(backend)

    def handle(self, backend: MapBackend, offset: int = 0) -> Self:
        """An independent live variable of the same declaration."""
        twin = type(self).__new__(type(self))
        vars(twin).update(vars(self))
        twin.reached_by = []
        twin.bind(backend, offset)
        return twin

    def __repr__(self) -> str:
        state = "live" if self.live else "not live"
        return f"<{self._declaration} {self.name or 'without a name'}, {state}>"

    @property
    def _declaration(self) -> str:
        """As it is written, for `repr`."""
        return type(self).__name__


class Global(Variable, Generic[T]):
    """A variable that both sides share: `.value` is the same in kernel code and, while it is live, here.

    Each has a map of its own (the section `.data.NAME` of the object), so programs that are loaded apart share it all
    the same. User code reads and writes it in memory that is shared with the kernel; since Linux 5.5. Of a struct or an
    array `.value` is a view, in which each number is read and written where it lies: `stats.value.seen = 0`. A number
    is read and written whole; `x.value += 1` is a read and a write, between which the kernel may write too.
    """

    _cell: Any
    """The one number, in memory; None until it is asked for."""
    _memory: Memory | None

    @overload
    def __init__(self, of: type[T], value: T = ..., *, name: str = "") -> None: ...
    @overload
    def __init__(self: Global[A], of: A, *, name: str = "") -> None: ...
    def __init__(self, of: Any, value: Any = START, *, name: str = "") -> None:
        """Declare a variable of type `of`, or of what `array()` or `chars()` give.

        It starts with `value`; else as zero, a struct with the defaults of its fields, an array and a text as they are
        given. Its name is the variable's unless `name` says. It is live once a program that uses it is loaded.
        """
        self._declare_here("a global", name, sys._getframe(1))  # noqa: SLF001
        self._describe(of)
        self.offset = 0
        self.contents = self._start_value() if value is START else self._pack(value)
        self._start()

    @property
    def value(self) -> T:
        """What it holds now; of a struct or an array a view. NotLoadedError if it is not live."""
        if self._codec is None:
            from osmia.maps import live

            return live.read(self, self.layout, self.offset)  # type: ignore[no-any-return]
        cell = self._cell or self._open()
        if self._is_integer:
            return cell[0]  # type: ignore[no-any-return]
        return self._codec.decode(cell[0].to_bytes(self.layout.size, "little"))  # type: ignore[no-any-return]

    @value.setter
    def value(self, value: T) -> None:
        if self._codec is None:
            from osmia.maps import live

            live.write(self, self.layout, self.offset, value, f"{self.subject}: a value")
            return
        packed = self._codec.encode(value)
        cell = self._cell or self._open()
        cell[0] = value if self._is_integer else int.from_bytes(packed, "little")

    def memory(self) -> Memory:
        """Where it lies. NotLoadedError if it is not live."""
        from osmia.maps.live import Memory

        if self._memory is None:
            self._memory = Memory(self.backend.memory())
        return self._memory

    @classmethod
    def opened(cls, of: Any, *, name: str, backend: MapBackend, offset: int) -> Self:
        """A live variable that was declared elsewhere, in an object file."""
        held = cls.__new__(cls)
        held.declared_at = (name, 0)
        held._name = name  # noqa: SLF001 - of the class itself
        held._describe(of)  # noqa: SLF001
        held.contents = bytes(held.layout.size)
        held.reached_by = []
        held.bind(backend, offset)
        return held

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        if self._codec is not None:
            return "global", self.of.__module__, self.of.__qualname__, self._codec.letter, self.contents, self.name
        from osmia.structs import describe_layout

        return "global", describe_layout(self.layout), self.contents, self.name

    def _describe(self, of: Any) -> None:
        layout = layout_of(of)
        if layout is None:
            raise TypeError(
                f"{self.subject}: the type of a global is one that has a place in memory, not {shown_type(of)}"
            )
        if spin_locks(layout):
            raise TypeError(f"{self.subject}: a global cannot hold a spin lock: put it into the value of a map")
        self.of, self.layout = of, layout
        # The numbers that need nothing of structs; all else is read and written by `live`.
        plain: Any = bool if isinstance(layout, BooleanLayout) else getattr(layout, "of", None)
        is_plain = isinstance(layout, (BooleanLayout, IntegerLayout, EnumLayout))
        self._is_integer = isinstance(layout, IntegerLayout)
        self._codec = Codec(plain, self, "value") if is_plain else None

    def _start_value(self) -> bytes:
        if self._codec is not None:
            return bytes(self.layout.size)
        from osmia.maps import live

        if isinstance(self.of, Declaration):
            return live.pack(self.layout, self.of, f"{self.subject}: a value")
        return live.start_of(self.layout)

    def _pack(self, value: Any) -> bytes:
        if self._codec is not None:
            return self._codec.encode(value)
        from osmia.maps import live

        return live.pack(self.layout, value, f"{self.subject}: a value")

    def _use(self, backend: MapBackend) -> None:
        self._backend = backend
        self._cell = self._memory = None

    def _open(self) -> Any:
        """Take the memory that a number lies in, when it is first asked for."""
        size = self.layout.size
        letter: Any = self.layout.of.format if isinstance(self.layout, IntegerLayout) else UNSIGNED[size]
        self._cell = self.backend.memory()[self.offset : self.offset + size].cast(letter)
        return self._cell

    @property
    def _declaration(self) -> str:
        return f"Global({self.layout.name})"
