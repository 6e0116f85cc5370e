"""What a loaded program is to whoever holds it: in the kernel, or in the user-space runtime."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    from osmia.kinds import Kind

    class ProgramBackend(Protocol):
        """A loaded program."""

        name: str
        kind: Kind

        @property
        def fd(self) -> int:
            """Its file descriptor. VmError where it has none."""

        @property
        def place(self) -> object:
            """Where it is: what holds it is of the same place. It says so itself: `the kernel`."""

        @property
        def entry(self) -> int:
            """What stands for it in the entries of maps."""

        def test_run(self, data: bytes, repeat: int = 1) -> tuple[int, bytes, int]:
            """Run it on a packet: (return value, packet after the run, ns a run)."""

        def info(self) -> Any:
            """What the kernel says of it. VmError where it is not there."""

        def close(self) -> None:
            """Let go of it."""
