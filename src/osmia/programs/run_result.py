"""What a test run of a program gave."""

from __future__ import annotations

from osmia.generic import Generic, TypeVar

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from enum import IntEnum

    from osmia.programs.error_counts import ErrorCount

MOST_LINES = 3

R_co = TypeVar("R_co", covariant=True)


class RunResult(Generic[R_co]):
    """What a test run of a program gave."""

    def __init__(
        self,
        program: str,
        returns: type[IntEnum],
        return_value: int,
        data: bytes,
        duration: int,
        errors: Sequence[ErrorCount] = (),
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

    @property
    def action(self) -> R_co:
        """What the program returned. ValueError if its value means nothing to the kernel."""
        try:
            return self._returns(self._number())  # type: ignore[return-value]
        except ValueError:
            raise ValueError(
                f"{self._program} returned {self.return_value}, which is no {self._returns.__name__}"
            ) from None

    def _number(self) -> int:
        """As the actions have it, of which some kinds have negative ones."""
        signed = min(int(member) for member in self._returns) < 0
        return self.return_value - (1 << 32) if signed and self.return_value >> 31 else self.return_value

    def __repr__(self) -> str:
        names = {member.value: str(member.name) for member in self._returns}
        action = names.get(self._number(), str(self.return_value))
        result = f"RunResult of {self._program}: {action}, {len(self.data)} bytes, {self.duration} ns"
        return f"<{result}{self._where()}>"

    def _where(self) -> str:
        """Where errors have ended the program, if this may be the result of one."""
        if not self._errors:
            return ""
        lines = sorted({each.line for each in self._errors})
        shown = ", ".join(map(str, lines[:MOST_LINES])) + ", ..." * (len(lines) > MOST_LINES)
        return f"; errors at line{'s' * (len(lines) > 1)} {shown}: see {self._program}.errors()"
