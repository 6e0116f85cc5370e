"""Errors with more to say than a text: of the compiler, the verifier, captures. Read when one is named.

They belong to `osmia.errors`, where everybody takes them from; a start that goes well does without them.
"""

from __future__ import annotations

from osmia.errors import KernelError, OsmiaError


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


class CaptureError(OsmiaError):
    """A file that is no capture of packets, or a damaged one. `name` is the file's, `offset` where in it, in bytes.

    Of a compressed file, the bytes are those of what it holds.
    """

    def __init__(self, name: str, offset: int, problem: str) -> None:
        super().__init__(name, offset, problem)
        self.name = name
        self.offset = offset
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.name}: byte {self.offset}: {self.problem}"


class VmError(OsmiaError):
    """A fault of a program in the user-space runtime. What is not known of it is None or empty."""

    kind: str = ""
    """What it is: `access`, `uninitialised`, `fuel`, `stack`, `helper`, `leak`, ..."""
    program: str = ""
    """The program that ran."""
    file: str | None = None
    """The source file of the instruction."""
    line: int | None = None
    """Its line."""
    text: str = ""
    """That line itself."""
    instruction: int | None = None
    """Which instruction it is, counted in slots from the program's first."""
    address: int | None = None
    """Of an access: where, in the machine's memory."""
    size: int | None = None
    """Of an access: how many bytes."""
    object: str = ""
    """Of an access: the nearest thing in memory, `value of 'flows'`."""
    offset: int | None = None
    """Of an access: how far it is from the start of that thing, in bytes."""
    origin: str = ""
    """Where that thing comes from."""
    way: tuple[SourceLine, ...] = ()
    """The lines by which the address got there, the first one first."""
    packet: int | None = None
    """Of a run on many packets: which of them it was, counted from 0."""
    fix: str = ""
    """What to do about it."""


for _class in (
    *(CompileError, CompilerCrashError, CompilerMissingError, SourceLine, Branch),
    *(VerifierError, NotSupportedError, PermissionDeniedError, CaptureError, VmError),
):
    _class.__module__ = "osmia.errors"  # as tracebacks name them and pickles find them
