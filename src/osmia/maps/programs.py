"""Arrays of programs, which other programs go on to by tail calls."""

from __future__ import annotations

import errno

from osmia.errors import KernelError, shown, with_article
from osmia.generic import Generic, TypeVar
from osmia.kinds import KINDS
from osmia.maps.declaration import Map, check_place, check_update_flags
from osmia.maps.table import MAP_KINDS
from osmia.types import u32

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol, Self

    from osmia.kinds import Kind
    from osmia.maps.backend import MapBackend

C = TypeVar("C")
C_contra = TypeVar("C_contra", contravariant=True)

if TYPE_CHECKING:

    class TailProgram(Protocol[C_contra]):
        """A program that can be gone on to from another one with the same context."""

        kind: Kind
        name: str
        hook: str

        @property
        def entry(self) -> int:
            """What stands for it in the entries of maps."""

        @property
        def place(self) -> object:
            """Where it is loaded."""

        def load(self) -> None:
            """Load it, if it is not."""

        def __call__(self, ctx: C_contra, /) -> Any:
            """Its context is what counts."""


class ProgramArray(Map[int, int], Generic[C]):
    """An array of programs (BPF_MAP_TYPE_PROG_ARRAY, since Linux 4.2).

    Kernel code goes on to one of them with `programs.tail_call(ctx, index)`, which comes back only where there is none.
    User code sets them: `programs[0] = program`, `del programs[0]`. They are gone once no process holds the map.
    """

    kind = MAP_KINDS["ProgramArray"]
    context: Any
    """The class of the context that all its programs take; None where an object declares it, which does not say."""

    def __init__(self, context: type[C], *, max_entries: int, name: str = "", flags: int = 0) -> None:
        """Declare an array of `max_entries` programs which are all given a `context`.

        Its name is the variable's unless `name` says.
        """
        super().__init__(u32, u32, max_entries=max_entries, name=name, flags=flags)
        kinds = [kind.context for kind in KINDS.values()]
        if context not in kinds:
            names = ", ".join(kind.__name__ for kind in kinds)
            raise TypeError(f"{self.subject}: the context of its programs is one of {names}, not {shown(context)}")
        self.context = context

    @classmethod
    def opened(cls, key: Any, value: Any, *, max_entries: int, flags: int, name: str, backend: MapBackend) -> Self:
        """A live map that was declared elsewhere, in an object file."""
        held = super().opened(key, value, max_entries=max_entries, flags=flags, name=name, backend=backend)
        held.context = None
        return held

    def __setitem__(self, index: int, program: TailProgram[C]) -> None:
        """Set the program at an index; it is loaded if it is not. TypeError for one with another context."""
        self.update(index, program)

    def update(self, index: int, program: TailProgram[C], flags: int = 0, /) -> int:
        """Set the program at an index; `flags` is 0, or 2 (BPF_EXIST), since an index is always there. Returns 0."""
        packed = self._key(index)
        check_update_flags(self.subject, flags)
        kind, load = getattr(program, "kind", None), getattr(program, "load", None)
        if kind is None or load is None or not hasattr(type(program), "entry"):
            raise TypeError(f"{self.subject}: a program is expected, not {shown(program)}")
        if self.context is not None and kind.context is not self.context:
            raise TypeError(
                f"{self.subject}: its programs take {with_article(self.context.__name__)}, "
                f"and {program.name} ({kind.name}) takes {with_article(kind.context.__name__)}"
            )
        backend = self.backend
        load()
        check_place(backend, self.subject, program.name, program.place)
        try:
            backend.update(packed, self._values.encode(program.entry), flags)
        except KernelError as error:
            if error.errno != errno.EINVAL or flags:
                raise
            text = (
                f"{self.subject}: the kernel does not take {program.name}, which is of '{kind.section(program.hook)}': "
                "all programs of an array, and those that go on to them, are of one hook (EINVAL)"
            )
            raise KernelError(errno.EINVAL, text) from None
        return 0

    def clear(self) -> None:
        """Take all programs away."""
        for index in range(self.max_entries):
            self.backend.delete(self._keys.encode(index))

    def __delitem__(self, index: int) -> None:
        """Take the program at an index away. KeyError if there is none."""
        if not self.backend.delete(self._key(index)):
            raise KeyError(f"{self.subject}: no program at {index}")

    def __len__(self) -> int:
        return self.max_entries

    def tail_call(self, ctx: C, index: int) -> None:  # noqa: ARG002 - the types are what matters
        """In kernel code: go on to the program at an index; it comes back where there is none, or after 33 calls."""
        raise TypeError(f"{self.subject}: tail_call() is for kernel code")

    def _key(self, index: int) -> bytes:
        packed = self._encode_key(index)
        if index >= self.max_entries:
            raise KeyError(f"{self.subject}: no index {index}, it has 0 to {self.max_entries - 1}")
        return packed

    def __repr__(self) -> str:
        context = getattr(self.context, "__name__", "of an object")
        state = "live" if self.live else "not live"
        return f"<ProgramArray({context}, max_entries={self.max_entries}) {self.name or 'without a name'}, {state}>"
