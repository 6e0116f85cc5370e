"""What a command compiles for: the options that say it."""

from __future__ import annotations

from argparse import ArgumentTypeError

from osmia.cli.errors import UsageError
from osmia.compiler import CPUS, PORTABLE, V4_SINCE, Target

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_target(parser: ArgumentParser) -> None:
    """Declare `--cpu` and `--kernel`."""
    parser.add_argument("--cpu", choices=CPUS, default=PORTABLE.cpu, help=f"instruction set (default: {PORTABLE.cpu})")
    parser.add_argument(
        "--kernel",
        type=kernel,
        metavar="VERSION",
        help=f"the oldest kernel that it is for (default: {dotted(PORTABLE.kernel)}; for v4 {dotted(V4_SINCE)})",
    )


def kernel(text: str) -> tuple[int, int]:
    """A kernel's version, as a command line gives it."""
    major, _, minor = text.partition(".")
    if not (text.isascii() and major.isdecimal() and minor.isdecimal() and len(text) < 10):
        raise ArgumentTypeError(f"{text!r} is no version of a kernel, such as {dotted(PORTABLE.kernel)}")
    version = (int(major), int(minor))
    if version < PORTABLE.kernel:
        raise ArgumentTypeError(f"osmia's programs need kernel {dotted(PORTABLE.kernel)} or newer, not {text}")
    return version


def chosen_target(cpu: str, oldest: tuple[int, int] | None) -> Target:
    """The target that the options say. UsageError where they contradict each other."""
    if cpu != "v4":
        return Target(cpu, oldest or PORTABLE.kernel)
    if oldest and oldest < V4_SINCE:
        raise UsageError(f"--cpu v4 needs --kernel {dotted(V4_SINCE)} or newer: no older one knows its instructions")
    return Target(cpu, oldest or V4_SINCE)


def dotted(version: tuple[int, int]) -> str:
    """A kernel's version, as it is written."""
    return f"{version[0]}.{version[1]}"
