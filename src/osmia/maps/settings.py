"""Settings: numbers that are fixed when a program is loaded, and cost it nothing as it runs."""

from __future__ import annotations

import sys

from osmia.big_endian import is_big_endian
from osmia.errors import shown_type
from osmia.generic import TypeVar
from osmia.maps.codec import Codec
from osmia.maps.declaration import check_name, name_in
from osmia.types import storage_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Self

I = TypeVar("I", bound=int)  # noqa: E741 - the type of a setting


class Setting(int):
    """What `setting()` gives: its default, as a number, and what it is the default of."""

    of: Any
    """Its type: one of u8..i64, be16..be64, bool, or an IntEnum class."""
    default: Any
    """The number, bool or member that it is unless something else is said when a program is loaded."""
    declared_at: tuple[str, int]
    """The file and the line of the declaration."""

    def __new__(cls, of: Any, value: Any, name: str) -> Self:
        """Make it; `setting()` is what calls this."""
        frame = sys._getframe(2)  # noqa: SLF001 - the caller of setting()
        declared_at = (frame.f_code.co_filename, frame.f_lineno)
        own = name if name == "" else check_name("setting()", name)
        made = int.__new__(cls, value) if isinstance(value, int) else int.__new__(cls)
        made.of, made.default, made.declared_at = of, value, declared_at
        made._globals, made._name = frame.f_globals, own  # noqa: SLF001 - of the class itself
        if storage_of(of) is None and not is_big_endian(of):
            raise TypeError(
                f"{made.subject}: the type of a setting is one of u8..i64, be16..be64, bool or an IntEnum class, "
                f"not {shown_type(of)}"
            )
        made._codec = Codec(of, made, "value")  # noqa: SLF001
        packed = made.encode(value)
        return made if isinstance(value, int) else made._as_number(packed)  # noqa: SLF001

    def _as_number(self, packed: bytes) -> Self:
        """The same of what stands for a number: NumPy's, or an address of `ipaddress`."""
        number = self.decode(packed)
        made = int.__new__(type(self), number)
        vars(made).update(vars(self), default=number)
        made._codec = Codec(self.of, made, "value")  # noqa: SLF001 - of the class itself
        return made

    _globals: dict[str, Any]
    _name: str
    _codec: Codec

    @property
    def variable(self) -> str:
        """Its name in objects and on the command line: the given one, else the module-level variable's."""
        if not self._name:
            self._name = name_in(self._globals, self)
        return self._name

    def take_name(self, name: str) -> None:
        """Give a name to a setting that has none: the compiler names a closure's settings by their variables."""
        if not self.variable:
            self._name = name

    @property
    def subject(self) -> str:
        """What error texts call it."""
        return self.variable or f"the setting of {self.declared_at[0]}:{self.declared_at[1]}"

    def encode(self, value: Any) -> bytes:
        """A value as it lies in memory. TypeError or OverflowError for one that is not taken."""
        return self._codec.encode(value)

    def decode(self, data: bytes) -> Any:
        """A value from how it lies in memory."""
        return self._codec.decode(data)

    def __osmia_describe__(self) -> tuple[object, ...]:
        """What the object that is made of it depends on."""
        storage = self.encode(self.default)
        return "setting", self.of.__module__, self.of.__qualname__, storage, self.variable

    def __getattr__(self, name: str) -> Any:
        """A member's own: `name`, `value`."""
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.default, name)

    def __repr__(self) -> str:
        return repr(self.default)

    def __str__(self) -> str:
        return str(self.default)

    def __format__(self, how: str) -> str:
        return format(self.default, how)

    def __reduce__(self) -> tuple[object, ...]:
        """Copied or pickled, it is its default: a copy declares nothing."""
        return type(self.default), (int(self),)


def setting(of: type[I], value: I, *, name: str = "") -> I:
    """Declare a number that is fixed when a program is loaded.

    It is written `PORT: Final = setting(u16, 53)`. Kernel code reads what was given when it was loaded
    (`program.load(settings={"PORT": 443})`, `osmia.load(x, settings=...)`, `osmia run FILE -s PORT=443`), or else
    `value`; the kernel treats it as a constant, so that what it switches off costs nothing. User code reads `value`,
    and `settings` of what is loaded says what is in force there. A setting of an IntEnum equals its member and has its
    `name`, but is not the same object. `of` is one of u8..i64, be16..be64, bool, or an
    IntEnum class; since Linux 5.2.
    """
    return Setting(of, value, name)  # type: ignore[return-value]
