"""Every error that osmia raises, in one tree.

    OsmiaError
    +-- CompileError            kernel code that cannot be compiled; also a SyntaxError
    |   +-- CompilerCrashError  the code generator died; the Python line is the program's
    +-- CompilerMissingError    llvmlite, which compiling needs, is not installed; also an ImportError
    +-- MissingExtraError       NumPy or PyArrow, which some calls need, is not installed; also an ImportError
    +-- ObjectError             an object file that is damaged, or asks for what osmia does not have
    +-- KernelError             the kernel refused; also an OSError, with `errno`
    |   +-- VerifierError       ... because the verifier rejected the program: where, why, and what to do
    |   +-- NotSupportedError   ... because it lacks a feature; `feature`, `since`
    |   +-- PermissionDeniedError   ... because a capability is missing; `capabilities`
    +-- NotLoadedError          a declaration used before it is loaded, or after it is closed
    +-- VmError                 a fault of a program in the user-space runtime

A missing key is a KeyError, a value of the wrong type a TypeError, one out of range an OverflowError.
"""

from __future__ import annotations

import errno as errno_names
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType


class OsmiaError(Exception):
    """What every error of osmia is."""


class CompileError(OsmiaError, SyntaxError):
    """Kernel code that cannot be compiled: what was found and where, what was expected, how to write it.

    Every Python tool underlines it, because it is a SyntaxError. Columns count characters from 1.
    """

    def __init__(
        self,
        problem: str,
        *,
        filename: str,
        line: int,
        column: int,
        end_line: int,
        end_column: int,
        text: str | None,
        found: str = "",
        expected: str = "",
        fix: str = "",
        related: tuple[str, ...] = (),
    ) -> None:
        super().__init__(problem, (filename, line, column, text, end_line, end_column))
        self.problem = problem
        self.found = found
        self.expected = expected
        self.fix = fix
        self.related = related
        for label, note in (("found", found), ("expected", expected), ("fix", fix)):
            if note:
                self.add_note(f"{label}: {note}")
        for note in related:
            self.add_note(f"see: {note}")

    def called_from(self, call: str) -> None:
        """Say how the function that cannot be compiled was reached; the innermost call comes first."""
        self.related = (*self.related, call)
        self.add_note(f"see: {call}")


class CompilerCrashError(CompileError):
    """The code generator stopped or died on a program that the checks let through: a fault of osmia's."""


class CompilerMissingError(OsmiaError, ImportError):
    """llvmlite, which compiling kernel code needs, is not installed. Compiled objects run without it."""


class MissingExtraError(OsmiaError, ImportError):
    """NumPy or PyArrow, which the call needs, is not installed; the text says how to install it."""


class ObjectError(OsmiaError):
    """An object file that is damaged, or that asks for what osmia does not have."""


class KernelError(OsmiaError, OSError):
    """The kernel refused a request. `errno` is its error number; the text says what was asked for."""

    key: bytes | None = None
    """Of an error about one key of many: that key, as it lies in memory."""

    def __init__(self, errno: int, text: str) -> None:
        super().__init__(errno, text)
        self.text = text

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[object, ...]:
        return (type(self), (self.errno, self.text), self.__dict__)


class SourceLine:
    """A line of a program's source. `line` counts from 1, `text` is the line itself, empty where it is not known."""

    def __init__(self, file: str, line: int, text: str) -> None:
        self.file = file
        self.line = line
        self.text = text

    def __eq__(self, other: object) -> bool:
        return self.__dict__ == other.__dict__ if type(other) is type(self) else NotImplemented

    def __hash__(self) -> int:
        return hash((self.file, self.line))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.file}:{self.line} {self.text.strip()!r}>"


class Branch(SourceLine):
    """A condition on the way to what the verifier refused.

    `taken` says whether it holds on that way, or is None where the source does not tell; `next_line` is the line of
    the same file at which the way goes on, None where that is not known.
    """

    def __init__(self, file: str, line: int, text: str, *, taken: bool | None, next_line: int | None) -> None:
        super().__init__(file, line, text)
        self.taken = taken
        self.next_line = next_line


class VerifierError(KernelError):
    """The kernel's verifier rejected a program.

    What it found no place or reason for is None or empty: the log of a program without line information has no lines.
    """

    file: str | None = None
    """The source file of the instruction that was refused."""
    line: int | None = None
    """Its line."""
    origin: SourceLine | None = None
    """The line that the refused value came from: of the look-up, the load, or the call that made it invalid."""
    branches: tuple[Branch, ...] = ()
    """The conditions on the way to the refused instruction, in the order in which they were met."""
    reason: str = ""
    """The kernel's own words, on one line."""
    cause: str = ""
    """The same in plain words; empty where osmia does not know the reason."""
    fix: str = ""
    """What to do about it; empty where osmia does not know the reason."""
    log: str = ""
    """The verifier's whole log, as the kernel wrote it."""


class NotSupportedError(KernelError):
    """The kernel lacks a feature. `feature` names it, `since` is the first kernel that has it."""

    feature: str = ""
    since: tuple[int, int] | None = None


class PermissionDeniedError(KernelError):
    """A capability is missing. `capabilities` names those that this process lacks."""

    capabilities: tuple[str, ...] = ()


class NotLoadedError(OsmiaError):
    """A declaration used before a program that reaches it is loaded, or after it was closed."""


class VmError(OsmiaError):
    """A fault of a program in the user-space runtime."""


# Numbers with two names, of which Python's table holds the other one.
_KERNEL_NAMES = {
    errno_names.EAGAIN: "EAGAIN",
    errno_names.EDEADLK: "EDEADLK",
    errno_names.EOPNOTSUPP: "EOPNOTSUPP",
}


def errno_name(number: int) -> str:
    """The kernel's name of an error number: `EPERM` for 1."""
    return _KERNEL_NAMES.get(number) or errno_names.errorcode.get(number, f"errno {number}")


LONGEST_SHOWN = 60
_VOWELS = ("a", "e", "i", "o", "u")
_SAID_WITH_YOU = ("u1", "u3", "u6", "u8", "ui", "uni", "us", "ut")
_SPELLED_WITH_AN = ("X", "Lru", "Lpm", "Lsm")
WIDE = "int: say how wide it is, as in u32 or u64"


def shown(value: object) -> str:
    """Name a value in an error text: its type and itself."""
    return f"{type(value).__name__} {shortened(value)}"


def shortened(value: object) -> str:
    """What `repr` gives, of bearable length."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 3] + "..."


def with_article(name: str) -> str:
    """A name as it is said: `an Array`, `a HashMap`, `an XdpAction`, `a u32`."""
    first = name[:1].lower()
    spelled = name.startswith(_SPELLED_WITH_AN) or (name.startswith("Sk") and name[2:3].isupper())
    vowel = first in _VOWELS and not name.lower().startswith(_SAID_WITH_YOU)
    return f"an {name}" if spelled or vowel else f"a {name}"


def shown_type(of: object) -> str:
    """Name what was found in place of a type that has a width."""
    if of is int:
        return WIDE
    return of.__name__ if isinstance(of, type) else shown(of)


def _show_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    from osmia.uncaught import show  # noqa: PLC0415 - for an error that ends the process

    show(kind, error, traceback)


# A refusal is shown with the user's lines alone. A hook that somebody has set already stays as it is.
if sys.excepthook is sys.__excepthook__:
    sys.excepthook = _show_uncaught
