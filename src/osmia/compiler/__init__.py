"""Making an object of Python functions. Here: what is asked for, programs and what they are compiled for."""

from __future__ import annotations

import os

from osmia.record import record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FunctionType

    from osmia.kinds import Kind

CPUS = ("v1", "v2", "v3", "v4")
# The instructions of v4 came to the kernel's verifier and its x86-64 and arm64 JITs with 6.6.
V4_SINCE = (6, 6)
V4_MACHINES = ("x86_64", "aarch64")


@record
class Target:
    """An instruction set version and the oldest kernel that the object is for."""

    cpu: str
    """`v1` to `v4`."""
    kernel: tuple[int, int]
    debug: bool = False
    """Whether the object tells a machine of the user-space runtime of lines and locals: no kernel can run it then."""

    def __str__(self) -> str:
        return f"{self.cpu} {self.kernel[0]}.{self.kernel[1]}{' debug' * self.debug}"


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
    own_layout: bool = False
    """Whether its class says where the fields of its tracepoint lie, if the kernel cannot be asked: for a machine."""

    @property
    def error_value(self) -> int | None:
        """What it returns on the error edge; None where neither it nor its kind says."""
        value = self.kind.error_value if self.on_error is None else self.on_error
        return None if value is None else int(value)

    @property
    def license(self) -> str:
        """The module's LICENSE, GPL unless it states one (most helpers ask for it)."""
        return str(self.function.__globals__.get("LICENSE", "GPL"))


# What `osmia build` compiles for unless told otherwise: osmia's own floor.
PORTABLE = Target("v3", (5, 10))
# What is only run by a machine of the user-space runtime, and looked at while it runs.
DEBUG = Target("v4", (6, 18), debug=True)


def running_kernel() -> Target:
    """The target for the kernel that is running."""
    system = os.uname()
    kernel = kernel_version(system.release)
    if kernel >= V4_SINCE and system.machine in V4_MACHINES:
        return Target("v4", kernel)
    return Target("v3", kernel)


def kernel_version(release: str) -> tuple[int, int]:
    """`6.18.44-cloud` as (6, 18)."""
    major, _, rest = release.partition(".")
    return (_leading_number(major), _leading_number(rest))


def _leading_number(text: str) -> int:
    end = next((index for index, character in enumerate(text) if not character.isdigit()), len(text))
    return int(text[:end] or 0)
