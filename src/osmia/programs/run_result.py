"""What a test run of a program gave."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from osmia.programs.error_counts import ErrorCount

MOST_LINES = 3

R_co = TypeVar("R_co", covariant=True)


class RunResult(Generic[R_co]):
    """What a test run of a program gave."""

    def __init__(
        self,
        program: str,
        returns: Any,
        return_value: int,
        data: bytes,
        duration: int,
        errors: Sequence[ErrorCount] = (),
        context: Mapping[str, object] | None = None,
    ) -> None:
        self._program = program
        self._returns = returns
        self._errors = tuple(errors)
        self.return_value = return_value
        """What the program returned, as the kernel gives it (u32)."""
        self.data = data
        """The packet as the program left it."""
        self.duration = duration
        """How long a run took in the kernel, in nanoseconds; the mean over `repeat` runs."""
        self.context = {} if context is None else dict(context)
        """The context as the program left it, by the kernel's names, of a run in a machine.

        Addresses are objects that the machine made, where it did; numbers are in the machine's byte order.
        """

    @property
    def action(self) -> R_co:
        """What the program returned, a number if its kind has no actions. ValueError if the kernel knows no such."""
        try:
            return self._returns(self.value)  # type: ignore[no-any-return]
        except ValueError:
            raise ValueError(
                f"{self._program} returned {self.return_value}, which is no {self._returns.__name__}"
            ) from None

    @property
    def value(self) -> int:
        """What the program returned as a number: negative where its kind has negative ones."""
        signed = self._returns is int or min(int(member) for member in self._returns) < 0
        return self.return_value - (1 << 32) if signed and self.return_value >> 31 else self.return_value

    def __repr__(self) -> str:
        names = {} if self._returns is int else {member.value: str(member.name) for member in self._returns}
        action = names.get(self.value, str(self.value))
        result = f"RunResult of {self._program}: {action}, {len(self.data)} bytes, {self.duration} ns"
        return f"<{result}{self._where()}>"

    def _where(self) -> str:
        """Where errors have ended the program, if this may be the result of one."""
        if not self._errors:
            return ""
        lines = sorted({each.line for each in self._errors})
        shown = ", ".join(map(str, lines[:MOST_LINES])) + ", ..." * (len(lines) > MOST_LINES)
        return f"; errors at line{'s' * (len(lines) > 1)} {shown}: see {self._program}.errors()"
