"""What the compiler is asked for: a function, as a program of a kind."""

from __future__ import annotations

from osmia.compiler.stored_spec import restore
from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType
    from typing import Any

    from osmia.compiler.stored_spec import Stored
    from osmia.kinds import Kind
    from osmia.maps.declaration import Map
    from osmia.maps.globals import Variable
    from osmia.maps.settings import Setting
    from osmia.spec import ObjectSpec


@record
class ProgramRequest:
    """A Python function that shall become a program."""

    name: str
    """The program's name in the object."""
    kind: Kind
    function: FunctionType
    on_error: int | None
    """What it returns on the error edge; None for the kind's own value."""
    hook: str = ""
    """Which of its kind's hooks it is for, or what it is attached to."""

    @property
    def error_value(self) -> int | None:
        """What it returns on the error edge; None where neither it nor its kind says."""
        value = self.kind.error_value if self.on_error is None else self.on_error
        return None if value is None else int(value)

    @property
    def license(self) -> str:
        """The module's LICENSE, GPL unless it states one (most helpers ask for it)."""
        return str(self.function.__globals__.get("LICENSE", "GPL"))


@record
class CompiledObject:
    """An object, and what ties it to the declarations it was made from."""

    data: bytes
    """The ELF object."""
    maps: dict[str, Map[Any, Any]]
    """By symbol: the declarations."""
    globals: dict[str, Variable]
    """By symbol: the declarations of variables, each of which is alone in a section `.data.SYMBOL`."""
    settings: dict[str, Setting]
    """By symbol: the declarations of settings, which are in `.rodata`."""
    stored: Stored
    """What the object says, as the cache keeps it."""

    def spec(self, name: str) -> ObjectSpec:
        """What the object says; `name` is for messages."""
        return restore(self.stored, name)
