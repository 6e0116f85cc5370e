"""Every error that osmia raises, in one tree.

    OsmiaError
    +-- CompileError            kernel code that cannot be compiled; also a SyntaxError
    |   +-- CompilerCrashError  the code generator died; the Python line is the program's
    +-- CompilerMissingError    llvmlite, which compiling needs, is not installed; also an ImportError
    +-- MissingExtraError       NumPy or PyArrow, which some calls need, is not installed; also an ImportError
    +-- ObjectError             an object file that is damaged, or asks for what osmia does not have
    +-- CaptureError            a file of packets that is damaged, or none; `name`, `offset`
    +-- KernelError             the kernel refused; also an OSError, with `errno`
    |   +-- VerifierError       ... because the verifier rejected the program: where, why, and what to do
    |   +-- NotSupportedError   ... because it lacks a feature; `feature`, `since`
    |   +-- PermissionDeniedError   ... because a capability is missing; `capabilities`
    +-- NotLoadedError          a declaration used before it is loaded, or after it is closed
    +-- VmError                 a fault of a program in the user-space runtime

Those with more to say than a text are in `osmia.refusals`; whoever uses them takes them from here.
A missing key is a KeyError, a value of the wrong type a TypeError, one out of range an OverflowError.
"""

from __future__ import annotations

import errno as errno_names
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

    from osmia.refusals import Branch as Branch
    from osmia.refusals import CaptureError as CaptureError
    from osmia.refusals import CompileError as CompileError
    from osmia.refusals import CompilerCrashError as CompilerCrashError
    from osmia.refusals import CompilerMissingError as CompilerMissingError
    from osmia.refusals import MissingExtraError as MissingExtraError
    from osmia.refusals import NotSupportedError as NotSupportedError
    from osmia.refusals import PermissionDeniedError as PermissionDeniedError
    from osmia.refusals import SourceLine as SourceLine
    from osmia.refusals import VerifierError as VerifierError
    from osmia.refusals import VmError as VmError

# The classes that only who raises or catches them needs: the others are made in every start.
_REFUSALS = (
    *("Branch", "CaptureError", "CompileError", "CompilerCrashError", "CompilerMissingError", "MissingExtraError"),
    *("NotSupportedError", "PermissionDeniedError", "SourceLine", "VerifierError", "VmError"),
)


class OsmiaError(Exception):
    """What every error of osmia is."""


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


class NotLoadedError(OsmiaError):
    """A declaration used before a program that reaches it is loaded, or after it was closed."""


ENOTSUPP = 524
"""Not supported: a number that the kernel has for itself, and tells processes all the same."""

# Numbers with two names, of which Python's table holds the other one, and one that only the kernel has.
_KERNEL_NAMES = {
    errno_names.EAGAIN: "EAGAIN",
    errno_names.EDEADLK: "EDEADLK",
    errno_names.EOPNOTSUPP: "EOPNOTSUPP",
    ENOTSUPP: "ENOTSUPP",
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
    if not isinstance(of, type):
        return shown(of)
    return of.__name__ + _made_fit(of)


def _made_fit(of: type) -> str:
    """What a class of the user's lacks for values of it to have a place in memory; nothing for other classes."""
    if of.__module__.partition(".")[0] == "osmia":
        return ""
    if type(of).__name__ in {"EnumType", "EnumMeta"}:
        return "" if issubclass(of, int) else f": make {of.__name__} an IntEnum"
    return f": write @struct above class {of.__name__}" if getattr(of, "__annotations__", None) else ""


def _show_uncaught(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    from osmia.uncaught import show

    show(kind, error, traceback)


# A refusal is shown with the user's lines alone. A hook that somebody has set already stays as it is.
if sys.excepthook is sys.__excepthook__:
    sys.excepthook = _show_uncaught
if not TYPE_CHECKING:  # for type checkers no other name is here

    def __getattr__(name):
        if name not in _REFUSALS:
            raise AttributeError(f"module 'osmia.errors' has no attribute {name!r}", name=name)
        from osmia import refusals

        globals()[name] = value = getattr(refusals, name)
        return value
